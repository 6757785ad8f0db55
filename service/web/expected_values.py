"""What is expected of all customers together, from the records that say it of each (`customer-scores`): any worker can
answer for all.

A record is of the moment at which its customer was last judged: at a visit, or when time alone has changed their
segment, health or risk band. Between two such moments the expectation falls a little; the sum is of what was last told.
"""

from __future__ import annotations

import msgspec

from service.cluster.reader import AS_A_FOLLOWER
from service.cluster.tail import has_reached, open_async_reader
from service.config import KafkaSettings
from service.domain.findings import Segment
from service.web.shop_view import Expected
from service.wire.ours import NOT_OURS


class _Told(msgspec.Struct):
    segment: str
    expected_value_365d: str | None = None


class _Envelope(msgspec.Struct):
    data: _Told


_decode = msgspec.json.Decoder(_Envelope).decode


class ExpectedValues:
    """Kept current by `run`, or by whoever reads the topic anyway and says what is in it.

    Memory: some 150 B per customer who is not lost.
    """

    def __init__(self, kafka: KafkaSettings, minor_digits: int) -> None:
        self._kafka = kafka
        self._one = 10**minor_digits
        self._of: dict[bytes, int] = {}
        self._sum = 0
        self._caught_up = False
        self.unreadable = 0
        """Records that were no scores: somebody else writes to the topic."""

    def told(self) -> Expected | None:
        """None until everything is read that was written before `run` began, and where there is nobody."""
        return Expected(len(self._of), self._sum) if self._caught_up and self._of else None

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """One record of the topic."""
        if key is None:
            return
        self._sum -= self._of.pop(key, 0)
        if value is None:
            return
        try:
            told = _decode(value).data
            if told.expected_value_365d is None or told.segment == Segment.LOST.value:
                return
            minor = round(float(told.expected_value_365d) * self._one)
        except (*NOT_OURS, ValueError, OverflowError):
            self.unreadable += 1
            return
        self._of[key] = minor
        self._sum += minor

    def complete(self) -> None:
        """Everything is taken that was written before."""
        self._caught_up = True

    async def run(self) -> None:
        """Tails all partitions for ever."""
        async with open_async_reader(self._kafka, self._kafka.topics.customer_scores, **AS_A_FOLLOWER) as reader:
            ends = await reader.end_offsets(sorted(reader.assignment()))
            while True:
                for records in (await reader.getmany(timeout_ms=500, max_records=5_000)).values():
                    for record in records:
                        self.take(record.key, record.value)
                if not self._caught_up and await has_reached(reader, ends):
                    self.complete()
