"""`[outreach]`: the policy."""

from __future__ import annotations

import re
from datetime import date, time
from decimal import Decimal
from typing import Annotated

from pydantic import (
    Field,
    field_validator,
)

from service.config.sections.kinds import (
    DelightSettings,
    FeedbackSettings,
    FollowUpSettings,
    MilestoneSettings,
    RecoverySettings,
)
from service.config.sections.section import Days, Section
from service.domain import occasion_policy, policy
from service.domain.findings import Kind
from service.domain.written_to import LONGEST_DAYS, MOST

DEFAULT_CONTROL_SHARE = 0.1
"""In a live shop. Less, and it takes years until it can be told what messages bring; more, and many regulars are not
asked back."""


class RungSettings(Section):
    name: str
    """What the step is called; part of the id of its messages."""
    strictness: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 1.0
    """Multiplies the policy's level: 1 fires at it, 0.2 at a fifth of it, which is later."""
    offer: str = ""
    """Code of what is offered; empty: nothing."""
    template: str = ""
    """Key of the template; empty: that of the kind and the step's name."""


class CapSettings(Section):
    messages: Annotated[int, Field(ge=1, le=MOST)]
    """So many messages at most."""
    days: Annotated[float, Field(gt=0, le=LONGEST_DAYS, allow_inf_nan=False)]
    """In any so many days."""


_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_QUIET_HOURS = re.compile(
    r"\s*([01]?[0-9]|2[0-3]):([0-5][0-9])\s*-\s*(?:([01]?[0-9]|2[0-3]):([0-5][0-9])|24:00)\s*", re.ASCII
)
_YEARLY = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])", re.ASCII)
_LEAP_YEAR = 2000
_MOST_DATES = 1000


class OutreachSettings(Section):
    """The outreach policy."""

    measure: policy.Measure | None = None
    """By what it is decided when somebody is written to. `patience`: nothing has to be promised; the service learns
    from your own customers' pauses when a message is worth it, and to whom. Or `level` is a promise: `budget` (wrong
    alerts per healthy regular and year), `probability` (share of healthy gaps that are alerted) or `multiple` (of the
    customer's usual gap). Unset: patience, and beside a `level` budget."""
    patience: Annotated[float, Field(gt=0, le=policy.MOST_PATIENCE, allow_inf_nan=False)] = policy.DEFAULT_PATIENCE
    """How many needless messages your customers put up with, per 100 visits of regulars, before one more costs as much
    as a regular won back is worth. Higher: more messages and earlier ones; lower: fewer. With one needless message per
    100 visits, a regular caught in time is worth as many needless messages as this number."""
    level: float | None = None
    """How long a silence is tolerated, in the unit of `measure`: a budget up to 50, a probability up to 0.5, a multiple
    up to 50. Where `patience` rules it is the budget of later rungs. Unset: 1."""
    rungs: list[RungSettings] = [RungSettings(name="remind", template="win_back.remind")]
    """Steps of the win-back ladder, up to five, each a table of `name`, `strictness` (1 = at the policy's level, less =
    later), `offer` and `template`."""
    consent: policy.ConsentRule | None = None
    """`required`: nobody is written to whose consent is not known. `external`: the shop keeps consent elsewhere, and
    whoever sends must look there. Unset: required, but in a backtest, where nothing is sent, external."""
    shadow: bool = False
    """Decide everything and release nothing."""
    stale_after_days: Days = 7.0
    """Days after its date beyond which an absence first seen is recorded and not alerted: at switch-on the past is no
    news."""
    overdue_per_hour: Annotated[int, Field(ge=1, le=1_000_000_000)] = 60
    """Messages an hour and partition of those that come late after an outage."""
    at_most_per_hour: Annotated[int, Field(ge=1, le=1_000_000_000)] = 1000
    """Messages of the whole shop in any hour, split over the partitions; a healthy shop never meets it. Below it works
    the brake: when far more regulars come due than the shop's own past makes likely, all are held."""
    attribution_days: Days = 30.0
    """Days after a message within which the first visit is credited to it."""
    expires_after_days: Days = 14.0
    """Days for which a message may wait, and may be acted on once it is out."""
    second_visit: bool = False
    """Whether customers of one to three visits are nudged when three quarters of those who come again are back."""
    second_visit_offer: str = ""
    """Code of what that nudge offers; empty: nothing."""
    volume_per_100_visits: float | None = None
    """Messages per 100 visits of regulars; the service chooses whom. Unset: as many as come due."""
    volume_per_day: float | None = None
    """Messages a day of the whole shop; the service chooses whom. At most one of the two is set."""
    volume_for_loyal: float = 0.0
    """Part of the volume, 0 to 1, kept for regulars of 13 visits and more; what they do not use goes to the others."""
    messages_are_sent: bool | None = None
    """Whether what is released reaches the customers. Then a silence teaches up to its first message only, so that
    success does not teach the service to wait; the control group teaches in full. Unset: where the wall clock rules.
    A replay that is to decide like the live worker needs `true`."""
    control_share: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] | None = None
    """Part of the customers to whom nothing is sent, so that what messages bring can be told: they are decided upon and
    followed exactly like the others. A keyed hash of the id says who, for all kinds. Unset: 0.1 in a live shop, nobody
    where events are the clock: in a backtest, a replay, the demo nothing is sent."""
    control_rotates: policy.Rotation = policy.Rotation.NEVER
    """`never`: the same customers for good; `quarter`: others each quarter of the shop's calendar."""
    frequency_caps: Annotated[list[CapSettings], Field(max_length=10)] = [
        CapSettings(messages=1, days=14),
        CapSettings(messages=3, days=90),
    ]
    """At most so many messages to one customer in any so many days, all kinds together, as tables of `messages` (1 to
    20) and `days` (up to 366); all of them hold. What is beyond waits until it may go out, or expires; an apology does
    not wait for them, and counts. Empty: no limit."""
    cool_down_days: Annotated[float, Field(ge=0, le=LONGEST_DAYS, allow_inf_nan=False)] = 7.0
    """Days after a visit that a message is credited with in which the customer gets no other. 0: none."""
    unhappy_days: Annotated[float, Field(ge=0, le=LONGEST_DAYS, allow_inf_nan=False)] = 30.0
    """Days after a bad answer to a survey (the three settings that follow) in which its customer gets nothing but
    service recovery; a better answer to the same survey ends it. 0: answers stop nothing."""
    unhappy_nps: Annotated[int, Field(ge=-1, le=10)] = 6
    """NPS answers up to this one are bad: 0 to 6 are detractors. -1: none is."""
    unhappy_csat: Annotated[int, Field(ge=0, le=5)] = 2
    """CSAT answers up to this one are bad, of 1 to 5. 0: none is."""
    unhappy_ces: Annotated[int, Field(ge=0, le=7)] = 3
    """CES answers up to this one are bad: 1 is the highest effort, 7 the least. 0: none is."""
    min_value: Annotated[Decimal, Field(ge=0, le=1_000_000_000, allow_inf_nan=False)] = Decimal(0)
    """Money of the shop's currency that must be at risk (the revenue of a year × the churn risk) for a step with an
    offer to be sent; otherwise the step is left out, and the next one has its turn. For an offer on an occasion, such
    as a milestone, it is what the customer is expected to spend in a year. 0: offers go to everybody."""
    quiet_hours: str = ""
    """When nobody is written to, by the clock where the customer is (their profile's timezone, else that of the store
    they go to, else the shop's), such as 21:00-09:00; past midnight if it ends before it begins. What is due then
    waits, and so does a deliverer whose mail server was away until then. Empty: no hour is quiet."""
    quiet_days: Annotated[list[str], Field(max_length=_MOST_DATES)] = []
    """Days on which nobody is written to, by the calendar where the customer is: weekdays (`sunday`), dates
    (`2026-12-25`), or a month and a day of every year (`12-25`)."""
    daily_limit: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    """Messages of the whole shop on one of its days, split evenly over the partitions; what is beyond waits for another
    day. Unset: no limit."""

    @property
    def rule(self) -> policy.Measure:
        """`measure`, or what it means to leave it open."""
        if self.measure is not None:
            return self.measure
        return policy.Measure.PATIENCE if self.level is None else policy.Measure.BUDGET

    @property
    def promise(self) -> float:
        """`level`, or what it means to leave it open."""
        return 1.0 if self.level is None else self.level

    @field_validator("quiet_hours")
    @classmethod
    def _hours_are_some(cls, text: str) -> str:
        if text.strip() and _quiet_hours(text) is None:
            raise ValueError(f"{text[:30]!r} is no part of a day such as 21:00-09:00")
        return text

    @field_validator("quiet_days", mode="before")
    @classmethod
    def _days_as_text(cls, given: object) -> object:
        """TOML has dates of its own."""
        if isinstance(given, list):
            return [day.isoformat() if type(day) is date else day for day in given]
        return given

    @field_validator("quiet_days")
    @classmethod
    def _days_are_some(cls, days: list[str]) -> list[str]:
        for day in days:
            if _weekday(day) is None and _date(day) is None and _yearly(day) is None:
                raise ValueError(
                    f"{day[:30]!r} is neither a weekday such as sunday nor a date such as 2026-12-25 or 12-25"
                )
        return days

    def quiet_times(self, store_zones: dict[str, str]) -> policy.QuietTimes:
        """What `quiet_hours` and `quiet_days` say. Raises ValueError where no time would be left."""
        begin, end = _quiet_hours(self.quiet_hours) or (time(), time())
        return policy.QuietTimes(
            begin,
            end,
            frozenset(weekday for text in self.quiet_days if (weekday := _weekday(text)) is not None),
            frozenset(single for text in self.quiet_days if (single := _date(text)) is not None),
            frozenset(yearly for text in self.quiet_days if (yearly := _yearly(text)) is not None),
            tuple(sorted(store_zones.items())),
        )

    service_recovery: RecoverySettings = RecoverySettings()
    milestone: MilestoneSettings = MilestoneSettings()
    delight: DelightSettings = DelightSettings()
    follow_up: FollowUpSettings = FollowUpSettings()
    feedback_request: FeedbackSettings = FeedbackSettings()

    def occasions(self, partitions: int) -> occasion_policy.OccasionPolicies:
        """Kinds of message that follow an occasion, for one of so many partitions."""
        return occasion_policy.OccasionPolicies(
            service_recovery=self.service_recovery.policy(partitions),
            milestone=self.milestone.policy(partitions),
            delight=self.delight.policy(partitions),
            follow_up=self.follow_up.policy(partitions),
            feedback_request=self.feedback_request.policy(partitions),
        )

    def switched_on(self) -> tuple[tuple[Kind, policy.Rung], ...]:
        """Kinds of message beside the ladder that are on, each with its step."""
        steps = {
            Kind.SECOND_VISIT: (
                self.second_visit,
                policy.Rung("nudge", offer=self.second_visit_offer, template="second_visit.nudge"),
            ),
        }
        return tuple((kind, step) for kind, (is_on, step) in steps.items() if is_on)


def _quiet_hours(text: str) -> tuple[time, time] | None:
    """Begin and end; None: they are no part of a day."""
    found = _QUIET_HOURS.fullmatch(text)
    if found is None:
        return None
    begin_hour, begin_minute, end_hour, end_minute = found.groups()
    begin, end = time(int(begin_hour), int(begin_minute)), time(int(end_hour or 0), int(end_minute or 0))
    return None if begin == end else (begin, end)


def _weekday(text: str) -> int | None:
    """0 = Monday; None: it names none."""
    name = text.strip().lower()
    named = (number for number, weekday in enumerate(_WEEKDAYS) if name in {weekday, weekday[:3]})
    return next(named, None)


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


def _yearly(text: str) -> tuple[int, int] | None:
    """Month and day; None: there is no such day in any year."""
    found = _YEARLY.fullmatch(text.strip())
    if found is None or _date(f"{_LEAP_YEAR}-{found[0]}") is None:
        return None
    return int(found[1]), int(found[2])
