"""Hostile and honest records, one by one, with what becomes of each."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from service.domain.calendar import SECOND_US
from service.domain.events import Erasure, Item, Profile, Purchase, Resolved, Survey, SurveyAnswer
from service.errors import ErrorCode, PoisonError
from service.wire.decoder import Decoder, DecoderSettings

NOW_US = 1_750_000_000 * SECOND_US
SHOP = DecoderSettings(currency="EUR", minor_digits=2, rates={"USD": Decimal("0.9"), "JPY": Decimal("0.00615")})
DECODER = Decoder(SHOP)
PURCHASE: dict[str, object] = {
    "event_id": "e1",
    "customer_id": "anna",
    "occurred_at": "2025-03-04T12:34:56+01:00",
    "amount": 12.5,
}
ANSWER: dict[str, object] = {
    "event_id": "e1",
    "customer_id": "anna",
    "occurred_at": "2025-03-04T12:34:56+01:00",
    "survey": "nps",
    "score": 9,
}
CUSTOMER: dict[str, object] = {"event_id": "e1", "customer_id": "anna", "occurred_at": "2025-03-04T12:34:56+01:00"}
AT_US = 1_741_088_096 * SECOND_US


def purchase(**changes: object) -> Purchase:
    return DECODER.purchase(json.dumps(PURCHASE | changes).encode(), b"anna", None, NOW_US)


def test_a_plain_purchase_is_read() -> None:
    assert purchase() == Purchase("e1", "anna", AT_US, 1250, False, None, ())


@pytest.mark.parametrize(
    ("amount", "minor"),
    [
        (0, 0), (12, 1200), (12.5, 1250), ("12.50", 1250), ("0012.5", 1250), (0.005, 0), (0.015, 2), (0.025, 2),
        ("0.015", 2), ("0.02500000000000000000000000001", 3), (1e-7, 0), (-0.0, 0), (999_999_999_999, 99_999_999_999_900),
        ("999999999999.99", 99_999_999_999_999), (123456789012.34, 12_345_678_901_234), (1.005, 100),
    ],
)  # fmt: skip
def test_amounts_become_minor_units_rounded_half_even(amount: object, minor: int) -> None:
    assert purchase(amount=amount).amount_minor == minor


def test_a_foreign_amount_is_converted_and_rounded_once() -> None:
    assert purchase(amount="10.05", currency="USD").amount_minor == 904  # 9.045 → half-even
    assert purchase(amount=1000, currency="JPY").amount_minor == 615
    assert purchase(currency="EUR").amount_minor == 1250


def test_a_yen_shop_has_no_minor_digits() -> None:
    shop = Decoder(DecoderSettings(currency="JPY", minor_digits=0))

    found = shop.purchase(json.dumps(PURCHASE | {"amount": "1250.5"}).encode(), b"anna", None, NOW_US)

    assert found.amount_minor == 1250


def test_items_keep_their_name_or_else_their_sku() -> None:
    items = [
        {"sku": "A", "name": "Flat\twhite "},
        {"sku": "B", "quantity": 0.35, "amount": "-1.20"},
        {"sku": "C", "name": " "},
    ]

    assert purchase(items=items).items == (Item("A", "Flat white"), Item("B", "B"), Item("C", "C"))


def test_a_null_is_the_same_as_an_absent_field() -> None:
    nothing = dict.fromkeys(["currency", "kind", "order_id", "items", "channel", "store_id"])

    assert purchase(**nothing) == purchase()


def test_unknown_fields_are_ignored() -> None:
    assert purchase(colour={"deep": [1, 2]}) == purchase()


def test_the_last_of_repeated_keys_wins_on_both_paths() -> None:
    text = json.dumps(PURCHASE).encode()[:-1] + b', "amount": 3}'

    assert DECODER.purchase(text, b"anna", None, NOW_US).amount_minor == 300
    assert Decoder(SHOP, quick=False).purchase(text, b"anna", None, NOW_US).amount_minor == 300


def test_every_wrapping_gives_the_same_purchase() -> None:
    plain = json.dumps(PURCHASE).encode()
    wrapped = json.dumps({"specversion": "1.0", "id": "1", "source": "x", "type": "y", "data": PURCHASE}).encode()
    ce_headers = [("ce_specversion", b"1.0"), ("ce_id", b"1"), ("content-type", b"application/json")]

    found = [
        DECODER.purchase(plain, b"anna", (), NOW_US),
        DECODER.purchase(b"\x00\x00\x00\x00\x07" + plain, b"anna", None, NOW_US),
        DECODER.purchase(wrapped, b"anna", None, NOW_US),
        DECODER.purchase(b"\x00\x00\x00\x00\x07" + wrapped, b"anna", None, NOW_US),
        DECODER.purchase(plain, b"anna", ce_headers, NOW_US),
    ]

    assert found == [purchase()] * 5


@pytest.mark.parametrize(
    ("text", "at_us"),
    [
        ("2025-03-04T11:34:56Z", AT_US),
        ("2025-03-04t11:34:56z", AT_US),
        ("2025-03-04 11:34:56.000001Z", AT_US + 1),
        ("2025-03-04T11:34:56.9999999Z", AT_US + SECOND_US),
        ("1970-01-01T00:00:00Z", 0),
        ("2025-06-15T15:06:40Z", NOW_US),
        ("2025-06-15T15:16:40Z", NOW_US + 600 * SECOND_US),
    ],
)
def test_times_are_read_to_the_microsecond(text: str, at_us: int) -> None:
    assert purchase(occurred_at=text).at_us == at_us


HOSTILE_VALUES: list[tuple[bytes | None, ErrorCode]] = [
    (None, ErrorCode.EMPTY_VALUE),
    (b"", ErrorCode.EMPTY_VALUE),
    (b"\x00\x00\x00\x00\x01", ErrorCode.EMPTY_VALUE),
    (b"\x00\x00", ErrorCode.EMPTY_VALUE),
    (b" ", ErrorCode.NOT_JSON),
    (b"\xff\xfe", ErrorCode.NOT_JSON),
    (b"\xef\xbb\xbf{}", ErrorCode.MISSING_FIELD),
    (b"{", ErrorCode.NOT_JSON),
    (b"event_id=1", ErrorCode.NOT_JSON),
    (b'{"x": "\xff"}', ErrorCode.NOT_JSON),
    (b'{"event_id": "\\ud800"}', ErrorCode.NOT_JSON),
    (b'{"amount": NaN}', ErrorCode.NOT_JSON),
    (b'{"amount": Infinity}', ErrorCode.NOT_JSON),
    (b"{} {}", ErrorCode.NOT_JSON),
    (b"[]", ErrorCode.NOT_AN_OBJECT),
    (b"null", ErrorCode.NOT_AN_OBJECT),
    (b'{"specversion": "1.0", "data": "text"}', ErrorCode.NOT_AN_OBJECT),
    (b'{"specversion": "0.3", "data": {}}', ErrorCode.INVALID_VALUE),
    (b'{"specversion": "1.0", "data": {}}', ErrorCode.MISSING_FIELD),
    (b"{}", ErrorCode.MISSING_FIELD),
    (b"[" * 100_000, ErrorCode.TOO_DEEP),
    (b'{"x":' * 40_000 + b"1" + b"}" * 40_000, ErrorCode.TOO_DEEP),
    (b'{"x":' + b"1" * 5_000 + b"}", ErrorCode.INVALID_VALUE),
    (b" " * 262_145, ErrorCode.TOO_LARGE),
]


@pytest.mark.parametrize(("value", "code"), HOSTILE_VALUES, ids=lambda part: str(part)[:30])
@pytest.mark.parametrize("reader", ["purchase", "survey", "customer"])
def test_what_is_no_event_is_refused_with_its_reason(value: bytes | None, code: ErrorCode, reader: str) -> None:
    with pytest.raises(PoisonError) as caught:
        getattr(DECODER, reader)(value, b"anna", None, NOW_US)

    assert caught.value.code is code
    assert len(caught.value.message) < 250


HOSTILE_FIELDS: list[tuple[dict[str, object], ErrorCode]] = [
    ({"event_id": None}, ErrorCode.WRONG_TYPE),
    ({"event_id": 5}, ErrorCode.WRONG_TYPE),
    ({"event_id": ""}, ErrorCode.INVALID_VALUE),
    ({"event_id": "x" * 257}, ErrorCode.INVALID_VALUE),
    ({"event_id": "a\x00b"}, ErrorCode.INVALID_VALUE),
    ({"event_id": "a\n"}, ErrorCode.INVALID_VALUE),
    ({"customer_id": "ann\x7f"}, ErrorCode.INVALID_VALUE),
    ({"customer_id": "Anna"}, ErrorCode.KEY_MISMATCH),
    ({"occurred_at": "2025-03-04T12:34:56"}, ErrorCode.BAD_TIME),
    ({"occurred_at": "yesterday"}, ErrorCode.BAD_TIME),
    ({"occurred_at": "2025-02-30T12:00:00Z"}, ErrorCode.BAD_TIME),
    ({"occurred_at": "2025-03-04"}, ErrorCode.BAD_TIME),
    ({"occurred_at": 1_741_088_096}, ErrorCode.WRONG_TYPE),
    ({"occurred_at": "1969-12-31T23:59:59.999999Z"}, ErrorCode.TIME_TOO_OLD),
    ({"occurred_at": "0001-01-01T00:00:00+14:00"}, ErrorCode.TIME_TOO_OLD),
    ({"occurred_at": "2025-06-15T15:16:40.000001Z"}, ErrorCode.TIME_IN_FUTURE),
    ({"occurred_at": "9999-12-31T23:59:59-14:00"}, ErrorCode.TIME_IN_FUTURE),
    ({"amount": None}, ErrorCode.WRONG_TYPE),
    ({"amount": True}, ErrorCode.WRONG_TYPE),
    ({"amount": [1]}, ErrorCode.WRONG_TYPE),
    ({"amount": -0.01}, ErrorCode.NEGATIVE_AMOUNT),
    ({"amount": -5}, ErrorCode.NEGATIVE_AMOUNT),
    ({"amount": "-5"}, ErrorCode.NEGATIVE_AMOUNT),
    ({"amount": "12,50"}, ErrorCode.INVALID_VALUE),
    ({"amount": " 12"}, ErrorCode.INVALID_VALUE),
    ({"amount": "12\n"}, ErrorCode.INVALID_VALUE),
    ({"amount": "1e5"}, ErrorCode.INVALID_VALUE),
    ({"amount": "NaN"}, ErrorCode.INVALID_VALUE),
    ({"amount": "\u0661\u0662"}, ErrorCode.INVALID_VALUE),
    ({"amount": ""}, ErrorCode.INVALID_VALUE),
    ({"amount": 10**12}, ErrorCode.AMOUNT_TOO_LARGE),
    ({"amount": 10**400}, ErrorCode.AMOUNT_TOO_LARGE),
    ({"amount": 1e12}, ErrorCode.AMOUNT_TOO_LARGE),
    ({"amount": "1000000000000"}, ErrorCode.AMOUNT_TOO_LARGE),
    ({"currency": "CHF"}, ErrorCode.UNKNOWN_CURRENCY),
    ({"currency": "US$"}, ErrorCode.UNKNOWN_CURRENCY),
    ({"currency": "chf"}, ErrorCode.UNKNOWN_CURRENCY),
    ({"currency": 978}, ErrorCode.WRONG_TYPE),
    ({"kind": "gift"}, ErrorCode.UNKNOWN_KIND),
    ({"kind": 1}, ErrorCode.WRONG_TYPE),
]


@pytest.mark.parametrize(("changes", "code"), HOSTILE_FIELDS, ids=lambda part: str(part)[:40])
def test_a_purchase_with_one_bad_field_is_refused_with_its_reason(changes: dict[str, object], code: ErrorCode) -> None:
    with pytest.raises(PoisonError) as caught:
        purchase(**changes)

    assert caught.value.code is code
    assert next(iter(changes)) in caught.value.message
    assert len(caught.value.message) < 250


A, B = Item("a", "a"), Item("b", "b")
OPTIONAL: list[tuple[dict[str, object], dict[str, object]]] = [
    ({"items": {}}, {"left_out": ("items",)}),
    ({"items": "coffee"}, {"left_out": ("items",)}),
    ({"items": []}, {}),
    ({"items": [{}]}, {"left_out": ("items.sku",)}),
    ({"items": [{"name": "no sku"}, {"sku": "a"}]}, {"items": (A,), "left_out": ("items.sku",)}),
    ({"items": [{"sku": None}, {"sku": ""}, {"sku": " "}, {"sku": "a"}]}, {"items": (A,), "left_out": ("items.sku",) * 3}),
    ({"items": [{"sku": "a\x00"}, {"sku": ["a"]}, {"sku": "b"}]}, {"items": (B,), "left_out": ("items.sku",) * 2}),
    ({"items": [{"sku": 4711}]}, {"items": (Item("4711", "4711"),)}),
    ({"items": ["a", None, 5, {"sku": "a"}]}, {"items": (A,), "left_out": ("items",) * 3}),
    ({"items": [{"sku": "a", "quantity": True}]}, {"items": (A,), "left_out": ("items.quantity",)}),
    ({"items": [{"sku": "a", "amount": 1e12, "name": 5.5}]}, {"items": (A,), "left_out": ("items.name", "items.amount")}),
    ({"items": [{"sku": "a", "name": "x" * 5_000}]}, {"items": (A,), "left_out": ("items.name",)}),
    ({"items": [{"sku": "a", "category": {}}]}, {"items": (A,), "left_out": ("items.category",)}),
    ({"items": [{"sku": "a"}] * 1_001}, {"items": (A,) * 1_000, "left_out": ("items",)}),
    ({"store_id": None, "channel": None}, {}),
    ({"channel": ""}, {}),
    ({"channel": {"a": 1}}, {"left_out": ("channel",)}),
    ({"store_id": [7]}, {"left_out": ("store_id",)}),
    ({"channel": "carrier pigeon"}, {}),
    ({"order_id": "\x1b"}, {"left_out": ("order_id",)}),
    ({"order_id": "x" * 257}, {"left_out": ("order_id",)}),
    ({"order_id": 17.5}, {"left_out": ("order_id",)}),
    ({"order_id": True}, {"left_out": ("order_id",)}),
    ({"order_id": 17}, {"order_id": "17"}),
    ({"order_id": ""}, {}),
    ({"order_id": "  "}, {}),
    ({"currency": None}, {}),
    ({"currency": "eur"}, {}),
    ({"currency": " Eur "}, {}),
    ({"currency": ""}, {}),
    ({"currency": " usd "}, {"amount_minor": 1125}),
    ({"currency": "Usd"}, {"amount_minor": 1125}),
    ({"kind": "Purchase"}, {}),
    ({"kind": " REFUND "}, {"refund": True}),
    ({"kind": None}, {}),
    ({"unknown": {"deep": [1]}}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "taken"), OPTIONAL, ids=lambda part: str(part)[:40])
@pytest.mark.parametrize("quick", [True, False])
def test_nothing_optional_decides_a_purchases_fate(
    changes: dict[str, object], taken: dict[str, object], quick: bool
) -> None:
    text = json.dumps(PURCHASE | changes).encode()

    found = Decoder(SHOP, quick=quick).purchase(text, b"anna", None, NOW_US)

    for name in ("order_id", "items", "amount_minor", "refund", "left_out"):
        default = {"order_id": None, "items": (), "amount_minor": 1250, "refund": False, "left_out": ()}[name]
        assert getattr(found, name) == taken.get(name, default), name


def test_an_answers_order_that_cannot_be_read_does_not_decide_its_fate() -> None:
    changes: list[dict[str, object]] = [
        {"order_id": 17},
        {"order_id": {}},
        {"order_id": " "},
        {"comment": "x" * 10_001},
    ]

    read = [DECODER.survey(json.dumps(ANSWER | each).encode(), b"anna", None, NOW_US) for each in changes]

    assert [answer.order_id for answer in read] == ["17", None, None, None]


@pytest.mark.parametrize("name", ["event_id", "customer_id", "occurred_at", "amount"])
def test_a_missing_field_is_named(name: str) -> None:
    text = json.dumps({key: value for key, value in PURCHASE.items() if key != name}).encode()

    with pytest.raises(PoisonError, match=f"{name}: is required") as caught:
        DECODER.purchase(text, b"anna", None, NOW_US)

    assert caught.value.code is ErrorCode.MISSING_FIELD


def test_an_overflowing_number_is_too_large_rather_than_infinite() -> None:
    text = json.dumps(PURCHASE).encode().replace(b"12.5", b"1e400")

    with pytest.raises(PoisonError) as caught:
        DECODER.purchase(text, b"anna", None, NOW_US)

    assert caught.value.code is ErrorCode.AMOUNT_TOO_LARGE


def test_an_amount_that_only_conversion_makes_too_large_is_refused() -> None:
    shop = Decoder(DecoderSettings(currency="JPY", minor_digits=0, rates={"EUR": Decimal(160)}))
    text = json.dumps(PURCHASE | {"amount": 9e11, "currency": "EUR"}).encode()

    with pytest.raises(PoisonError) as caught:
        shop.purchase(text, b"anna", None, NOW_US)

    assert caught.value.code is ErrorCode.AMOUNT_TOO_LARGE


@pytest.mark.parametrize("key", [None, b"", b"bob", b"\xff"])
def test_a_key_that_is_not_the_customer_is_refused(key: bytes | None) -> None:
    with pytest.raises(PoisonError) as caught:
        DECODER.purchase(json.dumps(PURCHASE).encode(), key, None, NOW_US)

    assert caught.value.code is ErrorCode.KEY_MISMATCH


def test_a_binary_cloud_event_of_another_version_is_refused() -> None:
    with pytest.raises(PoisonError) as caught:
        DECODER.purchase(json.dumps(PURCHASE).encode(), b"anna", [("ce_specversion", b"0.3")], NOW_US)

    assert caught.value.code is ErrorCode.INVALID_VALUE


@pytest.mark.parametrize(
    ("survey", "score"),
    [("nps", 11), ("nps", -1), ("csat", 0), ("csat", 6), ("ces", 0), ("ces", 8), ("nps", 10**30), ("nps", 1e300)],
)
def test_a_score_off_its_scale_is_refused(survey: str, score: float) -> None:
    text = json.dumps(ANSWER | {"survey": survey, "score": score}).encode()

    with pytest.raises(PoisonError, match="score") as caught:
        DECODER.survey(text, b"anna", None, NOW_US)

    assert caught.value.code is ErrorCode.SCORE_OFF_SCALE


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"score": 8.5}, ErrorCode.WRONG_TYPE),
        ({"score": "9"}, ErrorCode.WRONG_TYPE),
        ({"score": True}, ErrorCode.WRONG_TYPE),
        ({"survey": "sus"}, ErrorCode.UNKNOWN_KIND),
    ],
)
def test_a_bad_answer_is_refused_with_its_reason(changes: dict[str, object], code: ErrorCode) -> None:
    with pytest.raises(PoisonError) as caught:
        DECODER.survey(json.dumps(ANSWER | changes).encode(), b"anna", None, NOW_US)

    assert caught.value.code is code


def test_a_whole_score_may_be_written_with_a_point() -> None:
    found = DECODER.survey(json.dumps(ANSWER | {"score": 9.0}).encode(), b"anna", None, NOW_US)

    assert found == SurveyAnswer("e1", "anna", AT_US, Survey.NPS, 9)


def test_words_of_ours_may_be_written_in_capitals() -> None:
    answer = DECODER.survey(json.dumps(ANSWER | {"survey": " NPS "}).encode(), b"anna", None, NOW_US)
    erasure = DECODER.customer(json.dumps(CUSTOMER | {"kind": "ERASE"}).encode(), b"anna", None, NOW_US)

    assert answer == DECODER.survey(json.dumps(ANSWER).encode(), b"anna", None, NOW_US)
    assert erasure == Erasure("e1", "anna", AT_US)


def test_a_profile_says_only_what_it_says() -> None:
    event = CUSTOMER | {"first_name": " Anna ", "contact": {"email": "a@example.org"}, "marketing_consent": False}

    found = DECODER.customer(json.dumps(event).encode(), b"anna", None, NOW_US)

    assert found == Profile("e1", "anna", AT_US, first_name="Anna", email="a@example.org", marketing_consent=False)


def test_an_erasure_is_read() -> None:
    assert DECODER.customer(json.dumps(CUSTOMER | {"kind": "erase"}).encode(), b"anna", None, NOW_US) == Erasure(
        "e1", "anna", AT_US
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kind": "forget"}, ErrorCode.UNKNOWN_KIND),
        ({"timezone": "Europe/Atlantis"}, ErrorCode.INVALID_VALUE),
        ({"timezone": "../etc/passwd"}, ErrorCode.INVALID_VALUE),
        ({"locale": "français"}, ErrorCode.INVALID_VALUE),
        ({"marketing_consent": "nobody knows"}, ErrorCode.WRONG_TYPE),
        ({"marketing_consent": 5}, ErrorCode.WRONG_TYPE),
        ({"contact": {"email": "nobody"}}, ErrorCode.INVALID_VALUE),
        ({"contact": {"email": "a@b\r\nBcc: c@d"}}, ErrorCode.INVALID_VALUE),
        ({"contact": "a@b.org"}, ErrorCode.WRONG_TYPE),
    ],
)
def test_a_bad_customer_event_is_refused_without_repeating_what_it_says_of_the_person(
    changes: dict[str, object], code: ErrorCode
) -> None:
    with pytest.raises(PoisonError) as caught:
        DECODER.customer(json.dumps(CUSTOMER | changes).encode(), b"anna", None, NOW_US)

    assert caught.value.code is code
    assert "nobody" not in caught.value.message


@pytest.mark.parametrize(("currency", "digits"), [("EUR", 2), ("JPY", 0), ("KWD", 3)])
@pytest.mark.parametrize(
    "amount",
    [
        "5.60",
        "0.00",
        ".60",
        "5.6",
        "12",
        "1.2.50",
        "12.345",
        "-1.50",
        "٣.50",
        "1e3.00",
        "9999999999.99",
        "00.10",
        "5.",
        "1_0.00",
    ],
)
def test_the_quick_reading_of_a_price_is_that_of_the_models(amount: str, currency: str, digits: int) -> None:
    shop = DecoderSettings(currency=currency, minor_digits=digits)
    event = {"event_id": "e", "customer_id": "c", "occurred_at": "2024-01-01T00:00:00Z", "amount": amount}

    def read(decoder: Decoder) -> int | ErrorCode:
        try:
            return decoder.purchase(json.dumps(event).encode(), b"c", (), 2_000_000_000_000_000).amount_minor
        except PoisonError as error:
            return error.code

    assert read(Decoder(shop)) == read(Decoder(shop, quick=False))


def test_nobody_is_erased_without_a_key_and_the_sentence_says_what_to_do() -> None:
    keyless = Decoder(DecoderSettings(can_erase=False))

    with pytest.raises(PoisonError, match=r"set shop\.erasure_salt") as refused:
        keyless.customer(json.dumps(CUSTOMER | {"kind": "erase"}).encode(), b"anna", None, NOW_US)

    assert refused.value.code is ErrorCode.NO_ERASURE_KEY


@pytest.mark.parametrize("more", [{}, {"survey": "nps"}, {"order_id": "o1"}, {"score": "?"}, {"kind": " Resolved "}])
def test_the_word_that_an_answer_was_dealt_with_needs_neither_survey_nor_score(more: dict[str, object]) -> None:
    said = {"event_id": "r", "customer_id": "c", "occurred_at": "2026-03-01T10:00:00Z", "kind": "resolved"}

    found = Decoder(DecoderSettings()).survey(
        json.dumps({**said, "comment": "A new\ngrinder.", **more}).encode(), b"c", (), 1_900_000_000_000_000
    )

    assert isinstance(found, Resolved)
    assert (found.note, found.survey, found.order_id) == (
        "A new grinder.",
        Survey.NPS if "survey" in more else None,
        more.get("order_id"),
    )


def test_a_survey_record_of_another_kind_is_refused() -> None:
    said = {"event_id": "r", "customer_id": "c", "occurred_at": "2026-03-01T10:00:00Z", "kind": "closed"}

    with pytest.raises(PoisonError) as refused:
        Decoder(DecoderSettings()).survey(json.dumps(said).encode(), b"c", (), 1_900_000_000_000_000)

    assert refused.value.code is ErrorCode.UNKNOWN_KIND
