"""A message that was sent ends what is learned of the silence; one that was withheld does not."""

from __future__ import annotations

from dataclasses import replace
from math import log

from service.domain.calendar import DAY_US
from service.domain.engine import Engine
from service.domain.learning.churn_fit import _seen
from service.domain.outreach.realised import ClassRealised
from service.domain.policy import ClockMode
from tests.support.engines import (
    OPEN_HOUSE,
    Changelog,
    apply_all,
    at,
    decisions,
    make_engine,
    purchase,
    shop_log,
    weekly,
    whole_state,
)
from tests.support.load import settings_for

SENT = replace(OPEN_HOUSE, messages_are_sent=True)
TAUGHT = replace(OPEN_HOUSE, messages_are_sent=True, control_share=0.999999)
"""Practically everybody is in the control group."""


def closed(engine: Engine) -> float:
    return sum(sum(row.closed) for row in engine.everybody.silences.rows)


def cut(engine: Engine) -> float:
    return sum(map(sum, engine.everybody.silences.sent))


def still_open(engine: Engine) -> int:
    return sum(sum(places.values()) for places in engine.everybody.silences._open.values())


def test_a_silence_in_which_a_message_was_sent_is_cut_there_and_its_end_teaches_nothing() -> None:
    engine = make_engine(SENT)

    apply_all(engine, [*weekly("anna", 10), purchase("clock", 200.0)])
    open_then, cut_then, closed_then = still_open(engine), cut(engine), closed(engine)
    apply_all(engine, [purchase("anna", 201.0)])

    assert (open_then, still_open(engine)) == (0, 1)
    assert 0.2 < cut_then < 1.0  # it ages week by week
    assert closed(engine) == closed_then
    assert engine.state.realised.classes[1].disturbed == 1


def test_one_that_was_withheld_or_that_nobody_sends_teaches_in_full() -> None:
    for policy in (TAUGHT, OPEN_HOUSE):
        engine = make_engine(policy)
        apply_all(engine, [*weekly("anna", 10), purchase("clock", 200.0)])
        assert still_open(engine) == 1
        before = closed(engine)

        apply_all(engine, [purchase("anna", 201.0)])

        assert cut(engine) == 0.0
        assert closed(engine) > before


def test_the_own_rhythm_takes_in_what_the_gap_lasted_without_help() -> None:
    engine = make_engine(SENT)
    made = decisions(apply_all(engine, [*weekly("anna", 10), purchase("clock", 200.0)]))
    customer = engine.customers["anna"]
    before = customer.log_gap_sum

    apply_all(engine, [purchase("anna", 201.0)])

    lasted = (made[0].decided_us - at(0.5 + 63)) / DAY_US
    assert customer.log_gap_sum - before == log(lasted)


def test_the_churn_model_knows_of_a_customer_what_they_did_before_the_first_message() -> None:
    engine = make_engine(SENT)
    made = decisions(apply_all(engine, [*weekly("anna", 10), purchase("clock", 200.0)]))

    apply_all(engine, [purchase("anna", 201.0), purchase("anna", 208.0)])

    repeats, recency, age = _seen(engine.customers["anna"], at(300.0))
    assert (repeats, recency) == (9, 63 * DAY_US)
    assert age == made[0].decided_us - at(0.5)


def test_a_restart_at_any_turn_knows_what_was_cut() -> None:
    events = [*shop_log(4, customers=14, days=250), purchase("clock", 300.0)]
    policy = replace(SENT, control_share=0.3)
    whole, changelog = make_engine(policy), Changelog()
    engine = make_engine(policy)
    for number, event in enumerate(events):
        engine.apply(event)
        whole.apply(event)
        if number % 61 == 0:
            changelog.take(engine.drain())
            whole.drain()
            engine = changelog.revive(make_engine(policy))

    assert whole_state(engine) == whole_state(whole)
    assert cut(whole) > 1.0


def test_wrong_alerts_of_those_to_whom_nothing_was_sent_stand_for_all() -> None:
    seen, part = ClassRealised(), ClassRealised()
    seen.alerts, seen.healthy_gaps, seen.healthy_days, seen.wrong_alerts, seen.wrong_days = 100, 1000, 7000.0, 40, 800.0
    part.alerts, part.disturbed = 100, 90
    part.healthy_gaps, part.healthy_days, part.wrong_alerts, part.wrong_days = 964, 6280.0, 4, 80.0

    assert part.wrong_share() == seen.wrong_share()
    assert part.wrong_per_year() == seen.wrong_per_year()
    part.disturbed = 100
    assert part.wrong_share() is None


def test_messages_are_sent_where_the_wall_clock_rules_unless_said_otherwise() -> None:
    live = settings_for("broker:9092")
    event = live.changed(time={"clock": ClockMode.EVENT})

    assert live.changed(time={"clock": ClockMode.WALL}).policy().outreach.messages_are_sent
    assert not event.policy().outreach.messages_are_sent
    assert event.changed(outreach={"messages_are_sent": True}).policy().outreach.messages_are_sent
