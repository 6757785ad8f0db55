"""What a target's answer means: for the message, and for the target."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from service.delivery.channel import Attempt, Result

LONGEST_WISH_S: Final = 86_400.0
"""No target is left alone for longer than a day because it asked for it."""
_GONE: Final = 410
_LATER: Final = frozenset({408, 425, 429})
_OF_THE_TARGET: Final = frozenset({401, 402, 403, 404, 405, 407, 421, 451})
"""Refusals that every message would get: they say something of how the target is set up, not of the message."""
_ASKS_FOR_A_PAUSE: Final = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one answer."""

    attempt: Attempt
    healthy: bool
    """The target works; False counts towards its circuit breaker."""
    hold_s: float | None = None
    """Nothing must be sent to it for so long: its own wish."""
    gone: bool = False
    """It says that it is gone for good: nothing must be sent to it at all."""


def judged(status: int, retry_after: str | None, now_s: float) -> Verdict:
    """`retry_after` is the header; `now_s` is the time of day in seconds since 1970, for headers that name a date."""
    detail = f"http {status}"
    if 200 <= status < 300:
        return Verdict(Attempt(Result.DELIVERED), healthy=True)
    if status == _GONE:
        return Verdict(Attempt(Result.RETRY, detail), healthy=False, gone=True)
    if 400 <= status < 500 and status not in _LATER:
        return Verdict(Attempt(Result.FAILED, detail), healthy=status not in _OF_THE_TARGET)
    wish_s = wished_s(retry_after, now_s)
    attempt = Attempt(Result.RETRY, detail, wish_s)
    return Verdict(attempt, healthy=status in _LATER, hold_s=wish_s if status in _ASKS_FOR_A_PAUSE else None)


def wished_s(retry_after: str | None, now_s: float) -> float | None:
    """Retry-After (RFC 9110, section 10.2.3), seconds or a date; None = none, or one that cannot be read."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:18]), LONGEST_WISH_S)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    at_s = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return min(max(0.0, at_s - datetime.fromtimestamp(now_s, UTC).timestamp()), LONGEST_WISH_S)
