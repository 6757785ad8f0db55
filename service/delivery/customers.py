"""Records of `customers`, as the deliverer reads and writes them."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

import msgspec

from service.cluster.leaving import stop_producer
from service.cluster.partitioner import hash_of
from service.cluster.tail import open_reader
from service.config import Settings
from service.connection import new_async_producer
from service.domain.calendar import utc_text
from service.domain.events import Erasure, Merge, Profile, Withdrawal
from service.errors import PartlyRefusedError, PoisonError
from service.wire.decoder import Decoder, DecoderSettings
from service.wire.framing import Headers
from service.wire.input_topics import TOPIC_OF
from service.wire.key_hash import DEFAULT_PARTITIONER, FUNCTIONS

CustomerWord = Profile | Erasure | Merge | Withdrawal
Read = Callable[[bytes | None, bytes | None, Headers, int], CustomerWord | None]
"""Value, key, headers and timestamp (ms) of a record → what it says; None for what the worker refuses."""


def customer_of(settings: Settings) -> Read:
    """Reads as the worker does: what it refuses is not said, and of a profile the good fields are taken. Who asks to be
    erased is not written to in any case."""
    decoder = Decoder(replace(DecoderSettings.of_ours(settings), can_erase=True))

    def read(value: bytes | None, key: bytes | None, headers: Headers, timestamp_ms: int) -> CustomerWord | None:
        if value is None:
            return decoder.withdrawal(key, timestamp_ms * 1_000, headers)
        try:
            return decoder.customer(value, key, headers, time.time_ns() // 1_000)
        except PartlyRefusedError as error:
            event = error.event
            return event if isinstance(event, Profile) else None
        except PoisonError:
            return None

    return read


def _hash_of(settings: Settings) -> Callable[[bytes], int]:
    """Waits for a broker, so not in an event loop."""
    with open_reader(settings.kafka) as reader:
        return hash_of(reader, settings)


class CustomersWriter:
    """Says on `customers` what a customer or their mail server has told us; a call returns when the broker has it."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is opened before the first word."""
        self._settings = settings
        self._topic = TOPIC_OF[Erasure].name(settings.kafka.topics)
        self._hash: Callable[[bytes], int] = FUNCTIONS[DEFAULT_PARTITIONER]
        self._partitions = 1
        self._producer: Any = None
        self._opening: asyncio.Lock | None = None

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop_producer(producer)

    async def unsubscribed(self, customer_id: str) -> None:
        """They do not want to be written to any more."""
        await self._say(customer_id, "unsubscribe", {"marketing_consent": False})

    async def bounced(self, customer_id: str, address: str, request_id: str) -> None:
        """This address takes nothing, for good, as the attempt to send this request has shown."""
        fields = {"bounce": {"email": address, "type": "hard"}, "outreach_id": request_id}
        await self._say(customer_id, "bounce", fields)

    async def _say(self, customer_id: str, what: str, fields: dict[str, Any]) -> None:
        await self.told(customer_id, f"{what}-{uuid.uuid4()}", time.time_ns() // 1_000, fields)

    async def _open(self) -> Any:
        if self._opening is None:
            self._opening = asyncio.Lock()
        async with self._opening:
            if self._producer is None:
                kafka = self._settings.kafka
                producer = new_async_producer(
                    kafka,
                    enable_idempotence=True,
                    acks="all",
                    request_timeout_ms=int(kafka.request_timeout_s * 1000),
                )
                try:
                    await producer.start()
                    self._partitions = len(await producer.partitions_for(self._topic))
                    self._hash = await asyncio.to_thread(_hash_of, self._settings)
                except BaseException:
                    await stop_producer(producer)
                    raise
                self._producer = producer
        return self._producer

    async def told(self, customer_id: str, event_id: str, at_us: int, fields: dict[str, Any]) -> None:
        """What somebody else has told us, under an id by which it counts once."""
        event = {
            "event_id": event_id,
            "customer_id": customer_id,
            "occurred_at": utc_text(at_us),
            "kind": "profile",
            **fields,
        }
        key = customer_id.encode()
        producer = await self._open()
        await producer.send_and_wait(
            self._topic, msgspec.json.encode(event), key, partition=self._hash(key) % self._partitions
        )


Serving = TypeVar("Serving")


def closed_after(
    serve: Callable[[Serving], Awaitable[None]], close: Callable[[], Awaitable[None]]
) -> Callable[[Serving], Awaitable[None]]:
    """The same page; whatever its visitors have opened is closed when it ends, be it because it is asked to."""

    async def serve_and_close(whom: Serving) -> None:
        try:
            await serve(whom)
        finally:
            await close()

    return serve_and_close
