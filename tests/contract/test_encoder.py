"""Whatever the engine may decide, its wire form is what the published models describe."""

from __future__ import annotations

import json
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.envelope import (
    CustomerScoredEvent,
    OutreachCancelledEvent,
    OutreachDecidedEvent,
    OutreachRequestedEvent,
    PeriodMeasuredEvent,
)
from schemas.wire_types import WireModel
from service.domain.calendar import Calendar, utc_text
from service.domain.customer import Customer
from service.domain.engine import Engine
from service.domain.events import Survey
from service.domain.findings import (
    Addressee,
    Decision,
    Evidence,
    HealthBand,
    HealthPart,
    Kind,
    LatestAnswer,
    Outcome,
    Reason,
    Scores,
    ScoresErased,
    Segment,
)
from service.domain.periods.numbers import Counts
from service.domain.periods.rows import RowMaker
from service.domain.policy import OutreachPolicy, Policy, Shop, Timing
from service.wire.cloud_events import cloud_event
from service.wire.encoder import Encoder, EncoderSettings, OutputRecord, TopicKind
from service.wire.period_records import numbers_of
from service.wording.languages import DEFAULT, LANGUAGES
from service.wording.subjects import subject
from tests.support.customers import answers_with
from tests.support.examples import examples

EVIDENCE = Evidence(
    visits=12,
    usual_gap_days=6.2,
    gap_days=19.0,
    tail_probability=0.031,
    expected_visit_us=1_741_000_000_000_000,
    customer_since_us=1_700_000_000_000_000,
    orders=13,
    lifetime_value_minor=45_005,
    value_at_risk_minor=None,
    churn_risk=0.4,
    favourite_items=("Flat white",),
    last_items=(),
    latest_nps=9,
    latest_csat=None,
    first_name="Anna",
    locale="fr-FR",
)
DECISION = Decision(
    decision_id="d1",
    customer_id="anna",
    episode_id="2025-03-01",
    kind=Kind.WIN_BACK,
    rung="remind",
    outcome=Outcome.RELEASED,
    reason=Reason.DUE,
    detected_us=1_742_000_000_000_000,
    decided_us=1_742_000_000_000_001,
    quiet_since_us=1_740_500_000_000_000,
    offer="",
    template="win_back.remind",
    evidence=EVIDENCE,
    expires_us=1_743_000_000_000_000,
)
ENCODER = Encoder(EncoderSettings())
MODELS: dict[str, type[WireModel]] = {
    "outreach.requested": OutreachRequestedEvent,
    "outreach.cancelled": OutreachCancelledEvent,
    "outreach.decided": OutreachDecidedEvent,
    "customer.scored": CustomerScoredEvent,
    "period.measured": PeriodMeasuredEvent,
}


def body(record: OutputRecord) -> dict[str, Any]:
    assert record.value is not None
    found: dict[str, Any] = json.loads(record.value)
    return found


def validate(record: OutputRecord) -> None:
    """Strictly by its model, and nothing that the model does not describe."""
    event = body(record)
    model = MODELS[event["type"]].model_validate_json(record.value or b"", strict=True)
    assert set(event) == set(type(model).model_fields)
    assert set(event["data"]) == set(type(model).model_fields["data"].annotation.model_fields)  # type: ignore[union-attr]


instants = st.integers(0, 4_000_000_000_000_000)
days = st.floats(0, 4_000)
chances = st.floats(0, 1)
minors = st.integers(-(10**12), 10**15)
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
evidences = st.builds(
    Evidence,
    visits=st.integers(1, 10_000),
    usual_gap_days=days,
    gap_days=days,
    tail_probability=chances,
    expected_visit_us=instants,
    customer_since_us=instants,
    orders=st.integers(0, 10_000),
    lifetime_value_minor=minors,
    value_at_risk_minor=st.none() | minors,
    churn_risk=st.none() | chances,
    favourite_items=st.lists(names, max_size=3).map(tuple),
    last_items=st.lists(names, max_size=3).map(tuple),
    latest_nps=st.none() | st.integers(0, 10),
    latest_csat=st.none() | st.integers(1, 5),
    first_name=st.none() | names,
    locale=st.none() | st.sampled_from(["fr", "en-GB", "de", "fr_CA"]),
)
addressees = st.builds(
    Addressee,
    email=st.none() | names,
    phone=st.none() | names,
    crm_id=st.none() | names,
    timezone=st.none() | st.just("Europe/Paris"),
    consent=st.none() | st.booleans(),
    consent_us=instants,
)
decisions = st.builds(
    Decision,
    decision_id=st.uuids().map(str),
    customer_id=names.filter(bool),
    episode_id=st.dates().map(str),
    kind=st.sampled_from(sorted(DEFAULT.sentences)),
    rung=names,
    outcome=st.sampled_from(Outcome),
    reason=st.sampled_from(Reason),
    detected_us=instants,
    decided_us=instants,
    quiet_since_us=instants,
    offer=names,
    template=names,
    evidence=evidences,
    expires_us=instants,
    returned_us=st.none() | instants,
    revenue_minor=st.none() | minors,
    addressee=st.none() | addressees,
)
scores = st.builds(
    Scores,
    customer_id=names.filter(bool),
    as_of_us=instants,
    segment=st.sampled_from(Segment),
    health=st.none() | st.floats(0, 100),
    band=st.none() | st.sampled_from(HealthBand),
    health_parts=st.lists(
        st.builds(HealthPart, name=names, points=st.floats(0, 100), of=st.floats(0, 100)), max_size=4
    ).map(tuple),
    visits=st.integers(0, 10_000),
    orders=st.integers(0, 10_000),
    revenue_minor=minors,
    first_visit_us=st.none() | instants,
    last_visit_us=st.none() | instants,
    usual_gap_days=st.none() | days,
    gap_spread=st.none() | st.floats(0, 5),
    expected_visit_us=st.none() | instants,
    tail_probability=st.none() | chances,
    churn_risk=st.none() | chances,
    expected_purchases_365d=st.none() | st.floats(0, 5_000),
    expected_value_365d_minor=st.none() | minors,
    value_at_risk_minor=st.none() | minors,
    latest_nps=st.none() | st.integers(0, 10),
    latest_csat=st.none() | st.integers(1, 5),
    latest_ces=st.none() | st.integers(1, 7),
    answers=st.lists(
        st.builds(
            LatestAnswer,
            survey=st.sampled_from(Survey),
            score=st.integers(0, 10),
            answered_us=instants,
            order_id=st.none() | names,
            ordered_us=st.none() | instants,
            order_minor=st.none() | st.integers(0, 10**12),
        ),
        max_size=3,
    ).map(tuple),
)


@settings(max_examples=examples(300), deadline=None)
@given(output=st.one_of(decisions, scores), digits=st.sampled_from([0, 2, 3]))
def test_every_output_is_what_its_model_describes(output: Decision | Scores, digits: int) -> None:
    for record in Encoder(EncoderSettings(minor_digits=digits)).encode(output):
        validate(record)
        assert record.key == output.customer_id.encode()


def test_a_release_is_a_request_and_an_audit_record() -> None:
    audit, request = ENCODER.encode(DECISION)

    assert (audit.topic, request.topic) == (TopicKind.OUTREACH_DECISIONS, TopicKind.OUTREACH)
    assert (body(audit)["id"], body(request)["id"]) == ("d1.released", "d1")
    assert body(request)["type"] == "outreach.requested"
    assert body(request)["data"]["lifetime_value"] == "450.05"
    assert body(request)["data"]["value_at_risk"] is None
    assert body(request)["time"] == "2025-03-15T00:53:20.000001Z"


ANNA = Addressee("anna@mail.example", "+33 1 23", None, "Europe/Paris", consent=True, consent_us=1_700_000_000_000_000)


def test_a_request_says_to_whom_on_what_and_why_in_numbers() -> None:
    shop = Encoder(EncoderSettings(locale="fr", consent="external"))
    _, request = shop.encode(
        msgspec.structs.replace(DECISION, addressee=ANNA, evidence=msgspec.structs.replace(EVIDENCE, locale="en"))
    )

    data = body(request)["data"]
    assert data["contact"] == {"email": "anna@mail.example", "phone": "+33 1 23", "crm_id": None}
    assert data["timezone"] == "Europe/Paris"
    assert data["consent"] == {"marketing_consent": True, "since": "2023-11-14T22:13:20Z", "rule": "external"}
    assert data["subject"] == "Anna, we miss you"
    assert "usually comes" in data["sentence"]
    assert "passe d’habitude" in data["sentence_shop"]
    assert data["reasons"][:2] == [
        {"code": "current_gap", "value": 19.0, "unit": "days"},
        {"code": "usual_gap", "value": 6.2, "unit": "days"},
    ]
    assert data["sample"] is False


def test_no_kept_decision_names_an_address() -> None:
    for outcome in Outcome:
        audit = ENCODER.encode(msgspec.structs.replace(DECISION, outcome=outcome, addressee=ANNA))[0]

        assert audit.topic is TopicKind.OUTREACH_DECISIONS
        assert b"mail.example" not in (audit.value or b"")
        assert {"contact", "consent", "timezone"}.isdisjoint(body(audit)["data"])


def test_of_a_customer_of_whom_nothing_was_said_nothing_is_made_up() -> None:
    data = body(ENCODER.encode(DECISION)[1])["data"]

    assert (data["contact"], data["timezone"]) == (None, None)
    assert data["consent"] == {"marketing_consent": None, "since": None, "rule": "required"}


def test_who_speaks_no_language_that_ships_is_told_in_the_shops() -> None:
    unknown = msgspec.structs.replace(DECISION, evidence=msgspec.structs.replace(EVIDENCE, locale=None))

    data = body(Encoder(EncoderSettings(locale="fr-FR")).encode(unknown)[1])["data"]

    assert data["subject"] == "Anna, vous nous manquez"
    assert data["sentence"] == data["sentence_shop"]


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_message_has_reasons_and_a_subject_in_every_language(kind: Kind) -> None:
    for language in LANGUAGES.values():
        assert subject(kind, "any", None, 12, language)
    (_, request) = ENCODER.encode(msgspec.structs.replace(DECISION, kind=kind))
    assert body(request)["data"]["reasons"]


def test_a_cancellation_names_the_request_that_it_makes_void() -> None:
    void = msgspec.structs.replace(
        DECISION, outcome=Outcome.CANCELLED, reason=Reason.RETURNED, returned_us=1_742_000_000_000_000
    )

    audit, cancelled = ENCODER.encode(void)

    assert body(audit)["id"] == "d1.cancelled"
    assert cancelled.topic is TopicKind.OUTREACH
    assert body(cancelled)["type"] == "outreach.cancelled"
    assert body(cancelled)["data"]["cancelled_id"] == "d1"


@pytest.mark.parametrize(
    "outcome", [Outcome.WITHHELD, Outcome.DEFERRED, Outcome.SUPPRESSED, Outcome.EXPIRED, Outcome.CONVERTED]
)
def test_what_may_not_be_acted_on_is_only_audited(outcome: Outcome) -> None:
    records = ENCODER.encode(msgspec.structs.replace(DECISION, outcome=outcome))

    assert [record.topic for record in records] == [TopicKind.OUTREACH_DECISIONS]


def test_an_erased_customer_leaves_a_tombstone() -> None:
    assert ENCODER.encode(ScoresErased("anna")) == [OutputRecord(TopicKind.CUSTOMER_SCORES, b"anna", None)]


def test_an_answer_is_published_with_the_order_it_is_about() -> None:
    customer = Customer("anna")
    customer.answers = answers_with(
        nps=9, nps_us=60_000_000, ces=2, nps_order=("o1", 1_000_000, 1250), ces_order=("o2", None, None)
    )
    policy = Policy(Shop(), Timing(), OutreachPolicy())
    engine = Engine(policy, Calendar(ZoneInfo("UTC")))
    engine.customers["anna"] = customer
    scored = engine.scores("anna")
    assert scored is not None

    (record,) = ENCODER.encode(scored)

    validate(record)
    assert body(record)["data"]["answers"] == [
        {
            "survey": "nps",
            "score": 9,
            "answered_at": "1970-01-01T00:01:00Z",
            "order_id": "o1",
            "ordered_at": "1970-01-01T00:00:01Z",
            "order_amount": "12.50",
        },
        {
            "survey": "ces",
            "score": 2,
            "answered_at": "1970-01-01T00:00:00Z",
            "order_id": "o2",
            "ordered_at": None,
            "order_amount": None,
        },
    ]


def test_the_same_decision_always_gives_the_same_bytes() -> None:
    assert ENCODER.encode(DECISION) == Encoder(EncoderSettings()).encode(msgspec.structs.replace(DECISION))


def test_the_sentence_speaks_the_customers_language_or_else_english() -> None:
    german = msgspec.structs.replace(DECISION, evidence=msgspec.structs.replace(EVIDENCE, locale="de-DE"))

    assert "passe d’habitude" in body(ENCODER.encode(DECISION)[1])["data"]["sentence"]
    assert "usually comes" in body(ENCODER.encode(german)[1])["data"]["sentence"]


def test_times_end_in_z() -> None:
    assert utc_text(0) == "1970-01-01T00:00:00Z"
    assert utc_text(1) == "1970-01-01T00:00:00.000001Z"


@st.composite
def period_counts(draw: st.DrawFn) -> Counts:
    """Counts that can occur together."""
    buyers, csat_n, ces_n = draw(st.integers(0, 500)), draw(st.integers(0, 300)), draw(st.integers(0, 300))
    return Counts(
        buyers=buyers,
        retained=draw(st.integers(0, buyers)),
        repeaters=draw(st.integers(0, buyers)),
        orders=draw(st.integers(buyers, 2 * buyers)),
        revenue_minor=draw(minors),
        nps_promoters=draw(st.integers(0, 300)),
        nps_detractors=draw(st.integers(0, 300)),
        csat_n=csat_n,
        csat_satisfied=draw(st.integers(0, csat_n)),
        ces_n=ces_n,
        ces_sum=draw(st.integers(ces_n, 7 * ces_n)),
        ces_favourable=draw(st.integers(0, ces_n)),
    )


@settings(max_examples=examples(60), deadline=None)
@given(now=period_counts(), lost=st.integers(0, 50))
def test_a_period_is_what_its_model_describes(now: Counts, lost: int) -> None:
    before = Counts(buyers=now.retained + lost)
    row = RowMaker(Shop()).row("month", 20_089, 20_120, 20_130, now=now, before=before)
    data = numbers_of(row, "EUR") | {"revision": 1}

    value = cloud_event("period.measured", "month:2025-01-01.1", "month:2025-01-01", 0, data)

    validate(OutputRecord(TopicKind.OUTREACH, b"", value))
