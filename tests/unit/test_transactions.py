"""One transaction: what a record larger than a request, a broker that refuses one, and one that takes too long come to;
and how the next life goes on after that."""

from __future__ import annotations

import asyncio
import os
from typing import Any, NamedTuple

import pytest
from aiokafka.errors import (
    IllegalOperation,
    InvalidProducerIdMapping,
    InvalidTransactionTimeout,
    InvalidTxnState,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerFenced,
    TopicAuthorizationFailedError,
)
from aiokafka.producer.transaction_manager import TransactionManager

from service.config import KafkaSettings
from service.errors import FatalError, StartAgainError
from service.streaming import producer, restarts
from service.streaming.outage import Outage
from service.streaming.producer import MAX_REQUEST_BYTES, Destination, TransactionalProducer, TurnTooSlowError
from service.streaming.reach import AWAY_VARIABLE
from service.streaming.restarts import (
    LONGEST_TRANSACTION_S,
    RESTARTS_VARIABLE,
    SLOW_VARIABLE,
    has_longest_transaction,
    slow_lives,
    transaction_timeout_s,
)

STATE, SCORES = Destination("state", 0), Destination("scores", 0)


class FakeBatch:
    def __init__(self) -> None:
        self.values: list[bytes] = []

    def append(self, *, key: bytes, value: bytes, timestamp: None) -> object | None:
        if self.values and self.size() + len(value) > producer.MAX_BATCH_BYTES:
            return None
        self.values.append(value)
        return object()

    def size(self) -> int:
        return sum(map(len, self.values))


class Written(NamedTuple):
    """What the broker says of a batch."""

    offset: int
    timestamp: int = -1
    timestamp_type: int = 0


class FakeClient:
    """aiokafka's producer: what it was given, and what it answers."""

    def __init__(self, **options: Any) -> None:
        self.timeout_s = options["transaction_timeout_ms"] / 1000
        self.sent: list[tuple[str, int]] = []
        self.began = self.committed = 0
        self.answer: Exception | None = None
        self.longest_s = 1_000.0
        self.answers = asyncio.Event()

    async def start(self) -> None:
        if self.timeout_s > self.longest_s:
            raise InvalidTransactionTimeout

    async def stop(self) -> None:
        return

    def create_batch(self) -> FakeBatch:
        return FakeBatch()

    async def begin_transaction(self) -> None:
        self.began += 1

    async def send_batch(self, batch: FakeBatch, topic: str, *, partition: int) -> asyncio.Future[Written]:
        self.sent.append((topic, batch.size()))
        future: asyncio.Future[Written] = asyncio.get_running_loop().create_future()
        if self.answer is None:
            future.set_result(Written(len(self.sent)))
        else:
            await self.answers.wait()
            future.set_exception(self.answer)
        return future

    async def commit_transaction(self) -> None:
        self.committed += 1


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> list[FakeClient]:
    made: list[FakeClient] = []

    def make(_: KafkaSettings, **options: Any) -> FakeClient:
        made.append(FakeClient(**options))
        return made[-1]

    monkeypatch.setattr(producer, "new_async_producer", make)
    return made


async def test_a_turn_is_cut_into_batches_and_its_bytes_are_told_by_topic(client: list[FakeClient]) -> None:
    writes = TransactionalProducer(KafkaSettings(), "group-0")

    sizes = await writes.write({STATE: [(b"k", b"x" * 400_000)] * 5, SCORES: [(b"k", b"x" * 10)]})

    assert sizes == {STATE: 2_000_000, SCORES: 10}
    assert client[0].sent == [("state", 800_000), ("state", 800_000), ("state", 400_000), ("scores", 10)]
    assert (client[0].began, client[0].committed) == (1, 1)
    assert writes.waits_since_s is None


async def test_a_record_larger_than_a_request_is_named_before_anything_is_sent(client: list[FakeClient]) -> None:
    writes = TransactionalProducer(KafkaSettings(), "group-0")

    with pytest.raises(FatalError, match=r"16,777,217 bytes for state-0 is larger than any"):
        await writes.write({SCORES: [(b"k", b"x")], STATE: [(b"k", b"x"), (b"k", b"x" * (MAX_REQUEST_BYTES + 1))]})

    assert client[0].began == 0


async def test_what_the_broker_finds_too_large_is_told_with_topic_and_size(client: list[FakeClient]) -> None:
    writes = TransactionalProducer(KafkaSettings(), "group-0")
    client[0].answer = MessageSizeTooLargeError()
    client[0].answers.set()

    with pytest.raises(FatalError, match=r"state 2,000,000, scores 10\. Raise max\.message\.bytes"):
        await writes.write({SCORES: [(b"k", b"x" * 10)], STATE: [(b"k", b"x" * 2_000_000)]})


async def test_fenced_at_once_is_somebody_elses_doing_and_after_the_time_out_our_own(client: list[FakeClient]) -> None:
    writes = TransactionalProducer(KafkaSettings(transaction_timeout_s=0.05), "group-0")
    client[0].answer = ProducerFenced()
    client[0].answers.set()
    with pytest.raises(ProducerFenced):
        await writes.write({STATE: [(b"k", b"x" * 10)]})

    client[0].answers.clear()
    asyncio.get_running_loop().call_later(0.1, client[0].answers.set)
    with pytest.raises(TurnTooSlowError, match="a transaction of 10 bytes was not done after"):
        await writes.write({STATE: [(b"k", b"x" * 10)]})


async def test_a_producer_that_the_broker_has_forgotten_begins_again_by_itself(client: list[FakeClient]) -> None:
    writes = TransactionalProducer(KafkaSettings(), "group-0")
    client[0].answer = KafkaError("Unexpected error during batch delivery")
    client[0].answer.__cause__ = InvalidProducerIdMapping()
    client[0].answers.set()

    with pytest.raises(StartAgainError, match="the broker has forgotten this producer"):
        await writes.write({STATE: [(b"k", b"x")]})


async def test_a_broker_that_never_answers_is_too_slow_as_well(client: list[FakeClient]) -> None:
    writes = TransactionalProducer(KafkaSettings(transaction_timeout_s=0.05, request_timeout_s=0.05), "group-0")
    client[0].answer = ProducerFenced()

    with pytest.raises(TurnTooSlowError):
        await writes.write({STATE: [(b"k", b"x" * 10)]})


async def test_a_broker_that_allows_no_longer_transactions_gets_those_of_the_settings(
    client: list[FakeClient],
) -> None:
    writes = TransactionalProducer(KafkaSettings(), "group-0", 80.0)
    client[0].longest_s = 60.0

    await writes.open()

    assert [each.timeout_s for each in client] == [80.0, 10.0]
    assert writes.timeout_s == 10.0


def test_each_life_that_a_turn_has_ended_gives_the_next_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (SLOW_VARIABLE, RESTARTS_VARIABLE, AWAY_VARIABLE):
        monkeypatch.setenv(name, "0")
    begun = []
    monkeypatch.setattr(os, "execv", lambda *_: begun.append(slow_lives()))

    for lived_s, slow in ((20, True), (30, True), (5, False), (40, True), (restarts.FORGIVEN_AFTER_S + 1, True)):
        restarts.start_again(lived_s, slow=slow)

    assert begun == [1, 2, 2, 3, 1]
    assert [transaction_timeout_s(10.0, lives) for lives in (0, 1, 3, 10)] == [10.0, 20.0, 80.0, LONGEST_TRANSACTION_S]
    assert transaction_timeout_s(700.0, 2) == 700.0


@pytest.mark.parametrize(("lives", "longest"), [(0, False), (5, False), (6, True), (10, True)])
def test_who_will_have_no_more_time_is_known(monkeypatch: pytest.MonkeyPatch, lives: int, longest: bool) -> None:
    monkeypatch.setenv(SLOW_VARIABLE, str(lives))

    assert has_longest_transaction(10.0) == longest


def test_a_turn_that_took_too_long_is_cured_by_a_new_start() -> None:
    assert restarts.is_of_the_broker(TurnTooSlowError(10, 12.0), Outage("kafka:9092"))
    assert not restarts.is_of_the_broker(ProducerFenced(), Outage("kafka:9092"))


@pytest.mark.parametrize("later", [IllegalOperation("Can't send messages while not in transaction"), InvalidTxnState()])
async def test_why_a_transaction_was_refused_is_known_whatever_becomes_of_it(
    later: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = TransactionManager("w-0", 10_000)
    manager.set_pid_and_epoch(1, 0)

    class Refused(FakeClient):
        _txn_manager = manager

        async def begin_transaction(self) -> None:
            manager.begin_transaction()

        async def send_batch(self, batch: FakeBatch, topic: str, *, partition: int) -> asyncio.Future[Written]:
            if manager.is_in_transaction():
                manager.error_transaction(TopicAuthorizationFailedError({topic}))
                manager.fatal_error(AssertionError("Invalid state transition"))
                return await super().send_batch(batch, topic, partition=partition)
            raise later

    monkeypatch.setattr(producer, "new_async_producer", lambda _, **options: Refused(**options))
    writer = TransactionalProducer(KafkaSettings(), "w-0")

    with pytest.raises(TopicAuthorizationFailedError):
        await writer.write({STATE: [(b"k", b"x")], SCORES: [(b"k", b"x")]})
    assert isinstance(manager._transaction_waiter.exception(), AssertionError)
