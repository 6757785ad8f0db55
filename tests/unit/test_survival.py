"""A survival curve read off between its bins: against a batch integral, and at its ends."""

from __future__ import annotations

from math import exp

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.cadence import HEALTHY_BASES
from service.domain.learning.survival import BINS, EDGES, Survival

FALLING = st.lists(st.floats(0.9, 1.0), min_size=BINS + 1, max_size=BINS + 1).map(
    lambda drops: [float(value) for value in np.cumprod(drops)]
)
BASES = st.floats(0.0, EDGES[-1])


@given(FALLING, BASES)
def test_it_is_straight_between_the_edges(curve: list[float], bases: float) -> None:
    assert Survival(curve).at(bases) == pytest.approx(float(np.interp(bases, EDGES, [1.0, *curve])), abs=1e-9)


@given(FALLING, BASES)
def test_its_integral_is_that_of_the_trapezium_rule(curve: list[float], bases: float) -> None:
    edges = np.array([*(edge for edge in EDGES if edge < bases), bases])
    heights = np.interp(edges, EDGES, [1.0, *curve])

    assert Survival(curve).until(bases) == pytest.approx(float(np.trapezoid(heights, edges)), abs=1e-9)


@given(FALLING)
def test_beyond_the_grid_it_stays_where_it_ends(curve: list[float]) -> None:
    lasts = Survival(curve)

    assert lasts.at(EDGES[-1] * 3.0) == pytest.approx(curve[-1])
    assert lasts.until(EDGES[-1] * 3.0) == pytest.approx(lasts.until(EDGES[-1]))


@pytest.mark.parametrize("lost", [0.0, 0.1, 0.5])
def test_the_mean_healthy_gap_knows_nothing_of_those_who_are_gone(lost: float) -> None:
    """Exponential gaps of mean 1, of which those up to 6 count."""
    curve = [lost + (1.0 - lost) * exp(-edge) for edge in EDGES[1:]]
    within = 1.0 - exp(-HEALTHY_BASES)
    expected = (within - HEALTHY_BASES * exp(-HEALTHY_BASES)) / within

    assert Survival(curve).mean_healthy == pytest.approx(expected, rel=0.01)
