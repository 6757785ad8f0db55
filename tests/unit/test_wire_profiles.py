"""What a CRM says of customers, as words of `customers`: who, what, since when, and what means that one is gone."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from service.cluster.topic_rights import Part, of_part
from service.config import Settings
from service.domain.events import Withdrawal
from service.errors import ErrorCode, PassedOverError, PoisonError
from service.streaming.profiles import ProfileWatch, group_of
from service.wire.decoder import Decoder, DecoderSettings
from service.wire.framing import withdrawal_header
from service.wire.profiles import ProfileReader

WRITTEN_MS = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp()) * 1_000
AT = "2026-03-01T08:30:00Z"
CRM: dict[str, Any] = {
    "topic": "crm.contacts",
    "fields": {
        "customer_id": "id",
        "occurred_at": "updated",
        "email": "mail",
        "first_name": "name.first",
        "locale": "lang",
        "timezone": "=Europe/Paris",
        "marketing_consent": "newsletter",
    },
    "key": "any",
}
ROW: dict[str, Any] = {
    "id": 17.0, "updated": AT, "mail": "a@example.com", "name": {"first": "Anna"}, "lang": "de_DE", "newsletter": "Yes",
}  # fmt: skip


def record(value: object, key: bytes | None = b"k", timestamp: int = WRITTEN_MS) -> ConsumerRecord:
    text = value if isinstance(value, bytes | None) else json.dumps(value).encode()
    return ConsumerRecord("crm.contacts", 3, 9, timestamp, 0, key, text, None, 1, 1, ())


def said(value: object, record_key: bytes | None = b"k", **changes: Any) -> list[dict[str, Any]]:
    reader = ProfileReader(Settings(inputs={"customers": {**CRM, **changes}}, shop={"erasure_salt": "s" * 32}))
    found = reader.words(record(value, record_key))
    return [
        {"gone": each.customer_id, "at_us": each.at_us} if each.value is None else json.loads(each.value)
        for each in found
    ]


def test_a_contact_becomes_a_profile() -> None:
    (found,) = said(ROW)

    assert found == {
        "event_id": f"crm.contacts-3-9-{WRITTEN_MS}",
        "customer_id": "17",
        "occurred_at": AT,
        "kind": "profile",
        "first_name": "Anna",
        "locale": "de-DE",
        "timezone": "Europe/Paris",
        "marketing_consent": "Yes",
        "contact": {"email": "a@example.com"},
    }
    profile = Decoder(DecoderSettings()).customer(json.dumps(found).encode(), b"17", (), WRITTEN_MS * 1_000)
    assert (profile.marketing_consent, profile.locale) == (True, "de-DE")  # type: ignore[union-attr]


def test_a_consent_has_a_time_of_its_own() -> None:
    fields = {**CRM["fields"], "marketing_consent_at": "since"}
    profile, consent = said({**ROW, "since": "2025-01-01T00:00:00Z"}, fields=fields)

    assert "marketing_consent" not in profile
    assert (consent["occurred_at"], consent["marketing_consent"]) == ("2025-01-01T00:00:00Z", "Yes")
    assert consent["event_id"] == f"{profile['event_id']}-consent"
    assert len(said(ROW, fields=fields)) == 1


@pytest.mark.parametrize(("state", "consent"), [("SUBSCRIBED", True), ("pending", False), (None, None), ("", None)])
def test_a_consent_by_condition(state: str | None, consent: bool | None) -> None:
    fields = {name: path for name, path in CRM["fields"].items() if name != "marketing_consent"}
    (found,) = said({**ROW, "state": state}, fields=fields, consent_if={"state": ["subscribed"]})
    assert found.get("marketing_consent") is consent


def test_without_a_time_of_its_own_it_is_from_when_it_was_written() -> None:
    (found,) = said({"id": "c-1", "mail": "a@example.com"})
    assert found["occurred_at"] == "2026-03-02T00:00:00+00:00"


def test_who_is_gone_is_withdrawn_and_who_asks_for_it_is_erased() -> None:
    gone = [{"gone": "17", "at_us": WRITTEN_MS * 1_000}]
    assert said({"op": "d", "before": ROW, "after": None}, envelope="debezium") == gone
    assert said({**ROW, "__deleted": "true"}) == gone
    for key in (b"17", b'"17"', b'{"id": 17}', b'{"schema": {"type": "struct"}, "payload": {"id": 17}}'):
        for nothing in (None, b"null", {"schema": None, "payload": None}):
            assert said(nothing, key, key="customer_id") == gone, "whoever wrote the key"
    assert said({**ROW, "archived": True}, withdrawn_if={"archived": [True]})[0]["at_us"] == 1_772_353_800_000_000
    (erased,) = said({**ROW, "gdpr": "Erase"}, erased_if={"gdpr": ["erase"]})
    assert (erased["kind"], "contact" in erased) == ("erase", False)
    (merged,) = said({**ROW, "into": 18}, fields={**CRM["fields"], "merged_into": "into"})
    assert (merged["kind"], merged["merged_into"]) == ("merge", "18")


@pytest.mark.parametrize(
    ("value", "changes", "why"),
    [
        (None, {}, "deleted"),
        ({**ROW, "id": None}, {}, "no_customer"),
        ({**ROW, "type": "company"}, {"only": {"type": ["person"]}}, "not_wanted"),
        ({**ROW, "test": 1}, {"not_if": {"test": [1]}}, "not_wanted"),
        ({**ROW, "mail": ""}, {"needs": ["mail"]}, "not_wanted"),
        ({"op": "d", "before": {}, "after": None}, {"envelope": "debezium"}, "no_customer"),
    ],
)
def test_what_is_nothing_of_ours_is_passed_over(value: object, changes: dict[str, Any], why: str) -> None:
    with pytest.raises(PassedOverError) as passed:
        said(value, **changes)
    assert passed.value.why == why


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"{", ErrorCode.NOT_JSON),
        ({**ROW, "updated": "soon"}, ErrorCode.BAD_TIME),
        ({**ROW, "updated": "2030-01-01T00:00:00Z"}, ErrorCode.TIME_IN_FUTURE),
        ({**ROW, "id": [1]}, ErrorCode.WRONG_TYPE),
        (b"", ErrorCode.EMPTY_VALUE),
    ],
)
def test_what_cannot_be_told_is_refused(value: object, code: ErrorCode) -> None:
    with pytest.raises(PoisonError) as refused:
        said(value)
    assert refused.value.code is code


def test_a_field_that_is_wrong_is_left_to_customers_which_takes_the_others() -> None:
    (found,) = said({**ROW, "mail": "no address"})
    assert found["first_name"] == "Anna"


def test_when_somebody_was_deleted_is_not_when_that_was_brought() -> None:
    decoder = Decoder(DecoderSettings())
    assert decoder.withdrawal(b"17", 9_000_000, [withdrawal_header(5_000_000)]) == Withdrawal("", "17", 5_000_000)
    for odd in (("churn-alert-withdrawn-us", b"soon"), ("other", b"5")):
        assert decoder.withdrawal(b"17", 9_000_000, [odd]) == Withdrawal("", "17", 9_000_000)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"topic": None}, "topic says where such records are"),
        ({"fields": {"email": "mail"}}, "customer_id is required"),
        ({"fields": {**CRM["fields"], "amount": "x"}}, "'amount' is no field"),
        ({"consent_if": {"state": ["subscribed"]}}, "two ways to say it"),
        ({"topic": "customers"}, "kafka.topics.customers"),
        ({"schema_file": "x.avsc"}, "say so in format"),
    ],
)
def test_a_mapping_that_cannot_be_is_named(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Settings(inputs={"customers": {**CRM, **changed}})


def test_absences_are_concluded_up_to_when_nothing_of_it_was_left() -> None:
    watch = ProfileWatch(Settings(inputs={"customers": CRM}))
    assert (watch.complete_us(50), bool(watch.waits)) == (0, True)
    watch._looks.extend([10, 20, 30])
    assert [watch.complete_us(own_us) for own_us in (5, 10, 25, 90)] == [0, 10, 20, 30]


def test_the_worker_has_the_rights_that_it_needs_for_it() -> None:
    without, mapped = Settings(), Settings(inputs={"customers": CRM})
    added = {(right.name, right.operations) for right in of_part(mapped, 4, Part.WORKER)} - {
        (right.name, right.operations) for right in of_part(without, 4, Part.WORKER)
    }
    assert added == {("crm.contacts", ("Read",)), (group_of(mapped), ("Read",)), ("customers", ("Write",))}
