"""Follows partitions beside the consumer group, to their end: what is said there must be known before anything is sent.

The group's own consumer stops reading when there is enough to do. A cancellation far behind in the same partition, or a
withdrawn consent in another topic, must be seen all the same: so these are read by consumers of their own, which keep
nothing but what was taken back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from aiokafka.structs import ConsumerRecord, TopicPartition

from service.cluster.tail import has_reached
from service.config import KafkaSettings
from service.connection import new_async_consumer

_WAIT_MS: Final = 200
_LOOK_S: Final = 0.005
"""Markers of transactions move a position and are no records: nobody tells of them."""


class Ends:
    """Asks how far partitions can be read.

    Over a line of its own: on one that waits for records a broker answers only when some have come or the wait is over.
    """

    def __init__(self, kafka: KafkaSettings) -> None:
        self._consumer = _new_consumer(kafka)

    async def open(self) -> None:
        await self._consumer.start()

    async def of(self, partitions: Iterable[TopicPartition]) -> Mapping[TopicPartition, int]:
        ends: Mapping[TopicPartition, int] = await self._consumer.end_offsets(list(partitions))
        return ends

    async def close(self) -> None:
        await self._consumer.stop()


class Follower:
    """Of some partitions, each from an offset of its own; None = from the oldest record that there is."""

    def __init__(
        self,
        kafka: KafkaSettings,
        ends: Ends,
        starts: Mapping[TopicPartition, int | None],
        take: Callable[[ConsumerRecord], None],
    ) -> None:
        self._starts = dict(starts)
        self._ends = ends
        self._take = take
        self._consumer = _new_consumer(kafka)

    async def open(self) -> None:
        await self._consumer.start()
        self._consumer.assign(list(self._starts))
        for partition, offset in self._starts.items():
            if offset is None:
                await self._consumer.seek_to_beginning(partition)
            else:
                self._consumer.seek(partition, offset)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            for records in (await self._consumer.getmany(timeout_ms=_WAIT_MS)).values():
                for record in records:
                    self._take(record)
                await asyncio.sleep(0)

    async def reach(self) -> None:
        """Returns when everything has been taken that could be read when it was called; `run` must be running."""
        ends = await self._ends.of(self._starts)
        while not await has_reached(self._consumer, ends):  # noqa: ASYNC110 - nobody tells of a marker
            await asyncio.sleep(_LOOK_S)

    async def close(self) -> None:
        await self._consumer.stop()


def _new_consumer(kafka: KafkaSettings) -> Any:
    """In no group, with nothing assigned."""
    return new_async_consumer(
        kafka,
        group_id=None,
        enable_auto_commit=False,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        fetch_max_wait_ms=_WAIT_MS,
        request_timeout_ms=int(kafka.request_timeout_s * 1000),
    )
