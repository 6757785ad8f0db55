"""How a consumer of aiokafka is made to read carefully.

The client lays aside what it gets from a partition and hands aiokafka a batch without records in its place, over which
the fetcher makes what it always makes; we put our own iteration into it. Nothing of aiokafka is patched: the classes of
one consumer, of its client and of its fetcher are refined.
"""

from __future__ import annotations

import struct
from typing import Any, Final

from aiokafka.client import ConnectionGroup
from aiokafka.consumer.fetcher import Fetcher, FetchResult, PartitionRecords
from aiokafka.errors import KafkaError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import TopicPartition

from service.fetching.modest import ModestClient
from service.fetching.reading import CarefulRecords, Limits, Taken

MOST_RECORDS: Final = 100_000
"""Handed out at once: a batch of a few kilobytes may hold millions."""
_NOTHING: Final = struct.pack(">qiibIhiqqqhii", 0, 49, 0, 2, 0, 0, -1, 0, 0, -1, -1, -1, 0)
"""A batch without records."""


class KeepingClient(ModestClient):
    """Lays aside the batches of every answer to a fetch."""

    laid_aside: dict[TopicPartition, bytes]

    async def send(self, node_id: Any, request: Any, *, group: Any = ConnectionGroup.DEFAULT) -> Any:
        answer = await super().send(node_id, request, group=group)
        if isinstance(request, FetchRequest):
            answer.topics = [
                (topic, [self._without_batches(topic, partition) for partition in partitions])
                for topic, partitions in answer.topics
            ]
        return answer

    def _without_batches(self, topic: str, partition: tuple[Any, ...]) -> tuple[Any, ...]:
        """They come last in what is said of a partition."""
        content = partition[-1]
        if not content:
            return partition
        self.laid_aside[TopicPartition(topic, partition[0])] = content
        return (*partition[:-1], _NOTHING)


class CarefulFetcher(Fetcher):  # type: ignore[misc]  # aiokafka is untyped
    """Reads what its client has laid aside."""

    limits: Limits
    taken: Taken

    async def _proc_fetch_request(self, assignment: Any, node_id: Any, request: Any) -> Any:
        more = await super()._proc_fetch_request(assignment, node_id, request)
        laid_aside = self._client.laid_aside
        for topic, partitions in request.topics:
            for number, *_ in partitions:
                tp = TopicPartition(topic, number)
                content, result = laid_aside.pop(tp, None), self._records.get(tp)
                if content is None or type(result) is not FetchResult:
                    continue
                ordinary = result._partition_records
                if type(ordinary) is PartitionRecords:
                    high = assignment.state_value(tp).highwater
                    result._partition_records = CarefulRecords(
                        ordinary, content, -1 if high is None else high, self.taken, self.limits
                    )
        return more

    async def _proc_offset_request(self, node_id: Any, topic_data: Any) -> Any:
        """Where logs begin, or end. aiokafka asks the broker that it takes for the leader again and again, with every
        fetch from that broker waiting behind it, and does not ask who leads before its view is five minutes old."""
        try:
            return await super()._proc_offset_request(node_id, topic_data)
        except KafkaError:
            self._client.force_metadata_update()
            raise

    async def fetched_records(self, partitions: Any, timeout: Any = 0, max_records: Any = None) -> Any:
        self.taken.begin()
        most = MOST_RECORDS if max_records is None else min(max_records, MOST_RECORDS)
        return await super().fetched_records(partitions, timeout=timeout, max_records=most)
