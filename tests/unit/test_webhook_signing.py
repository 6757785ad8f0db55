"""Signatures are those of Standard Webhooks: its published example, and what a receiver must not take."""

from __future__ import annotations

import base64

import pytest

from service.delivery.signing import SignatureError, Signer, Verifier, header_id, keys_of

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - of the example below
"""With the id, time and body below: the example by which the specification's own libraries are tested."""
ID, AT_S, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
OTHER = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def test_the_example_of_the_specification_comes_out() -> None:
    headers = Signer(keys_of(SECRET)).headers(ID, AT_S, BODY)

    assert headers == {"webhook-id": ID, "webhook-timestamp": str(AT_S), "webhook-signature": SIGNATURE}
    assert Verifier(keys_of(SECRET)).verify(headers, BODY, AT_S) == ID


@pytest.mark.parametrize(
    ("signs", "takes"), [(f"{OTHER} {SECRET}", SECRET), (SECRET, f"{OTHER} {SECRET}"), (OTHER, OTHER)]
)
def test_keys_are_changed_without_a_message_that_is_refused(signs: str, takes: str) -> None:
    headers = Signer(keys_of(signs)).headers(ID, AT_S, BODY)

    assert len(headers["webhook-signature"].split()) == len(signs.split())
    assert Verifier(keys_of(takes)).verify(headers, BODY, AT_S) == ID


def test_names_of_headers_are_taken_in_any_case() -> None:
    headers = {name.title(): value for name, value in Signer(keys_of(SECRET)).headers(ID, AT_S, BODY).items()}

    assert Verifier(keys_of(SECRET)).verify(headers, BODY, AT_S) == ID


@pytest.mark.parametrize(
    ("change", "body", "now_s", "said"),
    [
        ({}, BODY + b" ", AT_S, "no signature is ours"),
        ({"webhook-id": "msg_other"}, BODY, AT_S, "no signature is ours"),
        ({"webhook-timestamp": str(AT_S + 1)}, BODY, AT_S, "no signature is ours"),
        ({"webhook-signature": SIGNATURE.replace("v1,", "v2,")}, BODY, AT_S, "no signature is ours"),
        ({"webhook-signature": SIGNATURE.removeprefix("v1,")}, BODY, AT_S, "no signature is ours"),
        ({"webhook-signature": "v1,Zoë"}, BODY, AT_S, "no signature is ours"),
        ({"webhook-signature": ""}, BODY, AT_S, "webhook-signature is missing"),
        ({"webhook-timestamp": "now"}, BODY, AT_S, "no number of seconds"),
        ({"webhook-timestamp": "-1"}, BODY, AT_S, "no number of seconds"),
        ({"webhook-timestamp": "٣"}, BODY, AT_S, "no number of seconds"),
        ({}, BODY, AT_S + 301, "too old"),
        ({}, BODY, AT_S - 301, "lies ahead"),
    ],
)
def test_what_is_not_ours_whole_and_recent_is_refused(
    change: dict[str, str], body: bytes, now_s: int, said: str
) -> None:
    headers = Signer(keys_of(SECRET)).headers(ID, AT_S, BODY) | change

    with pytest.raises(SignatureError, match=said):
        Verifier(keys_of(SECRET)).verify(headers, body, now_s)


def test_another_key_signs_otherwise() -> None:
    with pytest.raises(SignatureError, match="no signature"):
        Verifier(keys_of(OTHER)).verify(Signer(keys_of(SECRET)).headers(ID, AT_S, BODY), BODY, AT_S)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_",
        "whsec_not base64!",
        "whsec_" + "QUFB" * 7,
        "whsec_" + "QUFB" * 30,
    ],
)
def test_what_is_no_key_is_refused(secret: str) -> None:
    with pytest.raises(ValueError):
        keys_of(secret)


@pytest.mark.parametrize(
    ("event_id", "shown"),
    [
        ("6f1d2f0a-6c0e-5d55", "6f1d2f0a-6c0e-5d55"),
        ("scores.Zoë 1.5", "scores.Zo%C3%AB%201.5"),
        ("50%", "50%25"),
        ("a\r\nx: y", "a%0D%0Ax:%20y"),
    ],
)
def test_any_id_can_stand_in_a_header(event_id: str, shown: str) -> None:
    headers = Signer(keys_of(SECRET)).headers(event_id, AT_S, BODY)

    assert header_id(event_id) == headers["webhook-id"] == shown
    assert Verifier(keys_of(SECRET)).verify(headers, BODY, AT_S) == shown
