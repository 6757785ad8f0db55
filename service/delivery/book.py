"""The topic `deliveries` of one partition: read back once, then written in transactions that fence a predecessor.

A deliverer that was paused and wakes up after its partition has gone to another one cannot record an attempt any more,
and what is not recorded is not sent.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from aiokafka.structs import ConsumerRecord, TopicPartition

from service.cluster.tail import open_async_reader, read_to_the_end
from service.config import KafkaSettings
from service.delivery.desk import Said
from service.delivery.memory import Memory, key_of, pack
from service.streaming.producer import Destination, TransactionalProducer

log = structlog.get_logger()


class Book:
    """Of one partition and one channel."""

    def __init__(self, kafka: KafkaSettings, group: str, number: int, channel: str) -> None:
        self._kafka = kafka
        self._to = Destination(kafka.topics.deliveries, number)
        self._channel = channel
        self._producer = TransactionalProducer(kafka, f"{group}-{number}")

    async def open(self, memory: Memory) -> None:
        """Ends what a predecessor may still write, then reads what it has written."""
        await self._producer.open()

        def take(records: list[ConsumerRecord]) -> None:
            for record in records:
                memory.take(record.key, record.value)

        async with open_async_reader(self._kafka) as reader:
            await read_to_the_end(reader, TopicPartition(*self._to), await self._begin(reader), take)

    async def write(self, said: Sequence[Said]) -> None:
        """Returns when they can be read. Any exception means that nobody knows, and that the process must end."""
        await self._producer.write(
            {
                self._to: [
                    (
                        key_of(self._channel, request_id),
                        None if entry is None else pack(self._channel, request_id, entry),
                    )
                    for request_id, entry in said
                ]
            }
        )

    async def close(self) -> None:
        await self._producer.close()

    async def _begin(self, reader: object) -> int:
        offsets = await reader.beginning_offsets([TopicPartition(*self._to)])  # type: ignore[attr-defined]
        begin = int(offsets[TopicPartition(*self._to)])
        if begin:  # compaction keeps the newest record of each key wherever it lies
            log.error(
                "a part of what is remembered of messages was deleted; one that is asked for again would be sent again",
                topic=self._to.topic,
                partition=self._to.partition,
                before=begin,
                cure="churn-alert topics check says whether cleanup.policy is right; a backup brings the records back",
            )
        return begin
