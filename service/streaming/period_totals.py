"""Period numbers of the whole shop: every worker adds up the ledgers of all partitions; one of them publishes.

The ledger topic holds one record per partition and local day. Reading it costs little, and sums of parts are exact with
any number of workers. The owner of partition 0 writes changed rows to `period-metrics` with a growing revision; a
fenced predecessor cannot write over it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

from aiokafka.structs import ConsumerRecord, TopicPartition

from service.cluster.reader import AS_A_FOLLOWER
from service.cluster.tail import has_reached, open_async_reader, read_to_the_end
from service.config import Settings
from service.domain.changelog import TODAY_KEY, day_of_key, month_of_key, unpack_today
from service.domain.periods.numbers import PeriodRow
from service.domain.periods.totals import PeriodTotals
from service.domain.policy import ClockMode
from service.streaming.brought_totals import BroughtRow, BroughtTotals, brought_key, numbers_of_brought
from service.streaming.producer import Destination, Record, TransactionalProducer
from service.streaming.restarts import slow_lives, transaction_timeout_s
from service.streaming.shop_notices import ShopNotices
from service.streaming.turn_size import TurnSize
from service.wire.cloud_events import cloud_event
from service.wire.ours import data_of
from service.wire.period_records import numbers_of, record_key

FOLD_S = 1.0
"""At most this often are numbers added up and published."""
FOLD_SHARE = 0.03
"""Of the time at most, so that a backlog of years is not slowed down by numbers that the next second replaces."""


class ShopTotals:
    """The sum of all partitions' ledgers, kept current by `run`."""

    def __init__(
        self, settings: Settings, on_own: Callable[[int, bytes, bytes | None], None] = lambda *_: None
    ) -> None:
        """`on_own` gets the partition, key and value of records that are no part of the numbers."""
        self._settings = settings
        self._on_own = on_own
        self._calendar = settings.shop.calendar()
        self.totals = PeriodTotals(settings.policy().shop)
        self.brought = BroughtTotals()
        """What messages have brought."""
        self.today: int | None = None
        """Latest local day of stream time over the partitions; None before the first event."""
        self._days: dict[int, int] = {}
        """That of each partition."""
        self._partitions = 0
        """Of the ledger topic; 0 = not known yet."""
        self.rows: dict[tuple[str, str], PeriodRow] = {}
        """All rows by (granularity, first day as ISO date)."""
        self._heard: list[Callable[[list[PeriodRow]], None]] = []
        self._newest: dict[str, PeriodRow] = {}
        self._newest_complete: dict[str, PeriodRow] = {}
        self._fresh: dict[tuple[int, int], bytes] = {}
        """Newest records of (partition, day) since the last addition; older ones of a day need not be read."""
        self._caught_up = asyncio.Event()

    def listen(self, hear: Callable[[list[PeriodRow]], None]) -> None:
        """`hear` gets the changed rows after each addition."""
        self._heard.append(hear)

    def current(self, granularity: str) -> PeriodRow | None:
        """The running period, or the window that ends today; None before the first event."""
        return self._newest.get(granularity)

    def last_complete(self, granularity: str) -> PeriodRow | None:
        return self._newest_complete.get(granularity)

    def take(self, partition: int, key: bytes, value: bytes | None) -> None:
        """One record of the ledger topic."""
        if value is None:
            return
        day = day_of_key(key)
        if key == TODAY_KEY:
            today = unpack_today(value)
            self.today = today if self.today is None else max(self.today, today)
            self._days[partition] = today
        elif day is not None:
            self._fresh[partition, day] = value
        elif (month := month_of_key(key)) is not None:
            self.brought.take(partition, month, value)
        else:
            self._on_own(partition, key, value)

    def add_up(self) -> list[PeriodRow]:
        """Brings `rows` up to date; returns those that changed."""
        if self.today is None:
            return []
        for (partition, day), record in self._fresh.items():
            self.totals.update(partition, day, record)
        self._fresh.clear()
        changed = [row for row in self.totals.changed_rows(self.today) if self.rows.get(_key(row)) != row]
        for row in changed:
            self.rows[_key(row)] = row
            _keep_newest(self._newest, row)
            if row.complete:
                _keep_newest(self._newest_complete, row)
        for hear in self._heard:
            hear(changed)
        return changed

    def settled_day(self, *, all_tell: bool) -> int | None:
        """Local day of stream time that every partition has reached; None: nobody knows. `all_tell`: also those without
        an event say where they are, as where the wall clock rules."""
        if not self._days or (all_tell and len(self._days) < self._partitions):
            return None
        return min(self._days.values())

    @property
    def caught_up(self) -> bool:
        """Whether `rows` contain everything that was written before `run` began."""
        return self._caught_up.is_set()

    async def wait_caught_up(self) -> None:
        await self._caught_up.wait()

    async def run(self) -> None:
        """Tails the ledger topic for ever."""
        kafka = self._settings.kafka
        async with open_async_reader(kafka, kafka.ledger_topic, **AS_A_FOLLOWER) as reader:
            ends = await reader.end_offsets(sorted(reader.assignment()))
            self._partitions = len(ends)
            loop = asyncio.get_running_loop()
            next_fold = loop.time()
            while True:
                for tp, records in (await reader.getmany(timeout_ms=200)).items():
                    for record in records:
                        self.take(tp.partition, record.key, record.value)
                    await asyncio.sleep(0)
                if not (self.caught_up or await has_reached(reader, ends)):
                    continue
                if loop.time() >= next_fold:
                    began = loop.time()
                    self.add_up()
                    self._caught_up.set()
                    next_fold = loop.time() + max(FOLD_S, (loop.time() - began) / FOLD_SHARE)


def _keep_newest(newest: dict[str, PeriodRow], row: PeriodRow) -> None:
    known = newest.get(row.granularity)
    if known is None or row.start >= known.start:
        newest[row.granularity] = row


def _key(row: PeriodRow) -> tuple[str, str]:
    return (row.granularity, row.start.isoformat())


class Publisher:
    """Writes changed rows to period-metrics. Only the owner of partition 0 runs one."""

    def __init__(self, settings: Settings, totals: ShopTotals) -> None:
        self._settings = settings
        self._totals = totals
        self._calendar = settings.shop.calendar()
        self._told_brought: list[BroughtRow] = []
        self._told_day: int | None = None
        """The day for which thresholds were looked at last."""
        self._published: dict[bytes, tuple[int, dict[str, Any] | None]] = {}
        slow = slow_lives()
        timeout_s = transaction_timeout_s(settings.kafka.transaction_timeout_s, slow)
        self._producer = TransactionalProducer(settings.kafka, f"{settings.kafka.group}-periods", timeout_s)
        self._size = TurnSize(timeout_s, slow)
        self._destination = Destination(settings.kafka.topics.period_metrics, 0)
        self._notices = ShopNotices(settings) if settings.notices.thresholds else None
        self._wall = settings.time.clock is ClockMode.WALL

    async def run(self) -> None:
        """Fences the predecessor, reads what it has published, and goes on from there."""
        await self._producer.open()
        try:
            await self._read_published()
            if self._notices is not None:
                await self._notices.read()
            await self._totals.wait_caught_up()
            seen: dict[tuple[str, str], PeriodRow] = {}
            while True:
                changed = [row for key, row in self._totals.rows.items() if seen.get(key) is not row]
                seen.update((_key(row), row) for row in changed)
                await self._publish(changed, self._totals.brought.rows())
                await asyncio.sleep(FOLD_S)
        finally:
            await self._producer.close()

    @staticmethod
    async def _undisturbed(work: Coroutine[Any, Any, None]) -> None:
        """A cancellation waits for the end of `work`: a transaction left open holds readers up until it times out."""
        task = asyncio.create_task(work)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task])
            raise

    async def _publish(self, rows: list[PeriodRow], brought: list[BroughtRow]) -> None:
        records: list[Record] = []
        shop = self._settings.shop
        for row in rows:
            self._revise(records, "period.measured", record_key(row), numbers_of(row, shop.currency))
        if brought is not self._told_brought:
            self._told_brought = brought
            for each in brought:
                numbers = numbers_of_brought(each, shop.currency, shop.minor_digits)
                self._revise(records, "outreach.measured", brought_key(each), numbers)
        while (part := self._first_of(records)) < len(records):
            await self._write({self._destination: records[:part]})
            del records[:part]
        written = {self._destination: records} if records else {}
        if self._notices is not None and (told := self._to_tell(self._notices)):
            written[self._notices.to] = told
        if written:
            await self._write(written)

    def _first_of(self, records: list[Record]) -> int:
        """How many of them one transaction may write, at least one."""
        most, size = self._size.most(time.monotonic()), 0
        for count, (_, value) in enumerate(records):
            size += len(value or b"")
            if size > most:
                return max(1, count)
        return len(records)

    async def _write(self, records: dict[Destination, list[Record]]) -> None:
        await self._undisturbed(self._commit(records))

    async def _commit(self, records: dict[Destination, list[Record]]) -> None:
        began = time.monotonic()
        sizes = await self._producer.write(records)
        ended = time.monotonic()
        self._size.committed(sum(sizes.values()), ended - began, ended)

    def _to_tell(self, notices: ShopNotices) -> list[Record]:
        """What the numbers give to tell; looked at once for each day that every partition has reached."""
        day = self._totals.settled_day(all_tell=self._wall)
        if day is None or day == self._told_day:
            return []
        self._told_day = day
        by_length: dict[str, list[PeriodRow]] = {}
        for row in self._totals.rows.values():
            by_length.setdefault(row.granularity, []).append(row)
        wall_day = self._calendar.day_of(time.time_ns() // 1_000)
        return notices.records(lambda granularity: by_length.get(granularity, []), day, wall_day)

    def _revise(self, records: list[Record], event: str, key: bytes, numbers: dict[str, Any]) -> None:
        """A further revision, if something has changed."""
        revision, before = self._published.get(key, (0, None))
        if numbers != before:
            revision += 1
            self._published[key] = (revision, numbers)
            name, measured_us = key.decode(), self._calendar.start_of(self._totals.today or 0)
            data = {**numbers, "revision": revision}
            records.append((key, cloud_event(event, f"{name}.{revision}", name, measured_us, data)))

    async def _read_published(self) -> None:
        async with open_async_reader(self._settings.kafka) as reader:
            await read_to_the_end(reader, TopicPartition(*self._destination), 0, self._know)

    def _know(self, records: list[ConsumerRecord]) -> None:
        """What has been published before, newest last."""
        for record in records:
            numbers = data_of(record.value)
            revision = None if numbers is None else numbers.pop("revision", None)
            if isinstance(revision, int):  # else it is a tombstone, or somebody else has written there
                self._published[record.key] = (revision, numbers)
