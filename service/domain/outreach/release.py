"""How fast what may go out does: overdue messages get slots, no hour and no day holds more than the limits.

Every message passes here last, so that what is counted does go out (or is withheld from the control group, which
counts like it).
"""

from __future__ import annotations

from typing import ClassVar, Final

from service.domain.calendar import HOUR_US, MINUTE_US, SECOND_US, Calendar
from service.domain.findings import Reason
from service.domain.policy import OutreachPolicy
from service.domain.stored import Stored

LATE_US: Final = 300 * SECOND_US
"""A message noticed later than this comes from a backlog: it waits until the backlog is read, for a purchase may lie in
it."""
_NEWEST: Final = 20
"""Decisions from which is told whether consents arrive at all."""
_NEARLY_ALL: Final = 0.9


class ReleaseState(Stored):
    """Next free slot for an overdue release, and what went out of late; what a restart must know."""

    STORED: ClassVar[tuple[str, ...]] = (
        "next_slot_us", "minutes", "next_turn_us", "asked", "unknown_share", "day", "sent_today", "next_day",
        "places_taken",
    )  # fmt: skip

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
        self.day: int = -1
        """Local day of the newest release; −1, like the next three, where no day has a limit."""
        self.sent_today: int = 0
        """Releases on it."""
        self.next_day: int = -1
        """Local day to which what was beyond the limit has been put off."""
        self.places_taken: int = 0
        """So much of that day's limit."""


class Release:
    """Of one partition."""

    def __init__(self, policy: OutreachPolicy, calendar: Calendar, state: ReleaseState | None = None) -> None:
        self.state = state or ReleaseState()
        self.delay_us: int = 0
        """How long purchases take to arrive: an alert is noticed by so much later without being overdue."""
        self._calendar = calendar
        self._spacing_us = HOUR_US // policy.overdue_per_hour
        self._at_most = policy.at_most_per_hour
        self._a_day: int = 0 if policy.daily_limit is None else policy.daily_limit
        """Of the whole shop; 0: no limit."""
        self._counted = sum(self.state.minutes[1::2])
        """What has gone out in the minutes that are counted."""
        self._partition = policy.partition
        self._partitions = policy.partitions

    # ---- whether consents arrive

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

    # ---- when

    def overdue(self, late_us: int) -> bool:
        """Whether what is acted on so long after its date is late because nobody looked."""
        return late_us > LATE_US + self.delay_us

    def slot_us(self, from_us: int) -> int:
        """Takes the next slot for an overdue message, from then on."""
        slot = max(self.state.next_slot_us, from_us)
        self.state.next_slot_us = slot + self._spacing_us
        return slot + self._spacing_us

    def day_us(self, now_us: int) -> int:
        """When the day's limit lets one more message go out: `now_us`, or a place on a later day, which is taken."""
        if not self._a_day:
            return now_us
        state, today = self.state, self._calendar.day_of(now_us)
        sent = state.sent_today if state.day == today else 0
        if sent < self._allowed_on(today):
            return now_us
        if state.next_day <= today:
            state.next_day, state.places_taken = today + 1, 0
        while state.places_taken >= self._allowed_on(state.next_day):
            state.next_day, state.places_taken = state.next_day + 1, 0
        state.places_taken += 1
        return self._calendar.start_of(state.next_day) + state.places_taken - 1

    def turn_us(self, now_us: int) -> int:
        """When the hour's ceiling lets one more message go out: `now_us`, or a turn later, which is taken.

        Counted by minutes, the present one and 60 before it: more than any hour holds.
        """
        state, minute = self.state, now_us // MINUTE_US
        minutes = state.minutes
        while minutes and minutes[0] < minute - 60:
            self._counted -= minutes[1]
            del minutes[:2]
        if self._counted < self._at_most:
            return now_us
        first = max(state.next_turn_us, (minutes[0] + 61) * MINUTE_US)
        state.next_turn_us = first + HOUR_US // self._at_most
        return max(first, now_us + 1)

    def count(self, now_us: int) -> None:
        """A message goes out."""
        state, minute = self.state, now_us // MINUTE_US
        minutes = state.minutes
        self._counted += 1
        if minutes and minutes[-2] >= minute:
            minutes[-1] += 1
        else:
            minutes.extend((minute, 1))
        if self._a_day:
            today = self._calendar.day_of(now_us)
            if state.day != today:
                state.day, state.sent_today = today, 0
            state.sent_today += 1

    def _allowed_on(self, day: int) -> int:
        """This partition's part of the day's limit. The parts of all add up to it; where it cannot be split evenly,
        what is left over goes round, a day here and a day there."""
        first, mine, partitions = day * self._a_day, self._partition, self._partitions
        return (first + self._a_day - 1 - mine) // partitions - (first - 1 - mine) // partitions
