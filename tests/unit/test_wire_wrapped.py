"""Values that programs write as objects, in parts or for want of any: alike in fields, conditions, lines and keys."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from service.domain.events import Item
from service.errors import PassedOverError
from tests.unit.test_wire_kinds import AT_US, FIELDS, IN_CLOUD, ROW, read
from tests.unit.test_wire_profiles import said as contact

Object = dict[str, Any]
SEVEN = b64encode(b"\x07").decode()
UUID_TEXT = "89791762-2336-4186-9674-299b90a802e2"
UUID_BYTES = b64encode(bytes.fromhex(UUID_TEXT.replace("-", ""))).decode()
SEVENS: list[object] = [
    {"$numberInt": "7"}, {"$numberLong": "7"}, {"$numberLong": 7}, {"$numberDouble": "7.0"}, {"scale": 0, "value": SEVEN},
]  # fmt: skip
"""A seven as MongoDB and Debezium's decimals of any scale have it."""


@pytest.mark.parametrize("seven", SEVENS)
def test_a_number_that_is_wrapped_is_one_wherever_it_stands(seven: object) -> None:
    assert read({**ROW, "state": seven}, {"only": {"state": [7]}}).event_id == "4711"
    with pytest.raises(PassedOverError):
        read({**ROW, "state": seven}, {"not_if": {"state": [7]}})
    fields = {**FIELDS, "event_id": "n", "customer_id": "n", "order_id": "n", "store_id": "n", "items": "lines"}

    found = read({**ROW, "n": seven, "lines": [{"a": seven}]}, {"fields": fields, "lines": {"sku": "a"}})

    assert (found.event_id, found.customer_id, found.order_id, found.source) == ("7", "7", "7", "7")
    assert found.items == (Item("7", "7"),)
    assert read({**ROW, "total": seven}, {"amounts": "minor"}).amount_minor == 7


def test_the_number_of_an_article_may_have_a_point() -> None:
    said = {"fields": {**FIELDS, "items": "lines"}, "lines": {"sku": "a"}}
    assert read({**ROW, "lines": [{"a": 5}, {"a": 6.0}]}, said).items == (Item("5", "5"), Item("6", "6"))


@pytest.mark.parametrize(
    "wrapped", [{"$uuid": UUID_TEXT}, {"$binary": {"base64": UUID_BYTES, "subType": "04"}}, {"$oid": UUID_TEXT}]
)
def test_an_id_of_mongodb_is_what_is_in_it(wrapped: object) -> None:
    assert read({**ROW, "id": wrapped}).event_id == UUID_TEXT
    key = json.dumps({"id": json.dumps(wrapped)}).encode()
    assert read(ROW, {"fields": {**FIELDS, "event_id": "@key.id"}}, key).event_id == UUID_TEXT


@pytest.mark.parametrize(
    "nothing",
    [None, "", "  ", 0, "0", False, [], {}, "0000-00-00", "0000-00-00 00:00:00", "0001-01-01T00:00:00Z",
     "1970-01-01T00:00:00Z", {"$date": 0}, {"$numberLong": "0"}],
)  # fmt: skip
def test_nothing_is_nothing_in_whatever_way_it_is_written(nothing: object) -> None:
    """Where a database has no time it may write one of zeros, and a list of no refunds is no refund."""
    for condition in ("not_if", "refund_if", "cancelled_if"):
        found = read(
            {**ROW, "n": "o", "at": nothing}, {"fields": {**FIELDS, "order_id": "n"}, condition: {"at": ["*"]}}
        )
        assert (found.event_id, found.refund, found.amount_minor) == ("4711", False, 1250)
    assert read({**ROW, "at": nothing}, {"given_back": "at"}).amount_minor == 1250
    with pytest.raises(PassedOverError):
        read({**ROW, "at": nothing}, {"needs": ["at"]})


@pytest.mark.parametrize("something", ["2026-03-02", {"$date": AT_US // 1000}, [{"id": 1}], {"id": 1}, 1, True, "no"])
def test_and_whatever_stands_there_is_something(something: object) -> None:
    with pytest.raises(PassedOverError):
        read({**ROW, "at": something}, {"not_if": {"at": ["*"]}})
    assert read({**ROW, "at": something}, {"needs": ["at"]}).event_id == "4711"


@pytest.mark.parametrize(
    "parts",
    [
        [2026, 3, 1, 9, 30], [2026, 3, 1, 9, 30, 0], [2026, 3, 1, 9, 30, 0, 0],
        {"seconds": AT_US // 10**6, "nanos": 0}, {"seconds": str(AT_US // 10**6)}, {"_seconds": AT_US // 10**6, "_nanoseconds": 0},
    ],
)  # fmt: skip
@pytest.mark.parametrize("unit", ["text", "epoch_ms"])
def test_a_time_in_parts_is_that_instant(parts: object, unit: str) -> None:
    """Java lists them by its clock, which hangs in the zone that is said; the others count from 1970."""
    assert read({**ROW, "made": parts}, {"time": unit, "timezone": "Europe/Paris"}).at_us == AT_US


def test_a_header_may_be_a_text_as_json_has_it() -> None:
    said = {"fields": {**FIELDS, "customer_id": "@headers.customer"}}
    for content in (b"c-1", b'"c-1"'):
        assert read({**ROW, "buyer": None}, said, headers=[("customer", content)]).customer_id == "c-1"
    assert read({**ROW, "buyer": None}, said, headers=[("customer", b'"c')]).customer_id == '"c'


def test_the_data_of_a_cloud_event_may_be_a_list_of_one() -> None:
    assert read({**IN_CLOUD, "data": [ROW]}).event_id == "4711"


def test_a_contact_that_was_never_changed_and_never_agreed_says_when_it_was_written() -> None:
    """MySQL has a time of zeros there, and the whole contact was refused for it."""
    zeros = "0000-00-00 00:00:00"
    fields = {"customer_id": "id", "occurred_at": "at", "email": "mail", "marketing_consent_at": "since"}
    row = {"id": 7, "at": zeros, "since": zeros, "mail": "a@b.c", "news": 0}

    (event,) = contact(row, fields=fields, consent_if={"news": [True]}, timezone="UTC")

    assert (event["marketing_consent"], event["contact"]) == (False, {"email": "a@b.c"})
    assert event["occurred_at"] == "2026-03-02T00:00:00+00:00", "when the record was written"
