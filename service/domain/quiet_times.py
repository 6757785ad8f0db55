"""When nobody is written to: at night, on Sundays, on holidays, by the clock and the calendar of the place where the
customer is.

That place is the customer's own zone, else that of the store they go to, else the shop's. It is quiet when the clock
there shows a quiet time: on the day on which an hour comes twice it is twice, on the day on which it is left out it is
not. A day is one of that place's calendar, from midnight to midnight, wherever the shop's own day begins.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from service.domain.calendar import MINUTE_US, to_datetime, to_us
from service.domain.customer import Customer
from service.domain.findings import Reason
from service.domain.policy import QuietTimes
from service.domain.sources import Sources

_A_DAY: Final = timedelta(days=1)


class Quiet:
    """Without quiet times a question costs a comparison; with them, some microseconds, and only where a message would
    go out."""

    def __init__(self, policy: QuietTimes, shop_zone: ZoneInfo, sources: Sources | None = None) -> None:
        """`sources` None: where a customer goes to is not known, only `until_there_us` is asked."""
        self._days: Final = policy.weekdays
        self._dates: Final = policy.dates
        self._yearly: Final = policy.yearly
        self._has_hours: Final = policy.begin != policy.end
        self._begin: Final = policy.begin
        self._end: Final = policy.end
        self._never: Final = not (self._has_hours or policy.weekdays or policy.dates or policy.yearly)
        self._shop_zone: Final = shop_zone
        self._stores: Final = dict(policy.store_zones)
        self._sources: Final = sources

    def until_us(self, customer: Customer, at_us: int) -> tuple[int, Reason]:
        """Up to when it is quiet where the customer is, and why at `at_us`; `at_us` itself: it is not."""
        return (at_us, Reason.DUE) if self._never else self._until_us(self._zone_of(customer), at_us)

    def until_there_us(self, zone_name: str | None, at_us: int) -> int:
        """Up to when it is quiet in that zone, the shop's where it is None or unknown; `at_us` itself: it is not."""
        if self._never:
            return at_us
        until_us, _ = self._until_us(_zone(zone_name or "") or self._shop_zone, at_us)
        return until_us

    def _until_us(self, zone: ZoneInfo, at_us: int) -> tuple[int, Reason]:
        now_us = at_us
        reason = Reason.QUIET_DAY if self._is_quiet_day(_local(at_us, zone)) else Reason.QUIET_HOURS
        while True:
            local = _local(now_us, zone)
            ends = self._ends(local)
            if ends is None:
                return now_us, reason
            now_us = _reached(now_us, ends - local, zone)

    def zone_name(self, customer: Customer) -> str | None:
        """Of the customer's own zone, else of their store's; None: nothing is known but the shop's."""
        profile = customer.profile
        if profile is not None and profile.timezone is not None and _zone(profile.timezone) is not None:
            return profile.timezone
        if self._stores and self._sources is not None and (source := self._sources.of(customer)) is not None:
            name = self._stores.get(source.name, "")
            return name if _zone(name) is not None else None
        return None

    def _zone_of(self, customer: Customer) -> ZoneInfo:
        return _zone(self.zone_name(customer) or "") or self._shop_zone

    def _is_quiet_day(self, local: datetime) -> bool:
        date = local.date()
        return local.weekday() in self._days or date in self._dates or (date.month, date.day) in self._yearly

    def _ends(self, local: datetime) -> datetime | None:
        """What the clock shows when the quiet time ends that `local` lies in; None: it lies in none."""
        midnight = datetime.combine(local.date(), time())
        if self._is_quiet_day(local):
            return midnight + _A_DAY
        if not self._has_hours:
            return None
        clock, begin, end = local.time(), self._begin, self._end
        if begin < end:
            return datetime.combine(local.date(), end) if begin <= clock < end else None
        if clock >= begin:
            return datetime.combine(local.date(), end) + _A_DAY
        return datetime.combine(local.date(), end) if clock < end else None


def _local(at_us: int, zone: ZoneInfo) -> datetime:
    """What the clock shows there, without its zone."""
    return to_datetime(at_us).astimezone(zone).replace(tzinfo=None)


def _reached(at_us: int, shown: timedelta, zone: ZoneInfo) -> int:
    """The instant at which the clock has gone on by `shown`, a day at most, or before it the one at which it is put
    forward or back."""
    later_us = at_us + to_us(datetime(1970, 1, 1, tzinfo=UTC) + shown)
    if _offset(at_us, zone) == _offset(later_us, zone):
        return later_us
    before, after = at_us // MINUTE_US, -(-later_us // MINUTE_US)  # clocks are changed at whole minutes
    offset = _offset(at_us, zone)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(middle * MINUTE_US, zone) == offset:
            before = middle
        else:
            after = middle
    return after * MINUTE_US


def _offset(at_us: int, zone: ZoneInfo) -> timedelta | None:
    return to_datetime(at_us).astimezone(zone).utcoffset()


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo | None:
    """None: there is no such zone, or this machine does not know it."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
