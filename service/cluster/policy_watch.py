"""Somebody sets a topic otherwise while it is read: an input that is compacted loses records that nobody has read, and
no offset tells of it. At a start such a topic is refused; here it is said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog
from kafka.errors import KafkaError

from service.errors import ChurnAlertError

log = structlog.get_logger()


class PolicyWatch:
    """Each topic is told of once, until it is set right again."""

    def __init__(self, losing: Callable[[], Sequence[str]]) -> None:
        """`losing`: asks the brokers, and gives a sentence for each topic that loses what it must keep."""
        self._losing = losing
        self._told: frozenset[str] = frozenset()

    async def look(self) -> None:
        """Asks once. Brokers that do not tell are asked the next time."""
        try:
            found = frozenset(await asyncio.to_thread(self._losing))
        except (KafkaError, OSError, ChurnAlertError):
            return
        for each in sorted(found - self._told):
            log.error("a topic loses records before they are read", told=each)
        if self._told and not found:
            log.warning("no topic loses records any more")
        self._told = found
