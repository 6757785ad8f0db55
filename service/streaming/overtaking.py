"""Whether a record may have overtaken older ones of other topics on its way here.

A topic that was at its end when it was asked may have got a purchase before an answer of another topic was appended,
which has come here since. Where events are the clock, the answer would move time past that purchase. So such a record
waits until every topic of which nothing is here has been asked after the record came, and was at its end then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from math import inf
from typing import Final

ALL: Final = 1 << 60


class Overtaking:
    """Of one partition number. Sources are counted as the merge counts them, the first `topics` are asked for their
    ends; times are `time.monotonic`."""

    def __init__(self, topics: int, buffered: Callable[[int], int]) -> None:
        """`buffered`: records of a source that wait in the merge."""
        self._buffered = buffered
        self._asked_s: Sequence[float] = ()
        """Nobody waits for topics of which nothing was ever said."""
        self._put = [0] * topics
        """Records of each source so far."""
        self._came: list[deque[tuple[int, float]]] = [deque() for _ in range(topics)]
        """Of each source (records up to the last that came then, when they had come), oldest first; of those only that
        wait."""

    def add_source(self) -> None:
        """The merge has one more."""
        self._put.append(0)
        self._came.append(deque())

    def put(self, source: int, records: int, came_s: float) -> None:
        """So many records go into the merge, the last of which had come by then."""
        self._put[source] += records
        self._came[source].append((self._put[source], came_s))

    def clear(self) -> None:
        """The merge was emptied."""
        for source, came in enumerate(self._came):
            came.clear()
            self._put[source] = 0

    def note_asked(self, asked_s: Sequence[float]) -> None:
        """When each topic was asked for the end that is known of it. What was taken and comes not back is forgotten."""
        self._asked_s = asked_s
        for source, came in enumerate(self._came):
            taken = self._taken(source)
            while came and came[0][0] <= taken:
                came.popleft()

    def ready(self, waited_for: Callable[[int], bool]) -> list[int]:
        """Of each source how many of its records have overtaken nothing. `waited_for`: topics that are."""
        empty = [at_s for topic, at_s in enumerate(self._asked_s) if not self._buffered(topic) and waited_for(topic)]
        until_s = min(empty, default=inf)
        if until_s == inf:
            return [ALL] * len(self._came)
        return [self._ready_of(source, until_s) for source in range(len(self._came))]

    def _ready_of(self, source: int, until_s: float) -> int:
        taken, found = self._taken(source), 0
        for up_to, came_s in self._came[source]:
            if came_s > until_s:
                break
            found = up_to - taken
        return found

    def _taken(self, source: int) -> int:
        return self._put[source] - self._buffered(source)
