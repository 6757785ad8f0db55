"""Reads for the page who there is: the scores of all customers, and every decision that is still kept.

What was decided is not copied: the roll knows where each decision lies, and whoever looks at a person has them read
from there (`decisions_at`).
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
import structlog
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from service.cluster.reader import AS_A_FOLLOWER
from service.cluster.tail import has_reached, open_async_reader
from service.config import Settings
from service.domain.policy import ClockMode
from service.errors import ConfigurationError
from service.web.people.roll import Roll
from service.web.shop_reading import ShopReading

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_AT_ONCE: Final = 500
"""Records between two moments for others: some 5 ms."""
_FETCH_MS: Final = 2_000
_FETCH_BYTES: Final = 16_384
"""A fetch gives at least one record, however large; of its neighbours none is wanted."""

log = structlog.get_logger()


class PeopleReading:
    """`roll` is kept current by `run`; after an interruption the old one stands until the new one knows as much."""

    def __init__(self, settings: Settings, shop: ShopReading) -> None:
        """`shop` is told what is expected of all, which is in the same records; nobody is shown before its totals
        are: with them comes who has signed out."""
        self._settings = settings
        self._shop = shop
        self.roll = self._new_roll()
        self._one = asyncio.Lock()

    def _new_roll(self) -> Roll:
        return Roll(wall_clock=self._settings.time.clock is ClockMode.WALL)

    async def run(self) -> None:
        """For ever: a broker that is away is waited for."""
        pause_s, roll = _FIRST_PAUSE_S, self.roll
        while True:
            try:
                await self._follow(roll)
            except (KafkaError, OSError, ConfigurationError) as error:
                log.warning("the page cannot read of its customers; it tries again", error=type(error).__name__)
            pause_s = _FIRST_PAUSE_S if roll.known else min(_LONGEST_PAUSE_S, 2.0 * pause_s)
            await asyncio.sleep(pause_s)
            roll = self._new_roll()

    async def _follow(self, roll: Roll) -> None:
        topics = self._settings.kafka.topics
        scores, decisions = topics.customer_scores, topics.outreach_decisions
        async with open_async_reader(self._settings.kafka, scores, decisions, **AS_A_FOLLOWER) as reader:
            ends, expected = await reader.end_offsets(sorted(reader.assignment())), self._shop.none_expected()
            while True:
                fetched = await reader.getmany(timeout_ms=200 if not roll.known else 1_000, max_records=_AT_ONCE)
                for tp, records in fetched.items():
                    for record in records:
                        if tp.topic == scores:
                            if record.key is not None:
                                roll.take_scores(record.key, record.value)
                                expected.take(record.key, record.value)
                        else:
                            roll.take_decision(tp.partition, record.offset, record.value)
                await asyncio.sleep(0)
                whole = not fetched and self._shop.totals.caught_up
                if whole and not roll.known and await has_reached(reader, ends):
                    roll.complete()
                    expected.complete()
                    self.roll, self._shop.expected = roll, expected

    async def decisions_at(self, places: list[tuple[int, int]]) -> list[msgspec.Raw]:
        """The data of the decisions that lie there, in the order of their places; what the topic keeps no longer is
        left out. Raises KafkaError, OSError."""
        if not places:
            return []
        topic = self._settings.kafka.topics.outreach_decisions
        found: list[msgspec.Raw] = []
        async with (
            self._one,
            open_async_reader(self._settings.kafka, max_partition_fetch_bytes=_FETCH_BYTES) as reader,
        ):
            partitions = sorted({TopicPartition(topic, partition) for partition, _ in places})
            reader.assign(partitions)
            begin = await reader.beginning_offsets(partitions)
            for partition, offset in places:
                tp = TopicPartition(topic, partition)
                if offset < begin[tp]:
                    continue
                reader.seek(tp, offset)
                record = await self._next(reader, tp)
                if record is not None and record.offset == offset and record.value is not None:
                    found.append(msgspec.json.decode(record.value, type=_Envelope).data.copy())
        return found

    @staticmethod
    async def _next(reader: Any, tp: TopicPartition) -> Any:
        fetched = await reader.getmany(tp, timeout_ms=_FETCH_MS, max_records=1)
        return next(iter(fetched.get(tp, [])), None)


class _Envelope(msgspec.Struct):
    data: msgspec.Raw
