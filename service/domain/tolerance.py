"""How long this customer may stay away before a rung fires: the policy's level, turned into days.

A budget of B wrong alerts per healthy regular and year leaves a customer with usual gap û a share q = B · û / 365 of
their gaps (bounded); a probability is that share itself; a multiple counts usual gaps and needs no curve.
"""

from __future__ import annotations

from math import exp, log
from typing import Final

from service.domain.cadence import base_days
from service.domain.customer import Customer
from service.domain.policy import Measure, OutreachPolicy
from service.domain.population import GRID, SHARE_HIGH, SHARE_LOW, Population

_LOG_LOW: Final = log(SHARE_LOW)
_APART_GAPS: Final = 0.5
_LEAST_APART_DAYS: Final = 1.0
"""A second message soon after the first is a nuisance, whatever the levels say."""
_PER_LOG: Final = GRID / (log(SHARE_HIGH) - _LOG_LOW)


class Tolerance:
    """Days of silence that each rung tolerates. Call `learn` after the population's curve has moved."""

    def __init__(self, policy: OutreachPolicy, population: Population) -> None:
        self._measure = policy.measure
        self._level = policy.level
        self._population = population
        self._strictness = [rung.strictness for rung in policy.rungs]
        self._log_shares = [log(max(1e-300, policy.level * rung.strictness / 365.0)) for rung in policy.rungs]
        self._grid: list[float] = []
        self._fixed: list[float] = []
        self.learn()

    def learn(self) -> None:
        """Takes over the population's present curve."""
        level = self._level
        match self._measure:
            case Measure.BUDGET:
                self._grid = self._population.multiples()
            case Measure.PROBABILITY:
                self._fixed = [self._population.multiple(level * strictness) for strictness in self._strictness]
            case Measure.MULTIPLE:
                self._fixed = [level / strictness for strictness in self._strictness]

    def days(self, customer: Customer, rung: int) -> float:
        """Silence at which the rung (index) comes due: each at least half a usual gap, and a day, after the one before it."""
        days = self._own(customer, rung)
        if rung > 0:
            return max(days, self.days(customer, rung - 1) + self.apart_days(customer))
        return days

    def apart_days(self, customer: Customer) -> float:
        """Least time between two messages of one episode."""
        return max(_LEAST_APART_DAYS, _APART_GAPS * exp(customer.log_usual))

    def _own(self, customer: Customer, rung: int) -> float:
        """Silence that the rung's own level tolerates; at the bounds of the shares those of several rungs are equal."""
        if self._measure is Measure.MULTIPLE:
            return self._fixed[rung] * exp(customer.log_usual)
        if self._measure is Measure.PROBABILITY:
            return self._fixed[rung] * base_days(customer)
        position = (self._log_shares[rung] + customer.log_usual - _LOG_LOW) * _PER_LOG
        if position <= 0.0:
            multiple = self._grid[0]
        elif position >= GRID:
            multiple = self._grid[GRID]
        else:
            index = int(position)
            low = self._grid[index]
            multiple = low + (self._grid[index + 1] - low) * (position - index)
        return multiple * base_days(customer)
