"""A rung has come due: what is decided, and why. Pure: the customer, the policy and the time in, an outcome with its
reason out.

Checked again at the moment of release. Order of the reasons: what the customer wants comes before what the shop wants,
and that before what the moment allows. A volume (volume.py) is asked between `refusal` and `sending`.
"""

from __future__ import annotations

from typing import ClassVar, Final, NamedTuple

from service.domain.calendar import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from service.domain.customer import Customer
from service.domain.findings import Outcome, Reason
from service.domain.policy import ConsentRule, OutreachPolicy
from service.domain.stored import Stored

_LATE_US: Final = 300 * SECOND_US
"""An alert noticed later than this comes from a backlog: it waits until the backlog is read, for a purchase may lie in
it."""

_NEWEST: Final = 20
"""Decisions from which is told whether consents arrive at all."""
_NEARLY_ALL: Final = 0.9


class Verdict(NamedTuple):
    outcome: Outcome
    reason: Reason
    retry_us: int = 0
    """For deferred: when to look again."""


class ReleaseState(Stored):
    """Next free slot for an overdue release, and what went out of late; what a restart must know."""

    STORED: ClassVar[tuple[str, ...]] = ("next_slot_us", "minutes", "next_turn_us", "asked", "unknown_share")

    def __init__(self) -> None:
        self.next_slot_us: int = 0
        self.minutes: list[int] = []
        """Of the last hour: minute since 1970, releases in it, the next minute …"""
        self.next_turn_us: int = 0
        """Next free slot for a release beyond the hour's limit."""
        self.asked: int = 0
        """Steps that were decided, each once."""
        self.unknown_share: float = 0.0
        """Of the newest of them, by how many nobody knew of a consent, 0–1."""


class Release:
    """Decides what may go out now. Overdue alerts (after an outage) get slots, so that they do not go out all at once;
    and of whatever there is, never more goes out in any hour than the ceiling."""

    def __init__(self, policy: OutreachPolicy, state: ReleaseState | None = None) -> None:
        self._policy = policy
        self.state = state or ReleaseState()
        self.delay_us: int = 0
        """How long purchases take to arrive: an alert is noticed by so much later without being overdue."""
        self._spacing_us = HOUR_US // policy.overdue_per_hour
        self._stale_us = int(policy.stale_after_days * DAY_US)
        self._expires_us = int(policy.expires_after_days * DAY_US)
        self._at_most = policy.at_most_per_hour

    def decided(self, reason: Reason) -> None:
        """A step has come due, with this outcome."""
        state = self.state
        state.asked += 1
        unknown = 1.0 if reason is Reason.CONSENT_UNKNOWN else 0.0
        state.unknown_share += (unknown - state.unknown_share) / min(state.asked, _NEWEST)

    @property
    def lacks_consents(self) -> bool:
        """Whether nearly every step ends at a consent of which nobody knows: then the shop does not send them."""
        return self.state.asked >= _NEWEST and self.state.unknown_share >= _NEARLY_ALL

    def refusal(
        self, customer: Customer, detected_us: int, now_us: int, deferred: bool, held_until_us: int
    ) -> Verdict | None:
        """Why nothing goes out, whatever the volume; None = it may.

        `detected_us` is the stored date, `now_us` the time at which it is acted on, `deferred` whether it has waited,
        `held_until_us` up to when it was held for a reason that lies in the feed: time that does not count as waiting.
        """
        late_us = now_us - detected_us
        if deferred and now_us - max(detected_us, held_until_us) > self._expires_us:
            return Verdict(Outcome.EXPIRED, Reason.STALE)
        consent = customer.profile.consent if customer.profile is not None else None
        if consent is False:
            return Verdict(Outcome.SUPPRESSED, Reason.NO_CONSENT)
        if consent is None and self._policy.consent is ConsentRule.REQUIRED:
            return Verdict(Outcome.SUPPRESSED, Reason.CONSENT_UNKNOWN)
        if not deferred and late_us > self._stale_us:
            return Verdict(Outcome.SUPPRESSED, Reason.STALE)
        return None

    def sending(self, detected_us: int, now_us: int, slotted: bool) -> Verdict:
        """How what may go out does. `slotted`: it has waited for a slot of its own."""
        if self._policy.shadow:
            return Verdict(Outcome.SUPPRESSED, Reason.SHADOW)
        if not slotted and now_us - detected_us > _LATE_US + self.delay_us:
            slot = max(self.state.next_slot_us, now_us)
            self.state.next_slot_us = slot + self._spacing_us
            return Verdict(Outcome.DEFERRED, Reason.RELEASE_RATE, slot + self._spacing_us)
        turn_us = self._turn_us(now_us)
        if turn_us > now_us:
            return Verdict(Outcome.DEFERRED, Reason.HOURLY_LIMIT, turn_us)
        return Verdict(Outcome.RELEASED, Reason.DUE)

    def _turn_us(self, now_us: int) -> int:
        """When this one may go out: now, and then it is counted, or when the ceiling lets it.

        Counted by minutes, the present one and 60 before it: more than any hour holds.
        """
        state, minute = self.state, now_us // MINUTE_US
        minutes = state.minutes
        while minutes and minutes[0] < minute - 60:
            del minutes[:2]
        if sum(minutes[1::2]) >= self._at_most:
            first = max(state.next_turn_us, (minutes[0] + 61) * MINUTE_US)
            state.next_turn_us = first + HOUR_US // self._at_most
            return max(first, now_us + 1)
        if minutes and minutes[-2] >= minute:
            minutes[-1] += 1
        else:
            minutes.extend((minute, 1))
        return now_us
