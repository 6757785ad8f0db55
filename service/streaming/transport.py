"""Faust, made to hand out one message per partition and fetch.

Stock Faust costs tasks, futures and queues per message and can commit beyond what has been processed. Here a message is
a whole fetched batch; what may be committed is an unbroken run of acknowledged batches; and each batch knows the one
before it, so that a gap or a re-read is noticed by the worker that applies them. Private members of faust 0.15.3 are
overridden, never patched; tests/contract/test_faust_internals.py fails when an upgrade moves one of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import suppress
from typing import Any

import faust
from aiokafka.consumer.fetcher import OffsetResetStrategy
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import IllegalStateError
from aiokafka.structs import ConsumerRecord
from faust.serializers.schemas import Schema
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as faust_aiokafka
from faust.types import TP as faust_tp  # noqa: N811 - it is a class
from faust.types import ConsumerMessage

from service.cluster.leaving import leave_group
from service.cluster.log_ends import Answers, Ends, Log, SourcePartition, become_asking
from service.connection import become_careful
from service.fetching import Limits

FETCH_WAIT_MS = 200
"""How long the broker may hold a fetch without data. Faust's own 1,500 would delay the notice that a topic is at its
end."""
SHORT_FETCH_WAIT_MS = 50
"""The same where every record waits for the next answer about the other topics, while records come."""
_SHORT_ROUNDS = 4
"""So many looks after the last of them as well."""
_IDLE_S = 0.05


class Batch(list[ConsumerRecord]):
    """The records of one fetch."""

    __slots__ = ("after_us", "epoch", "expected", "leader_epoch", "log", "previous", "size")
    previous: int | None
    """Last offset of the batch before it, None for the first of an epoch."""
    epoch: int
    expected: int | None
    """The offset that was to be fetched next before it; None for the first fetch of an epoch."""
    log: Log | None
    """The log it comes from, as of then."""
    leader_epoch: int
    """The highest of a leader that had taken a record of it, or of one before it; -1 = not known."""
    after_us: int
    """None of its records lay in the log yet at that instant of the wall clock; 0 = not known."""
    size: int
    """Bytes, unpacked; nearly."""

    def __init__(self, records: Iterable[ConsumerRecord] = ()) -> None:
        super().__init__(records)
        self.previous, self.epoch, self.expected, self.log, self.after_us = None, 0, None, None, 0
        self.size, self.leader_epoch = 0, -1

    def comes_after(self, before: Ends | None, now: Ends | None) -> None:
        """Of the same partition, as they were before it was fetched and as they are."""
        if now is not None:
            self.log, self.leader_epoch = now.log, now.epoch
        if before is not None:
            self.expected = before.position
            if self[0].offset >= before.log.high:
                self.after_us = before.log.asked_us


class BatchSchema(Schema):  # type: ignore[misc]  # faust is untyped
    """Passes batches through untouched; decoding is the partition worker's."""

    def compile(
        self,
        app: Any,
        *,
        on_key_decode_error: Any = None,
        on_value_decode_error: Any = None,
        default_propagate: bool = False,
    ) -> Any:
        async def decode_batch(message: Any, *, propagate: bool = default_propagate) -> Any:
            return app.create_event(message.key, message.value, None, message)

        return decode_batch


class ConsumerThread(faust_aiokafka.AIOKafkaConsumerThread):  # type: ignore[misc]
    """Reads committed records only, and notes after each fetch how far the partitions have been read."""

    _asking: asyncio.Future[None] | None = None

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        become_asking(consumer._client, self.consumer.answers)
        become_careful(consumer, Limits(self.consumer.app.largest_unpacked))
        # Without tables Faust spreads all partitions of all topics round robin: one number's inputs would go to
        # different workers whenever the counts do not divide. By range, equal counts give each member the same numbers
        # of every topic.
        consumer._partition_assignment_strategy = [RangePartitionAssignor]
        return consumer

    async def on_start(self) -> None:
        await super().on_start()
        self._asking = asyncio.ensure_future(self._consumer._client.ask_when_silent())

    async def on_thread_stop(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
        if self._consumer is not None:
            await leave_group(self._consumer)
        await super().on_thread_stop()

    def verify_event_path(self, now: float, tp: Any) -> None:
        """Faust looks, every few seconds, and says what is slow. Of a partition that is just being sought, or has gone,
        it knows no position, and would end the worker for it: this thread is not the one that seeks."""
        with suppress(AssertionError, AttributeError):
            super().verify_event_path(now, tp)

    async def seek_to_committed(self) -> Any:
        return await self.call_thread(self._seek_back)

    async def _seek_back(self) -> Any:
        """Whatever the group has committed nothing of begins again at its beginning. aiokafka leaves it where it has
        been read to, and what was fetched of it and is dropped at a seek would never come again."""
        consumer = self._ensure_consumer()
        committed = await consumer.seek_to_committed()
        subscription = consumer._subscription.subscription
        if subscription is not None and subscription.assignment is not None:
            held = subscription.assignment.tps
            anew = [tp for tp, offset in committed.items() if not offset and tp in held]
            consumer._fetcher.request_offset_reset(anew, OffsetResetStrategy.EARLIEST)
        return committed

    async def _fetch_records(
        self, consumer: Any, active_partitions: Any, timeout: Any = None, max_records: Any = None
    ) -> Any:
        records = await super()._fetch_records(consumer, active_partitions, timeout=timeout, max_records=max_records)
        # No await between here and the caller's view: positions move only in the line above.
        self.consumer.note_fetched(any(records.values()))
        consumer._fetcher._fetch_max_wait_ms = self.consumer.wait_ms
        ends: dict[SourcePartition, Ends] = {}
        assignment = consumer._subscription.subscription and consumer._subscription.subscription.assignment
        logs, epochs = self.consumer.answers.logs, consumer._fetcher.taken.epochs
        if assignment:
            for tp in assignment.tps:
                state, log = assignment.state_value(tp), logs.get(tp)
                if state.has_valid_position and log is not None:
                    ends[SourcePartition(tp.topic, tp.partition)] = Ends(state.position, log, epochs.get(tp, -1))
        self.consumer.note_ends(ends, dict(consumer._fetcher.taken.of))
        return records


class Consumer(faust_aiokafka.Consumer):  # type: ignore[misc]
    """Hands out batches, keeps their chain, and skips partitions whose worker has enough to do."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._handed_out: dict[Any, deque[int]] = {}
        self._last: dict[Any, int] = {}
        self._ends: dict[SourcePartition, Ends] = {}
        self._fresh_ends: dict[SourcePartition, Ends] = {}
        self._fresh_sizes: dict[SourcePartition, int] = {}
        self._short_rounds = 0
        self.epoch = 0
        super().__init__(*args, **kwargs)
        self.answers: Answers = self.app.answers

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def note_ends(self, ends: dict[SourcePartition, Ends], sizes: dict[SourcePartition, int]) -> None:
        """From the consumer's thread, with the fetch they belong to; and how many bytes that has taken."""
        self._fresh_ends, self._fresh_sizes = ends, sizes

    def note_fetched(self, brought: bool) -> None:
        """From the consumer's thread: a look for records is over, and has `brought` some."""
        self._short_rounds = _SHORT_ROUNDS if brought else max(0, self._short_rounds - 1)

    @property
    def wait_ms(self) -> int:
        """How long to wait for records before the ends of topics are told."""
        return SHORT_FETCH_WAIT_MS if self.app.asks_again and self._short_rounds else FETCH_WAIT_MS

    def ends(self, tp: SourcePartition) -> Ends | None:
        """As of the last fetch; None before the first."""
        return self._ends.get(tp)

    def log_of(self, tp: SourcePartition) -> Log | None:
        """The newest that is known of the partition's log, which may lie ahead of `ends`."""
        return self.answers.logs.get(tp)

    def log_has_lost_its_tail(self, tp: SourcePartition) -> None:
        """What was committed of it lies beyond its end: what is acknowledged from now on is to be committed again."""
        self._committed_offset.pop(tp, None)

    async def commit_beginning(self, tps: Collection[SourcePartition]) -> None:
        """The group goes on at the beginnings of these."""
        await self._commit({faust_tp(tp.topic, tp.partition): 0 for tp in tps})

    def last_handed_out(self, tp: SourcePartition) -> int | None:
        """Offset of the last record handed out in this epoch."""
        return self._last.get(tp)

    async def _getmany(self, active_partitions: Any, timeout: float) -> Any:
        gate = getattr(self.app, "wants", None)
        wanted = {tp for tp in active_partitions if gate is None or gate(tp)} if active_partitions is not None else None
        if wanted is not None and not wanted:
            await self.sleep(_IDLE_S)
            return {}
        return await super()._getmany(wanted, min(timeout, self.wait_ms / 1000))

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[Any, Any]]:
        records, active = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if records is None or self.should_stop:
            return
        if not self.flow_active:
            await self.perform_seek()
            return
        batches: list[tuple[Any, Batch]] = []
        for key, fetched in records.items():
            tp = ensure_TP(key)
            if not fetched:
                continue
            batch = Batch(fetched)
            batch.previous, batch.epoch = self._last.get(tp), self.epoch
            batch.size = self._fresh_sizes.get(tp, 0)
            batch.comes_after(self._ends.get(tp), self._fresh_ends.get(tp))
            self._last[tp] = fetched[-1].offset  # also of what is not handed out: the missing link is noticed
            if active is None or tp in active or tp in self._buffered_partitions:
                batches.append((tp, batch))
        self._ends = self._fresh_ends
        self.app.ends_noted()
        for tp, batch in batches:
            if not self.flow_active or self.app.consumer_generation_id != generation or batch.epoch != self.epoch:
                return
            last = batch[-1]
            queue = self._handed_out.setdefault(tp, deque())
            if not queue or last.offset > queue[-1]:
                queue.append(last.offset)
            yield (
                tp,
                ConsumerMessage(
                    last.topic,
                    last.partition,
                    last.offset,
                    last.timestamp / 1000,
                    last.timestamp_type,
                    None,
                    None,
                    batch,
                    None,
                    0,
                    0,
                    tp,
                    generation_id=generation,
                ),
            )

    async def _add_gap(self, tp: Any, offset_from: int, offset_to: int) -> None:
        """Batches leave gaps by nature; the chain of batches guards the order."""

    def _new_offset(self, tp: Any) -> int | None:
        """Only an unbroken run of acknowledged batches may be committed."""
        handed_out, acked, last = self._handed_out.get(tp), self._acked_index[tp], None
        while handed_out and handed_out[0] in acked:
            last = handed_out.popleft()
            acked.discard(last)
        if last is None:
            return None
        self._acked[tp][:] = [offset for offset in self._acked[tp] if offset > last]
        return last + 1

    def forget(self, message: Any) -> None:
        """The message will not be acknowledged: it would hang shutdown and rebalance."""
        self._unacked_messages.discard(message)

    def _forget_partitions(self, tps: Iterable[Any]) -> None:
        self.epoch += 1
        gone = set(tps)
        for tp in gone:
            self._handed_out.pop(tp, None)
            self._last.pop(tp, None)
            self._ends.pop(tp, None)
        # Where nothing is fetched, the next look would take these for what is known.
        self._fresh_ends = {tp: ends for tp, ends in self._fresh_ends.items() if tp not in gone}

    async def perform_seek(self) -> None:
        self._forget_partitions(set(self._handed_out) | set(self._last))
        self._acked.clear()
        self._acked_index.clear()
        # Where the group was divided anew meanwhile, whoever has the partitions then reads on from what was committed.
        with suppress(IllegalStateError):
            await super().perform_seek()
        # The seek ran in the consumer's thread after any fetch in flight: what is noted from now on lies behind it.
        self._ends, self._fresh_ends = {}, {}

    async def on_partitions_revoked(self, revoked: Any) -> None:
        self.app.drop_queues(revoked)
        await super().on_partitions_revoked(revoked)
        self._forget_partitions(revoked)
        for tp in revoked:
            self.answers.logs.pop(tp, None)


class BatchApp(faust.App):  # type: ignore[misc]
    """A Faust app whose messages are batches. `wants(tp)` says whether a partition may be fetched now."""

    def __init__(self, *args: Any, largest_unpacked: int, asks_again: bool = False, **options: Any) -> None:
        """`largest_unpacked`: bytes that a compressed batch of the broker's may hold. `asks_again`: every record waits
        until the other topics were asked after it had come."""
        self.answers = Answers()
        self.asks_again = asks_again
        self.largest_unpacked = largest_unpacked
        super().__init__(*args, **options)

    def _new_transport(self) -> Any:
        transport = type("Transport", (faust_aiokafka.Transport,), {"Consumer": Consumer})
        return transport(self.conf.broker_consumer, self)

    def wants(self, tp: Any) -> bool:
        return True

    def ends_noted(self) -> None:
        """Called after each fetch, when `Consumer.ends` is up to date."""

    def drop_queues(self, revoked: Any) -> None:
        """Called before Faust waits for what is in flight."""
