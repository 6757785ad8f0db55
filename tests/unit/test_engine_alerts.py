"""The engine's detections equal the quiet rule done the long way (tests/support/reference_rule.py)."""

from __future__ import annotations

from math import exp

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.events import Event
from service.domain.findings import Output
from service.domain.learning.everybody import Everybody
from service.domain.outreach.tolerance import Tolerance, first_days
from service.domain.policy import ConsentRule, Measure, OutreachPolicy
from tests.support import reference_rule as reference
from tests.support.engines import apply_all, decisions, detections, make_engine, purchase, shop_log
from tests.support.examples import examples

ROUNDING_US = 200
"""The reference adds up in another order; over a silence of months that makes some microseconds."""
LEVELS = [(Measure.BUDGET, 1.0), (Measure.BUDGET, 4.0), (Measure.PROBABILITY, 0.05), (Measure.MULTIPLE, 2.5)]


def policy(measure: Measure, level: float) -> OutreachPolicy:
    return OutreachPolicy(measure=measure, level=level, consent=ConsentRule.EXTERNAL)


def in_time(log: list[Event]) -> list[Event]:
    return sorted(log, key=lambda event: event.at_us)


def assert_equal(outputs: list[Output], expected: list[tuple[str, int, int]]) -> None:
    found = sorted(detections(outputs), key=lambda alert: (alert[0], alert[1]))
    expected = sorted(expected, key=lambda alert: (alert[0], alert[1]))
    assert [alert[:2] for alert in found] == [alert[:2] for alert in expected]
    for mine, theirs in zip(found, expected, strict=True):
        assert abs(mine[2] - theirs[2]) <= ROUNDING_US


@pytest.mark.parametrize(("measure", "level"), LEVELS)
@settings(max_examples=examples(4), deadline=None)
@given(seed=st.integers(0, 2**32), customers=st.integers(1, 12), days=st.integers(20, 250))
def test_a_small_shop_is_alerted_by_the_rule_as_written(
    measure: Measure, level: float, seed: int, customers: int, days: int
) -> None:
    log = in_time(shop_log(seed, customers=customers, days=days))
    if not log:
        return

    outputs = apply_all(make_engine(policy(measure, level)), log)

    assert_equal(outputs, reference.alerts([(e.customer_id, e.at_us) for e in log], measure.value, level))


@pytest.mark.parametrize(("measure", "level"), LEVELS[:3])
@pytest.mark.parametrize("seed", range(2))
def test_a_shop_that_has_learned_its_own_curve_is_alerted_by_the_rule_as_written(
    measure: Measure, level: float, seed: int
) -> None:
    log = in_time(shop_log(seed, customers=45, days=120))
    engine = make_engine(policy(measure, level))
    learned: list[reference.Shop] = []

    outputs = apply_all(engine, log)

    expected = reference.alerts([(e.customer_id, e.at_us) for e in log], measure.value, level, learned.append)
    tolerances, shop = engine.everybody.learned.tolerances, learned[0]
    assert tolerances.table, "the shop must be big enough to leave the cold start"
    for row, kind in zip(tolerances.table, reference.KINDS, strict=True):
        assert row == pytest.approx(shop.table[kind], abs=1e-9)
    for curve, own in zip(tolerances.classes, shop.classes, strict=True):
        assert curve == pytest.approx(own, rel=1e-9)
    assert tolerances.class_weights == pytest.approx(shop.class_weights, rel=1e-9, abs=1e-9)
    assert tolerances.kappa == pytest.approx(shop.kappa, rel=1e-9)
    assert 0.5 < tolerances.kappa < 4.0
    assert engine.everybody.mu0 == pytest.approx(shop.mu0, rel=1e-9)
    assert engine.everybody.mu0 != Everybody().mu0
    assert len(expected) > 20
    assert_equal(outputs, expected)


@pytest.mark.parametrize(("measure", "level"), LEVELS)
@pytest.mark.parametrize("gaps", [(90, 90, 90, 90), (90, 7, 7, 7, 7), (7, 90, 7, 7, 7)])
def test_a_long_first_gap_is_the_rhythm_and_a_later_one_an_absence(
    measure: Measure, level: float, gaps: tuple[int, ...]
) -> None:
    days = [sum(gaps[:n]) + 0.5 for n in range(len(gaps) + 1)]
    log: list[Event] = [*(purchase("a", day) for day in days), purchase("b", 2000.0)]

    outputs = apply_all(make_engine(policy(measure, level)), log)

    expected = reference.alerts([(event.customer_id, event.at_us) for event in log], measure.value, level)
    assert expected
    assert_equal(outputs, expected)


def test_a_budget_is_the_share_that_makes_so_many_wrong_alerts_in_a_year() -> None:
    """A healthy year has 365 / (κ û) gaps, of which the share q is stopped by an alert, one in five at most."""
    engine = make_engine(policy(Measure.BUDGET, 1.0))
    apply_all(engine, in_time(shop_log(5, customers=60, days=150)))
    tolerances = engine.everybody.learned.tolerances
    regulars = [customer for customer in engine.customers.values() if customer.visits >= 4]
    assert tolerances.table
    assert abs(tolerances.kappa - 1.0) > 0.01, "else the test would not see κ"

    compared = 0
    for customer in regulars:
        gaps_a_year = 365 / (tolerances.kappa * exp(customer.log_usual))
        for share in (0.003, 0.011, 0.05, 0.2, 0.45):
            if share * gaps_a_year <= 50:  # no policy allows more
                budget = Tolerance(policy(Measure.BUDGET, share * gaps_a_year), engine.everybody)
                same = Tolerance(policy(Measure.PROBABILITY, min(0.2, share)), engine.everybody)
                assert budget.days(customer, 0) == pytest.approx(same.days(customer, 0), rel=1e-9)
                compared += 1
    assert compared > 100


def test_what_several_budgets_tolerate_is_found_at_once_to_the_last_bit() -> None:
    engine = make_engine(policy(Measure.BUDGET, 1.0))
    apply_all(engine, in_time(shop_log(5, customers=60, days=150)))
    budgets = [Tolerance(policy(Measure.BUDGET, level), engine.everybody) for level in (0.25, 1.0, 4.0, 50.0)]
    assert engine.everybody.learned.tolerances.table

    for customer in engine.customers.values():
        assert first_days(budgets, customer) == [budget.days(customer, 0) for budget in budgets]


def test_no_alert_before_the_fourth_visit() -> None:
    log: list[Event] = [purchase("a", day) for day in (0.1, 7.1, 14.1)]

    outputs = apply_all(make_engine(), [*log, purchase("b", 400.0)])

    assert detections(outputs) == []


def test_the_evidence_of_an_alert_holds_the_numbers_it_rests_on() -> None:
    log: list[Event] = [purchase("a", 0.5 + 7 * n) for n in range(6)]

    outputs = apply_all(make_engine(policy(Measure.PROBABILITY, 0.05)), [*log, purchase("b", 400.0)])

    (alert,) = decisions(outputs)
    assert alert.evidence.visits == 6
    assert alert.evidence.tail_probability == pytest.approx(0.05, rel=1e-6)
    assert alert.evidence.gap_days * 86_400e6 == pytest.approx(alert.detected_us - alert.quiet_since_us)
    assert alert.evidence.orders == 6
    assert alert.evidence.lifetime_value_minor == 6000
    assert 7.0 < alert.evidence.usual_gap_days < 9.0
    assert alert.episode_id == "2020-09-30"
