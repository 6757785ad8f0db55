"""A customer's rhythm: the recursion against the closed form, clipping, shrinkage, bounds."""

from __future__ import annotations

from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain import cadence
from service.domain.calendar import DAY_US
from service.domain.customer import Customer
from tests.support.customers import customer_with

GAPS = st.lists(st.floats(0.5, 400), min_size=1, max_size=60)
MU0 = st.floats(-0.5, 5)


def after(gaps: list[float], mu0: float) -> Customer:
    customer = customer_with(visits=1)
    cadence.restart(customer, mu0)
    for gap, before in zip(gaps, [0.0, *gaps], strict=False):
        cadence.observe_gap(customer, gap, mu0, before)
        customer.visits += 1
    return customer


@given(gaps=GAPS, mu0=MU0)
def test_the_recursion_equals_the_closed_form_at_every_prefix(gaps: list[float], mu0: float) -> None:
    usual, clipped = mu0, list[float]()
    for count in range(1, len(gaps) + 1):
        log_gap = log(gaps[count - 1])
        clipped.append(log_gap if count == 1 else min(log_gap, max(usual + log(3), log(gaps[count - 2]))))
        weights = [0.95 ** (count - 1 - i) for i in range(count)]
        usual = (2 * mu0 + sum(w * y for w, y in zip(weights, clipped, strict=True))) / (2 + sum(weights))

        customer = after(gaps[:count], mu0)

        assert customer.log_usual == pytest.approx(usual, abs=1e-9)
        assert customer.gap_weight == pytest.approx(sum(weights))
        assert cadence.usual_gap_days(customer) == pytest.approx(exp(usual))


def test_a_long_absence_counts_as_three_usual_gaps() -> None:
    assert after([7, 7, 7, 500], log(7)).log_usual == pytest.approx(after([7, 7, 7, 21], log(7)).log_usual)
    assert after([7, 7, 7, 20], log(7)).log_usual < after([7, 7, 7, 21], log(7)).log_usual


def test_a_second_absence_in_a_row_is_a_rhythm_that_has_changed() -> None:
    after_one, after_two = after([7, 7, 7, 100, 7], log(7)), after([7, 7, 7, 100, 100], log(7))

    assert cadence.usual_gap_days(after_one) < 9
    assert cadence.usual_gap_days(after_two) > 12
    assert after([7, 7, 7, 100, 500], log(7)).log_usual == pytest.approx(
        after_two.log_usual
    )  # but up to the gap before it
    assert (
        cadence.usual_gap_days(after([1, 70, 70, 146, 154, 149], log(8))) > 20
    )  # a first day of two visits holds nobody down for long


def test_the_first_gap_is_never_an_absence_for_there_is_no_rhythm_yet() -> None:
    assert after([200.0], log(7)).log_usual == pytest.approx((2 * log(7) + log(200)) / 3)


def test_the_vote_for_the_pace_is_the_plain_mean_absences_and_all() -> None:
    assert cadence.own_mean_log_gap(after([7.0, 7.0, 500.0], log(7))) == pytest.approx((2 * log(7) + log(500)) / 3)


def test_without_a_gap_the_rhythm_is_the_populations() -> None:
    assert cadence.usual_gap_days(after([], log(11))) == pytest.approx(11)


def test_the_population_counts_like_two_gaps() -> None:
    assert after([4.0], log(32)).log_usual == pytest.approx((2 * log(32) + log(4)) / 3)


def test_with_many_gaps_the_population_hardly_counts() -> None:
    assert cadence.usual_gap_days(after([5.0] * 200, log(14))) == pytest.approx(5, rel=0.11)


@given(gaps=GAPS, mu0=MU0)
def test_the_usual_gap_lies_between_the_least_and_the_greatest_of_gaps_and_population(
    gaps: list[float], mu0: float
) -> None:
    usual = after(gaps, mu0).log_usual

    assert min(mu0, *map(log, gaps)) - 1e-9 <= usual <= max(mu0, *map(log, gaps)) + 1e-9


def test_a_gap_is_at_least_half_a_day() -> None:
    assert cadence.gap_days(0, 60_000_000) == 0.5
    assert cadence.gap_days(5, 5 + 3 * DAY_US) == 3.0


@pytest.mark.parametrize(("visits", "factor"), [(4, 0.4**0.3), (10, 1.0), (40, 4**0.3), (41, 4**0.3), (9999, 4**0.3)])
def test_patience_grows_with_evidence_up_to_forty_visits(visits: int, factor: float) -> None:
    assert cadence.patience(visits) == pytest.approx(factor)
    assert cadence.log_patience(visits) == pytest.approx(log(factor), abs=1e-12)
    customer = customer_with(visits=visits, log_usual=log(8))
    assert cadence.base_days(customer) == pytest.approx(8 * factor)


def test_the_spread_is_unknown_below_three_gaps_and_tells_habit_from_chance() -> None:
    steady, wild = after([7.0] * 20, log(7)), after([1, 30, 2, 25, 3, 40, 1, 20] * 3, log(7))
    steady_spread, wild_spread = cadence.gap_spread(steady), cadence.gap_spread(wild)

    assert cadence.gap_spread(after([7, 7], log(7))) is None
    assert steady_spread == pytest.approx(0, abs=1e-9)
    assert wild_spread is not None
    assert wild_spread > 0.8


def test_a_customer_who_slows_down_is_seen_in_the_fast_mean_first() -> None:
    customer = after([7.0] * 20 + [14.0] * 4, log(7))

    assert customer.log_recent > customer.log_usual
    assert exp(customer.log_recent) > 11
