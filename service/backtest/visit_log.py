"""What a backtest writes down while it runs, so that its alerts can be judged afterwards: the visits, and what the engine knew at each.

A visit is written down when the engine has counted it. From the instant on from which alerts are judged, every visit of a regular
begins an absence that may be alerted; with it go the base that the engine had then and the days of silence that each of `BUDGETS`
would have tolerated by what was known then: the trade-off between budgets costs no run of its own.

Memory: 8 bytes a visit, 24 more for one that is judged, about 200 a customer. Of a log with more visits than `MOST_VISITS` a part
of the customers is kept, chosen by a hash of their ids. Pure: no I/O, no clock.
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
from service.domain.outreach.tolerance import Tolerance
from service.domain.policy import Measure, Policy

BUDGETS: Final[Sequence[float]] = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Wrong alerts per healthy regular and year that the trade-off shows: doublings around the default of one."""
MOST_VISITS: Final = 200_000
"""A few seconds of judging in the end; shares of that many are known to a fraction of a percent."""
_SEED: Final = 29
PER_ABSENCE: Final = 1 + len(BUDGETS)
"""Numbers kept of each judged absence: base, then the days that each budget tolerates."""


def lot(customer_id: str) -> int:
    """A number of 64 bits drawn by the id: the same every time, and nothing else about the customer decides it."""
    return xxhash.xxh3_64_intdigest(customer_id.encode(), _SEED)


class VisitLog:
    """Visits of (a part of) the customers of one backtest. Call `begin` before the first event at or after `begin_at_us` is applied."""

    def __init__(
        self, calendar: Calendar, policy: Policy, first_us: int, last_us: int, judge_from_us: int | None = None
    ) -> None:
        """`judge_from_us`: None, or an instant outside of the log = the local midnight nearest before the middle of the log."""
        if judge_from_us is None or not first_us < judge_from_us < last_us:
            first_day = calendar.day_of(first_us)
            half = (last_us - calendar.start_of(first_day)) // DAY_US // 2
            judge_from_us = calendar.start_of(first_day + half)
        self.judge_from_us: Final = judge_from_us
        self.begin_at_us = judge_from_us
        """NEVER once begun."""
        self.end_us: Final = last_us
        self.level = 0
        """One in 2^level customers is kept."""
        self.visits: dict[str, array[int]] = {}
        """First purchase of each visit, in order."""
        self.judged: dict[str, array[float]] = {}
        """`PER_ABSENCE` numbers for each of the customer's last visits that are judged."""
        self.models: dict[str, ChurnModel] = {}
        """Churn model of the customer's partition as it stood when judging began; of customers with judged visits."""
        self._kept = 0
        self.min_visits: Final = policy.shop.regular_min_visits
        self._policies = [replace(policy.outreach, measure=Measure.BUDGET, level=level) for level in BUDGETS]
        self._begun: dict[Engine, ChurnModel] = {}
        self._tolerances: dict[Engine, tuple[Learned, list[Tolerance]]] = {}

    def begin(self, engines: Sequence[Engine]) -> None:
        """From here on absences are judged."""
        self.begin_at_us = NEVER
        self._begun = {engine: engine.everybody.learned.model for engine in engines}

    def bought(self, customer_id: str, at_us: int, engine: Engine) -> None:
        """A purchase, not a refund, that `engine` has applied."""
        customer = engine.customers[customer_id]
        if customer.last_us != at_us:  # not the first purchase of a visit
            return
        times = self.visits.get(customer_id)
        if times is None:
            if self.level and lot(customer_id) >> (64 - self.level):
                return
            times = self.visits[customer_id] = array("q")
        elif times[-1] == at_us:
            return
        times.append(at_us)
        self._kept += 1
        if customer.visits >= self.min_visits and at_us >= self.judge_from_us:
            numbers = self.judged.get(customer_id)
            if numbers is None:
                numbers = self.judged[customer_id] = array("f")
                self.models[customer_id] = self._begun[engine]
            numbers.append(base_days(customer))
            numbers.extend([each.days(customer, 0) for each in self._tolerances_of(engine)])
        if self._kept > MOST_VISITS:
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

    def _halve(self) -> None:
        self.level += 1
        for customer_id in [known for known in self.visits if lot(known) >> (64 - self.level)]:
            self._kept -= len(self.visits.pop(customer_id))
            self.judged.pop(customer_id, None)
            self.models.pop(customer_id, None)
