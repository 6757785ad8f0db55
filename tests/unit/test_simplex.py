"""The downhill simplex: where the minimum is known it is found, and nobody ends worse than they began."""

from __future__ import annotations

from itertools import pairwise
from math import hypot

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.learning.simplex import minimum

STARTS = st.lists(st.floats(-3, 3), min_size=4, max_size=4)


def valley(point: list[float]) -> float:
    """Rosenbrock's banana in four dimensions, its lowest point at (1, 1, 1, 1)."""
    return sum(100 * (y - x * x) ** 2 + (1 - x) ** 2 for x, y in pairwise(point))


def bowl(point: list[float]) -> float:
    """A tilted ellipse with axes of very different lengths around (1, −2, 3, 0.5)."""
    x, y, z, w = point[0] - 1, point[1] + 2, point[2] - 3, point[3] - 0.5
    return (x + y) ** 2 + 10 * (y - z) ** 2 + 30 * z * z + 3 * (w + x) ** 2


class Counted:
    """A function that remembers the points it was asked for."""

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale
        self.calls = 0

    def __call__(self, point: list[float]) -> float:
        self.calls += 1
        return self.scale * valley(point)


@pytest.mark.parametrize("start", [[0.0, 0.0, 0.0, 0.0], [5.0, -5.0, 5.0, -5.0], [1.0, -2.0, 3.0, 0.5]])
def test_the_bottom_of_a_bowl_is_found_from_anywhere(start: list[float]) -> None:
    found = minimum(lambda point: 1e4 * bowl(point), start, 0.3, 600)

    assert found == pytest.approx([1, -2, 3, 0.5], abs=0.01)


def test_the_end_of_a_curved_valley_is_found() -> None:
    found = minimum(lambda point: 1e6 * valley(point), [-1.2, 1.0, -0.5, 1.0], 0.5, 4000)

    assert found == pytest.approx([1, 1, 1, 1], abs=0.01)


@given(start=STARTS, step=st.floats(0.01, 2), evaluations=st.integers(0, 300))
def test_the_point_found_is_never_worse_than_the_start(start: list[float], step: float, evaluations: int) -> None:
    before = list(start)

    found = minimum(valley, start, step, evaluations)

    assert valley(found) <= valley(before)
    assert start == before


@given(start=STARTS, evaluations=st.integers(5, 300))
def test_the_function_is_called_about_as_often_as_allowed(start: list[float], evaluations: int) -> None:
    function = Counted(1e30)  # so steep that the corners never lie close enough together to end the search

    minimum(function, start, 0.3, evaluations)

    assert evaluations <= function.calls <= evaluations + 5, (
        "one more round: at most a reflection, a contraction and 4 corners"
    )


@given(start=STARTS)
def test_the_search_ends_when_the_corners_no_longer_differ(start: list[float]) -> None:
    function = Counted(1e-9)

    minimum(function, start, 0.3, 10_000)

    assert function.calls == 5


def test_a_search_can_be_continued_from_where_it_stopped() -> None:
    point = [-1.2, 1.0, -0.5, 1.0]
    values = [valley(point)]

    for _ in range(40):
        point = minimum(lambda at: 1e6 * valley(at), point, 0.3, 60)
        values.append(valley(point))

    assert values == sorted(values, reverse=True)
    assert hypot(*(x - 1 for x in point)) < 0.1
