"""What the shop has decided: frozen values, validated when made. Running state lives elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, time
from enum import StrEnum
from math import inf
from typing import Final

from schemas.kinds import Kind
from service.domain.occasion_policy import OccasionPolicies
from service.domain.written_to import LONGEST_DAYS, MOST


class ClockMode(StrEnum):
    WALL = "wall"
    """Live: the wall clock moves time on once everything that has arrived is processed."""
    EVENT = "event"
    """Demo, replay, backtest: only events move time."""


class Measure(StrEnum):
    """What the level of a rung is stated in."""

    PATIENCE = "patience"
    """None is: the moment of the first rung, and to whom it goes, follow from the shop's own silences
    (outreach/patience.py). Later rungs have a level, a budget."""
    BUDGET = "budget"
    """Wrong alerts per healthy regular and year."""
    PROBABILITY = "probability"
    """Share of healthy gaps that are alerted."""
    MULTIPLE = "multiple"
    """Multiple of the customer's usual gap."""


class ConsentRule(StrEnum):
    REQUIRED = "required"
    """Only customers whose last word was marketing_consent = true; unknown means no."""
    EXTERNAL = "external"
    """Consent is kept elsewhere; only an explicit false here stops a message."""


class Rotation(StrEnum):
    """For how long the same customers are in the control group."""

    NEVER = "never"
    """For good."""
    QUARTER = "quarter"
    """For a quarter of the shop's calendar; then others are."""


class Industry(StrEnum):
    """Whose usual retention the shop is shown beside."""

    NONE = "none"
    """Not said: the rules of thumb of all of them are shown."""
    RETAIL = "retail"
    CAFE = "cafe"
    """Restaurants and cafés."""
    PROFESSIONAL_SERVICES = "professional_services"


@dataclass(frozen=True, slots=True)
class Shop:
    """The shop's own facts."""

    timezone: str = "UTC"
    currency: str = "EUR"
    minor_digits: int = 2
    regular_min_visits: int = 4
    """Visits that make a regular; 4 = three gaps, the least from which a rhythm can be told."""
    history_days: int = 765
    """Days for which periods can still be revised: 2 × 365 + 35, so that the yearly window and the one before stay
    exact."""
    max_lifespan_years: float = 10.0

    def __post_init__(self) -> None:
        if self.regular_min_visits < 2:
            raise ValueError("regular_min_visits must be at least 2: one visit has no gap")
        if self.history_days < 765:
            raise ValueError("history_days must be at least 765 (2 x 365 + 35)")
        if not 0 < self.max_lifespan_years <= 100:
            raise ValueError("max_lifespan_years must lie in (0, 100]")


@dataclass(frozen=True, slots=True)
class Timing:
    """How stream time moves."""

    clock: ClockMode = ClockMode.WALL
    max_jump_days: float = 7.0
    """A longer jump ahead waits for confirmation. Too small: time lags a few events after every pause. Too large: one
    wrong date alerts everybody."""
    jump_confirmations: int = 2
    """Further customers whose events must lie beyond the jump before it counts."""
    feed_silence_hours: float = 48.0
    """Without any purchase for this long, absence alerts freeze: the feed is broken or the shop is shut. Longer than a
    closed weekend."""

    def __post_init__(self) -> None:
        if self.max_jump_days <= 0 or self.feed_silence_hours <= 0:
            raise ValueError("max_jump_days and feed_silence_hours must be positive")
        if self.jump_confirmations < 1:
            raise ValueError("jump_confirmations must be at least 1")


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the win-back ladder. `strictness` multiplies the tail probability: 1 fires at the policy's level, 0.2
    at a fifth of it (later)."""

    name: str = "remind"
    strictness: float = 1.0
    offer: str = ""
    template: str = "win_back.remind"

    def __post_init__(self) -> None:
        if not self.name or not 0 < self.strictness <= 1:
            raise ValueError("a rung needs a name and a strictness in (0, 1]")


@dataclass(frozen=True, slots=True)
class FrequencyCap:
    """At most so many messages to one customer within any so many days, whatever their kinds."""

    messages: int
    days: float

    def __post_init__(self) -> None:
        if not 1 <= self.messages <= MOST:
            raise ValueError(f"a frequency cap counts 1 to {MOST} messages")
        if not 0 < self.days <= LONGEST_DAYS:
            raise ValueError(f"a frequency cap reaches over at most {LONGEST_DAYS} days, and more than none")


@dataclass(frozen=True, slots=True)
class Unhappiness:
    """Which answers to a survey say that something has to be put right before anything else is written."""

    days: float = 0.0
    """For so long after the answer; 0: no answer stops anything."""
    nps: int = 6
    """This score or a lower one: a detractor."""
    csat: int = 2
    ces: int = 3

    def __post_init__(self) -> None:
        if not 0 <= self.days <= LONGEST_DAYS:
            raise ValueError(f"unhappy_days must lie in [0, {LONGEST_DAYS}]")


_ALL_WEEK: Final = 7
_ALL_YEAR: Final = 365
_LEAP_DAY: Final = (2, 29)
_MOST_RUNGS: Final = 5
"""Whoever has not answered five messages wants no sixth."""


@dataclass(frozen=True, slots=True)
class QuietTimes:
    """When nobody is written to, by the clock and the calendar of the place where the customer is."""

    begin: time = time()
    end: time = time()
    """The quiet part of every day; where it ends before it begins, it goes on past midnight. Equal: there is none."""
    weekdays: frozenset[int] = frozenset()
    """Quiet from midnight to midnight; 0 = Monday."""
    dates: frozenset[date] = frozenset()
    """The same of single days."""
    yearly: frozenset[tuple[int, int]] = frozenset()
    """The same of a month and its day, every year."""
    store_zones: tuple[tuple[str, str], ...] = ()
    """store_id (or channel) → IANA zone of its customers whose own is not known."""

    def __post_init__(self) -> None:
        if len(self.weekdays) >= _ALL_WEEK:
            raise ValueError("quiet_days cannot name every day of the week: switch the outreach off instead")
        if len(self.yearly - {_LEAP_DAY}) >= _ALL_YEAR:
            raise ValueError("quiet_days cannot name every day of the year: switch the outreach off instead")


_CEILINGS: Final = {Measure.PATIENCE: 50.0, Measure.BUDGET: 50.0, Measure.PROBABILITY: 0.5, Measure.MULTIPLE: 50.0}
MOST_PATIENCE: Final = 20.0
"""Beyond it nearly every silence of every shop is worth a message."""
DEFAULT_PATIENCE: Final = 5.0
"""With more, needless messages come to fewer than those of the best simple rule at as many, and less is captured beyond
it; with less, to more (docs/deciding.md)."""


@dataclass(frozen=True, slots=True)
class OutreachPolicy:
    """Whom the shop wants to ask back, when, and under which conditions.

    What a shop may set is off here where nothing is said; a shop's defaults are those of the settings
    (config/sections/outreach.py).
    """

    measure: Measure = Measure.BUDGET
    level: float = 1.0
    """In the unit of `measure`. One wrong alert per healthy regular and year: a monthly customer is let go 8 % of the
    gaps, a weekly one 2 %. Ten times as much and most alerts are needless; a tenth and they come after the customer has
    left."""
    patience: float = DEFAULT_PATIENCE
    """Needless messages per 100 visits of regulars at which one more costs as much as a captured absence is worth."""
    rungs: tuple[Rung, ...] = field(default_factory=lambda: (Rung(),))
    consent: ConsentRule = ConsentRule.REQUIRED
    shadow: bool = False
    """Decide everything, release nothing."""
    stale_after_days: float = 7.0
    """An alert noticed this much later than its date is recorded, not sent: on switch-on the past is not news."""
    overdue_per_hour: int = 60
    """Releases per hour and partition of alerts that come late (after an outage), so that they do not go out all at
    once."""
    at_most_per_hour: int = 1000
    """Releases of this partition in any hour, whatever comes due: a healthy shop never meets it."""
    attribution_days: float = 30.0
    """A visit within this time after a release counts as converted."""
    expires_after_days: float = 14.0
    switched_on: tuple[tuple[Kind, Rung], ...] = ()
    """Kinds of message that are sent beside the ladder, each with its step (outreach/kinds/)."""
    volume_per_100_visits: float | None = None
    """Messages per 100 visits of regulars; the engine chooses whom. None, like the next: as many as come due."""
    volume_per_day: float | None = None
    """Messages per day, of this partition; at most one of the two is given."""

    volume_for_loyal: float = 0.0
    """Part of the volume, 0 to 1, that is kept for regulars of 13 visits and more."""

    occasions: OccasionPolicies = field(default_factory=OccasionPolicies)
    """Kinds of message that follow an occasion."""
    messages_are_sent: bool = False
    """Whether what is released reaches the customers: then a message ends what is learned of their silence. Not so in a
    backtest, where nothing is sent."""
    control_share: float = 0.0
    """Part of the customers, 0 to 1, to whom nothing is sent, so that what messages bring can be told from what would
    have come anyway."""
    control_rotates: Rotation = Rotation.NEVER
    frequency_caps: tuple[FrequencyCap, ...] = ()
    """All of them hold."""
    cool_down_days: float = 0.0
    """Nothing is sent for so long after a visit that is credited to a message."""
    unhappy: Unhappiness = field(default_factory=Unhappiness)
    min_value_minor: int = 0
    """A step with an offer goes only to customers of whom so much is at risk (the revenue of a year × their churn
    risk), minor units; on an occasion, of whom so much is expected in a year."""
    quiet: QuietTimes = field(default_factory=QuietTimes)
    daily_limit: int | None = None
    """Messages of the whole shop on one local day; None: no limit."""
    partition: int = 0
    partitions: int = 1
    """Which part of that limit is this engine's."""

    def __post_init__(self) -> None:
        ceiling = _CEILINGS[self.measure]
        if not 0 < self.level <= ceiling:
            raise ValueError(f"the level must lie in (0, {ceiling:g}] for measure {self.measure.value}")
        if not 0 < self.patience <= MOST_PATIENCE:
            raise ValueError(f"patience must lie in (0, {MOST_PATIENCE:g}]")
        if not self.rungs:
            raise ValueError("the ladder needs at least one rung")
        if len(self.rungs) > _MOST_RUNGS:
            raise ValueError(f"the ladder has at most {_MOST_RUNGS} rungs")
        if len({rung.name for rung in self.rungs}) != len(self.rungs):
            raise ValueError("rungs need different names")
        if any(a.strictness < b.strictness for a, b in zip(self.rungs, self.rungs[1:], strict=False)):
            raise ValueError("each rung must be at least as strict as the one before it")
        if self.overdue_per_hour < 1 or self.at_most_per_hour < 1:
            raise ValueError("overdue_per_hour and at_most_per_hour must be at least 1")
        if min(self.stale_after_days, self.attribution_days, self.expires_after_days) <= 0:
            raise ValueError("stale_after_days, attribution_days and expires_after_days must be positive")
        if self.volume_per_100_visits is not None and not 0 < self.volume_per_100_visits <= 100:
            raise ValueError("volume_per_100_visits must lie in (0, 100]")
        if self.volume_per_day is not None and not 0 < self.volume_per_day < inf:
            raise ValueError("volume_per_day must be positive")
        if self.volume_per_100_visits is not None and self.volume_per_day is not None:
            raise ValueError("give volume_per_100_visits or volume_per_day, not both")
        if not 0 <= self.cool_down_days <= LONGEST_DAYS:
            raise ValueError(f"cool_down_days must lie in [0, {LONGEST_DAYS}]")
        if self.min_value_minor < 0:
            raise ValueError("min_value must not be negative")
        if self.daily_limit is not None and self.daily_limit < 1:
            raise ValueError("daily_limit must be at least 1")
        if not 0 <= self.partition < self.partitions:
            raise ValueError("a partition's number must be less than the number of partitions")
        if not 0 <= self.control_share < 1:
            raise ValueError("control_share must lie in [0, 1)")
        if not 0 <= self.volume_for_loyal < 1:
            raise ValueError("volume_for_loyal must lie in [0, 1)")
        if self.volume_for_loyal and self.volume_per_100_visits is None and self.volume_per_day is None:
            raise ValueError("volume_for_loyal is a part of a volume: give volume_per_100_visits or volume_per_day")

    @property
    def weighs(self) -> bool:
        """Whether first alerts are weighed against what they cost, no limit or level being set."""
        return self.measure is Measure.PATIENCE and not self.is_limited

    @property
    def is_limited(self) -> bool:
        """Whether a number of messages is set."""
        return self.volume_per_100_visits is not None or self.volume_per_day is not None

    def step_of(self, kind: Kind) -> Rung | None:
        """The step of a kind beside the ladder; None: it is switched off."""
        return next((step for each, step in self.switched_on if each is kind), None)


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything the engine is told from outside."""

    shop: Shop = field(default_factory=Shop)
    timing: Timing = field(default_factory=Timing)
    outreach: OutreachPolicy = field(default_factory=OutreachPolicy)
