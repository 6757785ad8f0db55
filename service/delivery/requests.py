"""Records of `outreach` → what they ask for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from service.delivery.channel import Order
from service.domain.calendar import DAY_US, NEVER
from service.wire.ours import NOT_OURS

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EXTERNAL: Final = "external"
RETRIED: Final = "deliverretry"
"""Attribute of an event that was written anew by `churn-alert deliver retry`: the channel that is to try it again."""
NEWS_KEPT_US: Final = 7 * DAY_US
"""So long it is worth telling that a request is void."""
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Cancelled:
    """An earlier request is void."""

    id: str
    """Of the request."""
    reason: str
    news: Order | None = field(default=None, compare=False)
    """The event itself, for a channel that passes it on."""


class UnreadableError(ValueError):
    """A record of `outreach` that is none of ours; the message says what is wrong with it."""


def read_request(
    value: bytes | None, channel: str = "", partition: int = 0, offset: int = 0
) -> Order | Cancelled | None:
    """None for what is of no concern: a tombstone, another type of event. Raises UnreadableError.

    A request that was written anew for another channel than this is of no concern either. Fields that this release does
    not know are kept for the templates; a record of a release before contact and consent
    were told is an order without an address.
    """
    if value is None:
        return None
    try:
        event = _decode(value)
        kind = event["type"]
        data = event["data"]
        if kind == "outreach.cancelled":
            return _cancelled(event, partition, offset)
        if kind != "outreach.requested":
            return None
        retried = event.pop(RETRIED, None)
        if retried not in {None, channel}:
            return None
        consent = data.get("consent") or {}
        word = consent.get("marketing_consent")
        since, quiet_since = consent.get("since"), data.get("quiet_since")
        return Order(
            id=_text(event["id"]),
            customer_id=_text(data["customer_id"]),
            expires_us=time_us(data["expires_at"]),
            consent=word if isinstance(word, bool) else None,
            consent_us=0 if since is None else time_us(since),
            consent_elsewhere=consent.get("rule") == _EXTERNAL,
            sample=data.get("sample") is True,
            event=event,
            partition=partition,
            offset=offset,
            retried=retried is not None,
            quiet_since_us=NEVER if quiet_since is None else time_us(quiet_since),
        )
    except (*NOT_OURS, KeyError, TypeError, AttributeError, ValueError) as error:
        raise UnreadableError(f"{type(error).__name__}: {error}"[:200]) from error


def _cancelled(event: dict[str, Any], partition: int, offset: int) -> Cancelled:
    data = event["data"]
    about = _text(data["cancelled_id"])
    at = event.get("time")
    news = Order(
        id=event.get("id") or f"{about}.cancelled",
        customer_id=_text(data["customer_id"]),
        expires_us=(0 if at is None else time_us(at)) + NEWS_KEPT_US,
        consent=None,
        consent_us=0,
        consent_elsewhere=True,
        sample=False,
        event=event,
        partition=partition,
        offset=offset,
        takes_back=about,
    )
    return Cancelled(about, _text(data["reason"])[:100], news)


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
