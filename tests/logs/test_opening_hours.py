"""When a shop sells is part of everybody's rhythm; what is silent beyond it is nobody's absence.

Customers of known fate: they come when the shop is open, at a pace of their own; some leave for good.
"""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from random import Random
from statistics import median
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from service.domain.cadence import usual_gap_days
from service.domain.calendar import DAY_US, to_us
from service.domain.engine import Engine
from service.domain.events import Event, Purchase
from service.domain.policy import ConsentRule, OutreachPolicy
from tests.support.engines import EVENT_TIME, detections, make_engine

PARIS = ZoneInfo("Europe/Paris")
MONDAY = datetime(2023, 1, 2)  # noqa: DTZ001 - the shop's clock
POLICY = OutreachPolicy(level=1.0, consent=ConsentRule.EXTERNAL)
FIELD = Path(__file__).parents[1] / "fixtures" / "field"

Open = Callable[[datetime], bool]
"""Whether the shop sells on that day."""


class Hours(NamedTuple):
    first: float
    last: float


DAYTIME = Hours(9.0, 18.0)


@dataclass
class Life:
    events: list[Event]
    leaves: dict[str, int]
    """Who left, and their last visit."""
    engine: Engine
    alerts: list[tuple[str, int, int]]
    """customer, quiet since, fired at"""

    def noticed(self, before_days: float) -> set[str]:
        """Of those who left, whom an alert has found within so many days."""
        return {
            who
            for who, since, fired in self.alerts
            if self.leaves.get(who) == since and fired - since <= before_days * DAY_US
        }

    def wrong(self) -> list[tuple[str, int, int]]:
        """Alerts to customers who had not left."""
        return [(who, since, fired) for who, since, fired in self.alerts if self.leaves.get(who) != since]

    def years(self) -> float:
        """Of customers, together."""
        first: dict[str, int] = {}
        last: dict[str, int] = {}
        for event in self.events:
            first.setdefault(event.customer_id, event.at_us)
            last[event.customer_id] = event.at_us
        return sum(last[who] - first[who] for who in first) / DAY_US / 365


def lived(
    opened: Open,
    *,
    weeks: int,
    customers: int,
    pace: Callable[[Random], float],
    hours: Hours = DAYTIME,
    leaving: int = 0,
    seed: int = 1,
    missing: Sequence[tuple[int, int]] = (),
) -> Life:
    """Everybody comes every `pace` open days or so; `leaving` of them leave in the second half. `missing`: days, from
    and to, of which the feed brings nothing."""
    random = Random(seed)
    days = [MONDAY + timedelta(days=n) for n in range(7 * weeks)]
    open_days = [day for day in days if opened(day)]
    found: list[tuple[int, str]] = []
    leaves: dict[str, int] = {}
    for number in range(customers):
        name, every = f"c{number:03}", pace(random)
        end = len(open_days)
        if number < leaving:
            end = int(len(open_days) * random.uniform(0.5, 0.75))
        at = random.uniform(0.0, every)
        visits: list[int] = []
        while at < end:
            day = open_days[int(at)]
            if not any(low <= (day - MONDAY).days < high for low, high in missing):
                clock = day + timedelta(hours=random.uniform(*hours))
                visits.append(to_us(clock.replace(tzinfo=PARIS).astimezone(UTC)))
            at += max(1.0, every * random.gammavariate(12.0, 1.0 / 12.0)) if every > 1.0 else 1.0
        found += [(visit, name) for visit in visits]
        if number < leaving:
            leaves[name] = visits[-1]
    events: list[Event] = [Purchase(f"{who}/{at_us}", who, at_us, 900) for at_us, who in sorted(found)]
    engine = make_engine(POLICY, EVENT_TIME, zone="Europe/Paris")
    alerts: list[tuple[str, int, int]] = []
    for event in events:
        engine.apply(event)
        if engine.has_decided:
            alerts += detections(engine.take_outputs())
    return Life(events, leaves, engine, alerts + detections(engine.take_outputs()))


def gaps_of(life: Life) -> list[float]:
    return sorted(usual_gap_days(customer) for who, customer in life.engine.customers.items() if who not in life.leaves)


def saturday(day: datetime) -> bool:
    return day.weekday() == 5


def test_sixty_regulars_of_a_saturday_market_come_every_seven_days_and_all_who_leave_are_found() -> None:
    life = lived(saturday, weeks=45, customers=60, pace=lambda _: 1.0, hours=Hours(8.0, 13.0), leaving=14)

    assert gaps_of(life)[0] > 6.5
    assert median(gaps_of(life)) == pytest.approx(7.0, abs=0.2)
    assert life.noticed(35.0) == life.leaves.keys()
    assert life.wrong() == []
    assert life.engine.timeline.stalled_us() < 7.5 * DAY_US  # the first week, in which nothing is known yet


def test_a_whole_missed_saturday_is_nobodys_absence() -> None:
    missed = [(26 * 7, 28 * 7)]
    life = lived(saturday, weeks=45, customers=60, pace=lambda _: 1.0, hours=Hours(8.0, 13.0), missing=missed)

    assert life.wrong() == []
    assert median(gaps_of(life)) == pytest.approx(7.0, abs=0.2)
    closed = life.engine.rhythm.state.stalled_us
    assert closed == pytest.approx(14 * DAY_US, abs=DAY_US / 4)


def test_a_market_every_other_week_is_a_rhythm_too() -> None:
    life = lived(
        lambda day: saturday(day) and (day - MONDAY).days // 7 % 2 == 0,
        weeks=100, customers=60, pace=lambda _: 1.0, hours=Hours(8.0, 13.0), leaving=14,
    )  # fmt: skip

    assert median(gaps_of(life)) == pytest.approx(14.0, abs=1.0)
    assert life.noticed(75.0) == life.leaves.keys()
    assert len(life.wrong()) <= 5  # in the first ten weeks, until every other Saturday is known to be free


SHOPS: dict[str, tuple[Open, Hours]] = {
    "Monday to Friday": (lambda day: day.weekday() < 5, Hours(8.0, 17.0)),
    "closed on Mondays and in August": (lambda day: day.weekday() != 0 and day.month != 8, Hours(9.0, 19.0)),
    "a kiosk from April to September": (lambda day: 4 <= day.month <= 9, Hours(10.0, 20.0)),
    "open all night": (lambda _: True, Hours(0.0, 24.0)),
    "every day": (lambda _: True, Hours(9.0, 20.0)),
}


@pytest.mark.parametrize("name", SHOPS)
def test_who_left_is_noticed_and_hardly_anybody_else_whenever_the_shop_opens(name: str) -> None:
    opened, hours = SHOPS[name]

    life = lived(
        opened, weeks=150, customers=80, pace=lambda random: random.uniform(3.0, 9.0), hours=hours, leaving=20, seed=3
    )

    calendar_days = 7 * 150 / sum(opened(MONDAY + timedelta(days=n)) for n in range(7 * 150))
    assert 20 * 0.9 <= len(life.noticed(90.0 if calendar_days < 1.8 else 270.0)) <= 20
    assert len(life.wrong()) <= 2.0 * life.years()  # the budget is one a year


def test_reopening_after_august_brings_no_wave_and_the_shop_is_known_at_once() -> None:
    opened, hours = SHOPS["closed on Mondays and in August"]

    life = lived(opened, weeks=100, customers=80, pace=lambda random: random.uniform(3.0, 9.0), hours=hours, seed=5)

    per_week: dict[int, int] = defaultdict(int)
    for _, _, fired in life.alerts:
        per_week[fired // (7 * DAY_US)] += 1
    for year in (2023, 2024):
        september = to_us(datetime(year, 9, 1, tzinfo=UTC)) // (7 * DAY_US)
        assert sum(per_week[september + week] for week in range(-4, 3)) <= 5
    assert life.engine.rhythm.state.stalled_us == pytest.approx(62 * DAY_US, abs=4 * DAY_US)


def test_a_shop_whose_newcomers_stay_away_and_that_fades_is_not_silent() -> None:
    """An order of magnitude in nine months, and no new customers after the first weeks."""
    random, events = Random(2), list[Event]()
    for number in range(400):
        start, rate = random.uniform(0.0, 30.0), random.uniform(0.05, 0.3)
        end = start + random.expovariate(1.0 / 110.0)
        day = start
        while day < min(end, 300.0):
            at_us = to_us((MONDAY + timedelta(days=day)).replace(tzinfo=UTC))
            events.append(Purchase(f"{number}/{day}", f"c{number}", at_us, 500))
            day += random.expovariate(rate)
    events.sort(key=lambda event: event.at_us)
    engine = make_engine(POLICY, EVENT_TIME)

    for event in events:
        engine.apply(event)
        assert not engine.rhythm.silent

    assert engine.timeline.stalled_us() == 0


def test_growth_is_no_silence_and_neither_is_a_slow_week() -> None:
    random, events = Random(4), list[Event]()
    for number in range(700):
        start = 200.0 * (number / 700) ** 0.5
        day = start + random.uniform(0.0, 5.0)
        while day < 220.0:
            slow = 120.0 <= day < 127.0 or 180.0 <= day < 187.0
            if not slow or random.random() < 0.5:
                at_us = to_us((MONDAY + timedelta(days=int(day), hours=random.uniform(9.0, 19.0))).replace(tzinfo=UTC))
                events.append(Purchase(f"{number}/{day}", f"c{number}", at_us, 500))
            day += random.gammavariate(3.0, 2.0)
    events.sort(key=lambda event: event.at_us)
    engine = make_engine(POLICY, EVENT_TIME)

    for event in events:
        engine.apply(event)
        assert not engine.rhythm.silent

    assert engine.timeline.stalled_us() == 0


def closure(name: str) -> list[Event]:
    rows = csv.DictReader(StringIO(gzip.decompress((FIELD / f"{name}.csv.gz").read_bytes()).decode()))
    return [
        Purchase(f"{number}", row["customer_id"], to_us(datetime.fromisoformat(row["timestamp"])), 100)
        for number, row in enumerate(rows)
    ]


@pytest.mark.parametrize("name", ["closure", "closure_with_odd_orders"])
def test_three_weeks_shut_are_nobodys_absence_though_a_few_go_on_ordering(name: str) -> None:
    """Forty customers, seven visits a day; shut from the first to the twenty-first of June."""
    engine = make_engine(POLICY, EVENT_TIME, zone="America/New_York")
    alerts: list[tuple[str, int, int]] = []

    for event in closure(name):
        engine.apply(event)
        alerts += detections(engine.take_outputs())

    shut = [to_us(datetime(2025, 6, day, 4, tzinfo=UTC)) for day in (1, 22)]
    assert [who for who, _, fired in alerts if shut[0] <= fired < shut[1] + 4 * DAY_US] == []
    assert engine.timeline.stalled_us() == pytest.approx(shut[1] - shut[0], abs=1.5 * DAY_US)
    assert len(alerts) == 23


def test_clocks_that_change_make_no_silence() -> None:
    life = lived(lambda day: day.weekday() < 5, weeks=80, customers=80, pace=lambda _: 3.0, hours=Hours(8.0, 9.0))

    assert life.engine.rhythm.state.stalled_us == 0


def test_a_tiny_shop_may_sell_nothing_for_days() -> None:
    """Five visits a week by a dozen people who come when they like."""
    random, events = Random(9), list[Event]()
    day = 0.0
    while day < 500.0:
        at_us = to_us((MONDAY + timedelta(days=int(day), hours=random.uniform(9.0, 19.0))).replace(tzinfo=UTC))
        events.append(Purchase(f"{day}", f"c{random.randrange(12)}", at_us, 500))
        day += random.expovariate(5.0 / 7.0)
    engine = make_engine(POLICY, EVENT_TIME)

    for event in events:
        engine.apply(event)

    assert engine.rhythm.state.stalled_us == 0
