"""A crowd that comes due at once: each turn looks at some of it, where the wall clock rules, and the stream goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.domain.engine import Engine
from service.domain.findings import Decision, Outcome
from service.domain.policy import Timing
from tests.support.engines import EVENT_TIME, OPEN_HOUSE, WALL_TIME, at, decisions, make_engine, purchase

CROWD = 300
VISITS = 8
LATER = 7.0 * (VISITS - 1) + 40


def crowd(timing: Timing) -> Engine:
    """Everybody came weekly at the same instants, and nobody since; a shopper of every day keeps the feed alive."""
    policy = replace(OPEN_HOUSE, at_most_per_hour=10**6, overdue_per_hour=10**6, stale_after_days=1000)
    engine = make_engine(policy, replace(timing, feed_silence_hours=1e6, max_jump_days=10_000))
    for visit in range(VISITS):
        for number in range(CROWD):
            engine.apply(purchase(f"c{number:03}", 7.0 * visit), at(7.0 * visit))
    engine.drain()
    return engine


def told(engine: Engine) -> list[Decision]:
    return [made for made in decisions(engine.drain().outputs) if made.outcome is not Outcome.CANCELLED]


def test_a_turn_looks_at_so_many_and_in_the_end_all_are_told() -> None:
    whole, engine = crowd(WALL_TIME), crowd(WALL_TIME)
    whole.advance(at(LATER), at(LATER))
    expected = told(whole)

    found: list[list[Decision]] = []
    for _ in range(100):
        engine.timeline.grant(50)
        engine.advance(at(LATER), at(LATER))
        found.append(told(engine))
        if not engine.timeline.behind:
            break

    assert len({made.customer_id for made in expected}) == CROWD
    assert max(map(len, found)) <= 100, "50 looks, two things told at most of each"
    assert sorted(made.decision_id for turn in found for made in turn) == sorted(made.decision_id for made in expected)
    assert not engine.timeline.behind


def test_who_comes_while_the_crowd_is_looked_at_is_not_absent() -> None:
    engine = crowd(WALL_TIME)
    last = f"c{CROWD - 1:03}"

    engine.timeline.grant(50)
    engine.advance(at(LATER), at(LATER))
    assert engine.timeline.behind
    engine.timeline.grant(2)
    engine.apply(purchase(last, LATER + 0.01), at(LATER + 0.01))
    found = told(engine)
    while engine.timeline.behind:
        engine.timeline.grant(50)
        engine.advance(at(LATER + 0.02), at(LATER + 0.02))
        found += told(engine)

    assert engine.customers[last].visits == VISITS + 1
    asked = {made.customer_id for made in found}
    assert last not in asked
    assert len(asked) == CROWD - 1


@pytest.mark.parametrize("looks", [0, 50])
def test_where_events_are_the_clock_every_date_before_an_event_comes_up_before_it(looks: int) -> None:
    engine = crowd(EVENT_TIME)

    engine.timeline.grant(looks)
    engine.apply(purchase("new", LATER), 0)

    assert not engine.timeline.behind
    assert len({made.customer_id for made in told(engine)}) == CROWD
