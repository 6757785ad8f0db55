"""The delivery process: a consumer group on `outreach`, one PartitionDelivery for each partition it is given.

aiokafka, not kafka-python: SMTP and HTTP are spoken by many tasks at once, and consumer, transactional producer, web
server and channel live in one event loop. Hidden threads of a blocking client would have to be handed every
acknowledgement and every rebalance across, and its calls would hold up the sending.

Two deliverers never send the same partition's orders: the successor's transactional producer fences the predecessor,
and one that was paused for so long that its partition may have gone to another ends itself before it does anything
else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NoReturn, cast
from zoneinfo import ZoneInfo

import structlog
from aiokafka import ConsumerRebalanceListener
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord, TopicPartition

from service.cluster.leaving import leave_group
from service.cluster.topic_ids import Course, TopicNow, TopicWatch
from service.config import Settings
from service.connection import Door
from service.delivery.book import Book
from service.delivery.channel import Channel
from service.delivery.companions import Companion
from service.delivery.customers import CustomerWord, customer_of
from service.delivery.desk import Desk, Said
from service.delivery.ends import ends_known, keep_ends, take_ends
from service.delivery.follower import Ends, Follower
from service.delivery.group import Company, Line, new_group_consumer
from service.delivery.memory import Entry, Memory
from service.delivery.metrics import DeliveryMetrics
from service.delivery.pace import Backoff, Pacer
from service.delivery.partition import PartitionDelivery, by_chance, wall_us
from service.delivery.remembered import remembered_in
from service.delivery.standings import Standings
from service.domain.events import Erasure
from service.domain.quiet_times import Quiet
from service.errors import ExitCode, FatalError
from service.processes.ending import end_on_request, leave
from service.streaming.guard import guarded, unless
from service.streaming.outage import FAILED_LATELY_S, Outage
from service.streaming.restarts import Fate, start_again, verdict_on
from service.wire.input_topics import TOPIC_OF

_FETCH_MS: Final = 200
_FETCH_RECORDS: Final = 500
_REVOKE_S: Final = 10.0
_STOP_S: Final = 9.5
_PULSE_S: Final = 0.25
_LAG_S: Final = 5.0
_WATCH_S: Final = 1.0
_KNOW_S: Final = 10.0
_LONGEST_PAUSE: Final = 0.5
"""Part of the session time-out that this process may have stood still: the group cannot have given its partitions away
within it."""

log = structlog.get_logger()

Serve = Callable[["Deliverer"], Awaitable[None]]


@dataclass(slots=True)
class _Owned:
    """A partition while it is ours; `delivery` is there once its memory has been read."""

    task: asyncio.Task[None]
    delivery: PartitionDelivery | None = None


class Deliverer:
    """One process with one channel."""

    def __init__(
        self,
        settings: Settings,
        channel: Channel,
        metrics: DeliveryMetrics,
        *,
        partitions: int,
        customer_partitions: int,
        kept_us: int,
        on_bounce: Callable[[str, str, str], Awaitable[None]],
        serve: Serve | None = None,
        way: str = "smtp",
        tells_cancelled: bool = False,
        on_customer: Callable[[CustomerWord], None] = lambda _word: None,
        from_the_beginning: bool = False,
    ) -> None:
        """`partitions` is how many `outreach` has, `kept_us` how long it keeps a request; `on_bounce` is told whose
        address takes nothing, and which request that has shown; `way`: what the channel is; `from_the_beginning`: the
        group's offsets are of a former topic.
        """
        self.settings = settings
        self.metrics = metrics
        self.channel = channel
        self.group = settings.deliver.group_of(settings.kafka.group, channel.name)
        self._partitions = partitions
        self._customer_partitions = customer_partitions
        self._kept_us = kept_us
        self._on_bounce = on_bounce
        self._serve = serve
        self._tells_cancelled = tells_cancelled
        self._quiet = Quiet(settings.quiet_times(), ZoneInfo(settings.shop.timezone))
        self._on_customer = on_customer
        self._standings = Standings()
        self._pacer = Pacer(settings.deliver.per_second)
        self._kept_ends = take_ends(channel.name)
        self._owned: dict[int, _Owned] = {}
        self._topic = settings.kafka.topics.outreach
        self._consumer: Any = None
        self._line = Line(settings, metrics)
        self._me = Companion.of(settings, way)
        self._company = Company(settings, self.group, self._me, metrics)
        self._ends: Any = None
        self._follower: Follower | None = None
        self._stop = asyncio.Event()
        self._failing = False
        self._outage = Outage(settings.kafka.bootstrap_servers)
        self._door = Door(settings.kafka)
        self._anew = set(range(partitions)) if from_the_beginning else set[int]()
        """Partitions whose offsets say nothing."""
        self._watch = TopicWatch(settings.kafka, (self._topic, settings.kafka.topics.deliveries))
        self._topics: Mapping[str, TopicNow] = {}
        self._born_s = self._pulse_s = _clock_s()
        self.joined = False

    # ---- for the probes

    @property
    def assigned(self) -> list[int]:
        return sorted(self._owned)

    def missing(self) -> list[str]:
        """Why it is not ready, in words; empty = it is."""
        said = [self._door.refused] if self._door.refused else []
        said += self._line.missing(joined=self.joined)
        said += self._company.said()
        said += [
            f"partition {number}: what was sent is being read"
            for number, owned in self._owned.items()
            if owned.delivery is None
        ]
        return said if self.channel.available else [*said, f"{self.channel.name}: the other side does not answer"]

    async def know_customers(self) -> None:
        """Returns when everything that could be read of `customers` has been."""
        if self._follower is None:
            raise TimeoutError
        async with asyncio.timeout(_KNOW_S):
            await self._follower.reach()

    # ---- run

    def run(self) -> int:
        """Until stopped; returns the exit code."""
        self._outage.install()
        return asyncio.run(self._run())

    async def _run(self) -> int:
        end_on_request(self._stop, _STOP_S + 1, self._give_up)
        self._born_s = self._pulse_s = _clock_s()
        self._beat()
        tasks: list[asyncio.Task[None]] = []
        try:
            tasks.append(self._guard(self.channel.keep()))
            tasks.append(self._guard(self._door.watch(lambda: self._outage.within(FAILED_LATELY_S))))
            if await unless(self._stop, self._open(tasks)):
                log.info("deliverer started", channel=self.channel.name, group=self.group)
                await self._stop.wait()
        except Exception as error:  # noqa: BLE001 - one place decides what it means
            self.fail(error)
        log.info("stopping: what is in flight is finished")
        await self._let_go(list(self._owned), _STOP_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.channel.close()
        closing = [each.close for each in (self._follower, self._ends) if each is not None]
        if self._consumer is not None:
            closing += [partial(leave_group, self._consumer), self._consumer.stop]
        for close in closing:
            # A broker that is away cannot be said goodbye to, and cancels whoever waits for its answer.
            with suppress(KafkaError, OSError, asyncio.CancelledError):
                await close()
        log.info("stopped")
        return 0

    async def _open(self, tasks: list[asyncio.Task[None]]) -> None:
        """Begins to read; what goes on for ever is added to the tasks."""
        self._topics = await self._watch.look()
        tasks += await self._follow_customers()
        self._consumer = new_group_consumer(self.settings, self.group, self._me, self._line, "earliest", _FETCH_MS)
        await self._consumer.start()
        self._consumer.subscribe([self._topic], listener=_Listener(self))
        work = self._fetch(), self._measure(), self._watch_topics(), self._company.look_round(), self._line.watch()
        tasks += map(self._guard, work)
        if self._serve is not None:
            tasks.append(self._guard(self._serve(self)))

    def fail(self, error: BaseException) -> None:
        """Ends the process at once: what is not on record has not happened, or lies in the window."""
        if self._failing:
            return
        self._failing = True
        verdict = verdict_on(error, self.settings.kafka, self._outage, stops=self._stop.is_set())
        if verdict.fate is Fate.DONE:
            self._give_up()
        verdict.tell()
        if verdict.fate is Fate.ENDS:
            leave(verdict.code)
        try:
            keep_ends(self.channel.name, self._unrecorded())
        finally:
            start_again(_clock_s() - self._born_s)

    def _unrecorded(self) -> list[Said]:
        return [
            said for owned in self._owned.values() if owned.delivery is not None for said in owned.delivery.unrecorded()
        ]

    def _give_up(self) -> NoReturn:
        """Asked to end, and the broker does not let it: what it takes on record no more is in the window."""
        log.error(
            "left before all was on record: what was under way may go out once more", ended=len(self._unrecorded())
        )
        leave(ExitCode.DONE)

    def _guard(self, work: Awaitable[None]) -> asyncio.Task[None]:
        return guarded(work, self.fail)

    def _beat(self) -> None:
        """A timer of the loop itself: after a pause it runs before any task that could go on sending."""
        now_s = _clock_s()
        if now_s - self._pulse_s > self.settings.kafka.session_timeout_s * _LONGEST_PAUSE:
            self.fail(
                FatalError("This process stood still for so long that its partitions may have gone to another one.")
            )
        self._pulse_s = now_s
        asyncio.get_running_loop().call_later(_PULSE_S, self._beat)

    # ---- what is read

    async def _follow_customers(self) -> list[asyncio.Task[None]]:
        """From the oldest record that there is: a withdrawal may be older than the order that it stops, for a worker
        may have been behind when it decided.
        """
        topic = TOPIC_OF[Erasure].name(self.settings.kafka.topics)
        read = customer_of(self.settings)

        def take(record: ConsumerRecord) -> None:
            event = read(record.value, record.key, record.headers, record.timestamp)
            if event is not None:
                self._standings.take(event)
                self._on_customer(event)

        partitions = {TopicPartition(topic, number): None for number in range(self._customer_partitions)}
        self._ends = Ends(self.settings.kafka)
        await self._ends.open()
        self._follower = Follower(self.settings.kafka, self._ends, partitions, take)
        await self._follower.open()
        return [self._guard(self._follower.run())]

    async def _fetch(self) -> None:
        consumer = self._consumer
        while True:
            for number, owned in self._owned.items():
                if owned.delivery is not None:
                    partition = TopicPartition(self._topic, number)
                    (consumer.resume if owned.delivery.wants else consumer.pause)(partition)
            fetched = await consumer.getmany(timeout_ms=_FETCH_MS, max_records=_FETCH_RECORDS)
            for tp, records in fetched.items():
                # No await in here: what was fetched before a partition was taken away is not offered to its next owner.
                owner = self._owned.get(tp.partition)
                if owner is not None and owner.delivery is not None:
                    for record in records:
                        owner.delivery.offer(record.offset, record.value)
            await asyncio.sleep(0)

    async def _watch_topics(self) -> None:
        """One that is deleted and made anew: a new start finds out what that means."""
        course = Course()
        course.note(self._topics)
        try:
            while True:
                await asyncio.sleep(_WATCH_S)
                topics = await self._watch.look()
                course.note(topics)
                self._topics = {**self._topics, **topics}
        finally:
            await self._watch.close()

    async def _measure(self) -> None:
        while True:
            self.metrics.available(value=self.channel.available)
            for number in list(self._owned):
                partition = TopicPartition(self._topic, number)
                try:
                    read_to = await self._consumer.position(partition)
                    end = self._consumer.last_stable_offset(partition)
                except KafkaError:  # it is going to another process
                    continue
                if end is not None and end >= 0 and number in self._owned:
                    self.metrics.lag(number, max(0, end - read_to))
            await asyncio.sleep(_LAG_S)

    # ---- which partitions are ours

    def was_given(self, numbers: Iterable[int]) -> None:
        """Starts tasks and returns: no heartbeats are sent meanwhile."""
        for number in numbers:
            if number not in self._owned and not self._stop.is_set():
                self._consumer.pause(TopicPartition(self._topic, number))  # until its memory has been read
                self._owned[number] = _Owned(self._guard(self._own(number)))
        self.joined = True
        self._company.balanced()
        self._pacer.set_rate(self._share_of_the_rate())
        log.info("partitions assigned", partitions=self.assigned)

    async def has_lost(self, numbers: Iterable[int]) -> None:
        self.joined = False
        lost = [number for number in numbers if number in self._owned]
        await self._let_go(lost, _REVOKE_S)
        if lost:
            log.info("partitions revoked", partitions=lost)

    async def _let_go(self, numbers: list[int], within_s: float) -> None:
        """Finishes what is in flight; what takes longer than that is cut off and stays in the window."""
        gone = [self._owned.pop(number) for number in numbers]
        for owned in gone:
            if owned.delivery is None:
                owned.task.cancel()
            else:
                owned.delivery.stop()
        if gone:
            _, late = await asyncio.wait([owned.task for owned in gone], timeout=within_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for number in numbers:
            self.metrics.released(number)

    def _share_of_the_rate(self) -> float | None:
        """The limit is the whole shop's: each process has as much of it as it has of the partitions."""
        rate = self.settings.deliver.per_second
        return None if rate is None else rate * max(1, len(self._owned)) / max(1, self._partitions)

    async def _own(self, number: int) -> None:
        settings, kafka = self.settings, self.settings.kafka
        partition = TopicPartition(self._topic, number)
        memory = Memory(self.channel.name, self._kept_us)
        book = Book(kafka, self.group, number, self.channel.name)
        follower: Follower | None = None
        following: asyncio.Task[None] | None = None
        try:
            await book.open(memory)
            known = ends_known(self._kept_ends, memory)
            if known:
                await book.write(known)
                for request_id, entry in known:
                    memory.put(request_id, cast("Entry", entry))
            start, end = await self._reach_of(partition)
            backoff = Backoff(settings.deliver.retry_first_s, settings.deliver.retry_longest_s)
            news = [] if self._follower is None else [self._follower]
            await asyncio.gather(*[each.reach() for each in news])

            async def commit(offset: int) -> None:
                await self._commit(partition, offset)

            def hear(record: ConsumerRecord) -> None:
                delivery.hear(record.offset, record.value)

            follower = Follower(kafka, self._ends, {partition: start}, hear)
            await follower.open()
            delivery = PartitionDelivery(
                number,
                Desk(memory, backoff, by_chance, start, end),
                self.channel,
                self._standings,
                book=book,
                news=[*news, follower],
                commit=commit,
                on_bounce=self._on_bounce,
                pacer=self._pacer,
                metrics=self.metrics,
                in_flight=settings.deliver.in_flight,
                waiting=settings.deliver.waiting,
                tells_cancelled=self._tells_cancelled,
                quiet=self._quiet,
                now_us=wall_us,
            )
            following = self._guard(follower.run())
            if number not in self._owned:
                return
            self._consumer.seek(partition, start)
            self._owned[number].delivery = delivery
            self._consumer.resume(partition)
            log.info("what was sent has been read", partition=number, ids=len(memory))
            await delivery.run()
        finally:
            if following is not None:
                following.cancel()
            if follower is not None:
                await follower.close()
            await book.close()

    async def _reach_of(self, partition: TopicPartition) -> tuple[int, int]:
        """Where to begin, and what can be read now."""
        committed = await self._consumer.committed(partition)
        begin = int((await self._consumer.beginning_offsets([partition]))[partition])
        end = int((await self._consumer.end_offsets([partition]))[partition])
        if partition.partition in self._anew:
            self._anew.discard(partition.partition)
            return begin, end
        if committed is None:
            return (end if self.settings.deliver.begin_at == "latest" else begin), end
        if committed > end:  # the topic was made anew
            return begin, end
        return max(begin, int(committed)), end

    async def _commit(self, partition: TopicPartition, offset: int) -> None:
        try:
            await self._consumer.commit({partition: (offset, remembered_in(self.settings.kafka, self._topics))})
        except KafkaError as error:
            # Whoever has the partition now reads a little again, and knows it from the memory.
            log.info("an offset was not committed", partition=partition.partition, error=type(error).__name__)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    def __init__(self, deliverer: Deliverer) -> None:
        self._deliverer = deliverer

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        try:
            await self._deliverer.has_lost([tp.partition for tp in revoked])
        except Exception as error:  # noqa: BLE001 - the library would only log it
            self._deliverer.fail(error)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        try:
            self._deliverer.was_given(sorted(tp.partition for tp in assigned))
        except Exception as error:  # noqa: BLE001 - the library would only log it
            self._deliverer.fail(error)


def _clock_s() -> float:
    """Goes on while the machine sleeps, where the system has such a clock."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)
