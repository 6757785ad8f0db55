"""Which period the page and the API show: one of the eight kinds, or any run of days that was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import msgspec

from service.domain.calendar import to_date
from service.domain.periods.numbers import PeriodRow
from service.domain.periods.span import FreeRow, granularity_of, same_last_year, span_of
from service.web.shop_view import ShopFacts
from service.wording.shown_periods import ShownPeriods, choose_periods

_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown; `unknown` are the numbers of it that cannot be had, which its rows do not have."""

    periods: ShownPeriods
    unknown: frozenset[str] = frozenset()
    before_is_whole: bool = True
    """Whether purchases are known of all of the period before: else its numbers prove nothing."""


class NoSuchDaysError(ValueError):
    """Days of which no numbers can be had; `reason` is one of `wrong_order`, `to_come`, `too_early`, `impossible`."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def known_days(facts: ShopFacts) -> tuple[date, date] | None:
    """Local days of the first event and of stream time; None before the first.

    Between them every day has a row of its window.
    """
    windows = facts.periods("rolling_7")
    return (windows[0].end - _ONE_DAY, windows[-1].end - _ONE_DAY) if windows else None


def shown_period(facts: ShopFacts, granularity: str) -> Shown | None:
    """The last one of its kind that is over. None before the first event."""
    periods = choose_periods(facts.periods(granularity))
    if periods is None:
        return None
    days, before = known_days(facts), periods.before
    return Shown(periods, before_is_whole=days is None or before is None or before.start >= days[0])


def shown_days(facts: ShopFacts, first: date, last: date | None) -> Shown | None:
    """From the first to the last day, both in it; `last` None = today. None before the first event.

    Raises NoSuchDaysError.
    """
    days = known_days(facts)
    if days is None:
        return None
    begun, today = days
    last = today if last is None else last
    if first > today:
        raise NoSuchDaysError("to_come", f"{first} is still to come: the newest day is {today}.")
    if last < first:
        raise NoSuchDaysError("wrong_order", f"{last} lies before {first}.")
    if last < begun:
        raise NoSuchDaysError("too_early", f"Nothing is known of days before {begun}.")
    try:
        span = span_of(first, last)
        year_before = same_last_year(span)
    except (ValueError, OverflowError) as error:
        raise NoSuchDaysError("impossible", f"{error}.") from error
    granularity = granularity_of(span)
    if granularity is not None:
        rows = facts.periods(granularity.value)
        own = next((index for index, row in enumerate(rows) if row.start == first), None)
        if own is not None:
            return Shown(_only(choose_periods(rows[: own + 1]), rows[own]))
    shown = facts.free(span)
    if shown is None:
        return None
    before = facts.free(span_of(to_date(span.before), first - _ONE_DAY)) if to_date(span.before) >= begun else None
    last_year = facts.free(year_before) if to_date(year_before.start) >= begun else None
    rows = [_blanked(each) for each in (shown, before, last_year) if each is not None]
    return Shown(
        ShownPeriods(
            shown=rows[0],
            before=_blanked(before) if before else None,
            last_year=_blanked(last_year) if last_year else None,
            running=None,
            trend=[],
            listed=rows,
        ),
        shown.unknown,
    )


def _only(periods: ShownPeriods | None, row: PeriodRow) -> ShownPeriods:
    """That period shown large, also where it is not over."""
    if periods is None or periods.shown is row:
        return periods or ShownPeriods(row, None, None, None, [], [row])
    return ShownPeriods(row, None, None, None, periods.trend, periods.listed)


def _blanked(told: FreeRow) -> PeriodRow:
    """Without what is not known: None, also where a count stands in other rows."""
    return msgspec.structs.replace(told.row, **dict.fromkeys(told.unknown)) if told.unknown else told.row
