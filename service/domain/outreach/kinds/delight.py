"""A small surprise for a few loyal customers a week, drawn by lot.

One message is identified by the ISO week. The lot of a customer and week is a hash under the installation's secret
(`shop.erasure_salt`): who does not hold it can foresee nobody's, and a replay draws the same. Who comes for the first
time in a week draws; who wins is written to at a moment that was drawn with it. What is beyond the week's number is
left out, not kept for another week. It is not void when the customer comes again.
"""

from __future__ import annotations

import hashlib
from typing import Final

from service.domain.calendar import HOUR_US, to_date
from service.domain.customer import Customer
from service.domain.findings import Kind
from service.domain.occasion import Occasion
from service.domain.occasion_policy import DelightPolicy
from service.domain.outreach.kinds.occasion import Bought, OccasionKind
from service.domain.policy import Rung

_USUAL: Final = DelightPolicy()
_ALL: Final = 1 << 32
_PURPOSE: Final = b"delight"
"""Other lots that are drawn with the same secret fall otherwise."""


def week_of(day: int) -> str:
    """The ISO week of a local day, such as 2024-W07."""
    year, week, _ = to_date(day).isocalendar()
    return f"{year}-W{week:02d}"


class Delight(OccasionKind):
    """One step."""

    def __init__(self, policy: DelightPolicy | None, key: bytes) -> None:
        known = policy or _USUAL
        super().__init__(Kind.DELIGHT, policy, [Rung("treat", 1.0, known.offer, known.template)], _USUAL)
        self._wins_below: Final = round(known.share * _ALL)
        self._min_visits: Final = known.min_visits
        self._within_us: Final = int(known.within_hours * HOUR_US)
        self._key: Final = key[:64]

    @property
    def waits_its_turn(self) -> bool:
        return False

    def bought(self, customer: Customer, bought: Bought) -> Occasion | None:
        if not bought.newest_visit or customer.visits < self._min_visits:
            return None
        week = week_of(bought.day)
        if bought.visits_before and week_of(customer.previous_day) == week:
            return None  # has drawn
        lot = hashlib.blake2b(
            f"{week}/{customer.customer_id}".encode(), digest_size=8, key=self._key, person=_PURPOSE
        ).digest()
        if int.from_bytes(lot[:4], "big") >= self._wins_below:
            return None
        moment = int.from_bytes(lot[4:], "big")
        return self._noted(week, bought.at_us, self.after_us + self._within_us * moment // _ALL)
