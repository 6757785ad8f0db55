"""Local days of the shop, as integers: day 0 is 1970-01-01 in the shop's zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

SECOND_US: Final = 1_000_000
HOUR_US: Final = 3600 * SECOND_US
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
    """Maps instants to local days of one time zone. The caches grow by one entry per day seen, and per quarter of an
    hour on days of clock change; they are cleared when large.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self._offset_us: dict[int, int] = {}
        """By quarter of an hour."""
        self._whole_day_us: dict[int, int] = {}
        """By day in UTC, of days that have one offset from their begin to their end; `_CHANGES` of others."""
        self._quarter = -1
        """The one asked for last, which is the likeliest to be asked for next, with its offset."""
        self._offset = 0

    def day_of(self, at_us: int) -> int:
        """Number of the local day that contains the instant."""
        quarter = at_us // _QUARTER_HOUR_US
        if quarter != self._quarter:
            offset = self._offset_us.get(quarter)
            self._offset = self._look_up(quarter) if offset is None else offset
            self._quarter = quarter
        return (at_us + self._offset) // DAY_US

    def _look_up(self, quarter: int) -> int:
        day = quarter // _QUARTERS
        result = self._whole_day_us.get(day)
        if result is None:  # no zone has changed its clock twice within a day
            if len(self._whole_day_us) > _MOST_CACHED:
                self._whole_day_us.clear()
            result = self._offset_at(day * _QUARTERS)
            result = self._whole_day_us[day] = result if result == self._offset_at((day + 1) * _QUARTERS) else _CHANGES
        if result == _CHANGES:
            if len(self._offset_us) > _MOST_CACHED:
                self._offset_us.clear()
            result = self._offset_us[quarter] = self._offset_at(quarter)
        return result

    def _offset_at(self, quarter: int) -> int:
        offset = to_datetime(quarter * _QUARTER_HOUR_US).astimezone(self.zone).utcoffset()
        assert offset is not None  # noqa: S101 - an aware datetime has one
        return round(offset.total_seconds()) * SECOND_US

    def start_of(self, day: int) -> int:
        """First instant of the local day, in µs (where midnight does not exist, the instant the clock jumps over
        it)."""
        local = datetime.combine(to_date(day), datetime.min.time(), tzinfo=self.zone)
        return to_us(local.astimezone(UTC))


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
