"""The quiet rule done the long way: lists of visits are kept, and everything is computed again whenever it is needed.

Independent of the service: it shares no code with cadence, silences, population or tolerance, only their published
definitions. Valid for a log in order of time, of one partition, in UTC, with one rung, of a shop whose customers come
at least every two weeks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import exp, floor, log, sqrt

DAY = 86_400_000_000
WEEK = 7 * DAY
MIN_VISITS = 4
BINS = 60
WIDTH = log(40 / 0.02) / BINS
EDGES = [log(0.02) + WIDTH * i for i in range(BINS + 1)]
"""Upper edges of the bins of log r; a last bin holds the rest."""
SHARES = [0.0005 * (0.8 / 0.0005) ** (i / 48) for i in range(49)]
HEALTHY = log(6)
VISITS_FROM = [4, 7, 13, 30]
SPREADS_FROM = [0.0, 0.55, 0.7, 0.85, 1.0]
KINDS = [(visits, spread) for visits in VISITS_FROM for spread in SPREADS_FROM]
COLD_PACE = log(14)
COLD_GAPS = [
    20 * (min(1.0, 0.05 * 2 ** (4 - exp(low))) - min(1.0, 0.05 * 2 ** (4 - exp(high))))
    for low, high in zip([-100.0, *EDGES[:-1]], [*EDGES[:-1], 6.0], strict=True)
]
COLD_GAPS[0] += 20 * (1 - min(1.0, 0.05 * 2**4))
"""By bin: 20 gaps, of which 5 % last four bases, 10 % three …; a fifth is over at once."""

Kind = tuple[int, float]
"""Where the class of visits and that of spreads begin."""
Curve = list[float]
"""Share still open at each upper edge."""


@cache
def weights(count: int) -> list[float]:
    return [0.95 ** (count - 1 - i) for i in range(count)]


def weighted(values: Sequence[float]) -> float:
    return sum(weight * value for weight, value in zip(weights(len(values)), values, strict=True))


@dataclass
class Visits:
    """One customer: when each visit began, and the population's μ0 that was in force then."""

    times: list[int] = field(default_factory=list)
    mu0: list[float] = field(default_factory=list)

    def log_gaps(self) -> list[float]:
        return [
            log(max(0.5, (after - before) / DAY)) for before, after in zip(self.times, self.times[1:], strict=False)
        ]

    def rhythm(self) -> Rhythm:
        """Of a regular.

        The usual gap after each visit; a gap is cut at three usual gaps of its time or, if that is more, at the days of
        the gap before it; the first only for the spread.
        """
        usual, cut, deviations = self.mu0[0], list[float](), list[float]()
        days = [at // DAY for at in self.times]
        for i, (y, mu0) in enumerate(zip(self.log_gaps(), self.mu0[1:], strict=True)):
            deviations.append(min(y - usual, log(3)))
            cut.append(min(y, max(usual + log(3), log(days[i] - days[i - 1]))) if cut else y)
            usual = (2 * mu0 + weighted(cut)) / (2 + sum(weights(len(cut))))
        count = sum(weights(len(cut)))
        return Rhythm(
            usual=usual,
            own=weighted(cut) / count if count else usual,
            usual_at_14=(2 * COLD_PACE + weighted(cut)) / (2 + count),
            patience=0.3 * log(min(len(self.times), 40) / 10),
            of_shop=2 / (2 + count),
            kind=(
                max(start for start in VISITS_FROM if start <= len(self.times)),
                max(s for s in SPREADS_FROM if s <= sqrt((weighted([d * d for d in deviations]) + 2.56) / (count + 4))),
            ),
        )


@dataclass
class Rhythm:
    """Logarithms of: the usual gap, the mean of their own gaps alone, the usual gap if μ0 had always been 14 days at
    the end, what patience adds to make the base.
    """

    usual: float
    own: float
    usual_at_14: float
    patience: float
    of_shop: float
    """Part of the usual gap that is the shop's pace."""
    kind: Kind

    def base(self) -> float:
        return exp(self.usual + self.patience)


@dataclass
class Silence:
    """Closed, or still open at a refresh."""

    days: float
    log_base: float
    """Of the customer, at the pace of 14 days."""
    rhythm: Rhythm
    weight: float


@dataclass
class Counts:
    """Weights by bin."""

    closed: list[float]
    censored: list[float]

    def total(self) -> float:
        return sum(self.closed) + sum(self.censored)

    def plus(self, other: Counts, part: float) -> Counts:
        return Counts(
            [a + part * b for a, b in zip(self.closed, other.closed, strict=True)],
            [a + part * b for a, b in zip(self.censored, other.censored, strict=True)],
        )

    def shrunk_to(self, other: Counts) -> Counts:
        return self.plus(other, 120 / other.total())

    def survival(self) -> Curve:
        """Kaplan–Meier; a censored one counts half in the bin it ends in."""
        curve, survival = [], 1.0
        for i in range(BINS + 1):
            at_risk = sum(self.closed[i:]) + sum(self.censored[i:])
            survival *= 1 - min(0.9999, self.closed[i] / max(1e-9, at_risk - self.censored[i] / 2))
            curve.append(survival)
        return curve


def bins_of(silence: Silence, move: float) -> list[tuple[int, float]]:
    """The bin at the pace of 14 days, then moved by what bases have grown: (bin, part), two neighbours share it."""
    log_r = log(silence.days) - silence.log_base
    at = sum(log_r > edge for edge in EDGES) - move / WIDTH
    whole = floor(at)
    return [(min(BINS, max(0, whole)), 1 - (at - whole)), (min(BINS, max(0, whole + 1)), at - whole)]


def counted(silences: Sequence[Silence], moves: dict[int, float]) -> list[float]:
    counts = [0.0] * (BINS + 1)
    for silence in silences:
        for index, part in bins_of(silence, moves[silence.rhythm.kind[0]]):
            counts[index] += part * silence.weight
    return counts


def open_at(curve: Curve, log_r: float) -> float:
    """Straight lines in log r between the edges."""
    if log_r <= EDGES[0]:
        return curve[0]
    for i in range(BINS):
        if log_r < EDGES[i + 1]:
            return curve[i] + (curve[i + 1] - curve[i]) * (log_r - EDGES[i]) / WIDTH
    return curve[BINS]


def still_open(curve: Curve, share: float) -> float:
    """Log of the bases after which `share` of the healthy gaps are still open."""
    absent = open_at(curve, HEALTHY)
    target = absent + share * (1 - absent)
    above = 1.0
    for edge, survival in zip(EDGES, curve, strict=False):
        if survival <= target:
            return min(HEALTHY, edge - WIDTH * (target - survival) / (above - survival))
        above = survival
    return HEALTHY


class Shop:
    """All visits of the shop, and what was learned at the weekly refreshes."""

    def __init__(self, measure: str, level: float) -> None:
        self.measure, self.level = measure, level
        self.customers: dict[str, Visits] = {}
        self.closed: list[tuple[float, Rhythm, int]] = []
        """(days, rhythm when the silence began, refreshes that had been when it closed)."""
        self.refreshes = 0
        self.mu0 = COLD_PACE
        self.pool: Curve = []
        self.classes: list[Curve] = []
        self.class_weights: list[float] = []
        self.kappa = 1.0
        self.table: dict[Kind, list[float]] = {}
        """Log multiples of the base at SHARES; empty before anything is known."""

    def days(self, visits: Visits) -> float:
        rhythm = visits.rhythm()
        usual = exp(rhythm.usual)
        least = exp(max(rhythm.usual, rhythm.own))
        if self.measure == "multiple":
            return max(least, self.level * usual)
        share = self.level if self.measure == "probability" else min(0.2, self.level * self.kappa * usual / 365)
        days = self.multiple(rhythm.kind, min(0.8, max(0.0005, share))) * rhythm.base()
        return max(days, least)  # nobody is alerted before their usual gap is over, nor before their own gaps' mean

    def multiple(self, kind: Kind, share: float) -> float:
        if not self.table:
            return min(6.0, max(1.2, 4 - log(share / 0.05) / log(2)))
        logs = self.table[kind]
        for i in range(48):
            if share <= SHARES[i + 1]:
                part = log(share / SHARES[i]) / log(SHARES[i + 1] / SHARES[i])
                return exp(logs[i] + part * (logs[i + 1] - logs[i]))
        return exp(logs[48])

    def refresh(self, at: int) -> None:
        self.refreshes += 1
        regulars = [v for v in self.customers.values() if len(v.times) >= MIN_VISITS]
        if len(regulars) >= 30:
            self.mu0 = sum(sum(v.log_gaps()) / len(v.log_gaps()) for v in regulars) / len(regulars)
        closed = [
            Silence(days, r.usual_at_14 + r.patience, r, 0.5 ** ((days + 7 * (self.refreshes - before)) / 105))
            for days, r, before in self.closed
        ]
        if sum(silence.weight for silence in closed) >= 30:
            self.learn(closed, [self.open_silence(v, at) for v in regulars])

    def open_silence(self, visits: Visits, at: int) -> Silence:
        days = at // DAY - visits.times[-1] // DAY + 0.5
        rhythm = visits.rhythm()
        log_base = 0.1 * floor(10 * (rhythm.usual_at_14 + rhythm.patience)) + 0.05
        return Silence(days, log_base, rhythm, 0.5 ** (days / 105))

    def learn(self, closed: list[Silence], censored: list[Silence]) -> None:
        moves = {}
        for start in VISITS_FROM:
            mine = [s for s in closed if s.rhythm.kind[0] == start]
            weight = sum(s.weight for s in mine)
            pull = sum(s.weight * s.rhythm.of_shop for s in mine) / weight if mine else 0.3
            moves[start] = pull * (self.mu0 - COLD_PACE)

        def counts(kinds: Sequence[Kind]) -> Counts:
            return Counts(
                counted([s for s in closed if s.rhythm.kind in kinds], moves),
                counted([s for s in censored if s.rhythm.kind in kinds], moves),
            )

        everybody = counts(KINDS)
        everybody.closed = [seen + supposed for seen, supposed in zip(everybody.closed, COLD_GAPS, strict=True)]
        self.pool = everybody.survival()
        self.classes, self.class_weights = [], []
        curves: dict[Kind, Curve] = {}
        for start in VISITS_FROM:
            of_class = counts([(start, spread) for spread in SPREADS_FROM])
            self.class_weights.append(of_class.total())
            of_class = of_class.shrunk_to(everybody)
            self.classes.append(of_class.survival())
            for spread in SPREADS_FROM:
                own = counts([(start, spread)])
                curves[start, spread] = own.shrunk_to(of_class).survival()
        self.table = {kind: [still_open(curves[kind], share) for share in SHARES] for kind in KINDS}
        self.kappa = self.mean_healthy_gap(closed, everybody.closed, moves)

    def mean_healthy_gap(self, closed: list[Silence], together: list[float], moves: dict[int, float]) -> float:
        """In usual gaps, up to the bin in which 6 bases lie.

        A closed gap counts by its part of the drop of the curve in its bin.
        """
        stands_for = [
            (above - survival) / weight if weight > 0 and index <= sum(edge < HEALTHY for edge in EDGES) else 0.0
            for index, (above, survival, weight) in enumerate(zip([1.0, *self.pool], self.pool, together, strict=False))
        ]
        days = usual = 0.0
        for silence in closed:
            move = moves[silence.rhythm.kind[0]]
            counts = sum(stands_for[i] * part for i, part in bins_of(silence, move)) * silence.weight
            days += counts * silence.days
            usual += counts * exp(silence.rhythm.usual_at_14 + move)
        return min(4.0, max(0.5, days / usual)) if usual > 0 else 1.0


def alerts(
    log_: Sequence[tuple[str, int]], measure: str, level: float, told: Callable[[Shop], None] | None = None
) -> list[tuple[str, int, int]]:
    """(customer, quiet since, fired at) for purchases (customer, time) in order of time; in order of firing."""
    shop = Shop(measure, level)
    looks: dict[str, tuple[int, int]] = {}
    fired: list[tuple[str, int, int]] = []

    def look_before(until: int) -> None:
        """Who is looked at before that comes due, or is looked at again when that is what is known by then."""
        while any(look < until for _, look in looks.values()):
            for who, (since, look) in [*looks.items()]:
                due = since + int(shop.days(shop.customers[who]) * DAY)
                if look < until and due <= look:
                    fired.append((who, since, look))
                    del looks[who]
                elif look < until:
                    looks[who] = since, due

    next_refresh = (log_[0][1] // WEEK + 1) * WEEK
    for customer, at in log_:
        while next_refresh < at:
            look_before(next_refresh)
            shop.refresh(next_refresh)
            next_refresh += WEEK
        look_before(at)
        visits = shop.customers.setdefault(customer, Visits())
        if visits.times and visits.times[-1] // DAY == at // DAY:
            continue
        if len(visits.times) >= MIN_VISITS:
            shop.closed.append((max(0.5, (at - visits.times[-1]) / DAY), visits.rhythm(), shop.refreshes))
        visits.times.append(at)
        visits.mu0.append(shop.mu0)
        looks.pop(customer, None)
        if len(visits.times) >= MIN_VISITS:
            looks[customer] = at, max(at + 1, at + int(0.8 * shop.days(visits) * DAY))
    if told is not None:
        told(shop)
    return sorted(fired, key=lambda alert: (alert[2], alert[0]))
