"""Sums of floats do not depend on the version of Python."""

from __future__ import annotations

from functools import reduce
from operator import add

from hypothesis import given
from hypothesis import strategies as st

from service.domain.summation import in_order


def test_what_is_rounded_off_stays_off() -> None:
    """Compensated, as the built-in sum of Python 3.12 is, it would be 2."""
    assert in_order([1.0, 1e100, 1.0, -1e100]) == 0.0


def test_nothing_adds_up_to_nothing() -> None:
    assert in_order([]) == 0.0


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_values_are_added_from_left_to_right(values: list[float]) -> None:
    assert in_order(iter(values)) == reduce(add, values, 0.0)
