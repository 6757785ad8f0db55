"""Who signs out on the page of one worker is let in by no other: the ledger topic, which every page reads, tells it.

A session is a signed cookie, and no list of sessions is kept. Of those that were signed out a record stands there until
they would have ended by themselves. No page shows anybody or any number before it has read that topic.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import structlog
from aiokafka.errors import KafkaError

from service.cluster.leaving import stop_producer
from service.config import Settings
from service.connection import new_async_producer
from service.domain.changelog import SIGNED_OUT_PREFIX, pack_today, unpack_today
from service.web.sessions import Session, Sessions

_PATIENCE_S: Final = 3.0
"""For which who signs out waits to hear that it holds everywhere."""
_AGAIN_S: Final = 5.0
_TIDY_S: Final = 600.0
_PARTITION: Final = 0
"""The topic always has it."""

log = structlog.get_logger()


class SignOuts:
    """`run` has to run; `hear` gets what the topic holds."""

    def __init__(self, settings: Settings, sessions: Sessions) -> None:
        self._kafka = settings.kafka
        self._sessions = sessions
        self._untold: dict[str, bytes | None] = {}
        """Number of the session → when it would have ended; None: that is over."""
        self._news, self._told = asyncio.Event(), asyncio.Condition()

    def hear(self, _partition: int, key: bytes, value: bytes | None) -> None:
        """One record of the ledger topic; most are of no interest here."""
        if value is None or not key.startswith(SIGNED_OUT_PREFIX):
            return
        try:
            self._sessions.hear(key[len(SIGNED_OUT_PREFIX) :].decode(), unpack_today(value))
        except ValueError as error:
            log.warning("a record of who has signed out cannot be read", error=str(error))

    async def tell(self, session: Session) -> bool:
        """Whether the topic has it. Where it has not, it is written when that can be done."""
        self._untold[session.number] = pack_today(session.until_s)
        self._news.set()
        try:
            async with asyncio.timeout(_PATIENCE_S), self._told:
                await self._told.wait_for(lambda: session.number not in self._untold)
        except TimeoutError:
            log.warning("a sign-out is known to this worker alone until the broker takes it")
            return False
        return True

    async def run(self) -> None:
        """For ever: writes what is to be told, and takes away what is over."""
        while True:
            try:
                await asyncio.wait_for(self._news.wait(), _TIDY_S)
            except TimeoutError:
                self._untold.update(dict.fromkeys(self._sessions.over()))
            self._news.clear()
            while self._untold:
                try:
                    await self._write()
                except (KafkaError, OSError, TimeoutError) as error:
                    log.warning("a sign-out cannot be written; it is tried again", error=type(error).__name__)
                    await asyncio.sleep(_AGAIN_S)

    async def _write(self) -> None:
        """All that waits. It happens seldom, so a connection of its own costs less than one that is kept."""
        producer: Any = new_async_producer(self._kafka, acks="all")
        try:
            await producer.start()
            for number, value in list(self._untold.items()):
                key = SIGNED_OUT_PREFIX + number.encode()
                await producer.send_and_wait(self._kafka.ledger_topic, value, key, partition=_PARTITION)
                async with self._told:
                    del self._untold[number]
                    self._told.notify_all()
        finally:
            await stop_producer(producer)
