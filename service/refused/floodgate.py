"""When nearly everything of a source is refused, the source is not read on: an outage, not ninety days of letters.

Each input of a partition has one. It counts refusals against what is accepted: whoever refuses more than the share that
is allowed comes to the limit sooner or later, a bad record now and then never does, and what costs anything at all is a
refusal. What lies behind is kept undecoded, and in Kafka: nothing of it counts, no position moves over it, and no
absence is concluded. It goes on by itself when what waits would be accepted again, as when a clock has been set, and by
`churn-alert dead-letters resume`.

How far a source is from its limit is kept with the position, as of it: a worker that starts again and again takes up
where the one before was, and writes no further letters of a source that was not read on.

A clock that is off refuses everything, or nothing that it should, so it is looked at first: the broker has written down
when a record was appended, and a record cannot be younger than now, nor older than a look at which it was not there.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
from aiokafka.structs import ConsumerRecord

LOG_APPEND_TIME: Final = 1
"""Of a record whose timestamp is the broker's."""
PROBE_S: Final = 5.0
"""Between two tries of what waits."""
PROBED: Final = 50
"""Records of a try, of the newest that wait."""


class Standing(NamedTuple):
    """Of one input, as of the position."""

    level: float = 0.0
    """By how many refusals it is ahead of the share that is allowed."""
    refused_as: str = ""
    """The code of the last of them."""
    allowed: bool = False
    """Somebody has said that it is to go on."""


def pack_kept(kept: Mapping[str, Standing]) -> bytes:
    """By topic."""
    return msgspec.msgpack.encode(kept)


def unpack_kept(value: bytes) -> dict[str, Standing]:
    """Raises ValueError for what is no such record."""
    try:
        return msgspec.msgpack.decode(value, type=dict[str, Standing])
    except msgspec.MsgspecError as error:
        raise ValueError(f"not a record of this release: {error}") from error


def is_news(told: Standing, now: Standing) -> bool:
    """Whether it is to be kept anew: whatever was refused, and what was made good when it has halved."""
    return now != told and (
        now.level > told.level or now.allowed != told.allowed or not now.level or now.level * 2 <= told.level
    )


class Floodgate:
    """Of one input of one partition."""

    def __init__(self, most_share: float, most_refused: int, clock_limit_s: float) -> None:
        """It shuts when refusals are `most_refused` ahead of the share of all that is allowed."""
        self._never = most_share >= 1.0
        self._relief = most_share / max(1e-9, 1.0 - most_share)
        """How many refusals one accepted record makes good."""
        self._most = most_refused
        self._clock_limit_s = clock_limit_s
        self._level = 0.0
        self._refused_as = ""
        self._course: deque[tuple[int, Standing]] = deque()
        """Behind which offset it was where, of those that are decoded and not applied."""
        self._kept = Standing()
        self._probed_s = 0.0
        self._allowed = False
        """Whether somebody has said that it is to go on; until it is well again."""
        self.waiting: list[ConsumerRecord] = []
        self.after_us = 0
        """None of those lay in the log yet then; 0: not known."""
        self.reason = ""
        """Why it is shut; empty: it is not."""

    def accepted(self, records: int, last: int) -> None:
        """So many, of which `last` is the last offset."""
        if records > 0 and self._level:
            self._level = max(0.0, self._level - self._relief * records)
            if not self._level:
                self._allowed = False
            self._note(last)

    def refused(self, accepted_before: int, code: str, offset: int) -> bool:
        """One more, after so many that were accepted. Returns whether it is shut now."""
        self.accepted(accepted_before, offset - 1)
        self._level += 1.0
        self._refused_as = code
        self._note(offset)
        return self._shuts()

    def _shuts(self) -> bool:
        if self._level < self._most or self._allowed or self._never:
            return False
        self.reason = f"nearly all of its records are refused, the last as {self._refused_as}"
        return True

    def _note(self, offset: int) -> None:
        self._course.append((offset, Standing(self._level, self._refused_as if self._level else "", self._allowed)))

    def kept(self, position: int) -> Standing:
        """As of that position, which never goes back."""
        while self._course and self._course[0][0] < position:
            self._kept = self._course.popleft()[1]
        return self._kept

    def restore(self, kept: Standing) -> None:
        """It goes on from there."""
        self._course.clear()
        self._kept = kept
        self._level, self._refused_as, self._allowed = kept
        self._shuts()

    def looks_at_clock(self, records: Sequence[ConsumerRecord], after_us: int, now_us: int) -> bool:
        """Whether these say that our clock is right, as far as they say anything."""
        ahead_s = _clock_ahead_s(records, after_us, now_us)
        if abs(ahead_s) <= self._clock_limit_s:
            return True
        self.reason = off_by(ahead_s)
        return False

    def keep(self, records: Sequence[ConsumerRecord], after_us: int = 0) -> None:
        """These wait behind it."""
        if not self.waiting:
            self.after_us = after_us
        self.waiting.extend(records)

    def may_probe(self) -> bool:
        """Whether it is time to try again what waits."""
        now_s = time.monotonic()
        if not self.reason or not self.waiting or now_s - self._probed_s < PROBE_S:
            return False
        self._probed_s = now_s
        return True

    def probed(self, refused: int, tried: int) -> bool:
        """So many of those tried are refused. Returns whether it may be opened."""
        return tried > 0 and refused < tried and (tried - refused) * self._relief >= refused

    def open(self, *, allowed: bool = False) -> list[ConsumerRecord]:
        """What has waited. `allowed`: by an operator's word, whatever it is."""
        waiting, self.waiting = self.waiting, []
        self.reason = ""
        self.restore(Standing(allowed=allowed))
        return waiting

    def forget(self, position: int) -> None:
        """It will be fetched again from there."""
        self.waiting = []
        self.reason = ""
        self.restore(self.kept(position))


def off_by(ahead_s: float) -> str:
    """Of our clock, negative where it is behind."""
    way = "ahead of" if ahead_s > 0 else "behind"
    return f"the clock of this machine is {abs(ahead_s):,.0f} s {way} the broker's: set whichever is wrong"


def _clock_ahead_s(records: Sequence[ConsumerRecord], after_us: int, now_us: int) -> float:
    """By how much our clock is certainly ahead of the broker's, negative where it is behind; 0: nothing is certain."""
    if not records or getattr(records[-1], "timestamp_type", None) != LOG_APPEND_TIME:
        return 0.0
    newest_us, oldest_us = int(records[-1].timestamp) * 1000, int(records[0].timestamp) * 1000
    if newest_us > now_us:
        return (now_us - newest_us) / 1e6
    since_us = min(after_us, now_us)
    return (since_us - oldest_us) / 1e6 if after_us and oldest_us < since_us else 0.0
