"""What periods are called: one of them, a length, the one before, and what several of them span."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from service.domain.calendar import Granularity
from service.domain.periods.numbers import PeriodRow
from service.wording.formats import Formats

_ONE_DAY = timedelta(days=1)


def window_days(granularity: str) -> int | None:
    """Length of a rolling window; None for a calendar period."""
    _, rolling, days = granularity.partition("rolling_")
    return int(days) if rolling else None


def length_name(granularity: str, formats: Formats) -> str:
    """Month, Last 30 days."""
    days = window_days(granularity)
    if days is None:
        return formats.say(f"period.{granularity}")
    return formats.say("period.rolling", days=formats.count(days))


def short_length_name(granularity: str, formats: Formats) -> str:
    """Where it stands among others: Month, 30 days."""
    days = window_days(granularity)
    return length_name(granularity, formats) if days is None else formats.counted(days, "days")


def period_name(row: PeriodRow, formats: Formats, *, short: bool = False) -> str:
    """June 2026, Q2 2026, 2026; its days where it has no name."""
    match row.granularity:
        case Granularity.MONTH.value:
            return formats.label(row.start, "yMMM" if short else "yMMMM")
        case Granularity.QUARTER.value:
            return formats.label(row.start, "yQQQ")
        case Granularity.YEAR.value:
            return formats.label(row.start, "y")
        case _:
            return formats.span(row.start, row.end - _ONE_DAY)


def name_with_state(row: PeriodRow, formats: Formats) -> str:
    """Of a running calendar period with the warning that it is one; of the window of today just that."""
    if row.complete:
        return period_name(row, formats)
    if window_days(row.granularity):
        return formats.say("with_today")
    return formats.say("so_far", period=period_name(row, formats))


def from_to(first: PeriodRow, last: PeriodRow, formats: Formats) -> str:
    """What a trend spans; of windows and weeks the days on which the first and the last one end."""
    if first.granularity in (Granularity.MONTH.value, Granularity.QUARTER.value, Granularity.YEAR.value):
        return f"{period_name(first, formats, short=True)} – {period_name(last, formats, short=True)}"
    return formats.span(first.end - _ONE_DAY, last.end - _ONE_DAY)


def before(granularity: str, case: Literal["of", "on"], formats: Formats) -> str:
    """The period before: of the month before, on the month before."""
    days = window_days(granularity)
    if days is not None:
        return formats.say(f"before.{case}.rolling", days=formats.count(days))
    return formats.say(f"before.{case}.{granularity}")
