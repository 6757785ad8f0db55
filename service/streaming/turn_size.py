"""How much one turn writes, so that its transaction ends long before the broker would end it.

A broker may be slow, far away, or allow us only so many bytes a second (a quota), and says none of it beforehand. A
quota is told late as well: what was not used of the last ten seconds may be sent at full speed, and only then is every
answer held back. So a quick turn proves little, and what is proven is a rate: a turn writes at most a share of what was
committed within the last time-out of a transaction. At a constant rate of r bytes a second, of which ten seconds were
saved up, that share is r · (10 + 10) / 5: four seconds' worth, of the ten that a transaction may take. It grows by a
fifth with each turn, from a small beginning, and shrinks by itself where turns take longer. A turn that was in danger
is followed by one that would have taken the time aimed at.

What a turn writes is known when it is written, and has to be foreseen: `Foreseen` knows what a customer, a decision, a
score and a day have taken lately.
"""

from __future__ import annotations

from collections import deque
from typing import Final

START_BYTES: Final = 256 << 10
"""Of a turn for which nothing is proven: after a start, and after some quiet. Within ten seconds at 26 KB/s."""
LEAST_BYTES: Final = 16 << 10
"""Less is no help: a turn takes five requests whatever it writes."""
LARGEST_BYTES: Final = 8 << 20
"""A turn of 32,000 records of a backlog writes little more, and a larger one would save nothing. A quota of 1 MB/s that
is set meanwhile holds up none of them for too long."""
SHARE: Final = 0.2
"""Of what was committed lately; also the part of a transaction's time-out that turns come to take on a slow broker."""
_DANGER: Final = 0.5
"""Part of the time-out after which a turn is followed by a smaller one whatever was proven before."""
_QUICK: Final = 0.5
"""Of the time aimed at: a full turn this quick is followed by a larger one."""
_SMALLER: Final = 3
"""So many times halved is the first turn after a life that ended by one that took too long."""
_LEAST_COUNT: Final = 16
"""Of fewer records nothing is learned: what every turn writes beside them would count as theirs."""
_FORGETTING: Final = 0.25
"""Less than foreseen lowers what is foreseen by this part of the difference; more raises it at once."""


class TurnSize:
    """Of one partition. Times are those of any clock that only moves forward, in seconds."""

    def __init__(self, timeout_s: float, too_slow_before: int = 0) -> None:
        """`timeout_s`: of a transaction. `too_slow_before`: lives in a row that ended by a turn that took too long."""
        self._timeout_s = timeout_s
        self._start = max(LEAST_BYTES, START_BYTES >> _SMALLER * too_slow_before)
        self._limit = LARGEST_BYTES
        """What the times that turns took allow."""
        self._committed: deque[tuple[float, int]] = deque()
        self._bytes = 0

    def most(self, now_s: float) -> int:
        """So many bytes may the next turn write."""
        committed = self._committed
        while committed and committed[0][0] <= now_s - self._timeout_s:
            self._bytes -= committed.popleft()[1]
        return max(LEAST_BYTES, min(self._limit, max(self._start, int(SHARE * self._bytes))))

    def committed(self, size: int, took_s: float, now_s: float) -> None:
        """A transaction of `size` bytes is committed, and took so long."""
        self._committed.append((now_s, size))
        self._bytes += size
        aim_s = SHARE * self._timeout_s
        if took_s > _DANGER * self._timeout_s:
            self._limit = max(LEAST_BYTES, min(self._limit, int(size * aim_s / took_s)))
        elif took_s < _QUICK * aim_s and 2 * size >= self._limit:
            self._limit = min(LARGEST_BYTES, 2 * self._limit)


class Expected:
    """Bytes that one record of a kind takes. Rather too many than too few: what was seen last, if that is more."""

    def __init__(self, size: int) -> None:
        self.size = size

    def learn(self, size: int, count: int) -> None:
        """So many have taken `size` bytes together."""
        if count == 0:
            return
        seen = -(-size // count)
        if seen < self.size:
            self.size -= max(1, int(_FORGETTING * (self.size - seen)))
        elif count >= _LEAST_COUNT:
            self.size = seen


class Foreseen:
    """What a turn that is not written yet will take."""

    def __init__(self) -> None:
        self.customer = Expected(600)
        """A snapshot, with what else the changelog of the state takes in a turn."""
        self.decision = Expected(3_000)
        """All records of one output."""
        self.score = Expected(1_200)
        self.day = Expected(2_000)
        """Of the ledger."""
        self.record = Expected(600)
        """All that is written for a record of an input: less than a customer where one comes often in a turn."""
