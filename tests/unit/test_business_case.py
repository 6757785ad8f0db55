"""The business case on absences few enough to count by hand, and against a shop that is drawn many times."""

from __future__ import annotations

import random
from math import inf
from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.backtest.absences import Absences
from service.backtest.comparison import RuleComparison
from service.domain.learning.churn_model import ChurnModel
from service.report.business import (
    POINTS,
    Ahead,
    Numbers,
    ahead_of,
    break_even_points,
    expected,
    left_over,
)

SPAN = 1e9
"""So long that what its end cuts off is nothing."""
USUAL = 10.0


def absences(*rows: tuple[float, bool, float]) -> Absences:
    """(gap, returned, alert after so many days)"""
    made = Absences(span=SPAN, sampled_share=1.0, whole_days=False)
    for gap, returned, alerted in rows:
        made.visits.append(5)
        made.gap.append(gap)
        made.returned.append(returned)
        made.left.append(SPAN)
        for column in (made.usual, made.mean, made.median, made.recency, made.base):
            column.append(USUAL)
        made.alerted.append(alerted)
        for column in made.tolerated:
            column.append(inf)
        made.models.append(ChurnModel())
    return made


def ahead(*amounts: float) -> Ahead:
    """Of alerts at which so much is still ahead."""
    mean, square = fmean(amounts), fmean(each * each for each in amounts)
    return Ahead(len(amounts), 1.0, mean, square, mean, square)


def test_what_is_ahead_at_an_alert_are_its_visits_at_what_a_visit_of_that_customer_brings() -> None:
    found = absences((200.0, False, 20.0), (25.0, True, 15.0), (30.0, True, inf))
    comparison = RuleComparison(found)

    told = ahead_of(comparison, list(found.alerted), [500.0, 100.0, 9_999.0])

    assert told is not None
    assert told.alerts == 2
    assert told.visits == pytest.approx((2.0 + 1.0) / 2, rel=1e-6)
    assert told.mean_minor == pytest.approx((2.0 * 500 + 1.0 * 100) / 2, rel=1e-6)
    assert told.square == pytest.approx((1000.0**2 + 100.0**2) / 2, rel=1e-6)
    assert told.far_mean_minor == pytest.approx((6.0 * 500 + 1.0 * 100) / 2, rel=1e-6)


def test_it_adds_up_what_the_comparison_counts_as_captured() -> None:
    found = absences((200.0, False, 22.0), (25.0, True, 15.0), (38.0, True, 12.5), (9.0, True, 12.0))
    comparison = RuleComparison(found)

    told = ahead_of(comparison, list(found.alerted), [1.0] * 4)

    performance = comparison.policy()
    assert told is not None
    assert told.alerts == performance.alerts == 3
    assert told.alerts * told.mean_minor == pytest.approx(performance.captured_4)
    assert told.alerts * told.far_mean_minor == pytest.approx(performance.captured_8)


def test_without_an_alert_nothing_can_be_told() -> None:
    found = absences((200.0, False, inf))

    assert ahead_of(RuleComparison(found), list(found.alerted), [500.0]) is None


def test_at_the_break_even_effect_nothing_is_left_and_nothing_is_missing() -> None:
    numbers = Numbers(margin=0.4, offer_cost_minor=200.0)

    points = break_even_points(4_000.0, numbers)

    assert points is not None
    assert points == pytest.approx(12.5)
    revenue = 1_000 * points / 100 * 4_000
    assert numbers.margin * revenue - 1_000 * numbers.offer_cost_minor == pytest.approx(0.0)
    assert break_even_points(0.0, numbers) is None


def test_what_is_left_is_the_margin_on_the_sales_less_the_cost_of_every_message() -> None:
    numbers = Numbers(margin=0.5, offer_cost_minor=100.0)
    found = expected(ahead(4_000.0, 4_000.0), 1_000.0, 5)

    left = left_over(found, 1_000.0, numbers)

    assert found.people == pytest.approx(50.0)
    assert found.revenue_minor == pytest.approx(200_000.0)
    assert left.minor == pytest.approx(0.5 * 200_000 - 100_000)
    assert left.low_minor < left.minor < left.high_minor


@given(
    st.lists(st.floats(0.0, 1e6), min_size=1, max_size=40), st.floats(1.0, 1e5), st.sampled_from(POINTS)
)  # fmt: skip
def test_the_range_holds_the_expectation_and_grows_with_the_effect(
    amounts: list[float], messages: float, points: int
) -> None:
    found, more = (expected(ahead(*amounts), messages, each) for each in (points, 2 * points))

    assert 0.0 <= found.low_minor <= found.revenue_minor <= found.high_minor
    assert more.revenue_minor == pytest.approx(2 * found.revenue_minor)


def test_the_range_holds_what_ninety_five_of_a_hundred_years_bring() -> None:
    """Years are drawn with an effect of known size, each judged by a past of its own."""
    rng = random.Random(5)
    messages, alerts, points = 400, 150, 10
    inside, revenues = 0, []
    for _ in range(2_000):
        past = [rng.lognormvariate(8.0, 0.7) for _ in range(alerts)]
        year = sum(rng.lognormvariate(8.0, 0.7) for _ in range(messages) if rng.random() < points / 100)
        told = expected(ahead(*past), messages, points)
        inside += told.low_minor <= year <= told.high_minor
        revenues.append(year - told.revenue_minor)

    assert 0.93 <= inside / 2_000 <= 0.97
    assert abs(fmean(revenues)) < 4 * pstdev(revenues) / 2_000**0.5
