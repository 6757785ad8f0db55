"""How was it? A question some hours after a purchase, or at a regular interval, to which the answer comes back on
`surveys`.

One message is identified by the order it asks about, or where that has no number, or the shop as a whole is asked
about, by the instant of the purchase. Nobody is asked twice within the time between two questions, nor within that
time of an answer of their own to the same survey; an answer that comes before the question makes it void, and so does
giving the order back. At a regular interval the time begins with a purchase and again with the first one after the
last question, so that only those are asked who still come.

The caps over all messages hold for it, unless the shop says otherwise. A thank-you may have gone out the day before: so
it may wait for three weeks, longer than the usual cap holds it, and asks then.
"""

from __future__ import annotations

from typing import Final

from service.domain.calendar import DAY_US, utc_text
from service.domain.customer import Customer
from service.domain.findings import Kind
from service.domain.occasion import Occasion
from service.domain.occasion_policy import FeedbackPolicy
from service.domain.outreach.kinds.occasion import Bought, OccasionKind
from service.domain.policy import Rung

_USUAL: Final = FeedbackPolicy()


class FeedbackRequest(OccasionKind):
    """One step."""

    def __init__(self, policy: FeedbackPolicy | None) -> None:
        known = policy or _USUAL
        super().__init__(Kind.FEEDBACK_REQUEST, policy, [Rung("ask", 1.0, known.offer, known.template)], _USUAL)
        self._apart_us: Final = int(known.days_between * DAY_US)
        self._every_us: Final = 0 if known.every_days is None else int(known.every_days * DAY_US)
        self._survey: Final = known.survey
        self.past_caps = known.past_caps
        self.survey_url = known.survey_url

    def keeps_us(self, step: int) -> int:  # noqa: ARG002
        return self._apart_us

    def bought(self, customer: Customer, bought: Bought) -> Occasion | None:
        after_us = self._every_us or self.after_us
        planned_us = bought.at_us + after_us
        answered_us = 0 if customer.answers is None else customer.answers.answered_us(self._survey)
        if answered_us and planned_us < answered_us + self._apart_us:
            return None
        by_order = not self._every_us and bought.order_id is not None
        mark = bought.order_id if by_order and bought.order_id is not None else utc_text(bought.at_us)
        occasion = self._noted(mark, bought.at_us, after_us)
        occasion.survey = self._survey
        occasion.order_id = bought.order_id if by_order else None
        return occasion

    def is_void(self, customer: Customer, occasion: Occasion) -> bool:
        return customer.answers is not None and customer.answers.answered_us(occasion.survey) >= occasion.at_us

    def about_order(self, occasion: Occasion) -> bool:
        return occasion.order_id is not None
