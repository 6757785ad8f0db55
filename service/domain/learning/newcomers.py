"""When customers with few visits usually come again, learned from everybody of one partition: the timing of the
second-visit nudge.

One Kaplan–Meier curve of the time to the next visit for each number of visits below a regular's: closed gaps are
events, open ones censored, both weighted by when they began, halving over cadence.memory_days. Whoever comes back at
all does so within 6 of the shop's usual gaps e^μ0, by the same measure as a regular's healthy gap. The nudge comes due
when three quarters of those are back:

    S(t) = 1 − 0.75 (1 − S(6 e^μ0))

which on real logs is after about 2 of the shop's usual gaps. A visit costs O(1); a refresh depends on the days on which
open gaps began, never on the number of customers.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, exp, exp2, fsum, log
from typing import Any, Final

from service.domain.cadence import HEALTHY_BASES, memory_days
from service.domain.customer import Customer
from service.domain.learning.kaplan_meier import survival_curve
from service.domain.stumbling import hold

BACK: Final = 0.75
"""Of those who come again, the share that is back when the nudge comes due."""
_LOG_LATE: Final[float] = log(1.0 - BACK)
_COLD_GAPS: Final[list[float]] = [2.0, 1.7, 1.4]
"""Before anything is learned: the nudge in the shop's usual gaps after the first, second, third and every later
visit."""
_BINS: Final = 64
_LOW: Final = log(0.5)
_STEP: Final = (log(1500.0) - _LOW) / _BINS
"""Log-bins of days."""
_EVIDENCE: Final = 30.0
"""Closed gaps (by weight) below which a curve is not used."""


class ReturnTimes:
    """What was learned: frozen, so that a record tells the numbers of its own time."""

    def __init__(self, curves: list[list[float]], pace_days: float) -> None:
        self.curves: Final = curves
        """Visits − 1 → S at the upper edge of each bin; an empty curve = too little evidence yet."""
        self.pace_days: Final = pace_days
        """The shop's usual gap e^μ0."""

    def _curve(self, visits: int) -> list[float]:
        return self.curves[visits - 1] if 0 < visits <= len(self.curves) else []

    def nudge_days(self, visits: int) -> float:
        """Days after the last visit at which three quarters of those who come again are back."""
        curve = self._curve(visits)
        if not curve:
            return self._cold_days(visits)
        target = 1.0 - BACK * (1.0 - self._never(curve))
        above = 1.0
        for index, survival in enumerate(curve):
            if survival <= target:
                drop = above - survival
                part = (above - target) / drop if drop > 0.0 else 1.0
                return exp(_LOW + _STEP * (index - 1 + part))
            above = survival
        return HEALTHY_BASES * self.pace_days

    def tail_probability(self, visits: int, days: float) -> float:
        """P(who comes again stays away for at least `days`), 0–1; 0.25 at the nudge."""
        curve = self._curve(visits)
        if not curve:
            return exp(_LOG_LATE * max(0.0, days) / self._cold_days(visits))
        never = self._never(curve)
        return max(0.0, min(1.0, (_at(curve, days) - never) / (1.0 - never))) if never < 1.0 else 1.0

    def _never(self, curve: list[float]) -> float:
        return _at(curve, HEALTHY_BASES * self.pace_days)

    def _cold_days(self, visits: int) -> float:
        return _COLD_GAPS[max(0, min(len(_COLD_GAPS), visits) - 1)] * self.pace_days


class Newcomers:
    """Learning of one partition; deterministic in the order of its calls."""

    def __init__(self, regular_min_visits: int) -> None:
        self.closed: list[list[float]] = [[0.0] * (_BINS + 1) for _ in range(regular_min_visits - 1)]
        """Visits − 1 → closed gaps by bin, weighted."""
        self.sent: list[list[float]] = [[0.0] * (_BINS + 1) for _ in range(regular_min_visits - 1)]
        """The same of gaps in which a message was sent, by how long they had lasted then."""
        self.has_sent = False
        """Whether there are any."""
        self.changed = False
        """Since it was last stored."""
        self._open: dict[int, dict[int, int]] = {}
        """First day of the gap → visits → how many are open."""

    def opened(self, customer: Customer) -> None:
        """The customer's last visit opens a gap."""
        at_day = self._open.get(customer.last_day)
        if at_day is None:
            at_day = self._open[customer.last_day] = {}
        at_day[customer.visits] = at_day.get(customer.visits, 0) + 1

    def taken_out(self, customer: Customer) -> None:
        """That gap is open no more, whatever ended it; the customer is as `opened` saw them."""
        at_day = self._open.get(customer.last_day)
        if at_day is None:
            return
        left = at_day.get(customer.visits, 0) - 1
        if left > 0:
            at_day[customer.visits] = left
        else:
            at_day.pop(customer.visits, None)
            if not at_day:
                del self._open[customer.last_day]

    def forget_open(self) -> None:
        """Before the open gaps are told again, at a restart."""
        self._open = {}

    def came_again(self, visits: int, gap: float, mu0: float) -> None:
        """A customer with so many visits came again after `gap` days."""
        self.closed[visits - 1][_bin(gap)] += exp2(-gap / memory_days(mu0))
        self.changed = True

    def cut(self, visits: int, gap: float, mu0: float) -> None:
        """A message is sent to a customer with so many visits after `gap` days of silence."""
        if 0 < visits <= len(self.sent):
            self.sent[visits - 1][_bin(gap)] += exp2(-gap / memory_days(mu0))
            self.has_sent = self.changed = True

    def refresh(self, today: int, mu0: float) -> ReturnTimes:
        """One weekly refresh on local day `today`."""
        half_life = memory_days(mu0)
        left = exp2(-7.0 / half_life)
        self.closed = [[value * left for value in row] for row in self.closed]
        self.changed = True
        self.sent = [[value * left for value in row] for row in self.sent]
        open_ = [row.copy() for row in self.sent]
        for day in sorted(self._open):
            days = today - day + 0.5
            if days > 0.0:  # else dated ahead of the stream
                weight = exp2(-days / half_life)
                for visits, count in sorted(self._open[day].items()):
                    open_[visits - 1][_bin(days)] += count * weight
        curves = [_curve_of(row, ahead) for row, ahead in zip(self.closed, open_, strict=True)]
        return ReturnTimes(curves, exp(mu0))

    def restore_sent(self, rows: Sequence[Sequence[Any]]) -> None:
        """Takes over stored counts of gaps that a message has cut. Raises LaterReleaseError for more bins."""
        _hold(rows)
        if len(rows) == len(self.sent) and all(len(row) == _BINS + 1 for row in rows):
            self.sent = [[float(value) for value in row] for row in rows]
            self.has_sent = True

    def restore(self, rows: Sequence[Sequence[Any]]) -> None:
        """Takes over stored counts; those of another number of classes, which a setting decides, are learned anew.
        Raises LaterReleaseError for more bins."""
        _hold(rows)
        if len(rows) == len(self.closed) and all(len(row) == _BINS + 1 for row in rows):
            self.closed = [[float(value) for value in row] for row in rows]


def _hold(rows: Sequence[Sequence[Any]]) -> None:
    for row in rows:
        hold(row, _BINS + 1, "a class of newcomers")


def _curve_of(closed: list[float], open_: list[float]) -> list[float]:
    """Empty with too little evidence."""
    return survival_curve(closed, open_) if fsum(closed) >= _EVIDENCE else []


def _bin(days: float) -> int:
    position = (log(days) - _LOW) / _STEP
    return 0 if position <= 0.0 else min(_BINS, ceil(position))


def _at(curve: list[float], days: float) -> float:
    """The curve after so many days: straight between the upper edges of the bins in log days; 1 before the first."""
    position = (log(days) - _LOW) / _STEP if days > 0.0 else -1.0
    if position < 0.0:
        return 1.0
    index = int(position)
    if index >= _BINS:
        return curve[_BINS]
    return curve[index] + (curve[index + 1] - curve[index]) * (position - index)
