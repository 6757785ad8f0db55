"""Events on their topic: a call returns when Kafka has them, in all replicas in sync."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from aiokafka.errors import KafkaError

from service.cluster.leaving import stop_producer
from service.cluster.partitioner import hash_of
from service.cluster.tail import open_reader
from service.config import Settings
from service.connection import new_async_producer
from service.wire.key_hash import DEFAULT_PARTITIONER, FUNCTIONS

_SOON_S: Final = 1.0


class Ready(NamedTuple):
    """An event as it is written."""

    topic: str
    key: bytes
    value: bytes


def _hash_of(settings: Settings) -> Callable[[bytes], int]:
    """Waits for a broker, so not in an event loop."""
    with open_reader(settings.kafka) as reader:
        return hash_of(reader, settings)


class EventWriter:
    """One producer for the process, idempotent: what it repeats after a broken line lies there once."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is opened before `open`."""
        self._settings = settings
        self._producer: Any = None
        self._partitions: dict[str, int] = {}
        self._hash: Callable[[bytes], int] = FUNCTIONS[DEFAULT_PARTITIONER]
        self.failed = asyncio.Event()
        """Something could not be written: whether the producer can still write is not known."""

    async def open(self, topics: Sequence[str]) -> None:
        """Raises KafkaError, OSError and TransientError while there is no broker, ConfigurationError where it lets
        nobody in."""
        kafka = self._settings.kafka
        self._hash = await asyncio.to_thread(_hash_of, self._settings)
        producer = new_async_producer(
            kafka, enable_idempotence=True, acks="all", request_timeout_ms=int(kafka.request_timeout_s * 1000)
        )
        try:
            await producer.start()
            self._partitions = {topic: len(await producer.partitions_for(topic)) for topic in topics}
        except BaseException:
            await stop_producer(producer)
            raise
        self._producer = producer
        self.failed.clear()

    async def write(self, events: Sequence[Ready]) -> None:
        """Raises KafkaError and TimeoutError where it is not certain that all of them lie there."""
        if self._producer is None:
            raise TimeoutError
        try:
            sent = [
                await self._producer.send(
                    each.topic, each.value, each.key, partition=self._hash(each.key) % self._partitions[each.topic]
                )
                for each in events
            ]
            await asyncio.gather(*sent)
        except (KafkaError, OSError, TimeoutError):
            self.failed.set()
            raise

    async def close(self, within_s: float = _SOON_S) -> None:
        """What is written meanwhile is refused; what is under way has so long to get there."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop_producer(producer, within_s)
