"""What `churn-alert backtest` has to write in periods.csv and customers.csv, recomputed from the definitions.

Written from the contract alone; shares no code with the service. Amounts are fractions, days are dates, a set of
customers is an int with one bit each, so that the buyers of a period are simply the union over its days.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tests.support.oracle_periods import ONE_DAY, share, spans

Cell = str | int | bool | float | Decimal | date | None
"""A float is the nearest one to the exact fraction."""
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?\s*([Zz]|UTC|[+-]\d\d(?::?\d\d)?)?"
)


@dataclass(frozen=True)
class Shop:
    zone: ZoneInfo
    minor_digits: int
    max_lifespan_years: Fraction = Fraction(10)
    starts: timedelta = timedelta()
    """What the clock shows when the day begins."""

    def day(self, at: datetime) -> date:
        return (at.astimezone(self.zone).replace(tzinfo=None) - self.starts).date()


class Row(NamedTuple):
    """A line of a purchase file; amount 0 where it is unknown."""

    at: datetime
    customer: str
    amount: Fraction
    event_id: str
    order_id: str


class Paid(NamedTuple):
    """An order, or money given back (minor < 0, or a refund that rounds to nothing)."""

    at: datetime
    customer: str
    minor: int
    refund: bool
    heard: datetime
    """When the last was said of it."""


class Answer(NamedTuple):
    at: datetime
    customer: str
    survey: str
    score: int


@dataclass
class Day:
    """One local day of the shop."""

    buyers: int = 0
    newcomers: int = 0
    """Bits of the customers whose first visit ever is on this day."""
    orders: int = 0
    minor: int = 0
    scores: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))


@dataclass
class Person:
    """The columns of customers.csv that need no model."""

    days: set[date] = field(default_factory=set)
    orders: int = 0
    minor: int = 0
    visits: list[datetime] = field(default_factory=list)
    latest: dict[str, Answer] = field(default_factory=dict)

    def cells(self, shop: Shop) -> dict[str, Cell]:
        last_day = max(self.days, default=None)
        of_last_visit = [at for at in self.visits if shop.day(at) == last_day]
        return {
            "visits": len(self.days),
            "orders": self.orders,
            "revenue": Decimal(self.minor).scaleb(-shop.minor_digits),
            "first_visit": min(self.visits).replace(microsecond=0).isoformat() if self.visits else None,
            "last_visit": min(of_last_visit).replace(microsecond=0).isoformat() if of_last_visit else None,
            **{f"latest_{name}": self.latest[name].score if name in self.latest else None for name in SURVEYS},
        }


SURVEYS = ("nps", "csat", "ces")


@dataclass
class Expected:
    periods: dict[tuple[str, str], dict[str, Cell]]
    """By granularity and start."""
    customers: dict[str, dict[str, Cell]]


def expected(purchases: Sequence[Path], surveys: Sequence[Path], shop: Shop) -> Expected:
    rows = [row for file in purchases for row in _rows(file, shop)]
    answers = [answer for file in surveys for answer in _answers(file, shop)]
    paid = list(_paid(_accepted(rows), shop))
    moments = [moment for money in paid for moment in (money.at, money.heard)] + [answer.at for answer in answers]
    first, last = (shop.day(moment) for moment in (min(moments), max(moments)))
    days = _days(paid, answers, shop)
    periods = {(str(r["granularity"]), str(r["start"])): r for r in _period_rows(days, first, last, shop)}
    return Expected(periods, {name: person.cells(shop) for name, person in _people(paid, answers, shop).items()})


# ---- the files


def _table(file: Path) -> Iterator[dict[str, str]]:
    content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    reader = csv.reader(StringIO(content.decode("utf-8-sig"), newline=""))
    header = [name.strip().lower() for name in next(reader)]
    for cells in reader:
        if cells:
            yield defaultdict(str, zip(header, (cell.strip() for cell in cells), strict=False))


def _rows(file: Path, shop: Shop) -> Iterator[Row]:
    for cells in _table(file):
        amount = Fraction(cells["amount"] or 0)
        yield Row(instant(cells["timestamp"], shop), cells["customer_id"], amount, cells["event_id"], cells["order_id"])


def _answers(file: Path, shop: Shop) -> Iterator[Answer]:
    seen: set[tuple[str, str]] = set()
    for cells in _table(file):
        key = cells["customer_id"], cells["event_id"]
        if not cells["event_id"] or key not in seen:
            seen.add(key)
            yield Answer(instant(cells["timestamp"], shop), cells["customer_id"], cells["survey"], int(cells["score"]))


@lru_cache(maxsize=200_000)
def instant(text: str, shop: Shop) -> datetime:
    """Without an offset it is the shop's own time; without a time, the begin of its day."""
    found = _TIME.fullmatch(text)
    assert found is not None, f"no time: {text!r}"
    year, month, day, hour, minute, second, fraction, offset = found.groups(default="")
    micro = int(fraction[:6].ljust(6, "0")) if fraction else 0
    naive = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), micro)  # noqa: DTZ001
    if not hour:
        naive += shop.starts
    if not offset:
        moment = naive.replace(tzinfo=shop.zone)
    elif offset in {"Z", "z", "UTC"}:
        moment = naive.replace(tzinfo=UTC)
    else:
        digits = offset[1:].replace(":", "").ljust(4, "0")
        east = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        moment = naive.replace(tzinfo=timezone(-east if offset[0] == "-" else east))
    return moment.astimezone(UTC)


# ---- rows → orders, refunds


def _accepted(rows: Iterable[Row]) -> Iterator[Row]:
    """In order of time; of an order's lines without those whose event_id this customer has used before."""
    seen: set[tuple[str, str]] = set()
    for row in sorted(rows, key=lambda row: row.at):
        key = row.customer, row.event_id
        if row.event_id and row.order_id and key in seen:
            continue
        seen.add(key)
        yield row


def _paid(rows: Iterable[Row], shop: Shop) -> Iterator[Paid]:
    """Rows of one customer with one order_id are one order, dated by the first that is bought.

    A negative line of the order's own day lessens it (below zero it is a refund); one of another day is a refund of
    that day. Rows without an order that have one event_id are one purchase, or one refund, on the day of the first and
    for the amount of the last.
    """
    groups: dict[object, list[Row]] = defaultdict(list)
    for number, row in enumerate(rows):
        key = (row.customer, row.order_id or None, row.event_id) if row.event_id else number
        groups[(row.customer, row.order_id) if row.order_id else key].append(row)
    for lines in groups.values():
        if not lines[0].order_id:
            refund = lines[0].amount < 0
            words = [line for line in lines if (line.amount < 0) == refund]
            yield Paid(lines[0].at, lines[0].customer, _minor(words[-1].amount, shop), refund, words[-1].at)
        else:
            yield from _within_order(list(_parts_of(lines, shop)))


def _parts_of(lines: list[Row], shop: Shop) -> Iterator[Paid]:
    """An order and what was given back of it on other days."""
    bought = [line for line in lines if line.amount >= 0]
    ordered_on = shop.day(bought[0].at) if bought else None
    by_day: dict[date, list[Row]] = defaultdict(list)
    for line in lines:
        by_day[ordered_on if ordered_on and line.amount >= 0 else shop.day(line.at)].append(line)
    for together in by_day.values():
        total = sum((line.amount for line in together), Fraction(0))
        dated_by = [line for line in together if line.amount >= 0] or together
        yield Paid(dated_by[0].at, together[0].customer, _minor(total, shop), total < 0, dated_by[0].at)


def _within_order(parts: list[Paid]) -> Iterator[Paid]:
    """Refunds take back what the order amounts to and no more, the earlier ones first."""
    left = next((part.minor for part in parts if not part.refund), None)
    for part in sorted(parts, key=lambda part: (part.refund, part.at)):
        if part.refund and left is not None:
            counted = min(-part.minor, left)
            left -= counted
            yield part._replace(minor=-counted)
        else:
            yield part


def _minor(amount: Fraction, shop: Shop) -> int:
    """Half-even."""
    minor: int = round(amount * 10**shop.minor_digits)
    return minor


# ---- orders → days, periods, people


def _days(paid: Iterable[Paid], answers: Iterable[Answer], shop: Shop) -> dict[date, Day]:
    days: dict[date, Day] = defaultdict(Day)
    bits: dict[str, int] = {}
    first_visit: dict[str, date] = {}
    for money in paid:
        date_ = shop.day(money.at)
        day = days[date_]
        day.minor += money.minor
        if not money.refund:
            day.orders += 1
            day.buyers |= bits.setdefault(money.customer, 1 << len(bits))
            first_visit[money.customer] = min(date_, first_visit.get(money.customer, date_))
    for customer, date_ in first_visit.items():
        days[date_].newcomers |= bits[customer]
    for answer in answers:
        days[shop.day(answer.at)].scores[answer.survey].append(answer.score)
    return days


def _within(days: dict[date, Day], start: date, end: date) -> list[Day]:
    if (end - start).days < len(days):
        every = (start + n * ONE_DAY for n in range((end - start).days))
        return [days[day] for day in every if day in days]
    return [content for day, content in days.items() if start <= day < end]


def _period_rows(days: dict[date, Day], first: date, last: date, shop: Shop) -> Iterator[dict[str, Cell]]:
    days = dict(days)
    for granularity, start, end, start_before, years in spans(first, last):
        inside = _within(days, start, end)
        before = buyers = twice = newcomers = 0
        for day in _within(days, start_before, start):
            before |= day.buyers
        for day in inside:
            twice |= buyers & day.buyers
            buyers |= day.buyers
            newcomers |= day.newcomers
        retained, new = buyers & before, buyers & newcomers
        s, e = before.bit_count(), buyers.bit_count()
        orders = sum(day.orders for day in inside)
        minor = sum(day.minor for day in inside)
        revenue = Fraction(minor, 10**shop.minor_digits)
        scores = {name: [score for day in inside for score in day.scores.get(name, ())] for name in SURVEYS}
        nps, csat, ces = (scores[name] for name in SURVEYS)
        churn = share(s - retained.bit_count(), s)
        value = None
        if churn is not None and orders:
            lifespan = min(years / (churn / 100), shop.max_lifespan_years) if churn else shop.max_lifespan_years
            value = (revenue / orders) * (Fraction(orders, e) / years) * lifespan
        yield {
            "granularity": granularity,
            "start": start,
            "end": end,
            "complete": end <= last,
            "customers_at_start": s,
            "customers_at_end": e,
            "retained": retained.bit_count(),
            "lost": s - retained.bit_count(),
            "new": new.bit_count(),
            "returned": (buyers & ~retained & ~new).bit_count(),
            "retention_rate": _float(share(e - (buyers & ~retained).bit_count(), s)),
            "churn_rate": _float(churn),
            "repeat_purchase_rate": _float(share(twice.bit_count(), e)),
            "orders": orders,
            "revenue": Decimal(minor).scaleb(-shop.minor_digits),
            "average_order_value": _float(revenue / orders) if orders else None,
            "purchase_frequency": _float(Fraction(orders, e)) if e else None,
            "customer_lifetime_value": _float(value),
            "nps": _float(share(sum(n >= 9 for n in nps) - sum(n <= 6 for n in nps), len(nps))),
            "nps_n": len(nps),
            "csat": _float(share(sum(n >= 4 for n in csat), len(csat))),
            "csat_n": len(csat),
            "ces": _float(Fraction(sum(ces), len(ces))) if ces else None,
            "ces_n": len(ces),
        }


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def _people(paid: Iterable[Paid], answers: Iterable[Answer], shop: Shop) -> dict[str, Person]:
    people: dict[str, Person] = defaultdict(Person)
    for money in paid:
        person = people[money.customer]
        person.minor += money.minor
        if not money.refund:
            person.orders += 1
            person.visits.append(money.at)
            person.days.add(shop.day(money.at))
    for answer in answers:
        latest = people[answer.customer].latest
        known = latest.get(answer.survey)
        if known is None or (answer.at, answer.score) > (known.at, known.score):
            latest[answer.survey] = answer
    return people


# ---- the comparison

_MONEY = {"average_order_value", "customer_lifetime_value"}
_RATE_PLACES = 6
"""Rates and means are rounded to so many."""
_MONEY_TOLERANCE = 1e-6
"""Derived money has six decimals; the contract asks for the cent."""


def differences(found_in: Path, wanted: Expected, shop: Shop) -> list[str]:
    """Every cell of periods.csv and of the plain columns of customers.csv that is not as it should be."""
    told: list[str] = []
    with (found_in / "periods.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    periods = {(row["granularity"], row["start"]): row for row in rows}
    if len(periods) != len(rows):
        told.append("periods.csv holds a period twice")
    told += _compare("periods.csv", periods, wanted.periods)
    with (found_in / "customers.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    customers = {row["customer_id"]: row for row in rows}
    if len(customers) != len(rows):
        told.append("customers.csv holds a customer twice")
    for row in customers.values():
        for name in ("first_visit", "last_visit"):
            local = row[name] and datetime.fromisoformat(row[name])
            if local and local.utcoffset() != local.astimezone(shop.zone).utcoffset():
                told.append(f"customers.csv: {row[name]} is not in the shop's zone")
            row[name] = local.astimezone(UTC).isoformat() if local else ""
    return told + _compare("customers.csv", customers, wanted.customers)


def _compare(file: str, found: dict, wanted: dict) -> list[str]:  # type: ignore[type-arg]
    told = [f"{file} lacks {key}" for key in wanted.keys() - found.keys()]
    told += [f"{file} has {key}, which should not be there" for key in found.keys() - wanted.keys()]
    for key in wanted.keys() & found.keys():
        told += [
            f"{file} {key} {column}: {found[key][column]!r} instead of {cell if cell is None else str(cell)!r}"
            for column, cell in wanted[key].items()
            if not _agrees(column, found[key][column], cell)
        ]
    return told


def _agrees(column: str, text: str, wanted: Cell) -> bool:
    if wanted is None or text == "":
        return wanted is None and text == ""
    match wanted:
        case bool():
            return text == ("true" if wanted else "false")
        case Decimal():
            return Decimal(text) == wanted
        case float() if column in _MONEY:
            return abs(float(text) - wanted) <= max(_MONEY_TOLERANCE, 1e-12 * abs(wanted))
        case float():
            return float(text) == round(wanted, _RATE_PLACES)
        case _:
            return text == str(wanted)
