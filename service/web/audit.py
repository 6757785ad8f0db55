"""A line in the log for every view of persons: who looked, from where, at whom.

Persons are told by a keyed hash, so that the log names nobody and yet answers "who saw this one?" for whoever has the
key: that of erasures, or without one the token. The token is told by the first characters of its own hash.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from typing import Final

import structlog
from fastapi import Request

from service.config import Settings

_LENGTH: Final = 16
_OF_A_TOKEN: Final = 8

log = structlog.get_logger()


class Audit:
    """Writes the lines."""

    def __init__(self, settings: Settings) -> None:
        token, salt = settings.web.token, settings.shop.erasure_salt
        secret = salt or token
        self._key = secret.get_secret_value().encode() if secret is not None else b""
        self._token = (
            hashlib.sha256(token.get_secret_value().encode()).hexdigest()[:_OF_A_TOKEN] if token is not None else ""
        )

    def hash_of(self, customer_id: str) -> str:
        """How the log names a customer: HMAC-SHA-256, its first 16 hexadecimal digits."""
        return hmac.digest(self._key, b"seen:" + customer_id.encode(), "sha256").hex()[:_LENGTH]

    def viewed(self, request: Request, customer_ids: Iterable[str]) -> None:
        """At each request that shows somebody, once for each of them."""
        log.info(
            "persons viewed",
            path=request.url.path,
            client=request.client.host if request.client else "",
            token=self._token,
            customers=sorted({self.hash_of(each) for each in customer_ids if each}),
        )
