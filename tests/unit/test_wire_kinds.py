"""Forms in which shops' programs write the same order: each becomes the same purchase, or says in one sentence what to
change. One table, so that a form that somebody meets is one line more."""

from __future__ import annotations

import gzip
import json
import zlib
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import fastavro
import pytest

from service.commands.show_config import config_toml
from service.config import Settings
from service.config.loading import load_settings
from service.delivery.customers import customer_of
from service.domain.events import Profile, Purchase
from service.errors import ConfigurationError, ErrorCode, PassedOverError, PoisonError
from service.registry.client import RegistryClient, refuse_unusable
from service.registry.learning import learn
from service.wire.decoder import Decoder, DecoderSettings
from service.wire.formats import framed_avro, framed_protobuf
from service.wire.framing import SCHEMA_ID_HEADER, with_frame
from service.wire.input_topics import names_of_key_schemas
from tests.support.schema_registry import SchemaRegistry, framed
from tests.unit.test_avro import NOW_US, ORDER, ORDER_SCHEMA, written
from tests.unit.test_avro import SHOP as AVRO_SHOP
from tests.unit.test_protobuf import PROTO, order
from tests.unit.test_protobuf import SHOP as PROTO_SHOP
from tests.unit.test_schema_registry import settings_of

AT = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
AT_US = int(AT.timestamp()) * 1_000_000
FIELDS = {"event_id": "id", "customer_id": "buyer", "occurred_at": "made", "amount": "total"}
ROW: dict[str, Any] = {"id": 4711, "buyer": "c-1", "made": "2026-03-01T08:30:00Z", "total": "12.50"}
CENTS = b64encode((1250).to_bytes(2, "big")).decode()
PROFILE = {"event_id": "e", "customer_id": "c-1", "occurred_at": "2026-03-01T08:30:00Z", "marketing_consent": False}
GUID = UUID("89791762-2336-4186-9674-299b90a802e2")
NOT_SENT = "__debezium_unavailable_value"
Headers = list[tuple[str, bytes | None]]


def inside(prefix: str) -> dict[str, str]:
    return {ours: f"{prefix}{theirs}" for ours, theirs in FIELDS.items()}


def read(
    record: object, said: Mapping[str, Any] | None = None, key: bytes | None = b"any", headers: Headers | None = None
) -> Purchase:
    mapped = {"fields": FIELDS, "key": "any", **(said or {})}
    decoder = Decoder(DecoderSettings.of(Settings(inputs={"purchases": mapped})))
    value = record if isinstance(record, bytes | None) else json.dumps(record).encode()
    return decoder.of_purchases(value, key, headers or [], NOW_US)


CONNECT_SCHEMA = {
    "type": "struct",
    "fields": [
        {"field": "id", "type": "int64"},
        {"field": "buyer", "type": "string"},
        {"field": "made", "type": "int64", "name": "org.apache.kafka.connect.data.Timestamp"},
        {"field": "total", "type": "bytes", "name": "org.apache.kafka.connect.data.Decimal", "parameters": {"scale": "2"}},
    ],
}  # fmt: skip
CONNECT_ROW = {**ROW, "made": AT_US // 1000, "total": CENTS}
IN_CLOUD = {"specversion": "1.0", "type": "shop.order", "source": "/shop", "id": "ce-1", "time": "2026-03-01T08:30:00Z"}

SAME: dict[str, tuple[object, dict[str, Any]]] = {
    "json": (ROW, {}),
    "json behind the id of a JSON Schema": (framed(7, json.dumps(ROW).encode()), {}),
    "json with a byte order mark": (b"\xef\xbb\xbf" + json.dumps(ROW).encode(), {}),
    "a list of one": ([ROW], {}),
    "connect with its schema": ({"schema": CONNECT_SCHEMA, "payload": CONNECT_ROW}, {}),
    "connect with its schema, whatever is said of numbers": (
        {"schema": CONNECT_SCHEMA, "payload": CONNECT_ROW}, {"time": "epoch_ms"},
    ),
    "connect without what its schema says": ({"schema": None, "payload": ROW}, {}),
    "debezium": ({"op": "c", "before": None, "after": ROW}, {"envelope": "debezium"}),
    "debezium with its schema": (
        {
            "schema": {"type": "struct", "fields": [{"field": "after", **CONNECT_SCHEMA}]},
            "payload": {"op": "r", "before": None, "after": CONNECT_ROW},
        },
        {"envelope": "debezium"},
    ),
    "debezium, decimals of any scale": (
        {"op": "u", "before": None, "after": {**ROW, "total": {"scale": 2, "value": CENTS}}}, {"envelope": "debezium"},
    ),
    "debezium, microseconds": ({"op": "c", "after": {**ROW, "made": AT_US}}, {"envelope": "debezium", "time": "epoch_us"}),
    "debezium, nanoseconds": (
        {"op": "c", "after": {**ROW, "made": AT_US * 1000}}, {"envelope": "debezium", "time": "epoch_ns"},
    ),
    "debezium, the time of the change": (
        {"op": "c", "ts_ms": AT_US // 1000, "after": {**ROW, "made": None}},
        {"envelope": "debezium", "time": "epoch_ms", "fields": {**FIELDS, "occurred_at": "@around.ts_ms"}},
    ),
    "debezium, days": (
        {"op": "c", "after": {**ROW, "made": 20_513, "amount": "12.50"}},
        {"envelope": "debezium", "time": "epoch_days", "timezone": "Atlantic/Azores"},
    ),
    "debezium as a cloud event": (
        {**IN_CLOUD, "iodebeziumop": "c", "data": {"before": None, "after": ROW}}, {"envelope": "debezium"},
    ),
    "debezium as a cloud event with its schema": (
        {**IN_CLOUD, "data": {
            "schema": {"type": "struct", "fields": [{"field": "after", **CONNECT_SCHEMA}]},
            "payload": {"before": None, "after": CONNECT_ROW},
        }},
        {"envelope": "debezium"},
    ),
    "a document of mongodb's by debezium": ({"op": "c", "after": json.dumps(ROW)}, {"envelope": "debezium"}),
    "a time of java's with its zone": ({**ROW, "made": "2026-03-01T09:30:00+01:00[Europe/Paris]"}, {}),
    "a decimal with an exponent": ({**ROW, "total": "1.250E+1"}, {}),
    "a decimal with a plus": ({**ROW, "total": "+12.50"}, {}),
    "debezium's row without its envelope": ({**ROW, "__deleted": "false"}, {}),
    "a column of JSON": (
        {**ROW, "who": json.dumps({"id": "c-1"})}, {"fields": {**FIELDS, "customer_id": "who.id"}},
    ),
    "maxwell": ({"type": "bootstrap-insert", "table": "orders", "ts": 1, "data": ROW}, {"envelope": "maxwell"}),
    "canal": ({"type": "INSERT", "isDdl": False, "data": [ROW]}, {"envelope": "canal"}),
    "a cloud event": ({**IN_CLOUD, "data": ROW}, {}),
    "a cloud event, its data a text": ({**IN_CLOUD, "data": json.dumps(ROW)}, {}),
    "a cloud event, its data in base64": ({**IN_CLOUD, "data_base64": b64encode(json.dumps(ROW).encode()).decode()}, {}),
    "segment": (
        {
            "type": "track", "event": "Order Completed", "messageId": 4711, "userId": "c-1",
            "timestamp": "2026-03-01T08:30:00.000Z", "properties": {"total": 12.5, "currency": "EUR"},
        },
        {
            "fields": {
                "event_id": "messageId", "customer_id": "userId", "occurred_at": "timestamp",
                "amount": "properties.total|properties.revenue", "currency": "properties.currency",
            },
            "only": {"event": ["Order Completed"]},
        },
    ),
    "snowplow": (
        {
            "event_id": "4711", "event_name": "transaction", "user_id": "c-1", "tr_total": 12.5, "tr_currency": "EUR",
            "collector_tstamp": "2026-03-01 08:30:00.000 UTC",
        },
        {
            "fields": {
                "event_id": "event_id", "customer_id": "user_id|domain_userid", "occurred_at": "collector_tstamp",
                "amount": "tr_total", "currency": "tr_currency",
            },
            "only": {"event_name": ["transaction"]},
        },
    ),
    "cents": ({**ROW, "total": 1250}, {"amounts": "minor"}),
    "cents as a number with a point": ({**ROW, "total": 1250.0}, {"amounts": "minor"}),
    "a double": ({**ROW, "total": 12.5}, {}),
    "an amount in blanks": ({**ROW, "total": "  12.50 "}, {}),
    "money in two parts": ({**ROW, "total": {"units": "12", "nanos": 500_000_000, "currency_code": "EUR"}}, {}),
    "seconds": ({**ROW, "made": AT_US // 10**6}, {"time": "epoch_s"}),
    "seconds with a fraction, as a text": ({**ROW, "made": f"{AT_US // 10**6}.000"}, {"time": "epoch_s"}),
    "milliseconds": ({**ROW, "made": AT_US // 1000}, {"time": "epoch_ms"}),
    "a time of the database's zone": ({**ROW, "made": "2026-03-01 09:30:00"}, {"timezone": "Europe/Paris"}),
    "a time of UTC in words": ({**ROW, "made": "2026-03-01 08:30:00 UTC"}, {}),
    "a time with a short offset": ({**ROW, "made": "2026-03-01 08:30:00+00"}, {}),
    "a customer's number": ({**ROW, "buyer": 17850.0}, {}),
    "a customer's number as a text": ({**ROW, "buyer": "17850.0"}, {}),
    "a status among several": ({**ROW, "tags": ["new", "paid"]}, {"only": {"tags": ["paid"]}}),
    "a status as a number": ({**ROW, "state": 3.0}, {"only": {"state": [3]}}),
    "yes of a database without a type for it": ({**ROW, "paid": 1, "open": 0}, {"only": {"paid": [True]}, "not_if": {"open": [True]}}),
    "a decimal with more digits": ({**ROW, "total": "12.500000"}, {}),
    "a double that is not exact": ({**ROW, "total": 12.500000000000002}, {}),
    "a number in mongodb's words": (
        {**ROW, "total": {"$numberDecimal": "12.50"}, "made": {"$date": AT_US // 1000}},
        {"fields": {**FIELDS, "amount": "total.$numberDecimal", "occurred_at": "made.$date"}, "time": "epoch_ms"},
    ),
    "dynamodb's image": (
        {"NewImage": {"id": {"N": "4711"}, "buyer": {"S": "c-1"}, "made": {"S": ROW["made"]}, "total": {"N": "12.5"}}},
        {"fields": {
            "event_id": "NewImage.id.N", "customer_id": "NewImage.buyer.S", "occurred_at": "NewImage.made.S",
            "amount": "NewImage.total.N",
        }},
    ),
    "mongodb's wrapped values, by their names alone": (
        {"id": {"$numberInt": "4711"}, "buyer": {"$oid": "c-1"}, "made": {"$date": {"$numberLong": str(AT_US // 1000)}},
         "total": {"$numberDecimal": "12.50"}},
        {},
    ),
    "mongodb's date as a text": ({**ROW, "made": {"$date": "2026-03-01T08:30:00Z"}, "total": {"$numberDouble": "12.5"}}, {}),
    "the clock of a column without a zone": (
        {"op": "c", "after": {**ROW, "made": AT_US + 3_600_000_000}},
        {"envelope": "debezium", "time": "local_us", "timezone": "Europe/Paris"},
    ),
    "the same in its schema's words": (
        {
            "schema": {"type": "struct", "fields": [
                {"field": "made", "type": "int64", "name": "io.debezium.time.Timestamp"},
            ]},
            "payload": {**ROW, "made": AT_US // 1000 + 3_600_000},
        },
        {"time": "local_us", "timezone": "Europe/Paris"},
    ),
    "a column with a zone beside such": (ROW, {"time": "local_us", "timezone": "Europe/Paris"}),
    "json behind eight bytes of id": (b"\0" + (7).to_bytes(8, "big") + json.dumps(ROW).encode(), {}),
    "json behind an id of aws glue": (b"\3\0" + GUID.bytes + json.dumps(ROW).encode(), {}),
    "json behind an id of aws glue, packed": (b"\3\5" + GUID.bytes + zlib.compress(json.dumps(ROW).encode()), {}),
    "a large column that was not sent, in which nobody looks": (
        {"op": "u", "before": None, "after": {**ROW, "notes": NOT_SENT}}, {"envelope": "debezium"},
    ),
    "a customer that was not sent, and was there before": (
        {"op": "u", "before": ROW, "after": {**ROW, "buyer": NOT_SENT}}, {"envelope": "debezium"},
    ),
    "given back more than there was": ({**ROW, "back": "20.00", "total": "32.50"}, {"given_back": "back"}),
}  # fmt: skip


@pytest.mark.parametrize("form", SAME)
def test_the_same_order_in_every_form(form: str) -> None:
    record, said = SAME[form]
    whose = "17850" if "a customer's number" in form else "c-1"
    at_us = AT_US - 7 * 3_600_000_000 - 1_800_000_000 if form == "debezium, days" else AT_US

    found = read(record, said)

    assert (found.event_id, found.customer_id, found.at_us, found.amount_minor) == ("4711", whose, at_us, 1250)
    assert not found.refund


PASSED: dict[str, tuple[object, dict[str, Any], str]] = {
    "debezium deletes": ({"op": "d", "before": ROW, "after": None}, {"envelope": "debezium"}, "deleted"),
    "debezium truncates": ({"op": "t", "before": None, "after": None}, {"envelope": "debezium"}, "deleted"),
    "debezium's sign of life": ({"ts_ms": 1_772_353_800_000}, {"envelope": "debezium"}, "deleted"),
    "debezium's begin of a transaction": (
        {"status": "BEGIN", "id": "571:1", "ts_ms": 1_772_353_800_000, "event_count": None},
        {"envelope": "debezium"},
        "deleted",
    ),
    "debezium's change of a schema": (
        {"source": {}, "ddl": "ALTER TABLE o", "tableChanges": []},
        {"envelope": "debezium"},
        "deleted",
    ),
    "debezium deletes, as a cloud event": (
        {**IN_CLOUD, "data": {"before": ROW, "after": None}},
        {"envelope": "debezium"},
        "deleted",
    ),
    "the tombstone after it": (None, {"envelope": "debezium"}, "deleted"),
    "a tombstone of any compacted topic": (None, {}, "deleted"),
    "a row that a transform marks as deleted": ({**ROW, "__deleted": "true"}, {}, "deleted"),
    "maxwell deletes": ({"type": "delete", "data": ROW}, {"envelope": "maxwell"}, "deleted"),
    "maxwell begins a bootstrap": ({"type": "bootstrap-start", "data": {}}, {"envelope": "maxwell"}, "deleted"),
    "canal deletes": ({"type": "DELETE", "data": [ROW]}, {"envelope": "canal"}, "deleted"),
    "a null of connect's": ({"schema": None, "payload": None}, {}, "deleted"),
    "a null as a text": (b"null", {}, "deleted"),
    "another status": ({**ROW, "state": "open"}, {"only": {"state": ["paid"]}}, "not_wanted"),
    "another event": ({"event": "Page Viewed"}, {"only": {"event": ["Order Completed"]}}, "not_wanted"),
    **{
        f"nobody: {nobody!r}": ({**ROW, "buyer": nobody}, {}, "no_customer")
        for nobody in (None, "", " ", 0, "0", "guest", "NULL", "nan", "Walk-in")
    },
    "a guest where keys are customers": ({**ROW, "buyer": "guest"}, {"key": "customer_id"}, "no_customer"),
}


@pytest.mark.parametrize("form", PASSED)
def test_what_is_no_purchase_is_passed_over(form: str) -> None:
    record, said, why = PASSED[form]
    with pytest.raises(PassedOverError) as passed:
        read(record, said)
    assert passed.value.why == why


REFUSED: dict[str, tuple[object, dict[str, Any], str]] = {
    "several in one record": ([ROW, ROW], {}, "a list of 2: let one event be a record"),
    "several rows of canal": ({"type": "INSERT", "data": [ROW, ROW]}, {"envelope": "canal"}, "2 rows, and one record is one"),
    "several below a path": ({"batch": [ROW, ROW]}, {"fields": inside("batch.0.")}, "a list of 2, and one record is one event"),
    "seconds taken for milliseconds": ({**ROW, "made": AT_US // 10**6}, {"time": "epoch_ms"}, "like epoch_s: set inputs"),
    "milliseconds taken for seconds": ({**ROW, "made": AT_US // 1000}, {"time": "epoch_s"}, "like epoch_ms: set inputs"),
    "nanoseconds taken for microseconds": ({**ROW, "made": AT_US * 1000}, {"time": "epoch_us"}, "like epoch_ns: set inputs"),
    "a number taken for a text": ({**ROW, "made": AT_US}, {}, "like epoch_us: set inputs"),
    "days taken for a text": ({**ROW, "made": 20_513}, {}, "like epoch_days: set inputs"),
    "days taken for milliseconds": ({**ROW, "made": 20_513}, {"time": "epoch_ms"}, "like epoch_days: set inputs"),
    "milliseconds taken for days": ({**ROW, "made": AT_US // 1000}, {"time": "epoch_days"}, "like epoch_ms: set inputs"),
    "days of no zone": ({**ROW, "made": 20_513}, {"time": "epoch_days"}, "say in inputs.….timezone"),
    "a time without an offset": ({**ROW, "made": "2026-03-01 08:30:00"}, {}, "say in inputs.….timezone"),
    "the bytes of a decimal": ({**ROW, "total": CENTS}, {}, "decimal.handling.mode=string"),
    "a row without the envelope that is said": (ROW, {"envelope": "debezium"}, "leave inputs.….envelope out"),
    "a change of a document without the document": (
        {"op": "u", "after": None, "updateDescription": {"updatedFields": "{}"}},
        {"envelope": "debezium"},
        "change_streams_update_full",
    ),
    "an id of aws glue before bytes": (b"\3\0" + GUID.bytes + b"\2c", {}, "name it in schema_file"),
    "the id of a schema before bytes": (framed(7, b"\x02c"), {}, "set format in the"),
    "packed": (gzip.compress(json.dumps(ROW).encode()), {}, "compression.type"),
    "utf-16": (json.dumps(ROW).encode("utf-16"), {}, "UTF-8"),
    "another key than the customer": (ROW, {"key": "customer_id"}, 'key = "any"'),
    "an amount with a decimal comma": ({**ROW, "total": "12,50"}, {}, "plain decimal such as 12.50"),
    "an amount with a sign of money": ({**ROW, "total": "€12.50"}, {}, "plain decimal such as 12.50"),
    "a customer's number that a spreadsheet rounded": ({**ROW, "buyer": "4.477E+11"}, {}, "give it as a text"),
    "the first second of 1970, for none": ({**ROW, "made": 0}, {"time": "epoch_ms"}, "would be in 1970"),
    "the first year, as .NET and Go have none": ({**ROW, "made": "0001-01-01T00:00:00Z"}, {}, "where they know no time"),
    "a date of zeros": ({**ROW, "made": "0000-00-00 00:00:00"}, {"timezone": "UTC"}, "where they know no time"),
    "a customer in a column that was not sent": (
        {"op": "u", "before": None, "after": {**ROW, "buyer": NOT_SENT}}, {"envelope": "debezium"}, "REPLICA IDENTITY FULL",
    ),
    "within such a column": (
        {"op": "u", "before": None, "after": {**ROW, "who": NOT_SENT}},
        {"envelope": "debezium", "fields": {**FIELDS, "customer_id": "who.id"}},
        "REPLICA IDENTITY FULL",
    ),
    "cents with a fraction": ({**ROW, "total": "12.50"}, {"amounts": "minor"}, "whole number"),
}  # fmt: skip


@pytest.mark.parametrize("form", REFUSED)
def test_what_cannot_be_told_says_what_to_change(form: str) -> None:
    record, said, words = REFUSED[form]
    with pytest.raises(PoisonError) as refused:
        read(record, said)
    assert words in refused.value.message


# ---- beside the value


@pytest.mark.parametrize(
    ("key", "path"),
    [
        (b"c-1", "@key"),
        (b'"c-1"', "@key"),
        (b'{"buyer": "c-1"}', "@key.buyer"),
        (b'{"schema": {"type": "struct"}, "payload": {"buyer": "c-1"}}', "@key.buyer"),
        (framed(9, b'{"buyer": "c-1"}'), "@key.buyer"),
        (framed(9, b"\x06c-1"), "@key"),
        (framed(9, b"\x06c-1"), "@key.buyer"),
    ],
)
def test_who_bought_may_stand_in_the_key_alone(key: bytes, path: str) -> None:
    said = {"fields": {**FIELDS, "customer_id": path}}
    assert read({**ROW, "buyer": None}, said, key).customer_id == "c-1"


def test_a_whole_number_may_be_the_key_of_a_schema() -> None:
    said = {"fields": {**FIELDS, "customer_id": "@key"}}
    assert read({**ROW, "buyer": None}, said, framed(9, b"\xf4\x03")).customer_id == "250"


KEY_SCHEMA = {
    "type": "record",
    "name": "Key",
    "fields": [{"name": "shop", "type": "long"}, {"name": "buyer", "type": "string"}],
}


@pytest.mark.parametrize("said", [KEY_SCHEMA, {**KEY_SCHEMA, "fields": KEY_SCHEMA["fields"][1:]}])
def test_a_key_of_several_fields_is_read_by_its_schema_where_those_of_values_are(said: Any) -> None:
    """By its bytes alone the first of these might be a text: 33 is how long what follows it is."""
    buyer = "c" * 32
    key = framed(8, written(said, {"shop": -17, "buyer": buyer}))
    mapped = {**AVRO_SHOP, "fields": {**AVRO_SHOP["fields"], "customer_id": "@key.buyer"}}
    settings = Settings(inputs={"purchases": mapped}, registry={"url": "http://registry"})
    decoder = Decoder(DecoderSettings.of(settings))
    decoder.schemas.put(7, framed_avro(json.dumps(ORDER_SCHEMA), {}), 0.0)
    value = framed(7, written(ORDER_SCHEMA, ORDER))

    assert names_of_key_schemas(settings) == {"purchases"}
    assert decoder.schemas.missing([value, key], 0.0) == {8}
    decoder.schemas.put(8, framed_avro(json.dumps(said), {}), 0.0)
    assert decoder.of_purchases(value, key, (), NOW_US).customer_id == buyer


def test_keys_in_which_nobody_looks_are_not_asked_for() -> None:
    settings = Settings(inputs={"purchases": AVRO_SHOP}, registry={"url": "http://registry"})
    assert names_of_key_schemas(settings) == frozenset()


@pytest.mark.parametrize(
    "key", [(17).to_bytes(8, "big"), (300).to_bytes(4, "big"), GUID.bytes, framed(9, b"\x02\x06c-1"), framed(9, b"")]
)
@pytest.mark.parametrize("path", ["@key", "@key.buyer"])
def test_a_key_that_cannot_be_read_is_not_nobodys(key: bytes, path: str) -> None:
    """Passed over, a whole topic would be gone without a word."""
    said = {"fields": {**FIELDS, "customer_id": path}}
    with pytest.raises(PoisonError, match="is no text, no JSON") as refused:
        read({**ROW, "buyer": None}, said, key)
    assert not isinstance(refused.value, PassedOverError)


def test_a_clock_needs_the_zone_in_which_it_hangs() -> None:
    with pytest.raises(ValueError, match="say in timezone where it hangs"):
        Settings(inputs={"purchases": {"fields": FIELDS, "time": "local_ms"}})


def test_what_it_is_may_stand_in_headers_or_around_the_data() -> None:
    fields = {**FIELDS, "event_id": "@headers.ce_id", "occurred_at": "@headers.ce_time"}
    said = {"fields": fields, "only": {"@headers.ce_type": ["shop.order"]}}
    headers: Headers = [(f"ce_{name}", text.encode()) for name, text in IN_CLOUD.items()]

    found = [read({**IN_CLOUD, "data": ROW}, said), read(ROW, said, headers=headers)]

    assert [(each.event_id, each.at_us) for each in found] == [("ce-1", AT_US)] * 2
    with pytest.raises(PassedOverError, match="not_wanted"):
        read({**IN_CLOUD, "type": "shop.visit", "data": ROW}, said)
    with pytest.raises(ValueError, match=r"@around, @headers, @key"):
        Settings(inputs={"purchases": {"fields": {**FIELDS, "event_id": "@offset"}}})


def test_lines_of_several_parcels_are_one_list() -> None:
    said = {"fields": {**FIELDS, "items": "parcels.*.lines"}, "lines": {"sku": "sku"}}
    parcels = [{"lines": [{"sku": "a"}, {"sku": "b"}]}, {"lines": []}, {}, {"lines": [{"sku": "c"}]}]
    assert [item.sku for item in read({**ROW, "parcels": parcels}, said).items] == ["a", "b", "c"]
    text = json.dumps([{"sku": "a"}])
    assert read({**ROW, "lines": text}, {**said, "fields": {**FIELDS, "items": "lines"}}).items[0].sku == "a"


# ---- ids of schemas in headers


def binary(said: Mapping[str, Any]) -> Decoder:
    registry = {"url": "http://127.0.0.1:1"}
    return Decoder(DecoderSettings.of(Settings(inputs={"purchases": dict(said)}, registry=registry)))


@pytest.mark.parametrize("header", [b"\0\0\0\0\7", b"\1" + GUID.bytes], ids=["number", "guid"])
def test_the_id_of_a_schema_may_stand_in_a_header(header: bytes) -> None:
    decoder, record = binary(AVRO_SHOP), written(ORDER_SCHEMA, ORDER)
    headers: Headers = [(SCHEMA_ID_HEADER, header)]
    (wanted,) = decoder.schemas.missing([with_frame(record, headers)], 0.0)
    decoder.schemas.put(wanted, framed_avro(json.dumps(ORDER_SCHEMA), {}), 0.0)

    assert wanted == (7 if header[0] == 0 else GUID)
    assert decoder.of_purchases(record, b"k", headers, NOW_US).amount_minor == 1250
    assert '"id":4711' in decoder.shown("purchases", record, headers)
    assert decoder.sign_of_purchases(record, b"k", headers, NOW_US, NOW_US) is not None


def test_of_protobuf_the_place_of_the_message_stands_behind_it() -> None:
    said = {name: value for name, value in PROTO_SHOP.items() if name != "message"}
    decoder, headers = binary(said), [(SCHEMA_ID_HEADER, b"\1" + GUID.bytes + b"\x04\x02\x00")]
    decoder.schemas.put(GUID, framed_protobuf(PROTO, {}), 0.0)
    assert decoder.of_purchases(order().SerializeToString(), b"k", headers, NOW_US).amount_minor == 1250


def test_a_one_in_front_of_a_record_without_such_a_header_is_no_id() -> None:
    decoder, record = binary(AVRO_SHOP), b"\1" * 40
    assert decoder.schemas.missing([record], 0.0) == set()
    with pytest.raises(PoisonError) as refused:
        decoder.of_purchases(record, b"k", [], NOW_US)
    assert refused.value.code is ErrorCode.NOT_OF_SCHEMA


async def test_a_schema_is_asked_for_by_its_guid() -> None:
    decoder = binary(AVRO_SHOP)
    with SchemaRegistry() as registry:
        registry.register_guid(GUID, json.dumps(ORDER_SCHEMA))
        client = RegistryClient(settings_of(registry))
        await learn(client, decoder.schemas, GUID)
        await client.close()
        assert registry.asked == [f"/schemas/guids/{GUID}"]
    headers: Headers = [(SCHEMA_ID_HEADER, b"\1" + GUID.bytes)]
    assert decoder.of_purchases(written(ORDER_SCHEMA, ORDER), b"k", headers, NOW_US).event_id == "4711"


# ---- who does not read them


def test_who_reads_no_events_of_others_needs_nothing_of_what_those_need(tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    file.write_text(
        '[inputs.purchases]\nformat = "avro"\n[inputs.surveys]\nformat = "protobuf"\nschema_file = "/away/x.proto"\n'
        '[registry]\nusername = "u"\npassword_file = "/away/password"\nca_file = "/away/ca.pem"\n'
    )
    settings = load_settings(file)

    assert isinstance(customer_of(settings)(json.dumps(PROFILE).encode(), b"c-1", [], 0), Profile)
    assert "password_file" in config_toml(settings)
    with pytest.raises(ConfigurationError, match=r"inputs\.purchases\.format avro needs registry\.url"):
        DecoderSettings.of(settings)
    with pytest.raises(ConfigurationError, match=r"registry\.password_file: '/away/password' cannot be read"):
        refuse_unusable(settings)


# ---- decimals whose scale each record says


def test_a_decimal_of_any_scale_in_avro() -> None:
    scaled = {"type": "record", "name": "VariableScaleDecimal", "fields": [{"name": "scale", "type": "int"}, {"name": "value", "type": "bytes"}]}  # fmt: skip
    schema = {**ORDER_SCHEMA, "fields": [
        {**field, "type": scaled} if field["name"] == "total" else field for field in ORDER_SCHEMA["fields"]
    ]}  # fmt: skip
    out = BytesIO()
    fastavro.schemaless_writer(
        out, fastavro.parse_schema(schema), {**ORDER, "total": {"scale": 2, "value": (1250).to_bytes(2, "big")}}
    )
    decoder = binary(AVRO_SHOP)
    decoder.schemas.put(7, framed_avro(json.dumps(schema), {}), 0.0)
    assert decoder.of_purchases(framed(7, out.getvalue()), b"k", [], NOW_US).amount_minor == 1250
