"""One worker per partition number: its state, its lock, its transactional producer, its turns.

Life: fence the predecessor → read the changelogs → turns until revoked. A turn, under the lock, shared by batches and the
clock: take everything queued → apply → one transaction with outputs, dead letters, state, ledger and positions →
acknowledge. Nothing is undone in memory: whatever goes wrong ends the process, and the successor reads the last commit.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from service.config import Settings
from service.domain.policy import ClockMode
from service.errors import FatalError
from service.streaming.job import SLICE, PartitionJob
from service.streaming.metrics import Metrics
from service.streaming.producer import TransactionalProducer
from service.streaming.recovery import read_changelogs
from service.streaming.transport import SourcePartition

TURN_RECORDS = 32_000
"""Most records of one turn: its computing must stay far below the transaction and session time-outs."""


class Source(Protocol):
    """What the worker needs of the consumer."""

    epoch: int

    def ends(self, tp: SourcePartition) -> tuple[int, int] | None: ...
    def last_handed_out(self, tp: SourcePartition) -> int | None: ...
    def forget(self, message: Any) -> None: ...


class PartitionWorker:
    """Owns partition `number` of all input topics. `fail` is told of anything not understood and does not return."""

    def __init__(
        self,
        settings: Settings,
        number: int,
        source: Source,
        committed: Callable[[SourcePartition], int | None],
        metrics: Metrics,
        fail: Callable[[BaseException], None],
        kept: tuple[PartitionJob, dict[str, int]] | None = None,
        partitions: int = 1,
    ) -> None:
        self._settings = settings
        self.number = number
        self._source = source
        self._committed = committed
        self._metrics = metrics
        self._fail = fail
        self._reusable = kept is None
        self.job, self._read_to = kept or (
            PartitionJob(settings, number, partitions),
            {settings.kafka.state_topic: 0, settings.kafka.ledger_topic: 0},
        )
        self._tps = [SourcePartition(topic, number) for topic in self.job.sources]
        self._index = {topic: index for index, topic in enumerate(self.job.sources)}
        self._producer: TransactionalProducer | None = None
        self._queue: deque[Any] = deque()
        self._queued = [0] * len(self._tps)
        self._waiting: list[deque[tuple[int, Any]]] = [deque() for _ in self._tps]
        self._received: list[int | None] = [None] * len(self._tps)
        self._epoch = -1
        self._wall = settings.time.clock is ClockMode.WALL
        self._grace_us = int(settings.time.grace_s * 1_000_000)
        self._more = asyncio.Event()
        self._lock = asyncio.Lock()
        self.ready = False
        self.closing = False
        self._ticked = False
        self.task = asyncio.create_task(self._main(), name=f"partition-{number}")

    # ---- from Faust

    def wants(self, topic: str) -> bool:
        """Whether more of this topic may be fetched now."""
        index = self._index[topic]
        return self._queued[index] + self.job.buffered(index) < self._settings.kafka.buffer_records

    def put(self, event: Any) -> None:
        """A batch has arrived. Never waits: fetching is what is held back (`wants`)."""
        self._queue.append(event)
        self._queued[self._index[event.message.topic]] += len(event.value)
        self._more.set()

    def poke(self) -> None:
        """Something that a waiting merge depends on may have changed."""
        if self.ready and len(self.job):
            self._more.set()

    def tick(self) -> None:
        """The clock: time may move as soon as everything that arrived has been applied."""
        if self.ready and self._wall:
            self._ticked = True
            self._more.set()

    def drop_queue(self) -> None:
        """Revoked: nothing more will be processed or acknowledged here."""
        self.closing = True
        self._forget_input()

    def _forget_input(self) -> None:
        while self._queue:
            self._source.forget(self._queue.popleft().message)
        for waiting in self._waiting:
            while waiting:
                self._source.forget(waiting.popleft()[1].message)
        self._queued = [0] * len(self._tps)
        self.job.drop_input()

    # ---- life

    async def _main(self) -> None:
        try:
            self._producer = TransactionalProducer(self._settings.kafka, f"{self._settings.kafka.group}-{self.number}")
            await self._producer.open()
            await self._load()
            self.ready = True
            self._more.set()
            while True:
                await self._more.wait()
                async with self._lock:
                    self._more.clear()
                    while not self.closing and await self._turn():
                        pass
                    if self._ticked and not self.closing:
                        self._ticked = False
                        await self._pass_time()
        except Exception as error:  # noqa: BLE001 - whatever it is, going on would break a promise
            self._fail(error)

    async def _load(self) -> None:
        loaded = await read_changelogs(
            self._settings.kafka, self.number, self._read_to, self.job.restore, self.job.sources
        )
        self.job.restored()
        gc.freeze()  # the state just read will not be searched for cycles
        for topic, end in loaded.input_ends.items():
            if end < (position := self.job.positions[topic]):
                raise FatalError(
                    f"{topic}-{self.number} ends at {end}, but the state contains its records up to {position}: the topic was "
                    f"recreated or has lost records. Delete {' and '.join(self._read_to)} as well to start from the beginning."
                )
        self._metrics.recovered(self.number, loaded.records, loaded.seconds, len(self.job.engine.customers))

    async def close(self) -> tuple[PartitionJob, dict[str, int]] | None:
        """Ends the worker. Returns the state for the next assignment, if it is exactly what was committed."""
        self.closing = True
        self._more.set()
        whole = False
        if self.ready:
            async with self._lock:  # the turn in flight ends first
                self._forget_input()
                whole = True
        self.task.cancel()
        await asyncio.wait([self.task])
        if self._producer is not None:
            await self._producer.close()
        return (self.job, self._read_to) if whole else None

    # ---- turns

    async def _turn(self) -> bool:
        """One transaction's worth of work. Returns whether there may be more."""
        began = time.perf_counter()
        self._sync_epoch()
        while self._queue:
            self._accept(self._queue.popleft())
        ends = [self._at_end(index) for index in range(len(self._tps))]
        taken = self.job.take(ends.__getitem__, TURN_RECORDS)
        for start in range(0, len(taken), SLICE):
            self.job.apply(taken[start : start + SLICE])
            await asyncio.sleep(0)
        if taken:
            await self._write(len(taken), began)
        self._acknowledge()
        return len(taken) == TURN_RECORDS or bool(self._queue)

    async def _pass_time(self) -> None:
        """Where everything that arrived has been applied, time moves and dates fire."""
        self._sync_epoch()
        if self._queue or len(self.job) or not all(self._at_end(index) for index in range(len(self._tps))):
            return
        began, wall_us = time.perf_counter(), time.time_ns() // 1000
        self.job.advance(wall_us, self._grace_us)
        self._metrics.feed(self.number, stalled=self.job.engine.timeline.clock.stalled(wall_us))
        await self._write(0, began)

    async def _write(self, processed: int, began: float) -> None:
        written = self.job.drain(processed)
        if written is None:
            return
        if self._producer is None:
            raise FatalError("A turn was made before its producer was open.")
        computed = time.perf_counter()
        await self._producer.write(written.records)
        self._metrics.turn(self.number, written, self.job.engine, computed - began, time.perf_counter() - computed)

    def _sync_epoch(self) -> None:
        """After a seek everything unacknowledged is fetched again; what is buffered from before is dropped."""
        if self._epoch != self._source.epoch:
            self._epoch = self._source.epoch
            fresh = [event for event in self._queue if event.value.epoch == self._epoch]
            stale = [event for event in self._queue if event.value.epoch != self._epoch]
            self._queue.clear()
            for event in stale:
                self._source.forget(event.message)
            self._forget_input()
            self._received = [None] * len(self._tps)
            self._queue.extend(fresh)
            for event in fresh:
                self._queued[self._index[event.message.topic]] += len(event.value)

    def _accept(self, event: Any) -> None:
        """Checks that batches follow each other, and decodes."""
        batch, index = event.value, self._index[event.message.topic]
        self._queued[index] -= len(batch)
        if batch.epoch != self._epoch:
            self._source.forget(event.message)
            return
        if batch.previous != self._received[index]:
            raise FatalError(
                f"A batch of {event.message.topic}-{self.number} is missing: it follows {batch.previous}, "
                f"the last one received ended at {self._received[index]}."
            )
        if batch.previous is None:
            self._check_group_offset(index)
        self._received[index] = event.message.offset
        self.job.put(index, batch)
        self._waiting[index].append((event.message.offset, event))

    def _check_group_offset(self, index: int) -> None:
        tp = self._tps[index]
        committed, position = self._committed(tp), self.job.positions[tp.topic]
        if committed is not None and committed > position:
            raise FatalError(
                f"The group has committed {tp.topic}-{self.number} up to {committed}, but the state ends at {position}: "
                f"the changelog {self._settings.kafka.state_topic} has lost records. Restore it, or reset the group's offsets "
                "and delete both changelogs to start from the beginning."
            )

    def _at_end(self, index: int) -> bool:
        """Whether the topic holds nothing that is not buffered here."""
        tp = self._tps[index]
        ends = self._source.ends(tp)
        return ends is not None and ends[0] >= ends[1] and self._source.last_handed_out(tp) == self._received[index]

    def _acknowledge(self) -> None:
        """Batches whose last record is contained in the committed state."""
        for index, waiting in enumerate(self._waiting):
            position = self.job.positions[self._tps[index].topic]
            while waiting and waiting[0][0] < position:
                waiting.popleft()[1].ack()
        self._metrics.positions(self.number, self.job.positions, {tp.topic: self._source.ends(tp) for tp in self._tps})

    def caught_up(self) -> bool:
        """Ready, and nothing waits that was known at the last fetch."""
        return (
            self.ready
            and not self._queue
            and not len(self.job)
            and all(self._at_end(index) for index in range(len(self._tps)))
        )

    def progress(self) -> list[tuple[int, int]] | None:
        """(applied up to, end at the last fetch) of each input topic; None before all have been fetched from."""
        ends = [self._source.ends(tp) for tp in self._tps]
        positions = [self.job.positions[tp.topic] for tp in self._tps]
        return [(position, end[1]) for position, end in zip(positions, ends, strict=True) if end] if all(ends) else None
