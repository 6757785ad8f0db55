"""How fast: a smooth rate, growing pauses between attempts, and waits that something may end sooner."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

BURST_S: Final = 0.05
"""What was not used may be made up for within this: the owner of a partition looks that often."""
_MOST_DOUBLINGS: Final = 40


class Pacer:
    """At most `per_second` messages, spread evenly; None = as fast as it goes. Time is the caller's, in seconds."""

    def __init__(self, per_second: float | None) -> None:
        self._per_second = per_second
        self._next_s = float("-inf")
        """When the next one is due."""

    def set_rate(self, per_second: float | None) -> None:
        self._per_second = per_second

    def allowed(self, now_s: float, most: int) -> int:
        """How many may begin now, up to `most`."""
        rate = self._per_second
        if rate is None:
            return most
        ahead = now_s - max(self._next_s, now_s - BURST_S)
        return 0 if ahead < 0 else min(most, 1 + int(ahead * rate))

    def begun(self, now_s: float, count: int) -> None:
        if self._per_second is not None and count:
            self._next_s = max(self._next_s, now_s - BURST_S) + count / self._per_second

    def wait_s(self, now_s: float) -> float:
        """Seconds until one may begin."""
        return 0.0 if self._per_second is None else max(0.0, self._next_s - now_s)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Doubling pauses, each shortened by up to a half by chance, so that what failed together is not tried together."""

    first_s: float
    longest_s: float

    def pause_s(self, attempts: int, chance: float) -> float:
        """After so many attempts (1 = the first has failed); `chance` lies in 0–1."""
        full = min(self.longest_s, self.first_s * 2.0 ** min(max(0, attempts - 1), _MOST_DOUBLINGS))
        return full * (1.0 - chance / 2.0)


async def wait_for(event: asyncio.Event, most_s: float) -> None:
    """Until it is set, or so long."""
    try:
        async with asyncio.timeout(most_s):
            await event.wait()
    except TimeoutError:
        pass
