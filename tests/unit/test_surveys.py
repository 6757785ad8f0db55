"""NPS, CSAT, CES: worked examples and the margin's behaviour."""

from __future__ import annotations

import pytest

from service.domain.periods.surveys import ces_favourable, ces_mean, csat, nps, nps_margin


def test_sixty_promoters_and_fifteen_detractors_of_a_hundred_make_45() -> None:
    assert nps(60, 25, 15) == 45


def test_the_extremes_are_minus_and_plus_a_hundred() -> None:
    assert (nps(3, 0, 0), nps(0, 0, 3), nps(0, 3, 0)) == (100, -100, 0)


def test_without_answers_nothing_is_claimed() -> None:
    assert nps(0, 0, 0) is None
    assert nps_margin(0, 0, 0) is None
    assert csat(0, 0) is None
    assert ces_mean(0, 0) is None
    assert ces_favourable(0, 0) is None


def test_zero_is_a_result_when_somebody_answered() -> None:
    assert csat(0, 4) == 0
    assert ces_favourable(0, 4) == 0


def test_the_margin_is_the_adjusted_wald_one() -> None:
    # by hand: n + 3 = 103, p = 60.75 / 103, d = 15.75 / 103, 1.96 * sqrt((p + d - (p - d)^2) / 103)
    p, d = 60.75 / 103, 15.75 / 103

    assert nps_margin(60, 25, 15) == pytest.approx(100 * 1.959963985 * ((p + d - (p - d) ** 2) / 103) ** 0.5, rel=1e-9)
    assert nps_margin(60, 25, 15) == pytest.approx(14.346, abs=0.001)


def test_the_margin_is_not_zero_when_all_agree_and_shrinks_with_the_root_of_the_answers() -> None:
    few, many = nps_margin(5, 0, 0), nps_margin(6000, 2500, 1500)
    quarter = nps_margin(1500, 625, 375)

    assert few is not None
    assert few > 20
    assert many is not None
    assert quarter is not None
    assert quarter / many == pytest.approx(2, rel=1e-2)


def test_csat_is_a_percentage_and_ces_a_mean() -> None:
    assert csat(3, 4) == 75
    assert ces_mean(5 + 7 + 3, 3) == 5
    assert ces_favourable(2, 3) == pytest.approx(66.6666666667)
