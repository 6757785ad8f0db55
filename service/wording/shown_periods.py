"""Which periods of one length are shown.

Large stands the last complete period, because one that has just begun looks like a disaster: whoever has not come yet
counts as lost. The running one stands beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from service.domain.calendar import Granularity, previous_period, to_date, to_day
from service.domain.periods.numbers import PeriodRow
from service.domain.periods.span import FREE
from service.wording.formats import Formats
from service.wording.period_names import before, window_days

_TREND_PERIODS = 13
"""Of months: a year, and the same month of the year before."""
_TREND_DAYS = 91
"""Rolling windows have a number every day; a quarter of them tells a trend from a wave."""
_TABLE_WINDOWS = 6
_YEARLY = (Granularity.YEAR.value, "rolling_365")
"""Lengths whose period before is the year before."""
_WEEKS = 52
"""So that a week is compared with one of the same weekdays and, but for a day or two, the same dates."""


@dataclass(frozen=True, slots=True)
class ShownPeriods:
    """Periods of one length."""

    shown: PeriodRow
    """The last complete one; before there is one, the running one."""
    before: PeriodRow | None
    """The complete one that `shown` is compared with: it ends where `shown` begins."""
    last_year: PeriodRow | None
    """The same period a year before: of weeks the one 52 weeks before, of windows the one that ends on the same date.
    None where `before` is that already, and where it is not known."""
    running: PeriodRow | None
    """None where it is `shown` already."""
    trend: Sequence[PeriodRow]
    listed: Sequence[PeriodRow]
    """Of the table: periods that do not overlap, newest first; the running one, which may, on top."""


def choose_periods(rows: Sequence[PeriodRow]) -> ShownPeriods | None:
    """Of all rows of one length, oldest first. None before the first event."""
    if not rows:
        return None
    complete = [row for row in rows if row.complete]
    shown = complete[-1] if complete else rows[-1]
    length = window_days(shown.granularity)
    newest_first = complete[::-1]
    side_by_side = newest_first[:_TREND_PERIODS] if length is None else newest_first[::length][:_TABLE_WINDOWS]
    return ShownPeriods(
        shown=shown,
        before=next((row for row in reversed(complete) if row.end == shown.start), None),
        last_year=_last_year(shown, complete),
        running=rows[-1] if rows[-1] is not shown else None,
        trend=complete[-_TREND_PERIODS if length is None else -_TREND_DAYS :],
        listed=[*([rows[-1]] if not rows[-1].complete else []), *side_by_side],
    )


def _last_year(shown: PeriodRow, complete: Sequence[PeriodRow]) -> PeriodRow | None:
    if shown.granularity in _YEARLY:
        return None
    if shown.granularity == Granularity.WEEK.value:
        wanted = shown.end - timedelta(weeks=_WEEKS)
    else:
        leap_day = (shown.end.month, shown.end.day) == (2, 29)
        wanted = shown.end.replace(year=shown.end.year - 1, **({"day": 28} if leap_day else {}))
    return next((row for row in complete if row.end == wanted), None)


def caution(row: PeriodRow, first_day: date, formats: Formats) -> str:
    """Where purchases are known only from within the period before; empty where all of that is known."""
    if not _before_is_partly_unknown(row, first_day):
        return ""
    of_before = before(row.granularity, "of", formats)
    return formats.say("partly_known", day=formats.day(first_day), of_before=of_before)


def _before_is_partly_unknown(row: PeriodRow, first_day: date) -> bool:
    """Whether the first known purchase lies within the period before, so that only some of its customers are known."""
    length = (row.end - row.start).days if row.granularity == FREE else window_days(row.granularity)
    if length is not None:
        begin = row.start - timedelta(days=length)
    else:
        begin = to_date(previous_period(Granularity(row.granularity), to_day(row.start)))
    return begin < first_day < row.start
