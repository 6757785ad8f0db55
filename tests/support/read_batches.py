"""A partition's log of given batches, read as the fetcher reads it: fetch by fetch, from the position on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import ConsumerRecord, TopicPartition

from service.fetching import Limits, SetAside
from service.fetching.fetcher import _NOTHING
from service.fetching.reading import CarefulRecords, Taken

TP: Final = TopicPartition("purchases", 0)
_MOST_FETCHES: Final = 2_000


def ordinary(content: bytes, position: int = 0, aborted: Sequence[tuple[int, int]] = ()) -> Any:
    """What aiokafka itself makes of a fetch."""
    return PartitionRecords(TP, MemoryRecords(content), list(aborted), position, None, None, True, 1)


class LogReader:
    """`batches`: (last offset, bytes), in order, the way a broker finds them; it hands out whole batches only."""

    def __init__(
        self,
        batches: Sequence[tuple[int, bytes]],
        position: int = 0,
        *,
        high: int | None = None,
        aborted: Sequence[tuple[int, int]] = (),
        limits: Limits | None = None,
        most: int = 100_000,
        cut: Callable[[bytes], bytes] = bytes,
    ) -> None:
        self._batches = batches
        self.position = position
        self._high = max(last for last, _ in batches) + 1 if high is None else high
        self._aborted = aborted
        self._limits = limits or Limits()
        self._most = most
        self._cut = cut
        self._records: CarefulRecords | None = None
        self.taken = Taken()
        self.fetches = 0

    def some(self) -> list[ConsumerRecord]:
        """Of one call, as `FetchResult.getall` does it."""
        self.taken.begin()
        if self._records is None:
            self.fetches += 1
            content = b"".join(content for last, content in self._batches if last >= self.position)
            self._records = CarefulRecords(
                ordinary(_NOTHING, self.position, self._aborted),
                self._cut(content),
                self._high,
                self.taken,
                self._limits,
            )
        found = list[ConsumerRecord]()
        for record in self._records:
            found.append(record)
            if len(found) >= self._most:
                self.position = self._records.next_fetch_offset
                return found
        self.position, self._records = self._records.next_fetch_offset, None
        return found

    def all(self) -> list[ConsumerRecord]:
        """To the end of the log."""
        found = list[ConsumerRecord]()
        while self.position < self._high:
            assert self.fetches < _MOST_FETCHES, f"stuck at {self.position}"
            found.extend(self.some())
        return found


def log_of(*batches: bytes) -> list[tuple[int, bytes]]:
    """Batches that were right when the broker took them: their last offsets are theirs."""
    return [(int.from_bytes(each[:8]) + int.from_bytes(each[23:27]), each) for each in batches]


def told(records: Sequence[ConsumerRecord]) -> list[Any]:
    """Offsets of records, and (first, last, code) of what was set aside."""
    return [(each.first, each.last, each.code.value) if isinstance(each, SetAside) else each.offset for each in records]
