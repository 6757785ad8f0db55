"""Reads topics from their beginning, to their end or for ever: the one way in for whoever reads in no consumer group.

Three traps, met in both client libraries:
- A reader at read_committed sees nothing of an open or aborted transaction; what it calls the end is the last stable
  offset.
- Transaction markers and what compaction removed occupy offsets too. So the end is reached when the *position* has
  reached the end offset; the last record may lie well below it, or there may be none.
- The ends are asked for once, before reading: a topic that grows while it is read must not keep its reader for ever.

Commands wait for what they read (`open_reader`), what lives in the worker's event loop awaits it
(`open_async_reader`). The worker's own inputs are another matter (transport.py).
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

from aiokafka.structs import ConsumerRecord, TopicPartition

from service.cluster.reader import AS_A_READER, Reader
from service.config import KafkaSettings
from service.connection import NoBrokerError, new_async_consumer
from service.errors import ErrorCode, FatalError
from service.fetching import SetAside, pass_over

_POLL_MS = 200
_STALLED_S = 60.0
_MOST_BYTES = 16 << 20
"""Of one fetch from a partition: the largest record is one that a producer of ours may write."""


@contextmanager
def open_reader(kafka: KafkaSettings) -> Iterator[Reader]:
    """A Reader with nothing assigned, closed at the end. Raises NoBrokerError when no broker answers, RefusedError when
    one does not let us in, FatalError for what cannot be read of our own topics."""
    own = {kafka.state_topic, kafka.ledger_topic}

    def set_aside(record: SetAside) -> None:
        if record.topic in own:
            refuse_what_may_be_ours(record)
        else:
            pass_over(record)

    reader = Reader(kafka, set_aside, max_partition_fetch_bytes=_MOST_BYTES)
    try:
        yield reader
    finally:
        reader.close()


def refuse_what_may_be_ours(record: SetAside) -> None:
    """Of the topics of a state, which have to be whole. What no worker of ours can have written is passed over: its
    records have no headers, and no more in a batch than a reader may unpack. Raises FatalError for anything else."""
    if record.code in _NOT_OURS:
        pass_over(record)
        return
    raise FatalError(
        f"The changelog {record.topic}-{record.partition} cannot be read at offset {record.first}: {record.message}. Look "
        f"at the disk of its broker; a replica may hold it whole. Otherwise restore it with `churn-alert state import`, or "
        "begin again with `churn-alert state reset`."
    )


_NOT_OURS: Final = frozenset({ErrorCode.HEADER_NOT_TEXT, ErrorCode.DECOMPRESSED_TOO_LARGE})


def partitions_of(reader: Reader, topic: str) -> list[TopicPartition]:
    """In order of their numbers; empty for a topic that does not exist."""
    return [TopicPartition(topic, number) for number in sorted(reader.partitions_for_topic(topic) or ())]


def read_from_the_beginning(reader: Reader, partitions: Iterable[TopicPartition]) -> None:
    """The reader's next poll gives the oldest records of these partitions."""
    assigned = list(partitions)
    reader.assign(assigned)
    reader.seek_to_beginning(*assigned)


def records_until_now(
    reader: Reader, partitions: Iterable[TopicPartition], newest: int | None = None
) -> Iterator[ConsumerRecord]:
    """Every record that lies in these partitions now, oldest first within each; `newest`: the last so many offsets of
    each. NoBrokerError where a broker hands out none of them for a minute."""
    assigned = list(partitions)
    if not assigned:
        return
    read_from_the_beginning(reader, assigned)
    ends, before, since_s = reader.end_offsets(assigned), -1, time.monotonic()
    if newest is not None:
        for partition, begin in reader.beginning_offsets(assigned).items():
            reader.seek(partition, max(begin, ends[partition] - newest))
    while (reached := [reader.position(each) for each in assigned]) and any(
        at < ends[each] for each, at in zip(assigned, reached, strict=True)
    ):
        if sum(reached) > before:
            before, since_s = sum(reached), time.monotonic()
        elif time.monotonic() - since_s > _STALLED_S:
            raise NoBrokerError(f"The broker hands out no more of {assigned[0].topic}: try again.")
        for partition, records in reader.poll(timeout_ms=500).items():
            yield from (record for record in records if record.offset < ends[partition])


@asynccontextmanager
async def open_async_reader(kafka: KafkaSettings, *topics: str, **options: Any) -> AsyncIterator[Any]:
    """A consumer of all partitions of `topics`, or with nothing assigned; stopped at the end.

    `options` are AIOKafkaConsumer's.
    """
    consumer = new_async_consumer(kafka, *topics, **{**AS_A_READER, **options})
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def read_to_the_end(
    reader: Any, partition: TopicPartition, start: int, take: Callable[[list[ConsumerRecord]], None]
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


async def has_reached(reader: Any, ends: Mapping[TopicPartition, int]) -> bool:
    """Whether the reader has read all these partitions to these ends."""
    for partition, end in ends.items():
        if await reader.position(partition) < end:
            return False
    return True
