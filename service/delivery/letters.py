"""Requests that a channel could not deliver, kept in `dead-letters`, and asked for again.

A letter is the request as it lay in `outreach`, so it names a person, and is gone with the topic's retention. To ask
for it again is to write it to `outreach` once more, marked for the one channel that had failed: consumers that remember
ids pass it over, and the deliverer of that channel makes an exception from its own memory for what has failed, and for
nothing else. So asking twice sends once.
"""

from __future__ import annotations

import asyncio
import base64
import time
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from aiokafka.structs import ConsumerRecord

from service.cluster.leaving import stop_producer
from service.config import KafkaSettings, Settings
from service.connection import new_async_producer, new_producer
from service.delivery.channel import Order
from service.delivery.requests import RETRIED, UnreadableError, read_request
from service.errors import ErrorCode
from service.refused.dead_letters import encode_dead_letter, read_dead_letters

CHANNEL_HEADER: Final = "churn-alert-channel"
"""Of a letter: which channel could not deliver it."""


class Letters:
    """Writes them; a call returns when the broker has it."""

    def __init__(self, kafka: KafkaSettings, channel: str) -> None:
        """Nothing is opened before the first letter."""
        self._kafka = kafka
        self._channel = channel
        self._producer: Any = None
        self._opening = asyncio.Lock()

    async def bury(self, order: Order, why: str) -> None:
        """`why` is a short code, e.g. http 422."""
        key, value = order.customer_id.encode(), msgspec.json.encode(order.event)
        now_us = time.time_ns() // 1_000
        record = ConsumerRecord(
            topic=self._kafka.topics.outreach,
            partition=order.partition,
            offset=order.offset,
            timestamp=now_us // 1_000,
            timestamp_type=0,
            key=key,
            value=value,
            checksum=None,
            serialized_key_size=len(key),
            serialized_value_size=len(value),
            headers=((CHANNEL_HEADER, self._channel.encode()),),
        )
        said = f"{self._channel} could not deliver it ({why}); repair the cause, then `churn-alert deliver retry`"
        letter = encode_dead_letter(record, ErrorCode.DELIVERY_FAILED, said, now_us)
        await (await self._open()).send_and_wait(self._kafka.topics.dead_letters, letter, key)

    async def close(self) -> None:
        if self._producer is not None:
            await stop_producer(self._producer)
            self._producer = None

    async def _open(self) -> Any:
        async with self._opening:
            if self._producer is None:
                producer = new_async_producer(
                    self._kafka,
                    enable_idempotence=True,
                    acks="all",
                    request_timeout_ms=int(self._kafka.request_timeout_s * 1000),
                )
                try:
                    await producer.start()
                except BaseException:
                    await stop_producer(producer)
                    raise
                self._producer = producer
        return self._producer


@dataclass(slots=True)
class Asked:
    """What asking again came to."""

    again: int = 0
    expired: int = 0
    """Too late for them: nothing is sent after a request's end."""
    unreadable: int = 0


def ask_again(settings: Settings, channel: str | None, now_us: int) -> Asked:
    """Writes what has failed and is still valid to `outreach` once more; `channel` None = of every channel.

    An id that has failed several times is asked for once.
    """
    asked, newest = Asked(), dict[tuple[str, str], tuple[int, bytes, bytes]]()
    for stored in read_dead_letters(settings, ErrorCode.DELIVERY_FAILED):
        letter = stored.letter
        names = [header.value_base64 for header in letter.headers if header.name == CHANNEL_HEADER]
        name = base64.b64decode(names[0] or "").decode() if names else ""
        value = base64.b64decode(letter.value_base64 or "")
        if channel not in {None, name}:
            continue
        try:
            order = read_request(value or None)
        except UnreadableError:
            order = None
        if not isinstance(order, Order) or not name:
            asked.unreadable += 1
        elif order.expires_us <= now_us:
            asked.expired += 1
        else:
            event = msgspec.json.encode({**order.event, RETRIED: name})
            newest[name, order.id] = (letter.source_partition, order.customer_id.encode(), event)
    producer = new_producer(settings.kafka, acks="all")
    try:
        sent = [
            producer.send(settings.kafka.topics.outreach, partition=partition, key=key, value=event)
            for partition, key, event in newest.values()
        ]
        for future in sent:
            future.get(timeout=60)
    finally:
        producer.close()
    asked.again = len(sent)
    return asked
