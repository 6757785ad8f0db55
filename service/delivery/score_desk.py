"""What of `customer-scores` is still to be posted from one partition: pure, time is an argument.

Only the newest of each customer counts: one that came while an older one waited takes its place, and one that came
while an older one was on its way follows it. So a customer's scores are posted in order, one at a time, and a target
that was down for a day gets everybody once. What was read may be committed up to the oldest that is open.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from service.delivery.channel import Attempt, Result
from service.delivery.desk import LONGEST_WISH_S
from service.delivery.pace import Backoff
from service.domain.calendar import SECOND_US, utc_text
from service.wire.cloud_events import SOURCE
from service.wire.ours import NOT_OURS

REMOVED: Final = "customer.removed"
"""Type of the event that a tombstone becomes: forget the numbers of this customer."""

Event = Mapping[str, Any]


def event_of(partition: int, offset: int, key: bytes | None, value: bytes | None, timestamp_ms: int) -> Event:
    """Raises ValueError for what is no event."""
    if value is not None:
        try:
            event = msgspec.json.decode(value)
        except NOT_OURS as error:
            raise ValueError(f"the record is no event: {error}") from error
        if not (isinstance(event, dict) and isinstance(event.get("id"), str) and isinstance(event.get("data"), dict)):
            raise ValueError("the record is no event")
        return event
    customer_id = (key or b"").decode()
    return {
        "specversion": "1.0",
        "id": f"{REMOVED}.{partition}.{offset}",
        "source": SOURCE,
        "type": REMOVED,
        "subject": customer_id,
        "time": utc_text(timestamp_ms * 1_000),
        "datacontenttype": "application/json",
        "data": {"customer_id": customer_id},
    }


@dataclass(slots=True)
class _Open:
    offset: int
    """Of the oldest record of this customer that is not done with."""
    event: Event
    attempts: int = 0
    busy: bool = False
    newer: tuple[int, Event] | None = None


class ScoreDesk:
    """Of one partition."""

    def __init__(self, backoff: Backoff, chance: Callable[[], float], start: int) -> None:
        self._backoff = backoff
        self._chance = chance
        self._next = start
        self._open: dict[bytes, _Open] = {}
        self._heads: list[tuple[int, int, bytes]] = []
        """A heap of (when to post, offset, key), one for each customer that is open and not on its way."""
        self.busy = 0

    def __len__(self) -> int:
        return len(self._open)

    @property
    def committable(self) -> int:
        """The offset from which a successor must read."""
        return min((one.offset for one in self._open.values()), default=self._next)

    def skip(self, offset: int) -> None:
        self._next = offset + 1

    def take(self, offset: int, key: bytes, event: Event) -> None:
        """The next record."""
        self._next = offset + 1
        found = self._open.get(key)
        if found is None:
            self._open[key] = _Open(offset, event)
            heapq.heappush(self._heads, (0, offset, key))
        elif found.busy:
            found.newer = (offset if found.newer is None else found.newer[0], event)
        else:
            found.event = event

    def due(self, now_us: int, most: int) -> list[tuple[bytes, Event]]:
        """To be posted now; each must be given back with `end`."""
        begun: list[tuple[bytes, Event]] = []
        while self._heads and self._heads[0][0] <= now_us and len(begun) < most:
            key = heapq.heappop(self._heads)[2]
            chosen = self._open[key]
            chosen.busy = True
            chosen.attempts += 1
            self.busy += 1
            begun.append((key, chosen.event))
        return begun

    def next_us(self) -> int | None:
        return self._heads[0][0] if self._heads else None

    def end(self, key: bytes, attempt: Attempt, now_us: int) -> None:
        done = self._open[key]
        done.busy = False
        self.busy -= 1
        not_before_us = now_us
        if attempt.result is Result.RETRY:
            pause_s = self._backoff.pause_s(done.attempts, self._chance())
            if attempt.retry_after_s is not None:
                pause_s = min(max(attempt.retry_after_s, 0.0), LONGEST_WISH_S)
            not_before_us += int(pause_s * SECOND_US)
            if done.newer is not None:  # the older offset stays: this one is not done with
                done.event, done.newer = done.newer[1], None
        elif done.newer is None:
            del self._open[key]
            return
        else:
            (done.offset, done.event), done.newer, done.attempts = done.newer, None, 0
        heapq.heappush(self._heads, (not_before_us, done.offset, key))
