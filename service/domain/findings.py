"""What the engine asks the shell to publish. Values only; the encoder gives them their wire form (`schemas/`)."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from schemas.kinds import Kind as Kind  # noqa: PLC0414 - one of the words of this file, for its readers
from service.domain.events import Survey


class Outcome(StrEnum):
    RELEASED = "released"
    WITHHELD = "withheld"
    DEFERRED = "deferred"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    CONVERTED = "converted"


class Arm(StrEnum):
    """Which of the two groups that are compared a customer is in, as far as this message goes."""

    TREATED = "treated"
    """The message goes out."""
    CONTROL = "control"
    """It is withheld, and its customer is followed as if it had gone out."""


class Reason(StrEnum):
    """Reason codes of decisions; part of the interface, never renamed."""

    DUE = "due"
    SHADOW = "shadow"
    NO_CONSENT = "no_consent"
    CONSENT_UNKNOWN = "consent_unknown"
    ERASED = "erased"
    STALE = "stale"
    RELEASE_RATE = "release_rate"
    VOLUME = "volume"
    RETURNED = "returned"
    SURGE = "surge"
    HOURLY_LIMIT = "hourly_limit"
    GAP_IN_LOG = "gap_in_log"
    MERGED = "merged"
    SIGN_OF_LIFE = "sign_of_life"
    CONTROL = "control"
    FEED_SILENT = "feed_silent"
    UNHAPPY = "unhappy"
    COOL_DOWN = "cool_down"
    FREQUENCY_CAP = "frequency_cap"
    MIN_VALUE = "min_value"
    QUIET_HOURS = "quiet_hours"
    QUIET_DAY = "quiet_day"
    DAILY_LIMIT = "daily_limit"
    SWITCHED_OFF = "switched_off"
    BOUNCED = "bounced"
    KIND_LIMIT = "kind_limit"
    REFUNDED = "refunded"
    NO_PROFILING = "no_profiling"


class Segment(StrEnum):
    NEW = "new"
    RETURNING = "returning"
    REGULAR = "regular"
    VIP = "vip"
    SLOWING = "slowing"
    QUIET = "quiet"
    LOST = "lost"


class HealthBand(StrEnum):
    """Bands of health points: healthy ≥ 70, watch ≥ 40, at_risk below."""

    HEALTHY = "healthy"
    WATCH = "watch"
    AT_RISK = "at_risk"


class RiskBand(StrEnum):
    """Bands of the churn risk: low below 0.3, medium below 0.7, high from there."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class About(msgspec.Struct, frozen=True, gc=False):
    """What a message is about that no silence brings: the purchase, the visit, the answer."""

    mark: str
    """What identifies it, by its kind: number of the visit, week, day of the visit, order, answer."""
    at_us: int
    """When that was."""
    day: int
    """Local day of it."""
    step: str = ""
    """Which step of the kind, as the decision's rung."""
    order_id: str | None = None
    """None: no order is known, or it is about none."""
    survey: Survey | None = None
    """Which survey was answered, or is asked for; None: neither."""
    score: int | None = None
    """What was answered; None: nothing was, or it is what is asked for."""
    number: int | None = None
    """Of the visit, where it is about its number."""
    survey_url: str = ""
    """Where the survey is answered, with places for the customer and the order; empty: not said."""
    person: str = ""
    """Who writes, and where an answer reaches them; empty: the shop."""
    write_to: str = ""
    note: str = ""
    """What the shop did about it, in its words; empty: not said."""


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """The numbers an alert rests on, as they were when it was decided."""

    visits: int
    usual_gap_days: float
    gap_days: float
    """Silence at the detection."""
    tail_probability: float
    """P(a healthy gap of this customer lasts at least gap_days), 0–1."""
    expected_visit_us: int
    """Last visit + usual gap."""
    customer_since_us: int
    orders: int
    lifetime_value_minor: int
    """Net revenue so far."""
    value_at_risk_minor: int | None
    """What this customer would bring in 365 days if they had surely not left, × churn risk."""
    churn_risk: float | None
    """1 − P(alive), 0–1."""
    favourite_items: tuple[str, ...]
    last_items: tuple[str, ...]
    latest_nps: int | None
    latest_csat: int | None
    first_name: str | None
    locale: str | None
    about: About | None = None
    """None: it is about the silence."""


class Addressee(msgspec.Struct, frozen=True, gc=False):
    """How a customer is reached, and on what. Only of what goes out: no decision that is kept names an address.
    None = unknown."""

    email: str | None
    """None also where mail to it has bounced."""
    phone: str | None
    crm_id: str | None
    timezone: str | None
    """IANA name of the place where the customer is: their own, else their store's; None = the shop's."""
    consent: bool | None
    consent_us: int
    """When that was said; meaningless without one."""


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What was decided for one rung of one episode."""

    decision_id: str
    """Deterministic: the same customer, episode, kind and rung always give the same id."""
    customer_id: str
    episode_id: str
    """Local date of the visit that the silence began with."""
    kind: Kind
    rung: str
    outcome: Outcome
    reason: Reason
    detected_us: int
    """The stored date at which the rung came due."""
    decided_us: int
    """Stream time of the decision; later than detected_us after an outage or a deferral."""
    quiet_since_us: int
    offer: str
    template: str
    evidence: Evidence
    expires_us: int
    returned_us: int | None = None
    """For converted and cancelled: the visit that ended the episode."""
    revenue_minor: int | None = None
    """For converted: what that visit's first purchase brought."""
    arm: Arm | None = None
    """Of what was released or withheld, and of its end; None: neither."""
    addressee: Addressee | None = None
    """Of a release. None: the shop has said nothing of the customer, or nothing goes out."""


class HealthPart(msgspec.Struct, frozen=True, gc=False):
    """One named component: `points` of at most `of`. The parts of a customer add up to the health."""

    name: str
    points: float
    of: float


class LatestAnswer(msgspec.Struct, frozen=True, gc=False):
    """The newest answer to one survey, joined to the order it is about."""

    survey: Survey
    score: int
    answered_us: int
    order_id: str | None
    """None: about no order."""
    ordered_us: int | None
    """None: no purchase with this order_id is known."""
    order_minor: int | None
    """What the order was when it was placed, whatever was refunded since."""


class Scores(msgspec.Struct, frozen=True, gc=False):
    """Everything that is told of one customer, as of `as_of_us`. None = not enough evidence."""

    customer_id: str
    as_of_us: int
    segment: Segment
    health: float | None
    band: HealthBand | None
    health_parts: tuple[HealthPart, ...]
    visits: int
    orders: int
    revenue_minor: int
    first_visit_us: int | None
    last_visit_us: int | None
    usual_gap_days: float | None
    gap_spread: float | None
    """Standard deviation of the log gaps; about 1 for a customer without rhythm, 0.3 for a weekly habit."""
    expected_visit_us: int | None
    tail_probability: float | None
    churn_risk: float | None
    """1 − P(alive), 0–1 (learning/churn_model.py)."""
    churn_risk_band: RiskBand | None
    expected_purchases_365d: float | None
    """Orders within the next 365 days, the risk taken into account."""
    expected_value_365d_minor: int | None
    """What they bring."""
    value_at_risk_minor: int | None
    """What the customer would bring if they had surely not left, × the risk. With expected_value_365d it makes up that
    whole."""
    latest_nps: int | None
    latest_csat: int | None
    latest_ces: int | None
    answers: tuple[LatestAnswer, ...]
    """One per survey that was ever answered: NPS, CSAT, CES."""
    marketing_consent: bool | None
    """None: nothing is known of it."""
    store: str | None = None
    """Store, else channel, of most of the recent visits; None: never said."""
    visit_days: tuple[int, ...] = ()
    """Local day numbers of the newest visits, ascending, of who is not healthy; of all others none are told."""


class ScoresErased(msgspec.Struct, frozen=True, gc=False):
    """Tombstone for the compacted scores topic after an erasure, a merge, an objection to profiling."""

    customer_id: str


Output = Decision | Scores | ScoresErased
