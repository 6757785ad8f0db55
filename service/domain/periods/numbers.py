"""The numbers of a period: what each is called, what it is measured in, and how it is made from what was counted.

`NUMBERS` is the one list of them. From it follow the columns of periods.csv, the fields of a record of
`period-metrics`, the gauges and the API; the published schema (schemas/outputs.py) is written out, and a test holds it
against the list. A number that needs a new count has it in `DayPart` (what a partition stores of a day), in `Counts`
under the same name, and in the ledger, which books it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum, auto
from fractions import Fraction
from typing import Final, NamedTuple

import msgspec

from service.domain.money import minor_to_text
from service.domain.periods.surveys import ces_favourable, ces_mean, csat, nps, nps_margin

_MONEY_PLACES: Final = 6
"""Decimals of derived money (an average has no minor unit); far below a cent even when multiplied by a million
customers."""


class Unit(Enum):
    COUNT = auto()
    MONEY = auto()
    """Units of the currency."""
    PERCENT = auto()
    POINTS = auto()
    """Of the NPS, −100 to 100."""
    MEAN = auto()
    """So many per customer or answer."""


class Counts(NamedTuple):
    """What is counted in one period. The order is that of the vectors in `totals.py`.

    The first four are numbers of customers, which `totals.py` finds from gaps between visits; all others are sums over
    the days of the period, of the counter that has the same name in `DayPart`.
    """

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
    """One period, and then its numbers in the order of `NUMBERS`.

    Numbers are None where their denominator is 0. Rows of the same counts are equal, so `==` tells whether a record has
    to be revised.
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
    average_order_value: Decimal | None
    purchase_frequency: float | None
    customer_lifetime_value: Decimal | None
    nps: float | None
    nps_n: int
    csat: float | None
    csat_n: int
    ces: float | None
    ces_n: int

    repeat_customers: int
    nps_margin: float | None
    nps_promoters: int
    nps_passives: int
    nps_detractors: int
    csat_satisfied: int
    ces_sum: int
    ces_favourable: int
    ces_favourable_rate: float | None


class Counted(NamedTuple):
    """One period of one shop before its numbers are made: what a formula may use."""

    now: Counts
    before: Counts
    """Of the previous period of the same granularity."""
    length_years: Fraction
    minor_digits: int
    """Of the currency."""
    max_lifespan_years: Fraction

    @property
    def lost(self) -> int:
        return self.before.buyers - self.now.retained

    @property
    def nps_answers(self) -> tuple[int, int, int]:
        """Promoters, passives and detractors."""
        return self.now.nps_promoters, self.now.nps_passives, self.now.nps_detractors

    def average(self, minor: int, divisor: int) -> Decimal | None:
        """minor ÷ divisor in units of the currency, rounded half-even to 6 decimals. None where the divisor is 0."""
        if not divisor:
            return None
        divisor *= 10**self.minor_digits
        quotient, rest = divmod(minor * 10**_MONEY_PLACES, divisor)
        if 2 * rest > divisor or (2 * rest == divisor and quotient % 2):
            quotient += 1
        return _decimal(quotient, _MONEY_PLACES)

    def revenue(self) -> Decimal:
        """Net of refunds dated in the period, with all minor digits."""
        return _decimal(self.now.revenue_minor, self.minor_digits)

    def lifetime_value(self) -> Decimal | None:
        """Average order value × orders per customer and year × lifespan, lifespan = length ÷ churn, at most the cap.

        None without customers at the start (no churn rate) or without orders. Average × frequency is revenue ÷
        customers, and the length of the period cancels unless the lifespan is capped, so it is one division of
        integers.
        """
        at_start, now, length, cap = self.before.buyers, self.now, self.length_years, self.max_lifespan_years
        if not at_start or not now.orders or not now.buyers:
            return None
        # length · at_start / lost ≤ cap, in integers
        if length.numerator * at_start * cap.denominator <= cap.numerator * self.lost * length.denominator:
            return self.average(now.revenue_minor * at_start, now.buyers * self.lost)
        return self.average(
            now.revenue_minor * cap.numerator * length.denominator, now.buyers * cap.denominator * length.numerator
        )


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None


def _decimal(scaled: int, places: int) -> Decimal:
    """scaled · 10^−places, exact whatever the decimal context is."""
    return Decimal(minor_to_text(scaled, places))


@dataclass(frozen=True, slots=True)
class Number:
    """One number of a period."""

    name: str
    unit: Unit
    made: Callable[[Counted], int | float | Decimal | None]
    """None where the denominator is 0."""
    in_csv: bool = True
    """Whether it is a column of periods.csv. Every number is in the record, in the API and a gauge."""


NUMBERS: Final[tuple[Number, ...]] = (
    Number("customers_at_start", Unit.COUNT, lambda of: of.before.buyers),
    Number("customers_at_end", Unit.COUNT, lambda of: of.now.buyers),
    Number("retained", Unit.COUNT, lambda of: of.now.retained),
    Number("lost", Unit.COUNT, lambda of: of.lost),
    Number("new", Unit.COUNT, lambda of: of.now.new),
    Number("returned", Unit.COUNT, lambda of: of.now.buyers - of.now.retained - of.now.new),
    Number("retention_rate", Unit.PERCENT, lambda of: _percent(of.now.retained, of.before.buyers)),
    Number("churn_rate", Unit.PERCENT, lambda of: _percent(of.lost, of.before.buyers)),
    Number("repeat_purchase_rate", Unit.PERCENT, lambda of: _percent(of.now.repeaters, of.now.buyers)),
    Number("orders", Unit.COUNT, lambda of: of.now.orders),
    Number("revenue", Unit.MONEY, Counted.revenue),
    Number("average_order_value", Unit.MONEY, lambda of: of.average(of.now.revenue_minor, of.now.orders)),
    Number("purchase_frequency", Unit.MEAN, lambda of: of.now.orders / of.now.buyers if of.now.buyers else None),
    Number("customer_lifetime_value", Unit.MONEY, Counted.lifetime_value),
    Number("nps", Unit.POINTS, lambda of: nps(*of.nps_answers)),
    Number("nps_n", Unit.COUNT, lambda of: sum(of.nps_answers)),
    Number("csat", Unit.PERCENT, lambda of: csat(of.now.csat_satisfied, of.now.csat_n)),
    Number("csat_n", Unit.COUNT, lambda of: of.now.csat_n),
    Number("ces", Unit.MEAN, lambda of: ces_mean(of.now.ces_sum, of.now.ces_n)),
    Number("ces_n", Unit.COUNT, lambda of: of.now.ces_n),
    # What the rates above rest on: they cannot be averaged or compared without it.
    Number("repeat_customers", Unit.COUNT, lambda of: of.now.repeaters, in_csv=False),
    Number("nps_margin", Unit.POINTS, lambda of: nps_margin(*of.nps_answers), in_csv=False),
    Number("nps_promoters", Unit.COUNT, lambda of: of.now.nps_promoters, in_csv=False),
    Number("nps_passives", Unit.COUNT, lambda of: of.now.nps_passives, in_csv=False),
    Number("nps_detractors", Unit.COUNT, lambda of: of.now.nps_detractors, in_csv=False),
    Number("csat_satisfied", Unit.COUNT, lambda of: of.now.csat_satisfied, in_csv=False),
    Number("ces_sum", Unit.COUNT, lambda of: of.now.ces_sum, in_csv=False),
    Number("ces_favourable", Unit.COUNT, lambda of: of.now.ces_favourable, in_csv=False),
    Number(
        "ces_favourable_rate",
        Unit.PERCENT,
        lambda of: ces_favourable(of.now.ces_favourable, of.now.ces_n),
        in_csv=False,
    ),
)  # those of periods.csv first, in the order of its columns
UNITS: Final[dict[str, Unit]] = {number.name: number.unit for number in NUMBERS}
