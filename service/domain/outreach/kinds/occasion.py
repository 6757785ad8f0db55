"""What a kind of message that an occasion brings has to say of itself."""

from __future__ import annotations

from typing import Final, NamedTuple

from service.domain.calendar import DAY_US, HOUR_US
from service.domain.customer import Customer
from service.domain.events import Resolved, SurveyAnswer
from service.domain.findings import Kind
from service.domain.learning.learned import Learned
from service.domain.occasion import Occasion
from service.domain.occasion_policy import OccasionPolicy
from service.domain.outreach.kinds.message import MessageKind
from service.domain.policy import Rung


class Bought(NamedTuple):
    """A purchase that has just been taken in."""

    at_us: int
    day: int
    """Its local day."""
    order_id: str | None
    visits_before: int
    """Of the customer, before it was."""
    newest_visit: bool
    """Whether a visit began with it, after which none is known."""


class OccasionKind(MessageKind):
    """One kind: which purchases and answers bring it, when it is said, and what makes it void.

    Several of one customer may wait at once, of different kinds; of most kinds one, which stays as it was noted first.
    """

    def __init__(self, kind: Kind, policy: OccasionPolicy | None, steps: list[Rung], usual: OccasionPolicy) -> None:
        """`policy`: None where it is switched off; what went out before is still known by its steps. `usual`: what
        holds for that."""
        super().__init__(kind)
        known = policy or usual
        self.is_on: Final = policy is not None
        self.per_day: Final = known.at_most_per_day
        self.per_week: Final = known.at_most_per_week
        self.expires_us: Final = int(known.expires_after_days * DAY_US)
        self.after_us: Final = int(known.after_hours * HOUR_US)
        self._steps: Final = steps
        self.past_caps: bool = False
        """Whether neither the cool-down nor the caps on messages hold it up, which count it all the same."""
        self.survey_url: str = ""
        """Where the survey is answered that it asks for; empty: it asks for none, or its template knows."""
        self.person: str = ""
        self.write_to: str = ""
        """Who writes, and where an answer reaches them; empty: the shop."""

    def keeps_us(self, step: int) -> int:  # noqa: ARG002 - the same for most
        """For how long after that step has gone out there is no other of this kind."""
        return 0

    @property
    def one_at_a_time(self) -> bool:
        """Whether there is no other of this kind while one waits."""
        return True

    @property
    def waits_its_turn(self) -> bool:
        """Whether what is beyond the rate of the kind waits; otherwise it is left out."""
        return True

    def step(self, number: int) -> Rung:
        return self._steps[min(number, len(self._steps) - 1)]

    def tail_probability(self, customer: Customer, gap_days: float, learned: Learned) -> float:
        return learned.tail_probability(customer, gap_days)

    def bought(self, customer: Customer, bought: Bought) -> Occasion | None:  # noqa: ARG002 - most do not ask
        """What the purchase gives occasion to, the customer being as after it; None: nothing."""
        return None

    def answered(self, customer: Customer, answer: SurveyAnswer) -> Occasion | None:  # noqa: ARG002
        """The same of an answer that is the customer's newest to its survey."""
        return None

    def resolved(self, customer: Customer, event: Resolved, case: Occasion | None) -> Occasion | None:  # noqa: ARG002
        """The same of the shop's word that it has dealt with an answer. `case`: what was last said, or is to be said,
        of this kind; None: nothing is known to have been."""
        return None

    def merged(self, customer: Customer, visits_before: int) -> Occasion | None:  # noqa: ARG002
        """The same of a merge: `visits_before` had the one of the two ids that had more."""
        return None

    def is_void(self, customer: Customer, occasion: Occasion) -> bool:  # noqa: ARG002
        """Whether, its date having come, there is nothing left to say."""
        return False

    def about_order(self, occasion: Occasion) -> bool:  # noqa: ARG002
        """Whether it has no sense any more once its order is given back."""
        return False

    def _noted(self, mark: str, at_us: int, after_us: int, step: int = 0) -> Occasion:
        """An occasion at `at_us` of which something is said so much later."""
        occasion = Occasion()
        occasion.kind, occasion.mark, occasion.step = self.kind.value, mark, step
        occasion.at_us, occasion.planned_us = at_us, at_us + after_us
        return occasion
