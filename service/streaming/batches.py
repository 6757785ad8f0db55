"""What has arrived for a partition and is not committed yet: batches, from their arrival to their acknowledgement.

Each batch names the one before it, so that a gap or a re-read is noticed; after a seek everything unacknowledged comes
again, and what lies here is dropped. A batch is acknowledged when the committed state contains its last record.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection
from typing import Any, Protocol

from service.cluster.gaps import Gap
from service.cluster.log_ends import CompleteUpTo, Ends, Log, SourcePartition, counts
from service.config import KafkaSettings
from service.errors import FatalError, StartAgainError
from service.streaming.job import PartitionJob
from service.streaming.transport import Batch
from service.wire.schemas import SchemaId


class Source(Protocol):
    """What is needed of the consumer."""

    epoch: int

    def ends(self, tp: SourcePartition) -> Ends | None: ...
    def log_of(self, tp: SourcePartition) -> Log | None: ...
    def last_handed_out(self, tp: SourcePartition) -> int | None: ...
    def log_has_lost_its_tail(self, tp: SourcePartition) -> None: ...
    async def commit_beginning(self, tps: Collection[SourcePartition]) -> None: ...
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
        self._bytes = [0] * len(self._tps)
        """Of batches that are not acknowledged."""
        self._waiting: list[deque[tuple[int, Any]]] = [deque() for _ in self._tps]
        self._received: list[int | None] = [None] * len(self._tps)
        self._fetched_to: list[int | None] = [None] * len(self._tps)
        """The next offset to fetch, as far as it has been heard of in this epoch."""
        self._complete = [CompleteUpTo() for _ in self._tps]
        self._gaps: list[Gap] = []
        self._epoch = -1
        self._dropped = False
        """What had arrived lies here no more, and comes again only after a seek."""
        self.missing: tuple[str, frozenset[SchemaId]] = ("", frozenset())
        """Topic, and the ids of schemas that have to be known before its next batch can be decoded."""

    def __len__(self) -> int:
        """Batches that have arrived and are not decoded."""
        return len(self._queue)

    def wants(self, topic: str) -> bool:
        """Whether more of this topic may be fetched now."""
        index = self._index[topic]
        records = self._queued[index] + self._job.inbox.buffered(index)
        has_room = records < self._kafka.buffer_records and self._bytes[index] < self._kafka.buffer_bytes
        return has_room or self._job.inbox.starves(index)

    def put(self, event: Any) -> None:
        """A batch has arrived."""
        index = self._index[event.message.topic]
        self._queue.append(event)
        self._queued[index] += len(event.value)
        self._bytes[index] += event.value.size

    def forget(self) -> None:
        """Nothing of what lies here will be acknowledged."""
        while self._queue:
            self._source.forget(self._queue.popleft().message)
        for waiting in self._waiting:
            while waiting:
                self._source.forget(waiting.popleft()[1].message)
        self._queued = [0] * len(self._tps)
        self._bytes = [0] * len(self._tps)
        self._job.inbox.drop_input()
        self._dropped = True

    def decode(self) -> None:
        """Everything that has arrived into the job, up to the first batch whose schemas are not known yet.

        FatalError where a batch is missing, or the state lacks what was committed.
        """
        self.missing = ("", frozenset())
        while self._queue:
            event = self._queue[0]
            topic = event.message.topic
            missing = self._job.inbox.missing_schemas(self._index[topic], event.value)
            if missing:
                self.missing = (topic, frozenset(missing))
                return
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
            self._dropped = False
            self._received = [None] * len(self._tps)
            self._fetched_to = [None] * len(self._tps)
            for event in fresh:
                self.put(event)

    def _accept(self, event: Any) -> None:
        """Checks that batches follow each other, and decodes."""
        batch, index = event.value, self._index[event.message.topic]
        self._queued[index] -= len(batch)
        if batch.epoch != self._epoch:
            self._bytes[index] -= batch.size
            self._source.forget(event.message)
            return
        if batch.previous != self._received[index]:
            raise FatalError(
                f"A batch of {event.message.topic}-{self._job.partition} is missing: it follows {batch.previous}, "
                f"the last one received ended at {self._received[index]}."
            )
        self._look_for_gap(index, batch)
        if batch.previous is None:
            self._check_group_offset(index, batch.log)
        self._received[index] = event.message.offset
        self._job.inbox.put(index, batch, batch.after_us, None if batch.log is None else batch.log.told_s)
        self._waiting[index].append((event.message.offset, event))

    def _look_for_gap(self, index: int, batch: Batch) -> None:
        """Whether the log has lost records between what was fetched before and this batch."""
        topic, log = self._tps[index].topic, batch.log
        received = self._received[index]
        fetched_to = max(batch.expected or 0, self._fetched_to[index] or 0, 0 if received is None else received + 1)
        if batch[0].offset < fetched_to:
            self.lost_tail(topic, self._job.inbox.arrival_us(index, batch))
        elif log is not None and log.start > (expected := max(self._job.positions[topic], fetched_to)) > 0:
            self._gaps.append(Gap(topic, expected, log.start - expected, self._job.inbox.arrival_us(index, batch)))

    def lost_tail(self, topic: str, until_us: int, kept: int | None = None) -> None:
        """The log of the topic ends before the position, or is another one, in which case it may be `kept` up to there:
        whatever comes of it from now on is taken."""
        index = self._index[topic]
        position = self._job.positions[topic] if kept is None else self._read_to(index)
        self._gaps.append(Gap(topic, position, None, until_us, kept))
        self._job.positions[topic] = 0
        self._job.inbox.begins_anew(topic)
        self._fetched_to[index], self._complete[index] = None, CompleteUpTo()
        self._source.log_has_lost_its_tail(self._tps[index])

    def new_leaders(self) -> dict[str, tuple[int, int]]:
        """Inputs of which batches of a later epoch have come than was known, or marks of ends of transactions: the
        epoch that was known, and up to where they had been read until then. Where none was known the new one is."""
        found, epochs = dict[str, tuple[int, int]](), self._job.epochs
        for index, tp in enumerate(self._tps):
            ends, known = self._source.ends(tp), epochs.of(tp.topic)
            if ends is None or ends.epoch <= known:
                continue
            if known >= 0 and (read_to := self._read_to(index)):
                found[tp.topic] = known, read_to
            else:
                epochs.led(tp.topic, ends.epoch)
        return found

    def _read_to(self, index: int) -> int:
        """The next offset behind all that was read before the newest epoch began; 0 = nothing was."""
        topic, received = self._tps[index].topic, self._received[index]
        known, begun = self._job.epochs.of(topic), 0 if received is None else received + 1
        waiting: list[int] = [
            event.message.offset + 1
            for event in self._queue
            if event.message.topic == topic and event.value.leader_epoch <= known
        ]
        return max(self._job.positions[topic], self._fetched_to[index] or 0, begun, *waiting)

    def follow_leaders(self, topics: Collection[str]) -> None:
        """Of these the log still holds what was read of it."""
        for topic in topics:
            ends = self._source.ends(self._tps[self._index[topic]])
            if ends is not None:
                self._job.epochs.led(topic, ends.epoch)

    def log_of(self, topic: str) -> Log | None:
        """The newest that is known of it."""
        return self._source.log_of(self._tps[self._index[topic]])

    def begins_beyond(self, topic: str) -> bool:
        """Whether the consumer has begun somewhere behind the log's beginning, as the group's offset said."""
        return bool(self._committed(self._tps[self._index[topic]]))

    async def begin_again(self, topics: Collection[str]) -> None:
        """These are to be read from their beginnings, as the state says by now. Raises StartAgainError, always: the
        next life's consumer begins where the group's offsets are."""
        await self._source.commit_beginning([self._tps[self._index[topic]] for topic in topics])
        raise StartAgainError(f"{', '.join(sorted(topics))} must be read from the beginning.")

    def take_gaps(self) -> list[Gap]:
        """Gaps found since the last call."""
        gaps, self._gaps = self._gaps, []
        return gaps

    def _check_group_offset(self, index: int, log: Log | None) -> None:
        tp = self._tps[index]
        committed, position = self._committed(tp), self._job.positions[tp.topic]
        if committed is None or committed <= position:
            return
        if log is not None and committed > log.high:
            self._source.log_has_lost_its_tail(tp)  # it was committed of another log, and would stand there for ever
        else:
            raise FatalError(
                f"The group has committed {tp.topic}-{tp.partition} up to {committed}, but the state ends at {position}: "
                f"the changelog {self._kafka.state_topic} has lost records. Restore it, or reset the group's offsets "
                "and delete both changelogs to start from the beginning."
            )

    def at_ends(self) -> list[bool]:
        """Of each input whether it is known to hold nothing that is not decoded here, behind an open transaction
        neither."""
        now_us = time.time_ns() // 1000
        return [
            ends is not None
            and ends.position >= ends.log.high
            and counts(ends.log.asked_us, now_us)
            and self._all_here(index)
            for index, ends in enumerate(map(self._source.ends, self._tps))
        ]

    def ended_us(self) -> list[int]:
        """Of each input the instant at which all that lay in its log is decoded here; 0 = it is not at its end."""
        return [
            ends.log.asked_us if at_end and ends is not None else 0
            for at_end, ends in zip(self.at_ends(), map(self._source.ends, self._tps), strict=True)
        ]

    def asked_s(self) -> list[float]:
        """Of each input when (`time.monotonic`) the end was asked for that is known; 0 = none is."""
        return [0.0 if ends is None else ends.log.asked_s for ends in map(self._source.ends, self._tps)]

    def silent(self) -> list[str]:
        """Inputs that may be read on and of whose logs nothing has been heard of late."""
        now_us = time.time_ns() // 1000
        return [
            topic
            for topic, ends in self.ends().items()
            if self.wants(topic) and (ends is None or not counts(ends.log.asked_us, now_us))
        ]

    def _all_here(self, index: int) -> bool:
        """Whether everything that was handed out has been decoded, and is not dropped since."""
        return not self._dropped and self._source.last_handed_out(self._tps[index]) == self._received[index]

    def follow_positions(self) -> None:
        """Where everything handed out has been applied, the position is the consumer's, beyond control records and
        what was aborted; and what was lost behind it is noticed."""
        for index, tp in enumerate(self._tps):
            ends = self._source.ends(tp)
            if ends is None or self._job.inbox.buffered(index) or not self._all_here(index):
                continue
            if self._received[index] is None:
                self._check_group_offset(index, ends.log)
            position, before = self._job.positions[tp.topic], self._fetched_to[index]
            if before is not None and ends.position < before:
                self.lost_tail(tp.topic, time.time_ns() // 1000)
                continue
            if ends.log.start > position > 0:
                self._gaps.append(Gap(tp.topic, position, ends.log.start - position, time.time_ns() // 1000))
            self._fetched_to[index] = ends.position
            self._job.positions[tp.topic] = max(position, ends.position)

    def complete_us(self) -> int:
        """All that lay in the logs of all inputs at that instant has been applied; 0 = nothing is known."""
        return min(map(self._complete_us, range(len(self._tps))))

    def _complete_us(self, index: int) -> int:
        tp, complete = self._tps[index], self._complete[index]
        log = self._source.log_of(tp)
        if log is not None:
            complete.note(log)
        return complete.applied(self._job.positions[tp.topic])

    def acknowledge(self) -> None:
        """Batches whose last record is contained in the committed state."""
        for index, (tp, waiting) in enumerate(zip(self._tps, self._waiting, strict=True)):
            position = self._job.positions[tp.topic]
            while waiting and waiting[0][0] < position:
                _, event = waiting.popleft()
                self._bytes[index] -= event.value.size
                event.ack()

    def ends(self) -> dict[str, Ends | None]:
        """Of each input as of the last fetch; None before the first."""
        return {tp.topic: self._source.ends(tp) for tp in self._tps}
