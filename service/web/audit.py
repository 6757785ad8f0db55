"""A line in the log for every view of persons and for every change to one: who, from where, whom.

Persons are told by a keyed hash, so that the log names nobody and yet answers "who saw this one?" for whoever has the
key: that of erasures, or without one the first token. The token is told by its name and by the first characters of its
own hash.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterable
from typing import Final

import structlog
from fastapi import Request

from service.config import Settings
from service.web.access import Holder
from service.web.seen import Look, Seen

_LENGTH: Final = 16
_IN_A_LINE: Final = 500

log = structlog.get_logger()


class Audit:
    """Writes the lines."""

    def __init__(self, settings: Settings, seen: Seen | None = None) -> None:
        """`seen`: what is told on the page of who has looked; None: nothing is."""
        self.seen = seen or Seen()
        secrets = [settings.shop.erasure_salt, settings.web.token, *(each.token for each in settings.web.tokens)]
        self._key = next((each.get_secret_value().encode() for each in secrets if each is not None), b"")

    def hash_of(self, customer_id: str) -> str:
        """How the log names a customer: HMAC-SHA-256, its first 16 hexadecimal digits."""
        return hmac.digest(self._key, b"seen:" + customer_id.encode(), "sha256").hex()[:_LENGTH]

    def viewed(self, request: Request, holder: Holder, customer_ids: Iterable[str]) -> None:
        """At each request that shows somebody, once for each of them."""
        seen = sorted({self.hash_of(each) for each in customer_ids if each})
        who = _who(request, holder)
        self.seen.note(Look(time.time(), who["who"], who["client"], who["path"]), seen)
        for begin in range(0, max(1, len(seen)), _IN_A_LINE):
            log.info("persons viewed", **who, customers=seen[begin : begin + _IN_A_LINE])

    def changed(self, request: Request, holder: Holder, action: str, customer_id: str) -> None:
        """At each request that changes something of somebody."""
        log.info("person changed", **_who(request, holder), action=action, customers=[self.hash_of(customer_id)])


def _who(request: Request, holder: Holder) -> dict[str, str]:
    """The path is the route's, for the request's own may hold whom it is about."""
    route = request.scope.get("route")
    return {
        "path": getattr(route, "path", "") or request.url.path,
        "client": request.client.host if request.client else "",
        "who": holder.name,
        "token": holder.fingerprint,
    }
