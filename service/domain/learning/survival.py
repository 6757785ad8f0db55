"""A survival curve over lengths of silence, to be read off anywhere: its value, its integral, the mean healthy gap.

The grid is that of silences.py: log-bins from 0.02 to 40 bases of a customer, the curve given at their upper edges and
straight between them. Immutable; reading off costs O(1).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log
from typing import Final

from service.domain.cadence import HEALTHY_BASES

BINS: Final = 60
LOW: Final = log(0.02)
HIGH: Final = log(40.0)
STEP: Final = (HIGH - LOW) / BINS
EDGES: Final[list[float]] = [0.0, *(exp(LOW + STEP * index) for index in range(BINS + 1))]
"""Bases: 0, then the upper edge of every bin."""
_LAST: Final = len(EDGES) - 1
_LEAST: Final = 1e-3
"""Bases below which no mean healthy gap lies: visits are a day apart at least."""


class Survival:
    """S(r): share of silences that are still open after r bases, absences included."""

    def __init__(self, curve: Sequence[float]) -> None:
        """`curve`: falling, at the upper edge of each of the `BINS` + 1 bins."""
        self._open: list[float] = [1.0, *curve]
        whole = 0.0
        self._whole: list[float] = [0.0]
        for index in range(1, _LAST + 1):
            width = EDGES[index] - EDGES[index - 1]
            whole += 0.5 * (self._open[index] + self._open[index - 1]) * width
            self._whole.append(whole)
        still = self.at(HEALTHY_BASES)
        healthy = (self.until(HEALTHY_BASES) - still * HEALTHY_BASES) / max(1e-9, 1.0 - still)
        self.mean_healthy: Final = max(_LEAST, healthy)
        """Mean of the gaps that close within 6 bases, in bases."""

    def at(self, bases: float) -> float:
        """S, 0–1; beyond the grid its last value."""
        index = _place(bases)
        part = (min(bases, EDGES[_LAST]) - EDGES[index]) / (EDGES[index + 1] - EDGES[index])
        return self._open[index] + part * (self._open[index + 1] - self._open[index])

    def until(self, bases: float) -> float:
        """∫₀ S, in bases; up to the end of the grid at most."""
        return self.both(bases)[1]

    def both(self, bases: float) -> tuple[float, float]:
        """`at` and `until`."""
        index = _place(bases)
        width = min(bases, EDGES[_LAST]) - EDGES[index]
        begin = self._open[index]
        falls = (self._open[index + 1] - begin) / (EDGES[index + 1] - EDGES[index])
        return begin + falls * width, self._whole[index] + (begin + 0.5 * falls * width) * width


def _place(bases: float) -> int:
    """Index of the edge at or before so many bases; never the last."""
    if bases < EDGES[1]:
        return 0
    return max(1, min(_LAST - 1, 1 + int((log(bases) - LOW) / STEP)))
