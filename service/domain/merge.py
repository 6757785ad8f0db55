"""Merges the input topics of one partition number by event time, so that a replay decides the same whatever the fetch
order was.

The next record is the oldest head; within a topic the order stays. A topic without a buffered record is waited for,
unless it is known to be at its end (as Kafka Streams does with max.task.idle.ms). A record without a readable time
is handed out as soon as it is its topic's head.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

Record = TypeVar("Record")
Ready = Callable[[], list[int]]


class Merge(Generic[Record]):
    """Buffers per source; `take` hands out what may be processed now. Ties go to the source with the lower rank,
    which is its number."""

    def __init__(self, sources: int, time_of: Callable[[Record], int | None]) -> None:
        self._queues: list[deque[Record]] = [deque() for _ in range(sources)]
        self._ranks: list[tuple[int, ...]] = [(source,) for source in range(sources)]
        self._order = list(range(sources))
        """Sources in the order of their ranks, which settles ties."""
        self._time_of = time_of

    def add_source(self, *rank: int) -> int:
        """One more; returns its number. Ties go to the lower rank: the first sources have their numbers as ranks."""
        self._queues.append(deque())
        self._ranks.append(rank)
        self._order = sorted(range(len(self._queues)), key=self._ranks.__getitem__)
        return len(self._queues) - 1

    def put(self, source: int, records: Iterable[Record]) -> None:
        self._queues[source].extend(records)

    def buffered(self, source: int) -> int:
        return len(self._queues[source])

    def __len__(self) -> int:
        return sum(map(len, self._queues))

    def clear(self) -> None:
        for queue in self._queues:
            queue.clear()

    def take(
        self, at_end: Callable[[int], bool], limit: int = 1 << 60, ready: Ready | None = None
    ) -> list[tuple[int, Record]]:
        """Up to `limit` records that may be processed now, as (source, record) in order.

        `at_end(source)`: nothing more is known to come from it. Must not change during the call. `ready()`: of each
        source how many of its buffered records may be processed as far as it depends on which sources are empty; it is
        asked again when one has run empty. None: all of them.
        """
        result: list[tuple[int, Record]] = []
        filled = [source for source in self._order if self._queues[source]]
        if any(not queue and not at_end(source) for source, queue in enumerate(self._queues)):
            return result
        left = None if ready is None else ready()
        while len(filled) > 1 and len(result) < limit:
            best = self._oldest(filled)
            queue = self._queues[best]
            if left is not None:
                if left[best] <= 0:
                    return result
                left[best] -= 1
            result.append((best, queue.popleft()))
            if not queue:
                if not at_end(best):
                    return result
                filled.remove(best)
                left = None if ready is None else ready()
        if len(filled) == 1:
            source = filled[0]
            queue = self._queues[source]
            room = limit - len(result)
            if left is not None:
                room = min(room, max(0, left[source]))
            if len(queue) <= room:
                result.extend([(source, record) for record in queue])
                queue.clear()
            else:
                result.extend([(source, queue.popleft()) for _ in range(room)])
        return result

    def put_back(self, taken: Sequence[tuple[int, Record]]) -> None:
        """The last of what `take` has handed out, in its order: it comes first the next time."""
        for source, record in reversed(taken):
            self._queues[source].appendleft(record)

    def take_while(
        self,
        at_end: Callable[[int], bool],
        may: Callable[[int, Record], bool],
        limit: int = 1 << 60,
        ready: Ready | None = None,
    ) -> list[tuple[int, Record]]:
        """The same, up to the first record that may not be processed yet."""
        result: list[tuple[int, Record]] = []
        filled = [source for source in self._order if self._queues[source]]
        if any(not queue and not at_end(source) for source, queue in enumerate(self._queues)):
            return result
        left = None if ready is None else ready()
        while filled and len(result) < limit:
            best = self._oldest(filled)
            queue = self._queues[best]
            if (left is not None and left[best] <= 0) or not may(best, queue[0]):
                break
            if left is not None:
                left[best] -= 1
            result.append((best, queue.popleft()))
            if not queue:
                if not at_end(best):
                    break
                filled.remove(best)
                left = None if ready is None else ready()
        return result

    def _oldest(self, filled: list[int]) -> int:
        best, best_time = -1, 0
        for source in filled:
            time = self._time_of(self._queues[source][0])
            if time is None:
                return source
            if best < 0 or time < best_time:
                best, best_time = source, time
        return best
