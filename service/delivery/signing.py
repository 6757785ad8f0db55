"""Signatures of webhooks, as Standard Webhooks 1.0 has them: who gets one can tell that it is ours, whole and recent.

Three headers: `webhook-id` (the same for every attempt, so that a receiver acts once), `webhook-timestamp` (seconds of
the attempt) and `webhook-signature`: `v1,` and the base64 of HMAC-SHA-256 over `id.timestamp.body`, one for each key,
with spaces between. While keys are changed there are two: who sends signs with both, who receives takes either.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
PREFIX: Final = "whsec_"
TOLERANCE_S: Final = 300
"""How far the two clocks may lie apart: beyond it a signature that somebody kept is worth nothing."""
_SHORTEST_KEY, _LONGEST_KEY = 24, 64
"""Bytes, by the specification."""
_IN_AN_ID: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "%")


class SignatureError(ValueError):
    """What came is not from who has the key, not whole, or not recent; the message says which."""


def key_of(secret: str) -> bytes:
    """`whsec_` and base64, as tools for webhooks show a key. Raises ValueError."""
    if not secret.startswith(PREFIX):
        raise ValueError(f"a key begins with {PREFIX}")
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"a key is {PREFIX} and base64") from error
    if not _SHORTEST_KEY <= len(key) <= _LONGEST_KEY:
        raise ValueError(f"a key has {_SHORTEST_KEY} to {_LONGEST_KEY} bytes, this one {len(key)}")
    return key


def keys_of(secrets: str) -> tuple[bytes, ...]:
    """One key, or several with spaces between, the newest first. Raises ValueError."""
    keys = tuple(key_of(secret) for secret in secrets.split())
    if not keys:
        raise ValueError("a key is missing")
    return keys


def header_id(event_id: str) -> str:
    """An id as it can stand in a header: as it is where that is printable ASCII, else percent-encoded UTF-8."""
    return quote(event_id, safe=_IN_AN_ID)


class Signer:
    """Signs with every key it has."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)

    def headers(self, event_id: str, at_s: int, body: bytes) -> dict[str, str]:
        """Of one attempt, made at `at_s` (seconds since 1970)."""
        shown = header_id(event_id)
        signed = signed_content(shown, at_s, body)
        return {
            ID: shown,
            TIMESTAMP: str(at_s),
            SIGNATURE: " ".join(f"v1,{_signature(key, signed)}" for key in self._keys),
        }


class Verifier:
    """Takes what any of its keys has signed."""

    def __init__(self, keys: Sequence[bytes], tolerance_s: int = TOLERANCE_S) -> None:
        self._keys = tuple(keys)
        self._tolerance_s = tolerance_s

    def verify(self, headers: Mapping[str, str], body: bytes, now_s: float) -> str:
        """The id of what came; names of headers in any case. Raises SignatureError."""
        found = {name.lower(): value for name, value in headers.items()}
        missing = [name for name in (ID, TIMESTAMP, SIGNATURE) if not found.get(name)]
        if missing:
            raise SignatureError(f"the header {missing[0]} is missing")
        stamp = found[TIMESTAMP]
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 16):
            raise SignatureError("the timestamp is no number of seconds")
        if abs(now_s - int(stamp)) > self._tolerance_s:
            raise SignatureError("the timestamp is too old, or lies ahead")
        signed = signed_content(found[ID], int(stamp), body)
        right = [_signature(key, signed).encode() for key in self._keys]
        offered = [
            text.encode(errors="replace")
            for version, _, text in (one.partition(",") for one in found[SIGNATURE].split())
            if version == "v1"
        ]
        # Every pair is compared, each in constant time: how long it takes says nothing.
        if True not in [hmac.compare_digest(mine, theirs) for mine in right for theirs in offered]:
            raise SignatureError("no signature is ours")
        return found[ID]


def signed_content(shown_id: str, at_s: int, body: bytes) -> bytes:
    return f"{shown_id}.{at_s}.".encode() + body


def _signature(key: bytes, signed: bytes) -> str:
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
