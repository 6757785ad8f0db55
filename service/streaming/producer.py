"""One transactional producer per partition: everything a turn writes becomes visible together, or not at all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import structlog
from aiokafka.errors import (
    IllegalOperation,
    InvalidProducerIdMapping,
    InvalidTransactionTimeout,
    KafkaError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
)
from aiokafka.structs import TopicPartition

from service.cluster.leader_epochs import ends_of_epochs
from service.cluster.leaving import stop_producer
from service.cluster.log_ends import SourcePartition
from service.cluster.topic_ids import TopicNow, topics_now
from service.config import KafkaSettings
from service.connection import new_async_producer
from service.errors import FatalError, StartAgainError, TransientError
from service.refused.floodgate import LOG_APPEND_TIME

MAX_BATCH_BYTES = 1_000_000
MAX_REQUEST_BYTES = 16 << 20
"""A dead letter carries the original bytes, whatever their size; its topic allows as much."""
_RETRY_BACKOFF_MS = 20
_FORGOTTEN = "nothing was written for so long that the broker has forgotten this producer"

log = structlog.get_logger()

Record = tuple[bytes | None, bytes | None]
"""Key and value of one record to write; no value is a tombstone. A plain tuple, for there are many."""


class Destination(NamedTuple):
    topic: str
    partition: int


class Headed(NamedTuple):
    """One record with headers: rare, so each is sent by itself."""

    to: Destination
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class TurnTooSlowError(TransientError):
    """A transaction took longer than the broker lets one stay open: it is aborted. Smaller ones may fit."""

    def __init__(self, size: int, took_s: float) -> None:
        self.took_s = took_s
        super().__init__(f"a transaction of {size:,} bytes was not done after {took_s:.1f} s")


class TransactionalProducer:
    """Wraps aiokafka's producer; `open` fences the predecessor with the same transactional id, and aborts its rest."""

    def __init__(self, kafka: KafkaSettings, transactional_id: str, timeout_s: float | None = None) -> None:
        """`timeout_s`: of a transaction, where it is longer than the settings say."""
        self.transactional_id = transactional_id
        self._kafka = kafka
        self.timeout_s = timeout_s or kafka.transaction_timeout_s
        """After which the broker ends a transaction."""
        self.waits_since_s: float | None = None
        """Since when (`time.monotonic`) an answer has been waited for; None: no transaction is under way."""
        self.ends: Mapping[Destination, int] = {}
        """Up to where each log reached, at least, with the last transaction."""
        self.seen_us = (0, 0, 0)
        """Of the last transaction: our clock before it was sent, the broker's when it appended one of its records
        (0: no topic of them tells), and ours when that was known."""
        self._refusal: BaseException | None = None
        """Why the coordinator has given up the transaction that is under way."""
        self._producer = self._new()

    def _new(self) -> Any:
        producer = new_async_producer(
            self._kafka,
            transactional_id=self.transactional_id,
            transaction_timeout_ms=int(self.timeout_s * 1000),
            request_timeout_ms=int(self._kafka.request_timeout_s * 1000),
            acks="all",
            max_batch_size=MAX_BATCH_BYTES,
            max_request_size=MAX_REQUEST_BYTES,
            retry_backoff_ms=_RETRY_BACKOFF_MS,
        )
        manager = getattr(producer, "_txn_manager", None)
        if manager is not None:
            give_up = manager.error_transaction

            def remember(error: BaseException) -> None:
                self._refusal = error
                give_up(error)

            manager.error_transaction = remember
        return producer

    async def open(self) -> None:
        try:
            await self._producer.start()
        except InvalidTransactionTimeout:
            if self.timeout_s <= self._kafka.transaction_timeout_s:
                raise
            await stop_producer(self._producer)
            log.warning("the broker allows no longer transactions", asked_s=self.timeout_s)
            self.timeout_s = self._kafka.transaction_timeout_s
            self._producer = self._new()
            await self._producer.start()

    async def topics_now(self, names: Iterable[str]) -> Mapping[str, TopicNow]:
        """What a broker says of these topics; those left out of which it says nothing now."""
        return await topics_now(self._producer.client, names)

    async def ends_of_epochs(self, wanted: Mapping[SourcePartition, int]) -> Mapping[SourcePartition, int | None]:
        """Where the records of an epoch end in each partition; None: nobody knows. Raises TimeoutError."""
        return await ends_of_epochs(self._producer.client, wanted, self._kafka.request_timeout_s)

    async def write(self, records: Mapping[Destination, list[Record]]) -> dict[Destination, int]:
        """One transaction; returns its bytes. Any exception leaves it open: the caller must end the process, the
        successor aborts it.

        TurnTooSlowError when it takes longer than the broker lets it stay open, or the broker takes the records and
        never finishes: aiokafka would try again for ever. FatalError, before anything is sent, for a record larger than
        one request. StartAgainError where nothing was written for so long that the broker has forgotten this producer
        (transactional.id.expiration.ms, seven days unless set).
        """
        return await self._write(records)

    async def bring(
        self,
        records: Mapping[Destination, list[Record]],
        headed: Sequence[Headed],
        group: str,
        read: Mapping[TopicPartition, int],
    ) -> None:
        """The same with records that have headers, and with what they were made of: up to where the group has read
        it."""
        await self._write(records, headed, group, read)

    async def _write(
        self,
        records: Mapping[Destination, list[Record]],
        headed: Sequence[Headed] = (),
        group: str = "",
        read: Mapping[TopicPartition, int] | None = None,
    ) -> dict[Destination, int]:
        producer = self._producer
        batches = [(to, batch) for to, each in records.items() for batch in self._batches(to, each)]
        batches += [(each.to, self._batch_of(each)) for each in headed]
        sizes = dict.fromkeys([*records, *(each.to for each in headed)], 0)
        for to, batch in batches:
            sizes[to] += batch.size()
        self._refusal = None
        began = self.waits_since_s = time.monotonic()
        sent_us = time.time_ns() // 1000
        try:
            async with asyncio.timeout(self.timeout_s + self._kafka.request_timeout_s):
                await producer.begin_transaction()
                futures = [await producer.send_batch(batch, to.topic, partition=to.partition) for to, batch in batches]
                for future in futures:
                    future.add_done_callback(self._heard)
                # aiokafka's commit succeeds although a record failed: look at every future first.
                written = await asyncio.gather(*futures)
                stamps = [each.timestamp for each in written if each.timestamp_type == LOG_APPEND_TIME]
                self.seen_us = (sent_us, min(stamps, default=0) * 1000, time.time_ns() // 1000)
                if read:
                    await producer.send_offsets_to_transaction(dict(read), group)
                await producer.commit_transaction()
                self.ends = {to: sent.result().offset + 1 for (to, _), sent in zip(batches, futures, strict=True)}
        except MessageSizeTooLargeError as error:
            raise FatalError(_too_large(records)) from error
        except (KafkaError, IllegalOperation, TimeoutError) as error:
            took_s, refused = time.monotonic() - began, self._refused()
            if refused is not None:
                raise refused from error
            if isinstance(error.__cause__, InvalidProducerIdMapping):
                raise StartAgainError(_FORGOTTEN) from error
            if took_s < self.timeout_s:
                raise
            raise TurnTooSlowError(sum(sizes.values()), took_s) from error
        self.waits_since_s = None
        return sizes

    def _refused(self) -> TopicAuthorizationFailedError | None:
        """For which right the coordinator has refused the transaction, where it has: aiokafka goes on sending in it all
        the same, what becomes of that says less, and may take the place of the reason."""
        return self._refusal if isinstance(self._refusal, TopicAuthorizationFailedError) else None

    def _heard(self, _: object) -> None:
        """A broker that allows few bytes a second answers all the same."""
        self.waits_since_s = time.monotonic()

    def _batches(self, to: Destination, records: list[Record]) -> list[Any]:
        """Full ones, and what is left. A record that is larger than a batch has one of its own."""
        batches, append = list[Any](), None
        for key, value in records:
            if append is None or append(key=key, value=value, timestamp=None) is None:
                batches.append(self._producer.create_batch())
                append = batches[-1].append
                append(key=key, value=value, timestamp=None)
                if batches[-1].size() > MAX_REQUEST_BYTES:
                    raise FatalError(
                        f"A record of {len(value or b''):,} bytes for {to.topic}-{to.partition} is larger than any that "
                        f"the topic takes, {MAX_REQUEST_BYTES:,}."
                    )
        return batches

    def _batch_of(self, headed: Headed) -> Any:
        batch = self._producer.create_batch()
        batch.append(key=headed.key, value=headed.value, timestamp=None, headers=list(headed.headers))
        return batch

    async def close(self) -> None:
        await stop_producer(self._producer)


def _too_large(records: Mapping[Destination, list[Record]]) -> str:
    largest = {to.topic: max(len(value or b"") for _, value in batch) for to, batch in records.items() if batch}
    told = ", ".join(f"{topic} {size:,}" for topic, size in sorted(largest.items(), key=lambda each: -each[1]))
    return (
        "The broker has refused a record as too large. The largest values of this turn, in bytes: "
        f"{told}. Raise max.message.bytes of that topic; `churn-alert topics check` tells how each should be kept."
    )
