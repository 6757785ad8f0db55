"""A shop is a shop at any pace: promises hold also where customers come every two months instead of every week."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from random import Random
from statistics import fmean

import pytest

from service.domain.calendar import DAY_US, NEVER
from service.domain.engine import Engine
from service.domain.events import Event
from service.domain.outreach.realised import ClassRealised, totals
from service.domain.policy import Measure, OutreachPolicy
from tests.support.engines import EVENT_TIME, OPEN_HOUSE, apply_all, decisions, make_engine, purchase

CUSTOMERS = 400
GAPS = 60
"""Usual gaps that the log lasts."""
LEAVE = 0.04
"""Chance that a visit is the last."""


@cache
def log(usual_days: float) -> Sequence[Event]:
    """Customers join all the time, come about every so many days, and leave some day.

    Every pace draws the same lots."""
    random, length = Random(3), GAPS * usual_days
    events: list[Event] = []
    for number in range(CUSTOMERS):
        day, mine = random.random() * length * 0.8, usual_days * random.lognormvariate(0.0, 0.4)
        while day < length:
            events.append(purchase(f"c{number}", day))
            if random.random() < LEAVE:
                break
            day += mine * random.lognormvariate(-0.15, 0.55)
    return sorted(events, key=lambda event: event.at_us)


def second_half(policy: OutreachPolicy, usual_days: float) -> tuple[ClassRealised, Engine]:
    """What became of everybody's alerts."""
    engine, events = make_engine(policy, EVENT_TIME), log(usual_days)
    engine.everybody.state.next_fit_us = NEVER  # the churn model has no part in this
    half = len(events) // 2
    for event in events[:half]:
        engine.apply(event)
    before = totals([engine.state.realised])[-1]
    for event in events[half:]:
        engine.apply(event)
    return totals([engine.state.realised])[-1].minus(before), engine


@pytest.mark.parametrize("usual_days", [7.0, 60.0, 180.0])
def test_a_share_of_wrong_alerts_is_kept_at_any_pace(usual_days: float) -> None:
    found, engine = second_half(replace(OPEN_HOUSE, measure=Measure.PROBABILITY, level=0.1), usual_days)

    assert engine.everybody.learned.tolerances.table, "enough has been seen to leave the cold start"
    assert found.healthy_gaps > 1000
    assert found.wrong_share() == pytest.approx(0.1, rel=0.2)


@pytest.mark.parametrize("usual_days", [7.0, 60.0])
def test_a_volume_is_kept_at_any_pace(usual_days: float) -> None:
    found, _ = second_half(replace(OPEN_HOUSE, volume_per_100_visits=5.0), usual_days)

    assert found.alerts_per_100_visits() == pytest.approx(5.0, rel=0.1)


@cache
def yearly(customers: int = 60) -> Sequence[Event]:
    """Everybody comes every 300 days, ten days more or less, for five years; one in four stays away from then on."""
    random = Random(5)
    events: list[Event] = []
    for number in range(customers):
        day = random.random() * 300.0
        while day < (1500.0 if number % 4 == 0 else 2400.0):
            events.append(purchase(f"c{number}", day))
            day += random.gauss(300.0, 10.0)
    return sorted(events, key=lambda event: event.at_us)


@pytest.mark.parametrize(
    ("policy", "fewest"),
    [
        (replace(OPEN_HOUSE, measure=Measure.PATIENCE), 10),
        (OPEN_HOUSE, 10),
        (replace(OPEN_HOUSE, measure=Measure.MULTIPLE), 10),
    ],
    ids=["nothing set", "a budget", "a multiple"],
)
def test_where_gaps_last_a_year_nobody_is_alerted_before_theirs_is_over(policy: OutreachPolicy, fewest: int) -> None:
    """Of a shop with few regulars the pace is not known yet, and draws everybody's usual gap down to weeks."""
    engine = make_engine(policy, EVENT_TIME)
    last: dict[str, int] = {}
    gaps: dict[str, list[float]] = {}
    alerted: dict[str, int] = {}
    for event in yearly():
        for decision in decisions(apply_all(engine, [event])):
            who = decision.customer_id
            silence = (decision.detected_us - last[who]) / DAY_US
            assert silence >= 0.95 * fmean(gaps[who][-20:]), (who, silence, gaps[who])
            alerted[who] = decision.detected_us
        who = event.customer_id
        if who in last:
            gaps.setdefault(who, []).append((event.at_us - last[who]) / DAY_US)
        last[who] = event.at_us

    gone = {f"c{number}" for number in range(0, 60, 4)}
    assert len([who for who in gone if alerted.get(who, 0) > last[who]]) >= fewest, "those who left are noticed"
