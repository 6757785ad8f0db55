"""Settings of the kinds of message that follow an occasion: a table each, `[outreach.milestone]` and so on. All are off
by default."""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

from service.domain import occasion_policy

Hours = Annotated[float, Field(ge=0, le=24 * 366, allow_inf_nan=False)]
Days = Annotated[float, Field(gt=0, le=36_525, allow_inf_nan=False)]
Between = Annotated[float, Field(ge=0, le=36_525, allow_inf_nan=False)]
Rate = Annotated[int, Field(ge=1, le=1_000_000_000)]
Template = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
Text = Annotated[str, Field(max_length=200)]
Made = TypeVar("Made", bound=occasion_policy.OccasionPolicy)
_PLACES = frozenset({"survey", "customer_id", "order_id"})


class _Kind(BaseModel):
    """What every kind has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = False
    """Whether messages of this kind are sent."""
    offer: Text = ""
    """Offer code that the message brings, such as FREE-COFFEE; empty: none."""
    template: Template = ""
    """Template key of the message."""
    after_hours: Hours = 0.0
    """From what happened to the message."""
    expires_after_days: Days = 7.0
    """After so many days what waits is not sent any more, and what was sent is not to be acted on."""
    at_most_per_day: Rate | None = None
    """Messages of this kind of the whole shop on one of its days; unset, like the next: no limit."""
    at_most_per_week: Rate | None = None
    """The same of an ISO week."""

    def _as_policy(self, make: type[Made], partitions: int) -> Made | None:
        """The same of one of so many partitions, which share the rates; None: it is switched off."""
        if not self.enabled:
            return None
        said = {name: getattr(self, name) for name in type(self).model_fields if name != "enabled"}
        for rate in ("at_most_per_day", "at_most_per_week"):
            if said[rate] is not None:
                said[rate] /= partitions
        return make(**said)


class MilestoneSettings(_Kind):
    template: Template = "milestone.reached"
    after_hours: Hours = 2.0
    every: Annotated[int, Field(ge=2, le=1_000_000)] = 10
    """Visits from one milestone to the next."""

    def policy(self, partitions: int) -> occasion_policy.MilestonePolicy | None:
        return self._as_policy(occasion_policy.MilestonePolicy, partitions)


class FollowUpSettings(_Kind):
    template: Template = "follow_up.again"
    template_first: Template = "follow_up.first"
    """Template key of the thank-you for the first purchase of all."""
    after_hours: Hours = 24.0
    expires_after_days: Days = 4.0
    only_first: bool = True
    """Thank for the first purchase of all only."""
    days_between: Between = 60.0
    """From one thank-you to the next of one customer, at least; matters where later purchases are thanked for too."""

    def policy(self, partitions: int) -> occasion_policy.FollowUpPolicy | None:
        return self._as_policy(occasion_policy.FollowUpPolicy, partitions)


class FeedbackSettings(_Kind):
    template: Template = "feedback_request.ask"
    after_hours: Hours = 48.0
    expires_after_days: Days = 21.0
    every_days: Days | None = None
    """Ask about the shop as a whole, so long after the purchase with which the interval begins; unset: ask after_hours
    after a purchase, about that."""
    days_between: Between = 90.0
    """From one question, or one answer to the same survey, to the next question to one customer, at least."""
    survey: Literal["nps", "csat", "ces"] = "nps"
    """Which survey is asked for; its answers come back on the topic surveys."""
    survey_url: Annotated[str, Field(max_length=2_000)] = ""
    """Where it is answered; {survey}, {customer_id} and {order_id} are filled in."""
    past_caps: bool = False
    """Ask on time whatever else was sent: only days_between limits how often; frequency_caps and cool_down_days do not
    hold a question up, which counts for them all the same."""

    @field_validator("survey_url")
    @classmethod
    def _leads_somewhere(cls, url: str) -> str:
        if url and not re.fullmatch(r"https?://[^\s/?#{}]+([/?#][^\s]*)?", url):
            raise ValueError(f"{url[:60]!r} is not an address such as https://shop.example/survey?order={{order_id}}")
        places = re.findall(r"\{([^{}]*)\}", url)
        if unknown := [name for name in places if name not in _PLACES]:
            raise ValueError(
                f"{{{unknown[0][:40]}}} is not known: there are {{survey}}, {{customer_id}} and {{order_id}}"
            )
        if re.search(r"[{}]", re.sub(r"\{[^{}]*\}", "", url)):
            raise ValueError("has a brace that is not one of {survey}, {customer_id} and {order_id}")
        return url

    def policy(self, partitions: int) -> occasion_policy.FeedbackPolicy | None:
        return self._as_policy(occasion_policy.FeedbackPolicy, partitions)


class DelightSettings(_Kind):
    template: Template = "delight.treat"
    share: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.02
    """Of the loyal customers who come in a week, how many win, 0 to 1."""
    min_visits: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    """From how many visits on a customer is loyal."""
    within_hours: Annotated[float, Field(gt=0, le=24 * 14, allow_inf_nan=False)] = 60.0
    """The message comes at a moment that is drawn too, at most so long after the visit (and after_hours)."""
    at_most_per_week: Rate | None = 5

    def policy(self, partitions: int) -> occasion_policy.DelightPolicy | None:
        return self._as_policy(occasion_policy.DelightPolicy, partitions)


class RecoverySettings(_Kind):
    template: Template = "service_recovery.apology"
    template_resolved: Template = "service_recovery.resolved"
    """Template key of the message that says what was done."""
    after_hours: Hours = 1.0
    nps_at_most: Annotated[int, Field(ge=-1, le=10)] = 6
    """The highest answer that is apologised for; -1: none is. 6 and less are detractors."""
    csat_at_most: Annotated[int, Field(ge=0, le=5)] = 2
    """Of 5; 0: none is."""
    ces_at_most: Annotated[int, Field(ge=0, le=7)] = 2
    """Of 7, where 7 is no effort at all; 0: none is."""
    case_days: Days = 60.0
    """For so long a case stays open if the shop does not close it; a further low answer meanwhile is the same case."""
    person: Text = ""
    """Who apologises; empty: the shop."""
    write_to: Annotated[str, Field(max_length=254, pattern=r"^([^@\s<>]+@[^@\s<>]+)?$")] = ""
    """The address at which a person answers."""

    def policy(self, partitions: int) -> occasion_policy.RecoveryPolicy | None:
        return self._as_policy(occasion_policy.RecoveryPolicy, partitions)
