"""The last moment before a message is sent: may it still be?"""

from __future__ import annotations

from typing import NamedTuple

from service.delivery.channel import Order
from service.delivery.memory import State


class Refused(NamedTuple):
    """It will not be sent."""

    state: State
    reason: str


def refusal(
    order: Order, now_us: int, cancelled: str | None, standing: str | None, channel: str | None
) -> Refused | None:
    """None = it may be sent.

    `cancelled` is the reason of an `outreach.cancelled` for it, `standing` why its customer must not be written to now,
    `channel` why the channel cannot carry it; None each = nothing of the kind. A sample was asked for by somebody of
    the shop for themselves: it needs no consent.
    """
    if cancelled is not None:
        return Refused(State.CANCELLED, cancelled)
    if now_us >= order.expires_us:
        return Refused(State.EXPIRED, "expired")
    if not order.sample:
        if standing is not None:
            return Refused(State.CANCELLED, standing)
        if order.consent is False or (order.consent is None and not order.consent_elsewhere):
            return Refused(State.CANCELLED, "no_consent" if order.consent is False else "consent_unknown")
    if channel is not None:
        return Refused(State.FAILED, channel)
    return None
