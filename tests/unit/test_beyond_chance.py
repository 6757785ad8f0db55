"""Green and red are for changes beyond chance: the intervals hold what they promise, and find what is there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from random import Random

import msgspec
import pytest

from service.domain.calendar import to_day
from service.domain.periods.beyond_chance import Change, a_day, an_order, change_of, is_off_target
from service.domain.periods.numbers import PeriodRow
from tests.support.made_up_shop import MONTHS, row

TODAY = date(2026, 7, 10)
SHOPS = 250
BY_WEEKDAY = (1.0, 0.8, 0.9, 1.0, 1.4, 1.9, 0.0)
"""Shut on one day of the week."""


def days(first: int, count: int, a_day_brings: float, chance: Random) -> list[tuple[int, int, int]]:
    found = []
    for day in range(first, first + count):
        orders = round(max(0.0, chance.gauss(40 * a_day_brings, 7)) * BY_WEEKDAY[day % 7])
        found.append((day, orders, round(chance.gauss(560 * orders, 300 * orders**0.5))))
    return found


def share_beyond(found: Sequence[object]) -> float:
    intervals = [each for each in found if each is not None]
    assert len(intervals) == len(found)
    return sum(each.low > 0 or each.high < 0 for each in intervals) / len(found)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("now", "then"), [(31, 28), (30, 31), (7, 7), (90, 92)])
def test_a_day_that_brings_the_same_is_called_another_one_time_in_twenty(now: int, then: int) -> None:
    chance = Random(now)
    found = [a_day(days(20_000 + then, now, 1.0, chance), days(20_000, then, 1.0, chance)) for _ in range(SHOPS)]

    assert 0.015 < share_beyond(found) < 0.1


def test_a_day_that_brings_a_sixth_more_is_found_in_a_month_and_not_hidden_by_weekdays() -> None:
    chance = Random(5)
    found = [a_day(days(20_031, 30, 1.17, chance), days(20_000, 31, 1.0, chance)) for _ in range(100)]

    assert share_beyond(found) > 0.75
    told = [each.value for each in found if each is not None]
    assert abs(sum(told) / len(told) - 17.0) < 2.0


def test_an_order_of_the_same_size_is_called_another_one_time_in_twenty_and_a_larger_one_is_found() -> None:
    chance = Random(9)
    same = [an_order(days(20_031, 30, 1.3, chance), days(20_000, 31, 1.0, chance)) for _ in range(SHOPS)]
    dearer = [
        an_order(
            [(day, orders, round(minor * 1.1)) for day, orders, minor in days(20_031, 30, 1.0, chance)],
            days(20_000, 31, 1.0, chance),
        )
        for _ in range(100)
    ]

    assert 0.015 < share_beyond(same) < 0.1
    assert share_beyond(dearer) > 0.8


@pytest.mark.parametrize("amounts", [[], [(20_000, 0, 0)], [(20_000, 3, 900)]])
def test_of_too_few_days_nothing_is_said(amounts: list[tuple[int, int, int]]) -> None:
    assert a_day(amounts, amounts) is None
    assert an_order(amounts, amounts) is None


def month(**changes: object) -> PeriodRow:
    return msgspec.structs.replace(MONTHS[1], **changes)


def steady(start: int, end: int) -> list[tuple[int, int, int]]:
    return [(day, 10, 7_500 + 90 * (day % 5)) for day in range(start, end)]


def change(name: str, now: PeriodRow, then: PeriodRow) -> Change:
    found = change_of(name, now, then, steady)
    assert found is not None
    return found


def test_three_points_of_a_hundred_customers_are_chance_and_of_ten_thousand_they_are_not() -> None:
    few = change("retention_rate", MONTHS[1], MONTHS[0])
    many = change(
        "retention_rate",
        month(retained=6_300, customers_at_start=10_000, retention_rate=63.0),
        month(retained=6_000, customers_at_start=10_000, retention_rate=60.0),
    )

    assert few.value == pytest.approx(3.0)
    assert not few.beyond_chance
    assert few.interval is not None
    # Wilson: 63/100 is 0.5323 to 0.7182, 60/100 is 0.5020 to 0.6906; method 10 adds the squares of the distances
    assert (few.interval.low, few.interval.high) == pytest.approx((-10.33, 16.18), abs=0.02)
    assert many.beyond_chance


def test_churn_changes_by_chance_whenever_retention_does() -> None:
    for retained in range(40, 90, 5):
        now = month(
            retained=retained, lost=100 - retained, retention_rate=float(retained), churn_rate=float(100 - retained)
        )
        kept, gone = change("retention_rate", now, MONTHS[0]), change("churn_rate", now, MONTHS[0])

        assert kept.beyond_chance is gone.beyond_chance
        assert kept.value == pytest.approx(-gone.value)


def test_answers_on_a_scale_of_seven_are_judged_as_if_they_scattered_as_widely_as_they_can() -> None:
    few = change("ces", month(ces=6.5, ces_n=20, ces_sum=130), MONTHS[0])
    many = change("ces", month(ces=6.5, ces_n=400, ces_sum=2_600), month(ces=5.5, ces_n=400, ces_sum=2_200))
    two = change("ces", month(ces=7.0, ces_n=2, ces_sum=14), month(ces=3.0, ces_n=2, ces_sum=6))
    alike = change("ces", month(ces=7.0, ces_n=3, ces_sum=21), month(ces=6.0, ces_n=3, ces_sum=18))

    assert not few.beyond_chance
    assert many.beyond_chance
    assert not two.beyond_chance
    assert not alike.beyond_chance, "three who agree are few all the same"


def test_a_longer_month_is_not_a_better_one() -> None:
    longer = row("month", date(2026, 3, 1), date(2026, 4, 1), today=TODAY, orders=310)
    shorter = row("month", date(2026, 2, 1), date(2026, 3, 1), today=TODAY, orders=280)

    found = change("revenue", longer, shorter)

    assert found.value == pytest.approx(100 * (310 / 280 - 1))
    assert not found.beyond_chance


def test_without_a_number_on_either_side_there_is_no_change() -> None:
    assert change_of("nps", month(nps=None), MONTHS[0], steady) is None
    assert change_of("revenue", MONTHS[1], month(revenue=-MONTHS[0].revenue), steady) is None


@pytest.mark.parametrize(
    ("name", "target", "off"),
    [
        ("retention_rate", 60.0, False),
        ("retention_rate", 80.0, True),
        ("churn_rate", 20.0, True),
        ("repeat_purchase_rate", 41.0, False),
        ("nps", 50.0, False),
        ("nps", 70.0, True),
        ("csat", 60.0, True),
        ("ces", 5.4, False),
        ("revenue", 1.0, False),
    ],
)
def test_a_target_is_missed_or_reached_for_sure_only_outside_the_interval(name: str, target: float, off: bool) -> None:
    assert is_off_target(name, MONTHS[1], target) is off


def test_days_of_money_are_asked_for_the_periods_themselves() -> None:
    asked: list[tuple[int, int]] = []

    def money(start: int, end: int) -> list[tuple[int, int, int]]:
        asked.append((start, end))
        return steady(start, end)

    change_of("revenue", MONTHS[1], MONTHS[0], money)

    assert asked == [
        (to_day(each.start), to_day(each.start) + (each.end - each.start) // timedelta(days=1))
        for each in (MONTHS[1], MONTHS[0])
    ]
