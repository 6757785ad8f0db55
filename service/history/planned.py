"""A table of another layout → rows of ours, after its columns have been looked at as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from itertools import islice
from operator import itemgetter
from typing import Final

from service.errors import ConfigurationError
from service.history.dates import TimeColumn
from service.history.decimals import AmountColumn
from service.history.encodings import NAMES
from service.history.grids import Grid, open_grid
from service.history.layout import Layout, Wishes
from service.history.left_out import ReadReport
from service.history.sources import Kind, Source
from service.history.tables import Table
from service.profiles import Profile

PURCHASE_FIELDS: Final = (
    "customer_id", "timestamp", "time", "zone", "amount", "price", "quantity", "refunded", "refunded_at", "currency",
    "status", "kind", "test", "cancelled_at", "event_id", "order_id", "sku", "item", "category", "store_id", "channel",
)  # fmt: skip
COLUMNS: Final = (
    "customer_id", "timestamp", "amount", "event_id", "order_id", "sku", "item", "category", "store_id", "channel",
)  # fmt: skip
"""What comes out, in this order."""
_AMOUNTS: Final = ("amount", "price", "quantity", "refunded")
_ORDERS_KEPT: Final = 100_000
"""Orders whose first row is remembered: the rows of one stand close together in an export."""
_SHOWN: Final = 3
_TRUE: Final = frozenset({"true", "yes", "1", "y", "oui", "ja", "si", "sí"})


@dataclass
class Evidence:
    """What the columns of a table say together."""

    times: dict[str, TimeColumn]
    amounts: dict[str, AmountColumn]
    currencies: Counter[str] = field(default_factory=Counter)
    encoding: str = ""
    rows: int = 0
    repeated: int = 0
    """Further rows of an order that say the same amount as the one before them."""
    differing: int = 0
    """Those that say another."""
    shown: list[str] = field(default_factory=list)


class Planned:
    """A table that is read by a layout. `look` comes first."""

    def __init__(self, source: Source, layout: Layout, wishes: Wishes) -> None:
        self.source = source
        self.path = source.shown
        self.layout = layout
        self.wishes = wishes
        self.evidence: Evidence | None = None
        self._rate: dict[str, Decimal | None] = {}
        self._main = ""

    @property
    def profile(self) -> Profile | None:
        return self.layout.profile

    def look(self) -> None:
        """Reads all of it once. Raises ConfigurationError where two readings fit."""
        layout, at = self.layout, self.layout.at
        zone = self.profile.zone if self.profile is not None else ""
        name = layout.column("timestamp")
        if "utc" in name.lower() or "gmt" in name.lower():
            zone = "+00:00"
        found = Evidence(
            {one: TimeColumn(layout.column(one), zone) for one in ("timestamp", "refunded_at") if one in at},
            {one: AmountColumn(layout.column(one)) for one in _AMOUNTS if one in at},
        )
        looking = [(at[one], time.see) for one, time in found.times.items()]
        looking += [(at[one], amount_column.see) for one, amount_column in found.amounts.items()]
        currency, order, amount = at.get("currency"), at.get("order_id"), at.get("amount")
        compares = order is not None and amount is not None and layout.amount_is == "row" and layout.origin == "guess"
        before: tuple[str, str] = ("", "")
        with open_grid(self.source) as grid:
            found.encoding = grid.encoding
            for row in islice(grid.rows, layout.rows_before, None):
                width = len(row)
                for place, see in looking:
                    if place < width:
                        see(row[place])
                if currency is not None and currency < width and row[currency]:
                    found.currencies[row[currency].strip().upper()] += 1
                if compares and order is not None and amount is not None and max(order, amount) < width and row[order]:
                    now = row[order], row[amount]
                    if now[0] == before[0]:
                        same = now[1] == before[1]
                        found.repeated, found.differing = found.repeated + same, found.differing + (not same)
                    before = now
                if len(found.shown) < _SHOWN:
                    found.shown.append(self._as_shown(row))
                found.rows += 1
        for time in found.times.values():
            time.decide(self.wishes.dates)
        for column in found.amounts.values():
            column.decide(self.wishes.decimal)
            found.currencies += column.currencies if not found.currencies else Counter()
        if found.repeated > 4 and found.repeated > 9 * found.differing:
            raise ConfigurationError(
                f"{self.path}: rows of one {layout.column('order_id')} repeat the same {layout.column('amount')}: is it that of the "
                f"order, or of each row? Say it: --map order_total={_quoted(layout.column('amount'))} or "
                f"--map amount={_quoted(layout.column('amount'))} (with customer_id and timestamp)."
            )
        self.evidence = found
        self._settle_currency()

    def _as_shown(self, row: Sequence[str]) -> str:
        return ", ".join(
            f"{name}={row[place].strip()[:32]}" for name, place in self.layout.at.items() if place < len(row)
        )

    def _settle_currency(self) -> None:
        assert self.evidence is not None  # noqa: S101 - looked at
        found, ours = self.evidence.currencies, self.wishes.currency
        self._main = found.most_common(1)[0][0] if found else ours
        alone = len(found) <= 1
        for code in found:
            rate = self.wishes.rates.get(code)
            self._rate[code] = Decimal(1) if code == ours or (alone and rate is None) else rate
        if not alone and ours not in found and all(rate is None for rate in self._rate.values()):
            self._rate[self._main] = Decimal(1)

    @contextmanager
    def open(self, known: Sequence[str], report: ReadReport) -> Iterator[Table]:
        """Rows as ours; what is no purchase is counted in the report."""
        assert self.evidence is not None  # noqa: S101 - looked at
        with open_grid(self.source) as grid:
            rows = self._rows(grid, report)
            is_json = self.source.kind is Kind.JSON
            yield Table(
                self.path,
                known,
                rows,
                self.layout.header,
                grid.line,
                "not a JSON object" if is_json else "too few columns",
            )

    def _rows(self, grid: Grid, report: ReadReport) -> Iterator[Sequence[str]]:
        reader = _PurchaseRows(self, report, grid.line)
        yield from reader.rows(islice(grid.rows, self.layout.rows_before, None))

    def sentences(self) -> list[str]:
        """What was understood, for the person who gave the file."""
        if self.evidence is None:
            return []
        at, found = self.layout.at, self.evidence
        what = {"profile": f"read as {self.profile.name}" if self.profile else "", "guess": "read by a guess",
                "map": "read as you said", "ours": "read"}[self.layout.origin]  # fmt: skip
        columns = ", ".join(
            f"{name} = {self.layout.column(name)}"
            for name in ("customer_id", "timestamp", "amount", "price", "score")
            if name in at
        )
        columns = f"; {columns}" if self.layout.origin != "ours" else ""
        told = [f"{self.path.name}: {what}{columns}{self._conventions()}."]
        if self.layout.origin == "guess":
            told += [f"  {row}" for row in found.shown]
            told.append("  If a column is meant otherwise, say it: --map customer_id=…,timestamp=…,amount=…")
        return told

    def _conventions(self) -> str:
        assert self.evidence is not None  # noqa: S101 - looked at
        told = []
        if self.evidence.encoding in NAMES:
            told.append(f"in {NAMES[self.evidence.encoding]}")
        time = self.evidence.times.get("timestamp")
        if time is not None and time.order_said():
            told.append(time.order_said())
        if time is not None and time.zone:
            told.append("times in UTC" if time.zone == "+00:00" else f"times at {time.zone}")
        if any(column.mark == "," for column in self.evidence.amounts.values()):
            told.append("decimal comma")
        return f" ({', '.join(told)})" if told else ""

    @property
    def currency(self) -> str:
        """The only one that is found, where it is not the shop's and is not converted; "" = the shop's."""
        found = self.evidence.currencies if self.evidence is not None else Counter()
        code = next(iter(found), "") if len(found) == 1 else ""
        known = code in self.wishes.rates or code == self.wishes.currency
        return code if len(code) == 3 and code.isalpha() and not known else ""

    def currency_sentences(self) -> list[str]:
        """Which currency was found, where it is not the shop's alone."""
        if self.evidence is None:
            return []
        found, ours = self.evidence.currencies, self.wishes.currency
        if self.currency and ours:
            told = (
                f"{self.path.name} is in {self.currency}, and shop.currency is {ours}: amounts are taken as they are. "
            )
            return [f'{told}Set shop.currency = "{self.currency}".']
        if len(found) > 1:
            return [
                f"{self.path.name} has several currencies: "
                + ", ".join(f"{count:,} × {code}" for code, count in found.most_common(6))
                + "."
            ]
        return []


def _quoted(name: str) -> str:
    return name if name.replace("_", "").isalnum() else f'"{name}"'


def _folded(values: Sequence[str]) -> frozenset[str]:
    return frozenset(value.strip().casefold() for value in values)


class _PurchaseRows:
    """Makes our rows of another table's."""

    def __init__(self, plan: Planned, report: ReadReport, line: Callable[[], int]) -> None:
        assert plan.evidence is not None  # noqa: S101 - looked at
        self._plan, self._report, self._line = plan, report, line
        at, profile = plan.layout.at, plan.profile
        self._last = max(at.values(), default=0)
        self._pick = itemgetter(*(at.get(name, -1) for name in PURCHASE_FIELDS))
        self._time = plan.evidence.times["timestamp"].clean
        refunded_at = plan.evidence.times.get("refunded_at")
        self._time_of_refund = refunded_at.clean if refunded_at is not None else None
        self._amount = {name: column.clean for name, column in plan.evidence.amounts.items()}
        self._amount_is = plan.layout.amount_is
        self._has_clock, self._has_zone = "time" in at, "zone" in at
        self._reason_of = {
            value.strip().casefold(): reason
            for reason, values in (profile.left_out if profile else {}).items()
            for value in values
        }
        self._paid_back = _folded(profile.refunded if profile else ())
        self._refunds = _folded(profile.refunds if profile else ())
        self._only = _folded(profile.only if profile else ())
        self._tests = _folded(profile.tests if profile else ())
        self._guests = _folded(profile.guests if profile else ())
        self._carries = profile is not None and profile.carried_down
        self._cents = profile is not None and profile.cents
        self._orders: dict[str, None] = {}
        self._order_at = PURCHASE_FIELDS.index("order_id")
        self._minor = Decimal(1).scaleb(-plan.wishes.minor_digits)

    def rows(self, rows: Iterator[list[str]]) -> Iterator[Sequence[str]]:
        last, pick, before = self._last, self._pick, None
        for row in rows:
            if len(row) <= last:
                if sum(bool(cell) for cell in row) <= 1:
                    yield ()
                    continue
                row.extend([""] * (last + 1 - len(row)))
            row.append("")
            cells = pick(row)
            if self._carries:
                if before is not None and cells[self._order_at] and cells[self._order_at] == before[self._order_at]:
                    cells = self._carried(cells, before)
                before = cells
            yield from self._row(cells)

    def _carried(self, cells: Sequence[str], before: Sequence[str]) -> Sequence[str]:
        """A further row of an order: what stands in the first one only holds for it too, but not its money."""
        own = {"amount", "refunded", "refunded_at", "sku", "item", "category", "quantity", "price"}
        return tuple(
            cell if cell or name in own else above
            for name, cell, above in zip(PURCHASE_FIELDS, cells, before, strict=True)
        )

    def _row(self, cells: Sequence[str]) -> Iterator[Sequence[str]]:
        (customer, when, clock, zone, amount, price, quantity, refunded, refunded_at, currency, status, kind, test,
         cancelled_at, event_id, order_id, sku, item, category, store_id, channel) = cells  # fmt: skip
        reason = self._left_out(status, kind, test, cancelled_at)
        is_first = order_id not in self._orders if order_id and (reason or self._amount_is == "order") else True
        if order_id and (reason or self._amount_is == "order") and is_first:
            if len(self._orders) >= _ORDERS_KEPT:
                del self._orders[next(iter(self._orders))]
            self._orders[order_id] = None
        if reason:
            self._report.set_aside(reason, is_order=is_first)
            return
        if self._guests and customer.strip().casefold() in self._guests:
            customer = ""
        if self._has_clock:
            when = f"{when.strip()} {clock.strip()}"
        at = self._time(f"{when} {zone}" if self._has_zone and zone else when)
        worth = self._worth(amount, price, quantity, is_first=is_first)
        back = self._amount["refunded"](refunded) if "refunded" in self._amount and is_first else ""
        if kind.strip().casefold() in self._refunds and worth and worth[0] != "-":
            worth = f"-{worth}"
        if status.strip().casefold() in self._paid_back and not back.strip("-0."):
            back = worth
        rest = (event_id, order_id, sku, item, category, store_id, channel)
        paid_back_at = ""
        if back.strip("-0."):
            if self._time_of_refund is not None and refunded_at.strip():
                paid_back_at = self._time_of_refund(refunded_at)
            else:
                worth, back = _less(worth, back), ""
        rate = self._plan._rate.get(currency.strip().upper(), Decimal(1)) if currency else Decimal(1)  # noqa: SLF001
        if rate is None:
            self._report.skip(self._plan.path, self._line(), f"no rate for the currency {currency.strip().upper()[:8]}")
            return
        yield (customer, at, self._in_ours(worth, rate), *rest)
        if paid_back_at:
            given_back = back if back.startswith("-") else f"-{back}"
            event_of_refund = f"{event_id}-refund" if event_id else ""
            yield (
                customer,
                paid_back_at,
                self._in_ours(given_back, rate),
                event_of_refund,
                order_id,
                "",
                "",
                "",
                store_id,
                channel,
            )

    def _left_out(self, status: str, kind: str, test: str, cancelled_at: str) -> str:
        reason = self._reason_of.get(status.strip().casefold(), "") if self._reason_of else ""
        if reason:
            return reason
        if self._only and kind.strip().casefold() not in self._only and kind.strip().casefold() not in self._refunds:
            return "no purchase"
        if self._tests and test.strip().casefold() in self._tests:
            return "test"
        return "cancelled" if cancelled_at.strip() else ""

    def _worth(self, amount: str, price: str, quantity: str, *, is_first: bool) -> str:
        if self._amount_is == "order" and not is_first:
            return ""
        if self._amount_is != "price":
            return self._amount["amount"](amount)
        one = self._amount["price"](price)
        many = self._amount["quantity"](quantity) if "quantity" in self._amount else "1"
        if not one.strip():
            return ""
        try:
            return format(Decimal(one) * Decimal(many or "1"), "f")
        except InvalidOperation:
            return one if not many.strip() else f"{one} × {many}"

    def _in_ours(self, text: str, rate: Decimal) -> str:
        if (rate == 1 and not self._cents) or not text:
            return text
        try:
            value = Decimal(text)
        except InvalidOperation:
            return text
        if self._cents:
            value *= self._minor
        return format((value * rate).quantize(self._minor, ROUND_HALF_EVEN) if rate != 1 else value, "f")


def _less(worth: str, back: str) -> str:
    try:
        return format(Decimal(worth or "0") - abs(Decimal(back)), "f")
    except InvalidOperation:
        return worth
