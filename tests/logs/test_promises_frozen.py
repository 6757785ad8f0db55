"""Promises hold while the shop grows, in its first months, and where nothing is learned any more: frozen is what was
learned, not the purse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import expm1, log1p
from random import Random
from zoneinfo import ZoneInfo

import pytest

from service.domain.calendar import NEVER, Calendar
from service.domain.engine import Engine
from service.domain.events import Event
from service.domain.outreach.realised import FEWEST_WRONG, ClassRealised, totals
from service.domain.policy import Measure, OutreachPolicy, Policy
from tests.support.engines import EVENT_TIME, OPEN_HOUSE, at, purchase


@dataclass(frozen=True)
class Shop:
    customers: int
    days: float
    growth: float
    """e-folds of new customers."""
    leave: float
    """Chance that a visit is the last."""


YOUNG = Shop(customers=1200, days=150.0, growth=2.5, leave=0.1)
"""Its bucket grows all the time: a volume lost a tenth to it."""
OLDER = Shop(customers=900, days=240.0, growth=2.0, leave=0.05)
FROZEN = pytest.mark.parametrize("frozen", [False, True], ids=["learning", "frozen"])


@cache
def log(shop: Shop) -> Sequence[Event]:
    """Ever more customers join, come about every week, and leave some day."""
    random = Random(11)
    events: list[Event] = []
    for number in range(shop.customers):
        day = shop.days * log1p(random.random() * expm1(shop.growth)) / shop.growth
        mine = 7.0 * random.lognormvariate(0.0, 0.4)
        while day < shop.days:
            events.append(purchase(f"c{number}", day))
            if random.random() < shop.leave:
                break
            day += mine * random.lognormvariate(-0.15, 0.55)
    return sorted(events, key=lambda event: event.at_us)


def second_half(shop: Shop, policy: OutreachPolicy, *, frozen: bool) -> list[ClassRealised]:
    """What became of everybody's alerts, by class of visits; all together last."""
    timed = Policy(timing=EVENT_TIME, outreach=policy)
    engine = Engine(timed, Calendar(ZoneInfo("UTC")), learn_until_us=at(shop.days / 2.0) if frozen else NEVER)
    engine.everybody.state.next_fit_us = NEVER  # the churn model has no part in this
    events = log(shop)
    early = [event for event in events if event.at_us < at(shop.days / 2.0)]
    for event in early:
        engine.apply(event)
    before = totals([engine.state.realised])
    for event in events[len(early) :]:
        engine.apply(event)
    return [now.minus(then) for now, then in zip(totals([engine.state.realised]), before, strict=True)]


@FROZEN
@pytest.mark.parametrize("promised", [3.0, 6.0])
def test_a_volume_is_kept_while_the_shop_grows(promised: float, *, frozen: bool) -> None:
    found = second_half(YOUNG, replace(OPEN_HOUSE, volume_per_100_visits=promised), frozen=frozen)[-1]

    assert found.not_chosen > found.alerts, "there were more silences than messages"
    assert found.alerts_per_100_visits() == pytest.approx(promised, rel=0.1)


@FROZEN
def test_a_budget_is_kept_for_every_class_of_visits(*, frozen: bool) -> None:
    found = second_half(OLDER, replace(OPEN_HOUSE, measure=Measure.BUDGET, level=1.0), frozen=frozen)

    assert found[-1].wrong_alerts >= FEWEST_WRONG
    assert found[-1].wrong_per_year() == pytest.approx(1.0, rel=0.2)
    for each in found:
        chance = 2.0 / max(1, each.wrong_alerts) ** 0.5
        assert each.wrong_per_year() == pytest.approx(1.0, rel=0.2 + chance)
