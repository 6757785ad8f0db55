"""Customers who live as Platzer & Reutterer 2016 define it, and what follows by plain numerical integration.

Nothing here knows the formulas of service/domain/learning/churn_model.py: lives are drawn stage by stage, and the
reference lays a grid over the two unknowns of a customer, the rate λ of the stages and the chance p to leave after a
visit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from random import Random

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from service.domain.calendar import DAY_US
from service.domain.customer import Customer
from service.domain.learning.churn_model import ChurnModel
from tests.support.engines import at

Values = float | NDArray[np.float64]


@dataclass(frozen=True)
class Truth:
    """A shop's customers: λ ~ Gamma(r, rate α), p ~ Beta(a, b), gaps of k exponential stages; times in days."""

    stages: int
    r: float
    gap_days: float
    """Mean gap of a customer with the mean rate: k α / r."""
    dropout: float
    """Mean chance to leave after a visit: a / (a + b)."""
    weight: float
    """a + b: the larger, the more alike the customers are."""

    @property
    def alpha(self) -> float:
        return self.r * self.gap_days / self.stages

    @property
    def a(self) -> float:
        return self.dropout * self.weight

    @property
    def b(self) -> float:
        return (1.0 - self.dropout) * self.weight

    def model(self, spend_minor: float = 0.0) -> ChurnModel:
        return ChurnModel(self.stages, self.r, self.alpha, self.a, self.b, spend_minor)


@dataclass(frozen=True)
class Life:
    """All visits of one customer up to the end of the simulation, in days."""

    visits: Sequence[float]
    left: float
    """Day of the visit after which they left for good; inf if that lies beyond the end."""

    def seen(self, day: float) -> tuple[int, float, float]:
        """(repeats, recency, age) as the shop knows them on that day, not before the first visit."""
        past = [visit for visit in self.visits if visit <= day]
        return len(past) - 1, past[-1] - past[0], day - past[0]

    def gone(self, day: float) -> bool:
        return self.left <= day

    def visits_between(self, start: float, end: float) -> int:
        return sum(start < visit <= end for visit in self.visits)


def live(truth: Truth, random: Random, joined: float, end: float) -> Life:
    """One life from its first visit on."""
    rate = random.gammavariate(truth.r, 1.0 / truth.alpha)
    p = random.betavariate(truth.a, truth.b)
    day, visits = joined, [joined]
    while random.random() >= p:
        day += sum(random.expovariate(1.0) for _ in range(truth.stages)) / rate if rate > 0.0 else inf
        if day > end:
            return Life(visits, inf)
        visits.append(day)
    return Life(visits, day)


def shop(truth: Truth, number: int, seed: int, days: float = 730.0) -> list[Life]:
    """Customers who join evenly over the days that are simulated."""
    random = Random(seed)
    return [live(truth, random, random.random() * days, days) for _ in range(number)]


def known_as(life: Life) -> Customer:
    """The customer as the engine holds them after these visits: those of one day are one visit, spending 10.00 each."""
    customer = Customer("c")
    for visit in life.visits:
        day = at(visit) // DAY_US
        if day != customer.last_day:
            customer.visits += 1
            customer.previous_day, customer.last_day, customer.last_us = customer.last_day, day, at(visit)
            customer.mark_day(day)
    customer.orders = len(life.visits)
    customer.revenue_minor = 1000 * customer.orders
    customer.first_us = at(life.visits[0])
    return customer


def gamma_logpdf(value: Values, shape: float, rate: Values) -> NDArray[np.float64]:
    """log of a gamma density; scipy.stats has it as well, and takes a second to import."""
    logs = np.log(rate) + special.xlogy(shape - 1.0, value * rate) - value * rate - special.gammaln(shape)
    return np.asarray(logs, dtype=np.float64)


class Grid:
    """A customer's likelihood over (λ, p), times the prior: the trapezoidal rule in log λ and logit p.

    Given both: each gap has the density of a sum of k exponential stages; after each of the x + 1 visits the customer
    left with chance p; one who has not left is silent for s days if the sum of the stages exceeds s. How the gaps share
    the recency does not matter to what is asked here, so they are taken as equal.
    """

    def __init__(self, truth: Truth, repeats: int, recency: float, age: float) -> None:
        log_rate = np.linspace(-40.0, 6.0, 921)
        logit = np.linspace(-130.0, 40.0, 681)
        self._stages, self._silence = truth.stages, age - recency
        self._rate = np.exp(log_rate)[:, None]
        self._p = special.expit(logit)[None, :]
        self._stays = special.expit(-logit)[None, :]
        rates = stats.gamma.logpdf(self._rate, truth.r, scale=1.0 / truth.alpha) + log_rate[:, None]
        if repeats:
            rates = rates + repeats * stats.gamma.logpdf(recency / repeats, truth.stages, scale=1.0 / self._rate)
        log_p, log_stays = special.log_expit(logit)[None, :], special.log_expit(-logit)[None, :]
        chances = truth.a * log_p + (truth.b + repeats) * log_stays
        self._seen = np.exp(rates - rates.max()) * np.exp(chances - chances.max())

    def _silent(self, days: float) -> NDArray[np.float64]:
        """P(a gap lasts longer | λ)."""
        return np.asarray(stats.gamma.sf(days, self._stages, scale=1.0 / self._rate))

    def risk(self) -> float:
        gone = self._seen * self._p
        alive = self._seen * self._stays * self._silent(self._silence)
        return float(gone.sum() / (gone.sum() + alive.sum()))

    def chance_of_no_visit(self, days: float) -> float:
        gone = (self._seen * self._p).sum()
        now = (self._seen * self._stays * self._silent(self._silence)).sum()
        later = (self._seen * self._stays * self._silent(self._silence + days)).sum()
        return float((gone + later) / (gone + now))

    def rate_if_alive(self) -> float:
        """Mean λ of a customer who has not left."""
        alive = self._seen * self._stays * self._silent(self._silence)
        return float((alive * self._rate).sum() / alive.sum())

    def visits_if_alive(self, days: float) -> float:
        """For k = 1, where the visits of an alive customer come evenly at rate λ and each is the last with chance p."""
        assert self._stages == 1
        alive = self._seen * self._stays * self._silent(self._silence)
        visits = -np.expm1(-self._rate * self._p * days) / self._p
        return float((alive * visits).sum() / alive.sum())
