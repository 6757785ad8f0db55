"""Purchases that were lost before they were read hold the absences of everybody who may have bought among them."""

from __future__ import annotations

from service.domain.calendar import DAY_US
from service.domain.engine import Engine
from service.domain.findings import Decision, Outcome, Reason
from tests.support.engines import (
    WALL_TIME,
    Changelog,
    at,
    decisions,
    detections,
    make_engine,
    purchase,
    weekly,
)

WEEKS = 12
LAST = 0.5 + 7 * (WEEKS - 1)
"""Day of a regular's last visit."""


def shop() -> Engine:
    """Regulars of a weekly rhythm and others who keep the feed alive, up to a day after the regulars' last visit."""
    engine = make_engine(timing=WALL_TIME)
    events = [event for who in ("anna", "bert") for event in weekly(who, WEEKS)]
    events += [purchase(f"other-{hour % 40}", hour / 4) for hour in range(int(4 * (LAST + 1)))]
    for event in sorted(events, key=lambda event: event.at_us):
        engine.apply(event, at(LAST + 1))
    return engine


def pass_days(engine: Engine, first: float, last: float) -> list[Decision]:
    """Days on which others buy, day by day; what is decided about the regulars."""
    made: list[Decision] = []
    day = first
    while day <= last:
        engine.apply(purchase(f"other-{int(4 * day) % 40}", day), at(day))
        engine.advance(at(day), at(day))
        made += [made for made in decisions(engine.drain().outputs) if made.customer_id in ("anna", "bert")]
        day += 0.25
    return made


def due_day() -> float:
    """When the regulars come due where nothing was lost."""
    engine = shop()
    (first, *_) = detections(pass_days(engine, LAST + 1, LAST + 60))
    return (first[2] - at(0)) / DAY_US


def test_who_may_have_bought_in_a_hole_is_not_due_before_a_usual_gap_has_passed_after_it() -> None:
    due = due_day()
    engine = shop()
    engine.lost_purchases(300, at(due - 1))

    made = pass_days(engine, LAST + 1, due + 5)

    assert {(one.customer_id, one.outcome, one.reason) for one in made} == {
        ("anna", Outcome.DEFERRED, Reason.GAP_IN_LOG),
        ("bert", Outcome.DEFERRED, Reason.GAP_IN_LOG),
    }
    assert len(made) == 2
    later = pass_days(engine, due + 5.25, due + 9)
    assert {one.customer_id for one in later if one.outcome is Outcome.RELEASED} == {"anna", "bert"}
    assert min(one.detected_us for one in later) >= at(due - 1 + 6)


def test_who_came_after_the_hole_is_judged_as_ever() -> None:
    engine = shop()
    engine.lost_purchases(300, at(LAST - 0.1))

    assert Reason.GAP_IN_LOG not in {made.reason for made in pass_days(engine, LAST + 1, due_day() + 1)}


def test_a_return_after_the_hole_ends_what_was_held() -> None:
    due = due_day()
    engine = shop()
    engine.lost_purchases(300, at(due - 1))
    pass_days(engine, LAST + 1, due + 1)
    engine.apply(purchase("anna", due + 1.1), at(due + 1.1))

    assert {made.customer_id for made in pass_days(engine, due + 1.25, due + 9)} == {"bert"}


def test_a_restart_still_knows_the_hole() -> None:
    due = due_day()
    engine, changelog = shop(), Changelog()
    engine.lost_purchases(300, at(due - 1))
    changelog.take(engine.drain())

    made = pass_days(changelog.revive(engine), LAST + 1, due + 5)

    assert {one.reason for one in made} == {Reason.GAP_IN_LOG}
