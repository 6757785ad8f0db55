"""What the engine decided → records of the output topics: CloudEvents 1.0 in JSON, as `schemas/outputs.py` describes them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple, assert_never

import msgspec

from service.domain.calendar import DAY_US, SECOND_US, to_date
from service.domain.findings import Decision, Evidence, HealthPart, LatestAnswer, Outcome, Output, Scores, ScoresErased
from service.domain.money import decimal_text
from service.wording.language import Language
from service.wording.languages import DEFAULT, language_of
from service.wording.sentences import sentence

_PLACES: Final = 6
"""Decimals of days and probabilities on the wire: a tenth of a second, and finer than any model is right."""

Fields = dict[str, object]


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
    source: str = "churn-alert"
    """`source` of every CloudEvent, a URI reference."""
    language: Language = DEFAULT
    """Of sentences about customers whose own language is unknown or not shipped."""


class Encoder:
    """Stateless after construction; the same output always gives the same bytes."""

    def __init__(self, shop: EncoderSettings) -> None:
        self._shop = shop
        self._encode = msgspec.json.Encoder().encode

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

    def money(self, minor: int) -> str:
        """Decimal text with the currency's minor digits."""
        return decimal_text(minor, self._shop.minor_digits)

    def cloud_event(self, kind: str, event_id: str, subject: str, at_us: int, fields: Fields) -> bytes:
        """The envelope, and `fields` as its data. Also for the period metrics (`period.measured`)."""
        return self._encode(
            {
                "specversion": "1.0",
                "id": event_id,
                "source": self._shop.source,
                "type": kind,
                "subject": subject,
                "time": utc_text(at_us),
                "datacontenttype": "application/json",
                "data": fields,
            }
        )

    def _decision(self, made: Decision) -> list[OutputRecord]:
        key = made.customer_id.encode()
        explained = self._explained(made)
        record = explained | {
            "outcome": made.outcome.value,
            "reason": made.reason.value,
            "returned_at": _time_or_none(made.returned_us),
            "revenue": self._money_or_none(made.revenue_minor),
        }
        about = (made.customer_id, made.decided_us)
        audit = self.cloud_event("outreach.decided", f"{made.decision_id}.{made.outcome.value}", *about, record)
        records = [OutputRecord(TopicKind.OUTREACH_DECISIONS, key, audit)]
        if made.outcome is Outcome.RELEASED:
            request = self.cloud_event("outreach.requested", made.decision_id, *about, explained)
            records.append(OutputRecord(TopicKind.OUTREACH, key, request))
        elif made.outcome is Outcome.CANCELLED:
            void = self.cloud_event("outreach.cancelled", f"{made.decision_id}.cancelled", *about, _cancelled(made))
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
            "sentence": sentence(made.kind, seen, made.customer_id, language_of(seen.locale) or self._shop.language),
        }

    def _evidence(self, seen: Evidence) -> Fields:
        return {
            "usual_gap_days": round(seen.usual_gap_days, _PLACES),
            "current_gap_days": round(seen.gap_days, _PLACES),
            "tail_probability": seen.tail_probability,
            "churn_risk": _rounded(seen.churn_risk),
            "expected_visit_at": utc_text(seen.expected_visit_us),
            "visits": seen.visits,
            "orders": seen.orders,
            "customer_since": utc_text(seen.customer_since_us),
            "currency": self._shop.currency,
            "lifetime_value": self.money(seen.lifetime_value_minor),
            "value_at_risk": self._money_or_none(seen.value_at_risk_minor),
            "favourite_items": seen.favourite_items,
            "last_items": seen.last_items,
            "latest_nps": seen.latest_nps,
            "latest_csat": seen.latest_csat,
            "first_name": seen.first_name,
            "locale": seen.locale,
        }

    def _scores(self, scores: Scores) -> bytes:
        """On the hot path: one struct, one encoding."""
        as_of = utc_text(scores.as_of_us)
        first, last, expected = scores.first_visit_us, scores.last_visit_us, scores.expected_visit_us
        data = _ScoresData(
            scores.customer_id,
            as_of,
            scores.segment,
            _rounded(scores.health),
            scores.band,
            scores.health_parts,
            scores.visits,
            scores.orders,
            self._shop.currency,
            self.money(scores.revenue_minor),
            None if first is None else utc_text(first),
            None if last is None else utc_text(last),
            _rounded(scores.usual_gap_days),
            _rounded(scores.gap_spread),
            None if expected is None else utc_text(expected),
            scores.tail_probability,
            scores.churn_risk,
            scores.churn_risk_band,
            _rounded(scores.expected_purchases_365d),
            self._money_or_none(scores.expected_value_365d_minor),
            self._money_or_none(scores.value_at_risk_minor),
            scores.latest_nps,
            scores.latest_csat,
            scores.latest_ces,
            tuple([self._answer(answer) for answer in scores.answers]) if scores.answers else (),
        )
        event_id = f"scores.{scores.customer_id}.{scores.as_of_us}"
        return self._encode(
            _Envelope(
                "1.0",
                event_id,
                self._shop.source,
                "customer.scored",
                scores.customer_id,
                as_of,
                "application/json",
                data,
            )
        )

    def _answer(self, answer: LatestAnswer) -> _AnswerData:
        return _AnswerData(
            answer.survey,
            answer.score,
            utc_text(answer.answered_us),
            answer.order_id,
            _time_or_none(answer.ordered_us),
            self._money_or_none(answer.order_minor),
        )

    def _money_or_none(self, minor: int | None) -> str | None:
        return None if minor is None else self.money(minor)


class _AnswerData(msgspec.Struct, frozen=True, gc=False):
    """`schemas.outputs.LatestAnswer`, ready to be encoded."""

    survey: str
    score: int
    answered_at: str
    order_id: str | None
    ordered_at: str | None
    order_amount: str | None


class _ScoresData(msgspec.Struct, frozen=True, gc=False):
    """`schemas.outputs.CustomerScores`, ready to be encoded."""

    customer_id: str
    as_of: str
    segment: str
    health: float | None
    band: str | None
    health_parts: tuple[HealthPart, ...]
    visits: int
    orders: int
    currency: str
    revenue: str
    first_visit_at: str | None
    last_visit_at: str | None
    usual_gap_days: float | None
    gap_spread: float | None
    expected_visit_at: str | None
    tail_probability: float | None
    churn_risk: float | None
    churn_risk_band: str | None
    expected_purchases_365d: float | None
    expected_value_365d: str | None
    value_at_risk: str | None
    latest_nps: int | None
    latest_csat: int | None
    latest_ces: int | None
    answers: tuple[_AnswerData, ...]


class _Envelope(msgspec.Struct, frozen=True, gc=False):
    """`schemas.envelope`, ready to be encoded."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: str
    datacontenttype: str
    data: _ScoresData


@lru_cache(maxsize=1 << 16)
def utc_text(at_us: int) -> str:
    """RFC 3339 in UTC with Z; microseconds only where there are any. A customer's first and last visit are asked for again and again."""
    day, rest = divmod(at_us, DAY_US)
    seconds, micros = divmod(rest, SECOND_US)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    fraction = f".{micros:06d}" if micros else ""
    return f"{_date_text(day)}T{hour:02d}:{minute:02d}:{second:02d}{fraction}Z"


@lru_cache(maxsize=1 << 14)
def _date_text(day: int) -> str:
    return to_date(day).isoformat()


def _identity(made: Decision) -> Fields:
    return {
        "decision_id": made.decision_id,
        "customer_id": made.customer_id,
        "episode_id": made.episode_id,
        "kind": made.kind.value,
        "rung": made.rung,
    }


def _cancelled(made: Decision) -> Fields:
    return _identity(made) | {
        "cancelled_id": made.decision_id,
        "reason": made.reason.value,
        "cancelled_at": utc_text(made.decided_us),
        "returned_at": _time_or_none(made.returned_us),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _PLACES)


def _time_or_none(at_us: int | None) -> str | None:
    return None if at_us is None else utc_text(at_us)
