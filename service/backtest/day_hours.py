"""At which hours the shop sells, and whether its day had better begin at another one.

Where the same customers buy just before the day ends and again just after, one evening counts as two visits: the rhythm
of everybody is half a day, and half of the visits are "repeat purchases".
"""

from __future__ import annotations

from typing import Final

from service.domain.calendar import DAY_US, HOUR_US, Calendar

_HOURS: Final = 24
_EVENING: Final = 20
"""Hours after the day's begin from which on a purchase may belong to an evening that goes on."""
_NIGHT: Final = 4
"""Hours after it up to which one may belong to the evening before."""
_FEWEST: Final = 10
"""Evenings that were cut in two, below which nothing is said."""
_LEAST_SHARE: Final = 0.02
"""Of all evenings late enough to be cut, those that were: chance meets a kiosk that never closes, too."""
_QUIET_SHARE: Final = 0.005
"""Of all purchases: an hour with fewer is quiet."""
_SHORTEST_QUIET: Final = 3
"""Hours: a shop that is open all night has no quiet ones in a row."""
_MARGIN: Final = 2
"""Hours after the last sales, at most, at which the day should begin: some evenings are longer."""


class DayHours:
    """Of one backtest. Memory: one number per customer who bought in an evening."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self._sales = [0] * _HOURS
        """Purchases by hour since the shop's day began."""
        self._late: dict[str, int] = {}
        """Newest day in whose evening a customer bought."""
        self._evenings = 0
        self._cut = 0

    def bought(self, customer_id: str, at_us: int) -> None:
        """A purchase, in order of time."""
        calendar = self._calendar
        hour = calendar.hour_of(at_us)
        day, hour = hour // _HOURS, hour % _HOURS
        self._sales[hour] += 1
        if hour >= _EVENING:
            if self._late.get(customer_id) != day:
                self._late[customer_id] = day
                self._evenings += 1
        elif hour < _NIGHT and self._late.get(customer_id) == day - 1:
            self._late[customer_id] = day
            self._cut += 1

    def better_start(self) -> str | None:
        """When the day had better begin, as shop.day_starts_at has it; None: it begins well where it does."""
        if self._cut < max(_FEWEST, _LEAST_SHARE * self._evenings):
            return None
        first, length = self._longest_quiet()
        if length < _SHORTEST_QUIET:
            return None
        start_us = (self._calendar.day_starts_us + (first + min(_MARGIN, length // 2)) * HOUR_US) % DAY_US
        return f"{start_us // HOUR_US:02}:{start_us % HOUR_US // (HOUR_US // 60):02}"

    def _longest_quiet(self) -> tuple[int, int]:
        """First hour and number of the longest run of quiet hours, around the clock."""
        most = _QUIET_SHARE * sum(self._sales)
        quiet = [sales <= most for sales in self._sales]
        best = (0, 0)
        for first in range(_HOURS):
            length = 0
            while length < _HOURS and quiet[(first + length) % _HOURS]:
                length += 1
            if length > best[1]:
                best = (first, length)
        return best
