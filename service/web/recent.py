"""The latest decisions of the whole shop, read from `outreach-decisions`: any worker can answer for all."""

from __future__ import annotations

from bisect import insort
from datetime import datetime
from operator import attrgetter
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer

from service.config import KafkaSettings
from service.streaming.connection import aiokafka_security

KEPT = 200
"""Decisions kept in memory, about 1 kB each."""
_FETCH_WAIT_MS = 500


class Decided(msgspec.Struct, frozen=True):
    """One decision: what the page shows of it (nothing that tells who it is about), and all of it as it was written."""

    decision_id: str
    """The same for everything that became of one rung of one absence."""
    decided_at: datetime
    kind: str
    rung: str
    outcome: str
    reason: str
    visits: int
    usual_gap_days: float
    current_gap_days: float
    written: msgspec.Raw = msgspec.Raw()
    """The whole record, customer included: only for those with the token."""


class _Envelope(msgspec.Struct):
    data: msgspec.Raw


_envelope = msgspec.json.Decoder(_Envelope)
_decided = msgspec.json.Decoder(Decided)


def read_decision(value: bytes) -> Decided:
    """Raises msgspec.DecodeError for anything but an `outreach.decided` event."""
    data = _envelope.decode(value).data.copy()  # a view would keep the whole fetch alive
    return msgspec.structs.replace(_decided.decode(data), written=data)


class RecentDecisions:
    """A window on the newest decisions, kept current by `run`. Memory is bounded by KEPT."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._kept: list[Decided] = []
        self.partitions: int | None = None
        """Partition count of the topic, which is that of the inputs; None until it is known."""
        self.unreadable = 0
        """Records that were no decisions: somebody else writes to the topic."""

    def latest(self) -> list[Decided]:
        """Newest first, by the time of the decision."""
        return self._kept[::-1]

    def take(self, value: bytes | None) -> None:
        """One record of the topic."""
        try:
            decided = read_decision(value or b"")
        except msgspec.DecodeError:
            self.unreadable += 1
            return
        insort(self._kept, decided, key=attrgetter("decided_at"))
        del self._kept[:-KEPT]

    async def run(self) -> None:
        """Tails all partitions for ever, beginning with the last KEPT records of each."""
        consumer = AIOKafkaConsumer(
            self._kafka.topics.outreach_decisions,  # without a group: all partitions
            bootstrap_servers=self._kafka.bootstrap_servers,
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="latest",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            **aiokafka_security(self._kafka),
        )
        await consumer.start()
        try:
            await self._go_to_the_last(consumer)
            while True:
                for records in (await consumer.getmany(timeout_ms=1_000)).values():
                    for record in records:
                        self.take(record.value)
        finally:
            await consumer.stop()

    async def _go_to_the_last(self, consumer: Any) -> None:
        tps = sorted(consumer.assignment())
        starts, ends = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
        for tp in tps:
            consumer.seek(tp, max(starts[tp], ends[tp] - KEPT))
        self.partitions = len(tps)
