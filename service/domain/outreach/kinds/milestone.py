"""The punch card: every n-th visit is celebrated.

One message is identified by the number of the visit. A number is reached once: when older purchases arrive late, the
visits that follow are counted on, and no number comes twice. It is not void when the customer comes again before it is
said, so that two may wait at once. A milestone that two ids reach by a merge is reached with their last visit; of
several the highest counts.
"""

from __future__ import annotations

from typing import Final

from service.domain.customer import Customer
from service.domain.findings import Kind
from service.domain.occasion import Occasion
from service.domain.occasion_policy import MilestonePolicy
from service.domain.outreach.kinds.occasion import Bought, OccasionKind
from service.domain.policy import Rung

_USUAL: Final = MilestonePolicy()


class Milestone(OccasionKind):
    """Told shortly after the visit."""

    def __init__(self, policy: MilestonePolicy | None) -> None:
        known = policy or _USUAL
        super().__init__(Kind.MILESTONE, policy, [Rung("reached", 1.0, known.offer, known.template)], _USUAL)
        self._every: Final = known.every

    @property
    def one_at_a_time(self) -> bool:
        return False

    def bought(self, customer: Customer, bought: Bought) -> Occasion | None:
        return self._reached(customer, bought.visits_before)

    def merged(self, customer: Customer, visits_before: int) -> Occasion | None:
        return self._reached(customer, visits_before)

    def _reached(self, customer: Customer, visits_before: int) -> Occasion | None:
        number = customer.visits // self._every * self._every
        if number <= visits_before:
            return None
        occasion = self._noted(str(number), customer.last_us, self.after_us)
        occasion.number = number
        return occasion
