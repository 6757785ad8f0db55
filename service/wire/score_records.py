"""The numbers of one customer as they stand on `customer-scores`. On the hot path: a record comes with each change."""

from __future__ import annotations

import msgspec
import xxhash

from service.domain.calendar import to_date, utc_text
from service.domain.findings import HealthPart, LatestAnswer, Scores
from service.domain.money import minor_to_text
from service.wire.cloud_events import SOURCE, rounded, time_or_none


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
    marketing_consent: bool | None
    store: str | None
    visit_days: tuple[str, ...]


class _Envelope(msgspec.Struct, frozen=True, gc=False):
    """`schemas.envelope`, ready to be encoded."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: str
    datacontenttype: str
    data: msgspec.Raw
    """`_ScoresData`, encoded."""


class ScoreEncoder:
    """Stateless after construction; the same scores always give the same bytes."""

    def __init__(self, currency: str, minor_digits: int) -> None:
        self._currency = currency
        self._digits = minor_digits
        self._encode = msgspec.json.Encoder().encode

    def encode(self, scores: Scores) -> bytes:
        """The value of the record: one struct, one encoding."""
        as_of = utc_text(scores.as_of_us)
        first, last, expected = scores.first_visit_us, scores.last_visit_us, scores.expected_visit_us
        data = _ScoresData(
            scores.customer_id,
            as_of,
            scores.segment,
            rounded(scores.health),
            scores.band,
            scores.health_parts,
            scores.visits,
            scores.orders,
            self._currency,
            minor_to_text(scores.revenue_minor, self._digits),
            None if first is None else utc_text(first),
            None if last is None else utc_text(last),
            rounded(scores.usual_gap_days),
            rounded(scores.gap_spread),
            None if expected is None else utc_text(expected),
            scores.tail_probability,
            scores.churn_risk,
            scores.churn_risk_band,
            rounded(scores.expected_purchases_365d),
            self._money(scores.expected_value_365d_minor),
            self._money(scores.value_at_risk_minor),
            scores.latest_nps,
            scores.latest_csat,
            scores.latest_ces,
            tuple([self._answer(answer) for answer in scores.answers]) if scores.answers else (),
            scores.marketing_consent,
            scores.store,
            tuple([to_date(day).isoformat() for day in scores.visit_days]) if scores.visit_days else (),
        )
        told = self._encode(data)
        # the digest, because several records may be of one instant: a consent moves no time
        event_id = f"scores.{scores.customer_id}.{scores.as_of_us}.{xxhash.xxh3_64_hexdigest(told)[:8]}"
        return self._encode(
            _Envelope(
                "1.0",
                event_id,
                SOURCE,
                "customer.scored",
                scores.customer_id,
                as_of,
                "application/json",
                msgspec.Raw(told),
            )
        )

    def _answer(self, answer: LatestAnswer) -> _AnswerData:
        return _AnswerData(
            answer.survey,
            answer.score,
            utc_text(answer.answered_us),
            answer.order_id,
            time_or_none(answer.ordered_us),
            self._money(answer.order_minor),
        )

    def _money(self, minor: int | None) -> str | None:
        return None if minor is None else minor_to_text(minor, self._digits)
