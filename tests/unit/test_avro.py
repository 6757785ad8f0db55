"""Records in Avro: what each type becomes, what a hostile one cannot do, and the same event as in JSON."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.config import Settings
from service.config.loading import load_settings
from service.domain.events import Item, Purchase, SignOfLife
from service.errors import ConfigurationError, ErrorCode, PassedOverError, PoisonError
from service.wire.avro import avro_reading
from service.wire.decoder import Decoder, DecoderSettings
from service.wire.schemas import Schemas

AT = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
AT_US = int(AT.timestamp()) * 1_000_000
NOW_US = AT_US + 86_400_000_000
ORDER_SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "buyer", "type": ["null", {"type": "record", "name": "Buyer", "fields": [{"name": "key", "type": "string"}]}]},
        {"name": "made", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
        {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["OPEN", "PAID", "BACK"]}},
        {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [
            {"name": "sku", "type": "string"}, {"name": "price", "type": "double"}]}}, "default": []},
    ],
}  # fmt: skip
ORDER: dict[str, Any] = {
    "id": 4711,
    "buyer": {"key": "c-1"},
    "made": AT,
    "total": Decimal("12.50"),
    "state": "PAID",
    "lines": [{"sku": "latte", "price": 12.5}],
}
SHOP: dict[str, Any] = {
    "format": "avro",
    "fields": {
        "event_id": "id",
        "customer_id": "buyer.key",
        "occurred_at": "made",
        "amount": "total",
        "items": "lines",
    },
    "lines": {"sku": "sku", "amount": "price"},
    "only": {"state": ["paid", "back"]},
    "refund_if": {"state": ["back"]},
    "key": "any",
}


def written(schema: Any, record: Any) -> bytes:
    out = BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), record)
    return out.getvalue()


def decoder_of(tmp_path: Path, schema: Any, **said: Any) -> Decoder:
    file = tmp_path / "order.avsc"
    file.write_text(json.dumps(schema))
    return Decoder(DecoderSettings.of(Settings(inputs={"purchases": {**SHOP, "schema_file": file, **said}})))


def read(tmp_path: Path, changes: dict[str, Any], **said: Any) -> Purchase:
    record = written(ORDER_SCHEMA, {**ORDER, **changes})
    return decoder_of(tmp_path, ORDER_SCHEMA, **said).of_purchases(record, b"k", (), NOW_US)


def test_a_record_becomes_the_event(tmp_path: Path) -> None:
    assert read(tmp_path, {}) == Purchase("4711", "c-1", AT_US, 1250, False, None, (Item("latte", "latte"),))
    assert read(tmp_path, {"state": "BACK"}).refund
    assert read(tmp_path, {"total": Decimal("-3.00")}) == Purchase(
        "4711", "c-1", AT_US, 300, True, None, (Item("latte", "latte"),)
    )
    with pytest.raises(PassedOverError, match="not_wanted"):
        read(tmp_path, {"state": "OPEN"})
    with pytest.raises(PassedOverError, match="no_customer"):
        read(tmp_path, {"buyer": None})


def test_the_schemas_type_of_a_time_goes_before_what_the_settings_say(tmp_path: Path) -> None:
    assert read(tmp_path, {}, time="epoch_s").at_us == AT_US


@pytest.mark.parametrize(
    ("kind", "value", "at_us"),
    [
        ({"type": "long", "logicalType": "timestamp-micros"}, AT, AT_US),
        ({"type": "long", "logicalType": "local-timestamp-millis"}, datetime(2026, 3, 1, 9, 30), AT_US),  # noqa: DTZ001
        ({"type": "long", "logicalType": "timestamp-nanos"}, AT_US * 1_000 + 999, AT_US),
        ({"type": "long", "logicalType": "local-timestamp-nanos"}, (AT_US + 3_600_000_000) * 1_000, AT_US),
        ({"type": "int", "logicalType": "date"}, date(2026, 3, 1), AT_US - 9 * 3_600_000_000 - 1_800_000_000),
        ("string", "2026-03-01 09:30:00", AT_US),
    ],
)
def test_times(tmp_path: Path, kind: Any, value: Any, at_us: int) -> None:
    assert one(tmp_path, kind, value, timezone="Europe/Paris").at_us == at_us


def one(tmp_path: Path, kind: Any, value: Any, **said: Any) -> Purchase:
    """With another type of its time."""
    schema = {
        **ORDER_SCHEMA,
        "fields": [f if f["name"] != "made" else {"name": "made", "type": kind} for f in ORDER_SCHEMA["fields"]],
    }
    record = written(schema, {**ORDER, "made": value})
    return decoder_of(tmp_path, schema, **said).of_purchases(record, b"k", (), NOW_US)


@pytest.mark.parametrize(
    ("kind", "value", "name"),
    [
        ("bytes", b"order-7", "order-7"),
        ("bytes", b"\xff\x00", "ff00"),
        ({"type": "fixed", "name": "Id", "size": 4}, b"\x00\x01\x02\xff", "000102ff"),
        ({"type": "string", "logicalType": "uuid"}, UUID(int=7), str(UUID(int=7))),
        ({"type": "fixed", "name": "Id", "size": 16, "logicalType": "uuid"}, UUID(int=7).bytes, str(UUID(int=7))),
        (["null", "string", "long"], 17, "17"),
        (["null", "string", "long"], "17", "17"),
    ],
)
def test_ids(tmp_path: Path, kind: Any, value: Any, name: str) -> None:
    schema = {
        **ORDER_SCHEMA,
        "fields": [f if f["name"] != "id" else {"name": "id", "type": kind} for f in ORDER_SCHEMA["fields"]],
    }
    shop = decoder_of(tmp_path, schema)
    assert shop.of_purchases(written(schema, {**ORDER, "id": value}), b"k", (), NOW_US).event_id == name


@pytest.mark.parametrize(
    ("content", "minor"),
    [(b"\x04\x04\xe2\x04", 1250), (b"\x02\x0c\x00", 1200), (b"\x02\x0c", None), (b"\x02\x0c\x80\x01", None)],
)
def test_a_decimal_with_its_scale_in_its_bytes(tmp_path: Path, content: bytes, minor: int | None) -> None:
    kind = {"type": "bytes", "logicalType": "big-decimal"}
    schema = {
        **ORDER_SCHEMA,
        "fields": [f if f["name"] != "total" else {"name": "total", "type": kind} for f in ORDER_SCHEMA["fields"]],
    }
    shop, record = decoder_of(tmp_path, schema), written(schema, {**ORDER, "total": content})
    if minor is None:
        with pytest.raises(PoisonError):
            shop.of_purchases(record, b"k", (), NOW_US)
    else:
        assert shop.of_purchases(record, b"k", (), NOW_US).amount_minor == minor


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_none_is_no_amount(tmp_path: Path, amount: float) -> None:
    schema = {
        **ORDER_SCHEMA,
        "fields": [f if f["name"] != "total" else {"name": "total", "type": "double"} for f in ORDER_SCHEMA["fields"]],
    }
    shop = decoder_of(tmp_path, schema)
    with pytest.raises(PoisonError):
        shop.of_purchases(written(schema, {**ORDER, "total": amount}), b"k", (), NOW_US)


def test_a_change_event_of_debeziums(tmp_path: Path) -> None:
    envelope = {
        "type": "record", "name": "Envelope", "fields": [
            {"name": "before", "type": ["null", ORDER_SCHEMA], "default": None},
            {"name": "after", "type": ["null", "shop.Order"], "default": None},
            {"name": "op", "type": "string"},
        ],
    }  # fmt: skip
    shop = decoder_of(tmp_path, envelope, envelope="debezium")
    made = written(envelope, {"before": None, "after": ORDER, "op": "c"})
    gone = written(envelope, {"before": ORDER, "after": None, "op": "d"})

    assert shop.of_purchases(made, b"k", (), NOW_US).event_id == "4711"
    for nothing in (gone, None):
        with pytest.raises(PassedOverError, match="deleted"):
            shop.of_purchases(nothing, b"k", (), NOW_US)


def test_our_own_fields_need_no_mapping(tmp_path: Path) -> None:
    schema = {"type": "record", "name": "P", "fields": [
        {"name": "event_id", "type": "string"}, {"name": "customer_id", "type": "string"},
        {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "amount", "type": "string"}, {"name": "kind", "type": "string"}, {"name": "items", "type": {"type": "array", "items": {
            "type": "record", "name": "L", "fields": [{"name": "sku", "type": "string"}]}}}]}  # fmt: skip
    file = tmp_path / "p.avsc"
    file.write_text(json.dumps(schema))
    shop = Decoder(DecoderSettings.of(Settings(inputs={"purchases": {"format": "avro", "schema_file": file}})))
    ours = {
        "event_id": "e",
        "customer_id": "c",
        "occurred_at": AT,
        "amount": "1.00",
        "kind": "refund",
        "items": [{"sku": "a"}],
    }

    assert shop.of_purchases(written(schema, ours), b"c", (), NOW_US) == Purchase(
        "e", "c", AT_US, 100, True, None, (Item("a", "a"),)
    )
    with pytest.raises(PoisonError, match="key_mismatch"):
        shop.of_purchases(written(schema, ours), b"other", (), NOW_US)


def test_a_single_object_is_known_by_its_fingerprint(tmp_path: Path) -> None:
    canonical = fastavro.schema.to_parsing_canonical_form(ORDER_SCHEMA)
    mark = b"\xc3\x01" + bytes.fromhex(fastavro.schema.fingerprint(canonical, "CRC-64-AVRO"))
    shop = decoder_of(tmp_path, ORDER_SCHEMA)
    assert shop.of_purchases(mark + written(ORDER_SCHEMA, ORDER), b"k", (), NOW_US).event_id == "4711"


@pytest.mark.parametrize(("packing", "packed"), [(b"\0", bytes), (b"\5", zlib.compress)])
def test_what_aws_glue_has_in_front_is_taken_off_where_the_schema_is_in_a_file(
    tmp_path: Path, packing: bytes, packed: Callable[[bytes], bytes]
) -> None:
    decoder = decoder_of(tmp_path, ORDER_SCHEMA)
    record = written(ORDER_SCHEMA, ORDER)

    found = decoder.of_purchases(b"\3" + packing + bytes(range(16)) + packed(record), b"k", (), NOW_US)

    assert found == decoder.of_purchases(record, b"k", (), NOW_US)
    with pytest.raises(PoisonError, match="not_of_schema"):
        decoder.of_purchases(b"\3\5" + bytes(16) + record, b"k", (), NOW_US)


def test_a_refused_one_is_still_a_sign_of_life(tmp_path: Path) -> None:
    shop = decoder_of(tmp_path, ORDER_SCHEMA, fields={**SHOP["fields"], "currency": "=XYZ"})
    bought, back = (written(ORDER_SCHEMA, {**ORDER, "state": state}) for state in ("PAID", "BACK"))
    with pytest.raises(PoisonError, match="unknown_currency"):
        shop.of_purchases(bought, b"k", (), NOW_US)
    assert shop.sign_of_purchases(bought, b"k", (), NOW_US, 5) == SignOfLife("c-1", AT_US, own_time=True)
    assert shop.sign_of_purchases(back, b"k", (), NOW_US, 5) is None


# ---- what somebody else may send


@given(st.binary(min_size=1, max_size=200))
def test_any_bytes_are_taken_or_refused(content: bytes) -> None:
    try:
        avro_reading(json.dumps(ORDER_SCHEMA))(content)
    except PoisonError as error:
        assert error.code is ErrorCode.NOT_OF_SCHEMA  # noqa: PT017 - either is right


@given(st.data())
def test_a_record_that_is_cut_off_or_goes_on_is_refused(data: st.DataObject) -> None:
    whole, reading = written(ORDER_SCHEMA, ORDER), avro_reading(json.dumps(ORDER_SCHEMA))
    for broken in (
        whole[: data.draw(st.integers(1, len(whole) - 1))],
        whole + data.draw(st.binary(min_size=1, max_size=9)),
    ):
        with pytest.raises(PoisonError) as refused:
            reading(broken)
        assert refused.value.code is ErrorCode.NOT_OF_SCHEMA


NOTHING = {"type": "record", "name": "Nothing", "fields": [{"name": "n", "type": "null"}]}


@pytest.mark.parametrize("items", ["null", NOTHING, {"type": "fixed", "name": "F", "size": 0}])
def test_a_list_of_what_takes_no_bytes_is_no_schema_of_ours(items: Any) -> None:
    schema = {"type": "record", "name": "R", "fields": [{"name": "l", "type": {"type": "array", "items": items}}]}
    with pytest.raises(ValueError, match="takes no bytes"):
        avro_reading(json.dumps(schema))


def test_a_schema_within_itself_cannot_use_up_the_stack() -> None:
    schema = {"type": "record", "name": "N", "fields": [{"name": "next", "type": ["null", "N"]}]}
    reading = avro_reading(json.dumps(schema))

    assert reading(b"\x02" * 900 + b"\x00").get("next") is not None
    with pytest.raises(PoisonError) as refused:
        reading(b"\x02" * 200_000 + b"\x00")
    assert refused.value.code is ErrorCode.TOO_DEEP


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '"string"', '{"type":"record"}', '{"type":"array","items":"long"}', "[" * 5_000]
)
def test_what_is_no_schema_of_a_record_is_said(text: str) -> None:
    with pytest.raises(ValueError, match=r"no Avro schema|no schema of a record"):
        avro_reading(text)


def test_a_schema_that_cannot_be_used_is_told_with_its_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"inputs\.purchases\.schema_file .*cannot be used"):
        decoder_of(tmp_path, {"type": "nothing"})
    with pytest.raises(ConfigurationError, match="No such file"):
        Decoder(DecoderSettings.of(Settings(inputs={"purchases": {**SHOP, "schema_file": tmp_path / "away.avsc"}})))


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (['schema_file = "x.avsc"'], "say so in format"),
        (['format = "avro"', 'schema_file = "x.avsc"', 'message = "M"'], "format protobuf"),
    ],
)
def test_what_does_not_fit_together_is_named(tmp_path: Path, lines: list[str], words: str) -> None:
    file = tmp_path / "shop.toml"
    file.write_text("\n".join(["[inputs.purchases]", *lines]))
    with pytest.raises(ConfigurationError, match=words):
        load_settings(file)


# ---- what programs that copy a database's rows say of their types


def in_debeziums_words(name: str, kind: str = "long") -> Any:
    return ["null", {"type": kind, "connect.version": 1, "connect.name": f"io.debezium.time.{name}"}]


@pytest.mark.parametrize(
    ("name", "ticks"),
    [("Timestamp", AT_US // 1000), ("MicroTimestamp", AT_US), ("NanoTimestamp", AT_US * 1000)],
)
def test_a_time_is_in_the_unit_that_debezium_says_in_its_schema(tmp_path: Path, name: str, ticks: int) -> None:
    for said in ({}, {"time": "epoch_s"}):
        assert one(tmp_path, in_debeziums_words(name), ticks, **said).at_us == AT_US
    by_a_clock = one(tmp_path, in_debeziums_words(name), ticks, time="local_us", timezone="Europe/Paris")
    assert by_a_clock.at_us == AT_US - 3_600_000_000


def test_days_in_debeziums_words(tmp_path: Path) -> None:
    found = one(tmp_path, in_debeziums_words("Date", "int"), 20_513, timezone="UTC")
    assert found.at_us == AT_US - 8 * 3_600_000_000 - 1_800_000_000


# ---- topics of several kinds of record

ORDERED = {"type": "record", "name": "Ordered", "namespace": "shop", "fields": [{"name": "id", "type": "string"}]}
SHIPPED = {"type": "record", "name": "Shipped", "namespace": "shop", "fields": [{"name": "parcel", "type": "long"}]}
BOTH = (json.dumps(ORDERED), json.dumps(SHIPPED))


def test_a_record_is_one_of_several_that_are_known_by_their_names() -> None:
    of_both, of_one = avro_reading('["shop.Ordered", "shop.Shipped"]', BOTH), avro_reading('"shop.Ordered"', BOTH)

    assert of_both(b"\x00\x06o-1") == of_one(b"\x06o-1") == {"id": "o-1"}
    assert of_both(b"\x02\x0e") == {"parcel": 7}
    for content in (b"", b"\x04\x0e", b"\x01\x0e", b"\x80\x01\x0e"):
        with pytest.raises(PoisonError, match="none of the records"):
            of_both(content)


@pytest.mark.parametrize("schema", ['"shop.Nothing"', '["null", "shop.Ordered"]', "[]", '["string"]', '"string"'])
def test_what_is_not_of_records_alone_is_none(schema: str) -> None:
    with pytest.raises(ValueError, match=r"no schema of a record|no Avro schema"):
        avro_reading(schema, BOTH)


@pytest.mark.parametrize(
    ("content", "cure"),
    [
        (b'{"id": 1}', 'set format = "json"'),
        (b"\3\0" + bytes(20), "AWS Glue.*schema_file"),
        (bytes(8) + b"\7\6c-1", "apicurio"),
    ],
)
def test_other_frames_are_told_by_their_name(content: bytes, cure: str) -> None:
    schemas = Schemas()
    assert schemas.missing([content], 0.0) == set()
    with pytest.raises(PoisonError, match=cure):
        schemas.read(content)
