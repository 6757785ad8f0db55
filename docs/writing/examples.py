"""One example of every event. Inputs are written as a shop would; outputs are what the service's own encoders make of
one customer, Anna, so that they have the fields that are really there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from aiokafka.structs import ConsumerRecord

from service.config import Settings
from service.delivery.memory import Entry, State, pack
from service.delivery.score_desk import event_of
from service.domain.calendar import to_day, to_us
from service.domain.events import Survey
from service.domain.findings import (
    Addressee,
    Arm,
    Decision,
    Evidence,
    HealthBand,
    HealthPart,
    Kind,
    LatestAnswer,
    Outcome,
    Reason,
    RiskBand,
    Scores,
    Segment,
)
from service.domain.health import FREQUENCY_WEIGHT, RECENCY_WEIGHT, SATISFACTION_WEIGHT, SPEND_WEIGHT
from service.domain.periods.numbers import Counts
from service.domain.periods.rows import RowMaker
from service.domain.policy import Shop
from service.domain.uplift.measured import measure
from service.domain.uplift.sums import ArmSums
from service.errors import ErrorCode
from service.refused.dead_letters import encode_dead_letter
from service.streaming.brought_totals import BroughtRow, brought_key, numbers_of_brought
from service.streaming.shop_notices import ShopNotices
from service.wire.cloud_events import cloud_event
from service.wire.encoder import Encoder, EncoderSettings, OutputRecord
from service.wire.period_records import numbers_of, record_key

Fields = Mapping[str, Any]


class Example(NamedTuple):
    """Of one event."""

    title: str
    topic: str
    schema: str
    """Name of the JSON Schema that describes it."""
    key: str
    value: Fields | None
    """None = a record without a value."""
    about: str = ""


WHO: Final = {"customer_id": "c-17"}
INPUTS: Final = (
    Example(
        "The smallest purchase",
        "purchases",
        "purchase",
        "c-17",
        {"event_id": "o-1", **WHO, "occurred_at": "2026-03-01T09:30:00+01:00", "amount": "12.50"},
        "Four fields are enough. The amount is text where it has to be exact to the cent.",
    ),
    Example(
        "A purchase with all that helps",
        "purchases",
        "purchase",
        "c-17",
        {
            "event_id": "o-1042",
            **WHO,
            "occurred_at": "2026-03-01T09:30:00+01:00",
            "amount": "7.90",
            "currency": "EUR",
            "order_id": "1042",
            "items": [
                {"sku": "flat-white", "name": "Flat white", "category": "coffee", "quantity": 1, "amount": "4.20"},
                {"sku": "croissant", "name": "Almond croissant", "category": "pastry", "quantity": 1, "amount": "3.70"},
            ],
            "channel": "store",
            "store_id": "harbour",
        },
        "The order number makes refunds and corrections exact, the items are what a message may name, and the store "
        "tells a shut branch from customers who stay away.",
    ),
    Example(
        "A refund",
        "purchases",
        "purchase",
        "c-17",
        {
            "event_id": "o-1042-r",
            **WHO,
            "occurred_at": "2026-03-02T11:00:00+01:00",
            "amount": "3.70",
            "kind": "refund",
            "order_id": "1042",
        },
        "The amount is positive here too. It lowers the revenue, and is never a visit.",
    ),
    Example(
        "An answer to a survey",
        "surveys",
        "survey-answer",
        "c-17",
        {
            "event_id": "s-88",
            **WHO,
            "occurred_at": "2026-03-03T18:05:00+01:00",
            "survey": "nps",
            "score": 4,
            "comment": "I waited twenty minutes.",
            "order_id": "1042",
        },
    ),
    Example(
        "The shop has dealt with a complaint",
        "surveys",
        "survey-answer",
        "c-17",
        {
            "event_id": "s-88-done",
            **WHO,
            "occurred_at": "2026-03-04T10:00:00+01:00",
            "kind": "resolved",
            "survey": "nps",
            "comment": "We have a second machine at the counter since Monday.",
        },
        "It closes the case; the comment may be quoted to the customer.",
    ),
    Example(
        "A profile",
        "customers",
        "customer-event",
        "c-17",
        {
            "event_id": "p-5",
            **WHO,
            "occurred_at": "2026-02-01T08:00:00+01:00",
            "first_name": "Anna",
            "locale": "fr-FR",
            "timezone": "Europe/Paris",
            "contact": {"email": "anna@example.org", "phone": "+33 1 23 45 67 89", "crm_id": "crm-9"},
            "marketing_consent": True,
        },
        "Every field may be left out: what is not said stays as it was.",
    ),
    Example(
        "A consent is withdrawn",
        "customers",
        "customer-event",
        "c-17",
        {"event_id": "p-6", **WHO, "occurred_at": "2026-04-01T08:00:00+02:00", "marketing_consent": False},
        "What waits is dropped, and what is on its way is cancelled.",
    ),
    Example(
        "A customer objects to profiling",
        "customers",
        "customer-event",
        "c-17",
        {"event_id": "p-7", **WHO, "occurred_at": "2026-04-01T09:00:00+02:00", "profiling": False},
        "No scores, and no message that rests on them.",
    ),
    Example(
        "A message is called spam",
        "customers",
        "customer-event",
        "c-17",
        {
            "event_id": "c-1",
            **WHO,
            "occurred_at": "2026-04-12T08:00:00+02:00",
            "complaint": True,
            "outreach_id": "7b0c5b0e-58c3-5a0e-9d5e-0d9f4a2b6c11",
        },
        "It withdraws the consent; the id says which message it is about.",
    ),
    Example(
        "Mail came back",
        "customers",
        "customer-event",
        "c-17",
        {
            "event_id": "b-1",
            **WHO,
            "occurred_at": "2026-04-02T08:00:00+02:00",
            "bounce": {"email": "anna@example.org", "type": "hard"},
        },
        "Nothing is sent to that address until another one is said.",
    ),
    Example(
        "Two ids are one person",
        "customers",
        "customer-event",
        "c-17",
        {
            "event_id": "m-1",
            **WHO,
            "occurred_at": "2026-04-03T08:00:00+02:00",
            "kind": "merge",
            "merged_into": "c-9",
        },
        "Written under the id that goes. All numbers become what they would be if it had always been `c-9`.",
    ),
    Example(
        "A customer must be forgotten",
        "customers",
        "customer-event",
        "c-17",
        {"event_id": "e-1", **WHO, "occurred_at": "2026-05-01T08:00:00+02:00", "kind": "erase"},
        "It needs `shop.erasure_salt`. `churn-alert forget` writes it for you.",
    ),
    Example(
        "A profile is withdrawn",
        "customers",
        "customer-event",
        "c-17",
        None,
        "A record without a value: contact gone, consent unknown. The purchases stay.",
    ),
)


def _at(*moment: int) -> int:
    return to_us(datetime(*moment, tzinfo=UTC))  # type: ignore[misc, arg-type]


_DECIDED: Final = _at(2026, 4, 11, 8, 0)
_SEEN: Final = Evidence(
    visits=12,
    usual_gap_days=7.0,
    gap_days=32.0,
    tail_probability=0.025,
    expected_visit_us=_at(2026, 3, 17, 8, 0),
    customer_since_us=_at(2025, 12, 2, 8, 30),
    orders=13,
    lifetime_value_minor=10_270,
    value_at_risk_minor=14_300,
    churn_risk=0.41,
    favourite_items=("Flat white", "Almond croissant"),
    last_items=("Flat white",),
    latest_nps=9,
    latest_csat=None,
    first_name="Anna",
    locale="fr-FR",
)
_DECISION: Final = Decision(
    decision_id="7b0c5b0e-58c3-5a0e-9d5e-0d9f4a2b6c11",
    customer_id="c-17",
    episode_id="2026-03-10",
    kind=Kind.WIN_BACK,
    rung="remind",
    outcome=Outcome.RELEASED,
    reason=Reason.DUE,
    detected_us=_DECIDED,
    decided_us=_DECIDED,
    quiet_since_us=_at(2026, 3, 10, 8, 0),
    offer="",
    template="win_back.remind",
    evidence=_SEEN,
    expires_us=_at(2026, 4, 25, 8, 0),
    arm=Arm.TREATED,
    addressee=Addressee(
        "anna@example.org", None, "crm-9", "Europe/Paris", consent=True, consent_us=_at(2026, 2, 1, 7, 0)
    ),
)
_SCORES: Final = Scores(
    customer_id="c-17",
    as_of_us=_at(2026, 3, 10, 8, 0),
    segment=Segment.REGULAR,
    health=86.0,
    band=HealthBand.HEALTHY,
    health_parts=(
        HealthPart("recency", 62.0, RECENCY_WEIGHT),
        HealthPart("frequency_trend", 6.5, FREQUENCY_WEIGHT),
        HealthPart("spend_trend", 5.0, SPEND_WEIGHT),
        HealthPart("satisfaction", 12.5, SATISFACTION_WEIGHT),
    ),
    visits=12,
    orders=13,
    revenue_minor=10_270,
    first_visit_us=_at(2025, 12, 2, 8, 30),
    last_visit_us=_at(2026, 3, 10, 8, 0),
    usual_gap_days=7.0,
    gap_spread=0.4,
    expected_visit_us=_at(2026, 3, 17, 8, 0),
    tail_probability=1.0,
    churn_risk=0.04,
    churn_risk_band=RiskBand.LOW,
    expected_purchases_365d=43.2,
    expected_value_365d_minor=34_128,
    value_at_risk_minor=1_422,
    latest_nps=9,
    latest_csat=None,
    latest_ces=None,
    answers=(LatestAnswer(Survey.NPS, 9, _at(2026, 3, 3, 17, 5), "1042", _at(2026, 3, 1, 8, 30), 790),),
    marketing_consent=True,
)


def outputs() -> tuple[Example, ...]:
    """One of each."""
    encoder = Encoder(EncoderSettings())
    decided, requested = encoder.encode(_DECISION)
    returned = _at(2026, 4, 12, 7, 45)
    gone = Decision(
        **{name: getattr(_DECISION, name) for name in _DECISION.__struct_fields__}
        | {"outcome": Outcome.CANCELLED, "reason": Reason.RETURNED, "decided_us": returned, "returned_us": returned}
    )
    _, cancelled = encoder.encode(gone)
    (scored,) = encoder.encode(_SCORES)
    return (
        _output("A request: write to this customer now", "outreach", "outreach.requested", requested),
        _output("A request is void", "outreach", "outreach.cancelled", cancelled),
        _output("A decision", "outreach-decisions", "outreach.decided", decided),
        _output("How a customer stands", "customer-scores", "customer.scored", scored),
        _removed(),
        _period(),
        _brought(),
        _noticed(),
        _delivery(),
        _dead_letter(),
    )


def _output(title: str, topic: str, schema: str, record: OutputRecord, about: str = "") -> Example:
    return Example(title, topic, schema, record.key.decode(), json.loads(record.value or b""), about)


def _removed() -> Example:
    return Example(
        "A customer is gone",
        "customer-scores",
        "customer.removed",
        "c-17",
        event_of(0, 4711, b"c-17", None, _at(2026, 5, 1, 6, 0) // 1_000),
        "In the topic it is a record without a value; a webhook of `customer-scores` posts this in its place.",
    )


def _period() -> Example:
    first, end = (to_day(datetime(2026, month, 1, tzinfo=UTC).date()) for month in (3, 4))
    counted = Counts(
        buyers=410, new=62, retained=320, repeaters=288, orders=1_204, revenue_minor=955_300, nps_promoters=21, nps_passives=9,
        nps_detractors=4,
    )  # fmt: skip
    row = RowMaker(Shop()).row("month", first, end, end + 10, now=counted, before=Counts(buyers=396))
    key = record_key(row).decode()
    data = numbers_of(row, "EUR") | {"revision": 3}
    value = cloud_event("period.measured", f"{key}.3", key, _at(2026, 4, 11, 0, 0), data)
    return Example("The numbers of a period", "period-metrics", "period.measured", key, json.loads(value))


def _brought() -> Example:
    treated, control = ArmSums(), ArmSums()
    treated.people, treated.returned, treated.first, treated.window = 412, 141, 112_800, 245_300
    treated.first_square, treated.window_square = 98_000_000, 420_000_000
    treated.chance, treated.chance_square = 412 * 331_000, 412 * 120_000_000_000
    treated.chance_returned = 141 * 352_000
    control.people, control.returned, control.first, control.window = 46, 11, 8_360, 19_100
    control.first_square, control.window_square = 7_100_000, 31_000_000
    control.chance, control.chance_square, control.chance_returned = 46 * 318_000, 46 * 111_000_000_000, 11 * 340_000
    row = BroughtRow("win_back", "remind", "all", measure(treated, control))
    key = brought_key(row).decode()
    data = numbers_of_brought(row, "EUR", 2) | {"revision": 12}
    value = cloud_event("outreach.measured", f"{key}.12", key, _at(2026, 4, 11, 0, 0), data)
    return Example("What messages have brought", "period-metrics", "outreach.measured", key, json.loads(value))


def _noticed() -> Example:
    threshold = {"name": "few-come-back", "number": "retention_rate", "when": "below", "limit": 80.0}
    notices = ShopNotices(Settings(notices={"thresholds": [threshold]}, time={"clock": "event"}))
    first, end = (to_day(datetime(2026, month, 1, tzinfo=UTC).date()) for month in (3, 4))
    row = RowMaker(Shop()).row(
        "month", first, end, end + 10, now=Counts(buyers=352, retained=312), before=Counts(buyers=396)
    )
    ((key, value),) = notices.records(lambda _: [row], end + 1, 0)
    return Example(
        "The shop is told of a number", "shop-notices", "shop.noticed", (key or b"").decode(), json.loads(value or b"")
    )


def _delivery() -> Example:
    request = _DECISION.decision_id
    entry = Entry(
        State.DELIVERED, "", _DECIDED + 1_400_000, 1, _DECISION.expires_us, _DECISION.customer_id, sample=False
    )
    value = json.loads(pack("smtp", request, entry))
    return Example("What has become of a request", "deliveries", "delivery.recorded", request, value)


def _dead_letter() -> Example:
    purchase = b'{"event_id": "o-7", "customer_id": "c-17", "occurred_at": "2026-03-01T09:30:00+01:00"}'
    at_ms = _at(2026, 3, 1, 8, 30) // 1_000
    record = ConsumerRecord("purchases", 0, 1_188, at_ms, 0, b"c-17", purchase, None, 4, len(purchase), ())
    value = encode_dead_letter(record, ErrorCode.MISSING_FIELD, "amount: is missing", _at(2026, 3, 1, 8, 31))
    return Example(
        "A record that could not be understood",
        "dead-letters",
        "dead-letter",
        "c-17",
        json.loads(value),
        "Key, value and headers are the original bytes in base64; `churn-alert dead-letters list` shows them readable.",
    )
