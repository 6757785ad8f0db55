"""How many lines to a mail server there may be at once: as many as are set, or fewer where it allows fewer.

Servers bound the connections of one client and answer the next one 421 (RFC 5321, 3.8). That is no reason to wait with
everything: the lines that are open go on, and one more is tried again later.
"""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Final, Self

import structlog

log = structlog.get_logger()

ONE_MORE_S: Final = 60.0
"""After the last refusal one line more is tried: a refused connection in a minute is a burden to nobody."""


class Lines:
    """`async with lines:` holds one; who is refused a connection meanwhile calls `crowded`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._slots = asyncio.Semaphore(most)
        self._withheld = 0
        self._told = 0
        """For how many withheld lines the log has it."""
        self._seen = 0
        """At the last look."""
        self._refused_s = 0.0
        self.busy = 0
        """That somebody uses now."""

    @property
    def allowed(self) -> int:
        return self._most - self._withheld

    async def __aenter__(self) -> Self:
        await self._slots.acquire()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._slots.release()

    async def crowded(self) -> None:
        """The server allows no further line beside those in use: ours is given up, and another one waited for."""
        self._withheld += 1
        self._refused_s = time.monotonic()
        try:
            await self._slots.acquire()
        except BaseException:
            self._withheld -= 1  # who leaves gives back what was given up
            raise

    def look(self) -> None:
        """Now and then."""
        if self._withheld > self._told and self._withheld == self._seen:  # else more may be refused yet
            self._told = self._withheld
            log.warning(
                "the mail server allows fewer connections than deliver.smtp.connections; fewer are used",
                allowed=self.allowed,
            )
        self._seen = self._withheld
        if self._withheld and time.monotonic() - self._refused_s >= ONE_MORE_S:
            self._refused_s = time.monotonic()
            self._withheld -= 1
            self._slots.release()
