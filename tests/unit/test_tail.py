"""The end of a topic: reached by position, asked for once, and the same with both client libraries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any, cast

from aiokafka.structs import ConsumerRecord
from aiokafka.structs import TopicPartition as AsyncTopicPartition
from kafka import TopicPartition

from service.cluster.reader import Reader
from service.cluster.tail import has_reached, read_to_the_end, records_until_now

Fetch = tuple[list[int], int]
"""Offsets of the records of one fetch, and the position after it: markers and what compaction removed lie between."""


class Log:
    """A consumer of one partition that gives one fetch a poll, and grows: each question for its end finds a later
    one."""

    def __init__(self, fetches: Iterable[Fetch], end: int) -> None:
        self._fetches = list(fetches)
        self._end = end
        self.assigned: list[Any] = []
        self.at = 0

    def assign(self, partitions: list[Any]) -> None:
        self.assigned = list(partitions)

    def seek(self, _partition: Any, offset: int) -> None:
        self.at = offset

    def seek_to_beginning(self, *_partitions: Any) -> None:
        self.at = 0

    def ends(self, partitions: list[Any]) -> dict[Any, int]:
        end, self._end = self._end, self._end + 1_000
        return dict.fromkeys(partitions, end)

    def fetch(self) -> dict[Any, list[ConsumerRecord]]:
        offsets, self.at = self._fetches.pop(0)
        return {self.assigned[0]: [SimpleNamespace(offset=offset) for offset in offsets]} if offsets else {}


class AsyncLog(Log):
    """The same in aiokafka's words."""

    async def end_offsets(self, partitions: list[Any]) -> dict[Any, int]:
        return self.ends(partitions)

    async def position(self, _partition: Any) -> int:
        return self.at

    async def getmany(self, *_partitions: Any, timeout_ms: int) -> dict[Any, list[ConsumerRecord]]:
        return self.fetch()


class SyncLog(Log):
    """The same as a Reader has it."""

    def end_offsets(self, partitions: list[Any]) -> dict[Any, int]:
        return self.ends(partitions)

    def position(self, _partition: Any) -> int:
        return self.at

    def poll(self, timeout_ms: int) -> dict[Any, list[ConsumerRecord]]:
        return self.fetch()


def read_async(fetches: list[Fetch], end: int, start: int = 0) -> tuple[list[int], int]:
    seen: list[int] = []

    def take(records: list[ConsumerRecord]) -> None:
        seen.extend(record.offset for record in records)

    return seen, asyncio.run(read_to_the_end(AsyncLog(fetches, end), AsyncTopicPartition("t", 0), start, take))


def read_sync(fetches: list[Fetch], end: int) -> list[int]:
    return [
        record.offset for record in records_until_now(cast("Reader", SyncLog(fetches, end)), [TopicPartition("t", 0)])
    ]


MARKERS: list[Fetch] = [([0, 1, 5], 6), ([], 9), ([], 10)]
"""Three records, then nothing but markers up to the end at 10."""
GROWING: list[Fetch] = [([0, 1], 2), ([2], 3), ([3, 4], 5)]


def test_the_end_is_reached_when_the_position_says_so_though_no_record_comes() -> None:
    assert read_async(list(MARKERS), 10) == ([0, 1, 5], 10)
    assert read_sync(list(MARKERS), 10) == [0, 1, 5]


def test_a_topic_that_grows_while_it_is_read_does_not_keep_its_reader() -> None:
    assert read_async(list(GROWING), 3) == ([0, 1, 2], 3)
    assert read_sync(list(GROWING), 3) == [0, 1, 2]


def test_a_fetch_that_goes_beyond_the_end_ends_the_reading() -> None:
    assert read_sync([([0, 1, 2], 3)], 2) == [0, 1]
    assert read_async([([0, 1, 2], 3)], 2)[1] == 2


def test_an_empty_partition_is_at_its_end() -> None:
    assert read_async([], 0) == ([], 0)
    assert read_sync([], 0) == []


def test_reading_begins_where_it_is_told_to() -> None:
    seen, end = read_async([([7], 8)], 8, start=7)

    assert (seen, end) == ([7], 8)


def test_all_partitions_must_have_been_read_to_their_ends() -> None:
    one, other = AsyncTopicPartition("t", 0), AsyncTopicPartition("t", 1)
    log = AsyncLog([], 0)
    log.at = 5
    reached: Callable[[dict[AsyncTopicPartition, int]], bool] = lambda ends: asyncio.run(has_reached(log, ends))  # noqa: E731

    assert reached({one: 5, other: 3})
    assert not reached({one: 5, other: 6})
