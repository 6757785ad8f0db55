"""The latest decisions of the whole shop, read from `outreach-decisions`: any worker can answer for all."""

from __future__ import annotations

from bisect import insort
from datetime import datetime
from operator import attrgetter
from typing import Any

import msgspec

from service.cluster.reader import AS_A_FOLLOWER
from service.cluster.tail import open_async_reader
from service.config import KafkaSettings
from service.domain.findings import Kind, Outcome
from service.wire.ours import NOT_OURS

KEPT = 200
"""Decisions kept in memory, about 1 kB each."""


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
    customer_id: str = ""
    """Of `written`; the page shows it to nobody."""
    written: msgspec.Raw = msgspec.Raw()
    """The whole record, customer included: only for those with the token."""


class _Envelope(msgspec.Struct):
    data: msgspec.Raw


_envelope = msgspec.json.Decoder(_Envelope)
_decided = msgspec.json.Decoder(Decided)


def read_decision(value: bytes) -> Decided:
    """Raises NOT_OURS for anything but an `outreach.decided` event."""
    data = _envelope.decode(value).data.copy()  # a view would keep the whole fetch alive
    return msgspec.structs.replace(_decided.decode(data), written=data)


class RecentDecisions:
    """A window on the newest decisions, kept current by `run`. Memory is bounded by KEPT."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._kept: list[Decided] = []
        self.partitions: int | None = None
        """Partition count of the topic, which is that of the inputs; None until it is known."""
        self.first_asked: Decided | None = None
        """The first "we miss you" that was read, of those that were to go out."""
        self.unreadable = 0
        """Records that were no decisions: somebody else writes to the topic."""

    def latest(self) -> list[Decided]:
        """Newest first, by the time of the decision."""
        return self._kept[::-1]

    def take(self, value: bytes | None) -> None:
        """One record of the topic."""
        try:
            decided = read_decision(value or b"")
        except NOT_OURS:
            self.unreadable += 1
            return
        if self.first_asked is None and decided.kind == Kind.WIN_BACK and decided.outcome == Outcome.RELEASED:
            self.first_asked = decided
        insort(self._kept, decided, key=attrgetter("decided_at"))
        del self._kept[:-KEPT]

    async def run(self) -> None:
        """Tails all partitions for ever, beginning with the last KEPT records of each."""
        async with open_async_reader(self._kafka, self._kafka.topics.outreach_decisions, **AS_A_FOLLOWER) as reader:
            await self._go_to_the_last(reader)
            while True:
                for records in (await reader.getmany(timeout_ms=1_000)).values():
                    for record in records:
                        self.take(record.value)

    async def _go_to_the_last(self, reader: Any) -> None:
        tps = sorted(reader.assignment())
        starts, ends = await reader.beginning_offsets(tps), await reader.end_offsets(tps)
        for tp in tps:
            reader.seek(tp, max(starts[tp], ends[tp] - KEPT))
        self.partitions = len(tps)
