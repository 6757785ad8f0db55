"""When a message is worth it, and to whom: learned from the shop's own finished silences. What applies where nothing is
promised.

A message is worth what it may bring back and costs a little of everybody's patience when it was needless. For each of
the 20 cells of regulars (silences.py: visits × spread of their gaps) the curve S of all silences says both of any
moment t, in units of the cell's mean healthy gap m:

    saved     ∫ S over [max(t, m), 4 m] / 3 m    share of the visits 2, 3, 4 of an absence that still lie ahead
    needless  S(t) − S(t + m)                    back unaided within one gap of the message

The family of policies is: a moment for each cell, or none. At an exchange rate x (how many needless messages one fully
captured absence is worth) the best of them takes in each cell the moment where x · (saved − 0.2 S(t)) − needless is
highest, and leaves the cell alone where that is below 0: the optimal stopping rule of the curve, since nothing that
happens in a silence tells more than that it goes on. (0.2: what a message must be expected to save at the least.) The
rate itself follows from what it costs: patience is finite, so a needless message weighs the more the more of them there
are. With N needless messages per 100 visits of regulars,

    x = patience / N

and the rate is found at which both hold. A shop of clock-like regulars, who can be told from those who left at almost
no cost, so asks nearly all who leave and soon; one whose customers come as they please writes to few, and rather to new
ones. `patience` is the number of needless messages per 100 visits at which one more costs as much as a captured absence
is worth. Figures on real logs and generated shops: docs/deciding.md.

The weekly refresh moves all this. Who stayed beyond the moment because nothing was worth it then is written to only if
it still is now: on generated shops those late ones cost a fifth of the regret, and saved nobody.

Nobody is written to before a usual gap is over, and before the mean healthy gap of such customers. A steady customer's
usual gap is hardly shrunk towards the population's here: on generated shops of clock-like people that shrinkage alone
cost two points.

While evidence is thin the curves are shrunk towards a prior: gaps of an Erlang distribution, of the more stages the
steadier the customers' own gaps are, and one silence in twelve that never ends. Few silences say what is usual, but
hardly what an unusual one comes to: to leave out for good who stayed beyond a moment that was learned only since takes
ten times as many. Everything follows from what the weekly refresh has found; nothing is counted at a
visit, and nothing looks ahead.
"""

from __future__ import annotations

from bisect import bisect_left
from math import exp, fsum, inf, log
from typing import Final

import xxhash

from service.domain.cadence import SHRINKAGE
from service.domain.cadence import patience as patience_of
from service.domain.customer import Customer
from service.domain.halving import bracket
from service.domain.learning.silences import (
    CELLS,
    CLASS_OF_CELL,
    PRIOR_LOST,
    RHYTHMS,
    SPREAD_SQUARE,
    TYPICAL_VISITS,
    Tolerances,
    cell_of,
    own_spread_square,
)
from service.domain.learning.survival import EDGES, Survival

UP_TO: Final = 4.0
"""Mean healthy gaps up to which missed visits count: who is back later was lost, and comes as a new customer does."""
_PER_GAP: Final = 8
_MOMENTS: Final[list[float]] = [1.0 + step / _PER_GAP for step in range(24)]
"""Mean healthy gaps of silence at which a message may go out."""
_LEAST_SAVED: Final = 0.2
"""Of a whole absence, that a message must be expected to save for being written at all: six tenths of a visit. Without
it the best moment is so late, where nearly all come back, that those it reaches are lost by then. Chosen on generated
shops (tests/benchmarks/ground): the most at which the messages are no more often needless than those of the best
possible policy are at as many."""
_LEAST_STEP: Final = 1e-9
"""Of a whole absence: two moments that save as much are one."""
_BURSTS: Final = 1.3
"""Mean healthy gaps of who is steady least, in those that the curve of their kind shows. They come in bursts: their
usual gap is that of a burst, what lies between bursts counts as an absence where it is long, and a message after the
mean of the rest is needless too often. From generated shops whose customers come by chance, where it takes four points
of needless ones away and captures half a point more; 1.5 loses that again."""
_A_BLINK: Final = 1e-6
"""Days: a date is stored in whole microseconds."""
_LEAST_STEADY: Final = 4
"""Of the five classes of spread."""
_PRIOR_MEAN: Final = 1.2
"""Usual gaps. A mean is longer than the geometric one that usual gaps are; 1.1 to 1.5 on real logs."""
_PRIOR_GAPS: Final = 30.0
"""Silences that the prior weighs like: nothing beside a season of a shop, all in its first weeks. In the first months
of 24 generated shops of 300 customers the prior as it is here captured 6.6 points less than the best policy there can
be; half or twice as many lost, one and a half or four stages 6.6 to 7.1, a weight of 5, 100 or 300 silences 7.0, 8.5
and 9.5."""
_PRIOR_STAGES: Final = (8, 4, 2, 2, 1)
"""By class of spread. In the first months of such shops, two for everybody captured 1.3, 2.8 and 3.2 points less where
gaps have one or two, four and eight stages, together with what follows; and of weekly customers of a small shop who
left after ten or fifteen weeks most were never asked (tests/shops/test_young_shops.py)."""
_LATE_GAPS: Final = 300.0
"""Silences that the prior weighs like where somebody would be left out because their moment is over."""
_RATE_LOW: Final = log(0.02)
_RATE_HIGH: Final = log(50.0)
TYPICAL_PATIENCE: Final[list[float]] = [patience_of(TYPICAL_VISITS[number]) for number in CLASS_OF_CELL]
"""By cell: bases / usual gaps. One for all of a cell: for a clock it is no matter how often it has struck."""
_DEFAULT_WEIGHT: Final = 1.0 / CELLS
_LOTS: Final = 18446744073709551616.0


def _prior(gaps: float, stages: int) -> float:
    at = stages * gaps / _PRIOR_MEAN
    term = whole = exp(-at)
    for stage in range(1, stages):
        term *= at / stage
        whole += term
    return PRIOR_LOST + (1.0 - PRIOR_LOST) * whole


_PRIORS: Final[list[list[float]]] = [
    [_prior(bases * TYPICAL_PATIENCE[cell], _PRIOR_STAGES[cell % RHYTHMS]) for bases in EDGES[1:]]
    for cell in range(CELLS)
]
"""By cell."""


class RegularKind:
    """One kind of regular: what each moment saves and costs, per silence that begins."""

    def __init__(self, curve: list[float], visits: int, *, bursts: bool) -> None:
        lasts = Survival(curve)
        self.lasts: Final = lasts
        mean = lasts.mean_healthy * (_BURSTS if bursts else 1.0)
        end = lasts.until(UP_TO * mean)
        least = 1.0 / patience_of(visits)
        self.last: float = max(least, UP_TO * mean)
        """Bases after which a message would bring nothing back."""
        self.bases: list[float] = []
        self.still_open: list[float] = []
        self.saved: list[float] = []
        self.needless: list[float] = []
        later = [lasts.at((gaps + 1.0) * mean) for gaps in _MOMENTS[-_PER_GAP:]]
        for gaps in _MOMENTS:
            bases = max(least, gaps * mean)
            still_open, before = lasts.both(bases)
            self.bases.append(bases)
            self.still_open.append(still_open)
            self.saved.append(max(0.0, end - before) / ((UP_TO - 1.0) * mean))
        opens = self.still_open + later
        for index, bases in enumerate(self.bases):
            put_off = bases > _MOMENTS[index] * mean
            a_gap_on = lasts.at(bases + mean) if put_off else opens[index + _PER_GAP]
            self.needless.append(max(0.0, self.still_open[index] - a_gap_on))
        self._rates: list[float] = []
        """Exchange rates, rising, from which on each of `_best` is the moment."""
        self._best: list[int] = []
        self._ranked()

    def best(self, rate: float) -> int:
        """The moment at this exchange rate; −1: none is worth it."""
        place = bisect_left(self._rates, rate)
        return self._best[place - 1] if place > 0 else -1

    def _ranked(self) -> None:
        """What each moment is worth is a line over the exchange rate; the best of them from each rate on are the lines
        of their upper envelope, which is walked once: none is looked for again at each of the rates that are tried."""
        net, needless, at = 0.0, 0.0, -1
        while True:
            lowest, found = inf, -1
            for index in range(len(_MOMENTS)):
                more = self.saved[index] - _LEAST_SAVED * self.still_open[index] - net
                if index == at or more <= _LEAST_STEP:
                    continue
                rate = (self.needless[index] - needless) / more
                if rate < lowest:
                    lowest, found = rate, index
            if found < 0:
                return
            at = found
            net, needless = self.saved[at] - _LEAST_SAVED * self.still_open[at], self.needless[at]
            self._rates.append(lowest)
            self._best.append(at)

    def until(self, rate: float) -> float:
        """Bases of silence up to which a message is worth it at this exchange rate, to the end of the step: nobody is
        noticed at the very instant of a moment. 0: it never is."""
        for index in range(len(_MOMENTS) - 1, -1, -1):
            if self._worth(index, rate) > 0.0:
                return self.bases[index + 1] if index + 1 < len(_MOMENTS) else self.last
        return 0.0

    def _worth(self, index: int, rate: float) -> float:
        return rate * (self.saved[index] - _LEAST_SAVED * self.still_open[index]) - self.needless[index]


class Patience:
    """The policy of one partition. Stateless beside what was learned: a restart finds the same."""

    def __init__(self, patience: float) -> None:
        """`patience`: needless messages per 100 visits of regulars, > 0."""
        self._patience = patience
        self._bases: list[float] = []
        """Cell → bases of silence after which its regulars come due; inf: they are left alone."""
        self._more: list[float] = []
        """The same for those on whom the lot falls: a hair above the rate."""
        self._mu0: float = 0.0
        self._part: float = 0.0
        """Of the regulars, on whom it falls: so many that the patience is just used up."""
        self._last: list[float] = []
        self._until: list[float] = []
        """Cell → bases of silence up to which a message is worth it."""
        self._learned_from: Tolerances | None = None
        self.rate: float = 0.0
        """The exchange rate that was found: needless messages for a captured absence."""
        self.per_100_visits: float = 0.0
        """Messages that the shop's own past says will be worth it, per 100 visits of regulars."""
        self.needless_per_100_visits: float = 0.0
        """Of those, needless."""
        self.saved_share: float = 0.0
        """Share of the visits that absences cost which still lies ahead at the messages, 0–1."""

    def learn(self, tolerances: Tolerances, mu0: float) -> None:
        """What is known of silences has moved, or was restored. `mu0`: mean log gap of the shop's regulars."""
        self._mu0 = mu0
        if tolerances is self._learned_from:
            return
        self._learned_from = tolerances
        cells, weights = kinds_of(tolerances)
        low, high = bracket(
            lambda log_rate: exp(log_rate) * _Plan(cells, weights, exp(log_rate)).needless > self._patience,
            _RATE_LOW,
            _RATE_HIGH,
        )
        self.rate = exp(low)
        few, many = _Plan(cells, weights, self.rate), _Plan(cells, weights, exp(high))
        between = many.needless - few.needless
        part = (self._patience / self.rate - few.needless) / between if between > 0.0 else 0.0
        self._part = max(0.0, min(1.0, part))
        self._bases, self._more = few.bases, many.bases
        self._last = [cell.last for cell in cells]
        doubted, _ = kinds_of(tolerances, _LATE_GAPS)
        self._until = [
            max(known.until(exp(high)), thought.until(exp(high))) for known, thought in zip(cells, doubted, strict=True)
        ]
        self.per_100_visits = self._mixed(few.messages, many.messages)
        self.needless_per_100_visits = self._mixed(few.needless, many.needless)
        self.saved_share = self._mixed(few.saved_share, many.saved_share)

    def _mixed(self, few: float, many: float) -> float:
        return few + self._part * (many - few)

    def days(self, customer: Customer) -> float:
        """Silence after which the customer comes due: to be written to, or to be left out for good."""
        cell = cell_of(customer)
        bases = self._own(customer.customer_id, customer.visits, cell)
        return self._days(customer, cell, self._last[cell] if bases == inf else bases)

    def _days(self, customer: Customer, cell: int, bases: float) -> float:
        gaps = bases * TYPICAL_PATIENCE[cell]
        return max(exp(customer.log_usual), gaps * steady_gap_days(customer, self._mu0))

    def planned_days(
        self, customer_id: str, visits: int, cell: int, *, steady_gap_days: float, usual_gap_days: float
    ) -> float:
        """Silence after which such a customer would be written to, by what is known now; inf: left alone."""
        bases = self._own(customer_id, visits, cell)
        return max(usual_gap_days, bases * TYPICAL_PATIENCE[cell] * steady_gap_days)

    def moments(self) -> list[float | None]:
        """Cell → bases of silence after which its regulars are written to; None: nobody for sure."""
        return [bases if bases < inf else None for bases in self._bases]

    def chosen(self, customer: Customer, silent_days: float) -> bool:
        """Whether a message to such a customer is worth it after so many days of silence."""
        cell = cell_of(customer)
        bases = self._own(customer.customer_id, customer.visits, cell)
        return bases < inf and silent_days <= self._days(customer, cell, max(bases, self._until[cell])) + _A_BLINK

    def _own(self, customer_id: str, visits: int, cell: int) -> float:
        bases, more = self._bases[cell], self._more[cell]
        if bases == more:
            return bases
        drawn: int = xxhash.xxh3_64_intdigest(customer_id.encode(), visits)
        return more if drawn / _LOTS < self._part else bases


def steady_gap_days(customer: Customer, mu0: float) -> float:
    """The usual gap as a steady customer's own gaps tell it: how much the population's weigh beside them falls with the
    square of the own spread's, since few steady gaps say more of a rhythm than many that are not."""
    part = min(1.0, own_spread_square(customer) / SPREAD_SQUARE)
    weight = SHRINKAGE * part * part
    return exp((weight * mu0 + customer.gap_total) / (weight + customer.gap_weight))


class _Plan:
    """What the best policy at an exchange rate does; numbers per 100 visits of regulars."""

    def __init__(self, cells: list[RegularKind], weights: list[float], rate: float) -> None:
        self.bases: list[float] = []
        messages, needless, saved, most = [0.0], [0.0], [0.0], [0.0]
        for cell, weight in zip(cells, weights, strict=True):
            at = cell.best(rate)
            self.bases.append(cell.bases[at] if at >= 0 else inf)
            most.append(weight * cell.saved[0])
            if at >= 0:
                messages.append(weight * cell.still_open[at])
                needless.append(weight * cell.needless[at])
                saved.append(weight * cell.saved[at])
        self.messages: float = 100.0 * fsum(messages)
        self.needless: float = 100.0 * fsum(needless)
        whole = fsum(most)
        self.saved_share: float = fsum(saved) / whole if whole > 0.0 else 0.0


def kinds_of(tolerances: Tolerances, prior_gaps: float = _PRIOR_GAPS) -> tuple[list[RegularKind], list[float]]:
    """Every cell's curve, shrunk towards the prior, and its part of all silences. Nobody changes what is given."""
    if tolerances.cells or tolerances.classes:
        return _shrunk(tolerances, prior_gaps)
    if not _UNTOLD:
        _UNTOLD.append(_shrunk(tolerances, prior_gaps))
    return _UNTOLD[0]


_UNTOLD: Final[list[tuple[list[RegularKind], list[float]]]] = []
"""The priors alone, made once: every partition begins with them."""


def _shrunk(tolerances: Tolerances, prior_gaps: float) -> tuple[list[RegularKind], list[float]]:
    cells: list[RegularKind] = []
    weights: list[float] = []
    known = tolerances.cell_weights or [
        tolerances.class_weights[number] for number in CLASS_OF_CELL if tolerances.classes
    ]
    whole = fsum(known)
    for cell in range(CELLS):
        number, prior = CLASS_OF_CELL[cell], _PRIORS[cell]
        curve, seen = prior, 0.0
        if tolerances.cells:
            curve, seen = tolerances.cells[cell], fsum(tolerances.class_weights)
        elif tolerances.classes:  # stored by a release that did not keep the cells': until the next refresh
            curve, seen = tolerances.classes[number], fsum(tolerances.class_weights)
        part = seen / (seen + prior_gaps)
        mixed = [part * own + (1.0 - part) * other for own, other in zip(curve, prior, strict=True)]
        bursts = cell % RHYTHMS == _LEAST_STEADY
        cells.append(RegularKind(mixed, TYPICAL_VISITS[number], bursts=bursts))
        weights.append(known[cell] / whole if whole > 0.0 else _DEFAULT_WEIGHT)
    return cells, weights
