"""What is learned from everybody: the shop's pace, when it is refreshed, what a regular is worth."""

from __future__ import annotations

from math import log

import pytest

from service.domain.customer import Customer
from service.domain.learning.everybody import REFRESH_US, Everybody

TODAY = 18_500


def test_the_pace_of_the_shop_needs_thirty_regulars() -> None:
    everybody = Everybody()
    everybody.begin(0)
    for _ in range(29):
        everybody.population.joined(log(5), 100)
    everybody.refresh(TODAY, Customer)
    assert everybody.mu0 == pytest.approx(log(14))

    everybody.population.joined(log(5), 100)
    everybody.refresh(TODAY, Customer)
    assert everybody.mu0 == pytest.approx(log(5))

    everybody.population.voted(log(50), log(5))
    everybody.population.left(log(5), 100)
    everybody.population.joined(log(5), 100)
    everybody.refresh(TODAY, Customer)
    assert everybody.mu0 == pytest.approx((29 * log(5) + log(50)) / 30)


def test_refreshes_fall_on_whole_weeks_since_the_epoch() -> None:
    everybody = Everybody()

    everybody.begin(5 * REFRESH_US)
    first = everybody.next_refresh_us
    everybody.refresh(TODAY, Customer)

    assert (first, everybody.next_refresh_us) == (6 * REFRESH_US, 7 * REFRESH_US)


def test_without_regulars_their_mean_revenue_is_unknown() -> None:
    everybody = Everybody()
    assert everybody.population.mean_regular_revenue_minor() is None

    everybody.population.joined(1.0, 300)
    everybody.population.joined(1.0, 500)

    assert everybody.population.mean_regular_revenue_minor() == 400
