"""Stream time: what one partition believes "now" is. Never runs backwards.

Events move it to the highest event time seen. A jump ahead of more than `max_jump` is not believed until events of
further customers lie beyond it too, so that one wrong date does not carry everybody into the future.
Long silence of the whole feed is measured here as well: it is nobody's absence. By the hours at which the shop usually
sells, once they are known (rhythm.py); before, by the feed's pulse.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from service.domain.calendar import DAY_US, HOUR_US
from service.domain.policy import Timing
from service.domain.rhythm import Rhythm
from service.domain.stored import Stored

_PULSE_FORGETTING: Final = 0.99
_PULSE_FACTOR: Final = 30.0
"""A feed is silent after this many of its usual intervals, if that is longer than the configured hours: a tiny shop may
rest for days."""
_PULSE_EVIDENCE: Final = 30
_PAUSE_FACTOR: Final = 1.25
"""Nor before this much more than the usual longest pause of a week: who closes on weekends is not silent every
Monday."""
_PAUSE_WEIGHT: Final = 0.5
_LONGEST_PAUSE_US: Final = 4 * DAY_US
"""A longer one is no weekend."""
_WEEK_US: Final = 7 * DAY_US
_UNKNOWN_PAUSE_US: Final = 7 * DAY_US + DAY_US // 2
"""In the first week a shorter one may be the shop's rhythm, and everybody's: dates wait for it as for any, but it is
taken off nobody's gap."""
_PENDING_KEPT: Final = 16
_UNLIMITED_US: Final = 1 << 61


class ClockState(Stored):
    """What a restart must know."""

    STORED: ClassVar[tuple[str, ...]] = (
        "now_us", "heard_us", "pending", "interval_us", "intervals", "stalled_us", "pause_us", "longest_us",
        "unexplained",
    )  # fmt: skip

    def __init__(self) -> None:
        self.now_us: int = 0
        """Stream time; 0 before the first event."""
        self.heard_us: int = 0
        """Event time of the newest event that moved time: the feed was alive then."""
        self.pending: list[tuple[int, str]] = []
        """Unconfirmed jumps: the event times beyond, one per customer, ascending; since time last moved in the ordinary
        way, or else a wrong date a year would add up to a confirmation."""
        self.interval_us: float = 0.0
        """Usual time between events. Those that do not move time on count too: a log of whole days has many at one
        instant."""
        self.intervals: int = 0
        self.stalled_us: int = 0
        """Total length of feed silences so far."""
        self.pause_us: float = 0.0
        """Usual longest interval of a week."""
        self.longest_us: int = 0
        """Longest interval of the present week so far."""
        self.unexplained: list[list[int]] = []
        """Silences of the first week, which may be the shop's rhythm: when each ended, and its length. A handful, for
        each is longer than the configured hours."""

    def take_fields(self, fields: Sequence[Any]) -> None:
        """A jump comes back from its stored form as a list."""
        read, place = list(fields), self.STORED.index("pending")
        if len(read) > place:
            read[place] = [(jump[0], jump[1]) for jump in read[place]]
        super().take_fields(read)


class StreamClock:
    """Moves `state.now_us` forward. O(1) per event; a jump costs O(pending ≤ 16)."""

    def __init__(self, timing: Timing, state: ClockState | None = None, rhythm: Rhythm | None = None) -> None:
        """`rhythm`: of the whole feed, if somebody learns it."""
        self.state = state or ClockState()
        self._rhythm = rhythm
        self._max_jump_us = int(timing.max_jump_days * DAY_US)
        self._needed = timing.jump_confirmations
        self._silence_us = int(timing.feed_silence_hours * HOUR_US)

    @property
    def now_us(self) -> int:
        return self.state.now_us

    def silence_limit_us(self) -> int:
        """Silence of the whole partition after which absence can no longer be concluded; unlimited while the pulse is
        unknown."""
        if self.state.intervals < _PULSE_EVIDENCE:
            return _UNLIMITED_US
        state = self.state
        return max(self._silence_us, int(_PULSE_FACTOR * state.interval_us), int(_PAUSE_FACTOR * state.pause_us))

    def observe(self, at_us: int, customer_id: str) -> int:
        """Takes in the time of an event and returns stream time after it."""
        state = self.state
        now = state.now_us
        if at_us <= now:
            if at_us > state.heard_us:
                self._hear(at_us)
            else:
                state.interval_us *= _PULSE_FORGETTING
            return now
        if state.intervals == 0 or at_us - max(now, state.heard_us) <= self._max_jump_us:
            self._move(at_us)
            if state.pending:
                self._settle()
                state.pending = []
        else:
            self._doubt(at_us, customer_id)
            self._settle()
        return state.now_us

    def advance(self, to_us: int) -> int:
        """The wall clock moves time on, but not beyond what a living feed allows. Returns stream time after it."""
        state = self.state
        if state.intervals:
            to_us = min(to_us, self._believed_until_us())
        state.now_us = max(state.now_us, to_us)
        return state.now_us

    def pending_silence_us(self) -> int:
        """By how much `stalled_us` will grow if the unconfirmed jump is confirmed."""
        state = self.state
        if self._rhythm is not None and self._rhythm.believed:
            return 0
        interval = state.pending[0][0] - state.heard_us if state.pending else 0
        return interval if interval > self.silence_limit_us() else 0

    def unexplained_us(self, since_us: int, until_us: int) -> int:
        """What of the silences between two visits may be the shop's rhythm, and everybody's."""
        return sum([length for ended, length in self.state.unexplained if since_us < ended <= until_us])

    def stalled(self, wall_us: int) -> bool:
        """Whether the feed has been silent for so long that absence alerts wait."""
        return self.state.intervals > 0 and wall_us > self._believed_until_us()

    def _believed_until_us(self) -> int:
        """Up to when time may go on without an event."""
        if self._rhythm is not None and self._rhythm.believed:
            return self._rhythm.told_us()
        return self.state.heard_us + self.silence_limit_us()

    def _move(self, at_us: int) -> None:
        self._hear(at_us)
        self.state.now_us = at_us

    def _hear(self, at_us: int) -> None:
        state = self.state
        interval = at_us - state.heard_us
        if state.intervals == 1:
            state.interval_us = float(interval)
        elif state.intervals:
            # the limit is no less than the configured silence, and takes longer to tell
            if interval > self._silence_us and interval > self.silence_limit_us():
                self._add_silence(at_us, interval)
            else:
                state.interval_us += (1 - _PULSE_FORGETTING) * (interval - state.interval_us)
            self._pause(at_us, interval)
        state.intervals += 1
        state.heard_us = at_us

    def _add_silence(self, at_us: int, interval: int) -> None:
        """The feed was silent by its pulse, and is back."""
        rhythm = self._rhythm
        if rhythm is not None:
            if rhythm.believed or not rhythm.beyond_own_pauses_us(interval):
                return
            if rhythm.is_new and interval <= _UNKNOWN_PAUSE_US:
                self.state.unexplained.append([at_us, interval])
            rhythm.counted(at_us)
        self.state.stalled_us += interval

    def _pause(self, at_us: int, interval: int) -> None:
        state = self.state
        if at_us // _WEEK_US != state.heard_us // _WEEK_US and state.longest_us:
            state.pause_us += _PAUSE_WEIGHT * (state.longest_us - state.pause_us)
            state.longest_us = 0
        if state.longest_us < interval <= _LONGEST_PAUSE_US:
            state.longest_us = interval

    def _doubt(self, at_us: int, customer_id: str) -> None:
        others = [(t, who) for t, who in self.state.pending if who != customer_id]
        mine = [t for t, who in self.state.pending if who == customer_id]
        others.append((min([*mine, at_us]), customer_id))
        self.state.pending = sorted(others)[:_PENDING_KEPT]

    def forget(self, customer_id: str, stands_for: str) -> None:
        """Of whom an unconfirmed time is need not be known, only that they are further people."""
        state = self.state
        if state.pending:
            state.pending = [(t, stands_for if who == customer_id else who) for t, who in state.pending]

    def _settle(self) -> None:
        """Moves to doubted times that have come within reach, or that enough customers confirm."""
        state = self.state
        while True:
            state.pending = [entry for entry in state.pending if entry[0] > state.now_us]
            reach = max(state.now_us, state.heard_us) + self._max_jump_us
            near = [t for t, _ in state.pending if t <= reach]
            if near:
                self._move(near[0])
            elif len(state.pending) > self._needed:
                self._move(state.pending[0][0])
            else:
                return
