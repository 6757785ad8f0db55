"""The ladder of "we miss you" messages to regulars who have gone quiet: steps 0, 1, 2 … are the policy's rungs."""

from __future__ import annotations

from service.domain.customer import Customer
from service.domain.findings import Kind
from service.domain.learning.everybody import Everybody
from service.domain.learning.learned import Learned
from service.domain.outreach.kinds.silence import SilenceKind
from service.domain.outreach.tolerance import Tolerance
from service.domain.policy import OutreachPolicy, Rung


class WinBack(SilenceKind):
    """Each rung by its own level (tolerance.py)."""

    def __init__(self, policy: OutreachPolicy, everybody: Everybody, tolerance: Tolerance) -> None:
        super().__init__(Kind.WIN_BACK, limited=True)
        self._rungs = policy.rungs
        self._everybody = everybody
        self._tolerance = tolerance

    def follows(self, customer: Customer) -> bool:
        return self._everybody.is_regular(customer)

    def owns(self, number: int) -> bool:
        return number >= 0

    def number(self, decided: int) -> int:
        return decided

    def step(self, number: int) -> Rung:
        return self._rungs[min(number, len(self._rungs) - 1)]  # the policy may have had more of them

    def beyond(self, number: int) -> bool:
        return number >= len(self._rungs)

    def last(self, number: int) -> bool:
        return number + 1 >= len(self._rungs)

    def days(self, customer: Customer, decided: int) -> float:
        return self._tolerance.days(customer, decided)

    def tail_probability(self, customer: Customer, gap_days: float, learned: Learned) -> float:
        return learned.tail_probability(customer, gap_days)
