"""What a model refuses is said in words for who does not know what an input or a string is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from service.config import Settings
from service.errors import ConfigurationError, PoisonError, in_plain_words
from service.wire.decoder import Decoder, DecoderSettings

NOW_US = 1_780_000_000_000_000
ABOUT: dict[str, Any] = {"event_id": "e", "customer_id": "c", "occurred_at": "2026-03-01T09:30:00+01:00"}


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"customer_id": "a\tb", "amount": "1"}, "customer_id: must not have control characters, such as line breaks, in it"),
        ({"customer_id": 5, "amount": "1"}, "customer_id: must be a text"), ({"event_id": "", "amount": "1"}, "event_id: must not be empty"),
        ({"event_id": "x" * 300, "amount": "1"}, "event_id: must have at most 256 characters"),
        ({"amount": "1", "currency": "€"}, "currency: must be three capital letters of ISO 4217 such as EUR, got '€'"),
        ({"amount": "1", "kind": "x"}, "kind: must be 'purchase' or 'refund', got 'x'"),
    ],
)  # fmt: skip
def test_a_refused_purchase_says_what_it_must_be(said: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PoisonError) as refused:
        Decoder(DecoderSettings()).purchase(json.dumps(ABOUT | said).encode(), b"c", (), NOW_US)
    assert refused.value.message == sentence


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"contact": {"email": "x"}}, "contact.email: must be an address such as anna@shop.example"),
        ({"contact": {"phone": "x"}}, "contact.phone: must be a telephone number such as +33 1 23 45 67 89"),
        ({"locale": "??"}, "locale: must be a language such as en or fr-FR"),
        ({"marketing_consent": "maybe"}, "marketing_consent: must be true or false"), ({"contact": 5}, "contact: must have fields of its own"),
    ],
)  # fmt: skip
def test_a_refused_profile_as_well(said: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PoisonError) as refused:
        Decoder(DecoderSettings()).customer(json.dumps(ABOUT | said).encode(), b"c", (), NOW_US)
    assert refused.value.message == sentence


def test_a_setting_too() -> None:
    with pytest.raises(ConfigurationError, match=r"outreach\.second_visit: must be true or false"):
        Settings().changed(outreach={"second_visit": {"enabled": True}})


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("Input should be greater than or equal to 1", "must be greater than or equal to 1"), ("Value error, there is none", "there is none"),
        ("Input should be a valid date or datetime, input is too short", "must be a valid date or datetime, input is too short"),
        ("anything else", "anything else"),
    ],
)  # fmt: skip
def test_other_sentences_lose_their_jargon_and_nothing_more(theirs: str, ours: str) -> None:
    assert in_plain_words(theirs) == ours
