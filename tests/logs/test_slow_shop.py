"""A shop is a shop at any pace: promises hold also where customers come every two months instead of every week."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from random import Random

import pytest

from service.domain.calendar import NEVER
from service.domain.engine import Engine
from service.domain.events import Event
from service.domain.outreach.realised import ClassRealised, totals
from service.domain.policy import Measure, OutreachPolicy
from tests.support.engines import EVENT_TIME, OPEN_HOUSE, make_engine, purchase

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
