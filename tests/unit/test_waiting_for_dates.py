"""One event that makes a crowd come due: where no date may be late, the event waits while its dates fill turn after
turn. What is decided, and what is stored in the end, are the same, wherever the process has died between."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from service.domain.changelog import PASSAGE_KEY
from service.domain.engine import Engine
from service.domain.events import Erasure, Event, Resolved, SignOfLife, Survey, SurveyAnswer
from service.domain.findings import Decision
from service.domain.stumbling import FullTurnError
from tests.support.engines import (
    OPEN_HOUSE,
    UNDISTURBED,
    Changelog,
    apply_all,
    at,
    decisions,
    make_engine,
    purchase,
    shop_log,
    whole_state,
)

CROWD, VISITS = 20, 5
LATER = 7.0 * (VISITS - 1) + 40
ALL_AT_ONCE = replace(OPEN_HOUSE, at_most_per_hour=10**6, overdue_per_hour=10**6, stale_after_days=1000)
WEEKLY = [purchase(f"c{who:03}", 7.0 * visit) for visit in range(VISITS) for who in range(CROWD)]


def shop() -> Engine:
    return make_engine(ALL_AT_ONCE, UNDISTURBED)


def in_turns(
    engine: Engine,
    events: Iterable[Event | SignOfLife],
    room: int,
    between: Callable[[Engine, Changelog], Engine] = lambda engine, _: engine,
) -> tuple[Engine, list[Decision], int]:
    """Applies them in turns that have room for so many dates. `between`: what happens to the engine where an event
    waits. Returns how many turns an event has waited for, too."""
    stored, made, waits = Changelog(), list[Decision](), 0
    for event in events:
        while True:
            engine.timeline.bound(room, lambda: 0)
            try:
                engine.apply(event)
            except FullTurnError:
                made += decisions(stored.take(engine.drain()))
                waits += 1
                engine = between(engine, stored)
            else:
                break
    made += decisions(stored.take(engine.drain()))
    return engine, made, waits


def killed(engine: Engine, stored: Changelog) -> Engine:
    """What was committed is all that is left."""
    return stored.revive(engine)


@pytest.mark.parametrize("between", [lambda engine, _: engine, killed])
@pytest.mark.parametrize(
    "late",
    [
        purchase("new", LATER),
        purchase("c001", LATER),
        SurveyAnswer("e", "c002", at(LATER), Survey.NPS, 9),
        Resolved("r", "c003", at(LATER)),
        SignOfLife("c004", at(LATER), own_time=True),
    ],
    ids=["newcomer", "returning", "answer", "dealt-with", "refused-purchase"],
)
def test_an_event_waits_for_the_dates_before_it_and_nothing_is_decided_otherwise(
    late: Event, between: Callable[[Engine, Changelog], Engine]
) -> None:
    whole, log = shop(), [*WEEKLY, late, purchase("next", LATER + 30)]
    expected = decisions(apply_all(whole, log))

    engine, made, waits = in_turns(shop(), log, 4, between)

    assert len(expected) >= CROWD
    assert waits > CROWD // 4
    assert made == expected
    assert whole_state(engine) == whole_state(whole)


@pytest.mark.parametrize("between", [lambda engine, _: engine, killed])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_log_with_everything_in_it_in_turns_of_one_date(
    seed: int, between: Callable[[Engine, Changelog], Engine]
) -> None:
    def log() -> list[Event]:
        return shop_log(seed, customers=8, days=60, everything=True, disorder=0.1, odd=0.02)

    whole = make_engine(OPEN_HOUSE, UNDISTURBED)
    expected = decisions(apply_all(whole, log()))

    engine, made, waits = in_turns(make_engine(OPEN_HOUSE, UNDISTURBED), log(), 1, between)

    assert waits > 3
    assert made == expected
    assert whole_state(engine) == whole_state(whole)


def waiting() -> tuple[Engine, Changelog]:
    """Of a crowd that a newcomer makes due some have come up, and the others have found no room."""
    engine, stored = shop(), Changelog()
    for event in WEEKLY:
        engine.apply(event)
    stored.take(engine.drain())
    engine.timeline.bound(4, lambda: 0)
    with pytest.raises(FullTurnError):
        engine.apply(purchase("new", LATER))
    stored.take(engine.drain())
    return engine, stored


def test_what_is_under_way_goes_on_before_any_other_event() -> None:
    """The process was killed meanwhile, and another input has something older."""
    engine, stored = waiting()
    engine = killed(engine, stored)

    engine.apply(SurveyAnswer("e", "c000", at(LATER - 20), Survey.NPS, 9))
    between = decisions(engine.drain().outputs)
    engine.apply(purchase("new", LATER))

    assert len({made.customer_id for made in between}) >= CROWD - 4
    assert engine.now_us == at(LATER)
    assert decisions(engine.drain().outputs) == []


@pytest.mark.parametrize("between", [lambda engine, _: engine, killed])
@pytest.mark.parametrize("before", ["an older event", "the wall clock"])
def test_an_event_before_which_something_else_came_up_is_counted_once(
    before: str, between: Callable[[Engine, Changelog], Engine]
) -> None:
    """The feed's pulse had heard of it when it began to wait."""
    older = SurveyAnswer("e", "c000", at(LATER - 20), Survey.NPS, 9)
    whole = shop()
    apply_all(whole, [*WEEKLY, purchase("new", LATER), older])
    engine, stored = waiting()
    engine.timeline.bound(0, None)
    engine.apply(older) if before == "an older event" else engine.advance(0, at(LATER))
    stored.take(engine.drain())
    engine = between(engine, stored)

    engine.apply(purchase("new", LATER))
    if before != "an older event":
        engine.apply(older)
    stored.take(engine.drain())

    assert engine.state.clock.fields() == whole.state.clock.fields()
    assert stored.state[PASSAGE_KEY] is None


def test_a_partition_that_comes_back_to_its_worker_goes_on_where_it_was() -> None:
    """Its state was kept, and is put together once more."""
    whole = shop()
    expected = decisions(apply_all(whole, [*WEEKLY, purchase("new", LATER)]))
    engine, stored = waiting()

    engine.restored()
    waits = engine.timeline.passage
    engine.apply(purchase("new", LATER))
    made = decisions(stored.take(engine.drain()))
    engine.restored()

    assert waits is not None
    assert len(made) >= CROWD - 4
    assert made == expected[-len(made) :]
    assert engine.timeline.passage is None
    assert whole_state(engine) == whole_state(whole)


def test_nothing_is_left_of_an_event_that_has_waited() -> None:
    engine, stored = waiting()
    held = stored.state[PASSAGE_KEY]

    engine.timeline.bound(0, None)
    engine.apply(purchase("new", LATER))
    stored.take(engine.drain())

    assert held is not None
    assert stored.state[PASSAGE_KEY] is None


def test_whoever_is_erased_is_not_named_by_an_event_that_waits() -> None:
    engine, stored = waiting()

    engine.apply(Erasure("gone", "new", at(LATER)))
    stored.take(engine.drain())

    assert b"new" not in (stored.state[PASSAGE_KEY] or b"new")


def test_where_an_earlier_release_has_gone_on_nothing_waits_any_more() -> None:
    """It knows nothing of events that wait, and has moved time beyond this one."""
    engine, stored = waiting()
    held = stored.state[PASSAGE_KEY]
    engine.timeline.bound(0, None)
    for event in (purchase("new", LATER), purchase("newer", LATER + 1)):
        engine.apply(event)
    stored.take(engine.drain())
    stored.state[PASSAGE_KEY] = held

    revived = killed(engine, stored)
    now_us = revived.now_us
    stored.take(revived.drain())

    assert now_us == at(LATER + 1)
    assert revived.timeline.passage is None
    assert stored.state[PASSAGE_KEY] is None
