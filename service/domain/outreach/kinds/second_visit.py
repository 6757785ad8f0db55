"""The nudge to customers with too few visits for a rhythm of their own, when most of those who come again are back
(learning/newcomers.py)."""

from __future__ import annotations

from typing import Final

from service.domain.customer import Customer
from service.domain.findings import Kind
from service.domain.learning.everybody import Everybody
from service.domain.learning.learned import Learned
from service.domain.outreach.kinds.silence import SilenceKind
from service.domain.policy import OutreachPolicy, Rung

NUDGE: Final = -1
"""Number of the only step."""
_SWITCHED_OFF: Final = Rung("nudge", template="second_visit.nudge")
"""What a nudge is called that went out before nudges were switched off."""


class SecondVisit(SilenceKind):
    """One step, not paid from the volume: that is for regulars."""

    def __init__(self, policy: OutreachPolicy, everybody: Everybody) -> None:
        super().__init__(Kind.SECOND_VISIT, limited=False)
        step = policy.step_of(Kind.SECOND_VISIT)
        self._step = step or _SWITCHED_OFF
        self._is_on = step is not None
        self._everybody = everybody

    def follows(self, customer: Customer) -> bool:
        return self._is_on and customer.visits > 0 and not self._everybody.is_regular(customer)

    def owns(self, number: int) -> bool:
        return number == NUDGE

    def number(self, decided: int) -> int:  # noqa: ARG002 - the same after every number of rungs
        return NUDGE

    def step(self, number: int) -> Rung:  # noqa: ARG002
        return self._step

    def last(self, number: int) -> bool:  # noqa: ARG002
        return True

    def days(self, customer: Customer, decided: int) -> float:  # noqa: ARG002
        returns = self._everybody.learned.returns
        if returns is None:
            raise RuntimeError("nudges are on, and nobody learns when newcomers come again")
        return returns.nudge_days(customer.visits)

    def tail_probability(self, customer: Customer, gap_days: float, learned: Learned) -> float:
        if learned.returns is None:  # told of a nudge that went out before they were switched off
            return learned.tail_probability(customer, gap_days)
        return learned.returns.tail_probability(customer.visits, gap_days)
