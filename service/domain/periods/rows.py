"""One row of period numbers: the formulas of SPEC section 3 over exact counts."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import msgspec

from service.domain.calendar import Granularity, to_date
from service.domain.money import decimal_text
from service.domain.periods.surveys import ces_favourable, ces_mean, csat, nps, nps_margin
from service.domain.policy import Shop

WINDOWS = (7, 30, 90, 365)
"""Lengths of the rolling windows, in local days."""
_MONEY_PLACES = 6
"""Decimals of derived money (an average has no minor unit); far below a cent even when multiplied by a million customers."""

LENGTH_YEARS: dict[str, Fraction] = {
    Granularity.WEEK.value: Fraction(7 * 4, 1461),
    Granularity.MONTH.value: Fraction(1, 12),
    Granularity.QUARTER.value: Fraction(1, 4),
    Granularity.YEAR.value: Fraction(1),
    **{f"rolling_{days}": Fraction(days * 4, 1461) for days in WINDOWS},
}
"""Granularity → length of a period in years; a year has 365.25 = 1461 / 4 days."""


class Counts(NamedTuple):
    """What is counted in one period. The order is that of the vectors in `periods.py`."""

    buyers: int = 0
    new: int = 0
    retained: int = 0
    repeaters: int = 0
    """Customers with two visits or more."""
    orders: int = 0
    revenue_minor: int = 0
    nps_promoters: int = 0
    nps_passives: int = 0
    nps_detractors: int = 0
    csat_n: int = 0
    csat_satisfied: int = 0
    ces_n: int = 0
    ces_sum: int = 0
    ces_favourable: int = 0


class PeriodRow(msgspec.Struct, frozen=True):
    """The numbers of one period. First the columns of periods.csv, in order; then the counts behind them.

    Rates in percent, None where the denominator is 0. Rows of the same counts are equal, so `==` tells whether a
    record has to be revised.
    """

    granularity: str
    """week, month, quarter, year, rolling_7, rolling_30, rolling_90 or rolling_365."""
    start: date
    """Inclusive, local."""
    end: date
    """Exclusive, local. The rolling window of day d ends with d."""
    complete: bool
    customers_at_start: int
    customers_at_end: int
    retained: int
    lost: int
    new: int
    returned: int
    retention_rate: float | None
    churn_rate: float | None
    repeat_purchase_rate: float | None
    orders: int
    revenue: Decimal
    """In units of the currency, net of refunds dated in the period, with all minor digits."""
    average_order_value: Decimal | None
    purchase_frequency: float | None
    """Orders per buyer."""
    customer_lifetime_value: Decimal | None
    nps: float | None
    nps_n: int
    csat: float | None
    csat_n: int
    ces: float | None
    ces_n: int

    repeat_customers: int
    nps_margin: float | None
    """Half the width of the 95 % interval, in points."""
    nps_promoters: int
    nps_passives: int
    nps_detractors: int
    csat_satisfied: int
    ces_sum: int
    ces_favourable: int
    ces_favourable_rate: float | None


CSV_COLUMNS: tuple[str, ...] = PeriodRow.__struct_fields__[: PeriodRow.__struct_fields__.index("ces_n") + 1]


class RowMaker:
    """Turns counts into rows for one shop: its currency's minor digits, its cap on a customer's lifespan."""

    def __init__(self, shop: Shop) -> None:
        self._minor_digits = shop.minor_digits
        self._max_lifespan = Fraction(str(shop.max_lifespan_years))

    def row(
        self, granularity: str, start: int, end: int, through_day: int, *, now: Counts, before: Counts
    ) -> PeriodRow:
        """`start` inclusive, `end` exclusive day; `before` are the counts of the previous period of that granularity.

        The period is complete when its last day lies before `through_day`, the local day of stream time.
        """
        at_start, at_end, orders = before.buyers, now.buyers, now.orders
        nps_answers = (now.nps_promoters, now.nps_passives, now.nps_detractors)
        return PeriodRow(
            granularity=granularity,
            start=to_date(start),
            end=to_date(end),
            complete=end <= through_day,
            customers_at_start=at_start,
            customers_at_end=at_end,
            retained=now.retained,
            lost=at_start - now.retained,
            new=now.new,
            returned=at_end - now.retained - now.new,
            retention_rate=100 * now.retained / at_start if at_start else None,
            churn_rate=100 * (at_start - now.retained) / at_start if at_start else None,
            repeat_purchase_rate=100 * now.repeaters / at_end if at_end else None,
            orders=orders,
            revenue=_decimal(now.revenue_minor, self._minor_digits),
            average_order_value=self._money(now.revenue_minor, orders) if orders else None,
            purchase_frequency=orders / at_end if at_end else None,
            customer_lifetime_value=self._lifetime_value(LENGTH_YEARS[granularity], now, at_start),
            nps=nps(*nps_answers),
            nps_n=sum(nps_answers),
            csat=csat(now.csat_satisfied, now.csat_n),
            csat_n=now.csat_n,
            ces=ces_mean(now.ces_sum, now.ces_n),
            ces_n=now.ces_n,
            repeat_customers=now.repeaters,
            nps_margin=nps_margin(*nps_answers),
            nps_promoters=now.nps_promoters,
            nps_passives=now.nps_passives,
            nps_detractors=now.nps_detractors,
            csat_satisfied=now.csat_satisfied,
            ces_sum=now.ces_sum,
            ces_favourable=now.ces_favourable,
            ces_favourable_rate=ces_favourable(now.ces_favourable, now.ces_n),
        )

    def _lifetime_value(self, length: Fraction, now: Counts, at_start: int) -> Decimal | None:
        """Average order value × orders per customer and year × lifespan, lifespan = length ÷ churn, at most the cap.

        None without customers at the start (no churn rate) or without orders. Average × frequency is revenue ÷ customers, and the
        length of the period cancels unless the lifespan is capped, so it is one division of integers.
        """
        if not at_start or not now.orders or not now.buyers:
            return None
        lost = at_start - now.retained
        cap = self._max_lifespan
        # length · S / L ≤ cap, in integers
        if length.numerator * at_start * cap.denominator <= cap.numerator * lost * length.denominator:
            return self._money(now.revenue_minor * at_start, now.buyers * lost)
        return self._money(
            now.revenue_minor * cap.numerator * length.denominator, now.buyers * cap.denominator * length.numerator
        )

    def _money(self, minor: int, divisor: int) -> Decimal:
        """minor ÷ divisor (> 0) in units of the currency, rounded half-even to 6 decimals."""
        divisor *= 10**self._minor_digits
        quotient, rest = divmod(minor * 10**_MONEY_PLACES, divisor)
        if 2 * rest > divisor or (2 * rest == divisor and quotient % 2):
            quotient += 1
        return _decimal(quotient, _MONEY_PLACES)


def _decimal(scaled: int, places: int) -> Decimal:
    """scaled · 10^−places, exact whatever the decimal context is."""
    return Decimal(decimal_text(scaled, places))


def to_csv_row(row: PeriodRow) -> list[str]:
    """The cells of periods.csv in the order of CSV_COLUMNS: floats in full precision, true / false, empty for None."""
    return [to_cell(getattr(row, column)) for column in CSV_COLUMNS]


def to_cell(value: str | float | bool | Decimal | date | None) -> str:
    """One value as periods.csv shows it."""
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
