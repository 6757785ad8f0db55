"""What messages have brought in a shop small enough for the back of an envelope: one answer on every surface.

56 of 70 who were written to came back, and 48 of 80 of the control group: the example of Newcombe 1998, whose method 10
gives 0.0524 to 0.3339. Everybody who comes pays 10.00. By Welch the difference of the means is 0.2 with the variance
0.8 · 0.2 / 69 + 0.6 · 0.4 / 79 = 0.0053568 and 147.3 degrees of freedom: 0.2 ± 1.9762 · 0.07319 = 0.0554 to 0.3446,
which is 0.55 to 3.45 in money. The same was expected of all, so there is nothing to
adjust by: the adjusted interval of the shares is that of the means too.
"""

from __future__ import annotations

import pytest

from service.config import Settings
from service.domain.changelog import pack
from service.domain.followed import Following
from service.domain.outreach.brought import BroughtSums, fields_of
from service.streaming.brought_totals import BroughtRow, BroughtTotals, brought_key, gauges_of, numbers_of_brought
from service.web.brought import brought_view, what_was_brought
from service.wording.catalogue import catalogue_in
from service.wording.english import LANGUAGE as ENGLISH
from service.wording.formats import Formats
from tests.support.made_up_shop import FakeFacts, get, visible

MONTH = 12 * 2026 + 2


def shop(*arms: tuple[bool, int, int]) -> BroughtTotals:
    """(control, people, of them back) per arm, split over two partitions person by person."""
    parts = [BroughtSums(), BroughtSums()]
    for control, people, back in arms:
        for number in range(people):
            following = Following()
            following.control, following.chance, following.worth = control, 500_000, 700
            if number < back:
                following.first_day, following.first, following.window = 1, 1_000, 1_000
            parts[number % 2].count(MONTH, following)
    totals = BroughtTotals()
    for partition, sums in enumerate(parts):
        totals.take(partition, MONTH, pack(fields_of(sums.months[MONTH])))
    return totals


@pytest.fixture(name="rows")
def rows_() -> list[BroughtRow]:
    return shop((False, 70, 56), (True, 80, 48)).rows()


def test_the_record_and_the_api_tell_the_shares_and_both_intervals(rows: list[BroughtRow]) -> None:
    record = numbers_of_brought(rows[0], "EUR", 2)

    assert [brought_key(row) for row in rows] == [b"outreach:all:all:all", b"outreach:all:all:2026-03"]
    assert (record["treated"]["people"], record["control"]["people"]) == (70, 80)
    assert record["treated"]["return_rate"] == pytest.approx(80.0)
    assert record["control"]["return_rate"] == pytest.approx(60.0)
    assert record["treated"]["expected_return_rate"] == pytest.approx(50.0)
    assert record["treated"]["window_revenue"] == "560.00"
    newcombe = record["return_rate_difference"]
    assert newcombe == pytest.approx({"value": 20.0, "low": 5.24, "high": 33.39}, abs=0.005)
    welch = record["return_rate_difference_adjusted"]
    assert welch == pytest.approx({"value": 20.0, "low": 5.54, "high": 34.46}, abs=0.01)
    for number in ("first_visit_revenue_difference", "window_revenue_difference", "window_revenue_difference_adjusted"):
        assert record[number] == {"value": "2.00", "low": "0.55", "high": "3.45"}
    assert record["incremental_visits"] == pytest.approx({"value": 14.0, "low": 3.875, "high": 24.125}, abs=0.01)
    assert record["enough_data"] is True
    assert record["people_lacking"] == 0


async def test_the_api_answers_with_the_record_and_the_page_with_its_numbers(rows: list[BroughtRow]) -> None:
    facts = FakeFacts()
    facts.messages = shop((False, 70, 56), (True, 80, 48))

    answer = (await get("/api/v1/outreach/brought", facts)).json()
    page = visible(await get("/brought", facts))
    summary = visible(await get("/", facts))

    assert answer["brought"] == [numbers_of_brought(row, "EUR", 2) for row in rows]
    assert "20 (6 to 34)" in page
    assert "14 (4 to 24)" in page
    assert "14 (4 to 24) of the 70 people" in summary


def test_prometheus_is_shown_the_same(rows: list[BroughtRow]) -> None:
    shown = gauges_of(rows[0], 2)

    assert (shown["treated", "people"], shown["treated", "returned"]) == (70.0, 56.0)
    assert (shown["control", "people"], shown["control", "returned"]) == (80.0, 48.0)
    assert (shown["treated", "window_revenue"], shown["control", "window_revenue"]) == (560.0, 480.0)
    interval = [shown["difference", f"return_share_{edge}"] for edge in ("value", "low", "high")]
    assert interval == pytest.approx([0.2, 0.0554, 0.3446], abs=1e-4)
    assert shown["difference", "people_lacking"] == 0.0


def test_the_page_says_the_same_in_words(rows: list[BroughtRow]) -> None:
    settings = Settings().changed(outreach={"control_share": 0.5})
    formats = Formats(settings.shop, catalogue_in(ENGLISH))

    (told,) = what_was_brought(rows, settings, formats).sentences
    view = brought_view(rows, settings, formats)

    assert "14 (4 to 24) of the 70 people" in told == view.told
    assert view.notices == []
    ((name, of_all),) = ((kind.name, kind.rows) for kind in view.kinds)
    (_, is_month, cells), (month, month_is_month, _) = of_all
    assert (name, is_month, month, month_is_month) == ("all", False, "March 2026", True)
    assert cells[:5] == ["70", formats.share(0.8), "80", formats.share(0.6), "20 (6 to 34)"]
    assert cells[5] == "14 (4 to 24)"


def test_with_a_control_group_of_a_handful_no_surface_claims_anything() -> None:
    rows = shop((False, 70, 56), (True, 5, 2)).rows()
    settings = Settings().changed(outreach={"control_share": 0.5})
    formats = Formats(settings.shop, catalogue_in(ENGLISH))

    record, shown = numbers_of_brought(rows[0], "EUR", 2), gauges_of(rows[0], 2)
    found, view = what_was_brought(rows, settings, formats), brought_view(rows, settings, formats)

    assert record["enough_data"] is False
    assert record["incremental_visits"] is record["incremental_window_revenue"] is None
    assert record["people_lacking"] == shown["difference", "people_lacking"] > 0
    assert "people needed" in view.kinds[0].rows[0][2][5]
    assert "Not enough data" in found.sentences[0]
    assert view.told == ""
    ((why, cure),) = view.notices
    assert "Not enough data" in why
    assert "outreach.control_share" in cure


def test_without_a_control_group_there_is_no_row_at_all() -> None:
    assert shop((False, 70, 56)).rows() == []
