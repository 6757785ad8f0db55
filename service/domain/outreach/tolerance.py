"""How long this customer may stay away before a rung fires: the policy's level, turned into days.

A budget of B wrong alerts per healthy regular and year leaves a customer with usual gap û a share q = B · κ û / 365 of
their healthy gaps, whose mean is κ û (learned), and one in five at most; a probability is that share itself; a multiple
counts usual gaps and needs nothing learned. Under a volume the first rung comes due when volume.py says; where neither
a level nor a limit is set, when it is worth it (patience.py).
"""

from __future__ import annotations

from math import exp, log
from typing import Final

from service.domain.cadence import log_patience
from service.domain.calendar import DAYS_PER_YEAR
from service.domain.customer import Customer
from service.domain.learning.everybody import Everybody
from service.domain.learning.silences import CELLS, SHARE_HIGH, SHARE_LOW, cell_of
from service.domain.outreach.patience import Patience
from service.domain.outreach.volume import Volume
from service.domain.policy import Measure, OutreachPolicy

_APART_GAPS: Final = 0.5
_LEAST_APART_DAYS: Final = 1.0
"""A second message soon after the first is a nuisance, whatever the levels say."""


class Tolerance:
    """Days of silence that each rung tolerates. Call `learn` after what was learned from everybody has moved."""

    def __init__(self, policy: OutreachPolicy, everybody: Everybody, volume: Volume | None = None) -> None:
        self._measure = policy.measure
        self._is_multiple: bool = policy.measure is Measure.MULTIPLE
        self._is_probability: bool = policy.measure is Measure.PROBABILITY
        """Once: compiled code takes longer to reach a member of an enum than for all the rest of `days`."""
        self._level = policy.level
        self._everybody = everybody
        self._volume = volume
        self.patience: Patience | None = Patience(policy.patience) if policy.weighs else None
        """None: a level or a limit is set."""
        self._strictness = [rung.strictness for rung in policy.rungs]
        self._log_shares: list[float] = []
        self._by_cell: list[list[float]] = []
        """Rung → cell → log multiple of the base, where the share is the same for all."""
        self.learn()

    def learn(self) -> None:
        """Takes over what is known at present."""
        learned = self._everybody.learned.tolerances
        if self._volume is not None:
            self._volume.learn(learned, self._everybody.mu0)
        if self.patience is not None:
            self.patience.learn(learned, self._everybody.mu0)
        match self._measure:
            case Measure.BUDGET | Measure.PATIENCE:
                yearly = self._level * learned.kappa / DAYS_PER_YEAR
                self._log_shares = [log(yearly * strictness) for strictness in self._strictness]
            case Measure.PROBABILITY:
                self._by_cell = []
                for strictness in self._strictness:
                    log_share = _bounded(log(self._level * strictness))
                    self._by_cell.append([learned.log_multiple(cell, log_share) for cell in range(CELLS)])
            case Measure.MULTIPLE:
                pass

    def days(self, customer: Customer, rung: int) -> float:
        """Silence at which the rung (index) comes due: each at least half a usual gap, and a day, after the one before
        it."""
        if rung == 0 and self._volume is not None:
            return self._volume.days(customer)
        if rung == 0 and self.patience is not None:
            return self.patience.days(customer)
        days = self._own(customer, rung)
        if rung > 0:
            return max(days, self.days(customer, rung - 1) + self.apart_days(customer))
        return days

    def apart_days(self, customer: Customer) -> float:
        """Least time between two messages of one episode."""
        return max(_LEAST_APART_DAYS, _APART_GAPS * exp(customer.log_usual))

    def budgeted(self, cell: int, log_usual: float, own_patience: float, log_least: float) -> float:
        """Silence that a budget's first rung tolerates of such a customer (`first_days`)."""
        log_share = _budgeted(self._log_shares[0] + log_usual)
        log_multiple = self._everybody.learned.tolerances.log_multiple(cell, log_share)
        return exp(max(log_least, log_multiple + own_patience + log_usual))

    def _own(self, customer: Customer, rung: int) -> float:
        """Silence that the rung's own level tolerates: a usual gap at least, and the mean of the customer's own, which
        a shop of which little is known yet draws down; whatever the level says. At the bounds of the shares those of
        several rungs are equal."""
        log_least = _log_least(customer)
        if self._is_multiple:
            return max(exp(log_least), self._level / self._strictness[rung] * exp(customer.log_usual))
        cell = cell_of(customer)
        if self._is_probability:
            log_multiple = self._by_cell[rung][cell]
        else:
            log_share = _budgeted(self._log_shares[rung] + customer.log_usual)
            log_multiple = self._everybody.learned.tolerances.log_multiple(cell, log_share)
        return exp(max(log_least, log_multiple + log_patience(customer.visits) + customer.log_usual))


def first_days(budgets: list[Tolerance], customer: Customer) -> list[float]:
    """What `days` of the first rung is by each of several budgets of one partition, without a volume: what does not
    depend on the level is found once."""
    cell, usual, own_patience = cell_of(customer), customer.log_usual, log_patience(customer.visits)
    least = _log_least(customer)
    return [budget.budgeted(cell, usual, own_patience, least) for budget in budgets]


def _log_least(customer: Customer) -> float:
    """Nobody is alerted before so long a silence."""
    weight = customer.gap_weight
    return max(customer.log_usual, customer.gap_total / weight) if weight > 0.0 else customer.log_usual


_LOG_LOW: Final = log(SHARE_LOW)
_LOG_HIGH: Final = log(SHARE_HIGH)


_MOST_SHARE: Final = 0.2
"""Of the healthy gaps of anybody, that a budget may spend: where gaps last a year, one wrong alert a year would be
nearly every gap."""
_LOG_MOST: Final = log(_MOST_SHARE)


def capped_from_days(budget: float) -> float:
    """Mean healthy gap from which on a budget would spend more of anybody's gaps than it may."""
    return _MOST_SHARE * DAYS_PER_YEAR / budget


def _budgeted(log_share: float) -> float:
    return min(_LOG_MOST, max(_LOG_LOW, log_share))


def _bounded(log_share: float) -> float:
    return min(_LOG_HIGH, max(_LOG_LOW, log_share))
