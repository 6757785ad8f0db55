"""What is learned from everybody: the shop's pace, when it is refreshed, what a regular is worth."""

from __future__ import annotations

from math import log

import pytest

from service.domain.learning.population import REFRESH_US, Population

TODAY = 18_500


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


def test_without_regulars_their_mean_revenue_is_unknown() -> None:
    population = Population()
    assert population.mean_regular_revenue_minor() is None

    population.regular_joined(1.0, 300)
    population.regular_joined(1.0, 500)

    assert population.mean_regular_revenue_minor() == 400
