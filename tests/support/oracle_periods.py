"""Period numbers by brute force, straight from the definitions: for every period, look at every event again.

Shares no code with the service. Days are `date`s, ratios are fractions turned into what a cell holds at the very end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

ONE_DAY = timedelta(days=1)
ROLLING = (7, 30, 90, 365)
Cell = str | int | bool | float | Decimal | date | None


@dataclass(frozen=True)
class Money:
    """An order or a refund."""

    customer: str
    day: date
    minor: int
    refund: bool = False


@dataclass(frozen=True)
class Answer:
    day: date
    survey: str
    score: int


@dataclass
class Day:
    """Everything that happened on one local day."""

    buyers: set[str] = field(default_factory=set)
    orders: int = 0
    minor: int = 0
    answers: list[Answer] = field(default_factory=list)


def rows(
    money: Sequence[Money],
    answers: Sequence[Answer],
    first: date,
    through: date,
    *,
    minor_digits: int = 2,
    max_lifespan_years: Fraction = Fraction(10),
) -> Iterator[dict[str, Cell]]:
    """One dictionary of cells per row of periods.csv."""
    days: dict[date, Day] = {}
    first_visit: dict[str, date] = {}
    for event in money:
        day = days.setdefault(event.day, Day())
        if event.refund:
            day.minor -= event.minor
            continue
        day.minor += event.minor
        day.orders += 1
        day.buyers.add(event.customer)
        first_visit[event.customer] = min(event.day, first_visit.get(event.customer, event.day))
    for answer in answers:
        days.setdefault(answer.day, Day()).answers.append(answer)
    for granularity, start, end, start_before, years in spans(first, through):
        inside = [day for date_, day in days.items() if start <= date_ < end]
        before: set[str] = set().union(*(day.buyers for date_, day in days.items() if start_before <= date_ < start))
        buyers: set[str] = set().union(*(day.buyers for day in inside))
        seen: set[str] = set()
        twice: set[str] = set()
        for day in inside:
            twice |= seen & day.buyers
            seen |= day.buyers
        stayed = buyers & before
        fresh = {customer for customer in buyers if start <= first_visit[customer] < end}
        orders = sum(day.orders for day in inside)
        revenue = Fraction(sum(day.minor for day in inside), 10**minor_digits)
        churn = share(len(before) - len(stayed), len(before))
        nps = [a.score for day in inside for a in day.answers if a.survey == "nps"]
        csat = [a.score for day in inside for a in day.answers if a.survey == "csat"]
        ces = [a.score for day in inside for a in day.answers if a.survey == "ces"]
        value = None
        if churn is not None and orders and buyers:
            lifespan = min(years / (churn / 100), max_lifespan_years) if churn else max_lifespan_years
            value = (revenue / orders) * (Fraction(orders, len(buyers)) / years) * lifespan
        yield {
            "granularity": granularity,
            "start": start,
            "end": end,
            "complete": end - ONE_DAY < through,
            "customers_at_start": len(before),
            "customers_at_end": len(buyers),
            "retained": len(stayed),
            "lost": len(before - buyers),
            "new": len(fresh),
            "returned": len(buyers - stayed - fresh),
            "retention_rate": number(share(len(buyers) - len(buyers - stayed), len(before))),
            "churn_rate": number(churn),
            "repeat_purchase_rate": number(share(len(twice), len(buyers))),
            "orders": orders,
            "revenue": decimal(revenue, minor_digits),
            "average_order_value": decimal(revenue / orders, 6) if orders else None,
            "purchase_frequency": orders / len(buyers) if buyers else None,
            "customer_lifetime_value": None if value is None else decimal(value, 6),
            "nps": number(share(sum(s >= 9 for s in nps) - sum(s <= 6 for s in nps), len(nps))),
            "nps_n": len(nps),
            "csat": number(share(sum(s in {4, 5} for s in csat), len(csat))),
            "csat_n": len(csat),
            "ces": sum(ces) / len(ces) if ces else None,
            "ces_n": len(ces),
        }


def spans(first: date, through: date) -> Iterator[tuple[str, date, date, date, Fraction]]:
    """Granularity, start, end (exclusive), start of the period before, length in years."""
    year_days = Fraction(36525, 100)
    week = first - first.weekday() * ONE_DAY
    while week <= through:
        yield "week", week, week + 7 * ONE_DAY, week - 7 * ONE_DAY, 7 / year_days
        week += 7 * ONE_DAY
    for name, months in (("month", 1), ("quarter", 3), ("year", 12)):
        index = (first.year * 12 + first.month - 1) // months
        while month_start(index * months) <= through:
            borders = (month_start((index + step) * months) for step in (0, 1, -1))
            yield (name, *borders, Fraction(months, 12))  # type: ignore[misc]
            index += 1
    for length in ROLLING:
        day = first
        while day <= through:
            start = day - (length - 1) * ONE_DAY
            yield f"rolling_{length}", start, day + ONE_DAY, start - length * ONE_DAY, length / year_days
            day += ONE_DAY


def month_start(months: int) -> date:
    return date(months // 12, months % 12 + 1, 1)


def share(part: int, whole: int) -> Fraction | None:
    return Fraction(100 * part, whole) if whole else None


def number(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def decimal(value: Fraction, places: int) -> Decimal:
    """Half-even, with exactly so many decimals."""
    return Decimal(round(value * 10**places)).scaleb(-places)
