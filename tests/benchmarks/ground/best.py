"""The best that could be done in a shop whose truth is known: the optimal moment for each silence, by dynamic
programming.

Whoever knows how a customer really comes and leaves knows S(t), the chance that a silence of theirs lasts t days. A
message costs λ visits. Sent after t days of a silence that is still open, it saves what lies ahead: a visit for each
usual gap u between max(t, u) and 4 u that the silence goes on. So a plan to wait until t and send then is worth

    ∫ S(s) ds / u over [max(t, u), 4 u]  −  λ S(t)

when the silence begins. Nothing that happens in a silence tells more than that it goes on, so the best of these plans
is the optimal policy of the stopping problem: the backward recursion over t would choose the same t. λ is found so
that as many messages go out as the rule gave that this one is held against.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.special import gammainc

from service.backtest.comparison import HORIZONS, Performance, RuleComparison
from tests.benchmarks.ground.shops import GrownShop, Numbers, Person

_MOMENTS: Final = np.linspace(1.0, HORIZONS[0], 61)
"""Usual gaps of silence at which a message may go out: earlier nothing is saved by it."""
_HALVINGS: Final = 40


def open_share(shop: GrownShop, person: Person, begin: float, days: Numbers) -> Numbers:
    """S: the chance that a silence of that customer which began on day `begin` lasts so many days, 0–1."""
    lead = 0.3 * shop.days
    own = shop.season.own(begin + lead + days) - shop.season.own(np.array([begin + lead]))
    stages, pace = shop.cell.stages, shop.cell.stages / person.usual_days
    if shop.cell.by_time:
        both = pace + person.leave
        comes: Numbers = 1.0 - (pace / both) ** stages * gammainc(stages, both * own)
        return comes
    stays: Numbers = 1.0 - (1.0 - person.leave) * gammainc(stages, pace * own)
    return stays


class BestPolicy:
    """For the compared absences of one shop."""

    def __init__(self, shop: GrownShop, comparison: RuleComparison, whose: Sequence[tuple[str, float]]) -> None:
        """`whose`: of each compared absence the customer, and the day on which it began."""
        self._comparison = comparison
        usual = np.array([shop.people[name].usual_days for name, _ in whose])
        lasts = np.array(
            [
                open_share(shop, shop.people[name], begin, _MOMENTS * shop.people[name].usual_days)
                for name, begin in whose
            ]
        ).reshape(len(whose), len(_MOMENTS))
        step = np.diff(_MOMENTS)
        pieces = 0.5 * (lasts[:, 1:] + lasts[:, :-1]) * step
        self._saved = np.concatenate([np.cumsum(pieces[:, ::-1], axis=1)[:, ::-1], np.zeros((len(whose), 1))], axis=1)
        self._lasts, self._usual = lasts, usual

    def delays(self, price: float) -> list[float]:
        """Days of silence after which each is written to where a message costs `price` visits; inf: never."""
        worth = self._saved - price * self._lasts
        at = worth.argmax(axis=1)
        days = _MOMENTS[at] * self._usual
        days[worth[np.arange(len(at)), at] <= 0.0] = np.inf
        return [float(each) for each in days]

    def at_count(self, alerts: float) -> Performance:
        """At as many alerts; two neighbouring prices are mixed."""
        low, high = 0.0, HORIZONS[0]
        many, few = self._comparison.performance(self.delays(low)), Performance()
        if many.alerts <= alerts:
            return many
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            tried = self._comparison.performance(self.delays(middle))
            if tried.alerts > alerts:
                low, many = middle, tried
            else:
                high, few = middle, tried
        if many.alerts <= few.alerts:
            return few
        return many.mixed(few, (alerts - few.alerts) / (many.alerts - few.alerts))
