"""At most so many messages of a kind on a day and in a week: how many went out, by kind, and when the next may.

A shop's limit that is split over its partitions may be less than one: then one goes out every so many days or weeks.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor
from typing import Any, Final

from service.domain.calendar import DAY_US, Calendar
from service.domain.stumbling import hold

_COUNTED: Final = 5
"""Fields of a kind as they are stored."""
_WEEK: Final = 7
_MONDAY: Final = 3
"""Days from a Monday to the day with the number 0."""


def week_number(day: int) -> int:
    """Number of the ISO week of a local day."""
    return (day + _MONDAY) // _WEEK


class Pace:
    """Of one partition. Bounded: four numbers a kind."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self._counted: dict[str, list[int]] = {}
        """Kind → newest day on which one went out, how many on it; the same of its week."""
        self.changed = False
        """Since it was last stored."""

    def free_us(self, kind: str, per_day: float | None, per_week: float | None, at_us: int) -> int:
        """When one more may go out that comes due at `at_us`: then, or so many days later at the same hour."""
        counted = self._counted.get(kind)
        if counted is None:
            return at_us
        today = self._calendar.day_of(at_us)
        day = today
        if per_day is not None:
            day = max(day, _free(counted[0], counted[1], per_day, today))
        if per_week is not None:
            this_week = week_number(today)
            week = _free(counted[2], counted[3], per_week, this_week)
            if week > this_week:
                day = max(day, week * _WEEK - _MONDAY)
        return at_us + (day - today) * DAY_US

    def sent(self, kind: str, at_us: int) -> None:
        """One goes out."""
        day = self._calendar.day_of(at_us)
        week = week_number(day)
        counted = self._counted.setdefault(kind, [day, 0, week, 0])
        if counted[0] != day:
            counted[0], counted[1] = day, 0
        if counted[2] != week:
            counted[2], counted[3] = week, 0
        counted[1] += 1
        counted[3] += 1
        self.changed = True

    def fields(self) -> list[tuple[object, ...]]:
        """As it is stored."""
        return [(kind, *counted) for kind, counted in sorted(self._counted.items())]

    def restore(self, fields: Sequence[Sequence[Any]]) -> None:
        """Back from `fields`. Raises LaterReleaseError where there is more."""
        for each in fields:
            hold(each, _COUNTED, "a kind's pace")
        self._counted = {each[0]: [int(number) for number in each[1:]] for each in fields}


def _free(last: int, count: int, limit: float, present: int) -> int:
    """The day, or week, in which the next may go out, so many having gone out in `last`, the newest in which any
    did."""
    if limit < 1.0:
        return max(present, last + ceil(1.0 / limit))
    return last + 1 if last >= present and count >= floor(limit) else present
