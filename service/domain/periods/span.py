"""The numbers of any run of local days, from the same parts of days as those of the eight kinds of periods.

They are as exact as those, as far as the parts reach: a part knows gaps between visits up to `FAR_GAP` days, and gaps
over two visits up to `LONG_SKIP`. So

    sums (orders, revenue, answers), new customers        exact for every run of days
    customers with two visits or more                     up to LONG_SKIP + 1 days
    who bought in it, at all                              up to FAR_GAP days
    who of those before came back, and who did not        while both runs together have at most FAR_GAP days

What cannot be had exactly is named, and not told.

The period before has as many days and ends where the run begins; of whole months it has as many whole months. A run
that is one of the calendar's own periods is that period.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Final

from service.domain.calendar import MEAN_YEAR_DAYS, Granularity, next_period, period_start, to_date, to_day
from service.domain.periods.ledger import FAR_GAP, LONG_SKIP
from service.domain.periods.numbers import Counts, PeriodRow
from service.domain.periods.rows import RowMaker
from service.domain.periods.totals import SUMMED, PeriodTotals, customers_of
from service.domain.policy import Shop

FREE: Final = "free"
"""What stands in a row in place of the granularity."""
LONGEST_WITH_REPEATERS: Final = LONG_SKIP + 1
LONGEST_WITH_BUYERS: Final = FAR_GAP
LONGEST_WITH_BEFORE: Final = FAR_GAP
"""Days of both periods together."""
LONGEST: Final = 36_525
"""A century, so that a mistyped year is no hour of work."""
_REPEATERS: Final = frozenset({"repeat_customers", "repeat_purchase_rate"})
_OF_BEFORE: Final = frozenset(
    {
        "customers_at_start",
        "retained",
        "lost",
        "returned",
        "retention_rate",
        "churn_rate",
        "customer_lifetime_value",
    }
)
_BUYERS: Final = frozenset({"customers_at_end", "purchase_frequency"})
NOT_ALWAYS_KNOWN: Final = _REPEATERS | _BUYERS | _OF_BEFORE
_MONTHS_A_YEAR: Final = 12


@dataclass(frozen=True, slots=True)
class Span:
    """A run of local days, the last one not in it, and where the one before it begins."""

    start: int
    end: int
    before: int
    years: Fraction
    """Its length."""

    @property
    def days(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class FreeRow:
    """Its numbers, and the names of those that the kept parts do not tell; in the row they mean nothing."""

    row: PeriodRow
    unknown: frozenset[str]
    before: date
    """First day of the period before."""


def span_of(first: date, last: date) -> Span:
    """From the first to the last day, both in it. Raises ValueError for days in the wrong order, and for more than a
    century."""
    start, end = to_day(first), to_day(last) + 1
    if end <= start:
        raise ValueError("the last day lies before the first")
    if end - start > LONGEST:
        raise ValueError("that is more than a century")
    months = _whole_months(start, end)
    if months:
        before = _months_before(first, months)
        return Span(start, end, to_day(before), Fraction(months, _MONTHS_A_YEAR))
    return Span(start, end, start - (end - start), (end - start) / MEAN_YEAR_DAYS)


def same_last_year(span: Span) -> Span:
    """As many days from the same date of the year before on; of whole months the same months. From 29 February the one
    before begins on the 28th."""
    first, last = to_date(span.start), to_date(span.end - 1)
    if _whole_months(span.start, span.end):
        following = to_date(span.end)
        return span_of(_a_year_before(first), to_date(to_day(following.replace(year=following.year - 1)) - 1))
    begin = _a_year_before(first)
    return span_of(begin, to_date(to_day(begin) + (last - first).days))


def granularity_of(span: Span) -> Granularity | None:
    """The kind of calendar period that it is exactly; None: it is none."""
    for granularity in Granularity:
        if period_start(granularity, span.start) == span.start and next_period(granularity, span.start) == span.end:
            return granularity
    return None


def free_row(totals: PeriodTotals, span: Span, through_day: int, shop: Shop) -> FreeRow:
    """`through_day`: the local day of stream time. Cost: the records of the days of both periods."""
    now = [0] * len(Counts._fields)
    for day, part in totals.parts(span.start, span.end):
        for index, count in enumerate((*customers_of(part, day, span.start, span.before), *SUMMED(part))):
            now[index] += count
    unknown = frozenset[str]()
    if span.days > LONGEST_WITH_REPEATERS:
        unknown |= _REPEATERS
    if span.days > LONGEST_WITH_BUYERS:
        unknown |= _BUYERS
    buyers_before = 0
    if span.end - span.before > LONGEST_WITH_BEFORE:
        unknown |= _OF_BEFORE
    else:
        for day, part in totals.parts(span.before, span.start):
            buyers_before += customers_of(part, day, span.before, span.before)[0]
    row = RowMaker(shop).row(
        FREE,
        span.start,
        span.end,
        through_day,
        now=Counts._make(now),
        before=Counts(buyers=buyers_before),
        length_years=span.years,
    )
    return FreeRow(row, unknown, to_date(span.before))


def _whole_months(start: int, end: int) -> int:
    """How many calendar months it is exactly; 0: it is none."""
    first, following = to_date(start), to_date(end)
    if first.day != 1 or following.day != 1:
        return 0
    return _MONTHS_A_YEAR * (following.year - first.year) + following.month - first.month


def _months_before(first: date, months: int) -> date:
    count = _MONTHS_A_YEAR * first.year + first.month - 1 - months
    return date(count // _MONTHS_A_YEAR, count % _MONTHS_A_YEAR + 1, 1)


def _a_year_before(day: date) -> date:
    leap_day = (day.month, day.day) == (2, 29)
    return day.replace(year=day.year - 1, day=28) if leap_day else day.replace(year=day.year - 1)
