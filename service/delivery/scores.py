"""`churn-alert deliver webhook --topic customer-scores`: feeds a CRM that has no Kafka. With `--topic shop-notices` the
same of what the shop is told of its numbers, where every record is an event of its own.

Its own consumer group. At least once: scores are numbers that a later one replaces, so nothing is remembered but how
far has been posted, and a crash posts again what was on its way, with the same ids. A receiver that gets scores twice
or, from a process that was paused and has lost its partitions, late, goes by `time`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

import structlog
from aiokafka import ConsumerRebalanceListener
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from service.cluster.leaving import leave_group
from service.config import Settings
from service.connection import Door
from service.delivery.channel import Attempt, Result
from service.delivery.companions import Companion
from service.delivery.group import Company, Line, new_group_consumer
from service.delivery.metrics import DeliveryMetrics
from service.delivery.pace import Backoff, Pacer, wait_for
from service.delivery.partition import wall_us
from service.delivery.score_desk import Event, ScoreDesk, event_of
from service.delivery.webhook import WebhookTarget
from service.errors import ExitCode
from service.processes.ending import end_on_request, leave
from service.streaming.guard import unless
from service.streaming.outage import FAILED_LATELY_S, Outage
from service.streaming.restarts import Fate, start_again, verdict_on

_FETCH_MS: Final = 100
_FETCH_RECORDS: Final = 500
_COMMIT_S: Final = 1.0
_WIND_UP_S: Final = 8.0
_STOP_S: Final = 10.0
"""Whoever is asked to end has ended by then, whether the broker answers or not."""
_LOOK_S: Final = 0.05
_LONGEST_LOOK_S: Final = 0.5

log = structlog.get_logger()

Serve = Callable[["ScoresFeed"], Awaitable[None]]


class ScoresFeed:
    """One process with one target."""

    def __init__(
        self,
        settings: Settings,
        target: WebhookTarget,
        metrics: DeliveryMetrics,
        serve: Serve | None = None,
        *,
        topic: str | None = None,
        what: str = "scores",
    ) -> None:
        """`topic`: another compacted topic of events than customer-scores, `what` lies in it."""
        self.settings = settings
        self.metrics = metrics
        self._target = target
        self._serve = serve
        self.name = settings.deliver.webhook.name
        self.group = f"{settings.deliver.group_of(settings.kafka.group, self.name)}-{what}"
        self._topic = topic or settings.kafka.topics.customer_scores
        self._what = what
        self._desks: dict[int, ScoreDesk] = {}
        self._committed: dict[int, int] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._pacer = Pacer(settings.deliver.per_second)
        self._backoff = Backoff(settings.deliver.retry_first_s, settings.deliver.retry_longest_s)
        self._wake = asyncio.Event()
        self._stop = asyncio.Event()
        self._outage = Outage(settings.kafka.bootstrap_servers)
        self._door = Door(settings.kafka)
        self._born_s = time.monotonic()
        self._consumer: Any = None
        self._line = Line(settings, metrics)
        self.me = Companion.of(settings, what, self._topic)
        self._company = Company(settings, self.group, self.me, metrics)
        self._partitions = 1
        self._joined = False

    def missing(self) -> list[str]:
        """Why it is not ready, in words; empty = it is."""
        said = [self._door.refused] if self._door.refused else []
        said += self._line.missing(joined=self._joined)
        said += self._company.said()
        return said if self._target.available else [*said, f"{self.name}: the other side does not answer"]

    def run(self) -> int:
        """Until stopped; returns the exit code."""
        self._outage.install()
        return asyncio.run(self._run())

    async def _run(self) -> int:
        end_on_request(self._stop, _STOP_S, self._give_up)
        work: list[asyncio.Task[None]] = []
        try:
            work.append(asyncio.create_task(self._door.watch(lambda: self._outage.within(FAILED_LATELY_S))))
            if not await unless(self._stop, self._open()):
                return await self._end(work)
            self._partitions = len(self._consumer.partitions_for_topic(self._topic) or ()) or 1
            self._consumer.subscribe([self._topic], listener=_Listener(self))
            going_on = self._read(), self._post(), self._company.look_round(), self._line.watch()
            work += map(asyncio.create_task, going_on)
            if self._serve is not None:
                work.append(asyncio.ensure_future(self._serve(self)))
            log.info("events are posted", what=self._what, target=self.name, group=self.group)
            stopped = asyncio.create_task(self._stop.wait())
            done, _ = await asyncio.wait([*work, stopped], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopped}:
                task.result()
        except Exception as error:  # noqa: BLE001 - one place decides what it means
            verdict = verdict_on(error, self.settings.kafka, self._outage, stops=self._stop.is_set())
            verdict.tell()
            if verdict.fate is Fate.AGAIN:
                start_again(time.monotonic() - self._born_s)
            if verdict.fate is Fate.ENDS:
                leave(verdict.code)
        return await self._end(work)

    async def _open(self) -> None:
        begin_at = self.settings.deliver.begin_at
        self._consumer = new_group_consumer(self.settings, self.group, self.me, self._line, begin_at, _FETCH_MS)
        await self._consumer.start()

    def _give_up(self) -> None:
        log.error("the broker took no word of what was posted; whoever comes next posts it again")
        leave(ExitCode.DONE)

    async def _end(self, work: Sequence[asyncio.Task[None]]) -> int:
        """In an orderly way; returns the exit code."""
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await self.let_go(list(self._desks))
        consumer = self._consumer
        for close in () if consumer is None else (partial(leave_group, consumer), consumer.stop):
            # A broker that is away cannot be said goodbye to, and cancels whoever waits for its answer.
            with suppress(KafkaError, OSError, asyncio.CancelledError):
                await close()
        await self._target.close()
        log.info("stopped")
        return 0

    async def _read(self) -> None:
        commit_at = 0.0
        while True:
            for number, desk in self._desks.items():
                partition = TopicPartition(self._topic, number)
                full = len(desk) >= self.settings.deliver.waiting
                (self._consumer.pause if full else self._consumer.resume)(partition)
            fetched = await self._consumer.getmany(timeout_ms=_FETCH_MS, max_records=_FETCH_RECORDS)
            for tp, records in fetched.items():
                for record in records:
                    self._take(tp.partition, record)
            if fetched:
                self._wake.set()
            if time.monotonic() >= commit_at:
                await self._commit(list(self._desks))
                commit_at = time.monotonic() + _COMMIT_S
                await self._measure()
            await asyncio.sleep(0)

    def _take(self, number: int, record: Any) -> None:
        desk = self._desks.get(number)
        if desk is None:
            return
        try:
            event = event_of(number, record.offset, record.key, record.value, record.timestamp)
        except ValueError as error:  # what JSON and UTF-8 raise are of this kind
            self.metrics.unreadable()
            log.warning(
                "a record of scores cannot be read", partition=number, offset=record.offset, error=str(error)[:200]
            )
            desk.skip(record.offset)
            return
        desk.take(record.offset, record.key or b"", event)

    async def _post(self) -> None:
        """Begins what is due; the rate is the whole shop's, and each process has as much of it as of the partitions."""
        most = self.settings.deliver.in_flight
        while True:
            self._wake.clear()
            begun = 0
            for number, desk in list(self._desks.items()):
                room = most - desk.busy if self._target.available else 0
                allowed = self._pacer.allowed(time.monotonic(), room) if room > 0 else 0
                for key, event in desk.due(wall_us(), allowed) if allowed else ():
                    task = asyncio.create_task(self._one(desk, key, event))
                    self._sending.add(task)
                    task.add_done_callback(self._sending.discard)
                    begun += 1
                self.metrics.standing(number, waiting=len(desk), in_flight=desk.busy, memory=0)
            self._pacer.begun(time.monotonic(), begun)
            self.metrics.available(value=self._target.available)
            if not begun:
                await wait_for(self._wake, self._pause_s())
            else:
                await asyncio.sleep(0)

    def _pause_s(self) -> float:
        """Until the next one is due; a target or a rate that holds all up is looked at again soon."""
        times = [at for desk in self._desks.values() if (at := desk.next_us()) is not None]
        if not times:
            return _LONGEST_LOOK_S
        return min(_LONGEST_LOOK_S, max(_LOOK_S, (min(times) - wall_us()) / 1_000_000))

    async def _one(self, desk: ScoreDesk, key: bytes, event: Event) -> None:
        began = time.monotonic()
        try:
            attempt = await self._target.post(event)
        except Exception as error:  # noqa: BLE001 - one event must not hold up the others
            log.error("an attempt failed in an unexpected way", error=type(error).__name__)  # noqa: TRY400 - its text may name somebody
            attempt = Attempt(Result.RETRY, f"unexpected {type(error).__name__}")
        self.metrics.attempted(attempt.result.value, time.monotonic() - began)
        if attempt.result is not Result.RETRY:
            self.metrics.ended(attempt.result.value, sample=False)
        if attempt.result is Result.FAILED:
            log.warning("an event was refused; the next ones are posted again", what=self._what, reason=attempt.detail)
        desk.end(key, attempt, wall_us())
        self._wake.set()

    async def _commit(self, numbers: Iterable[int]) -> None:
        offsets = {
            number: self._desks[number].committable
            for number in numbers
            if number in self._desks and self._desks[number].committable > self._committed.get(number, -1)
        }
        if offsets:
            try:
                await self._consumer.commit({TopicPartition(self._topic, number): at for number, at in offsets.items()})
            except KafkaError as error:
                # Whoever has the partition now posts a little again.
                log.info("offsets were not committed", error=type(error).__name__)
            else:
                self._committed.update(offsets)

    async def _measure(self) -> None:
        for number in list(self._desks):
            partition = TopicPartition(self._topic, number)
            try:
                end = self._consumer.last_stable_offset(partition)
                position = await self._consumer.position(partition)
            except KafkaError:
                continue  # it is going to another process
            if end is not None and end >= 0 and number in self._desks:
                self.metrics.lag(number, max(0, end - position))

    async def was_given(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._desks[number] = ScoreDesk(self._backoff, random.random, -1)
        rate = self.settings.deliver.per_second
        self._pacer.set_rate(None if rate is None else rate * max(1, len(self._desks)) / self._partitions)
        self._joined = True
        self._company.balanced()
        log.info("partitions assigned", partitions=sorted(self._desks))

    async def let_go(self, numbers: list[int]) -> None:
        """Finishes what is on its way, commits, forgets; what takes longer is posted again by whoever comes next."""
        if self._sending:
            await asyncio.wait(self._sending, timeout=_WIND_UP_S)
        await self._commit(numbers)
        for number in numbers:
            if self._desks.pop(number, None) is not None:
                self._committed.pop(number, None)
                self.metrics.released(number)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    def __init__(self, feed: ScoresFeed) -> None:
        self._feed = feed

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._feed.let_go([tp.partition for tp in revoked])

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        await self._feed.was_given(sorted(tp.partition for tp in assigned))
