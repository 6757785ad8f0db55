"""What the shop has decided about the kinds of message that follow an occasion: frozen values, validated when made.

Hours and days are of event time. Rates are those of one partition, and may be fractions where the shop's are split.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class OccasionPolicy:
    """What every such kind has. A kind that is switched off has none."""

    offer: str = ""
    template: str = ""
    after_hours: float = 0.0
    """From what happened to the message."""
    expires_after_days: float = 7.0
    """After that a message that waits is not sent any more, and one that was sent is not to be acted on."""
    at_most_per_day: float | None = None
    """Messages of this kind on one local day. None, like the next: as many as there are occasions."""
    at_most_per_week: float | None = None
    """The same of an ISO week."""

    def __post_init__(self) -> None:
        self.check()

    def check(self) -> None:
        if not 0 <= self.after_hours < inf or not 0 < self.expires_after_days < inf:
            raise ValueError("after_hours must not be negative, and expires_after_days must be positive")
        for limit in (self.at_most_per_day, self.at_most_per_week):
            if limit is not None and not 0 < limit < inf:
                raise ValueError("at_most_per_day and at_most_per_week must be positive")


@dataclass(frozen=True, slots=True)
class MilestonePolicy(OccasionPolicy):
    template: str = "milestone.reached"
    after_hours: float = 2.0
    every: int = 10
    """Visits from one to the next, as on a punch card."""

    def __post_init__(self) -> None:
        self.check()
        if self.every < 2:
            raise ValueError("milestone.every must be at least 2: not every visit is one")


@dataclass(frozen=True, slots=True)
class FollowUpPolicy(OccasionPolicy):
    template: str = "follow_up.again"
    template_first: str = "follow_up.first"
    after_hours: float = 24.0
    expires_after_days: float = 4.0
    only_first: bool = True
    """Whether only the first purchase of all is thanked for."""
    days_between: float = 60.0
    """From one thank-you to the next of the same customer, at least."""

    def __post_init__(self) -> None:
        self.check()
        if not 0 <= self.days_between < inf:
            raise ValueError("follow_up.days_between must not be negative")


@dataclass(frozen=True, slots=True)
class FeedbackPolicy(OccasionPolicy):
    template: str = "feedback_request.ask"
    after_hours: float = 48.0
    expires_after_days: float = 21.0
    """Longer than the usual cap of one message in 14 days holds it up after a thank-you."""
    every_days: float | None = None
    """Ask so long after the purchase with which the interval begins, about the shop as a whole; None: ask `after_hours`
    after a purchase, about that."""
    days_between: float = 90.0
    """From one question, or one answer to the same survey, to the next question, at least."""
    survey: str = "nps"
    survey_url: str = ""
    """Where it is answered, with {survey}, {customer_id} and {order_id}; empty: the template knows."""
    past_caps: bool = False
    """Whether only `days_between` limits how often it comes, and the caps over all messages do not hold it up."""

    def __post_init__(self) -> None:
        self.check()
        if not 0 <= self.days_between < inf or (self.every_days is not None and not 0 < self.every_days < inf):
            raise ValueError("feedback_request.every_days must be positive, and days_between not negative")


@dataclass(frozen=True, slots=True)
class DelightPolicy(OccasionPolicy):
    template: str = "delight.treat"
    share: float = 0.02
    """Of the loyal customers who come in a week, 0–1."""
    min_visits: int = 10
    """From how many visits on a customer is loyal."""
    within_hours: float = 60.0
    """The message comes within so long of the visit, at a moment that is drawn as well."""
    at_most_per_week: float | None = 5.0

    def __post_init__(self) -> None:
        self.check()
        if not 0 < self.share <= 1 or self.min_visits < 1 or not 0 < self.within_hours < inf:
            raise ValueError("delight.share must lie in (0, 1], min_visits be at least 1 and within_hours be positive")


@dataclass(frozen=True, slots=True)
class RecoveryPolicy(OccasionPolicy):
    template: str = "service_recovery.apology"
    template_resolved: str = "service_recovery.resolved"
    after_hours: float = 1.0
    nps_at_most: int = 6
    """The highest answer that is apologised for; below the scale: none is. 6: a detractor."""
    csat_at_most: int = 2
    ces_at_most: int = 2
    """Of 7, where 7 is no effort at all."""
    case_days: float = 60.0
    """For so long a case stays open if nobody closes it: a further low answer within it is the same case."""
    person: str = ""
    """Who apologises, and to whom the customer can write; empty: the shop."""
    write_to: str = ""

    def __post_init__(self) -> None:
        self.check()
        if not 0 < self.case_days < inf:
            raise ValueError("service_recovery.case_days must be positive")


@dataclass(frozen=True, slots=True)
class OccasionPolicies:
    """One of each kind; None: it is switched off."""

    service_recovery: RecoveryPolicy | None = None
    milestone: MilestonePolicy | None = None
    delight: DelightPolicy | None = None
    follow_up: FollowUpPolicy | None = None
    feedback_request: FeedbackPolicy | None = None
