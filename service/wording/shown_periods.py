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
from service.wording.formats import Formats
from service.wording.period_names import before, window_days

_TREND_PERIODS = 13
"""Of months: a year, and the same month of the year before."""
_TREND_DAYS = 91
"""Rolling windows have a number every day; a quarter of them tells a trend from a wave."""
_TABLE_WINDOWS = 6


@dataclass(frozen=True, slots=True)
class ShownPeriods:
    """Periods of one length."""

    shown: PeriodRow
    """The last complete one; before there is one, the running one."""
    before: PeriodRow | None
    """The complete one that `shown` is compared with: it ends where `shown` begins."""
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
        running=rows[-1] if rows[-1] is not shown else None,
        trend=complete[-_TREND_PERIODS if length is None else -_TREND_DAYS :],
        listed=[*([rows[-1]] if not rows[-1].complete else []), *side_by_side],
    )


def caution(row: PeriodRow, first_day: date, formats: Formats) -> str:
    """Where purchases are known only from within the period before; empty where all of that is known."""
    if not _before_is_partly_unknown(row, first_day):
        return ""
    of_before = before(row.granularity, "of", formats)
    return formats.say("partly_known", day=formats.day(first_day), of_before=of_before)


def _before_is_partly_unknown(row: PeriodRow, first_day: date) -> bool:
    """Whether the first known purchase lies within the period before, so that only some of its customers are known."""
    length = window_days(row.granularity)
    if length is not None:
        begin = row.start - timedelta(days=length)
    else:
        begin = to_date(previous_period(Granularity(row.granularity), to_day(row.start)))
    return begin < first_day < row.start
