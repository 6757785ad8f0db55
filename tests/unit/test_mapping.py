"""Events that are not ours, as ours: where each field lies, what it means, and what is none of ours."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import inputs
from service.config import Settings
from service.config.loading import load_settings
from service.config.sections.inputs import LINE_FIELDS, OUR_FIELDS
from service.domain.events import Item, Purchase, SignOfLife, SurveyAnswer
from service.errors import ConfigurationError, ErrorCode, PassedOverError, PoisonError
from service.wire.decoder import Decoder, DecoderSettings
from service.wire.input_topics import names_keyed_by_customer, wire_fields

AT = "2026-03-01T09:30:00+01:00"
AT_US = int(datetime.fromisoformat(AT).timestamp()) * 1_000_000
NOW_US = AT_US + 86_400_000_000
SHOP: dict[str, Any] = {
    "fields": {
        "event_id": "id",
        "customer_id": "buyer.key",
        "occurred_at": "made",
        "amount": "total",
        "currency": "money",
        "order_id": "number",
        "items": "lines",
        "store_id": "=north",
    },
    "lines": {"sku": "article", "name": "/what/is.it"},
    "key": "any",
}
ORDER: dict[str, Any] = {
    "id": 4711,
    "buyer": {"key": "c-1"},
    "made": AT,
    "total": "12.50",
    "money": "eur",
    "number": "o-1",
    "lines": [{"article": "latte", "what": {"is.it": "Latte"}}, {"article": None}],
}


def decoder(said: dict[str, Any], **shop: Any) -> Decoder:
    return Decoder(DecoderSettings.of(Settings(inputs={"purchases": said}, shop={"timezone": "Europe/Paris", **shop})))


def read(event: object, record_key: bytes | None = b"any", **changes: Any) -> Purchase:
    value = event if isinstance(event, bytes | None) else json.dumps(event).encode()
    return decoder({**SHOP, **changes}).of_purchases(value, record_key, (), NOW_US)


def test_every_field_is_found_where_the_settings_say() -> None:
    found = read(ORDER)

    assert found == Purchase(
        "4711", "c-1", AT_US, 1250, False, "o-1", (Item("latte", "Latte"),), left_out=("items.sku",), source="north"
    )


def test_the_quick_way_and_the_models_agree() -> None:
    shop = Settings(inputs={"purchases": SHOP})
    for event in (ORDER, {**ORDER, "lines": None}, {**ORDER, "money": "EUR", "total": 12.5, "lines": []}):
        text = json.dumps(event).encode()
        quick = Decoder(DecoderSettings.of(shop)).of_purchases(text, None, (), NOW_US)
        assert quick == Decoder(DecoderSettings.of(shop), quick=False).of_purchases(text, None, (), NOW_US)


def test_without_a_mapping_events_are_ours() -> None:
    ours = {"event_id": "e", "customer_id": "c", "occurred_at": AT, "amount": "1.00"}
    plain = Decoder(DecoderSettings())
    assert plain.of_purchases(json.dumps(ours).encode(), b"c", (), NOW_US).amount_minor == 100
    with pytest.raises(PoisonError, match="missing_field"):
        plain.of_purchases(json.dumps(ORDER).encode(), b"c-1", (), NOW_US)


def test_a_cloud_event_is_opened() -> None:
    inside = {"specversion": "1.0", "type": "shop.order", "source": "/shop", "id": "x", "data": ORDER}
    assert read(inside).event_id == "4711"


@pytest.mark.parametrize(
    ("currency", "said", "minor"),
    [("EUR", 1250, 1250), ("EUR", "1250", 1250), ("JPY", 900, 900), ("KWD", 12500, 12500), ("HUF", 90_000, 900)],
)
def test_cents_are_the_currencys_own(currency: str, said: object, minor: int) -> None:
    text = json.dumps({**ORDER, "total": said, "money": currency}).encode()
    found = decoder({**SHOP, "amounts": "minor"}, currency=currency).of_purchases(text, None, (), NOW_US)
    assert found.amount_minor == minor


@pytest.mark.parametrize("said", [12.5, "12.50", "much", True, None, [1], "1" * 60])
def test_what_is_no_number_of_cents_is_refused(said: object) -> None:
    with pytest.raises(PoisonError) as refused:
        read({**ORDER, "total": said}, amounts="minor")
    assert refused.value.code in {ErrorCode.INVALID_VALUE, ErrorCode.WRONG_TYPE}


@pytest.mark.parametrize("said", ["-12.50", -12.5])
def test_below_nothing_is_a_refund(said: object) -> None:
    found = read({**ORDER, "total": said})
    assert (found.refund, found.amount_minor) == (True, 1250)


def test_a_refund_by_condition() -> None:
    condition = {"what": ["Refund", "chargeback"]}
    assert read({**ORDER, "what": "REFUND"}, refund_if=condition).refund
    assert not read({**ORDER, "what": "sale"}, refund_if=condition).refund
    assert not read(ORDER, refund_if=condition).refund


@pytest.mark.parametrize(("status", "passed"), [("paid", False), ("PAID", False), ("pending", True), (None, True)])
def test_only_what_is_wanted(status: str | None, passed: bool) -> None:
    if passed:
        with pytest.raises(PassedOverError, match="not_wanted"):
            read({**ORDER, "status": status}, only={"status": ["paid", "partially_refunded"]})
    else:
        assert read({**ORDER, "status": status}, only={"status": ["paid"]}).event_id == "4711"


@pytest.mark.parametrize("nobody", [None, "", "  "])
def test_a_purchase_of_nobody_is_passed_over(nobody: str | None) -> None:
    with pytest.raises(PassedOverError, match="no_customer"):
        read({**ORDER, "buyer": {"key": nobody}})


@pytest.mark.parametrize(
    ("time", "said"),
    [
        ("epoch_s", AT_US // 1_000_000),
        ("epoch_s", str(AT_US // 1_000_000)),
        ("epoch_ms", AT_US // 1_000),
        ("epoch_us", AT_US),
    ],
)
def test_seconds_since_1970(time: str, said: object) -> None:
    assert read({**ORDER, "made": said}, time=time).at_us == AT_US


@pytest.mark.parametrize("said", ["soon", None, True, [1], 10**30, -1])
def test_what_is_no_time_is_refused(said: object) -> None:
    with pytest.raises(PoisonError) as refused:
        read({**ORDER, "made": said}, time="epoch_ms")
    assert refused.value.code in {ErrorCode.BAD_TIME, ErrorCode.TIME_TOO_OLD, ErrorCode.TIME_IN_FUTURE}


def test_a_time_without_an_offset_needs_a_zone() -> None:
    local = {**ORDER, "made": "2026-03-01 09:30:00"}
    assert read(local, timezone="Europe/Paris").at_us == AT_US
    assert read({**ORDER, "made": "2026-03-01T08:30:00Z"}, timezone="Europe/Paris").at_us == AT_US
    with pytest.raises(PoisonError, match="no offset"):
        read(local)


@pytest.mark.parametrize(
    "said",
    [
        "Sun, 01 Mar 2026 08:30:00 GMT",
        "Sun, 01 Mar 2026 09:30:00 +0100",
        "1 Mar 2026 08:30 UT",
        "Sun Mar 01 2026 09:30:00 GMT+0100 (Central European Standard Time)",
        f"/Date({AT_US // 1000})/",
        f"\\/Date({AT_US // 1000}+0100)\\/",
        "2026-03-01T08:30Z",
        "2026-03-01T08:30:00,000Z",
        "2026-03-01 09:30:00 +0100",
    ],
)
@pytest.mark.parametrize("time", ["text", "epoch_ms"])
def test_an_instant_is_one_in_whatever_way_programs_write_it(said: str, time: str) -> None:
    assert read({**ORDER, "made": said}, time=time).at_us == AT_US


@pytest.mark.parametrize(
    "said",
    [
        "Sun, 01 Mar 2026 08:30:00",
        "Sun, 41 Mar 2026 08:30:00 GMT",
        "/Date(99999999999999999)/",
        "/Date()/",
        "Mar 1, 2026",
    ],
)
def test_a_text_that_is_no_instant_is_refused(said: str) -> None:
    with pytest.raises(PoisonError, match="bad_time"):
        read({**ORDER, "made": said})


def test_whatever_stands_there_may_be_a_condition() -> None:
    deleted: dict[str, Any] = {"not_if": {"deleted_at": ["*"]}}
    for nothing in (None, "", 0, False):
        assert read({**ORDER, "deleted_at": nothing}, **deleted).event_id == "4711"
    for something in ("2026-03-01", 1, True, {"at": 1}, [1]):
        with pytest.raises(PassedOverError, match="not_wanted"):
            read({**ORDER, "deleted_at": something}, **deleted)
    assert read({**ORDER, "paid_at": AT}, only={"paid_at": ["*"]}).event_id == "4711"
    with pytest.raises(PassedOverError, match="not_wanted"):
        read(ORDER, only={"paid_at": ["*"]})
    assert read({**ORDER, "refunded_at": AT}, refund_if={"refunded_at": ["*"]}).refund


def test_json_that_was_made_a_text_of_json_is_read() -> None:
    text = json.dumps(ORDER)
    assert read(json.dumps(text).encode()).event_id == "4711"
    assert read({"schema": {"type": "string", "optional": False}, "payload": text}).event_id == "4711"
    with pytest.raises(PoisonError, match="not an object"):
        read(json.dumps("order 4711").encode())
    with pytest.raises(PoisonError, match="not_json"):
        read(json.dumps("{order}").encode())


def test_rows_of_debezium() -> None:
    for change in ("c", "u", "r"):
        assert read({"before": None, "after": ORDER, "op": change}, envelope="debezium").event_id == "4711"
    assert read({"schema": {}, "payload": {"after": ORDER, "op": "c"}}, envelope="debezium").event_id == "4711"
    for gone in ({"before": ORDER, "after": None, "op": "d"}, None):
        with pytest.raises(PassedOverError, match="deleted"):
            read(gone, envelope="debezium")
    with pytest.raises(PoisonError, match="op and after"):
        read(ORDER, envelope="debezium")


def test_a_key_must_be_the_customer_unless_it_may_be_anything() -> None:
    assert read(ORDER, b"order-17").customer_id == "c-1"
    assert read(ORDER, None).customer_id == "c-1"
    assert read(ORDER, b"c-1", key="customer_id").customer_id == "c-1"
    with pytest.raises(PoisonError, match="key_mismatch"):
        read(ORDER, b"order-17", key="customer_id")


def test_a_refused_one_is_still_a_sign_of_life() -> None:
    shop = decoder(SHOP)

    def sign(event: object) -> SignOfLife | None:
        return shop.sign_of_purchases(json.dumps(event).encode(), b"o", (), NOW_US, 5)

    assert sign({**ORDER, "total": "much"}) == SignOfLife("c-1", AT_US, own_time=True)
    assert sign({**ORDER, "total": "much", "made": "once"}) == SignOfLife("c-1", 5, own_time=False)
    assert sign({**ORDER, "buyer": None}) is None
    assert decoder({**SHOP, "refund_if": {"t": ["r"]}}).sign_of_purchases(
        json.dumps({**ORDER, "t": "r"}).encode(), b"o", (), NOW_US, 5
    ) is None  # fmt: skip


NAMED: dict[str, Any] = {**SHOP, "fields": {**SHOP["fields"], "kind": "what"}}


@pytest.mark.parametrize(
    ("said", "changed"),
    [
        (SHOP, {"total": "-12.50"}),
        (SHOP, {"total": -12.5}),
        (SHOP, {"total": " −12,50"}),
        (SHOP, {"total": "(12.50)"}),
        (SHOP, {"total": "12,50-"}),
        ({**SHOP, "amounts": "minor"}, {"total": -12.5}),
        (NAMED, {"what": " Refund "}),
        ({**NAMED, "refund_if": {"state": ["back"]}}, {"state": "BACK"}),
    ],
)
def test_money_given_back_is_no_sign_of_life_whatever_says_so(said: dict[str, Any], changed: dict[str, Any]) -> None:
    refused = json.dumps({**ORDER, "money": "???", **changed}).encode()
    bought = json.dumps({**ORDER, "money": "???"}).encode()
    shop = decoder(said)

    with pytest.raises(PoisonError):
        shop.of_purchases(refused, b"o", (), NOW_US)
    assert shop.sign_of_purchases(refused, b"o", (), NOW_US, 5) is None
    assert shop.sign_of_purchases(bought, b"o", (), NOW_US, 5) == SignOfLife("c-1", AT_US, own_time=True)


def test_nor_is_what_the_settings_do_not_want() -> None:
    shop, text = decoder({**SHOP, "only": {"state": ["paid"]}}), json.dumps({**ORDER, "state": "open"}).encode()
    assert shop.sign_of_purchases(text, b"o", (), NOW_US, 5) is None


def test_answers_as_well() -> None:
    fields = {
        "event_id": "token",
        "customer_id": "who",
        "occurred_at": "at",
        "survey": "=nps",
        "score": "answers.0.number",
    }
    shop = Decoder(DecoderSettings.of(Settings(inputs={"surveys": {"fields": fields, "key": "any"}})))
    said = {"token": "t", "who": 17, "at": AT, "answers": [{"number": 9}]}

    found = shop.of_surveys(json.dumps(said).encode(), b"t", (), NOW_US)
    assert isinstance(found, SurveyAnswer)
    assert (found.customer_id, found.survey.value, found.score) == ("17", "nps", 9)
    for number in ("9", " 9 ", "9.0", 9.0):
        text = json.dumps({**said, "answers": [{"number": number}]}).encode()
        assert shop.of_surveys(text, b"t", (), NOW_US) == found, "as forms post it"
    with pytest.raises(PoisonError, match="wrong_type"):
        shop.of_surveys(json.dumps({**said, "answers": [{"number": "very likely"}]}).encode(), b"t", (), NOW_US)
    with pytest.raises(PoisonError, match="score_off_scale"):
        shop.of_surveys(json.dumps({**said, "answers": [{"number": 11}]}).encode(), b"t", (), NOW_US)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from([*ORDER, "key", "op", "after", "payload", "schema", "type", "data", "scale", "value"]),
                inner,
                max_size=8,
            )
        ),
        max_leaves=20,
    ),
    st.sampled_from(["none", "debezium", "maxwell"]),
    st.sampled_from(["text", "epoch_ms"]),
    st.sampled_from(["major", "minor"]),
)
def test_whatever_comes_is_taken_passed_over_or_refused(event: object, envelope: str, time: str, amounts: str) -> None:
    shop = decoder({**SHOP, "envelope": envelope, "time": time, "amounts": amounts, "timezone": "Asia/Tokyo"})
    text = json.dumps(event).encode()
    try:
        found = shop.of_purchases(text, b"k", (), NOW_US)
    except PoisonError:
        shop.sign_of_purchases(text, b"k", (), NOW_US, 0)
    else:
        assert wire_fields(found, 2)["customer_id"]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"fields": {"event_id": "id"}}, "customer_id' is required|customer_id is required"),
        ({"fields": {**SHOP["fields"], "colour": "c"}}, "'colour' is no field of ours"),
        ({**SHOP, "lines": {"name": "n"}}, "lines needs sku"),
        ({**SHOP, "fields": {**SHOP["fields"], "event_id": "a..b"}}, "is no path"),
        ({**SHOP, "timezone": "Paris"}, "not an IANA time zone"),
        ({"key": "any"}, "without it key has no meaning"),
        ({"fields": {"event_id": "i", "customer_id": "c", "occurred_at": "t"}}, "amount is required"),
    ],
)
def test_a_mapping_that_cannot_be_is_named(said: dict[str, Any], words: str, tmp_path: Any) -> None:
    lines = ["[inputs.purchases]"]
    lines += [f"{name} = {json.dumps(value)}" for name, value in said.items() if not isinstance(value, dict)]
    for name, value in said.items():
        if isinstance(value, dict):
            lines += [f"[inputs.purchases.{name}]", *(f"{inner} = {json.dumps(path)}" for inner, path in value.items())]
    file = tmp_path / "shop.toml"
    file.write_text("\n".join(lines))

    with pytest.raises(ConfigurationError, match=words) as refused:
        load_settings(file)
    assert "inputs.purchases" in str(refused.value)


def test_which_keys_tell_where_customers_belong() -> None:
    assert names_keyed_by_customer(Settings()) == ("purchases", "surveys", "customers")
    assert names_keyed_by_customer(Settings(inputs={"purchases": SHOP})) == ("surveys", "customers")
    assert datetime.fromtimestamp(AT_US / 1e6, UTC).isoformat() == "2026-03-01T08:30:00+00:00"


def test_a_mapping_may_name_every_field_of_ours_and_no_other() -> None:
    assert set(inputs.Purchase.model_fields) | set(inputs.SurveyAnswer.model_fields) == OUR_FIELDS
    assert set(inputs.ItemLine.model_fields) == LINE_FIELDS
