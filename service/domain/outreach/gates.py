"""A rung has come due: what is decided, and why. Pure: the customer, the policy and the time in, an outcome with its
reason out.

Checked again at the moment of release. Order of the reasons: what the customer wants comes before what the shop wants,
and that before what the moment allows. A volume (volume.py) is asked between `refusal` and `sending`.
"""

from __future__ import annotations

from typing import ClassVar, Final, NamedTuple

from service.domain.calendar import DAY_US, HOUR_US, SECOND_US
from service.domain.customer import Customer
from service.domain.findings import Outcome, Reason
from service.domain.policy import ConsentRule, OutreachPolicy
from service.domain.stored import Stored

_LATE_US: Final = 300 * SECOND_US
"""An alert noticed later than this comes from a backlog: it waits until the backlog is read, for a purchase may lie in
it."""


class Verdict(NamedTuple):
    outcome: Outcome
    reason: Reason
    retry_us: int = 0
    """For deferred: when to look again."""


class ReleaseState(Stored):
    """Next free slot for an overdue release; what a restart must know."""

    STORED: ClassVar[tuple[str, ...]] = ("next_slot_us",)

    def __init__(self) -> None:
        self.next_slot_us: int = 0


class Release:
    """Decides what may go out now. Overdue alerts (after an outage) get slots, so that they do not go out all at
    once."""

    def __init__(self, policy: OutreachPolicy, state: ReleaseState | None = None) -> None:
        self._policy = policy
        self.state = state or ReleaseState()
        self._spacing_us = HOUR_US // policy.overdue_per_hour
        self._stale_us = int(policy.stale_after_days * DAY_US)
        self._expires_us = int(policy.expires_after_days * DAY_US)

    def refusal(self, customer: Customer, detected_us: int, now_us: int, deferred: bool) -> Verdict | None:
        """Why nothing goes out, whatever the volume; None = it may.

        `detected_us` is the stored date, `now_us` the time at which it is acted on, `deferred` whether it has waited
        for a slot.
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
