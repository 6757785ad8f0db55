"""The shop's day begins when the shop says: what a bar sells after midnight belongs to the evening before."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from random import Random
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from service.backtest import run
from service.commands.backtest import backtest_files
from service.config import Settings, load_settings
from service.errors import ConfigurationError

BAR = Path(__file__).parents[1] / "fixtures" / "field" / "after_midnight_bar.csv.gz"
"""Forty guests who come once a week and stay until after midnight; nobody leaves."""
NEW_YORK = ZoneInfo("America/New_York")


def backtested(file: Path, **shop: str) -> run.Result:
    settings = Settings().changed(shop={"timezone": NEW_YORK.key, **shop}, outreach={"consent": "external"})
    return run.backtest(settings, [file])


def test_an_evening_that_goes_on_after_midnight_is_one_visit_where_the_day_starts_at_five() -> None:
    result = backtested(BAR, day_starts_at="05:00")

    everybody = list(result.customers())
    assert sum(scores.visits for scores in everybody) == 1_246
    gaps = sorted(scores.usual_gap_days or 0.0 for scores in everybody)
    assert gaps[0] > 5.0
    assert median(gaps) == pytest.approx(7.0, abs=0.5)
    assert list(result.alerts) == []
    weeks = [row for row in result.periods() if row.granularity == "week" and row.complete]
    assert max(row.repeat_purchase_rate or 0.0 for row in weeks) < 20.0
    assert result.better_day_start is None


def test_the_numbers_are_those_of_the_same_bar_five_hours_earlier(tmp_path: Path) -> None:
    rows = list(csv.DictReader(StringIO(gzip.decompress(BAR.read_bytes()).decode())))
    earlier = tmp_path / "earlier.csv"
    with earlier.open("w") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        for row in rows:
            clock = datetime.fromisoformat(row["timestamp"]).astimezone(NEW_YORK).replace(tzinfo=None)
            writer.writerow({**row, "timestamp": (clock - timedelta(hours=5)).isoformat()})

    late, early = backtested(BAR, day_starts_at="05:00"), backtested(earlier)

    assert list(late.periods()) == list(early.periods())
    assert [(s.customer_id, s.visits, s.orders) for s in late.customers()] == [
        (s.customer_id, s.visits, s.orders) for s in early.customers()
    ]


def test_a_backtest_with_evenings_cut_in_two_says_in_one_sentence_when_the_day_should_start(tmp_path: Path) -> None:
    settings = Settings().changed(shop={"timezone": NEW_YORK.key})
    console = Console(record=True, width=400)

    backtest_files(settings, [BAR], [], tmp_path, console, partitions=2, levels={})

    said = console.export_text()
    assert said.count("shop.day_starts_at") == 1
    better = said.split('shop.day_starts_at = "')[1][:5]
    assert "03:00" <= better <= "12:00"
    assert f'shop.day_starts_at = "{better}"' in (tmp_path / "report.html").read_text().replace("&#34;", '"')
    assert sum(scores.visits for scores in backtested(BAR, day_starts_at=better).customers()) == 1_246


def shop_log(path: Path, hours: Iterator[float], customers: int = 60, days: int = 120) -> Path:
    """Everybody comes about every fourth day, twice or three times within three hours; `hours` gives when first."""
    random, start = Random(7), datetime(2024, 1, 1)  # noqa: DTZ001 - the shop's clock
    with path.open("w") as stream:
        stream.write("customer_id,timestamp,amount\n")
        for customer in range(customers):
            day = random.uniform(0.0, 4.0)
            while day < days:
                first = start + timedelta(days=int(day), hours=next(hours))
                for _ in range(random.randint(2, 3)):
                    stream.write(f"c{customer},{first.isoformat(timespec='seconds')},5\n")
                    first += timedelta(hours=random.uniform(0.4, 1.4))
                day += random.uniform(3.0, 5.0)
    return path


def drawn(low: float, high: float) -> Iterator[float]:
    random = Random(3)
    while True:
        yield random.uniform(low, high)


@pytest.mark.parametrize(
    ("low", "high", "shop"),
    [
        pytest.param(9.0, 17.0, {}, id="a shop of the day"),
        pytest.param(17.0, 21.0, {}, id="a restaurant that closes at midnight"),
        pytest.param(0.0, 24.0, {}, id="open all night"),
        pytest.param(0.0, 0.0, {"timezone": "UTC"}, id="a log of whole days"),
        pytest.param(20.0, 24.5, {"day_starts_at": "06:00"}, id="a bar whose day starts at six"),
    ],
)
def test_no_other_day_is_suggested_where_none_is_better(
    tmp_path: Path, low: float, high: float, shop: dict[str, str]
) -> None:
    assert backtested(shop_log(tmp_path / "log.csv", drawn(low, high)), **shop).better_day_start is None


def test_the_suggested_day_starts_after_the_last_guest_has_gone_and_before_the_first_one_comes(tmp_path: Path) -> None:
    better = backtested(shop_log(tmp_path / "log.csv", drawn(20.0, 24.5))).better_day_start

    assert better is not None
    assert "03:00" <= better <= "20:00"


def test_a_bare_date_is_the_shops_day_of_that_date(tmp_path: Path) -> None:
    log = tmp_path / "dates.csv"
    log.write_text("customer_id,timestamp,amount\n" + "".join(f"a,2024-03-{day:02},5\n" for day in range(1, 29)))

    result = backtested(log, day_starts_at="05:00")

    assert [row.start.isoformat() for row in result.periods() if row.granularity == "month"] == ["2024-03-01"]


@pytest.mark.parametrize("given", ["5am", "24:00", "05:60", "5", "٠٥:٠٠", 5])
def test_what_is_no_time_of_the_day_is_refused_with_the_key_named(given: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"shop\.day_starts_at"):
        Settings().changed(shop={"day_starts_at": given})


def test_the_environment_and_tomls_own_clock_times_are_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "shop.toml"
    file.write_text("[shop]\nday_starts_at = 05:30:00\n")

    from_file = load_settings(file).shop
    monkeypatch.setenv("CHURN_ALERT_SHOP__DAY_STARTS_AT", "04:00")
    from_environment = load_settings(file).shop

    assert (from_file.day_starts_at, from_environment.day_starts_at) == ("05:30", "04:00")
    assert from_file.calendar().start_of(0) == 5.5 * 3_600_000_000
