"""Notices as records of `shop-notices`: what has been told is read from there, what is to be told goes with the numbers
that it rests on (period_totals.py). Without a threshold in the settings none of this is there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import msgspec
from aiokafka.structs import ConsumerRecord, TopicPartition

from service.cluster.tail import open_async_reader, read_to_the_end
from service.config import Settings
from service.domain.calendar import Calendar, to_day
from service.domain.periods.numbers import UNITS, PeriodRow, Unit
from service.domain.policy import ClockMode
from service.notices.judge import Notice, Told, about, notice_of
from service.notices.sentence import sentence_of
from service.streaming.producer import Destination, Record
from service.wire.cloud_events import cloud_event, rounded
from service.wire.ours import NOT_OURS
from service.wording.catalogue import catalogue_in
from service.wording.formats import Formats
from service.wording.languages import DEFAULT, language_of

KIND: Final = "shop.noticed"
_LEAST_AGE_DAYS: Final = 7


class _Noticed(msgspec.Struct):
    """What is needed here of what was told."""

    notice_id: str
    threshold: str
    state: str
    number: str
    granularity: str
    when: str
    limit: float | None


class _Notice(msgspec.Struct):
    data: _Noticed


class ShopNotices:
    """Of one installation; owned by who writes the numbers."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._thresholds = settings.notices.thresholds
        self._wait_days = settings.notices.wait_days
        self._wall = settings.time.clock is ClockMode.WALL
        self._calendar: Calendar = settings.shop.calendar()
        self.to: Final = Destination(settings.kafka.topics.shop_notices, 0)
        self._told: dict[str, Told] = {}
        self._ids: set[str] = set()
        language = language_of(settings.shop.locale) or DEFAULT
        self._formats = Formats(settings.shop, catalogue_in(language, settings.shop.locale))

    @property
    def is_on(self) -> bool:
        return bool(self._thresholds)

    async def read(self) -> None:
        """What has been told before."""
        async with open_async_reader(self._settings.kafka) as reader:
            await read_to_the_end(reader, TopicPartition(*self.to), 0, self.know)

    def know(self, records: list[ConsumerRecord]) -> None:
        for record in records:
            with suppress(*NOT_OURS):  # a tombstone, or what somebody else has written there
                told = msgspec.json.decode(record.value or b"", type=_Notice).data
                self._ids.add(told.notice_id)
                said = (told.number, told.granularity, told.when, told.limit)
                self._told[told.threshold] = Told(told.state, said)

    def records(self, rows: Callable[[str], list[PeriodRow]], settled_day: int | None, wall_day: int) -> list[Record]:
        """What is to be told. `rows`: of a granularity, complete or not; `settled_day`: the local day up to which every
        partition has come, None: nobody knows; `wall_day`: that of the wall clock."""
        if settled_day is None:
            return []
        made: list[Record] = []
        by_length: dict[str, list[PeriodRow]] = {}
        for threshold in self._thresholds:
            if threshold.period not in by_length:
                by_length[threshold.period] = rows(threshold.period)
            row = self._newest(by_length[threshold.period], settled_day, wall_day)
            if row is None:
                continue
            before = next((each for each in by_length[threshold.period] if each.end == row.start), None)
            notice = notice_of(threshold, row, before, self._told.get(threshold.name))
            if notice is not None and notice.id not in self._ids:
                self._ids.add(notice.id)
                self._told[threshold.name] = Told(notice.state.value, about(threshold))
                made.append(self._record(notice))
        return made

    def _newest(self, rows: list[PeriodRow], settled_day: int, wall_day: int) -> PeriodRow | None:
        """The newest period that is over and settled. While a backlog of years is read, and by a wall clock, what ended
        longer ago than it lasted is no news."""
        over = [row for row in rows if to_day(row.end) + self._wait_days <= settled_day]
        newest = max(over, key=lambda row: row.start, default=None)
        if newest is None or not self._wall:
            return newest
        lasted = max(_LEAST_AGE_DAYS, (newest.end - newest.start).days)
        return newest if wall_day - to_day(newest.end) <= lasted + self._wait_days else None

    def _record(self, notice: Notice) -> Record:
        threshold, row, before = notice.threshold, notice.row, notice.before
        was = None if before is None else getattr(before, threshold.number)
        data: dict[str, Any] = {
            "notice_id": notice.id,
            "threshold": threshold.name,
            "state": notice.state.value,
            "number": threshold.number,
            "unit": _UNIT_NAMES[UNITS[threshold.number]],
            "granularity": row.granularity,
            "start": row.start.isoformat(),
            "end": row.end.isoformat(),
            "when": threshold.when,
            "limit": threshold.limit,
            "value": rounded(notice.value),
            "value_before": None if was is None else rounded(float(was)),
            "change_low": rounded(notice.low),
            "change_high": rounded(notice.high),
            "rests_on": notice.rests_on,
            "currency": self._settings.shop.currency,
            "summary": sentence_of(notice, self._formats),
        }
        at_us = self._calendar.start_of(to_day(row.end))
        return notice.id.encode(), cloud_event(KIND, notice.id, threshold.name, at_us, data)


_UNIT_NAMES: Final = {
    Unit.COUNT: "count",
    Unit.MONEY: "money",
    Unit.PERCENT: "percent",
    Unit.POINTS: "points",
    Unit.MEAN: "mean",
}
