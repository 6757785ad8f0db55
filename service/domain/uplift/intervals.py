"""Differences between two arms with 95 % intervals, from sums alone.

    shares     Newcombe 1998, "Interval estimation for the difference between independent proportions: comparison of
               eleven methods", Statistics in Medicine 17(8), method 10: from the Wilson intervals of both
    means      Welch 1947, "The generalization of 'Student's' problem when several different population variances are
               involved", Biometrika 34(1/2), with the degrees of freedom of Satterthwaite 1946
    adjusted   Lin 2013, "Agnostic notes on regression adjustments to experimental data", Annals of Applied Statistics
               7(1): a regression on what was expected anyway in each arm for itself, compared at everybody's mean. Like
               CUPED (Deng, Xu, Kohavi & Walker 2013, WSDM) it is unbiased whatever the expectation is worth, and the
               narrower the better it was; unlike one slope for both it never loses by arms of different size. Its
               standard error takes each arm's residuals as they are, so unequal variances do no harm.

Sums are integers, so they are exact, and so is the difference of two large ones; what follows is rounded once.
"""

from __future__ import annotations

from math import exp, lgamma, log, log1p, pi, sqrt
from statistics import NormalDist
from typing import Final, NamedTuple

CONFIDENCE: Final = 0.95
_UPPER: Final = 0.5 + CONFIDENCE / 2.0
Z: Final = NormalDist().inv_cdf(_UPPER)
FEWEST_ADJUSTED: Final = 10
"""People of an arm below which no slope is fitted to them."""
_NORMAL_FROM: Final = 1e7
"""Degrees of freedom from which Student's distribution is the normal one to seven digits."""
_TINY: Final = 1e-300
_TERMS: Final = 500
_EXACT: Final = 1e-15


class Difference(NamedTuple):
    """Treated less control, in the unit of what is compared."""

    value: float
    low: float
    high: float


class Pairs(NamedTuple):
    """Sums over the people of an arm: x = what was expected of each, y = what came. Integers."""

    people: int
    x: int
    x_square: int
    y: int
    y_square: int
    xy: int


def wilson(hits: int, people: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927, JASA 22(158)), 0–1; `people` > 0."""
    share, square = hits / people, Z * Z / people
    centre = (share + square / 2.0) / (1.0 + square)
    half = Z * sqrt(share * (1.0 - share) / people + square / (4.0 * people)) / (1.0 + square)
    return max(0.0, centre - half), min(1.0, centre + half)


def newcombe(hits: int, people: int, control_hits: int, control: int) -> Difference | None:
    """Difference of two shares. None: an arm is empty."""
    if people <= 0 or control <= 0:
        return None
    treated, other = hits / people, control_hits / control
    low, high = wilson(hits, people)
    other_low, other_high = wilson(control_hits, control)
    value = treated - other
    return Difference(
        value,
        value - sqrt((treated - low) ** 2 + (other_high - other) ** 2),
        value + sqrt((high - treated) ** 2 + (other - other_low) ** 2),
    )


def welch(treated: Pairs, control: Pairs) -> Difference | None:
    """Difference of two means. None: an arm has fewer than two people, or nothing varies."""
    if treated.people < 2 or control.people < 2:
        return None
    value = treated.y / treated.people - control.y / control.people
    parts = [
        (_spread(arm.people, arm.y, arm.y, arm.y_square) / (arm.people**2 * (arm.people - 1)), arm.people - 1)
        for arm in (treated, control)
    ]
    return _interval(value, parts, 0.0)


def adjusted(treated: Pairs, control: Pairs) -> Difference | None:
    """The same at what was expected of everybody on average. None: too few people, or nothing varies.

    With θ the slope of an arm and x̄ the mean over both arms: Σ over arms of ± (ȳ − θ (x̄ of the arm − x̄)). Variance:
    the residuals' of each arm with n − 2 degrees of freedom, the uncertainty of its slope, and that of x̄ itself where
    the slopes differ.
    """
    if min(treated.people, control.people) < FEWEST_ADJUSTED:
        return None
    people = treated.people + control.people
    x, x_square = treated.x + control.x, treated.x_square + control.x_square
    value, slopes = 0.0, []
    parts: list[tuple[float, int]] = []
    for arm, sign in ((treated, 1.0), (control, -1.0)):
        n = arm.people
        xx, yy = _spread(n, arm.x, arm.x, arm.x_square), _spread(n, arm.y, arm.y, arm.y_square)
        xy = _spread(n, arm.x, arm.y, arm.xy)
        away = (arm.x * people - x * n) / (n * people)
        """How far the arm's mean of x lies from everybody's."""
        if xx > 0:
            slope, freedom = xy / xx, n - 2
            rest = (yy * xx - xy * xy) / (xx * n * freedom)
            variance = rest * (1.0 / n + away * away * n / xx)
        else:
            slope, freedom = 0.0, n - 1
            variance = yy / (n * freedom) / n
        value += sign * (arm.y / n - slope * away)
        slopes.append(slope)
        parts.append((variance, freedom))
    between = (slopes[0] - slopes[1]) ** 2 * _spread(people, x, x, x_square) / (people * people) / people
    return _interval(value, parts, between)


def _spread(people: int, one: int, other: int, products: int) -> int:
    """n times the sum of products around the means, exactly."""
    return people * products - one * other


def _interval(value: float, parts: list[tuple[float, int]], more: float) -> Difference | None:
    """From the variances of both arms' means with their degrees of freedom, and a variance that is known as well."""
    variance = sum(part for part, _ in parts)
    if variance <= 0.0:
        return None
    freedom = variance * variance / sum(part * part / free for part, free in parts)
    half = t_quantile(_UPPER, freedom) * sqrt(variance + more)
    return Difference(value, value - half, value + half)


# ---- Student's distribution


def t_quantile(p: float, freedom: float) -> float:
    """The point below which the share `p` of Student's distribution lies; `freedom` ≥ 1, fractions too.

    Newton's steps on `t_probability`, kept within the halves in which the root is known to lie; from the normal
    quantile, which is always nearer to 0. To about twelve digits.
    """
    if p == 0.5:
        return 0.0
    if p < 0.5:
        return -t_quantile(1.0 - p, freedom)
    point = NormalDist().inv_cdf(p)
    if freedom >= _NORMAL_FROM:
        return point
    low, high = point, 2.0 * point + 1.0
    while t_probability(high, freedom) < p:
        low, high = high, 2.0 * high
    constant = lgamma((freedom + 1.0) / 2.0) - lgamma(freedom / 2.0) - 0.5 * log(freedom * pi)
    for _ in range(200):
        off = t_probability(point, freedom) - p
        if off > 0.0:
            high = point
        else:
            low = point
        density = exp(constant - (freedom + 1.0) / 2.0 * log1p(point * point / freedom))
        step = point - off / density
        following = step if low < step < high else 0.5 * (low + high)
        if abs(following - point) <= _EXACT * point:
            return following
        point = following
    return point


def t_probability(point: float, freedom: float) -> float:
    """P(T ≤ point) for point ≥ 0: 1 − I_{ν / (ν + t²)}(ν / 2, 1 / 2) / 2."""
    if point == 0.0:
        return 0.5
    return 1.0 - 0.5 * _incomplete_beta(freedom / (freedom + point * point), freedom / 2.0, 0.5)


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b), 0 < x < 1, by its continued fraction (Abramowitz & Stegun
    26.5.8) on the side where it converges fast."""
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _fraction(x, a, b) / a
    return 1.0 - front * _fraction(1.0 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    """By the method of Lentz 1976, Applied Optics 15(3), as modified by Thompson & Barnett 1986."""
    d = 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > _TINY else _TINY)
    c, value = 1.0, d
    for m in range(1, _TERMS):
        change = 1.0
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0)),
        ):
            d = 1.0 + term * d
            d = 1.0 / (d if abs(d) > _TINY else _TINY)
            c = 1.0 + term / c
            c = c if abs(c) > _TINY else _TINY
            change = d * c
            value *= change
        if abs(change - 1.0) <= _EXACT:
            break
    return value
