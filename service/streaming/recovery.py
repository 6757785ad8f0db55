"""Reads a partition's state back from its changelogs, in bulk, up to the last committed record."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from aiokafka.structs import ConsumerRecord, TopicPartition

from service.cluster.tail import open_async_reader, read_to_the_end, refuse_what_may_be_ours
from service.config import KafkaSettings

_FETCH_BYTES = 8 << 20


class Loaded:
    """How much one recovery has read so far, and how long it took."""

    def __init__(self) -> None:
        self.records = 0
        self.seconds = 0.0
        self.begins: dict[str, int] = {}
        """Where each changelog begins, asked for before it was read."""
        self.input_ends: dict[str, int] = {}
        """Last stable offset of each input, asked for after everything had been read."""


async def read_changelogs(
    kafka: KafkaSettings,
    partition: int,
    start: dict[str, int],
    take: Callable[[str, bytes, bytes | None], None],
    inputs: Iterable[str],
    loaded: Loaded,
) -> None:
    """Calls `take(topic, key, value)` for each record from `start` (offset per topic, moved on in place) to the end.

    `loaded` is told how far it has come.

    Call it only after the partition's producer has been opened: from then on nobody else can write there.
    """
    began = time.perf_counter()

    def take_all(records: list[ConsumerRecord]) -> None:
        loaded.records += len(records)
        for record in records:
            take(record.topic, record.key, record.value)

    async with open_async_reader(
        kafka,
        on_set_aside=refuse_what_may_be_ours,
        max_partition_fetch_bytes=_FETCH_BYTES,
        request_timeout_ms=int(kafka.request_timeout_s * 1000),
    ) as reader:
        begins = await reader.beginning_offsets([TopicPartition(topic, partition) for topic in start])
        loaded.begins = {tp.topic: begin for tp, begin in begins.items()}
        for topic, offset in start.items():
            start[topic] = await read_to_the_end(reader, TopicPartition(topic, partition), offset, take_all)
        ends = await reader.end_offsets([TopicPartition(topic, partition) for topic in inputs])
        loaded.input_ends = {tp.topic: end for tp, end in ends.items()}
    loaded.seconds = time.perf_counter() - began
