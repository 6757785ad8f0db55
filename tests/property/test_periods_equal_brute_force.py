"""Law: in any order of arrival, over any number of partitions and restarts, period rows equal the definitions."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.domain.calendar import to_day
from service.domain.events import Survey
from service.domain.periods.ledger import DayPart, unpack
from service.domain.periods.numbers import PeriodRow
from service.domain.periods.rows import CSV_COLUMNS
from service.domain.policy import Shop
from tests.support import oracle_periods as oracle
from tests.support.examples import examples
from tests.support.period_driver import PeriodDriver

START = date(2023, 12, 20)  # a year border, an ISO week 52 and a leap day follow
LENGTHS = (0, 1, 7, 14, 30, 60, 90, 180, 365, 730)
"""Distances at which a visit enters or leaves a window or the one before it."""
Happening = tuple[str, str, int, int]  # kind, customer, days after START, minor units or score
SLOW = settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.too_slow])
SLOWER = settings(SLOW, max_examples=examples(10))


@st.composite
def happenings(draw: st.DrawFn) -> list[Happening]:
    """Up to 40 events in any order, over anything between a fortnight and two and a half years."""
    spread = st.integers(0, draw(st.sampled_from([3, 14, 120, 450, 900])))
    edges = st.builds(lambda length, off: max(0, length + off), st.sampled_from(LENGTHS), st.integers(-2, 12))
    day = st.one_of(spread, edges)
    customer = st.sampled_from("abcdef"[: draw(st.integers(1, 6))])
    minor = st.one_of(st.integers(0, 5), st.integers(0, 1_000_000))
    return draw(
        st.lists(
            st.one_of(
                st.tuples(st.just("purchase"), customer, day, minor),
                st.tuples(st.just("purchase"), customer, day, minor),
                st.tuples(st.just("refund"), customer, day, minor),
                st.tuples(st.just("nps"), customer, day, st.integers(0, 10)),
                st.tuples(st.just("csat"), customer, day, st.integers(1, 5)),
                st.tuples(st.just("ces"), customer, day, st.integers(1, 7)),
            ),
            min_size=draw(st.sampled_from([1, 10, 25])),
            max_size=40,
        )
    )


def on(happening: Happening) -> date:
    return START + timedelta(days=happening[2])


def feed(driver: PeriodDriver, happening: Happening) -> None:
    kind, customer, _, amount = happening
    match kind:
        case "purchase":
            driver.purchase(customer, on(happening), amount)
        case "refund":
            driver.refund(customer, on(happening), amount)
        case _:
            driver.answer(customer, on(happening), Survey(kind), amount)


def expected(events: list[Happening], first: date, through: date, shop: Shop) -> list[dict[str, oracle.Cell]]:
    money = [oracle.Money(e[1], on(e), e[3], e[0] == "refund") for e in events if e[0] in {"purchase", "refund"}]
    answers = [oracle.Answer(on(e), e[0], e[3]) for e in events if e[0] not in {"purchase", "refund"}]
    cap = Fraction(str(shop.max_lifespan_years))
    return list(
        oracle.rows(money, answers, first, through, minor_digits=shop.minor_digits, max_lifespan_years=cap),
    )


def cells(rows: list[PeriodRow]) -> list[dict[str, oracle.Cell]]:
    return [{column: getattr(row, column) for column in CSV_COLUMNS} for row in rows]


@SLOW
@given(
    events=happenings(),
    partitions=st.integers(1, 8),
    restarts=st.sets(st.integers(0, 40), max_size=3),
    shop=st.builds(Shop, minor_digits=st.sampled_from([0, 2, 3]), max_lifespan_years=st.sampled_from([0.1, 2.5, 10.0])),
)
def test_every_cell_equals_the_definition_in_any_order_of_arrival_over_partitions_and_restarts(
    events: list[Happening], partitions: int, restarts: set[int], shop: Shop
) -> None:
    driver = PeriodDriver(partitions, shop)

    for index, event in enumerate(events):
        feed(driver, event)
        if index in restarts:
            driver.restart()

    first, through = min(map(on, events)), max(map(on, events))
    assert cells(list(driver.rows(first, through))) == expected(events, first, through, shop)
    assert (driver.totals.first_day, driver.totals.last_day) == (to_day(first), to_day(through))


@pytest.mark.parametrize("seed", range(3))
def test_every_cell_equals_the_definition_for_a_busy_shop(seed: int) -> None:
    random = Random(seed)
    names = [f"c{number}" for number in range(12)]
    kinds = ("purchase", "purchase", "purchase", "refund", "nps", "csat", "ces")
    events: list[Happening] = []
    for _ in range(500):
        kind = random.choice(kinds)
        amount = random.randint(1, 5) if kind in {"nps", "csat", "ces"} else random.randint(0, 99_999)
        events.append((kind, random.choice(names), int(900 * random.random() ** (1 + seed)), amount))
    driver = PeriodDriver(3)

    for index, event in enumerate(events):
        feed(driver, event)
        if index % 97 == 0:
            driver.restart()

    first, through = min(map(on, events)), max(map(on, events))
    assert cells(list(driver.rows(first, through))) == expected(events, first, through, driver.shop)


@SLOWER
@given(events=happenings(), turn=st.integers(1, 12), partitions=st.integers(1, 3), wait=st.integers(0, 3))
def test_changed_rows_laid_over_one_another_equal_all_rows(
    events: list[Happening], turn: int, partitions: int, wait: int
) -> None:
    driver = PeriodDriver(partitions)
    told: dict[tuple[str, date], PeriodRow] = {}
    through = START

    for begin in range(0, len(events), turn):
        for event in events[begin : begin + turn]:
            feed(driver, event)
            through = max(through, on(event))
        driver.store()
        through += timedelta(days=wait)
        told.update(((row.granularity, row.start), row) for row in driver.totals.changed_rows(to_day(through)))

        every = {
            (row.granularity, row.start): row for row in driver.rows(min(map(on, events[: begin + turn])), through)
        }
        assert told == every


@SLOWER
@given(events=happenings())
def test_parts_add_up_in_every_row(events: list[Happening]) -> None:
    driver = PeriodDriver()
    for event in events:
        feed(driver, event)

    rows = list(driver.rows(min(map(on, events)), max(map(on, events))))

    for row in rows:
        assert row.retained + row.lost == row.customers_at_start
        assert row.retained + row.new + row.returned == row.customers_at_end
        assert min(row.retained, row.lost, row.new, row.returned, row.repeat_customers) >= 0
        assert row.repeat_customers <= row.customers_at_end
        if row.retention_rate is None or row.churn_rate is None:
            assert row.customers_at_start == 0
        else:
            assert row.retention_rate + row.churn_rate == pytest.approx(100, abs=1e-9)
    years = [row for row in rows if row.granularity == "year"]
    assert sum((row.revenue for row in years), Decimal()) == sum(
        Decimal(e[3] if e[0] == "purchase" else -e[3]) / 100 for e in events if e[0] in {"purchase", "refund"}
    )


@SLOW
@given(events=happenings(), partitions=st.integers(1, 8), data=st.data())
def test_the_order_of_arrival_and_the_partitions_leave_no_trace_in_the_sum_of_the_parts(
    events: list[Happening], partitions: int, data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(events))
    one, other = PeriodDriver(), PeriodDriver(partitions)

    for event in events:
        feed(one, event)
    for event in shuffled:
        feed(other, event)

    one.store()
    other.store()
    assert parts(one) == parts(other)


def parts(driver: PeriodDriver) -> dict[int, DayPart]:
    """All partitions' parts together, by day."""
    total: dict[int, DayPart] = {}
    for (_, day), record in driver.stored.items():
        total.setdefault(day, DayPart()).add(unpack(record))
    return total
