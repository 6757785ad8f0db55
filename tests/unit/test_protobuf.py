"""Records in Protobuf: any message of a file, its well-known types, and what is no message."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given
from hypothesis import strategies as st

from service.config import Settings
from service.domain.events import Item, Purchase
from service.errors import ConfigurationError, ErrorCode, PassedOverError, PoisonError
from service.wire import protobuf
from service.wire.decoder import Decoder, DecoderSettings
from service.wire.figures import figure
from service.wire.known_protos import KNOWN_PROTOS
from service.wire.places import Place
from service.wire.schemas import Reading

AT = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
AT_US = int(AT.timestamp()) * 1_000_000
NOW_US = AT_US + 86_400_000_000
PROTO = """
syntax = "proto3";
package shop.v1;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "confluent/meta.proto";
import "confluent/type/decimal.proto";

message Unused { string nothing = 1; }
message Shop {
  message Order {
    enum State { OPEN = 0; PAID = 1; BACK = 2; }
    message Line { string sku = 1; int64 cents = 2; }
    int64 id = 1 [(confluent.field_meta).doc = "number"];
    google.protobuf.StringValue customer = 2;
    google.protobuf.Timestamp made = 3;
    confluent.type.Decimal total = 4;
    State state = 5;
    repeated Line lines = 6;
    map<string, string> labels = 7;
    optional string channel = 8;
    double weight = 9;
    bytes token = 10;
  }
}
"""
SHOP: dict[str, Any] = {
    "format": "protobuf",
    "message": "Shop.Order",
    "fields": {
        "event_id": "id",
        "customer_id": "customer",
        "occurred_at": "made",
        "amount": "total",
        "channel": "channel",
        "order_id": "labels.number",
        "items": "lines",
    },
    "lines": {"sku": "sku", "quantity": "cents"},
    "only": {"state": ["paid", "back"]},
    "refund_if": {"state": ["back"]},
    "key": "any",
}


@cache
def order_class() -> Any:
    pool, _ = protobuf._compiled(PROTO, {})
    return GetMessageClass(pool.FindMessageTypeByName("shop.v1.Shop.Order"))


@cache
def framed_reading() -> Reading:
    return protobuf.framed_protobuf_reading(PROTO, {})


def order(**changes: Any) -> Any:
    message = order_class()(id=4711, state=1, lines=[{"sku": "latte"}], labels={"number": "o-1"})
    message.customer.value = "c-1"
    message.made.FromDatetime(AT)
    message.total.value, message.total.scale = (1250).to_bytes(2, "big"), 2
    for name, value in changes.items():
        setattr(message, name, value)
    return message


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    file = tmp_path_factory.mktemp("proto") / "shop.proto"
    file.write_text(PROTO)
    return Decoder(DecoderSettings.of(Settings(inputs={"purchases": {**SHOP, "schema_file": file}})))


def test_a_message_becomes_the_event(shop: Decoder) -> None:
    wanted = Purchase("4711", "c-1", AT_US, 1250, False, "o-1", (Item("latte", "latte"),))

    assert shop.of_purchases(order().SerializeToString(), b"k", (), NOW_US) == wanted
    assert shop.of_purchases(order(channel="web").SerializeToString(), b"k", (), NOW_US).source == "web"
    assert shop.of_purchases(order(state=2).SerializeToString(), b"k", (), NOW_US).refund
    with pytest.raises(PassedOverError, match="not_wanted"):
        shop.of_purchases(order(state=0).SerializeToString(), b"k", (), NOW_US)


def test_below_nothing_is_a_refund(shop: Decoder) -> None:
    back = order()
    back.total.value = (-1250).to_bytes(2, "big", signed=True)
    found = shop.of_purchases(back.SerializeToString(), b"k", (), NOW_US)
    assert (found.refund, found.amount_minor) == (True, 1250)


def test_who_is_nobody_is_passed_over(shop: Decoder) -> None:
    nobody = order()
    nobody.ClearField("customer")
    with pytest.raises(PassedOverError, match="no_customer"):
        shop.of_purchases(nobody.SerializeToString(), b"k", (), NOW_US)


@pytest.mark.parametrize(
    ("index", "taken"),
    [(b"\x04\x02\x00", True), (b"\x00", False), (b"\x02\x02", False), (b"\x04\x02\x08", False), (b"\x80", False)],
)
def test_which_message_it_is_stands_in_front(index: bytes, taken: bool) -> None:
    content = index + order().SerializeToString()
    try:
        found = framed_reading()(content).get("id")
    except PoisonError as error:
        assert error.code is ErrorCode.NOT_OF_SCHEMA  # noqa: PT017 - as the table says
        found = None
    assert (found == 4711) is taken


def test_a_field_is_what_the_language_says_it_is() -> None:
    row = framed_reading()(b"\x04\x02\x00" + order(token=b"\x00\xff").SerializeToString())

    assert row.get("channel") is None
    assert row.get("weight") == 0.0
    assert row.get("labels") == {"number": "o-1"}
    assert row.get("made") == AT
    assert row.get("nothing of the kind") is None


@given(st.binary(min_size=1, max_size=300))
def test_any_bytes_are_taken_or_refused(content: bytes) -> None:
    try:
        row = framed_reading()(content)
    except PoisonError as error:
        assert error.code is ErrorCode.NOT_OF_SCHEMA  # noqa: PT017 - either is right
    else:
        for name in ("id", "customer", "made", "total", "state", "lines", "labels", "nothing"):
            row.get(name)


def test_deeper_than_the_runtime_goes_is_refused() -> None:
    reading = protobuf.framed_protobuf_reading('syntax = "proto3"; message N { N next = 1; string s = 2; }', {})
    content = b""
    for _ in range(2_000):
        size = len(content)
        content = (
            b"\x0a" + (bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])) + content
            if size < 16_000
            else content
        )
    with pytest.raises(PoisonError) as refused:
        reading(b"\0" + content)
    assert refused.value.code is ErrorCode.NOT_OF_SCHEMA


def test_what_it_imports_is_found_by_its_name() -> None:
    common = 'syntax = "proto3"; package common; message Who { string key = 1; }'
    main = 'syntax = "proto3"; import "common/who.proto"; message Order { common.Who who = 1; }'
    reading = protobuf.framed_protobuf_reading(main, {"common/who.proto": common})

    who: Any = reading(b"\0\x0a\x03\x0a\x01c").get("who")
    assert who.get("key") == "c"


def test_what_serializers_import_unregistered_is_known() -> None:
    main = """
    syntax = "proto3";
    import "google/type/money.proto";
    import "google/type/decimal.proto";
    import "google/type/date.proto";
    import "google/type/datetime.proto";
    message Order {
      google.type.Money total = 1;
      google.type.Decimal tax = 2;
      google.type.Date day = 3;
      google.type.DateTime made = 4;
    }
    """
    pool, _ = protobuf._compiled(main, {})
    order: Any = GetMessageClass(pool.FindMessageTypeByName("Order"))()
    order.total.units, order.total.nanos, order.tax.value = 12, 500_000_000, "2.10"
    order.day.year, order.day.month, order.day.day = 2026, 3, 1
    order.made.year, order.made.month, order.made.day, order.made.hours, order.made.minutes = 2026, 3, 1, 9, 30
    read = protobuf.framed_protobuf_reading(main, {})

    local = read(b"\0" + order.SerializeToString())
    order.made.time_zone.id = "Europe/Paris"
    of_a_zone = read(b"\0" + order.SerializeToString())
    order.made.utc_offset.seconds = 3_600
    of_an_offset = read(b"\0" + order.SerializeToString())

    assert figure(local.get("total")) == "12.500000000"
    assert (local.get("tax"), local.get("day")) == ("2.10", date(2026, 3, 1))
    assert local.get("made") == datetime(2026, 3, 1, 9, 30)  # noqa: DTZ001 - it has no zone
    assert of_a_zone.get("made") == of_an_offset.get("made") == AT


@pytest.mark.parametrize(
    ("proto", "references", "words"),
    [
        ("message {", {}, "can be compiled"),
        ('syntax = "proto3"; import "away.proto"; message A {}', {}, "away.proto"),
        ('syntax = "proto3"; message A {}', {"../../etc/x.proto": ""}, "no name of a .proto"),
        ('syntax = "proto3"; message A {}', {"/etc/x.proto": ""}, "no name of a .proto"),
    ],
)
def test_what_cannot_be_compiled_is_said(proto: str, references: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        protobuf.framed_protobuf_reading(proto, references)


def test_a_message_that_is_not_there_is_told_with_its_setting(tmp_path: Path) -> None:
    file = tmp_path / "shop.proto"
    file.write_text('syntax = "proto3"; message A {}')
    with pytest.raises(ConfigurationError, match=r"inputs\.purchases\.schema_file .*no message B"):
        DecoderSettings.of(Settings(inputs={"purchases": {**SHOP, "message": "B", "schema_file": file}}))


FREE = """
syntax = "proto3";
import "google/protobuf/struct.proto";
import "google/type/postal_address.proto";
import "google/type/dayofweek.proto";
message Free {
  google.protobuf.Struct row = 1;
  google.protobuf.Value one = 2;
  google.type.PostalAddress to = 3;
  google.type.DayOfWeek day = 4;
}
"""


def test_fields_without_a_schema_are_what_json_would_have_there() -> None:
    pool, _ = protobuf._compiled(FREE, {})
    message: Any = GetMessageClass(pool.FindMessageTypeByName("Free"))(day=3)
    row = {"id": 4711, "buyer": "c-1", "lines": [{"sku": "latte"}, True], "none": None, "total": 12.5}
    message.row.update(row)
    message.to.postal_code = "75011"

    read = protobuf.framed_protobuf_reading(FREE, {})
    found = read(b"\0" + message.SerializeToString())

    assert found.get("row") == row
    assert found.get("one") is None
    assert found.get("day") == "WEDNESDAY"
    assert Place("to.postal_code").of(found) == "75011"
    assert str(found.get("to")) == "a message google.type.PostalAddress"


def test_all_that_may_be_imported_can_be_compiled() -> None:
    protobuf._compiled("\n".join(['syntax = "proto3";', *(f'import "{name}";' for name in KNOWN_PROTOS)]), {})


def test_imports_that_cannot_lie_beside_each_other_are_said() -> None:
    with pytest.raises(ValueError, match="cannot lie beside"):
        protobuf._compiled('syntax = "proto3";', {"a.proto": "", "a.proto/b.proto": ""})
