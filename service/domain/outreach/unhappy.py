"""Who has just said that they are unhappy: they are owed an answer, not an offer."""

from __future__ import annotations

from typing import Final

from service.domain.calendar import DAY_US
from service.domain.customer import Customer
from service.domain.policy import Unhappiness


class Unhappy:
    """Told from the newest answer to each survey. A later good answer to the same survey ends it, as time does."""

    def __init__(self, policy: Unhappiness) -> None:
        self._policy: Final = policy
        self._recent_us: Final = int(policy.days * DAY_US)

    def holds(self, customer: Customer, at_us: int) -> bool:
        """Whether a newest answer is bad, and so recent that nothing else is sent before it is dealt with."""
        answers, policy = customer.answers, self._policy
        if answers is None or not self._recent_us:
            return False
        since_us = at_us - self._recent_us
        return (
            (answers.nps is not None and answers.nps <= policy.nps and answers.nps_us > since_us)
            or (answers.csat is not None and answers.csat <= policy.csat and answers.csat_us > since_us)
            or (answers.ces is not None and answers.ces <= policy.ces and answers.ces_us > since_us)
        )
