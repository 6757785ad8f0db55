"""When a message goes out to a steady regular where their number is set: learned from the shop's own finished silences.

A message costs a price, and one that was needless costs more of it. Of each of the 20 cells of regulars (silences.py)
the curve of all silences says what a message after t still saves, how many silences are open then, and how many of
those it reaches would have ended within a gap (patience.py):

    worth    saved(t) − price · (open(t) + 0.3 · needless(t))

The moment of a cell is where this is highest; a clock-like one so has it soon after its gap is over, and later where
messages are dear. The price is the one at which as many messages are worth it as are wanted. A cell that none is worth
any more keeps the moment of the highest price at which one was: who of it comes due is for the rank to judge
(volume.py).

This holds for steady customers. What the curves say of irregular ones is flat over more than a usual gap, so that
chance would set their moment: on four real logs it captured one to three points less at 10 alerts per 100 visits than
the same limit for all. How much of a customer's date is learned so grows with the steadiness of their own gaps.

Nothing is counted at a visit, and nothing looks ahead: everything follows from the weekly refresh.
"""

from __future__ import annotations

from math import exp, fsum, log
from typing import Final

from service.domain.customer import Customer
from service.domain.halving import bracket
from service.domain.learning.silences import SPREAD_SQUARE, Tolerances, cell_of, own_spread_square
from service.domain.outreach.patience import TYPICAL_PATIENCE, RegularKind, kinds_of

_NEEDLESS: Final = 0.3
"""What a needless message costs above any other, in prices."""
_LOG_LOW: Final = log(0.02)
_LOG_HIGH: Final = log(1.5)
_PRICES: Final = 32
_STEP: Final = (_LOG_HIGH - _LOG_LOW) / (_PRICES - 1)
_ALIKE: Final = 0.4
"""Customers of a cell differ in what a message to them is worth: as the price rises by this much of its logarithm, they
fall out one by one."""
_HASTE: Final = 0.5
"""How far a full or an empty bucket moves the price (of its logarithm)."""
_EVIDENCE: Final = 60.0
"""Silences (by weight) that the limit for all counts like beside those of the shop."""
_IRREGULAR: Final = 0.2
"""By how much the square of the spread of a clock-like customer's log gaps lies below everybody's, 0.64, at the least:
three even gaps show no more, eight stages (a coefficient of variation of 0.35) do."""


def steadiness(customer: Customer) -> float:
    """0 for who comes as they please, 1 for who comes like a clock: by the spread of their own log gaps."""
    return min(1.0, max(0.0, (SPREAD_SQUARE - own_spread_square(customer)) / _IRREGULAR))


class Moments:
    """The moments of one partition. Stateless beside what was learned: a restart finds the same."""

    def __init__(self) -> None:
        self.known: float = 0.0
        """How much the shop's silences weigh beside the limit for all, 0–1."""
        self._log_price: float = 0.0
        self._cells: list[_Moment] = []

    @property
    def price(self) -> float:
        """What a message costs, in whole absences captured."""
        return exp(self._log_price)

    def learn(self, tolerances: Tolerances, share: float) -> None:
        """What is known of silences has moved, or was restored. `share`: messages wanted for each silence that begins,
        0–1."""
        seen = fsum(tolerances.class_weights) if tolerances.cells else 0.0
        self.known = seen / (seen + _EVIDENCE) if share > 0.0 else 0.0
        if self.known <= 0.0:
            return
        kinds, weights = kinds_of(tolerances)
        self._cells = [_Moment(kind) for kind in kinds]
        self._log_price = bracket(lambda log_price: self._messages(weights, log_price) <= share, _LOG_LOW, _LOG_HIGH)[1]

    def _messages(self, weights: list[float], log_price: float) -> float:
        """For each silence that begins, at that price."""
        return fsum(
            weight * cell.messages(log_price) for weight, cell in zip(weights, self._cells, strict=True) if weight > 0.0
        )

    def log_gaps(self, customer: Customer, haste: float) -> float:
        """Log of the steady usual gaps of silence after which the customer comes due. `haste`: −1 with an empty bucket
        to 1 with a full one."""
        cell = cell_of(customer)
        moment = self._cells[cell]
        log_price = self._log_price - _HASTE * max(-1.0, min(1.0, haste))
        return moment.log_bases(min(log_price, moment.log_most)) + log(TYPICAL_PATIENCE[cell])


class _Moment:
    """Of one cell the best moment at each price."""

    def __init__(self, kind: RegularKind) -> None:
        costs = [still + _NEEDLESS * back for still, back in zip(kind.still_open, kind.needless, strict=True)]
        most = max(saved / max(1e-9, cost) for saved, cost in zip(kind.saved, costs, strict=True))
        self.log_most: float = min(_LOG_HIGH, max(_LOG_LOW, log(max(1e-9, most))))
        """Log of the highest price at which a message is worth it."""
        self._log_bases: list[float] = []
        self._lasts: Final = kind.lasts
        latest = 0.0
        for number in range(_PRICES):
            price = exp(_LOG_LOW + _STEP * number)
            worth = [saved - price * cost for saved, cost in zip(kind.saved, costs, strict=True)]
            latest = max(latest, _highest(worth, kind.bases))
            self._log_bases.append(log(latest))

    def log_bases(self, log_price: float) -> float:
        return _between(self._log_bases, log_price)

    def messages(self, log_price: float) -> float:
        """Messages for each silence that begins."""
        part = min(1.0, max(0.0, 0.5 + (self.log_most - log_price) / _ALIKE))
        return part * self._lasts.at(exp(self.log_bases(log_price)))


def _highest(worth: list[float], bases: list[float]) -> float:
    """Bases at which the worth is highest: on the parabola through the best moment and its neighbours."""
    at = worth.index(max(worth))
    if at in {0, len(worth) - 1}:
        return bases[at]
    before, here, after = worth[at - 1], worth[at], worth[at + 1]
    bend = before - 2.0 * here + after
    if bend >= 0.0:
        return bases[at]
    return bases[at] + 0.25 * (before - after) / bend * (bases[at + 1] - bases[at - 1])


def _between(table: list[float], log_price: float) -> float:
    place = (log_price - _LOG_LOW) / _STEP
    if place <= 0.0:
        return table[0]
    index = int(place)
    if index >= _PRICES - 1:
        return table[_PRICES - 1]
    return table[index] + (place - index) * (table[index + 1] - table[index])
