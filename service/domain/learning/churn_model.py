"""Churn risk: the chance that a customer has left for good, by MBG/CNBD-k ("buy till you die").

Platzer & Reutterer 2016, "Ticking Away the Moments: Timing Regularity Helps to Better Predict Customer Activity",
Marketing Science 35(5); for k = 1 it is MBG/NBD, Batislam, Denizel & Filiztekin 2007, IJRM 24(3).

- While alive a customer visits after gaps of k exponential stages of rate λ (k = 1: without rhythm; more: regular).
- After every visit, the first one too, they leave for good with chance p. So one-time buyers fade as well.
- λ ~ Gamma(r, α) and p ~ Beta(a, b) over the customers.

A customer is x repeat visits, the last of them t days after the first, seen for T days. With R = r + k x, u = (T − t) /
(α + T):

    dead : alive = a / (b + x)  :  Q,   Q = ((α + t) / (α + T))^R · Σ_{j<k} C(R + j − 1, j) u^j

Q falls from 1 with the silence, so the risk only rises until the next visit. No state is needed beyond visits, first
and last visit.
"""

from __future__ import annotations

from math import ceil, exp, expm1, log, sqrt
from typing import Final

DEFAULT_STAGES: Final = 1
DEFAULT_SHAPE: Final = 1.0
DEFAULT_GAP_DAYS: Final = 14.0
DEFAULT_DROPOUT: Final = 0.25
DEFAULT_DROPOUT_WEIGHT: Final = 2.0
"""What a shop is taken for before its customers have said more: exponential gaps, two weeks on average between the
visits of an average customer, a quarter lost after each visit. The estimates start here (churn_fit.py), so that little
history gives something sane."""
_LOG_TAIL: Final = 12.0
"""e^−12 = 0.001 % of the mass lies below the nodes; the lowest stands for it."""
_LOG_LOWEST: Final = 25.0
"""Nor do they reach further down than this: a customer whose chance to leave is 10^−11 stays."""
_STAYS: Final = 1e-7
"""A customer whose chance to leave is this small stays."""
_MAX_EXPONENT: Final = 700.0
_MOST_STEPS: Final = 50
_CLOSE: Final = 1e-14
_MOST_SKEW: Final = 500.0


class ChurnModel:
    """Parameters of one partition's customers, and what follows from them. Immutable; all times in days."""

    def __init__(
        self,
        stages: int = DEFAULT_STAGES,
        r: float = DEFAULT_SHAPE,
        alpha: float = DEFAULT_SHAPE * DEFAULT_GAP_DAYS,
        a: float = DEFAULT_DROPOUT * DEFAULT_DROPOUT_WEIGHT,
        b: float = (1.0 - DEFAULT_DROPOUT) * DEFAULT_DROPOUT_WEIGHT,
        spend_minor: float = 0.0,
    ) -> None:
        if stages < 1 or min(r, alpha, a, b) <= 0.0:
            raise ValueError("stages must be at least 1, and r, alpha, a and b positive")
        self.stages: Final = stages
        """k: exponential stages of a gap."""
        self.r: Final = r
        self.alpha: Final = alpha
        self.a: Final = a
        self.b: Final = b
        self.spend_minor: Final = spend_minor
        """What an average visit brings, minor units."""
        self._nodes: Final = _gamma_nodes(a)

    def fields(self) -> list[float]:
        """As it is stored, for `of`."""
        return [self.stages, self.r, self.alpha, self.a, self.b, self.spend_minor]

    @classmethod
    def of(cls, fields: list[float]) -> ChurnModel:
        """Back from `fields`; the defaults where there are none."""
        return ChurnModel(int(fields[0]), *fields[1:]) if fields else ChurnModel()

    def _log_alive(self, repeats: int, recency: float, age: float) -> float:
        """log Q ≤ 0: how much less likely the silence is for an alive customer than for one who left."""
        silence = age - recency
        if silence <= 0.0:
            return 0.0
        rest = self.alpha + recency
        whole = rest + silence
        shape = self.r + self.stages * repeats
        logarithm = shape * log(rest / whole)
        if self.stages > 1:
            logarithm += log(stage_sum(self.stages, shape, silence / whole))
        return min(0.0, logarithm)

    def risk(self, repeats: int, recency: float, age: float) -> float:
        """1 − P(alive), 0–1: `repeats` visits after the first, the last `recency` days after it, seen for `age`
        days."""
        dead = self.a / (self.b + repeats)
        return dead / (dead + exp(self._log_alive(repeats, recency, age)))

    def chance_of_no_visit(self, repeats: int, recency: float, age: float, days: float) -> float:
        """P(no visit within the next `days`), 0–1: either gone, or alive and silent for so long."""
        dead = self.a / (self.b + repeats)
        now = exp(self._log_alive(repeats, recency, age))
        return (dead + exp(self._log_alive(repeats, recency, age + days))) / (dead + now)

    def silence_until(self, repeats: int, recency: float, risk: float) -> float:
        """Days of silence after which the risk is `risk` (0–1, exclusive); 0 if it is more from the start.

        In y = log((α + T) / (α + t)) and u = 1 − e^−y: log Q = log Σ − R y, whose slope is −(R + k − 1) · last term of
        Σ / Σ, and which bends down. So Newton's steps from the right never overshoot; for k = 1 it is a line, and the
        start the answer.
        """
        needed = log(self.a / (self.b + repeats) * (1.0 - risk) / risk)  # log Q at which the risk is reached
        if needed >= 0.0:
            return 0.0
        shape = self.r + self.stages * repeats
        y = (
            log(stage_sum(self.stages, shape, 1.0)) - needed
        ) / shape  # at u = 1 the sum is greatest: the root lies left
        if self.stages > 1:
            for _ in range(_MOST_STEPS):
                share = 1.0 - exp(-y)
                term = total = 1.0
                for j in range(1, self.stages):
                    term *= (shape + j - 1) / j * share
                    total += term
                step = (log(total) - shape * y - needed) * total / ((shape + self.stages - 1) * term)
                y += step
                if abs(step) <= _CLOSE * y:
                    break
        return (self.alpha + recency) * expm1(min(_MAX_EXPONENT, y))

    def _stages_passed(self, shape: float, recency: float, age: float) -> float:
        """Mean number of stages that an alive customer's present gap has behind it, 0 … k − 1."""
        share = (age - recency) / (self.alpha + age)
        term = total = 1.0
        passed = 0.0
        for j in range(1, self.stages):
            term *= (shape + j - 1) / j * share
            total += term
            passed += j * term
        return passed / total

    def expected_visits_if_alive(self, repeats: int, recency: float, age: float, days: float) -> float:
        """Mean number of visits within the next `days` of a customer who has not left.

        Given p and the rate m of visits it is (1 − e^{−m p days}) / p: they come until they leave. m has a Gamma
        posterior, over which the mean is closed; over p's posterior Beta(a, b + x + 1) it is taken on fixed nodes.
        Exact for k = 1; for k > 1 the stages the present gap has behind it count as evidence of the rate by their mean,
        and the next visit is not dated by them.
        """
        shape = self.r + self.stages * repeats
        if self.stages > 1:
            shape += self._stages_passed(shape, recency, age)
        per_p = days / (self.stages * (self.alpha + age))
        concentration = self.b + repeats + (self.a + 1.0) / 2.0
        power = self.a - 1.0
        centre = _skew(self.a / concentration)
        total = whole = 0.0
        for node, gamma_weight in self._nodes:
            y = node / concentration
            weight = gamma_weight * exp(min(_MOST_SKEW, power * (_skew(y) - centre)))
            whole += weight
            if y < _STAYS:  # the limit of what follows, which would lose its digits
                total += weight * shape * per_p
            else:
                p = 1.0 - exp(-y)
                total += weight * (1.0 - exp(-shape * log(1.0 + p * per_p))) / p
        return total / whole


def stage_sum(stages: int, shape: float, share: float) -> float:
    """Σ_{j<k} C(R + j − 1, j) u^j for k = `stages`, R = `shape` and u = `share`, 0–1: the stages a silence may have
    behind it."""
    term = total = 1.0
    for j in range(1, stages):
        term *= (shape + j - 1) / j * share
        total += term
    return total


def _skew(y: float) -> float:
    """How the Beta density in y = −log(1 − p) differs from that of a scaled Gamma variable: times e^{(a − 1) skew}."""
    return 0.0 if y < _STAYS else log((1.0 - exp(-y)) / y) + y / 2.0


def _gamma_nodes(shape: float) -> list[tuple[float, float]]:
    """Nodes and weights for the mean over a Gamma(shape, 1) variable q: the trapezoidal rule in log q, which converges
    fast there.

    With y = −log(1 − p) a Beta(a, c) variable p is nearly such a variable divided by c + (a − 1) / 2.
    """
    width = min(1.0, 1.0 / sqrt(shape))
    highest = log(shape + 6.0 * sqrt(shape) + 14.0)
    lowest = log(shape) - max(min(_LOG_LOWEST, _LOG_TAIL / shape), 5.0 * width)
    count = ceil((highest - lowest) / width)
    step = (highest - lowest) / count
    peak = shape * (log(shape) - 1.0)  # the weights count from here: the highest would not fit a float
    nodes: list[tuple[float, float]] = []
    for i in range(count + 1):
        logarithm = lowest + step * i
        node = exp(logarithm)
        nodes.append((node, exp(shape * logarithm - node - peak)))
    node, weight = nodes[0]
    nodes[0] = node, weight / (1.0 - exp(-shape * step))
    return nodes
