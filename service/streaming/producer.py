"""One transactional producer per partition: everything a turn writes becomes visible together, or not at all."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from service.config import KafkaSettings
from service.connection import new_async_producer
from service.errors import FatalError

MAX_BATCH_BYTES = 1_000_000
MAX_REQUEST_BYTES = 16 << 20
"""A dead letter carries the original bytes, whatever their size; its topic allows as much."""
_RETRY_BACKOFF_MS = 20


Record = tuple[bytes | None, bytes | None]
"""Key and value of one record to write; no value is a tombstone. A plain tuple, for there are many."""


class Destination(NamedTuple):
    topic: str
    partition: int


class TransactionalProducer:
    """Wraps aiokafka's producer; `open` fences the predecessor with the same transactional id, and aborts its rest."""

    def __init__(self, kafka: KafkaSettings, transactional_id: str) -> None:
        self.transactional_id = transactional_id
        self._patience_s = kafka.transaction_timeout_s + kafka.request_timeout_s
        self._producer = new_async_producer(
            kafka,
            transactional_id=transactional_id,
            transaction_timeout_ms=int(kafka.transaction_timeout_s * 1000),
            request_timeout_ms=int(kafka.request_timeout_s * 1000),
            acks="all",
            max_batch_size=MAX_BATCH_BYTES,
            max_request_size=MAX_REQUEST_BYTES,
            retry_backoff_ms=_RETRY_BACKOFF_MS,
        )

    async def open(self) -> None:
        await self._producer.start()

    async def write(self, records: dict[Destination, list[Record]]) -> None:
        """One transaction. Any exception leaves it open: the caller must end the process, the successor aborts it.

        TimeoutError when the broker takes the records but never finishes: aiokafka would try again for ever.
        """
        async with asyncio.timeout(self._patience_s):
            await self._producer.begin_transaction()
            futures = []
            for destination, batch in records.items():
                futures.extend(await self._send(destination, batch))
            # aiokafka's commit succeeds although a record failed: look at every future first.
            await asyncio.gather(*futures)
            await self._producer.commit_transaction()

    async def _send(self, destination: Destination, records: list[Record]) -> list[asyncio.Future[object]]:
        producer, (topic, partition) = self._producer, destination
        futures, batch, empty = [], producer.create_batch(), True
        append = batch.append
        for key, value in records:
            if append(key=key, value=value, timestamp=None) is None:
                futures.append(await producer.send_batch(batch, topic, partition=partition))
                batch = producer.create_batch()
                append = batch.append
                if append(key=key, value=value, timestamp=None) is None:
                    raise FatalError(f"A record of {len(value or b'')} bytes does not fit into a batch for {topic}.")
            empty = False
        if not empty:
            futures.append(await producer.send_batch(batch, topic, partition=partition))
        return futures

    async def close(self) -> None:
        await self._producer.stop()
