"""Where a rising question changes its answer: found by halving, the same on every machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

HALVINGS: Final = 30
"""Of the interval: what is left of it is a billionth."""


def bracket(beyond: Callable[[float], bool], low: float, high: float) -> tuple[float, float]:
    """Two numbers next to each other, within `low` to `high`, between which `beyond` turns from false to true; near
    `low` where it is always true, near `high` where it never is."""
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        if beyond(middle):
            high = middle
        else:
            low = middle
    return low, high
