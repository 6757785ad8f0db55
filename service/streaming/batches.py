"""What has arrived for a partition and is not committed yet: batches, from their arrival to their acknowledgement.

Each batch names the one before it, so that a gap or a re-read is noticed; after a seek everything unacknowledged comes
again, and what lies here is dropped. A batch is acknowledged when the committed state contains its last record.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from service.config import KafkaSettings
from service.errors import FatalError
from service.streaming.job import PartitionJob
from service.streaming.transport import SourcePartition


class Source(Protocol):
    """What is needed of the consumer."""

    epoch: int

    def ends(self, tp: SourcePartition) -> tuple[int, int] | None: ...
    def last_handed_out(self, tp: SourcePartition) -> int | None: ...
    def forget(self, message: Any) -> None: ...


class Intake:
    """The input side of one partition number; it decodes into the job. Inputs are counted in the job's order."""

    def __init__(
        self,
        kafka: KafkaSettings,
        job: PartitionJob,
        source: Source,
        committed: Callable[[SourcePartition], int | None],
    ) -> None:
        """`committed` gives the group's offset of an input; None = it has none."""
        self._kafka = kafka
        self._job = job
        self._source = source
        self._committed = committed
        self._tps = [SourcePartition(topic, job.partition) for topic in job.sources]
        self._index = {topic: index for index, topic in enumerate(job.sources)}
        self._queue: deque[Any] = deque()
        self._queued = [0] * len(self._tps)
        self._waiting: list[deque[tuple[int, Any]]] = [deque() for _ in self._tps]
        self._received: list[int | None] = [None] * len(self._tps)
        self._epoch = -1

    def __len__(self) -> int:
        """Batches that have arrived and are not decoded."""
        return len(self._queue)

    def wants(self, topic: str) -> bool:
        """Whether more of this topic may be fetched now."""
        index = self._index[topic]
        return self._queued[index] + self._job.buffered(index) < self._kafka.buffer_records

    def put(self, event: Any) -> None:
        """A batch has arrived."""
        self._queue.append(event)
        self._queued[self._index[event.message.topic]] += len(event.value)

    def forget(self) -> None:
        """Nothing of what lies here will be acknowledged."""
        while self._queue:
            self._source.forget(self._queue.popleft().message)
        for waiting in self._waiting:
            while waiting:
                self._source.forget(waiting.popleft()[1].message)
        self._queued = [0] * len(self._tps)
        self._job.drop_input()

    def decode(self) -> None:
        """Everything that has arrived into the job.

        FatalError where a batch is missing, or the state lacks what was committed.
        """
        while self._queue:
            self._accept(self._queue.popleft())

    def follow_seeks(self) -> None:
        """After a seek everything unacknowledged is fetched again; what is buffered from before is dropped."""
        if self._epoch != self._source.epoch:
            self._epoch = self._source.epoch
            fresh = [event for event in self._queue if event.value.epoch == self._epoch]
            stale = [event for event in self._queue if event.value.epoch != self._epoch]
            self._queue.clear()
            for event in stale:
                self._source.forget(event.message)
            self.forget()
            self._received = [None] * len(self._tps)
            for event in fresh:
                self.put(event)

    def _accept(self, event: Any) -> None:
        """Checks that batches follow each other, and decodes."""
        batch, index = event.value, self._index[event.message.topic]
        self._queued[index] -= len(batch)
        if batch.epoch != self._epoch:
            self._source.forget(event.message)
            return
        if batch.previous != self._received[index]:
            raise FatalError(
                f"A batch of {event.message.topic}-{self._job.partition} is missing: it follows {batch.previous}, "
                f"the last one received ended at {self._received[index]}."
            )
        if batch.previous is None:
            self._check_group_offset(index)
        self._received[index] = event.message.offset
        self._job.put(index, batch)
        self._waiting[index].append((event.message.offset, event))

    def _check_group_offset(self, index: int) -> None:
        tp = self._tps[index]
        committed, position = self._committed(tp), self._job.positions[tp.topic]
        if committed is not None and committed > position:
            raise FatalError(
                f"The group has committed {tp.topic}-{tp.partition} up to {committed}, but the state ends at {position}: "
                f"the changelog {self._kafka.state_topic} has lost records. Restore it, or reset the group's offsets "
                "and delete both changelogs to start from the beginning."
            )

    def at_ends(self) -> list[bool]:
        """Of each input whether it holds nothing that is not decoded here."""
        found = [self._source.ends(tp) for tp in self._tps]
        return [
            ends is not None and ends[0] >= ends[1] and self._source.last_handed_out(tp) == received
            for tp, ends, received in zip(self._tps, found, self._received, strict=True)
        ]

    def acknowledge(self) -> None:
        """Batches whose last record is contained in the committed state."""
        for tp, waiting in zip(self._tps, self._waiting, strict=True):
            position = self._job.positions[tp.topic]
            while waiting and waiting[0][0] < position:
                waiting.popleft()[1].ack()

    def ends(self) -> dict[str, tuple[int, int] | None]:
        """(next offset to fetch, end) of each input as of the last fetch; None before the first."""
        return {tp.topic: self._source.ends(tp) for tp in self._tps}
