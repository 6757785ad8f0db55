"""Promised against realised, counted as customers come back."""

from __future__ import annotations

from collections import Counter

import pytest
from prometheus_client import generate_latest

from service.domain.cadence import base_days
from service.domain.calendar import DAY_US
from service.domain.engine import Engine
from service.domain.events import Event, Purchase
from service.domain.findings import Decision
from service.domain.outreach.realised import COUNTED, EVIDENCE, Realised
from service.domain.policy import ConsentRule, Measure, OutreachPolicy
from service.streaming.job import Written
from service.streaming.metrics import Metrics
from tests.support.engines import Changelog, apply_all, due_of, make_engine, purchase, shop_log

FIVE_PERCENT = OutreachPolicy(measure=Measure.PROBABILITY, level=0.05, consent=ConsentRule.EXTERNAL)
WEEKLY: list[Event] = [purchase("a", 0.5 + 7 * n) for n in range(8)]


def counted(engine: Engine, evidence: str) -> dict[str, float]:
    one = engine.state.realised.classes[EVIDENCE.index(evidence)]
    return {name: getattr(one, name) for name in COUNTED}


def test_healthy_gaps_and_visits_of_a_regular_are_counted_by_the_visits_they_had() -> None:
    engine = make_engine(FIVE_PERCENT)
    apply_all(engine, WEEKLY)

    early, later = counted(engine, "4-6"), counted(engine, "7-12")
    assert (early["visits"], early["healthy_gaps"], early["healthy_days"]) == (3, 3, 21.0)
    assert (later["visits"], later["healthy_gaps"], later["healthy_days"]) == (2, 1, 7.0)
    assert counted(engine, "13+") == dict.fromkeys(COUNTED, 0)


@pytest.mark.parametrize(
    ("days_later", "wrong", "soon"),
    [(0.5, 1, 1), (20.0, 0, 0), (400.0, 0, 0)],
    ids=["back at once", "back late", "an absence"],
)
def test_an_alert_is_wrong_if_the_gap_was_healthy_and_soon_back_within_a_usual_gap(
    days_later: float, wrong: int, soon: int
) -> None:
    engine = make_engine(FIVE_PERCENT)
    others: list[Event] = [purchase(f"other {day}", float(day)) for day in range(50, 700, 2)]
    apply_all(engine, WEEKLY)
    customer = engine.customers["a"]
    due, healthy = due_of(engine, "a"), 6 * base_days(customer) * DAY_US
    back_us = due + int(days_later * DAY_US)
    assert (back_us - customer.last_us <= healthy) == (wrong == 1)

    apply_all(engine, [event for event in others if event.at_us < back_us])
    apply_all(engine, [Purchase("back", "a", back_us, 100)])

    found = counted(engine, "7-12")
    assert found["alerts"] == 1
    assert (found["wrong_alerts"], found["back_soon"]) == (wrong, soon)


def test_alerts_counted_are_those_decided() -> None:
    engine = make_engine(OutreachPolicy(level=4.0, consent=ConsentRule.EXTERNAL))
    log = sorted(shop_log(5, customers=60, days=300), key=lambda event: event.at_us)
    made = [output for output in apply_all(engine, log) if isinstance(output, Decision) and output.returned_us is None]

    assert (
        sum(one.alerts for one in engine.state.realised.classes)
        == len({decision.decision_id for decision in made})
        > 30
    )
    assert 0 < sum(one.wrong_alerts for one in engine.state.realised.classes) < len(made)


def test_a_restart_keeps_the_tally_and_tells_prometheus_only_what_is_new() -> None:
    engine, changelog = make_engine(FIVE_PERCENT), Changelog()
    for event in WEEKLY:
        engine.apply(event)
    changelog.take(engine.drain())

    again = changelog.revive(engine)
    assert again.state.realised.fields() == engine.state.realised.fields()
    again.apply(purchase("a", 0.5 + 7 * 8))
    metrics = Metrics()
    metrics.turn(0, Written({}, {}, 1, [], Counter(), 0), again, 0.0, 0.0)

    said = generate_latest(metrics.registry).decode()
    assert 'churn_alert_regular_events_total{event="visit",evidence="7-12"} 1.0' in said
    assert 'churn_alert_regular_events_total{event="visit",evidence="4-6"} 0.0' in said
    assert 'churn_alert_healthy_seconds_total{evidence="7-12"} 604800.0' in said
    assert 'churn_alert_promised{promise="probability"} 0.05' in said


def test_realised_rates_are_unknown_without_a_healthy_gap() -> None:
    one = Realised().classes[0]
    assert one.wrong_share() is None
    assert one.wrong_per_year() is None

    one.healthy_gaps, one.healthy_days, one.wrong_alerts = 40, 730.0, 2
    assert one.wrong_share() == 0.05
    assert one.wrong_per_year() == 1.0
