"""One row of the numbers of a period: made from exact counts, and written as a line of periods.csv."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from service.domain.calendar import MEAN_YEAR_DAYS, Granularity, to_date
from service.domain.periods.numbers import NUMBERS, Counted, Counts, PeriodRow
from service.domain.policy import Shop

WINDOWS: Final = (7, 30, 90, 365)
"""Lengths of the rolling windows, in local days."""
LENGTH_YEARS: Final[dict[str, Fraction]] = {
    Granularity.WEEK.value: 7 / MEAN_YEAR_DAYS,
    Granularity.MONTH.value: Fraction(1, 12),
    Granularity.QUARTER.value: Fraction(1, 4),
    Granularity.YEAR.value: Fraction(1),
    **{f"rolling_{days}": days / MEAN_YEAR_DAYS for days in WINDOWS},
}
"""Granularity → length of a period in years."""
PERIOD_COLUMNS: Final = ("granularity", "start", "end", "complete")
"""Which period a row is of."""
CSV_COLUMNS: Final[tuple[str, ...]] = (*PERIOD_COLUMNS, *(number.name for number in NUMBERS if number.in_csv))

_PLACES: Final = 6
"""Of rates in percent and of means: a buyer more or less moves those of any shop by more."""

_CENTS: Final = 2


class RowMaker:
    """Turns counts into rows for one shop: its currency's minor digits, its cap on a customer's lifespan."""

    def __init__(self, shop: Shop) -> None:
        self._minor_digits = shop.minor_digits
        self._max_lifespan_years = Fraction(str(shop.max_lifespan_years))

    def row(
        self,
        granularity: str,
        start: int,
        end: int,
        through_day: int,
        *,
        now: Counts,
        before: Counts,
        length_years: Fraction | None = None,
    ) -> PeriodRow:
        """`start` inclusive, `end` exclusive day; `before` are the counts of the previous period of that granularity.
        `length_years`: None = that of the granularity.

        The period is complete when its last day lies before `through_day`, the local day of stream time.
        """
        years = LENGTH_YEARS[granularity] if length_years is None else length_years
        counted = Counted(now, before, years, self._minor_digits, self._max_lifespan_years)
        numbers: list[Any] = [number.made(counted) for number in NUMBERS]
        return PeriodRow(granularity, to_date(start), to_date(end), end <= through_day, *numbers)


def to_csv_row(row: PeriodRow) -> list[str]:
    """The cells of periods.csv in the order of CSV_COLUMNS."""
    return [to_csv_cell(getattr(row, column)) for column in CSV_COLUMNS]


def to_csv_cell(value: str | float | bool | Decimal | date | None) -> str:
    """One value of a period as people read it: rates and means with six decimals at most, and of a mean of money no
    noughts beyond the cents."""
    match value:
        case float():
            return repr(round(value, _PLACES))
        case Decimal():
            text = to_cell(value)
            whole, point, digits = text.partition(".")
            return f"{whole}.{digits[:_CENTS]}{digits[_CENTS:].rstrip('0')}" if point else text
        case _:
            return to_cell(value)


def to_cell(value: str | float | bool | Decimal | date | None) -> str:
    """One value as text: floats in full precision, true / false, empty for None."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value)
        case Decimal():
            return format(value, "f")
        case date():
            return value.isoformat()
        case _:
            return str(value)
