"""Signatures of webhooks: published vectors, what each of them covers, and what is refused."""

from __future__ import annotations

import base64
import hmac
from typing import Any

import pytest

from service.config import SourceSettings
from service.delivery.signing import SignatureError, Signer, key_of
from service.ingest.signatures import TOLERANCE_S, check_of

NOW_S = 1_614_265_330.0
BODY = b'{"hello":"world"}'


def accepted(
    source: dict[str, Any], headers: dict[str, str], body: bytes = BODY, now_s: float = NOW_S, url: str = ""
) -> bool:
    try:
        check_of(SourceSettings(**source), url)(headers, body, now_s)
    except SignatureError:
        return False
    return True


def signed(key: str, body: bytes) -> str:
    return base64.b64encode(hmac.new(key.encode(), body, "sha256").digest()).decode()


def test_the_vector_of_square() -> None:
    source = {"kind": "square", "secret": "asdf1234"}
    headers = {"x-square-hmacsha256-signature": "2kRE5qRU2tR+tBGlDwMEw2avJ7QM4ikPYD/PJ3bd9Og="}
    url = "https://example.com/webhook"

    assert accepted(source, headers, url=url)
    assert not accepted(source, headers, url=url + "/")
    assert not accepted(source, headers, BODY + b" ", url=url)
    assert not accepted({**source, "secret": "asdf1235"}, headers, url=url)


def test_the_vector_of_standard_webhooks() -> None:
    source = {"kind": "plain", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
    body = b'{"test": 2432232314}'
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }

    assert accepted(source, headers, body)
    assert not accepted(source, headers, body + b" ")
    assert not accepted(source, headers, body, NOW_S + TOLERANCE_S + 1)
    assert not accepted(source, {**headers, "webhook-id": "msg_other"}, body)


@pytest.mark.parametrize(
    ("kind", "header"), [("shopify", "x-shopify-hmac-sha256"), ("woocommerce", "x-wc-webhook-signature")]
)
def test_a_signature_over_the_raw_body(kind: str, header: str) -> None:
    source, right = {"kind": kind, "secret": "hush-hush"}, signed("hush-hush", BODY)

    assert accepted(source, {header: right})
    assert accepted({**source, "secret": "newer-ones hush-hush"}, {header: right})
    for given in ("", "?", right[:-1], "é" * 44, signed("other", BODY), hmac.new(b"hush", BODY, "sha256").hexdigest()):
        assert not accepted(source, {header: given})
    assert not accepted(source, {header: right}, b'{"hello": "world"}')
    assert not accepted(source, {"x-other": right})


def stripe_header(key: str, at_s: int, body: bytes = BODY) -> str:
    return f"t={at_s},v1={hmac.new(key.encode(), f'{at_s}.'.encode() + body, 'sha256').hexdigest()}"


def test_stripe_signs_the_time_as_well() -> None:
    source, at_s = {"kind": "stripe", "secret": "whsec_test_secret"}, int(NOW_S)
    right = stripe_header("whsec_test_secret", at_s)

    assert accepted(source, {"stripe-signature": right})
    assert accepted(source, {"stripe-signature": f"{right},v1=00,v0=abc"})
    assert accepted(source, {"stripe-signature": right}, now_s=NOW_S + TOLERANCE_S)
    assert not accepted(source, {"stripe-signature": right}, now_s=NOW_S + TOLERANCE_S + 1)
    assert not accepted(source, {"stripe-signature": right}, now_s=NOW_S - TOLERANCE_S - 1)
    assert not accepted(source, {"stripe-signature": right.replace(f"t={at_s}", f"t={at_s + 1}")})
    for given in ("", "t=,v1=", "v1=abc", f"t={at_s}", right.replace("v1=", "v0="), f"t={'9' * 40},v1=a", "t=-1,v1=a"):
        assert not accepted(source, {"stripe-signature": given})


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ("Bearer a-token-of-sixteen", True),
        ("bearer a-token-of-sixteen", True),
        ("a-token-of-sixteen", False),
        ("Bearer a-token-of-sixteeN", False),
        ("Basic a-token-of-sixteen", False),
        ("Bearer é", False),
        ("", False),
    ],
)
def test_a_token(given: str, right: bool) -> None:
    assert accepted({"kind": "plain", "token": "a-token-of-sixteen"}, {"authorization": given}) is right


def test_what_our_own_deliverer_signs_is_taken() -> None:
    secret = "whsec_" + base64.b64encode(b"x" * 32).decode()
    headers = Signer([key_of(secret)]).headers("e-1", int(NOW_S), BODY)
    assert accepted({"kind": "plain", "secret": secret}, headers)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"kind": "shopify"}, "secret is not set"),
        ({"kind": "stripe", "secret": "s", "token": "t" * 16}, "token is for plain"),
        ({"kind": "stripe", "secret": "s", "topic": "surveys"}, "topic is for plain"),
        ({"kind": "plain"}, "set secret"),
        ({"kind": "plain", "secret": "whsec_AAAA", "token": "t" * 16}, "one of the two"),
        ({"kind": "plain", "secret": "hush"}, "Standard Webhooks"),
        ({"kind": "plain", "token": "t" * 16, "customer": "a.b"}, "our own fields"),
        ({"kind": "shopify", "secret": "s", "url": "https://x"}, "url is for square"),
        ({"kind": "square", "secret": "s", "url": "x"}, "no web address"),
        ({"kind": "shopify", "secret": "s", "customer": "a..b"}, "is no path"),
    ],
)
def test_a_source_that_cannot_be_is_named(said: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SourceSettings(**said)


@pytest.mark.parametrize(
    "secret", ["k7 (Lq-", "a b", " x;Zq 9{T m,'?]Lk2Vd0u<R~e8Wj+P o&Yh5Gs#Nf1Ic3Bt ", "first-half second-half"]
)
def test_a_secret_may_hold_blanks_as_woocommerce_makes_them(secret: str) -> None:
    source = {"kind": "woocommerce", "secret": secret}
    header = "x-wc-webhook-signature"

    assert accepted(source, {header: signed(secret.strip(), BODY)})
    for piece in secret.split():
        assert accepted(source, {header: signed(piece, BODY)}) is (piece.endswith("-half")), "no short piece is a key"
