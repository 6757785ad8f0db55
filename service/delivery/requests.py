"""Records of `outreach` → what they ask for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from service.delivery.channel import Order

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EXTERNAL: Final = "external"
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Cancelled:
    """An earlier request is void."""

    id: str
    """Of the request."""
    reason: str


class UnreadableError(ValueError):
    """A record of `outreach` that is none of ours; the message says what is wrong with it."""


def read_request(value: bytes | None) -> Order | Cancelled | None:
    """None for what is of no concern: a tombstone, another type of event. Raises UnreadableError.

    Fields that this release does not know are kept for the templates; a record of a release before contact and consent
    were told is an order without an address.
    """
    if value is None:
        return None
    try:
        event = _decode(value)
        kind = event["type"]
        data = event["data"]
        if kind == "outreach.cancelled":
            return Cancelled(_text(data["cancelled_id"]), _text(data["reason"])[:100])
        if kind != "outreach.requested":
            return None
        consent = data.get("consent") or {}
        word = consent.get("marketing_consent")
        since = consent.get("since")
        return Order(
            id=_text(event["id"]),
            customer_id=_text(data["customer_id"]),
            expires_us=time_us(data["expires_at"]),
            consent=word if isinstance(word, bool) else None,
            consent_us=0 if since is None else time_us(since),
            consent_elsewhere=consent.get("rule") == _EXTERNAL,
            sample=data.get("sample") is True,
            event=event,
        )
    except (msgspec.MsgspecError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise UnreadableError(f"{type(error).__name__}: {error}"[:200]) from error


def time_us(text: Any) -> int:
    """RFC 3339 → µs. Raises ValueError."""
    moment = msgspec.convert(text, datetime)
    if moment.tzinfo is None:
        raise ValueError("a time without an offset")
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a text is missing")
    return value
