"""Something went wrong: an answer at or below its threshold is apologised for, by a person to whom the customer can
write; and when the shop says that it has dealt with it, the customer hears what was done.

One message is identified by the answer that opened the case (survey and time) and the step. A case is open until the
shop closes it, or for a number of days; a further low answer meanwhile is the same case. A good answer to the same
survey that is newer makes an apology that waits void, and so does closing the case: then only that is told.

It is an answer and no marketing: neither a cap on messages nor the pause after a visit that one brought holds it up.
Once sent it counts for the caps, so that nothing else follows on its heels.
"""

from __future__ import annotations

from typing import Final

from service.domain.calendar import DAY_US, utc_text
from service.domain.customer import Customer
from service.domain.events import Resolved, Survey, SurveyAnswer
from service.domain.findings import Kind
from service.domain.occasion import Occasion
from service.domain.occasion_policy import RecoveryPolicy
from service.domain.outreach.kinds.occasion import OccasionKind
from service.domain.policy import Rung

APOLOGY: Final = 0
RESOLVED: Final = 1
_USUAL: Final = RecoveryPolicy()


class ServiceRecovery(OccasionKind):
    """Two steps: the apology, and the word that it has been dealt with."""

    def __init__(self, policy: RecoveryPolicy | None) -> None:
        known = policy or _USUAL
        steps = [
            Rung("apology", 1.0, known.offer, known.template),
            Rung("resolved", 1.0, known.offer, known.template_resolved),
        ]
        super().__init__(Kind.SERVICE_RECOVERY, policy, steps, _USUAL)
        self.person, self.write_to = known.person, known.write_to
        self.past_caps = True
        self.profiles = False  # it answers what the customer has written
        self._case_us: Final = int(known.case_days * DAY_US)
        self._at_most: Final[dict[str, int]] = {
            Survey.NPS.value: known.nps_at_most,
            Survey.CSAT.value: known.csat_at_most,
            Survey.CES.value: known.ces_at_most,
        }

    def keeps_us(self, step: int) -> int:
        return self._case_us if step == APOLOGY else 0

    def answered(self, customer: Customer, answer: SurveyAnswer) -> Occasion | None:  # noqa: ARG002
        if answer.score > self._at_most[answer.survey.value]:
            return None
        return self._case_of(answer.survey, answer.at_us, answer.score, answer.order_id)

    def resolved(self, customer: Customer, event: Resolved, case: Occasion | None) -> Occasion | None:
        """Of the open case, or, where nothing was said of one, as it was opened before this kind was switched on, of
        the newest low answer."""
        if case is None:
            case = self._newest_low(customer, event)
        if case is None or not self._is_about(case, event):
            return None
        occasion = self._noted(case.mark, case.at_us, max(0, event.at_us - case.at_us), RESOLVED)
        occasion.survey, occasion.score, occasion.order_id = case.survey, case.score, case.order_id
        occasion.note = event.note
        return occasion

    def _is_about(self, case: Occasion, event: Resolved) -> bool:
        if event.survey is not None and event.survey.value != case.survey:
            return False
        return event.order_id is None or case.order_id is None or event.order_id == case.order_id

    def _newest_low(self, customer: Customer, event: Resolved) -> Occasion | None:
        if customer.answers is None:
            return None
        low: Occasion | None = None
        for latest in customer.answers.latest():
            is_low = latest.score <= self._at_most[latest.survey.value]
            fresh = 0 <= event.at_us - latest.answered_us <= self._case_us
            asked = event.survey is None or event.survey is latest.survey
            if is_low and fresh and asked and (low is None or latest.answered_us > low.at_us):
                low = self._case_of(latest.survey, latest.answered_us, latest.score, latest.order_id)
        return low

    def _case_of(self, survey: Survey, at_us: int, score: int, order_id: str | None) -> Occasion:
        occasion = self._noted(f"{survey.value}@{utc_text(at_us)}", at_us, self.after_us)
        occasion.survey, occasion.score, occasion.order_id = survey.value, score, order_id
        return occasion

    def is_void(self, customer: Customer, occasion: Occasion) -> bool:
        if occasion.step != APOLOGY or customer.answers is None:
            return False
        score = customer.answers.score_of(occasion.survey)
        return (
            score is not None
            and score > self._at_most[occasion.survey]
            and customer.answers.answered_us(occasion.survey) > occasion.at_us
        )
