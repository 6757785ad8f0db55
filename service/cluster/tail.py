"""Reads topics from their beginning, to their end or for ever: the one way in for whoever reads in no consumer group.

Three traps, met in both client libraries:
- A reader at read_committed sees nothing of an open or aborted transaction; what it calls the end is the last stable
  offset.
- Transaction markers and what compaction removed occupy offsets too. So the end is reached when the *position* has
  reached the end offset; the last record may lie well below it, or there may be none.
- The ends are asked for once, before reading: a topic that grows while it is read must not keep its reader for ever.

Commands read with kafka-python (`open_reader`), what lives in the worker's event loop with aiokafka
(`open_async_reader`). The worker's own inputs are another matter (transport.py).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

from aiokafka.structs import ConsumerRecord
from aiokafka.structs import TopicPartition as AsyncTopicPartition
from kafka import TopicPartition

from service.config import KafkaSettings
from service.connection import new_async_consumer, new_consumer

_AS_A_READER: Final[Mapping[str, Any]] = {
    "group_id": None,
    "enable_auto_commit": False,
    "isolation_level": "read_committed",
    "auto_offset_reset": "earliest",
}
_POLL_MS = 200
_MOST_BYTES = 16 << 20
"""Of one fetch from a partition: the largest record is one that a producer of ours may write."""


@contextmanager
def open_reader(kafka: KafkaSettings) -> Iterator[Any]:
    """A consumer with nothing assigned, closed at the end. Raises NoBrokerError when no broker answers, RefusedError
    when one does not let us in."""
    consumer = new_consumer(kafka, **_AS_A_READER, max_partition_fetch_bytes=_MOST_BYTES)
    try:
        yield consumer
    finally:
        consumer.close()


def partitions_of(reader: Any, topic: str) -> list[TopicPartition]:
    """In order of their numbers; empty for a topic that does not exist."""
    return [TopicPartition(topic, number) for number in sorted(reader.partitions_for_topic(topic) or ())]


def read_from_the_beginning(reader: Any, partitions: Iterable[TopicPartition]) -> None:
    """The reader's next poll gives the oldest records of these partitions."""
    assigned = list(partitions)
    reader.assign(assigned)
    reader.seek_to_beginning(*assigned)


def records_until_now(reader: Any, partitions: Iterable[TopicPartition]) -> Iterator[Any]:
    """Every record that lies in these partitions now, oldest first within each."""
    assigned = list(partitions)
    read_from_the_beginning(reader, assigned)
    ends = reader.end_offsets(assigned)
    while any(reader.position(each) < ends[each] for each in assigned):
        for partition, records in reader.poll(timeout_ms=500).items():
            yield from (record for record in records if record.offset < ends[partition])


@asynccontextmanager
async def open_async_reader(kafka: KafkaSettings, *topics: str, **options: Any) -> AsyncIterator[Any]:
    """A consumer of all partitions of `topics`, or with nothing assigned; stopped at the end.

    `options` are AIOKafkaConsumer's.
    """
    consumer = new_async_consumer(kafka, *topics, **_AS_A_READER, **options)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def read_to_the_end(
    reader: Any, partition: AsyncTopicPartition, start: int, take: Callable[[list[ConsumerRecord]], None]
) -> int:
    """Hands all records from offset `start` on to `take`, fetch by fetch, and returns the end.

    Assigns the partition, and no other.
    """
    reader.assign([partition])
    reader.seek(partition, start)
    ends = await reader.end_offsets([partition])
    while not await has_reached(reader, ends):
        for records in (await reader.getmany(partition, timeout_ms=_POLL_MS)).values():
            take(records)
    end: int = ends[partition]
    return end


async def has_reached(reader: Any, ends: Mapping[AsyncTopicPartition, int]) -> bool:
    """Whether the reader has read all these partitions to these ends."""
    for partition, end in ends.items():
        if await reader.position(partition) < end:
            return False
    return True
