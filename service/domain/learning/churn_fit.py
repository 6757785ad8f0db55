"""The churn model's parameters, estimated from the stream: maximum likelihood over a bounded sample of the customers.

Sample: the customers whose hash lies below a threshold, which halves whenever they are more than 1,024 (adaptive
sampling, Wegman; Flajolet 1990, Computing 43). So the sample is a random one, a function of the customers, and a fit
costs the same at a million of them. Regularity k: from the newest two gaps of each, by Wheat & Morrison 1990,
"Estimating Purchase Regularity with Two Interpurchase Times", JMR 27(1). The other four by the simplex, from where the
last fit stood, with a weak prior that counts like a handful of customers: a shop with little history gets sane numbers.

Likelihood of a customer (churn_model.py has the terms; factors without parameters left out):

    Γ(R)/Γ(r) · α^r / (α + t)^R · Γ(b + x) Γ(a + b) / (Γ(b) Γ(a + b + x + 1)) · (a + (b + x) Q)
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, fsum, lgamma, log
from typing import Final

import xxhash

from service.domain.calendar import DAY_US
from service.domain.customer import Customer
from service.domain.learning.churn_model import (
    DEFAULT_DROPOUT,
    DEFAULT_DROPOUT_WEIGHT,
    DEFAULT_GAP_DAYS,
    DEFAULT_SHAPE,
    ChurnModel,
    stage_sum,
)
from service.domain.learning.foresight import Foresight, is_better
from service.domain.learning.simplex import minimum

SAMPLE_MOST: Final = 1024
"""More makes the fit slower and hardly better: at 512 to 1,024 customers the rates are known to about a tenth."""
EVALUATIONS: Final = 40
"""Of the likelihood, per fit. The next fit goes on from where this one stopped."""
_FIRST_EVALUATIONS: Final = 180
_FIRST_OF_A_RIVAL: Final = 80
_TRIES: Final = 8
_FITS_PER_TRY: Final = 2
"""The first 8 fits try another k, then every other one: trying costs as much as fitting."""
_STEP: Final = 0.3
STAGES_MOST: Final = 4
"""A more regular one hardly changes the risk, and every stage costs."""
_SEED: Final = 17
_PRIOR: Final[list[float]] = [
    log(DEFAULT_SHAPE),
    log(DEFAULT_GAP_DAYS),
    log(DEFAULT_DROPOUT / (1.0 - DEFAULT_DROPOUT)),
    log(DEFAULT_DROPOUT_WEIGHT),
]
_PRIOR_SPREAD: Final[list[float]] = [1.5, 2.0, 1.5, 1.5]
"""Standard deviations of the four coordinates: log r, log mean gap, logit mean dropout, log (a + b)."""
_FEWEST_FOR_ODD: Final = 20
_ONE_ODD_IN: Final = 100
_FEWEST_REPEATS_OF_ODD: Final = 30
_APART: Final = 3.0
"""Customers whose repeat visits are so many times those of all others are odd. One account of a visit a day moved the
risk of 300 others by 0.07 on the mean, and what a visit brings by a quarter."""
_FARTHEST: Final = 12.0
_HUGE: Final = 1e300


class Sample:
    """A random part of the customers who have visited, of bounded size; the same whatever the order in which they
    came."""

    def __init__(self, level: int = 0) -> None:
        self.level = level
        """One in 2^level customers is in. The only thing a restart must know."""
        self._hashes: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._hashes)

    def offer(self, customer_id: str) -> None:
        """A customer who has come for the first time, or who was restored."""
        digest = xxhash.xxh3_64_intdigest(customer_id.encode(), _SEED)
        if digest >> (64 - self.level):
            return
        self._hashes[customer_id] = digest
        while len(self._hashes) > SAMPLE_MOST:
            self.level += 1
            self._hashes = {known: h for known, h in self._hashes.items() if not h >> (64 - self.level)}

    def holds(self, customer_id: str) -> bool:
        """Whether the customer is in the sample; who is not will never be."""
        return customer_id in self._hashes

    def remove(self, customer_id: str) -> None:
        """The customer was erased."""
        self._hashes.pop(customer_id, None)

    def members(self) -> list[str]:
        """In an order that depends on the customers only."""
        return [known for _, known in sorted((h, known) for known, h in self._hashes.items())]


class _Posterior:
    """Minus the log posterior of the four parameters, for given customers and k; equal customers are counted
    together."""

    def __init__(self, customers: list[Customer], now_us: int, stages: int) -> None:
        counted: dict[tuple[int, int, int], int] = {}
        for customer in customers:
            key = _seen(customer, now_us)
            counted[key] = counted.get(key, 0) + 1
        self._stages = stages
        self._repeats: list[int] = []
        self._recency: list[float] = []
        self._age: list[float] = []
        self._number: list[int] = []
        for key in sorted(counted):
            self._repeats.append(key[0])
            self._recency.append(key[1] / DAY_US)
            self._age.append(key[2] / DAY_US)
            self._number.append(counted[key])

    def cost(self, position: list[float]) -> float:
        penalty = 0.0
        for value, centre, spread in zip(position, _PRIOR, _PRIOR_SPREAD, strict=True):
            if abs(value) > _FARTHEST:
                return _HUGE
            penalty += ((value - centre) / spread) ** 2 / 2.0
        r, alpha, a, b = parameters(position, self._stages)
        return penalty - self._log_likelihood(r, alpha, a, b)

    def _log_likelihood(self, r: float, alpha: float, a: float, b: float) -> float:
        stages = self._stages
        constant, constant_of = 0.0, -1
        rest, rest_of = 0.0, -1.0
        common = r * log(alpha) - lgamma(r) + lgamma(a + b) - lgamma(b)
        terms: list[float] = []
        all_repeats, recencies, ages, numbers = self._repeats, self._recency, self._age, self._number
        for index in range(len(numbers)):
            repeats, recency, age, number = all_repeats[index], recencies[index], ages[index], numbers[index]
            shape = r + stages * repeats
            if repeats != constant_of:  # they are in order
                constant_of = repeats
                constant = common + lgamma(shape) + lgamma(b + repeats) - lgamma(a + b + repeats + 1)
            if recency != rest_of:  # in order too, and that of who came once is 0
                rest_of = recency
                rest = log(alpha + recency)
            whole = log(alpha + age)
            share = (age - recency) / (alpha + age)
            alive = stage_sum(stages, shape, share) * exp(shape * (rest - whole))
            terms.append(number * (constant - shape * rest + log(a + (b + repeats) * alive)))
        return fsum(terms)


def _seen(customer: Customer, now_us: int) -> tuple[int, int, int]:
    """Repeat visits, the last of them and the present, both in µs after the first visit: up to the first message that
    was sent to the customer, if one was (everybody.py).
    """
    first, followed = customer.first_us, customer.followed
    if followed is None or followed.taught is None:
        return customer.visits - 1, customer.last_us - first, max(now_us, customer.last_us) - first
    visits, last, until = followed.taught
    return visits - 1, max(0, last - first), max(0, last - first, until - first)


def parameters(position: list[float], stages: int) -> tuple[float, float, float, float]:
    """(r, α, a, b) from log r, log of the mean gap of an average customer in days, logit of the mean dropout, log (a +
    b)."""
    r, weight = exp(position[0]), exp(position[3])
    dropout = 1.0 / (1.0 + exp(-position[2]))
    return r, r * exp(position[1]) / stages, dropout * weight, (1.0 - dropout) * weight


class Fit:
    """What a fit has found, and where the next goes on."""

    def __init__(self, model: ChurnModel, position: list[float], rivals: list[list[float]]) -> None:
        self.model: Final = model
        self.position: Final = position
        self.rivals: Final = rivals
        """Of each k from 1 on, where its search stands; empty where it was not tried."""


def fit(
    customers: list[Customer],
    now_us: int,
    position: list[float],
    stages: int = 1,
    rivals: Sequence[list[float]] = (),
    turn: int = 0,
) -> Fit:
    """The model of these customers of one partition, as seen at `now_us`.

    `position`, `stages`, `rivals`: where the last fit stopped, with which k; empty for the first. `turn`: how many fits
    there were; tries of one stage more and one less take turns. Customers without a visit are left out, and odd ones.
    """
    visited = without_odd([customer for customer in customers if customer.visits])
    search = _Search(visited, now_us, rivals)
    if position:
        search.go_on(stages, position, EVALUATIONS)
        tries, rest = (turn, 0) if turn < _TRIES else divmod(turn, _FITS_PER_TRY)
        if not rest:
            more = tries % 2 == 0 if 1 < stages < STAGES_MOST else stages == 1
            stages = search.better_of(stages, stages + 1 if more else stages - 1)
    else:
        stages = 1
        search.go_on(stages, list(_PRIOR), _FIRST_EVALUATIONS)
        while stages < STAGES_MOST and search.better_of(stages, stages + 1) > stages:
            stages += 1
    return Fit(search.model(stages), search.positions[stages - 1], search.positions)


def without_odd(visited: list[Customer]) -> list[Customer]:
    """The customers without the few that are none: a till's account, one for everybody who walks in. Their repeat
    visits lie apart from everybody else's, thirty at least and three times as many as the next one has; and they are
    one in a hundred at most, or one alone. The tail of a Gamma distribution hardly ever leaves such a gap.
    """
    if len(visited) < _FEWEST_FOR_ODD:
        return visited
    repeats = sorted([customer.visits - 1 for customer in visited], reverse=True)
    for count in range(max(1, len(visited) // _ONE_ODD_IN), 0, -1):
        most = repeats[count]
        if repeats[count - 1] >= max(_FEWEST_REPEATS_OF_ODD, _APART * most):
            return [customer for customer in visited if customer.visits - 1 <= most]
    return visited


class _Search:
    """The best parameters of several k for the same customers."""

    def __init__(self, visited: list[Customer], now_us: int, rivals: Sequence[list[float]]) -> None:
        self._visited = visited
        self._now_us = now_us
        self._foresight: Foresight | None = None
        """None: no other k was tried yet."""
        visits = sum([customer.visits for customer in visited])
        revenue = sum([customer.revenue_minor for customer in visited])
        self._spend_minor = revenue / visits if visits and revenue > 0 else 0.0
        self.positions: list[list[float]] = [list(known) for known in rivals] or [[] for _ in range(STAGES_MOST)]

    def go_on(self, stages: int, start: list[float], evaluations: int) -> None:
        cost = _Posterior(self._visited, self._now_us, stages).cost
        self.positions[stages - 1] = minimum(cost, start, _STEP, evaluations)

    def model(self, stages: int) -> ChurnModel:
        r, alpha, a, b = parameters(self.positions[stages - 1], stages)
        return ChurnModel(stages, r, alpha, a, b, self._spend_minor)

    def better_of(self, stages: int, rival: int) -> int:
        """The rival, if its model would have foretold more; then from where it stands, or from where the other does."""
        foresight = self._foresight
        if foresight is None:
            foresight = self._foresight = Foresight(self._visited, self._now_us)
        if not foresight.is_enough(exp(self.positions[stages - 1][1])):
            return stages
        known = self.positions[rival - 1]
        evaluations = EVALUATIONS if known else _FIRST_OF_A_RIVAL
        self.go_on(rival, known or self.positions[stages - 1], evaluations)
        is_rival = is_better(foresight.losses(self.model(rival)), foresight.losses(self.model(stages)))
        return rival if is_rival else stages
