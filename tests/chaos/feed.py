"""What comes in while a schedule runs: a café on three topics, hostile records in it, and transactions that end well,
are aborted, or left hanging by a producer that dies.

A restart must decide the same whatever was visible when, so that a checker can know what is right. Within one topic
that is so by nature. Over several it is so where a worker cannot have taken a topic to be at its end that was not: a
mixed load is written in one transaction, which is held open until all that could have been known of the ends before is
too old to count. Between two of those come purchases alone.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import threading
from collections import deque
from contextlib import suppress
from itertools import islice
from typing import Final, Protocol, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.structs import RecordMetadata

from service.cluster.log_ends import KNOWN_FOR_US
from service.config import Settings
from service.feed.partitions import partition_for
from service.feed.simulate import Cafe, Simulation
from tests.support.load import SMALL, Line, hostile, lines_of

HOLD_S: Final = KNOWN_FOR_US / 1e6 + 0.7
"""What was known of an end before a transaction's first record does not count any more when it is committed."""
MIXED, ALONE, BETWEEN = 60, 10, 14
"""Events of a mixed load; purchases of a transaction of purchases alone; and how many of those follow."""
EVERY_S: Final = 0.4
HANGS_FOR_S: Final = 3.0
"""A broker ends a transaction whose producer has died after so long."""
DAYS: Final = 600
"""From 2025 on: all of it lies in the past."""
PATIENCE: Final = 50
"""Tries of one transaction."""

NO_TEXT: Final = (("traceparent", b"\xff\xfe\0"), ("ce_source", b"caf\xe9"))
"""Headers whose values are not UTF-8, as records may have them."""
HUGE: Final = {"purchase": 1_850, "refund": 930}
"""Of just below 10¹² each, made at once: with four digits behind the point they are beyond 64 bits, and below -2⁶³."""

MOST_BEHIND: Final = 400
"""Records that wait for workers: then nothing more comes until they have caught up a little."""


class Onlooker(Protocol):
    """What is known of what was written."""

    def shows(self, topic: str, partition: int, offset: int) -> bool | None: ...
    def behind(self, number: int) -> int: ...


class Feed:
    """Runs in a thread until it is finished, each partition for itself; `ghost` makes a transaction that must leave
    nothing behind."""

    def __init__(self, settings: Settings, partitions: int, seed: int, onlooker: Onlooker, *, customers: int) -> None:
        self._settings = settings
        self.partitions = partitions
        self.onlooker = onlooker
        self._over = threading.Event()
        self._ghosts: list[bool] = []
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._failure: BaseException | None = None
        self._streams = [_Stream(self, number, seed) for number in range(partitions)]
        self._events = lines_of(Simulation(Cafe(customers=customers, days=DAYS, seed=seed)).events(), settings)
        self._hostile = (one.line for one in hostile(settings.kafka.topics, 1_000_000, kinds=SMALL, seed=seed))
        self._good: list[deque[Line]] = [deque() for _ in range(partitions)]
        self._bad: list[deque[Line]] = [deque() for _ in range(partitions)]
        self.sent = self.retried = self.ghosts = 0
        self.held = threading.Event()
        """Nothing is written until it is cleared again; what was begun is ended."""

    def rests(self) -> bool:
        """Whether nothing is being written, and nothing will be while it is held."""
        return self.held.is_set() and all(stream.rests for stream in self._streams)

    def splurge(self, partition: int, *, back: bool) -> None:
        """Soon somebody of that partition makes purchases that no other shop has seen, or is given the money `back`."""
        self._streams[partition].splurges.append(back)

    def ghost(self, *, hangs: bool) -> None:
        """Soon a producer writes good purchases and aborts, or dies."""
        self._ghosts.append(hangs)

    # ---- what is written

    def good(self, partition: int, count: int) -> list[Line]:
        """The next events of that partition's customers; fewer where the café's days are over."""
        waiting = self._good[partition]
        while len(waiting) < count and (line := next(self._events, None)) is not None:
            self._good[self.home(line)].append(line)
        return [waiting.popleft() for _ in range(min(count, len(waiting)))]

    def bad(self, partition: int) -> Line | None:
        """A hostile record that lies there, if one is at hand."""
        for line in islice(self._hostile, 4):
            self._bad[self.home(line)].append(line)
        return self._bad[partition].popleft() if self._bad[partition] else None

    def home(self, line: Line) -> int:
        return partition_for(line.key or b"", self.partitions, "murmur2")

    # ---- how

    async def _run(self) -> None:
        haunting = asyncio.create_task(self._haunting())
        try:
            await asyncio.gather(*[stream.run(self._over) for stream in self._streams])
        except Exception as error:  # noqa: BLE001 - raised where the test can see it
            self._failure = error
            self._over.set()
        finally:
            await haunting

    async def _haunting(self) -> None:
        while not self._over.is_set():
            while self._ghosts:
                await self._haunt(hangs=self._ghosts.pop())
            await asyncio.sleep(0.1)

    async def _haunt(self, *, hangs: bool) -> None:
        """Purchases that were never made: good records, in a transaction that is aborted, at last by the broker."""
        topic, producer = self._settings.kafka.topics.purchases, self.new_producer(f"ghost-{self.ghosts}", HANGS_FOR_S)
        with suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(20.0):
                await producer.start()
                await producer.begin_transaction()
                for number in range(self.partitions * 4):
                    who = f"ghost-{number}"
                    value = (
                        f'{{"event_id":"g{self.ghosts}-{number}","customer_id":"{who}",'
                        '"occurred_at":"2025-03-01T12:00:00Z","amount":"7"}'
                    )
                    await (await self.send(producer, Line(topic, who.encode(), value.encode())))
                if not hangs:
                    await producer.abort_transaction()
                self.ghosts += 1
        await let_go(producer)

    def new_producer(self, name: str, timeout_s: float) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            bootstrap_servers=self._settings.kafka.bootstrap_servers,
            transactional_id=f"{self._settings.kafka.group}-{name}",
            transaction_timeout_ms=int(timeout_s * 1000),
            request_timeout_ms=4_000,
            metadata_max_age_ms=2_000,
            acks="all",
            linger_ms=5,
            max_request_size=8 << 20,
        )

    async def send(self, producer: AIOKafkaProducer, line: Line) -> asyncio.Future[RecordMetadata]:
        future: asyncio.Future[RecordMetadata] = await producer.send(
            line.topic, value=line.value, key=line.key, partition=self.home(line), headers=list(line.headers)
        )
        return future

    async def is_there(self, first: RecordMetadata) -> bool:
        """Whether a transaction with that record was committed in the end."""
        while (shown := self.onlooker.shows(first.topic, first.partition, first.offset)) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        return shown

    def finish(self) -> None:
        """Writes no more; returns when all that was begun is there."""
        self._over.set()
        self._thread.join(180)
        assert not self._thread.is_alive(), "the feed cannot write"
        if self._failure is not None:
            raise self._failure

    def purchases_topic(self) -> str:
        return self._settings.kafka.topics.purchases

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(60)


class _Stream:
    """What comes into one partition."""

    def __init__(self, feed: Feed, partition: int, seed: int) -> None:
        self._feed = feed
        self._partition = partition
        self._rng = random.Random(seed * 1_009 + partition)
        self._producer: AIOKafkaProducer | None = None
        self.rests = False
        self.splurges: list[bool] = []
        self._splurged = 0

    async def run(self, over: threading.Event) -> None:
        before_a_mixed_one = BETWEEN * (self._partition + 1) // self._feed.partitions  # not held at once: one has news
        try:
            while not over.is_set():
                self.rests = self._feed.held.is_set()
                if self.rests:
                    await self._drop()
                    await asyncio.sleep(0.1)
                elif self._feed.onlooker.behind(self._partition) > MOST_BEHIND:
                    await asyncio.sleep(EVERY_S)
                elif before_a_mixed_one:
                    before_a_mixed_one -= 1
                    await self._put(self._alone(), 0.0)
                    await asyncio.sleep(EVERY_S)
                else:
                    before_a_mixed_one = BETWEEN
                    await self._put(self._mixed(), HOLD_S)
        finally:
            self.rests = True
            await self._drop()

    def _mixed(self) -> list[Line]:
        """Events of all topics in order of time."""
        return self._strewn(self._feed.good(self._partition, MIXED), 0.12)

    def _alone(self) -> list[Line]:
        """Purchases of the days that follow."""
        topic = self._feed.purchases_topic()
        days = self._feed.good(self._partition, ALONE)
        lines = self._strewn([line for line in days if line.topic == topic], 0.05)
        if self.splurges and days:
            lines += self._huge(topic, days[-1].value or b"", back=self.splurges.pop(0))
        return lines

    def _huge(self, topic: str, newest: bytes, *, back: bool) -> list[Line]:
        """Of the instant of the newest event, so that nothing lies before it that is written later."""
        at, kind = json.loads(newest)["occurred_at"], "refund" if back else "purchase"
        self._splurged += 1
        who = next(
            name
            for number in itertools.count()
            if self._feed.home(Line(topic, name := f"{kind}-whale-{number}".encode(), None)) == self._partition
        )
        return [
            Line(
                topic,
                who,
                f'{{"event_id":"{kind}-{self._partition}-{self._splurged}-{number}","customer_id":"{who.decode()}",'
                f'"occurred_at":"{at}","amount":"999999999999.9999","kind":"{kind}"}}'.encode(),
            )
            for number in range(HUGE[kind])
        ]

    def _strewn(self, good: list[Line], share: float) -> list[Line]:
        """With hostile records in between, in each log behind a good one: what a refused purchase still says takes its
        turn at once where nothing lies before it."""
        lines, begun, waiting = list[Line](), set[str](), list[Line]()
        for line in good:
            lines.append(line._replace(headers=NO_TEXT) if self._rng.random() < share else line)
            begun.add(line.topic)
            if self._rng.random() < share and (bad := self._feed.bad(self._partition)) is not None:
                waiting.append(bad)
            lines += [one for one in waiting if one.topic in begun]
            waiting = [one for one in waiting if one.topic not in begun]
        return lines

    async def _put(self, lines: list[Line], hold_s: float) -> None:
        """One transaction. Whatever brokers do, the lines are there exactly once afterwards."""
        if not lines:
            return
        feed, tries = self._feed, 0
        while True:
            committing, first = False, None
            try:
                producer = await self._open()
                await producer.begin_transaction()
                sent = [await feed.send(producer, line) for line in lines]
                first, *_ = [await each for each in sent]
                await asyncio.sleep(hold_s)
                committing = True
                await producer.commit_transaction()
            except (KafkaError, OSError, TimeoutError):
                await self._drop()
                feed.retried += 1
                if committing and first is not None:
                    await self._open()  # whose beginning waits for the end of what was under way
                    if await feed.is_there(first):
                        break
                tries += 1
                if tries > PATIENCE:
                    raise
                await asyncio.sleep(0.2)
            else:
                break
        feed.sent += len(lines)

    async def _open(self) -> AIOKafkaProducer:
        while self._producer is None:
            producer = self._feed.new_producer(f"feed-{self._partition}", 60.0)
            try:
                async with asyncio.timeout(30.0):
                    await producer.start()
            except (KafkaError, OSError, TimeoutError):
                await let_go(producer)
                await asyncio.sleep(0.2)
            else:
                self._producer = producer
        return self._producer

    async def _drop(self) -> None:
        if self._producer is not None:
            producer, self._producer = self._producer, None
            await let_go(producer)


async def let_go(producer: AIOKafkaProducer) -> None:
    """Closes it as a crash would: nothing is committed or aborted."""
    with suppress(Exception):
        async with asyncio.timeout(5.0):
            if producer._sender is not None:
                await producer._sender.close()
            producer._closed = True
            await producer.client.close()
