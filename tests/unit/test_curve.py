"""Today's curve of a customer, and the dates of the rungs ahead."""

from __future__ import annotations

from math import exp

import pytest

from service.domain.learning.churn_model import ChurnModel
from service.domain.learning.learned import Learned
from service.domain.learning.silences import UNKNOWN
from service.inspect.curve import marks_days, point_of
from tests.support.engines import START_US, apply_all, decisions, make_engine, weekly
from tests.unit.test_rungs import LAST_DAY, WEEKLY, clock, policy

DAY_US = 86_400_000_000
COLD = UNKNOWN


def test_the_curve_of_a_regular_falls_by_the_table_and_rises_by_the_churn_model() -> None:
    engine = make_engine()
    apply_all(engine, WEEKLY)
    anna = engine.customers["a"]
    model = ChurnModel(stages=1, r=2.0, alpha=20.0, a=0.5, b=3.0)
    base = exp(anna.log_usual) * pow(0.8, 0.3)

    for days in (0.0, 3.5, 14.0, 21.0, 5.9 * base, 7 * base):
        found = point_of(anna, Learned(COLD, model), 4, days)
        r = days / base
        cold = 1.0 if r == 0 else 0.0 if r >= 6 else min(1.0, 0.05 * 2 ** (4 - r))
        assert found.tail_probability == pytest.approx(cold)
        still = ((20 + LAST_DAY) / (20 + LAST_DAY + days)) ** (2 + 7)
        dead = 0.5 / (3 + 7)
        assert found.churn_risk == pytest.approx(dead / (dead + still))
        assert found.silence_days == days


def test_who_is_no_regular_yet_has_a_churn_risk_only() -> None:
    engine = make_engine()
    apply_all(engine, weekly("b", 3))

    found = point_of(engine.customers["b"], engine.everybody.learned, 4, 30.0)

    assert found.tail_probability is None
    assert 0.0 < found.churn_risk < 1.0


def test_the_marks_ascend_to_the_end_of_health() -> None:
    engine = make_engine()
    apply_all(engine, WEEKLY)
    marks = marks_days(engine.customers["a"])

    assert marks == sorted(marks)
    usual = exp(engine.customers["a"].log_usual)
    assert marks[1] == pytest.approx(usual)
    assert marks[-1] == pytest.approx(6 * usual * pow(0.8, 0.3))


def test_the_rungs_ahead_are_those_that_then_come_due() -> None:
    engine = make_engine(policy())
    apply_all(engine, WEEKLY)
    told = engine.ladder.rungs_ahead(engine.customers["a"])
    assert [name for name, _ in told] == ["remind", "incentive", "last_call"]
    assert told[0][1] > START_US + LAST_DAY * DAY_US

    found = decisions(apply_all(engine, clock(list(range(LAST_DAY + 1, LAST_DAY + 90, 3)))))

    assert [(made.rung, made.detected_us) for made in found] == told
    assert engine.ladder.rungs_ahead(engine.customers["a"]) == []
