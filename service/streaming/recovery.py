"""Reads a partition's state back from its changelogs, in bulk, up to the last committed record."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from aiokafka import AIOKafkaConsumer, TopicPartition

from service.config import KafkaSettings
from service.streaming.connection import aiokafka_security

_FETCH_BYTES = 8 << 20


class Loaded:
    """How much one recovery read, and how long it took."""

    def __init__(self) -> None:
        self.records = 0
        self.seconds = 0.0
        self.input_ends: dict[str, int] = {}
        """Last stable offset of each input, asked for after everything had been read."""


async def read_changelogs(
    kafka: KafkaSettings,
    partition: int,
    start: dict[str, int],
    take: Callable[[str, bytes, bytes | None], None],
    inputs: Iterable[str],
) -> Loaded:
    """Calls `take(topic, key, value)` for each record from `start` (offset per topic, moved on in place) to the end.

    Call it only after the partition's producer has been opened: from then on nobody else can write there.
    """
    loaded, began = Loaded(), time.perf_counter()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap_servers,
        group_id=None,
        enable_auto_commit=False,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        fetch_max_wait_ms=50,
        max_partition_fetch_bytes=_FETCH_BYTES,
        request_timeout_ms=int(kafka.request_timeout_s * 1000),
        **aiokafka_security(kafka),
    )
    await consumer.start()
    try:
        for topic, offset in start.items():
            tp = TopicPartition(topic, partition)
            consumer.assign([tp])
            consumer.seek(tp, offset)
            # Under read_committed this is the last stable offset. Transaction markers occupy offsets too, so the
            # position decides when the end is reached, never the last record.
            end = (await consumer.end_offsets([tp]))[tp]
            while await consumer.position(tp) < end:
                for records in (await consumer.getmany(tp, timeout_ms=200)).values():
                    loaded.records += len(records)
                    for record in records:
                        take(topic, record.key, record.value)
            start[topic] = end
        ends = await consumer.end_offsets([TopicPartition(topic, partition) for topic in inputs])
        loaded.input_ends = {tp.topic: end for tp, end in ends.items()}
    finally:
        await consumer.stop()
    loaded.seconds = time.perf_counter() - began
    return loaded
