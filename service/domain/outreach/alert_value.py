"""What an alert to a quiet regular is worth (its value), learned from what became of everybody's silences: a cautious
regression, a few sums.

A silence that has lasted 2.25 usual gaps is followed until its customer comes back or 5.4 usual gaps are over (about
four of the customer's arithmetic mean gaps). y is the part of the time between that it still lasted: 0 = back at once,
1 = not back. What an alert can still win back is proportional to it. An alert's value is their expected y, everybody's
mean being 1, linear in six numbers known when the silence begins:

    ln (n / 8) and its square    loyalty: n visits, 40 at most
    ln û − μ0                    pace
    recent − usual log gap       slowing
    ln (spread / 0.8)            how irregular
    ln (mean gap / û)            how much longer the gaps are in the arithmetic mean: bursts and pauses

by ridge regression (Hoerl & Kennard 1970, Technometrics 12(1)) towards what is believed at first: the odds of being
gone fall with the visits, as in the buy-till-you-die models (MBG/CNBD-k, Platzer & Reutterer 2016). Beliefs must weigh
much: on real logs what one half year says of the next is mostly noise, and alone it ranked worse than they do. The part
of the pace is believed for good: whether a slow customer is lost becomes known so late that what is known early says
the contrary.

Deterministic in the order of its calls. A silence costs 28 products when it ends, the solution is found weekly.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp2, log
from typing import Final

from service.domain.cadence import PATIENCE_CAP, memory_days, usual_gap_days
from service.domain.calendar import DAY_US
from service.domain.customer import Customer
from service.domain.learning.silences import own_spread_square

FROM_GAPS: Final = 2.25
"""Usual gaps from which on a silence is followed: those that volume.py alerts at when messages are few."""
LOST_GAPS: Final = 5.4
"""Usual gaps after which it counts as lost."""
BELIEFS: Final[Sequence[float]] = (1.0, -0.3, 0.0, -0.06, 0.075, 0.0, 0.0)
"""Constant, then the coefficients in the order of `_numbers`: what is believed before anything is seen."""
_PACE: Final = 3
"""Which of them is not learned."""
_SIZE: Final = 7
_PRODUCTS: Final = _SIZE
_OUTCOMES: Final = _PRODUCTS + _SIZE * (_SIZE + 1) // 2
_SEEN: Final = _OUTCOMES + _SIZE
_TOTAL: Final = _SEEN + 1
_LENGTH: Final = _TOTAL + 1
"""Where things lie in what is stored: first the coefficients; then weighted sums over silences, of the products of two
numbers each, of the numbers times their outcome, of 1, and of the outcome."""
_CAUTION: Final = 300.0
_CAUTION_SHARE: Final = 0.03
"""Beliefs weigh like this many silences, and like a part of those seen: in a shop of any size a half year is only one
of many."""
_EVIDENCE: Final = 100.0
"""Silences (by weight) below which beliefs stand alone."""
_LONGER: Final = 1.7
"""Evidence halves over so much longer than that of tolerances: there is less of it, and who is gone differs less from
season to season. It is weighed from the begin of a silence, or else the quickly ended ones, which are known first,
would weigh more."""
_USUAL_VISITS: Final = log(8.0)
_LOG_USUAL_SPREAD: Final = log(0.64)
_FARTHEST: Final = 3.0


def slowing(customer: Customer) -> float:
    """How much longer the recent gaps are than the usual one, −1 to 1 (logarithm)."""
    return max(-1.0, min(1.0, customer.log_recent - customer.log_usual))


class AlertValue:
    """Learning of one partition. `state` is what a restart must know: coefficients, then sums; empty at first."""

    def __init__(self, state: list[float]) -> None:
        if len(state) != _LENGTH:
            state[:] = [*BELIEFS, *([0.0] * (_LENGTH - _SIZE))]
        self.state = state

    def relative(self, customer: Customer, mu0: float) -> float:
        """Expected value of an alert to this regular above that of a customer in the middle, in means of everybody's;
        of use for a ranking only."""
        state, numbers = self.state, _numbers(customer, mu0)
        found = 0.0
        for i in range(1, _SIZE):
            found += state[i] * numbers[i]
        return found

    def came_back(self, customer: Customer, gap: float, mu0: float) -> None:
        """A silence has ended after `gap` days before it counted as lost; the customer is as before this visit."""
        gaps = gap / usual_gap_days(customer)
        if gaps > FROM_GAPS:
            self._learn(customer, min(1.0, (gaps - FROM_GAPS) / (LOST_GAPS - FROM_GAPS)), gap, mu0)

    def lost(self, customer: Customer, mu0: float) -> None:
        """A silence has become longer than `LOST_GAPS`."""
        self._learn(customer, 1.0, LOST_GAPS * usual_gap_days(customer), mu0)

    def refresh(self, mu0: float) -> None:
        """Weekly: evidence ages, the coefficients are found anew."""
        state = self.state
        left = exp2(-7.0 / (_LONGER * memory_days(mu0)))
        for i in range(_PRODUCTS, _LENGTH):
            state[i] *= left
        seen, total = state[_SEEN], state[_TOTAL]
        if seen < _EVIDENCE or total <= 0.0:
            state[:_SIZE] = list(BELIEFS)
            return
        caution = _CAUTION + _CAUTION_SHARE * seen
        mean = total / seen
        place = _PRODUCTS
        matrix = [[0.0] * (_SIZE + 1) for _ in range(_SIZE)]
        for i in range(_SIZE):
            for j in range(i, _SIZE):
                matrix[i][j] = matrix[j][i] = state[place]
                place += 1
        for i in range(_SIZE):
            matrix[i][_SIZE] = state[_OUTCOMES + i] / mean
            if i:
                matrix[i][i] += caution
                matrix[i][_SIZE] += caution * BELIEFS[i]
        matrix[_PACE] = [0.0] * (_SIZE + 1)
        matrix[_PACE][_PACE], matrix[_PACE][_SIZE] = 1.0, BELIEFS[_PACE]
        state[:_SIZE] = _solved(matrix)

    def _learn(self, customer: Customer, outcome: float, days: float, mu0: float) -> None:
        """Takes in the outcome of a silence that began `days` ago."""
        state, numbers, place = self.state, _numbers(customer, mu0), _PRODUCTS
        weight = exp2(-days / (_LONGER * memory_days(mu0)))
        for i in range(_SIZE):
            one = weight * numbers[i]
            for j in range(i, _SIZE):
                state[place] += one * numbers[j]
                place += 1
            state[_OUTCOMES + i] += one * outcome
        state[_SEEN] += weight
        state[_TOTAL] += weight * outcome


def _numbers(customer: Customer, mu0: float) -> list[float]:
    """A leading 1, then what is known of the customer when the silence begins."""
    visits, usual = customer.visits, customer.log_usual
    loyalty = log(min(visits, PATIENCE_CAP)) - _USUAL_VISITS
    mean_days = max(0.5, (customer.last_us - customer.first_us) / DAY_US) / max(1, visits - 1)
    return [
        1.0,
        loyalty,
        loyalty * loyalty,
        max(-_FARTHEST, min(_FARTHEST, usual - mu0)),
        slowing(customer),
        0.5 * (log(own_spread_square(customer)) - _LOG_USUAL_SPREAD),
        max(-1.0, min(2.0, log(mean_days) - usual)),
    ]


def _solved(matrix: list[list[float]]) -> list[float]:
    """The solution of a linear system whose pivots are positive, given with its right side as the last column: Gauss
    elimination in place."""
    size = len(matrix)
    for i in range(size):
        row = matrix[i]
        for k in range(i + 1, size):
            other = matrix[k]
            factor = other[i] / row[i]
            for j in range(i, size + 1):
                other[j] -= factor * row[j]
    solution = [0.0] * size
    for i in range(size - 1, -1, -1):
        rest = matrix[i][size]
        for j in range(i + 1, size):
            rest -= matrix[i][j] * solution[j]
        solution[i] = rest / matrix[i][i]
    return solution
