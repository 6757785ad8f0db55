"""Clients take their leave in time, and what they have been given has its chance to get there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerClosed
from aiokafka.structs import TopicPartition

from service.cluster.leaving import stop_producer
from service.config import Settings
from service.delivery.customers import CustomersWriter, closed_after


@pytest.fixture
async def producer() -> AsyncIterator[AIOKafkaProducer]:
    """One that has records to write, and whose broker says nothing."""
    made = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1")
    made._sender._sender_task = asyncio.create_task(asyncio.Event().wait())
    yield made
    made._sender._sender_task.cancel()


async def given(producer: AIOKafkaProducer) -> asyncio.Future[object]:
    """A record that waits to be acknowledged."""
    waits: asyncio.Future[object] = await producer._message_accumulator.add_message(
        TopicPartition("purchases", 0), b"c1", b"{}", timeout=1
    )
    return waits


async def test_what_nobody_acknowledges_is_given_up(producer: AIOKafkaProducer) -> None:
    waits = await given(producer)

    await stop_producer(producer, 0.01)

    assert isinstance(waits.exception(), ProducerClosed)
    assert producer._sender._sender_task.done()


async def test_what_is_acknowledged_late_is_waited_for(producer: AIOKafkaProducer) -> None:
    waits = await given(producer)
    stopping = asyncio.create_task(stop_producer(producer, 30.0))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not stopping.done(), "the broker is merely slow"

    for batch in producer._message_accumulator._batches[TopicPartition("purchases", 0)]:
        batch.done_noack()
    async with asyncio.timeout(10):
        await stopping

    assert waits.exception() is None


async def test_who_never_began_is_stopped_at_once() -> None:
    async with asyncio.timeout(10):
        await stop_producer(AIOKafkaProducer(bootstrap_servers="127.0.0.1:1"), 30.0)


@pytest.mark.parametrize("ends", ["cancelled", "by itself"])
async def test_what_visitors_of_a_page_have_opened_is_closed_with_it(
    monkeypatch: pytest.MonkeyPatch, producer: AIOKafkaProducer, ends: str
) -> None:
    writer, stopped, served = CustomersWriter(Settings()), list[AIOKafkaProducer](), asyncio.Event()
    really_stop = producer.stop
    writer._producer = producer  # somebody has unsubscribed

    async def stop() -> None:
        stopped.append(producer)
        await really_stop()

    async def serve(whom: str) -> None:
        served.set()
        if ends == "cancelled":
            await asyncio.Event().wait()

    monkeypatch.setattr(producer, "stop", stop)
    serving = asyncio.ensure_future(closed_after(serve, writer.close)("deliverer"))
    await served.wait()
    if ends == "cancelled":
        serving.cancel()
    await asyncio.wait([serving])
    await writer.close()  # a second time nothing is left

    assert stopped == [producer]
