"""The quiet rule done the long way: lists of visits are kept, and everything is computed again whenever it is needed.

Independent of the service: it shares no code with cadence, population or tolerance, only their published definitions.
Valid for a log in order of time, of one partition, in UTC, with one rung.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import exp, log

DAY = 86_400_000_000
WEEK = 7 * DAY
MIN_VISITS = 4
LOW, HIGH, BINS = log(0.02), log(40), 60
EDGES = [exp(LOW + (HIGH - LOW) / BINS * i) for i in range(BINS + 1)]
SHARES = [exp(log(0.002) + (log(0.5) - log(0.002)) / 64 * i) for i in range(65)]
HEALTHY = 6.0


@dataclass
class Visits:
    """One customer: when each visit began, and the population's μ0 that was in force then."""

    times: list[int] = field(default_factory=list)
    mu0: list[float] = field(default_factory=list)

    def log_gaps(self) -> tuple[list[float], float]:
        """(log gaps, each cut at three usual gaps of its time; log of the usual gap)."""
        usual, ys = self.mu0[0], list[float]()
        for earlier, later, mu0 in zip(self.times, self.times[1:], self.mu0[1:], strict=False):
            gap = max(0.5, (later - earlier) / DAY)
            ys.append(min(log(gap), usual + log(3)))
            usual = (2 * mu0 + sum(weighted(ys))) / (2 + sum(weights(len(ys))))
        return ys, usual

    def usual(self) -> float:
        return exp(self.log_gaps()[1])

    def base(self) -> float:
        return self.usual() * exp(0.3 * log(min(len(self.times), 40) / 10))

    def mean_log_gap(self) -> float:
        ys, _ = self.log_gaps()
        return sum(weighted(ys)) / sum(weights(len(ys)))


def weights(count: int) -> list[float]:
    return [0.95 ** (count - 1 - i) for i in range(count)]


def weighted(ys: Sequence[float]) -> list[float]:
    return [weight * y for weight, y in zip(weights(len(ys)), ys, strict=True)]


def survival_at_edges(closed: Sequence[tuple[float, float]], censored: Sequence[tuple[float, float]]) -> list[float]:
    """Kaplan–Meier on the bins, from (silence in bases, weight) pairs: a censored one counts half in the bin it ends in."""
    curve, survival = [], 1.0
    everybody = [*closed, *censored]
    for index in range(BINS + 1):
        above = EDGES[index - 1] if index else 0.0
        upto = EDGES[index] if index < BINS else float("inf")
        ended = sum(w for r, w in closed if above < r <= upto)
        cut = sum(w for r, w in censored if above < r <= upto)
        at_risk = sum(w for r, w in everybody if r > above)
        survival *= 1 - min(0.9999, ended / max(1e-9, at_risk - cut / 2))
        curve.append(survival)
    return curve


def survival_between(curve: Sequence[float], r: float) -> float:
    """Linear in log r between the edges."""
    index = bisect_right(EDGES, r) - 1
    part = log(r / EDGES[index]) / log(EDGES[index + 1] / EDGES[index])
    return curve[index] + (curve[index + 1] - curve[index]) * part


def multiple(curve: Sequence[float], share: float) -> float:
    """Bases after which `share` of the healthy gaps are still open; found by halving."""
    if not curve:
        return min(HEALTHY, max(1.2, 4 - log(share / 0.05) / log(2)))
    target = 1 - (1 - share) * (1 - survival_between(curve, HEALTHY))
    low, high = EDGES[0], HEALTHY
    if curve[0] <= target:
        return low
    for _ in range(60):
        middle = (low * high) ** 0.5
        if survival_between(curve, middle) <= target:
            high = middle
        else:
            low = middle
    return high


def between_shares(values: Sequence[float], share: float) -> float:
    """`multiple` as a budget uses it: known at 65 shares even in logarithm, straight lines between them."""
    if share <= SHARES[0]:
        return values[0]
    for low, high, a, b in zip(SHARES, SHARES[1:], values, values[1:], strict=False):
        if low <= share <= high:
            return a + (b - a) * log(share / low) / log(high / low)
    return values[-1]


class Shop:
    """All visits of the shop, and what was learned at the weekly refreshes."""

    def __init__(self, measure: str, level: float) -> None:
        self.measure, self.level = measure, level
        self.customers: dict[str, Visits] = {}
        self.closed: list[tuple[float, int]] = []
        """(gap in bases, refreshes that had been when it closed)."""
        self.refreshes = 0
        self.mu0 = log(14)
        self.adopt([])

    def adopt(self, curve: list[float]) -> None:
        self.curve = curve
        self.fixed = multiple(curve, self.level) if self.measure == "probability" else 0.0
        self.values = [multiple(curve, share) for share in SHARES] if self.measure == "budget" else []

    def days(self, visits: Visits) -> float:
        if self.measure == "multiple":
            return self.level * visits.usual()
        if self.measure == "probability":
            return self.fixed * visits.base()
        return between_shares(self.values, self.level * visits.usual() / 365) * visits.base()

    def refresh(self, at: int) -> None:
        self.refreshes += 1
        regulars = [v for v in self.customers.values() if len(v.times) >= MIN_VISITS]
        if len(regulars) >= 30:
            self.mu0 = sum(v.mean_log_gap() for v in regulars) / len(regulars)
        closed = [(r, 0.5 ** ((self.refreshes - before) * 7 / 180)) for r, before in self.closed]
        if sum(weight for _, weight in closed) < 30:
            return
        censored = []
        for visits in regulars:
            silence = max(0, at // DAY - visits.times[-1] // DAY + 0.5)
            base = exp((log(visits.base()) // 0.1 + 0.5) * 0.1)
            censored.append((silence / base, 0.5 ** (silence / 180)))
        self.adopt(survival_at_edges(closed, censored))


def alerts(
    log_: Sequence[tuple[str, int]], measure: str, level: float, told: Callable[[Shop], None] | None = None
) -> list[tuple[str, int, int]]:
    """(customer, quiet since, fired at) for purchases (customer, time) in order of time; in order of firing."""
    shop = Shop(measure, level)
    due: dict[str, tuple[int, int]] = {}
    fired: list[tuple[str, int, int]] = []
    next_refresh = (log_[0][1] // WEEK + 1) * WEEK
    for customer, at in log_:
        while next_refresh < at:
            shop.refresh(next_refresh)
            next_refresh += WEEK
        fired += [(who, since, date) for who, (since, date) in due.items() if date < at]
        due = {who: entry for who, entry in due.items() if entry[1] >= at}
        visits = shop.customers.setdefault(customer, Visits())
        if visits.times and visits.times[-1] // DAY == at // DAY:
            continue
        if len(visits.times) >= MIN_VISITS:
            shop.closed.append((max(0.5, (at - visits.times[-1]) / DAY) / visits.base(), shop.refreshes))
        visits.times.append(at)
        visits.mu0.append(shop.mu0)
        due.pop(customer, None)
        if len(visits.times) >= MIN_VISITS:
            due[customer] = at, at + int(shop.days(visits) * DAY)
    if told is not None:
        told(shop)
    return sorted(fired, key=lambda alert: (alert[2], alert[0]))
