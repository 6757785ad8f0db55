"""The business case: what messages would have to bring, and what an effect of so many points would.

It is worked out from the visits still ahead at the alerts of a rule (backtest/comparison.py). Nobody was written to in
the log, so it says nothing of the effect itself: that is an assumption, and the table is made for several.

Per message, x = visits still ahead up to 4 usual gaps × what a visit of this customer brings, on average m with the
mean square s, over the n alerts judged; A messages a year; an effect of e points = of 100 people written to, e more
come back than do by themselves. Everybody who is written to is taken to be as likely to be among them.

- revenue a year = A · p · m with p = e / 100. That is rather too low: whoever comes anyway has few visits ahead and
  counts here too, and nothing after 4 usual gaps is counted.
- its variance = A (p s − p² m²) + (A p)² (s − m²) / n: the first part is chance, of a sum of independent amounts each
  of which comes with probability p (law of total variance); the second is how little n alerts tell of the mean.
- the range: from 1.96 standard deviations below to 1.96 above, but the upper end counts up to 8 usual gaps, because
  nobody knows from the log how long somebody who was won back stays.
- left over = margin · revenue − A · cost of a message. It pays from p* = cost / (margin · m).

Pure: no I/O, no clock. Money in minor units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

from service.backtest.comparison import RuleComparison
from service.domain.calendar import DAYS_PER_YEAR
from service.domain.quantiles import Z_95

POINTS: Final = (2, 5, 10)
"""Effects that are told, since none is known before a control group has measured it."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the user says of the shop."""

    margin: float
    """Share of the price that is left after what the goods cost, 0–1."""
    offer_cost_minor: float
    """Of one message with its offer, whether it is taken up or not."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """Visits and revenue still ahead at the alerts of a rule: means and mean squares over the alerts."""

    alerts: int
    visits: float
    mean_minor: float
    square: float
    far_mean_minor: float
    """Up to 8 usual gaps."""
    far_square: float


@dataclass(frozen=True, slots=True)
class Expected:
    """What an effect of so many points would bring in a year."""

    points: int
    people: float
    """Who come back and would not have."""
    revenue_minor: float
    low_minor: float
    high_minor: float


@dataclass(frozen=True, slots=True)
class LeftOver:
    """The same after the cost of goods and of all messages."""

    minor: float
    low_minor: float
    high_minor: float


def ahead_of(comparison: RuleComparison, delays: Sequence[float], visit_minor: Sequence[float]) -> Ahead | None:
    """`delays` and `visit_minor`, what a visit of the customer brings, are of each compared absence. None without an
    alert."""
    count = 0
    visits = mean = square = far_mean = far_square = 0.0
    for place, near, far in comparison.visits_ahead(delays):
        count += 1
        visits += near
        brings = visit_minor[place]
        mean += near * brings
        square += (near * brings) ** 2
        far_mean += far * brings
        far_square += (far * brings) ** 2
    if not count:
        return None
    return Ahead(count, visits / count, mean / count, square / count, far_mean / count, far_square / count)


def per_year(per_week: float) -> float:
    return per_week * DAYS_PER_YEAR / 7.0


def expected(ahead: Ahead, messages: float, points: int) -> Expected:
    """`messages` a year."""
    p = points / 100.0
    revenue, spread = _revenue(ahead.mean_minor, ahead.square, ahead.alerts, messages, p)
    far, far_spread = _revenue(ahead.far_mean_minor, ahead.far_square, ahead.alerts, messages, p)
    return Expected(points, messages * p, revenue, max(0.0, revenue - spread), max(revenue, far) + far_spread)


def _revenue(mean: float, square: float, alerts: int, messages: float, p: float) -> tuple[float, float]:
    """(expectation, half of the 95 % interval)"""
    chance = messages * (p * square - (p * mean) ** 2)
    known = (messages * p) ** 2 * (square - mean * mean) / alerts
    return messages * p * mean, Z_95 * sqrt(max(0.0, chance) + max(0.0, known))


def left_over(found: Expected, messages: float, numbers: Numbers) -> LeftOver:
    """`messages` a year, each of which costs."""
    costs = messages * numbers.offer_cost_minor
    return LeftOver(
        *(numbers.margin * each - costs for each in (found.revenue_minor, found.low_minor, found.high_minor))
    )


def break_even_points(mean_minor: float, numbers: Numbers) -> float | None:
    """From how many points on it pays. None: nothing is ahead, so it never does."""
    gained = numbers.margin * mean_minor
    return 100.0 * numbers.offer_cost_minor / gained if gained > 0.0 else None
