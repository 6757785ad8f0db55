"""Minimum of a function of a few variables by the downhill simplex: Nelder & Mead 1965, The Computer Journal 7(4).

Own code, because what the domain computes must be the same to the last bit on every machine, and a vectorised library's
is not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from service.domain.summation import in_order

_SETTLED: Final = 1e-3
"""The search ends when the corners' values lie this close together: far less than a log likelihood tells apart."""


def minimum(function: Callable[[list[float]], float], start: list[float], step: float, evaluations: int) -> list[float]:
    """The best point found from a simplex of edge `step` around `start`, after about `evaluations` calls of the
    function."""
    points = [list(start)]
    for i in range(len(start)):
        corner = list(start)
        corner[i] += step
        points.append(corner)
    values = [function(point) for point in points]
    used = len(points)
    while True:
        order = sorted(range(len(points)), key=values.__getitem__)
        points, values = [points[i] for i in order], [values[i] for i in order]
        if used >= evaluations or values[-1] - values[0] < _SETTLED:
            return points[0]
        centre = [in_order(column) / (len(points) - 1) for column in zip(*points[:-1], strict=True)]
        worst = points[-1]
        point = _along(centre, worst, -1.0)
        value = function(point)
        used += 1
        if value < values[0]:
            farther = _along(centre, worst, -2.0)
            beyond = function(farther)
            used += 1
            if beyond < value:
                point, value = farther, beyond
        elif value >= values[-2]:
            inside = value >= values[-1]
            nearer = _along(centre, worst, 0.5 if inside else -0.5)
            contracted = function(nearer)
            used += 1
            if contracted >= min(value, values[-1]):  # nowhere better: everything moves towards the best
                points = [_along(points[0], other, 0.5) for other in points]
                values[1:] = [function(other) for other in points[1:]]
                used += len(points) - 1
                continue
            point, value = nearer, contracted
        points[-1], values[-1] = point, value


def _along(origin: list[float], towards: list[float], share: float) -> list[float]:
    return [a + share * (b - a) for a, b in zip(origin, towards, strict=True)]
