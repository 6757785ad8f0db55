"""The first months of small shops with nothing set: few silences have told little when the first regulars leave."""

from __future__ import annotations

from random import Random

import pytest

from service.domain.findings import Outcome
from service.domain.policy import ConsentRule, Measure, OutreachPolicy
from tests.support.engines import apply_all, decisions, make_engine, purchase

NOTHING_SET = OutreachPolicy(consent=ConsentRule.EXTERNAL, measure=Measure.PATIENCE)


@pytest.mark.parametrize(("customers", "left", "weeks"), [(12, 10, 24), (20, 15, 30)])
def test_weekly_customers_of_a_small_shop_who_leave_are_all_asked(customers: int, left: int, weeks: int) -> None:
    """What the first silences teach moves the moment to before the day on which the leavers are looked at: they were
    found too late for it, and most of them never got a message."""
    visits = sorted(
        (7 * week + who % 7 + 0.5 + who / 1000, who)
        for week in range(weeks)
        for who in range(customers)
        if who % 3 or week < left
    )
    told = decisions(apply_all(make_engine(NOTHING_SET), [purchase(f"c{who}", day) for day, who in visits]))
    asked = {decision.customer_id for decision in told if decision.outcome is Outcome.RELEASED}

    assert asked == {f"c{who}" for who in range(0, customers, 3)}


def test_daily_customers_who_leave_in_the_second_week_of_a_shop_are_asked() -> None:
    """They come every day or two, and no week of silence can have been seen when they begin one. That it was supposed
    to end for everybody left them alone until it was too late: of these 30, seven were asked."""
    random = Random(1)
    visits: list[tuple[float, str]] = []
    left: set[str] = set()
    for number in range(90):
        who, at = f"c{number}", random.random() * 1.4
        leaves = 8.0 + 2.0 * random.random() if number % 3 == 0 else 30.0
        while at < leaves:
            visits.append((at, who))
            at += 1.4 * random.gammavariate(4, 1 / 4)
        if leaves < 30.0:
            left.add(who)
    told = decisions(apply_all(make_engine(NOTHING_SET), [purchase(who, day) for day, who in sorted(visits)]))
    asked = {decision.customer_id for decision in told if decision.outcome is Outcome.RELEASED}

    assert len(left) == 30
    assert len(asked & left) >= 0.8 * len(left)
