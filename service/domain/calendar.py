"""Local days of the shop, as integers: day 0 is 1970-01-01 in the shop's zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from service.domain.acyclic import i64

SECOND_US: Final = 1_000_000
MINUTE_US: Final = 60 * SECOND_US
HOUR_US: Final = 60 * MINUTE_US
DAY_US: Final = 24 * HOUR_US
DAYS_PER_YEAR: Final = 365.0
"""Of the promises made per year to the people of the shop, and of the outlook on the next year."""
NEVER: Final = 1 << 61
"""A date that does not come."""
MEAN_YEAR_DAYS: Final = Fraction(1461, 4)
"""365.25, a leap day in four years: what the length of a period in years is measured by."""
_EPOCH_ORDINAL: Final = 719_163
"""Of 1970-01-01, as `date` counts days."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_QUARTER_HOUR_US: Final = 15 * 60 * SECOND_US
"""Every offset change since 1970 falls on a whole quarter of an hour in UTC (the few earlier local mean times do
not)."""
_QUARTERS: Final = 96
"""Of a day."""
_LONGEST_CHANGE: Final = 12
"""Quarters of an hour by which no clock is put back, and so for which an hour that comes twice is near its change."""
_CHANGES: Final = 1 << 60
_MOST_CACHED: Final = 200_000


class Granularity(StrEnum):
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


def to_us(moment: datetime) -> int:
    """Aware datetime → microseconds since the epoch, exact."""
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * SECOND_US + delta.microseconds


def to_datetime(at_us: int) -> datetime:
    """Microseconds since the epoch → aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=at_us)


@lru_cache(maxsize=1 << 16)
def utc_text(at_us: int) -> str:
    """RFC 3339 in UTC, ending in Z; microseconds only where there are any. A customer's visits are asked for again and
    again."""
    day, rest = divmod(at_us, DAY_US)
    seconds, micros = divmod(rest, SECOND_US)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    fraction = f".{micros:06d}" if micros else ""
    return f"{_date_text(day)}T{hour:02d}:{minute:02d}:{second:02d}{fraction}Z"


@lru_cache(maxsize=1 << 14)
def _date_text(day: int) -> str:
    return to_date(day).isoformat()


def to_date(day: int) -> date:
    return date.fromordinal(_EPOCH_ORDINAL + day)


def to_day(local_date: date) -> int:
    return local_date.toordinal() - _EPOCH_ORDINAL


class Calendar:
    """Maps instants to local days of one time zone, which begin when the shop says: what a bar sells at one in the
    morning belongs to the evening before.

    The caches grow by one entry per day seen, and per quarter of an hour on days of clock change; they are cleared when
    large.
    """

    def __init__(self, zone: ZoneInfo, day_starts_us: int = 0) -> None:
        """`day_starts_us`: what the shop's clock shows when its day begins, in µs since midnight."""
        self.zone = zone
        self.day_starts_us: Final = day_starts_us
        self.day_starts_clock: Final = to_datetime(day_starts_us).time()
        self._offset_us: dict[int, int] = {}
        """By quarter of an hour: from UTC to a clock that shows midnight when the shop's day begins."""
        self._whole_day_us: dict[int, int] = {}
        """By day in UTC, of days that have one offset from their begin to their end; `_CHANGES` of others."""
        self._quarter: i64 = -1
        """The one asked for last, which is the likeliest to be asked for next, with its offset."""
        self._offset: i64 = 0

    def __deepcopy__(self, memo: dict[int, object]) -> Calendar:
        """Itself: a chart copies its formats, and compiled there would be no other way."""
        return self

    def day_of(self, at_us: int) -> int:
        """Number of the local day that contains the instant."""
        at: i64 = at_us
        quarter = at // _QUARTER_HOUR_US
        if quarter != self._quarter:
            offset = self._offset_us.get(quarter)
            self._offset = self._look_up(quarter) if offset is None else offset
            self._quarter = quarter
        return (at + self._offset) // DAY_US

    def hour_of(self, at_us: int) -> int:
        """Number of the shop's hour that contains the instant: 24 × its day + whole hours since that began by the
        clock."""
        day: i64 = self.day_of(at_us)
        local: i64 = at_us + self._offset
        return 24 * day + (local - day * DAY_US) // HOUR_US

    def hour_end_us(self, at_us: int) -> int:
        """When the shop's hour ends that contains the instant, by its clock as it goes then."""
        self.day_of(at_us)
        return at_us + HOUR_US - (at_us + self._offset) % HOUR_US

    def _look_up(self, quarter: int) -> int:
        day = quarter // _QUARTERS
        result = self._whole_day_us.get(day)
        if result is None:  # no zone has changed its clock twice within a day
            if len(self._whole_day_us) > _MOST_CACHED:
                self._whole_day_us.clear()
            result = self._offset_at(day * _QUARTERS)
            before = self._offset_at(day * _QUARTERS - _LONGEST_CHANGE)
            same = before == result == self._offset_at((day + 1) * _QUARTERS)
            result = self._whole_day_us[day] = result - self.day_starts_us if same else _CHANGES
        if result == _CHANGES:
            if len(self._offset_us) > _MOST_CACHED:
                self._offset_us.clear()
            result = self._offset_us[quarter] = self._offset_of_change(quarter)
        return result

    def _offset_of_change(self, quarter: int) -> int:
        """Near a change of the clock. Where the day begins at an hour that comes twice it begins with the first."""
        offset, at_us = self._offset_at(quarter) - self.day_starts_us, quarter * _QUARTER_HOUR_US
        following = (at_us + offset) // DAY_US + 1
        if self.day_starts_us and self.start_of(following) <= at_us:
            return following * DAY_US - at_us
        return offset

    def _offset_at(self, quarter: int) -> int:
        offset = to_datetime(quarter * _QUARTER_HOUR_US).astimezone(self.zone).utcoffset()
        assert offset is not None  # noqa: S101 - an aware datetime has one
        return round(offset.total_seconds()) * SECOND_US

    def start_of(self, day: int) -> int:
        """First instant of the local day, in µs (where its hour does not exist, the instant the clock jumps over
        it)."""
        local = datetime.combine(to_date(day), self.day_starts_clock, tzinfo=self.zone)
        start_us = to_us(local.astimezone(UTC))
        shown = to_datetime(start_us).astimezone(self.zone)
        if self.day_starts_us and shown.replace(tzinfo=None) != local.replace(tzinfo=None):
            offset = local.utcoffset()
            while to_datetime(start_us - _QUARTER_HOUR_US).astimezone(self.zone).utcoffset() != offset:
                start_us -= _QUARTER_HOUR_US
            start_us -= start_us % _QUARTER_HOUR_US
        return start_us


@lru_cache(maxsize=100_000)
def period_start(granularity: Granularity, day: int) -> int:
    """First day of the calendar period that contains `day`. Weeks are ISO weeks (Monday)."""
    d = to_date(day)
    match granularity:
        case Granularity.WEEK:
            return day - d.weekday()
        case Granularity.MONTH:
            return to_day(d.replace(day=1))
        case Granularity.QUARTER:
            return to_day(d.replace(month=d.month - (d.month - 1) % 3, day=1))
        case Granularity.YEAR:
            return to_day(d.replace(month=1, day=1))


def next_period(granularity: Granularity, start: int) -> int:
    """First day of the following period; `start` is the first day of one."""
    longest = {Granularity.WEEK: 7, Granularity.MONTH: 31, Granularity.QUARTER: 92, Granularity.YEAR: 366}[granularity]
    return period_start(granularity, start + longest)


def previous_period(granularity: Granularity, start: int) -> int:
    return period_start(granularity, start - 1)
