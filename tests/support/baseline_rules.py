"""The two rules of the study that the product was built on, for comparison.

They are told here from their descriptions, and share no code with the service.

reference      due after c bases, base = û · (n / 10)^0.3, û a clipped, shrunk, slowly forgetting geometric mean of the
               gaps; one c for all.
newest first   due after 2.5 û, and of those who get there the ones with the fewest visits are alerted, as many as the
               volume allows; where the volume is ample, due after c bases with c from the Kaplan–Meier curve of the
               silences.

Visits are given as customer → times of their visits (µs, ascending); a result names a silence by customer and the visit
it began with.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import accumulate, pairwise
from math import ceil, exp, inf, log

from service.domain.calendar import DAY_US

Visits = Mapping[str, Sequence[int]]
Silence = tuple[str, int]

MIN_VISITS = 4
LATEST = 2.5
_START = log(14.0)
_WEEK = 7.0
_LOW, _HIGH, _BINS = log(0.1), log(20.0), 66
_STEP = (_HIGH - _LOW) / _BINS
_MANY = 40
"""Visits beyond which more make no difference."""


def patience(visits: int) -> float:
    return float((min(visits, _MANY) / 10) ** 0.3)


class Pace:
    """The usual gap of one customer."""

    __slots__ = ("last", "log_usual", "total", "visits", "weight")

    def __init__(self, mu0: float) -> None:
        self.visits, self.last, self.weight, self.total, self.log_usual = 0, 0.0, 0.0, 0.0, mu0

    def visit(self, day: float, mu0: float) -> None:
        if self.visits:
            y = min(log(max(0.5, day - self.last)), self.log_usual + log(3.0))
            self.weight = 0.95 * self.weight + 1.0
            self.total = 0.95 * self.total + y
        self.visits, self.last = self.visits + 1, day
        self.log_usual = (2.0 * mu0 + self.total) / (2.0 + self.weight)

    @property
    def base(self) -> float:
        return exp(self.log_usual) * patience(self.visits)


def reference_bases(visits: Visits, learn_until_us: int) -> dict[Silence, float]:
    """Days in one base, at every visit. What the population's pace is, was learned before the given instant."""
    means = []
    for times in visits.values():
        known = [at / DAY_US for at in times if at < learn_until_us]
        if len(known) >= MIN_VISITS:
            means.append(sum(log(max(0.5, b - a)) for a, b in pairwise(known)) / (len(known) - 1))
    mu0 = sum(means) / len(means) if means else _START
    found = {}
    for customer, times in visits.items():
        pace = Pace(mu0)
        for at in times:
            pace.visit(at / DAY_US, mu0)
            found[customer, at] = pace.base
    return found


def newest_first(visits: Visits, per_100: float, learn_until_us: int) -> dict[Silence, float]:
    """Days from the visit to the alert, of those who were alerted."""
    order = sorted((at, customer) for customer, times in visits.items() for at in times)
    rule = _NewestFirst(per_100 / 100.0, order[0][0] / DAY_US, learn_until_us / DAY_US)
    for at, customer in order:
        rule.pass_time(at / DAY_US)
        rule.visit(customer, at)
    rule.pass_time(order[-1][0] / DAY_US)
    return rule.alerts


@dataclass
class _Open:
    """A silence that may come due."""

    at_us: int
    due: float


class _NewestFirst:
    def __init__(self, volume: float, first: float, learn_until: float) -> None:
        self.alerts: dict[Silence, float] = {}
        self._volume, self._next_week, self._learn_until = volume, first + _WEEK, learn_until
        self._paces: dict[str, Pace] = {}
        self._open: dict[str, _Open] = {}
        self._queue: list[tuple[float, str]] = []
        self._mu0, self._scarce, self._c = _START, True, 3.0
        self._in_usual, self._in_bases = [0.0] * (_BINS + 2), [0.0] * (_BINS + 2)
        self._came_due = [0.0] * (_MANY + 1)
        self._visits, self._tokens, self._purse = 0.0, 1.0, 4.0

    def visit(self, customer: str, at_us: int) -> None:
        day = at_us / DAY_US
        pace = self._paces.get(customer)
        if pace is None:
            pace = self._paces[customer] = Pace(self._mu0)
        if pace.visits >= MIN_VISITS:
            usual_gaps = max(0.5, day - pace.last) / exp(pace.log_usual)
            self._in_usual[_bin(usual_gaps)] += 1.0
            self._in_bases[_bin(usual_gaps / patience(pace.visits))] += 1.0
        pace.visit(day, self._mu0)
        if pace.visits >= MIN_VISITS:
            self._visits += 1.0
            self._purse = max(4.0, self._volume * self._visits / 3.0)
            self._tokens = min(self._tokens + self._volume, self._purse)
            days = LATEST * exp(pace.log_usual) if self._scarce else self._c * pace.base
            self._open[customer] = _Open(at_us, day + days)
            heappush(self._queue, (day + days, customer))

    def pass_time(self, day: float) -> None:
        while True:
            due = self._queue[0][0] if self._queue else inf
            if min(due, self._next_week) > day:
                return
            if self._next_week <= due:
                self._refresh(self._next_week)
                self._next_week += _WEEK
                continue
            _, customer = heappop(self._queue)
            silence = self._open.get(customer)
            if silence is not None and silence.due == due:
                del self._open[customer]
                self._come_due(customer, silence)

    def _come_due(self, customer: str, silence: _Open) -> None:
        count = self._paces[customer].visits
        place = min(count, _MANY)
        lot = zlib.crc32(f"{customer}:{count}".encode()) / 2**32
        newer = sum(self._came_due[:place]) + lot * self._came_due[place]
        self._came_due[place] += 1.0
        wanted = self._volume * self._visits * 2.0 * self._tokens / self._purse
        if self._tokens >= 1.0 and (not self._scarce or newer <= wanted):
            self._tokens -= 1.0
            self.alerts[customer, silence.at_us] = silence.due - silence.at_us / DAY_US

    def _refresh(self, day: float) -> None:
        regulars = [pace for pace in self._paces.values() if pace.visits >= MIN_VISITS]
        if day <= self._learn_until and len(regulars) >= 30:
            self._mu0 = sum(pace.total / pace.weight for pace in regulars) / len(regulars)
        gap = exp(self._mu0)
        mix = 0.5 ** (_WEEK / max(60.0, 4.0 * gap))
        self._came_due = [count * mix for count in self._came_due]
        self._visits *= mix
        if day > self._learn_until:
            return
        half_life = max(180.0, 12.0 * gap)
        left = 0.5 ** (_WEEK / half_life)
        self._in_usual = [count * left for count in self._in_usual]
        self._in_bases = [count * left for count in self._in_bases]
        if sum(self._in_usual) < 30.0:
            return
        usual, bases = [0.0] * (_BINS + 2), [0.0] * (_BINS + 2)
        for pace in regulars:
            days = day - pace.last
            usual[_bin(days / exp(pace.log_usual))] += 0.5 ** (days / half_life)
            bases[_bin(days / pace.base)] += 0.5 ** (days / half_life)
        self._scarce = _survival(self._in_usual, usual)[_bin(LATEST)] >= self._volume
        curve = _survival(self._in_bases, bases)
        place = next((i for i in range(_BINS + 1) if curve[i] <= self._volume), _BINS)
        above = curve[place - 1] if place else 1.0
        part = min(1.0, (above - self._volume) / max(1e-12, above - curve[place])) if place else 0.0
        self._c = exp(_LOW + _STEP * (place - 1 + part))


def _bin(ratio: float) -> int:
    return max(0, min(_BINS + 1, ceil((log(max(ratio, 1e-9)) - _LOW) / _STEP)))


def _survival(closed: Sequence[float], censored: Sequence[float]) -> list[float]:
    """Kaplan–Meier at the upper edge of each bin; half of a bin's open silences are at risk."""
    gone = [0.0, *accumulate(a + b for a, b in zip(closed, censored, strict=True))]
    whole, survival, curve = gone[-1], 1.0, list[float]()
    for index, (ended, cut) in enumerate(zip(closed, censored, strict=True)):
        survival *= 1.0 - min(0.9999, ended / max(1e-9, whole - gone[index] - cut / 2.0))
        curve.append(survival)
    return curve
