"""Wherever the two ids of a merge live, it gives what a history under the one that stays would have given."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from itertools import pairwise
from math import log
from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from service.cluster.partitioner import Kept
from service.domain.cadence import LEAST_GAP_DAYS, SHRINKAGE
from service.domain.customer import Customer
from service.domain.engine import Engine
from service.domain.events import Erasure, Event, Merge
from service.domain.periods.numbers import PeriodRow
from service.domain.periods.totals import PeriodTotals
from service.engines import new_engine
from tests.shops.test_placement import LATER_US, log_of
from tests.support.engines import everybody_of
from tests.support.load import settings_for
from tests.support.small_group import FUNCTION, Placed, SmallGroup, home, mixed_of

SETTINGS = settings_for(
    "127.0.0.1:1",
    outreach={"consent": "external", "level": 4.0},
    time={"clock": "event", "feed_silence_hours": 800_000, "max_jump_days": 10_000},
)
SEEDS = st.integers(0, 2**32)
FEW = settings(max_examples=12, deadline=None, phases=(Phase.explicit, Phase.generate))
MERGES = [("c0x", "c0"), ("c1x", "c1"), ("c1", "c2"), ("c2x", "c2"), ("c3x", "c3"), ("c3", "c3y"), ("c4", "c4x")]
"""Old id → the one that stays, in this order where they meet: chains as well."""


def last_of(customer_id: str) -> str:
    into = dict(MERGES)
    while customer_id in into:
        customer_id = into[customer_id]
    return customer_id


def under_many_ids(events: Iterable[Event], random: Random) -> list[Event]:
    """Some customers' events carry one id or another; erasures are left out."""
    told: list[Event] = []
    for event in events:
        if not isinstance(event, Erasure):
            told.append(copy(event))
            told[-1].customer_id += random.choice(("", "", "x", "y"))
            if told[-1].customer_id not in {"c0x", "c1x", "c2x", "c3x", "c3y", "c4x"}:
                told[-1].customer_id = event.customer_id
    return told


def with_merges(events: list[Event], random: Random) -> list[Event]:
    """The merges come at random times, not in the order of the chains."""
    merged = list(events)
    for old, new in MERGES:
        place = random.randrange(len(events))
        merged.append(Merge(f"{old} is {new}", old, events[place].at_us, new))
    return sorted(merged, key=lambda event: event.at_us)


def right(events: list[Event], partitions: int) -> list[Engine]:
    """Engines of the partitions where every event had carried the id that stays."""
    engines = [new_engine(SETTINGS, partitions=partitions) for _ in range(partitions)]
    for event in events:
        if not isinstance(event, Merge):
            named = copy(event)
            named.customer_id = last_of(event.customer_id)
            engines[home(named, partitions)].apply(named)
    return engines


def periods(engines: Iterable[Engine]) -> list[PeriodRow]:
    """Of the whole shop."""
    totals = PeriodTotals(SETTINGS.policy().shop)
    for number, engine in enumerate(engines):
        for day in engine.ledger.days():
            totals.update(number, day, engine.ledger.record(day))
    if totals.first_day is None or totals.last_day is None:
        return []
    return list(totals.rows(totals.first_day, totals.last_day))


def everybody(engines: Iterable[Engine]) -> dict[str, tuple[Engine, Customer]]:
    found: dict[str, tuple[Engine, Customer]] = {}
    for engine in engines:
        for customer_id, customer in everybody_of(engine):
            assert customer_id not in found, "one customer is known in two partitions"
            found[customer_id] = engine, customer
    return found


def told(engine: Engine, customer: Customer) -> tuple[object, ...]:
    """What must be equal to the last digit."""
    scores = engine.scores(customer.customer_id)
    assert scores is not None
    return (
        scores.visits, scores.orders, scores.revenue_minor, scores.first_visit_us, scores.last_visit_us,
        scores.latest_nps, scores.latest_csat, scores.latest_ces, scores.answers,
        customer.visit_days(), customer.previous_day, customer.first_day,
        None if customer.profile is None else customer.profile.fields(),
    )  # fmt: skip


def of_an_hour(customer: Customer) -> float:
    """How far the usual gap may be off, as a share, besides the shop's pace then: of a visit that came late the day is
    known, and not the hour, which of the shortest gap moves the logarithm most."""
    shortest = min([later - day for day, later in pairwise(customer.visit_days())], default=1)
    return log(shortest / max(LEAST_GAP_DAYS, shortest - 1.0)) / (SHRINKAGE + customer.gap_weight)


def group_of(placed: list[Placed], partitions: int) -> SmallGroup:
    return SmallGroup(
        SETTINGS, partitions, min(2, partitions), LATER_US, Kept(FUNCTION, mixed_of(placed, partitions), 0)
    )


@FEW
@given(
    seed=SEEDS,
    partitions=st.integers(1, 4),
    restarts=st.integers(0, 6),
    backlog=st.sampled_from([0.0, 1.0]),
    astray=st.sampled_from([0.0, 0.2]),
)
def test_a_merge_equals_a_history_that_always_carried_the_new_id_wherever_both_live(
    seed: int, partitions: int, restarts: int, backlog: float, astray: float
) -> None:
    """Read from a backlog or as it arrives, whichever worker is lost in between, whatever else is carried."""
    lots = Random(seed)
    events = with_merges(under_many_ids(log_of(seed), lots), lots)
    placed = [
        (lots.randrange(partitions) if lots.random() < astray else home(event, partitions), event) for event in events
    ]
    group = group_of(placed, partitions)
    waiting = round(backlog * len(placed))
    for partition, event in placed[:waiting]:
        group.append(partition, event)

    group.run(placed[waiting:], lots, restarts=restarts)

    engines, expected = [group.jobs[number].engine for number in range(partitions)], right(events, partitions)
    assert periods(engines) == periods(expected)
    mine, theirs = everybody(engines), everybody(expected)
    assert mine.keys() == theirs.keys()
    for customer_id, (engine, customer) in theirs.items():
        assert told(*mine[customer_id]) == told(engine, customer)
        scores, found = engine.scores(customer_id), mine[customer_id][0].scores(customer_id)
        assert scores is not None
        assert found is not None
        if scores.usual_gap_days is not None:
            assert found.usual_gap_days == pytest.approx(
                scores.usual_gap_days, rel=0.05 + of_an_hour(customer), abs=0.5
            )
