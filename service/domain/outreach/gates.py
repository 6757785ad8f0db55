"""A rung has come due: what is decided, and why. Pure: the customer, the policy and the time in, an outcome with its reason out.

Checked again at the moment of release. Order of the reasons: what the customer wants comes before what the shop wants,
and that before what the moment allows. A volume (volume.py) is asked between `refusal` and `sending`.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

from service.domain.calendar import DAY_US, HOUR_US, SECOND_US, to_date
from service.domain.customer import Customer
from service.domain.findings import Kind, Outcome, Reason
from service.domain.policy import ConsentRule, OutreachPolicy

_NAMESPACE = uuid.UUID("6f1d2f0a-6c0e-5d55-9b52-0d0a7c2f7f11").bytes
_LATE_US = 300 * SECOND_US
"""An alert noticed later than this comes from a backlog: it waits until the backlog is read, for a purchase may lie in it."""


class Verdict(NamedTuple):
    outcome: Outcome
    reason: Reason
    retry_us: int = 0
    """For deferred: when to look again."""


def decision_id(kind: Kind, rung: str, episode_day: int, customer_id: str) -> str:
    """The same customer, episode, kind and rung always give the same id: a UUID of version 5 (RFC 9562, section 5.5).

    Put together here because `uuid.uuid5` takes four times as long, and a backtest makes one or two for every silence.
    """
    name = f"{kind.value}/{rung}/{to_date(episode_day)}/{customer_id}"
    octets = bytearray(hashlib.sha1(_NAMESPACE + name.encode(), usedforsecurity=False).digest()[:16])
    octets[6] = octets[6] & 0x0F | 0x50
    octets[8] = octets[8] & 0x3F | 0x80
    digits = octets.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


class ReleaseState:
    """Next free slot for an overdue release; what a restart must know."""

    def __init__(self) -> None:
        self.next_slot_us: int = 0

    def fields(self) -> tuple[object, ...]:
        """In the order in which they are stored; new ones are appended."""
        return (self.next_slot_us,)

    @classmethod
    def of(cls, fields: Sequence[Any]) -> ReleaseState:
        """What `fields` gave; missing ones keep their defaults."""
        state = cls()
        for name, value in zip(("next_slot_us",), fields, strict=False):
            setattr(state, name, value)
        return state


class Release:
    """Decides what may go out now. Overdue alerts (after an outage) get slots, so that they do not go out all at once."""

    def __init__(self, policy: OutreachPolicy, state: ReleaseState | None = None) -> None:
        self._policy = policy
        self.state = state or ReleaseState()
        self._spacing_us = HOUR_US // policy.overdue_per_hour
        self._stale_us = int(policy.stale_after_days * DAY_US)
        self._expires_us = int(policy.expires_after_days * DAY_US)

    def refusal(self, customer: Customer, detected_us: int, now_us: int, deferred: bool) -> Verdict | None:
        """Why nothing goes out, whatever the volume; None = it may.

        `detected_us` is the stored date, `now_us` the time at which it is acted on, `deferred` whether it has waited for a slot.
        """
        late_us = now_us - detected_us
        if deferred and late_us > self._expires_us:
            return Verdict(Outcome.EXPIRED, Reason.STALE)
        consent = customer.profile.consent if customer.profile is not None else None
        if consent is False:
            return Verdict(Outcome.SUPPRESSED, Reason.NO_CONSENT)
        if consent is None and self._policy.consent is ConsentRule.REQUIRED:
            return Verdict(Outcome.SUPPRESSED, Reason.CONSENT_UNKNOWN)
        if not deferred and late_us > self._stale_us:
            return Verdict(Outcome.SUPPRESSED, Reason.STALE)
        return None

    def sending(self, detected_us: int, now_us: int, deferred: bool) -> Verdict:
        """How what may go out does."""
        if self._policy.shadow:
            return Verdict(Outcome.SUPPRESSED, Reason.SHADOW)
        if not deferred and now_us - detected_us > _LATE_US:
            slot = max(self.state.next_slot_us, now_us)
            self.state.next_slot_us = slot + self._spacing_us
            return Verdict(Outcome.DEFERRED, Reason.RELEASE_RATE, slot + self._spacing_us)
        return Verdict(Outcome.RELEASED, Reason.DUE)
