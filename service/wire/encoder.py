"""What the engine decided → records of the output topics, as `schemas/outputs.py` describes them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, Self, assert_never
from urllib.parse import quote

from service.config import Settings
from service.domain.calendar import utc_text
from service.domain.findings import Decision, Evidence, Kind, Outcome, Output, Reason, Scores, ScoresErased
from service.domain.money import minor_to_text
from service.wire.cloud_events import Fields, cloud_event, rounded, time_or_none
from service.wire.score_records import ScoreEncoder
from service.wording.language import Language
from service.wording.languages import DEFAULT, language_of
from service.wording.sentences import sentence
from service.wording.subjects import subject

_Reason = tuple[str, str, str]
"""What was measured, the field that holds it, the unit. The value at risk, a text there, is a number here: of no field,
and in the shop's currency."""
_SILENCE: Final[tuple[_Reason, ...]] = (
    ("current_gap", "current_gap_days", "days"),
    ("usual_gap", "usual_gap_days", "days"),
    ("tail_probability", "tail_probability", "share"),
    ("churn_risk", "churn_risk", "share"),
)
_ANSWERS: Final[tuple[_Reason, ...]] = (("latest_nps", "latest_nps", "nps"), ("latest_csat", "latest_csat", "csat"))
_HABIT: Final[tuple[_Reason, ...]] = (("visits", "visits", "visits"),)
_MONEY: Final[tuple[_Reason, ...]] = (("value_at_risk", "", ""),)
_REASONS: Final[dict[Kind, tuple[_Reason, ...]]] = {
    **dict.fromkeys((Kind.WIN_BACK, Kind.SECOND_VISIT), (*_SILENCE, *_HABIT, *_MONEY, *_ANSWERS)),
    **dict.fromkeys((Kind.SERVICE_RECOVERY, Kind.FEEDBACK_REQUEST), (*_ANSWERS, *_HABIT, *_MONEY)),
    **dict.fromkeys((Kind.MILESTONE, Kind.DELIGHT, Kind.FOLLOW_UP), (*_HABIT, *_ANSWERS, *_MONEY)),
}
"""The weightiest for each kind of message first."""


class TopicKind(StrEnum):
    """Which output topic; the names in the configuration map to these."""

    OUTREACH = "outreach"
    OUTREACH_DECISIONS = "outreach_decisions"
    CUSTOMER_SCORES = "customer_scores"


class OutputRecord(NamedTuple):
    topic: TopicKind
    key: bytes
    value: bytes | None
    """None = tombstone."""


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """What encoding needs to know of the shop."""

    currency: str = "EUR"
    minor_digits: int = 2
    locale: str = "en"
    """Of the shop's own language."""
    consent: str = "required"
    """Which rule of consent holds, as the policy calls it."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        shop, consent = settings.shop, settings.policy().outreach.consent
        return cls(shop.currency, shop.minor_digits, shop.locale, consent.value)


class Encoder:
    """Stateless after construction; the same output always gives the same bytes."""

    def __init__(self, shop: EncoderSettings) -> None:
        self._shop = shop
        self._language = language_of(shop.locale) or DEFAULT
        self._scores = ScoreEncoder(shop.currency, shop.minor_digits).encode

    def encode(self, output: Output) -> list[OutputRecord]:
        """The records of one output, in the order in which they must be written."""
        match output:
            case Decision():
                return self._decision(output)
            case Scores():
                return [OutputRecord(TopicKind.CUSTOMER_SCORES, output.customer_id.encode(), self._scores(output))]
            case ScoresErased():
                return [OutputRecord(TopicKind.CUSTOMER_SCORES, output.customer_id.encode(), None)]
            case _:
                assert_never(output)

    def _decision(self, made: Decision) -> list[OutputRecord]:
        key = made.customer_id.encode()
        explained = self._explained(made)
        record = explained | {
            "outcome": made.outcome.value,
            "reason": made.reason.value,
            "returned_at": time_or_none(made.returned_us),
            "revenue": self._money_or_none(made.revenue_minor),
            "arm": None if made.arm is None else made.arm.value,
        }
        about = (made.customer_id, made.decided_us)
        audit = cloud_event("outreach.decided", f"{made.decision_id}.{made.outcome.value}", *about, record)
        records = []
        if made.reason is not Reason.ERASED:  # of an erased person nothing more is written than that a message is void
            records.append(OutputRecord(TopicKind.OUTREACH_DECISIONS, key, audit))
        if made.outcome is Outcome.RELEASED:
            request = cloud_event(
                "outreach.requested", made.decision_id, *about, explained | self._addressed(made, explained)
            )
            records.append(OutputRecord(TopicKind.OUTREACH, key, request))
        elif made.outcome is Outcome.CANCELLED:
            void = cloud_event("outreach.cancelled", f"{made.decision_id}.cancelled", *about, _cancelled(made))
            records.append(OutputRecord(TopicKind.OUTREACH, key, void))
        return records

    def _explained(self, made: Decision) -> Fields:
        seen = made.evidence
        return _identity(made) | {
            "detected_at": utc_text(made.detected_us),
            "decided_at": utc_text(made.decided_us),
            "quiet_since": utc_text(made.quiet_since_us),
            **self._evidence(seen),
            "offer": made.offer,
            "template": made.template,
            "expires_at": utc_text(made.expires_us),
            **_occasion(made),
            "sentence": sentence(made.kind, seen, made.customer_id, self._spoken(seen)),
        }

    def _spoken(self, seen: Evidence) -> Language:
        """The customer's language, else the shop's."""
        return language_of(seen.locale) or self._language

    def _addressed(self, made: Decision, explained: Fields) -> Fields:
        """What only a request holds: to whom, on what, and what a message may say."""
        to, seen = made.addressee, made.evidence
        spoken = self._spoken(seen)
        reached = to is not None and (to.email or to.phone or to.crm_id)
        consent = None if to is None else to.consent
        return {
            "contact": {"email": to.email, "phone": to.phone, "crm_id": to.crm_id} if to and reached else None,
            "timezone": None if to is None else to.timezone,
            "consent": {
                "marketing_consent": consent,
                "since": None if to is None or consent is None else utc_text(to.consent_us),
                "rule": self._shop.consent,
            },
            "subject": subject(made.kind, made.rung, seen.first_name, _visit_number(seen), spoken),
            "sentence_shop": explained["sentence"]
            if spoken is self._language
            else sentence(made.kind, seen, made.customer_id, self._language),
            "reasons": self._reasons(made, explained),
            "resolution": None if seen.about is None else seen.about.note or None,
            "sample": False,
        }

    def _reasons(self, made: Decision, explained: Fields) -> list[Fields]:
        """The weightiest for this kind of message first. What is unknown is left out."""
        value_at_risk = made.evidence.value_at_risk_minor
        found: list[Fields] = []
        for code, field, unit in _REASONS[made.kind]:
            if field:
                value = explained[field]
            else:
                value = None if value_at_risk is None else value_at_risk / 10**self._shop.minor_digits
            if value is not None:
                found.append({"code": code, "value": value, "unit": unit or self._shop.currency})
        return found

    def _evidence(self, seen: Evidence) -> Fields:
        return {
            "usual_gap_days": rounded(seen.usual_gap_days),
            "current_gap_days": rounded(seen.gap_days),
            "tail_probability": seen.tail_probability,
            "churn_risk": rounded(seen.churn_risk),
            "expected_visit_at": utc_text(seen.expected_visit_us),
            "visits": seen.visits,
            "orders": seen.orders,
            "customer_since": utc_text(seen.customer_since_us),
            "currency": self._shop.currency,
            "lifetime_value": minor_to_text(seen.lifetime_value_minor, self._shop.minor_digits),
            "value_at_risk": self._money_or_none(seen.value_at_risk_minor),
            "favourite_items": seen.favourite_items,
            "last_items": seen.last_items,
            "latest_nps": seen.latest_nps,
            "latest_csat": seen.latest_csat,
            "first_name": seen.first_name,
            "locale": seen.locale,
        }

    def _money_or_none(self, minor: int | None) -> str | None:
        return None if minor is None else minor_to_text(minor, self._shop.minor_digits)


def _identity(made: Decision) -> Fields:
    return {
        "decision_id": made.decision_id,
        "customer_id": made.customer_id,
        "episode_id": made.episode_id,
        "kind": made.kind.value,
        "rung": made.rung,
    }


_NO_OCCASION: Fields = dict.fromkeys(
    ("occasion", "occasion_at", "order_id", "survey", "score", "survey_url", "person", "write_to")
)


def _visit_number(seen: Evidence) -> int:
    """Of the visit that the message is about, else of the last."""
    return seen.visits if seen.about is None or seen.about.number is None else seen.about.number


def _occasion(made: Decision) -> Fields:
    """What it is about, if that is not the silence."""
    about = made.evidence.about
    if about is None:
        return _NO_OCCASION
    url = about.survey_url
    for name, value in (("survey", about.survey), ("customer_id", made.customer_id), ("order_id", about.order_id)):
        url = url.replace(f"{{{name}}}", quote(value or "", safe=""))
    return {
        "occasion": about.mark,
        "occasion_at": utc_text(about.at_us),
        "order_id": about.order_id,
        "survey": about.survey,
        "score": about.score,
        "survey_url": url or None,
        "person": about.person or None,
        "write_to": about.write_to or None,
    }


def _cancelled(made: Decision) -> Fields:
    return _identity(made) | {
        "cancelled_id": made.decision_id,
        "reason": made.reason.value,
        "cancelled_at": utc_text(made.decided_us),
        "returned_at": time_or_none(made.returned_us),
    }
