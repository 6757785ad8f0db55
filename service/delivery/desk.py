"""What is open in one partition, and what comes next: pure, time is an argument.

Orders of one customer stand in a lane: only the first of it is looked at, and the next one waits until that has ended,
be it for days of back-off. Orders of others go on meanwhile. What has been read may be committed up to the oldest order
that is open.

Every method that decides something gives the record that must lie in `deliveries` before anything else follows from it;
`recorded` is told when it does.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from service.delivery.aftermath import Aftermath, changed_by
from service.delivery.channel import Attempt, Order, Result
from service.delivery.gate import Refused
from service.delivery.memory import Entry, Memory, State
from service.delivery.pace import Backoff
from service.domain.calendar import SECOND_US

LONGEST_WISH_S: Final = 86_400.0
"""No side is waited for longer than a day at once because it asked for it."""
_SPREAD: Final = 0.1
"""Part of a wished pause that is added by chance at most: all that was turned away together must not come together."""


@dataclass(slots=True)
class Open:
    """One order that has not ended."""

    offset: int
    order: Order
    attempts: int
    """So far, this one included."""
    not_before_us: int
    """When it is to be looked at."""
    look_us: int | None = None
    """Its place among those that are waited for; None = it has none."""
    begun: bool = False
    doubtful: bool = False
    """Somebody before us had begun it, and nobody knows whether the other side took it."""


class Said(NamedTuple):
    """A record for `deliveries`; `entry` None = a tombstone."""

    request_id: str
    entry: Entry | None


_END = {
    Result.DELIVERED: State.DELIVERED,
    Result.BOUNCED: State.BOUNCED,
    Result.FAILED: State.FAILED,
    Result.RETRY: State.REQUESTED,
}
_MAY_HAVE_REACHED: Final = frozenset({State.ATTEMPTED, State.DELIVERED, State.BOUNCED, State.COMPLAINED})


class Desk:
    """Of one partition and one channel."""

    def __init__(
        self, memory: Memory, backoff: Backoff, chance: Callable[[], float], start: int = 0, end: int = 0
    ) -> None:
        """`chance` gives numbers in 0–1; `start` is the offset of the first record that will be read, `end` that after
        the last one that a predecessor can have read."""
        self.memory = memory
        self._backoff = backoff
        self._chance = chance
        self._next = start
        self._open: dict[str, Open] = {}
        """By id, in the order in which they lie in the topic."""
        self._lanes: dict[str, deque[Open]] = {}
        self._heads: list[tuple[int, int, Open]] = []
        """A heap of (when to look at it, offset, order): the first of each lane that is not begun."""
        self.begun = 0
        """Orders that are begun and whose end is not on record."""
        self._end = end
        self._doubt = set(memory.attempted())
        """Ids that a predecessor has begun, until they are begun again or have ended."""
        self.known = 0
        """Requests that were read and had ended before, be it under another id."""

    def __len__(self) -> int:
        return len(self._open)

    @property
    def committable(self) -> int:
        """The offset from which a successor must read."""
        return next(iter(self._open.values())).offset if self._open else self._next

    @property
    def oldest(self) -> Order | None:
        """What has waited longest; None = nothing waits."""
        return next(iter(self._open.values())).order if self._open else None

    @property
    def read_to(self) -> int:
        """The offset after the last record that was taken."""
        return self._next

    def never_tried(self, request_id: str) -> bool:
        """Whether it has ended without an attempt: nobody outside has heard of it."""
        entry = self.memory.get(request_id)
        return entry is not None and entry.state.final and entry.attempts == 0

    @property
    def in_doubt(self) -> int:
        """Ids that are begun, by us or a predecessor, and whose end is not on record."""
        return self.begun + len(self._doubt)

    def is_open(self, request_id: str) -> bool:
        return request_id in self._open

    def take(self, offset: int, order: Order | None, now_us: int) -> None:
        """The next record of the topic; None = one that asks for nothing."""
        self._take(offset, order, now_us)
        if self._doubt and self._next >= self._end:
            self.look_no_further()

    def _take(self, offset: int, order: Order | None, now_us: int) -> None:
        self._next = max(self._next, offset + 1)
        if order is None or order.id in self._open:
            return
        entry = self.memory.get(order.id)
        if entry is not None and entry.state.final and not (order.retried and entry.state is State.FAILED):
            self.known += 1
            return
        if entry is None and self._is_told_under_another_id(order):
            self.known += 1
            return
        new = Open(offset, order, 0, 0)
        if entry is not None:
            new.attempts = entry.attempts
            new.doubtful = entry.state is State.ATTEMPTED
            if entry.state is State.REQUESTED:
                # The clock may have been ahead when that was written: nobody waits until it is that late again.
                new.not_before_us = min(entry.at_us, now_us) + self._pause_us(entry.attempts, None)
        self._open[order.id] = new
        lane = self._lanes.setdefault(order.customer_id, deque())
        lane.append(new)
        if len(lane) == 1:
            self._look_at(new)

    def _is_told_under_another_id(self, order: Order) -> bool:
        """Whether the same absence was written about under an id that it had while the shop's days lay otherwise. What
        was begun before the customer's visit was about an earlier absence."""
        if order.sample or order.takes_back:
            return False
        for other in order.other_names:
            entry = self.memory.get(other)
            if other in self._open or (
                entry is not None
                and entry.state in _MAY_HAVE_REACHED
                and (entry.delivered_us or entry.at_us) > order.quiet_since_us
            ):
                return True
        return False

    def look_no_further(self) -> None:
        """Ids in doubt that have not been read by now are not waited for: their requests are gone from the topic."""
        self._doubt &= self._open.keys()

    def due(self, now_us: int, most: int) -> list[Open]:
        """Orders whose time has come, oldest first; each must be begun, refused or put back."""
        found: list[Open] = []
        while self._heads and self._heads[0][0] <= now_us and len(found) < most:
            at_us, _, head = heapq.heappop(self._heads)
            if head.look_us == at_us:  # else it has another place since
                head.look_us = None
                found.append(head)
        return found

    def hasten(self, request_id: str) -> None:
        """Something has been heard of it: it is looked at now."""
        found = self._open.get(request_id)
        if found is not None and found.look_us is not None:
            found.not_before_us = 0
            self._look_at(found)

    def look_anew(self) -> None:
        """The clock was ahead, and so are the dates for which orders wait: all are looked at now."""
        for lane in self._lanes.values():
            head = lane[0]
            if not head.begun:
                head.not_before_us = 0
                self._look_at(head)

    def next_us(self) -> int | None:
        """When the next order is to be looked at; None = none waits."""
        return self._heads[0][0] if self._heads else None

    def put_back(self, waiting: Open) -> None:
        """Its time has come, and there is no room for it yet."""
        self._look_at(waiting)

    def begin(self, chosen: Open, now_us: int) -> Said:
        """To be on record before the channel is spoken to."""
        chosen.attempts += 1
        chosen.begun = True
        self.begun += 1
        self._doubt.discard(chosen.order.id)
        return self._said(chosen, State.ATTEMPTED, "", now_us)

    def end(self, ended: Open, how: Attempt | Refused, now_us: int) -> Said:
        """How an attempt that was begun has ended; refused = at the very last moment, before anything was sent."""
        if isinstance(how, Refused):
            return self._said(ended, how.state, how.reason, now_us)
        if how.result is Result.RETRY:
            ended.not_before_us = now_us + self._pause_us(ended.attempts, how.retry_after_s)
        return self._said(ended, _END[how.result], how.detail, now_us, how.provider_id)

    def refuse(self, chosen: Open, why: Refused, now_us: int) -> Said:
        """It will not be sent."""
        return self._said(chosen, why.state, why.reason, now_us)

    def erase(self, customer_id: str) -> list[Said]:
        """Who it was is forgotten, that it was is not, or a request that still lies in the topic could be taken for a
        new one. What is open ends at the gate."""
        said = []
        for request_id in self.memory.of_customer(customer_id):
            entry = self.memory.get(request_id)
            if entry is None or request_id in self._open:
                continue
            if not entry.state.final:  # its request is gone from the topic
                entry = entry._replace(state=State.CANCELLED, reason="erased")
            said.append(Said(request_id, entry.without_customer()))
        return said

    def hear_of(self, news: Aftermath, people: Iterable[str], now_us: int) -> Said | None:
        """What was said of a message that had been sent; None = nothing changes, or it has not ended yet."""
        changed = changed_by(news, self.memory, people, now_us)
        return None if changed is None or changed[0] in self._open else Said(*changed)

    def forget(self, now_us: int, most: int = 500) -> list[Said]:
        """Tombstones of ids that nobody can ask for any more."""
        return [Said(request_id, None) for request_id in self.memory.forgettable(now_us, most)]

    def recorded(self, said: Said) -> None:
        """It lies in `deliveries`."""
        if said.entry is None:
            return
        self.memory.put(said.request_id, said.entry)
        found = self._open.get(said.request_id)
        self._doubt.discard(said.request_id)
        if found is None or said.entry.state is State.ATTEMPTED:
            return
        if found.begun:
            found.begun, found.doubtful = False, False
            self.begun -= 1
        if not said.entry.state.final:
            self._look_at(found)
            return
        del self._open[said.request_id]
        lane = self._lanes[found.order.customer_id]
        lane.popleft()
        if lane:
            self._look_at(lane[0])
        else:
            del self._lanes[found.order.customer_id]

    def _look_at(self, head: Open) -> None:
        head.look_us = min(head.not_before_us, head.order.expires_us)
        heapq.heappush(self._heads, (head.look_us, head.offset, head))

    def _pause_us(self, attempts: int, wished_s: float | None) -> int:
        pause_s = self._backoff.pause_s(attempts, self._chance())
        if wished_s is not None:
            pause_s = min(max(wished_s, 0.0), LONGEST_WISH_S) * (1.0 + _SPREAD * self._chance())
        return int(pause_s * SECOND_US)

    def _said(self, about: Open, state: State, reason: str, now_us: int, provider_id: str | None = None) -> Said:
        order = about.order
        customer_id = None if reason == "erased" else order.customer_id
        entry = Entry(
            state,
            reason,
            now_us,
            about.attempts,
            order.expires_us,
            customer_id,
            order.sample,
            provider_id=provider_id,
        )
        return Said(order.id, entry)
