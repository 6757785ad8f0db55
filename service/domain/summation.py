"""Sums that are the same to the last bit everywhere.

The built-in `sum` of floats adds from left to right up to Python 3.11 and compensates for what is rounded off from 3.12
on (Neumaier), so that a worker would learn other numbers after an upgrade of Python. `math.fsum`, which is exact,
serves as well where a sum is new.
"""

from __future__ import annotations

from collections.abc import Iterable


def in_order(values: Iterable[float]) -> float:
    """Σ of the values, from left to right, rounded at every step; 0.0 of none.

    >>> in_order([1.0, 1e100, 1.0, -1e100])
    0.0
    """
    total = 0.0
    for value in values:
        total += value
    return total
