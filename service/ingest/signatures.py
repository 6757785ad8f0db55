"""Whether what was posted is from who has the key, whole, and for those that say when: recent.

Each is the shop system's own rule. All digests are compared in constant time, and with each of the keys while one is
changed.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from service.config.sections.ingest import SourceSettings
from service.delivery.signing import SignatureError, Verifier, keys_of

Check = Callable[[Mapping[str, str], bytes, float], None]
"""Headers by their names in small letters, the body, the time (Unix seconds). Raises SignatureError."""

TOLERANCE_S: Final = 300
_SHORTEST_OF_TWO: Final = 8
"""Characters of a key that has another one beside it."""
_HEADERS: Final = {
    "shopify": "x-shopify-hmac-sha256",
    "woocommerce": "x-wc-webhook-signature",
    "square": "x-square-hmacsha256-signature",
}


def check_of(source: SourceSettings, url: str) -> Check:
    """`url`: that of the source, as it is known outside. Raises ValueError for a key that is none."""
    keys = [] if source.secret is None else _keys_in(source.secret.get_secret_value())
    match source.kind:
        case "stripe":
            return lambda headers, body, now_s: _stripe(keys, headers.get("stripe-signature", ""), body, now_s)
        case "plain" if source.token is not None:
            token = source.token.get_secret_value().encode()
            return lambda headers, _body, _now_s: _bearer(token, headers.get("authorization", ""))
        case "plain":
            verifier = Verifier(keys_of(source.secret.get_secret_value() if source.secret else ""), TOLERANCE_S)
            return lambda headers, body, now_s: _standard(verifier, headers, body, now_s)
        case kind:
            name, before = _HEADERS[kind], url.encode() if kind == "square" else b""
            return lambda headers, body, _now_s: _base64_of(keys, name, headers.get(name, ""), before + body)


def _keys_in(secret: str) -> list[bytes]:
    """One key, or two while it is changed. WooCommerce makes secrets with blanks in them, so that the whole may be one;
    a piece that could be guessed is none."""
    whole, parts = secret.strip(), secret.split()
    are_two = len(parts) == 2 and min(map(len, parts)) >= _SHORTEST_OF_TWO
    return [key.encode() for key in ([whole, *parts] if are_two else [whole])]


def _base64_of(keys: Sequence[bytes], name: str, given: str, signed: bytes) -> None:
    if not given:
        raise SignatureError(f"the header {name} is missing")
    offered = given.strip().encode(errors="replace")
    right = [base64.b64encode(hmac.digest(key, signed, "sha256")) for key in keys]
    if True not in [hmac.compare_digest(each, offered) for each in right]:
        raise SignatureError("the signature is not made with our key, or the body has been changed")


def _stripe(keys: Sequence[bytes], given: str, body: bytes, now_s: float) -> None:
    """`t=SECONDS,v1=HEX,…`: over the seconds, a point and the body."""
    parts = [part.strip().partition("=") for part in given.split(",")]
    stamp = next((value for name, _, value in parts if name == "t"), "")
    offered = [value.encode(errors="replace") for name, _, value in parts if name == "v1"]
    if not offered or not (stamp.isascii() and stamp.isdigit() and len(stamp) < 16):
        raise SignatureError("the header stripe-signature is missing, or has no t= and v1=")
    if abs(now_s - int(stamp)) > TOLERANCE_S:
        raise SignatureError("the timestamp is too old, or lies ahead")
    signed = f"{stamp}.".encode() + body
    right = [hmac.digest(key, signed, "sha256").hex().encode() for key in keys]
    if True not in [hmac.compare_digest(mine, theirs) for mine in right for theirs in offered]:
        raise SignatureError("the signature is not made with our key, or the body has been changed")


def _bearer(token: bytes, given: str) -> None:
    scheme, _, rest = given.partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(rest.strip().encode(errors="replace"), token):
        raise SignatureError("the token of this source is asked for, as Authorization: Bearer …")


def _standard(verifier: Verifier, headers: Mapping[str, str], body: bytes, now_s: float) -> None:
    verifier.verify(headers, body, now_s)
