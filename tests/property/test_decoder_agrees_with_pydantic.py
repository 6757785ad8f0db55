"""Laws: the quick way in never changes what a record means, and no bytes whatever raise anything but PoisonError."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.inputs import Purchase as WirePurchase
from schemas.inputs import SurveyAnswer as WireAnswer
from service.domain.calendar import SECOND_US
from service.domain.events import Purchase, Resolved, SurveyAnswer
from service.errors import ErrorCode, PoisonError
from service.wire.decoder import Decoder, DecoderSettings
from service.wire.lenient import readable_answer, readable_purchase
from tests.support.examples import examples

NOW_US = 1_750_000_000 * SECOND_US
SHOP = DecoderSettings(rates={"USD": Decimal("0.92"), "JPY": Decimal("0.0061")})
QUICK, STRICT = Decoder(SHOP), Decoder(SHOP, quick=False)
Reader = Literal["purchase", "survey"]
READERS: tuple[Reader, ...] = ("purchase", "survey")

ODD_TEXTS = st.one_of(
    st.sampled_from(
        ["", " ", "a", "anna", "\x00", "\n", "\x7f", "\x85", "\u2028", "\u00a0", "é", "😀", "x" * 256, "x" * 257]
    ),
    st.text(max_size=12),
)
ODD_NUMBERS = st.one_of(
    st.integers(-(10**13), 10**13),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(0, 1000),
    st.decimals(0, 10_000, places=3).map(float),
    st.sampled_from([0.005, 0.125, 1.005, 1e-9, -0.0, 1e11, 1e12, 999999999999.99, 10**30, 5.0, True, False]),
)
ODD_AMOUNTS = st.one_of(
    ODD_NUMBERS,
    st.decimals(-10, 10**12, places=4).map(str),
    st.from_regex(r"-?[0-9]{1,14}(\.[0-9]{1,22})?", fullmatch=True),
    st.sampled_from(["1e5", "1_000", " 1", "1\n", ".5", "5.", "١", "NaN", "0.12500000000000000000000001"]),
)
ODD_TIMES = st.one_of(
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    st.datetimes().map(lambda moment: moment.isoformat() + "-07:30"),
    st.from_regex(r"(19[67]|20[0-3])[0-9]-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-5][0-9]:[0-6][0-9](\.[0-9]{1,9})?([Zz]|[+-][0-2][0-9]:?[0-6][0-9])?", fullmatch=True),
)  # fmt: skip
ANYTHING: st.SearchStrategy[object] = st.recursive(
    st.one_of(st.none(), ODD_NUMBERS, ODD_TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=4,
)
LINES = st.lists(
    st.fixed_dictionaries(
        {"sku": ODD_TEXTS},
        optional={
            "name": st.one_of(st.none(), ODD_TEXTS, st.sampled_from(["x" * 500, "x" * 501])),
            "quantity": ODD_AMOUNTS,
            "amount": ODD_AMOUNTS,
            "category": ANYTHING,
        },
    ),
    max_size=3,
)
FIELDS: dict[str, st.SearchStrategy[object]] = {
    "event_id": ODD_TEXTS,
    "customer_id": ODD_TEXTS,
    "occurred_at": ODD_TIMES,
    "amount": ODD_AMOUNTS,
    "currency": st.sampled_from(["EUR", "USD", "JPY", "CHF", "eur", "", " ", " Usd", "chf", "usd "]),
    "kind": st.sampled_from(["purchase", "refund", "gift", "Purchase", " refund", ""]),
    "order_id": ODD_TEXTS,
    "items": LINES,
    "channel": ODD_TEXTS,
    "survey": st.sampled_from(["nps", "csat", "ces", "xyz"]),
    "score": st.one_of(st.integers(-1, 11), ODD_NUMBERS),
    "comment": ODD_TEXTS,
    "specversion": st.sampled_from(["1.0", "0.3"]),
    "data": ANYTHING,
    "unknown": ANYTHING,
}
VALID: dict[str, object] = {
    "event_id": "e1",
    "customer_id": "anna",
    "occurred_at": "2025-03-04T12:34:56.789+01:00",
    "amount": 12.5,
    "survey": "nps",
    "score": 4,
}


@st.composite
def bent_events(draw: st.DrawFn) -> bytes:
    """A valid event with a few fields changed, dropped or filled with nonsense."""
    event = dict(VALID)
    for name in draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=4)):
        match draw(st.integers(0, 9)):
            case 0:
                event.pop(name, None)
            case 1:
                event[name] = draw(ANYTHING)
            case _:
                event[name] = draw(FIELDS[name])
    if draw(st.integers(0, 9)) == 0:
        event = {"specversion": "1.0", "id": "1", "data": event}
    return json.dumps(event, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")


@st.composite
def damaged_events(draw: st.DrawFn) -> bytes:
    """The bytes of an event with some replaced, doubled or cut out."""
    text = bytearray(draw(bent_events()))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(0, len(text) - 1)))
        length = draw(st.integers(0, 6))
        text[at : at + length] = draw(st.one_of(st.binary(max_size=4), st.just(bytes(text[at : at + 2 * length]))))
    return bytes(text)


def outcome(
    decoder: Decoder, reader: Reader, value: bytes, key: bytes | None
) -> Purchase | SurveyAnswer | Resolved | tuple[ErrorCode, str]:
    try:
        return (
            decoder.purchase(value, key, None, NOW_US)
            if reader == "purchase"
            else decoder.survey(value, key, None, NOW_US)
        )
    except PoisonError as poison:
        return poison.code, poison.message


def key_of(value: bytes) -> bytes:
    """The key that fits, where the value names a customer at all; so that the key is seldom what decides."""
    try:
        event = json.loads(value)
        event = event.get("data", event) if "specversion" in event else event
        return str(event["customer_id"]).encode()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return b"anna"


@settings(max_examples=examples(600), deadline=None)
@given(value=bent_events(), reader=st.sampled_from(["purchase", "survey"]))
def test_both_ways_in_agree_on_bent_events(value: bytes, reader: Reader) -> None:
    key = key_of(value)

    assert outcome(QUICK, reader, value, key) == outcome(STRICT, reader, value, key)


@settings(max_examples=examples(400), deadline=None)
@given(value=damaged_events(), reader=st.sampled_from(["purchase", "survey"]))
def test_both_ways_in_agree_on_damaged_bytes(value: bytes, reader: Reader) -> None:
    key = key_of(value)

    assert outcome(QUICK, reader, value, key) == outcome(STRICT, reader, value, key)


@settings(max_examples=examples(300), deadline=None)
@given(value=st.binary(max_size=60), key=st.none() | st.binary(max_size=4))
def test_random_bytes_raise_nothing_but_poison(value: bytes, key: bytes | None) -> None:
    for reader in READERS:
        assert outcome(QUICK, reader, value, key) == outcome(STRICT, reader, value, key)


@pytest.mark.parametrize(
    "unread",
    [
        b'"\xff"', b'"\xed\xa0\x80"', b'"\\ud800"', b"1e400", b"NaN", b"1" * 4_200, b"1" * 5_000, b"[" * 150 + b"]" * 150,
        b"[" * 300 + b"]" * 300, b"[" * 50_000 + b"]" * 50_000, b'{"a":' * 199 + b"1" + b"}" * 199, b'{"a":' * 201 + b"1" + b"}" * 201,
        b'"\x7f"', b'"\t"', b"01", b"[1,]",
    ],
    ids=lambda text: str(text[:20]),
)  # fmt: skip
def test_both_ways_in_agree_on_oddities_inside_fields_that_nobody_reads(unread: bytes) -> None:
    value = json.dumps(VALID).encode()[:-1] + b', "unread": ' + unread + b"}"

    for reader in READERS:
        assert outcome(QUICK, reader, value, b"anna") == outcome(STRICT, reader, value, b"anna")


@settings(max_examples=examples(400), deadline=None)
@given(value=bent_events())
def test_what_is_accepted_is_what_the_published_models_accept(value: bytes) -> None:
    """The models, not the code around them, are the contract of all that is required: without the optional fields that
    cannot be read they say the same."""
    lenient = {"purchase": readable_purchase, "survey": readable_answer}
    models: dict[Reader, type[WirePurchase | WireAnswer]] = {"purchase": WirePurchase, "survey": WireAnswer}
    for reader, model in models.items():
        found = outcome(QUICK, reader, value, key_of(value))
        try:
            model.model_validate(lenient[reader](json.loads(value))[0])
            accepted = True
        except (ValidationError, ValueError, AttributeError, TypeError):
            accepted = False
        refused_later = isinstance(found, tuple) and found[0] in {
            ErrorCode.TIME_TOO_OLD, ErrorCode.TIME_IN_FUTURE, ErrorCode.KEY_MISMATCH, ErrorCode.UNKNOWN_CURRENCY,
        }  # fmt: skip
        if b'"specversion"' not in value and not refused_later:
            assert accepted is not isinstance(found, tuple)


@settings(max_examples=examples(600), deadline=None)
@given(amount=st.floats(0, 2e12, exclude_max=True))
@example(0.005)
@example(0.015)
@example(9_999_999.995)
@example(10_000_000.005)
@example(123456789.125)
def test_an_amount_in_floating_point_is_its_shortest_decimal_rounded_half_even(amount: float) -> None:
    value = json.dumps(VALID | {"amount": amount}).encode()

    found = outcome(QUICK, "purchase", value, b"anna")

    if amount >= 1e12:
        assert isinstance(found, tuple)
        assert found[0] is ErrorCode.AMOUNT_TOO_LARGE
    else:
        exact = Decimal(repr(amount)).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
        assert isinstance(found, Purchase)
        assert found.amount_minor == int(exact * 100)
