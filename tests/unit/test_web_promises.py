"""Promised beside realised, on the page and for programs."""

from __future__ import annotations

import pytest

from service.domain.outreach.realised import Realised
from tests.support.made_up_shop import SETTINGS, FakeFacts, get, visible


def tally() -> Realised:
    """Two classes with something in them, the last without."""
    made = Realised()
    few, some = made.classes[0], made.classes[1]
    few.visits, few.alerts, few.not_chosen = 1000, 40, 10
    few.healthy_gaps, few.healthy_days, few.wrong_alerts, few.back_soon = 800, 365.0 * 20, 24, 10
    some.visits, some.alerts, some.healthy_gaps, some.healthy_days = 3000, 60, 2200, 365.0 * 80
    some.wrong_alerts, some.back_soon = 36, 20
    return made


def rows(text: str) -> str:
    return text.split("Promised and kept", 1)[1].split("Latest decisions", 1)[0]


async def test_the_page_sets_a_budget_beside_the_wrong_alerts_of_each_class_and_of_all() -> None:
    settings = SETTINGS.changed(outreach={"measure": "budget", "level": 1.0})

    told = rows(visible(await get("/?lang=en", FakeFacts(tally=tally()), settings)))

    assert "Promised: a budget of 1 for wrong alerts per healthy regular and year." in told
    assert "more than one in five of their gaps: whoever comes every 73 days or more seldom" in told
    assert "up to 6 1.20 24 40 4 25%" in told
    assert "7 to 12 0.45 36 60 2 33%" in told
    assert "13 and more – 0 0 – –" in told
    assert "All regulars 0.60 60 100 2.5 30%" in told
    assert "Not enough data" not in told


async def test_a_probability_stands_beside_the_share_of_healthy_gaps_alerted() -> None:
    settings = SETTINGS.changed(outreach={"measure": "probability", "level": 0.02})

    told = rows(visible(await get("/?lang=en", FakeFacts(tally=tally()), settings)))

    assert "Promised: an alert in 2.0% of the gaps" in told
    assert "one in five" not in told
    assert "up to 6 3.0% 24" in told
    assert "All regulars 2.0% 60" in told


@pytest.mark.parametrize(
    ("limit", "sentence"),
    [
        ({"volume_per_100_visits": 2.5}, "Promised: 2.5 alerts per 100 visits of regulars."),
        ({"volume_per_day": 40.0}, "Promised: 40 alerts a day for the whole shop."),
    ],
)
async def test_under_a_volume_the_volume_is_what_was_promised(limit: dict[str, float], sentence: str) -> None:
    told = rows(visible(await get("/?lang=en", FakeFacts(tally=tally()), SETTINGS.changed(outreach=limit))))

    assert sentence in told
    assert "wrong alerts per healthy regular and year" not in told


async def test_too_few_wrong_alerts_are_called_so_and_no_share_is_told_of_a_handful() -> None:
    made = Realised()
    made.classes[2].visits, made.classes[2].alerts, made.classes[2].back_soon = 500, 19, 5
    made.classes[2].healthy_gaps, made.classes[2].healthy_days, made.classes[2].wrong_alerts = 450, 3650.0, 19

    told = rows(visible(await get("/?lang=en", FakeFacts(tally=made))))

    assert "Not enough data yet: 19 wrong alerts so far, and below 20 their rate is hardly known." in told
    assert "13 and more 1.90 19 19 3.8 –" in told


async def test_where_nothing_is_set_nothing_is_promised_and_the_rate_is_told_all_the_same() -> None:
    told = rows(visible(await get("/?lang=en", FakeFacts(tally=tally()))))

    assert "Nothing is promised" in told
    assert "(patience 5)" in told
    assert "up to 6 1.20 24 40 4 25%" in told


async def test_it_is_told_in_french_with_french_numbers() -> None:
    told = visible(await get("/?lang=fr", FakeFacts(tally=tally())))

    assert "Promesses et résultats" in told
    assert "jusqu’à 6 1,20 24 40 4 25 %" in told


async def test_programs_get_the_same_numbers() -> None:
    answer = (await get("/api/v1/promises", FakeFacts(tally=tally()))).json()

    assert answer["promised"] == {
        "measure": "patience",
        "level": 1.0,
        "patience": 5.0,
        "volume_per_100_visits": None,
        "volume_per_day": None,
    }
    few, some, loyal, whole = answer["realised"]
    assert [(one["visits_from"], one["visits_to"]) for one in answer["realised"]] == [
        (0, 6),
        (7, 12),
        (13, None),
        (None, None),
    ]
    assert few["wrong_per_regular_year"] == pytest.approx(1.2)
    assert some["alerts_per_100_visits"] == pytest.approx(2.0)
    assert loyal["wrong_share"] is None
    assert loyal["back_within_usual_gap_share"] is None
    assert (whole["visits"], whole["alerts"], whole["wrong_alerts"], whole["not_chosen"]) == (4000, 100, 60, 10)
    assert whole["wrong_share"] == pytest.approx(60 / 3000)
