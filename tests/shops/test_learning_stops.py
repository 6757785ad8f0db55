"""`--fit-until`: what was learned from everybody stays as it was on that day."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from service.domain.calendar import Calendar
from service.domain.engine import Engine
from service.domain.events import Event
from service.domain.findings import Decision
from service.domain.policy import Policy
from tests.support.engines import EVENT_TIME, OPEN_HOUSE, Changelog, apply_all, at, decisions, shop_log

POLICY = Policy(timing=EVENT_TIME, outreach=OPEN_HOUSE)


def engine_that_learns_until(day: float) -> Engine:
    return Engine(POLICY, Calendar(ZoneInfo("UTC")), learn_until_us=at(day))


def log() -> list[Event]:
    return sorted(shop_log(7, customers=80, days=240), key=lambda event: event.at_us)


def known(engine: Engine) -> tuple[object, ...]:
    state = engine.everybody.state
    return engine.everybody.learned.tolerances.table, state.mu0, list(state.model)


def run(until: float) -> tuple[Engine, list[Decision]]:
    engine = engine_that_learns_until(until)
    return engine, decisions(apply_all(engine, log()))


def test_what_is_known_on_that_day_is_known_for_ever_after() -> None:
    stopped, _ = run(120)
    on_the_day = engine_that_learns_until(120)
    apply_all(on_the_day, [event for event in log() if event.at_us < at(120.3)])
    free, _ = run(100_000)

    assert known(stopped) == known(on_the_day)
    assert known(stopped) != known(free)
    assert stopped.everybody.learned.tolerances.table, "there was something to learn"


def test_alerts_before_that_day_are_those_of_an_engine_that_goes_on_learning() -> None:
    (_, stopped), (_, free) = run(120), run(100_000)

    assert [a for a in stopped if a.detected_us < at(120)] == [a for a in free if a.detected_us < at(120)]
    assert [a.detected_us for a in stopped] != [a.detected_us for a in free]


def test_a_restart_after_that_day_changes_nothing() -> None:
    stopped, changelog = engine_that_learns_until(120), Changelog()
    for event in log():
        stopped.apply(event)
    changelog.take(stopped.drain())
    again = engine_that_learns_until(120)
    for key, value in changelog.state.items():
        again.restore(key, value)
    again.restored()

    assert known(again) == known(stopped)
    assert again.everybody.next_refresh_us == stopped.everybody.next_refresh_us
