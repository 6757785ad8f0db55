"""The visits of a backtest, and what the engine knew at each, so that alerts can be evaluated afterwards.

A visit is written down when the engine has counted it. From the instant on from which alerts are evaluated, every visit
of a regular begins an absence that may be alerted; with it go the base that the engine had then, the days of silence
that each of `BUDGETS` would have tolerated by what was known then, and what the policy of patience would have gone by:
neither the trade-off between budgets nor that between more and less patience costs a run of its own.

Memory: 8 bytes a visit, 36 more for one that is evaluated, about 250 a customer. Of a log with more visits than
`MOST_VISITS` a sample of the customers is followed, drawn by a hash of their ids. Pure: no I/O, no clock.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import xxhash

from service.domain.cadence import base_days
from service.domain.calendar import DAY_US, NEVER, Calendar
from service.domain.engine import Engine
from service.domain.learning.churn_model import ChurnModel
from service.domain.learning.learned import Learned
from service.domain.learning.silences import Tolerances, cell_of
from service.domain.outreach.patience import steady_gap_days
from service.domain.outreach.tolerance import Tolerance, first_days
from service.domain.policy import Measure, Policy

BUDGETS: Final[Sequence[float]] = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Wrong alerts per healthy regular and year that the trade-off shows: doublings around the default of one."""
MOST_VISITS: Final = 200_000
"""A few seconds of evaluation in the end; shares of that many are known to a fraction of a percent."""
_SEED: Final = 29
_LOOKS: Final = 12
"""How often what is known of silences is written down: it changes little from one week to the next."""
_PER_VISIT: Final = 4 + len(BUDGETS)
"""Numbers per evaluated visit: the base, the days that each budget tolerates; then kind of regular, steady usual gap,
and which of `VisitLog.silences` was known."""


def lot(customer_id: str) -> int:
    """A number of 64 bits drawn by the id: the same every time, and nothing else about the customer decides it."""
    return xxhash.xxh3_64_intdigest(customer_id.encode(), _SEED)


class KnownAtVisits:
    """What the engine knew of one customer at each of their evaluated visits, which are the last ones of the log.

    One array for all: there may be a million customers.
    """

    def __init__(self) -> None:
        self._numbers: array[float] = array("f")

    def __len__(self) -> int:
        """Evaluated visits."""
        return len(self._numbers) // _PER_VISIT

    def add(self, base_days: float, tolerated_days: list[float], weighed: tuple[int, float, int]) -> None:
        """A further visit; `tolerated_days` in the order of `BUDGETS`, `weighed` as in `weighed`."""
        self._numbers.append(base_days)
        self._numbers.extend(tolerated_days)
        self._numbers.extend(weighed)

    def base_days(self) -> list[float]:
        """By evaluated visit."""
        return self._numbers[::_PER_VISIT].tolist()

    def tolerated_days(self, budget: int) -> list[float]:
        """Days of silence that the budget-th of `BUDGETS` would have tolerated, by evaluated visit."""
        return self._numbers[1 + budget :: _PER_VISIT].tolist()

    def weighed(self) -> list[tuple[int, float, int]]:
        """(kind of regular, usual gap of who is steady in days, index into `VisitLog.silences`), by evaluated visit."""
        kind, gap, look = (self._numbers[_PER_VISIT - 3 + place :: _PER_VISIT] for place in range(3))
        return [(int(one), days, int(known)) for one, days, known in zip(kind, gap, look, strict=True)]


class VisitLog:
    """Visits of (a sample of) the customers of one backtest.

    Call `begin` before the first event at or after `begin_at_us` is applied.
    """

    def __init__(
        self, calendar: Calendar, policy: Policy, first_us: int, last_us: int, evaluate_from_us: int | None = None
    ) -> None:
        """Begins the evaluation at `evaluate_from_us`.

        None, or an instant outside of the log, stands for the local midnight at or before the middle of the log.
        """
        if evaluate_from_us is None or not first_us < evaluate_from_us < last_us:
            first_day = calendar.day_of(first_us)
            half = (last_us - calendar.start_of(first_day)) // DAY_US // 2
            evaluate_from_us = calendar.start_of(first_day + half)
        self.evaluate_from_us: Final = evaluate_from_us
        self.begin_at_us = evaluate_from_us
        """NEVER once begun."""
        self.end_us: Final = last_us
        self.halvings = 0
        """One in 2^halvings customers is in the sample."""
        self.visits: dict[str, array[int]] = {}
        """First purchase of each visit, in order."""
        self.evaluated: dict[str, KnownAtVisits] = {}
        """Of customers with evaluated visits."""
        self.models: dict[str, ChurnModel] = {}
        """Churn model of the customer's partition as it stood when the evaluation began; of the same customers."""
        self.silences: list[Tolerances] = []
        """What was known of silences while absences were evaluated: of each partition at `_LOOKS` instants at most."""
        self._written = 0
        """Visits of the sample."""
        self.min_visits: Final = policy.shop.regular_min_visits
        self._policies = [replace(policy.outreach, measure=Measure.BUDGET, level=level) for level in BUDGETS]
        self._begun: dict[Engine, ChurnModel] = {}
        self._tolerances: dict[Engine, tuple[Learned, list[Tolerance]]] = {}
        self._looked: dict[Engine, tuple[int, int]] = {}
        """Index into `silences`, and when it is looked again."""

    def begin(self, engines: Sequence[Engine]) -> None:
        """From here on absences are evaluated."""
        self.begin_at_us = NEVER
        self._begun = {engine: engine.everybody.learned.model for engine in engines}

    def bought(self, customer_id: str, at_us: int, engine: Engine) -> None:
        """A purchase, not a refund, that `engine` has applied."""
        customer = engine.customers[customer_id]
        if customer.last_us != at_us:  # not the first purchase of a visit
            return
        times = self.visits.get(customer_id)
        if times is None:
            if self.halvings and lot(customer_id) >> (64 - self.halvings):
                return
            times = self.visits[customer_id] = array("q")
        elif times[-1] == at_us:
            return
        times.append(at_us)
        self._written += 1
        if customer.visits >= self.min_visits and at_us >= self.evaluate_from_us:
            known = self.evaluated.get(customer_id)
            if known is None:
                known = self.evaluated[customer_id] = KnownAtVisits()
                self.models[customer_id] = self._begun[engine]
            weighed = (
                cell_of(customer),
                steady_gap_days(customer, engine.everybody.mu0),
                self._silences_known(engine, at_us),
            )
            known.add(base_days(customer), first_days(self._tolerances_of(engine), customer), weighed)
        if self._written > MOST_VISITS:
            self._halve()

    def _tolerances_of(self, engine: Engine) -> list[Tolerance]:
        """With what the engine has learned by now."""
        learned, known = engine.everybody.learned, self._tolerances.get(engine)
        if known is None:
            made = [Tolerance(policy, engine.everybody) for policy in self._policies]
        elif known[0] is learned:
            return known[1]
        else:
            made = known[1]
            for each in made:
                each.learn()
        self._tolerances[engine] = learned, made
        return made

    def _silences_known(self, engine: Engine, at_us: int) -> int:
        """Index into `silences` of what the engine knows of them."""
        number, until_us = self._looked.get(engine, (0, 0))
        if at_us < until_us:
            return number
        self.silences.append(engine.everybody.learned.tolerances)
        number = len(self.silences) - 1
        self._looked[engine] = number, at_us + (self.end_us - self.evaluate_from_us) // _LOOKS + 1
        return number

    def _halve(self) -> None:
        """Half of the customers leave the sample."""
        self.halvings += 1
        for customer_id in [known for known in self.visits if lot(known) >> (64 - self.halvings)]:
            self._written -= len(self.visits.pop(customer_id))
            self.evaluated.pop(customer_id, None)
            self.models.pop(customer_id, None)
