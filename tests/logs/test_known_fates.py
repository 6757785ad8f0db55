"""Customers whose fate is known: who leaves is noticed soon by their own measure, who stays is left in peace.

No number of days does both.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

import pytest

from service.domain.calendar import DAY_US, Calendar
from service.domain.events import Event, Purchase
from service.domain.policy import ConsentRule, OutreachPolicy
from service.feed.simulate import Cafe, Fate, KnownFate, Simulation
from tests.support.engines import EVENT_TIME, detections, make_engine

CAFE = Cafe(customers=500, days=420, seed=11)
MIN_VISITS = 4
YEAR_DAYS = 365.0
BUDGET = 2.0
"""Wrong alerts per healthy regular and year."""
SOON = 4.0
"""Usual gaps of silence by which a leaver has to be noticed."""
NOTICED = 0.9
PACES = ((0.0, 5.0), (5.0, 9.0), (9.0, inf))
"""Usual gaps in days: quick, middling and slow customers."""
PACE_MOST = 2.0
"""Times the budget that the customers of one pace may bear of it."""
HEALTHY = {Fate.REGULAR, Fate.IRREGULAR, Fate.CHANGING_PACE}


@dataclass(frozen=True)
class Silence:
    """From a regular's visit to the next one, or to the end of the log."""

    known: KnownFate
    since_us: int
    days: float
    returned: bool

    @property
    def usual_gaps(self) -> float:
        return self.days / self.known.usual_gap_days

    @property
    def healthy(self) -> bool:
        """Ended by a visit, and begun and ended while the customer kept their habit."""
        leaves_us = self.known.leaves_us
        return self.returned and (leaves_us is None or self.since_us + self.days * DAY_US < leaves_us)

    @property
    def last(self) -> bool:
        """The one that a leaver never ended, seen for as long as they may stay unnoticed."""
        return self.known.fate is Fate.LEAVING and not self.returned and self.usual_gaps > SOON


@dataclass(frozen=True)
class Alerted:
    """What a rule did: the days of silence after which it alerted, inf where it did not."""

    after: dict[Silence, float]

    def noticed(self) -> float:
        """Share of the leavers alerted soon."""
        last = [(silence, days) for silence, days in self.after.items() if silence.last]
        return sum(days <= SOON * silence.known.usual_gap_days for silence, days in last) / len(last)

    def wrong(self, fates: Iterable[Fate], pace: tuple[float, float] = (0.0, inf)) -> float:
        """Wrong alerts per healthy regular and year."""
        among, (low, high) = set(fates), pace
        healthy = [
            (silence, days)
            for silence, days in self.after.items()
            if silence.healthy and silence.known.fate in among and low <= silence.known.usual_gap_days < high
        ]
        years = sum(silence.days for silence, _ in healthy) / YEAR_DAYS
        return sum(days < inf for _, days in healthy) / years

    def keeps_its_word(self) -> bool:
        """Everything that is asked of the product."""
        paces = [self.wrong(HEALTHY, pace) for pace in PACES]
        return self.noticed() >= NOTICED and max(paces) <= PACE_MOST * BUDGET


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return [event for event in Simulation(CAFE).events() if isinstance(event, Purchase) and not event.refund]


@pytest.fixture(scope="module")
def silences(events: list[Event]) -> list[Silence]:
    calendar, visits = Calendar(CAFE.zone), defaultdict[str, list[int]](list)
    for event in events:
        times = visits[event.customer_id]
        if not times or calendar.day_of(times[-1]) < calendar.day_of(event.at_us):
            times.append(event.at_us)
    found, end_us = list[Silence](), events[-1].at_us
    for known in Simulation(CAFE).fates():
        times = visits[known.customer_id]
        for i in range(MIN_VISITS - 1, len(times)):
            returned = i + 1 < len(times)
            until_us = times[i + 1] if returned else end_us
            found.append(Silence(known, times[i], (until_us - times[i]) / DAY_US, returned))
    return found


@pytest.fixture(scope="module")
def product(events: list[Event], silences: list[Silence]) -> Alerted:
    policy = OutreachPolicy(level=BUDGET, consent=ConsentRule.EXTERNAL)
    engine = make_engine(policy, EVENT_TIME, zone=CAFE.zone.key)
    for event in events:
        engine.apply(event)
    fired = {(who, since_us): fired_us for who, since_us, fired_us in detections(engine.take_outputs())}
    alerts = {
        silence: (fired.get((silence.known.customer_id, silence.since_us), inf) - silence.since_us) / DAY_US
        for silence in silences
    }
    assert sum(days < inf for days in alerts.values()) == len(fired)
    return Alerted(alerts)


def after_days(silences: list[Silence], days: float) -> Alerted:
    return Alerted({silence: days if silence.days > days else inf for silence in silences})


def test_who_leaves_is_noticed_within_four_of_their_own_gaps(product: Alerted) -> None:
    assert sum(silence.last for silence in product.after) > 50
    assert product.noticed() >= NOTICED


def test_who_stays_is_wrongly_alerted_about_as_often_as_the_budget_says(product: Alerted) -> None:
    assert product.wrong(HEALTHY) == pytest.approx(BUDGET, rel=0.35)
    assert max(product.wrong(HEALTHY, pace) for pace in PACES) <= PACE_MOST * BUDGET


def test_an_even_rhythm_is_disturbed_less_than_an_uneven_one(product: Alerted) -> None:
    assert product.wrong([Fate.REGULAR]) <= BUDGET
    assert product.wrong([Fate.REGULAR]) < product.wrong([Fate.IRREGULAR]) <= 2.5 * BUDGET


def test_seasons_and_changes_of_pace_cost_no_more_than_twice_the_budget(product: Alerted) -> None:
    assert product.wrong([Fate.SEASONAL]) <= 2 * BUDGET
    assert product.wrong([Fate.CHANGING_PACE]) <= 2 * BUDGET


def test_who_pauses_is_alerted_once_while_away(product: Alerted) -> None:
    away = [
        (silence, days)
        for silence, days in product.after.items()
        if silence.known.fate is Fate.PAUSING and not silence.healthy and silence.returned and silence.usual_gaps > SOON
    ]

    assert len(away) > 15
    assert sum(days < inf for _, days in away) / len(away) >= NOTICED
    assert max(Counter(silence.known.customer_id for silence, _ in away).values()) == 1


def test_no_number_of_days_keeps_both_promises(silences: list[Silence], product: Alerted) -> None:
    """Neither the one that gives as many alerts as the product, nor any other.

    Days that suit the quick are early for the slow.
    """
    assert product.keeps_its_word()

    as_many = sorted((silence.days for silence in silences), reverse=True)
    equal = after_days(silences, as_many[sum(days < inf for days in product.after.values())])
    assert equal.noticed() < NOTICED - 0.1
    assert equal.wrong(HEALTHY, PACES[-1]) > PACE_MOST * BUDGET
    assert [days for days in range(1, 100) if after_days(silences, days).keeps_its_word()] == []
