"""A thank-you after a purchase, the first one above all.

One message is identified by the local day of the visit that is thanked for: two orders of one day are thanked for once,
and so is a visit that became known under two ids of one customer. A further visit does not make it void, nor does it
bring a second while one waits. It is void when the order it is about is given back.
"""

from __future__ import annotations

from typing import Final

from service.domain.calendar import DAY_US, to_date
from service.domain.customer import Customer
from service.domain.findings import Kind
from service.domain.occasion import Occasion
from service.domain.occasion_policy import FollowUpPolicy
from service.domain.outreach.kinds.occasion import Bought, OccasionKind
from service.domain.policy import Rung

FIRST: Final = 0
AGAIN: Final = 1
_USUAL: Final = FollowUpPolicy()


class FollowUp(OccasionKind):
    """Two steps: for the first purchase of all, and, if the shop wants it, for later ones."""

    def __init__(self, policy: FollowUpPolicy | None) -> None:
        known = policy or _USUAL
        steps = [Rung("first", 1.0, known.offer, known.template_first), Rung("again", 1.0, known.offer, known.template)]
        super().__init__(Kind.FOLLOW_UP, policy, steps, _USUAL)
        self._only_first: Final = known.only_first
        self._apart_us: Final = 0 if known.only_first else int(known.days_between * DAY_US)

    def keeps_us(self, step: int) -> int:  # noqa: ARG002
        return self._apart_us

    def bought(self, customer: Customer, bought: Bought) -> Occasion | None:
        first = customer.visits == 1
        if not bought.newest_visit or (self._only_first and not first):
            return None
        day = to_date(bought.day).isoformat()
        occasion = self._noted(day, bought.at_us, self.after_us, FIRST if first else AGAIN)
        occasion.order_id = bought.order_id
        return occasion

    def about_order(self, occasion: Occasion) -> bool:  # noqa: ARG002
        return True
