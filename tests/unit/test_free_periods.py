"""Any run of days: as exact as the eight kinds of periods, and what the kept parts do not tell is named."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from random import Random

import pytest

from service.domain.calendar import Granularity, to_date, to_day
from service.domain.periods.numbers import PeriodRow
from service.domain.periods.span import FreeRow, free_row, granularity_of, same_last_year, span_of
from service.domain.policy import Shop
from tests.support.period_driver import PeriodDriver

FIRST, TODAY = date(2022, 1, 3), date(2024, 12, 20)
DAY = timedelta(days=1)


@dataclass
class Seen:
    """A shop, and what happened in it."""

    driver: PeriodDriver = field(default_factory=lambda: PeriodDriver(partitions=2))
    visits: dict[str, set[date]] = field(default_factory=dict)
    orders: list[tuple[date, int]] = field(default_factory=list)


@pytest.fixture(scope="module")
def seen() -> Seen:
    """60 customers over three years: some come every few days, some stay away for more than two years."""
    shop, chance = Seen(), Random(7)
    days = (TODAY - FIRST).days
    for number in range(60):
        name, at = f"customer {number}", chance.randrange(days)
        at = at if number % 3 else chance.randrange(30)
        while at <= days:
            on, minor = FIRST + at * DAY, chance.randrange(100, 5_000)
            shop.driver.purchase(name, on, minor)
            shop.visits.setdefault(name, set()).add(on)
            shop.orders.append((on, minor))
            at += chance.choice((0, 1, 3, 10, 40, 130, 400, 800)) if number % 3 == 0 else chance.randrange(1, 40)
    shop.driver.store()
    list(shop.driver.rows(FIRST, TODAY))  # folded
    return shop


def asked(seen: Seen, first: date, last: date) -> FreeRow:
    return free_row(seen.driver.totals, span_of(first, last), to_day(TODAY), Shop())


def counted(seen: Seen, first: date, last: date, before: date) -> dict[str, int]:
    """By looking at every visit."""
    inside = {who: sum(first <= day <= last for day in days) for who, days in seen.visits.items()}
    buyers = {who for who, visits in inside.items() if visits}
    earlier = {who for who, days in seen.visits.items() if any(before <= day < first for day in days)}
    new = {who for who in buyers if first <= min(seen.visits[who])}
    return {
        "customers_at_start": len(earlier),
        "customers_at_end": len(buyers),
        "retained": len(buyers & earlier),
        "lost": len(earlier - buyers),
        "new": len(new),
        "returned": len(buyers - earlier - new),
        "repeat_customers": sum(visits > 1 for visits in inside.values()),
        "orders": sum(first <= day <= last for day, _ in seen.orders),
    }


@pytest.mark.parametrize("length", [1, 2, 10, 31, 59, 100, 240, 365])
def test_a_run_of_up_to_a_year_is_what_looking_at_every_visit_gives(seen: Seen, length: int) -> None:
    chance = Random(length)
    for _ in range(8):
        first = FIRST + chance.randrange((TODAY - FIRST).days - length) * DAY
        last = first + (length - 1) * DAY
        told = asked(seen, first, last)

        expected = counted(seen, first, last, first - length * DAY)
        assert told.unknown == frozenset()
        assert {name: getattr(told.row, name) for name in expected} == expected
        assert told.row.revenue * 100 == sum(minor for day, minor in seen.orders if first <= day <= last)


def test_of_more_than_a_year_everything_that_is_not_named_is_exact(seen: Seen) -> None:
    for length in (366, 367, 500, 731, 732, 900):
        last = TODAY - 3 * DAY
        first = last - (length - 1) * DAY
        told = asked(seen, first, last)

        expected = counted(seen, first, last, first - length * DAY)
        known = {name: count for name, count in expected.items() if name not in told.unknown}
        assert {name: getattr(told.row, name) for name in known} == known
        assert {"new", "orders"} <= known.keys()
        assert ("customers_at_end" in known) is (length <= 731)
        assert ("repeat_customers" in known) is (length <= 366)
        assert "retained" not in known


@pytest.mark.parametrize("granularity", list(Granularity))
def test_a_run_that_is_a_calendar_period_has_its_numbers(seen: Seen, granularity: Granularity) -> None:
    rows = [row for row in seen.driver.rows(FIRST, TODAY) if row.granularity == granularity.value]

    for row in rows[1:]:
        span = span_of(row.start, row.end - DAY)
        assert granularity_of(span) is granularity
        assert told_of(asked(seen, row.start, row.end - DAY).row) == told_of(row)


def test_a_run_as_long_as_a_window_has_its_numbers(seen: Seen) -> None:
    rows = [row for row in seen.driver.rows(FIRST, TODAY) if row.granularity in ("rolling_90", "rolling_365")]

    compared = 0
    for row in rows[::17]:
        if row.start.day != 1 and row.start > FIRST:  # else it may be whole months
            assert told_of(asked(seen, row.start, row.end - DAY).row) == told_of(row)
            compared += 1
    assert compared > 50


def told_of(row: PeriodRow) -> list[object]:
    return [getattr(row, name) for name in PeriodRow.__struct_fields__ if name != "granularity"]


def test_whole_months_are_compared_with_as_many_whole_months() -> None:
    two = span_of(date(2024, 3, 1), date(2024, 4, 30))

    assert (to_date(two.before), two.years) == (date(2024, 1, 1), Fraction(1, 6))
    assert granularity_of(two) is None
    last_year = same_last_year(span_of(date(2024, 2, 1), date(2024, 2, 29)))
    assert (to_date(last_year.start), to_date(last_year.end)) == (date(2023, 2, 1), date(2023, 3, 1))


def test_other_days_are_compared_with_as_many_days_before_and_a_year_before() -> None:
    advent = span_of(date(2024, 12, 1), date(2024, 12, 24))

    assert to_date(advent.before) == date(2024, 11, 7)
    last_year = same_last_year(advent)
    assert (to_date(last_year.start), last_year.days) == (date(2023, 12, 1), 24)
    assert to_date(same_last_year(span_of(date(2024, 2, 29), date(2024, 3, 5))).start) == date(2023, 2, 28)


@pytest.mark.parametrize(
    ("first", "last"), [(date(2024, 5, 2), date(2024, 5, 1)), (date(1800, 1, 1), date(2024, 5, 1))]
)
def test_days_in_the_wrong_order_and_more_than_a_century_are_refused(first: date, last: date) -> None:
    with pytest.raises(ValueError, match=r"before the first|century"):
        span_of(first, last)


def test_money_is_told_day_by_day(seen: Seen) -> None:
    first = date(2023, 5, 1)

    days = seen.driver.totals.money_by_day(to_day(first), to_day(first) + 60)

    for day, orders, minor in days:
        here = [amount for on, amount in seen.orders if on == to_date(day)]
        assert (orders, minor) == (len(here), sum(here))
    assert len(days) == 60
