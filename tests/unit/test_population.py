"""What is learned from everybody: the curve against a batch computation, its inverse, and the cold start."""

from __future__ import annotations

from math import exp, log
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.calendar import DAY_US
from service.domain.population import REFRESH_US, Population
from tests.support import reference_rule as reference

TODAY = 18_500


def learned(seed: int, closed: int = 300, open_: int = 80) -> Population:
    """A population with so many closed gaps over ten weeks, and silences that are still open."""
    random = Random(seed)
    population = Population()
    population.begin((TODAY - 70) * DAY_US)
    for week in range(10):
        for _ in range(closed // 10):
            population.gap_closed(random.lognormvariate(0, 0.8))
        if week == 9:
            for _ in range(open_):
                population.silence_begins(TODAY - random.randrange(200), random.gauss(2, 1.2))
        population.refresh(TODAY)
    return population


@pytest.mark.parametrize("seed", range(5))
def test_the_curve_equals_a_batch_kaplan_meier_with_censoring(seed: int) -> None:
    random = Random(seed)
    population = Population()
    population.begin(0)
    gaps: list[tuple[float, int]] = []
    silences: list[tuple[int, float]] = []
    for week in range(12):
        for _ in range(random.randrange(40)):
            gaps.append((random.lognormvariate(0, 1.2), week))
            population.gap_closed(gaps[-1][0])
        for _ in range(10):
            silences.append((TODAY - random.randrange(300), random.gauss(1, 1.5)))
            population.silence_begins(*silences[-1])
            if random.random() < 0.5:
                population.silence_gone(*silences.pop(random.randrange(len(silences))))
        population.refresh(TODAY)

    closed = [(r, 0.5 ** ((12 - week) * 7 / 180)) for r, week in gaps]
    censored = [
        ((TODAY - day + 0.5) / exp((log_base // 0.1 + 0.5) * 0.1), 0.5 ** ((TODAY - day + 0.5) / 180))
        for day, log_base in silences
    ]
    assert population.state.curve == pytest.approx(reference.survival_at_edges(closed, censored), rel=1e-9)


@pytest.mark.parametrize("log_base", [-0.69, -0.35, -0.05, 0.05, 2.34])
def test_the_base_of_an_open_silence_is_kept_to_five_percent(log_base: float) -> None:
    population = Population()

    population.silence_begins(TODAY, log_base)

    ((cell,),) = population._open.values()
    assert (cell + 0.5) * 0.1 == pytest.approx(log_base, abs=0.0501)


@given(seed=st.integers(0, 50), share=st.floats(0.002, 0.5))
def test_multiple_inverts_the_tail_probability(seed: int, share: float) -> None:
    population = learned(seed)

    assert population.tail_probability(population.multiple(share)) == pytest.approx(share, rel=1e-6)


@given(seed=st.integers(0, 20), r=st.floats(0.01, 7), further=st.floats(0, 3))
def test_the_tail_probability_falls_from_one_to_zero(seed: int, r: float, further: float) -> None:
    population = learned(seed)

    assert population.tail_probability(0) == 1.0
    assert 0 <= population.tail_probability(r + further) <= population.tail_probability(r) <= 1
    assert population.tail_probability(6) == 0.0


def test_multiples_fall_as_the_share_grows() -> None:
    multiples = learned(1).multiples()

    assert multiples == sorted(multiples, reverse=True)
    assert len(multiples) == 65
    assert multiples[0] == pytest.approx(learned(1).multiple(0.002))
    assert multiples[-1] == pytest.approx(learned(1).multiple(0.5))


def test_a_cold_start_waits_four_bases_for_five_percent_and_three_for_ten() -> None:
    assert Population().multiple(0.05) == pytest.approx(4)
    assert Population().multiple(0.10) == pytest.approx(3)


@given(share=st.floats(0.0126, 0.34))
def test_a_cold_start_inverts_too(share: float) -> None:
    assert Population().tail_probability(Population().multiple(share)) == pytest.approx(share)


def test_under_thirty_closed_gaps_the_cold_start_stays() -> None:
    population = learned(0, closed=30)

    assert sum(population.state.closed) < 30
    assert population.state.curve == []
    assert population.multiple(0.05) == pytest.approx(4)


def test_the_pace_of_the_shop_needs_thirty_regulars() -> None:
    population = Population()
    population.begin(0)
    for _ in range(29):
        population.regular_joined(log(5), 100)
    population.refresh(TODAY)
    assert population.mu0 == pytest.approx(log(14))

    population.regular_joined(log(5), 100)
    population.refresh(TODAY)
    assert population.mu0 == pytest.approx(log(5))

    population.vote(log(50), log(5))
    population.regular_left(log(5), 100)
    population.regular_joined(log(5), 100)
    population.refresh(TODAY)
    assert population.mu0 == pytest.approx((29 * log(5) + log(50)) / 30)


def test_refreshes_fall_on_whole_weeks_since_the_epoch() -> None:
    population = Population()

    population.begin(5 * REFRESH_US)
    first = population.next_refresh_us
    population.refresh(TODAY)

    assert (first, population.next_refresh_us) == (6 * REFRESH_US, 7 * REFRESH_US)


def test_old_gaps_halve_in_180_days() -> None:
    population = Population()
    population.begin(0)
    for _ in range(1000):
        population.gap_closed(1.0)
    population.refresh(TODAY)
    once = sum(population.state.closed)

    for _ in range(180):
        population.refresh(TODAY)

    assert sum(population.state.closed) == pytest.approx(once * 0.5**7)


def test_a_silence_that_is_gone_leaves_nothing_behind() -> None:
    population = Population()

    population.silence_begins(TODAY, 2.0)
    population.silence_begins(TODAY, 2.0)
    population.silence_gone(TODAY, 2.0)
    population.silence_gone(TODAY, 2.0)
    population.silence_gone(TODAY, 2.0)

    assert population._open == {}


def test_without_regulars_their_mean_revenue_is_unknown() -> None:
    population = Population()
    assert population.mean_regular_revenue_minor() is None

    population.regular_joined(1.0, 300)
    population.regular_joined(1.0, 500)

    assert population.mean_regular_revenue_minor() == 400
