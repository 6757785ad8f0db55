"""What is learned from everybody of one partition: the usual pace, and how long healthy silences last.

Survival S(r) of silences r = gap / base is a Kaplan–Meier curve on log-bins: closed gaps are events, open silences are
censored, both halve in weight over 180 days. A gap is healthy if it closes within 6 bases, so

    P(a healthy gap lasts longer than r) = (S(r) − S(6)) / (1 − S(6))

and the multiplier for a share q of healthy gaps solves S(c) = 1 − (1 − q)(1 − S(6)). Refreshed weekly, in stream time.
A visit costs O(1); a refresh costs O(days × bins of base) of open silences, independent of the number of customers.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from math import ceil, exp, exp2, floor, fsum, log, log2
from typing import Any, Final

from service.domain.cadence import HEALTHY_BASES
from service.domain.calendar import DAY_US
from service.domain.churn_fit import Sample, fit
from service.domain.churn_model import ChurnModel
from service.domain.customer import NEVER, Customer

REFRESH_US: Final = 7 * DAY_US
_HALF_LIFE_DAYS: Final = 180.0
_BINS: Final = 60
_LOW: Final = log(0.02)
_HIGH: Final = log(40.0)
_STEP: Final = (_HIGH - _LOW) / _BINS
_EVIDENCE: Final = 30.0
"""Closed gaps (by weight) below which the cold-start curve is used."""
_COLD_GAP_DAYS: Final = 14.0
_COLD_SHARE: Final = 0.05
_COLD_MULTIPLE: Final = 4.0
"""Cold start: 5 % of healthy gaps last longer than 4 bases, and one base more for each halving (3 bases for 10 %)."""
_COLD_LEAST: Final = 1.2
_REGULARS_NEEDED: Final = 30
_BASE_STEP: Final = 0.1
GRID: Final = 64
SHARE_LOW: Final = 0.002
SHARE_HIGH: Final = 0.5
"""Bounds of the share of healthy gaps that a budget may turn into: beyond them the curve has no evidence, or no sense."""
_FIELDS: Final = (
    "closed", "fresh", "curve", "mu0", "log_gap_sum", "regulars", "regular_revenue_minor", "next_refresh_us",
    "sample_level", "fits", "next_fit_us", "model", "fit_position",
)  # fmt: skip
_FITS_PER_PACE: Final = 8
_LONGEST_PACE: Final = 4
"""Weeks between fits of the churn model: one at first, one more after each 8 fits, four in the end."""
_LOG_LOW: Final = log(SHARE_LOW)
_LOG_HIGH: Final = log(SHARE_HIGH)


class PopulationState:
    """What a restart must know; open silences are rebuilt from the customers."""

    def __init__(self) -> None:
        self.closed: list[float] = [0.0] * (_BINS + 1)
        """Closed gaps of regulars by bin of r, weighted, up to the last refresh."""
        self.fresh: list[int] = [0] * (_BINS + 1)
        """Closed since the last refresh."""
        self.curve: list[float] = []
        """S at the upper edge of each bin, as of the last refresh; empty = cold start."""
        self.mu0: float = log(_COLD_GAP_DAYS)
        self.log_gap_sum: float = 0.0
        """Σ over regulars of their mean log gap."""
        self.regulars: int = 0
        self.regular_revenue_minor: int = 0
        self.next_refresh_us: int = 0
        """0 before the first event."""
        self.sample_level: int = 0
        self.fits: int = 0
        """Fits of the churn model so far."""
        self.next_fit_us: int = 0
        self.model: list[float] = []
        """Arguments of the churn model, as of the last fit; empty = the defaults."""
        self.fit_position: list[float] = []
        """Where the next fit goes on."""

    def fields(self) -> tuple[object, ...]:
        """In the order in which they are stored; new ones are appended."""
        return (
            self.closed,
            self.fresh,
            self.curve,
            self.mu0,
            self.log_gap_sum,
            self.regulars,
            self.regular_revenue_minor,
            self.next_refresh_us,
            self.sample_level,
            self.fits,
            self.next_fit_us,
            self.model,
            self.fit_position,
        )

    @classmethod
    def of(cls, fields: Sequence[Any]) -> PopulationState:
        """What `fields` gave; missing ones keep their defaults."""
        state = cls()
        for name, value in zip(_FIELDS, fields, strict=False):
            setattr(state, name, value)
        return state


class Learned:
    """What has been learned so far, frozen: a record tells the numbers of its own time, whatever is learned later in the turn."""

    def __init__(self, curve: list[float], model: ChurnModel) -> None:
        self.curve: Final = curve
        """Survival curve of the silences of regulars; empty = cold start."""
        self.model: Final = model


def _bin(r: float) -> int:
    if r <= 0.02:
        return 0
    return min(_BINS, ceil((log(r) - _LOW) / _STEP))


class Population:
    """Learning of one partition. Deterministic in the order of its calls."""

    def __init__(self, state: PopulationState | None = None, learn_until_us: int = NEVER) -> None:
        self.state = state or PopulationState()
        self._learn_until_us = learn_until_us
        """The last refresh; from then on what was learned stays as it is."""
        self.sample = Sample(self.state.sample_level)
        self._open: dict[int, dict[int, int]] = {}
        """Open silences of regulars: first day → bin of the log base → how many."""
        self.learned = self._learned()

    def _learned(self) -> Learned:
        values = self.state.model
        return Learned(self.state.curve, ChurnModel(int(values[0]), *values[1:]) if values else ChurnModel())

    @property
    def mu0(self) -> float:
        """Mean log gap in days."""
        return self.state.mu0

    def silence_begins(self, day: int, log_base: float) -> None:
        """A regular's visit opens a silence."""
        bases = self._open.get(day)
        if bases is None:
            bases = self._open[day] = {}
        base_bin = floor(log_base / _BASE_STEP)
        bases[base_bin] = bases.get(base_bin, 0) + 1

    def silence_gone(self, day: int, log_base: float) -> None:
        """The silence that began so is closed, or its customer erased."""
        bases = self._open.get(day)
        if bases is None:
            return
        base_bin = floor(log_base / _BASE_STEP)
        left = bases.get(base_bin, 0) - 1
        if left > 0:
            bases[base_bin] = left
        else:
            bases.pop(base_bin, None)
            if not bases:
                del self._open[day]

    def gap_closed(self, r: float) -> None:
        """A regular came back after r bases."""
        self.state.fresh[_bin(r)] += 1

    def vote(self, added: float, removed: float) -> None:
        """A regular's mean log gap has changed."""
        self.state.log_gap_sum += added - removed

    def regular_joined(self, mean_log_gap: float, revenue_minor: int) -> None:
        self.state.regulars += 1
        self.state.log_gap_sum += mean_log_gap
        self.state.regular_revenue_minor += revenue_minor

    def regular_left(self, mean_log_gap: float, revenue_minor: int) -> None:
        self.state.regulars -= 1
        self.state.log_gap_sum -= mean_log_gap
        self.state.regular_revenue_minor -= revenue_minor

    @property
    def next_refresh_us(self) -> int:
        return self.state.next_refresh_us

    def begin(self, now_us: int) -> None:
        """The first event: refreshes start at the next whole week since the epoch, the same for every partition."""
        self._next_after(now_us)

    def refresh(self, today: int) -> None:
        """The refresh that is due; `today` is the local day it falls on."""
        self._next_after(self.state.next_refresh_us)
        self._age()
        self._refit(today)
        self.learned = Learned(self.state.curve, self.learned.model)

    def _next_after(self, now_us: int) -> None:
        if now_us >= self._learn_until_us:
            self.state.next_refresh_us = NEVER
        else:
            self.state.next_refresh_us = min((now_us // REFRESH_US + 1) * REFRESH_US, self._learn_until_us)

    def fit_due(self, now_us: int) -> bool:
        """Whether the churn model is to be fitted anew at this refresh."""
        return now_us >= min(self.state.next_fit_us, self._learn_until_us)

    def fit(self, sampled: list[Customer], now_us: int) -> None:
        """Fits the churn model to the customers of the sample."""
        state = self.state
        model, state.fit_position = fit(sampled, now_us, state.fit_position)
        state.model = [model.stages, model.r, model.alpha, model.a, model.b, model.spend_minor]
        state.next_fit_us = now_us + min(_LONGEST_PACE, 1 + state.fits // _FITS_PER_PACE) * REFRESH_US
        state.fits += 1
        self.learned = Learned(state.curve, model)

    def first_visit(self, customer_id: str) -> None:
        """A customer has come for the first time, or was restored."""
        self.sample.offer(customer_id)
        self.state.sample_level = self.sample.level

    def _age(self) -> None:
        state = self.state
        factor = 0.5 ** (7.0 / _HALF_LIFE_DAYS)
        state.closed = [(old + new) * factor for old, new in zip(state.closed, state.fresh, strict=True)]
        state.fresh = [0] * (_BINS + 1)

    def _refit(self, today: int) -> None:
        state = self.state
        if state.regulars >= _REGULARS_NEEDED:
            state.mu0 = state.log_gap_sum / state.regulars
        if fsum(state.closed) < _EVIDENCE:
            return
        censored = [0.0] * (_BINS + 1)
        for day in sorted(self._open):
            silence = today - day + 0.5
            if silence <= 0.0:  # dated ahead of the stream
                continue
            log_silence, weight = log(silence), exp2(-silence / _HALF_LIFE_DAYS)
            bases = self._open[day]
            for base_bin in sorted(bases):
                position = (log_silence - (base_bin + 0.5) * _BASE_STEP - _LOW) / _STEP
                index = 0 if position <= 0.0 else min(_BINS, ceil(position))
                censored[index] += bases[base_bin] * weight
        at_risk = fsum(state.closed) + fsum(censored)
        survival = 1.0
        curve: list[float] = []
        for ended, open_ in zip(state.closed, censored, strict=True):
            survival *= 1.0 - min(0.9999, ended / max(1e-9, at_risk - open_ / 2))
            at_risk -= ended + open_
            curve.append(survival)
        state.curve = curve

    def survival(self, r: float, curve: list[float] | None = None) -> float:
        """S(r), interpolated on log r; 1 at 0. Needs a fitted curve: `curve`, else the present one."""
        curve = self.state.curve if curve is None else curve
        position = (log(max(r, 1e-9)) - _LOW) / _STEP
        if position <= 0:
            return 1.0 - (1.0 - curve[0]) * max(0.0, r / 0.02)
        index = int(position)
        if index >= _BINS:
            return curve[_BINS]
        return curve[index] + (curve[index + 1] - curve[index]) * (position - index)

    def tail_probability(self, r: float, curve: list[float] | None = None) -> float:
        """P(a healthy gap lasts at least r bases), 0–1. An absence beyond 6 bases is no healthy gap: 0.

        `curve`: as it was at another time; default: the present one.
        """
        if r <= 0:
            return 1.0
        if r >= HEALTHY_BASES:
            return 0.0
        curve = self.state.curve if curve is None else curve
        if not curve:
            return min(1.0, _COLD_SHARE * exp2(_COLD_MULTIPLE - r))
        whole = self.survival(HEALTHY_BASES, curve)
        return min(1.0, max(0.0, (self.survival(r, curve) - whole) / max(1e-12, 1.0 - whole)))

    def multiple(self, share: float) -> float:
        """Bases after which only `share` (0–1) of the healthy gaps are still open: the inverse of tail_probability."""
        if not self.state.curve:
            return min(HEALTHY_BASES, max(_COLD_LEAST, _COLD_MULTIPLE - log2(share / _COLD_SHARE)))
        curve = self.state.curve
        whole = self.survival(HEALTHY_BASES)
        target = 1.0 - (1.0 - share) * (1.0 - whole)
        index = bisect_left(curve, -target, key=lambda survival: -survival)
        if index == 0:
            return exp(_LOW)
        if index > _BINS:
            return HEALTHY_BASES
        drop = curve[index - 1] - curve[index]
        part = (curve[index - 1] - target) / drop if drop > 0 else 1.0
        return min(HEALTHY_BASES, exp(_LOW + _STEP * (index - 1 + part)))

    def multiples(self) -> list[float]:
        """`multiple` on the grid of shares SHARE_LOW … SHARE_HIGH, even in log share; for one look-up per visit."""
        return [self.multiple(exp(_LOG_LOW + (_LOG_HIGH - _LOG_LOW) * i / GRID)) for i in range(GRID + 1)]

    def mean_regular_revenue_minor(self) -> float | None:
        """None without regulars."""
        return self.state.regular_revenue_minor / self.state.regulars if self.state.regulars else None
