"""The logs that the speed of a worker is measured with, and how a backlog comes into being at one moment.

A worker that starts before its backlog has imported, joined, recovered and is at rest when the first record can be
read: what it spends from then on it spends on events. So the records are written in a transaction, whose end makes all
of them visible.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiokafka import AIOKafkaProducer

from service.domain.events import Event, Purchase
from service.feed.partitions import partition_for
from service.feed.records import key_of, value_of
from service.feed.simulate import Cafe, Simulation
from tests.benchmarks.growing_shop import EVENTS_PER_CUSTOMER, GrowingShop

PER_CUSTOMER = 34
"""Purchases per simulated customer in 400 days, a little below the mean, so that one café gives enough."""
TRANSACTION_MS = 900_000
"""The longest that a broker allows by default; writing takes seconds."""
BATCH_BYTES = 500_000


def cafe_purchases(count: int) -> Iterator[Purchase]:
    """The purchases of one café with as many customers as it takes, in order of time."""
    made = 0
    for event in Simulation(Cafe(customers=count // PER_CUSTOMER + 100, days=400)).events():
        if isinstance(event, Purchase) and not event.refund:
            event.items, event.order_id = (), None  # no baskets: the plain event, as the client's figures are given for
            yield event
            made += 1
            if made == count:
                return
    raise AssertionError(f"the café has only {made:,} purchases")


def shop_purchases(customers: int) -> Iterator[Purchase]:
    """The purchases of a shop that grows to so many customers, in order of time."""
    for event in GrowingShop(customers * EVENTS_PER_CUSTOMER).events():
        if isinstance(event, Purchase):
            yield event


class Backlog:
    """Purchases as an input topic holds them, kept in a file: they are sent several times."""

    def __init__(self, file: Path, events: Iterable[Event]) -> None:
        self._file = file
        self.records = self.value_bytes = 0
        customers = set()
        with file.open("wb") as out:
            for event in events:
                key, value = key_of(event), value_of(event, 2)
                out.write(key + b"\t" + value + b"\n")
                self.records += 1
                self.value_bytes += len(value)
                customers.add(key)
        self.customers = len(customers)

    def lines(self) -> Iterator[tuple[bytes, bytes]]:
        """Key and value, in order of time."""
        with self._file.open("rb") as lines:
            for line in lines:
                key, _, value = line[:-1].partition(b"\t")
                yield key, value

    def __str__(self) -> str:
        size = self.value_bytes / self.records
        return f"{self.records:,} purchases of {self.customers:,} customers, {size:.0f} bytes each"


@asynccontextmanager
async def held_back(
    backlog: Backlog, bootstrap_servers: str, topic: str, partitions: int
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Everything has been written and nothing can be read, until what this gives is called."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers,
        transactional_id=f"{topic}-backlog",
        transaction_timeout_ms=TRANSACTION_MS,
        acks="all",
        max_batch_size=BATCH_BYTES,
    )
    await producer.start()
    try:
        await producer.begin_transaction()
        sent = []
        batches = [producer.create_batch() for _ in range(partitions)]
        for key, value in backlog.lines():
            number = partition_for(key, partitions)
            if batches[number].append(key=key, value=value, timestamp=None) is None:
                sent.append(await producer.send_batch(batches[number], topic, partition=number))
                batches[number] = producer.create_batch()
                batches[number].append(key=key, value=value, timestamp=None)
        for number, batch in enumerate(batches):
            sent.append(await producer.send_batch(batch, topic, partition=number))
        await asyncio.gather(*sent)
        yield producer.commit_transaction
    finally:
        await producer.stop()
