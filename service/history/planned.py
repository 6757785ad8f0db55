"""A table of another layout → rows of ours, after its columns have been looked at as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from functools import partial
from itertools import islice
from operator import itemgetter
from typing import Final
from zoneinfo import ZoneInfo

from service.domain.calendar import Calendar
from service.errors import ConfigurationError
from service.history.cents import FIELDS as CENT_FIELDS
from service.history.cents import check_whole
from service.history.dates import TimeColumn
from service.history.dealings import Dealings
from service.history.decimals import AmountColumn, code_in, code_of
from service.history.evidence import Evidence
from service.history.grids import Grid, open_grid
from service.history.layout import Layout, Wishes
from service.history.left_out import ReadReport
from service.history.name_parts import is_of_an_order
from service.history.overlaps import Withdrawn
from service.history.planned_rows import PurchaseRows
from service.history.readings import TwoReadingsError
from service.history.signs import CALLED, meant_by
from service.history.sources import Kind, Source, ends_within_a_line
from service.history.states import ALWAYS, PAID_BACK
from service.history.tables import Table
from service.history.timestamps import TimestampReader
from service.history.totals import begins_as_total
from service.history.understood import currency_sentences_of, sentences_of
from service.history.zones import zone_named
from service.profiles import Profile

_AMOUNTS: Final = (
    "amount",
    "price",
    "quantity",
    "refunded",
    "corrected",
    "gift_cards",
    "disputed",
    "converted",
    "captured",
)
_EACH: Final = 100
"""Rows between those whose offset is looked at."""
_SHOWN: Final = 3
_STATES_KEPT: Final = 100
_ORDERS_SEEN: Final = 200_000
_BLOCK: Final = 5_000
"""Rows that are looked at together: what a column repeats is looked at once."""
_SOMETHING: Final = frozenset("123456789")
"""Digits of an amount that is something."""
_NEEDED: Final = 3
"""Columns that every table of purchases has: who, when, how much."""


class Planned:
    """A table that is read by a layout. `look` comes first."""

    option = "--map customer_id=…,timestamp=…,amount=…"
    """How the user says which column is what."""

    def __init__(self, source: Source, layout: Layout, wishes: Wishes) -> None:
        self.source = source
        self.path = source.shown
        self.layout = layout
        self.wishes = wishes
        self.evidence: Evidence | None = None
        self.rates: dict[str, Decimal | None] = {}
        self._main = ""
        self._is_alone = True
        self._renamed = ""
        """The currency of several that counts as it is, where none of them is the shop's."""
        self.tells_withdrawn = False
        """Whether orders that were cancelled are to be remembered while it is read."""
        self._withdrawn: list[tuple[str, str]] | None = None
        self._amounts_seen: dict[str, str] = {}
        """Number of an order → the amount of its first row, while the table is looked at."""
        self.decided_by: str = ""
        """The file that has said how dates or amounts are to be read, where this one does not."""

    @property
    def rows(self) -> int | None:
        """How many the table has; None before it was looked at."""
        return None if self.evidence is None else self.evidence.rows

    @property
    def profile(self) -> Profile | None:
        return self.layout.profile

    @property
    def tells_states(self) -> bool:
        """Whether it has a column that would say that an order was cancelled."""
        says = any(one.what not in {"quantity", "kind", ALWAYS} for one in self.layout.signals)
        return says or not self.layout.at.keys().isdisjoint({"status", "cancelled_at"})

    @property
    def is_of_refunds(self) -> bool:
        """Whether each of its rows pays back."""
        return any(one.what == ALWAYS for one in self.layout.signals)

    @property
    def tells_refunds(self) -> str:
        """The column that says of some of its orders that they were given back, "" = none does."""
        found = self.evidence
        if found is None or self.is_of_refunds:
            return ""
        if found.gives_back:
            return self.layout.column("refunded")
        if self.profile is not None and "status" in self.layout.at:
            name, back = self.layout.column("status"), {word.casefold() for word in self.profile.refunded}
            return name if any(text.strip().casefold() in back for text in found.states[name]) else ""
        signals = [(one, self.layout.header[one.place].strip()) for one in self.layout.signals if one.is_a_word]
        return next(
            (name for one, name in signals if any(one.says(text) == PAID_BACK for text in found.states[name])), ""
        )

    def look(self) -> None:
        """Reads all of it once. Raises ConfigurationError where two readings fit."""
        layout, at = self.layout, self.layout.at
        zone = self.profile.zone if self.profile is not None else ""
        name = layout.column("timestamp")
        if "utc" in name.lower() or "gmt" in name.lower():
            zone = "+00:00"
        found = Evidence(
            {
                one: TimeColumn(layout.column(one), zone, self.wishes.zone)
                for one in ("timestamp", "refunded_at", "disputed_at")
                if one in at
            },
            {one: AmountColumn(layout.column(one)) for one in _AMOUNTS if one in at},
        )
        spelled: Counter[str] = Counter()
        looking: list[tuple[int, Callable[[Counter[str]], None]]] = [
            (at[one], partial(_each, time.see)) for one, time in found.times.items()
        ]
        looking += [(at[one], partial(_each_counted, column.see)) for one, column in found.amounts.items()]
        if "zone" in at:
            looking.append((at["zone"], partial(_each, found.times["timestamp"].zones.see)))
        if "currency" in at:
            looking.append((at["currency"], spelled.update))
        if layout.in_cents:
            looking += [(at[one], partial(check_whole, layout.column(one))) for one in CENT_FIELDS if one in at]
        looking += [(one.place, self._states_at(one.place, found)) for one in layout.signals if one.is_a_word]
        if "refunded" in at:
            looking.append((at["refunded"], partial(_see_given_back, found)))
        if "status" in at and self.profile is not None:
            looking.append((at["status"], self._states_at(at["status"], found)))
        dealings, when, width = Dealings(layout, found), at["timestamp"], len(layout.header)
        before_it: list[list[str]] = []
        with open_grid(self.source) as grid:
            found.encoding = grid.encoding
            for one in found.times.values():
                one.since_1904 = grid.since_1904
            rows = islice(grid.rows, layout.rows_before, None)
            while block := list(islice(rows, _BLOCK)):
                for place, take in looking:
                    take(_cells_at(place, block))
                dealings.see(block)
                found.offsets.update(row[when][-6:].strip() for row in block[::_EACH] if when < len(row))
                self._compare(block, found)
                found.shown += [self._as_shown(row) for row in block[: _SHOWN - len(found.shown)]]
                found.rows += len(block)
                found.wide += sum(len(row) > width for row in block)
                before_it = [*before_it, *block][-2:]
        is_short = len(before_it) > 1 and len(before_it[1]) < width == len(before_it[0])
        if (
            is_short
            and len(before_it[1]) > 1
            and not any(map(begins_as_total, before_it[1]))
            and ends_within_a_line(self.source)
        ):
            found.cut_off = list(before_it[1])
        self._forget_headers(spelled, found)
        for code, count in spelled.items():
            if code.strip(" -\u2013\u2014"):
                found.currencies[code_of(code)] += count
        self._amounts_seen.clear()
        for time in found.times.values():
            time.decide(self.wishes.dates)
        self._decide_amounts(found)
        is_repeated = found.repeated > 4 and found.repeated > 9 * found.differing
        if is_repeated and is_of_an_order(layout.column("amount")):
            self.layout = replace(layout, amount_is="order")
        elif is_repeated:
            raise ConfigurationError(
                f"{self.path}: rows of one {layout.column('order_id')} repeat the same {layout.column('amount')}: is it that of the "
                f"order, or of each row? Say it: --map order_total={_quoted(layout.column('amount'))} or "
                f"--map amount={_quoted(layout.column('amount'))} (with customer_id and timestamp)."
            )
        self.evidence = found
        self.settle_currency(found.currencies)

    def _decide_amounts(self, found: Evidence) -> None:
        """Fixes the decimal mark of each column; one beside the amount that says nothing itself has its mark."""
        main = found.amounts.get("amount") or found.amounts.get("price")
        for column in found.amounts.values():
            try:
                column.decide(self.wishes.decimal, found.currencies)
            except TwoReadingsError:
                if column is main or main is None or not main.certain:
                    raise
                column.mark = main.mark
            found.currencies += column.currencies if not found.currencies else Counter()
        if main is not None and not found.currencies and not main.sign and (code := code_in(main.name)):
            found.currencies[code] = found.rows

    def decisions(self, what: str) -> set[str]:
        """How its own cells say that dates or decimals are to be read; empty where they do not, or the user has."""
        found = self.evidence
        if found is None or getattr(self.wishes, what):
            return set()
        if what == "dates":
            return {said for column in found.times.values() if (said := column.decision())}
        return {mark for column in found.amounts.values() for mark in column.certain}

    def _forget_headers(self, spelled: Counter[str], found: Evidence) -> None:
        """Takes back what rows that name the columns once more have said, where files were put together."""
        if "currency" in self.layout.at:
            del spelled[self.layout.header[self.layout.at["currency"]]]
        for name, counts in found.states.items():
            del counts[name]

    def _states_at(self, place: int, found: Evidence) -> Callable[[Counter[str]], None]:
        """What takes the cells of a column that says which rows count into account."""
        counts = found.states[self.layout.header[place].strip()] = Counter[str]()

        def take(cells: Counter[str]) -> None:
            for text, count in cells.items():
                if text.strip() in counts or len(counts) < _STATES_KEPT:
                    counts[text.strip()] += count

        return take

    def _compare(self, rows: Sequence[Sequence[str]], found: Evidence) -> None:
        """Whether rows of one order repeat its amount, where nobody has said what the amount is of."""
        order, amount = self.layout.at.get("order_id"), self.layout.at.get("amount")
        if order is None or amount is None or self.layout.amount_is != "row" or self.layout.origin != "guess":
            return
        seen = self._amounts_seen
        for row in rows:
            if max(order, amount) < len(row) and row[order]:
                number, worth = row[order], row[amount]
                first = seen.get(number)
                if first is not None:
                    found.repeated, found.differing = (
                        found.repeated + (first == worth),
                        found.differing + (first != worth),
                    )
                elif len(seen) < _ORDERS_SEEN:
                    seen[number] = worth

    def _as_shown(self, row: Sequence[str]) -> str:
        return ", ".join(
            f"{name}={row[place].strip()[:32]}" for name, place in self.layout.at.items() if place < len(row)
        )

    def settle_currency(self, every: Counter[str]) -> None:
        """Which currencies count as they are; `every` are those of all tables that are read together."""
        assert self.evidence is not None  # noqa: S101 - looked at
        ours = self.wishes.currency
        self._main = every.most_common(1)[0][0] if every else ours
        alone = self._is_alone = len(every) <= 1
        for code in dict.fromkeys((*every, *self.evidence.converted)):
            rate = self.wishes.rates.get(code)
            is_ours = code == ours or ours in CALLED.get(code, ())
            self.rates[code] = Decimal(1) if is_ours or (alone and rate is None) else rate
        if not alone and all(rate is None for rate in self.rates.values()):
            told = [*self.evidence.converted]
            self._main = told[0] if len(told) == 1 else self._main
            self.rates[self._main] = Decimal(1)
            self._renamed = self._main

    @contextmanager
    def open(self, known: Sequence[str], report: ReadReport) -> Iterator[Table]:
        """Rows as ours; what is no purchase is counted in the report."""
        assert self.evidence is not None  # noqa: S101 - looked at
        with open_grid(self.source) as grid:
            rows = self._rows(grid, report)
            is_json = self.source.kind is Kind.JSON
            more = "survey" in known or any(name in self.layout.at for name in known[_NEEDED:])
            yield Table(
                self.path,
                known if more else known[:_NEEDED],
                rows,
                self.layout.header,
                grid.line,
                "not a JSON object" if is_json else "too few columns",
            )

    def _rows(self, grid: Grid, report: ReadReport) -> Iterator[Sequence[str]]:
        yield from self._reader(grid, report).rows(islice(grid.rows, self.layout.rows_before, None))

    def _reader(self, grid: Grid, report: ReadReport) -> PurchaseRows:
        assert self.evidence is not None  # noqa: S101 - looked at
        reader = PurchaseRows(self.layout, self.evidence, self.rates, self.wishes.minor_digits, report)
        reader.at(self.path, grid.line)
        reader.counts_phones = "contact" in self.wishes.columns
        if self.tells_withdrawn:
            self._withdrawn = reader.withdrawn = []
        return reader

    def withdrawn(self, calendar: Calendar) -> set[Withdrawn]:
        """Orders that the table says to have been cancelled for good, as far as it has been read; in memory, all."""
        read = TimestampReader(calendar).read
        return {(at_us, number) for when, number in self._withdrawn or () if (at_us := read(when)) is not None}

    def sentences(self) -> list[str]:
        """What was understood, for the person who gave the file."""
        return sentences_of(self)

    def asked(self) -> list[tuple[str, str]]:
        """Surveys and the columns of their scores, where each has one."""
        return []

    @property
    def currency(self) -> str:
        """What the amounts are in, where it is not the shop's and they are taken as they are; "" = the shop's."""
        if self._renamed or self.evidence is None:
            return self._renamed
        found, ours = self.evidence.currencies, self.wishes.currency
        code = next(iter(found), "") if len(found) == 1 and self._is_alone else ""
        if not found and (sign := self.sign()) and ours not in CALLED.get(sign, (ours,)):
            code = meant_by(sign, self._zones())
        known = code in self.wishes.rates or code == ours
        return code if len(code) == 3 and code.isalpha() and not known else ""

    def _zones(self) -> list[str]:
        """Names of the zones that its times and the shop are in."""
        times = [] if self.evidence is None else self.evidence.times.values()
        named = [zone_named(name, self.wishes.zone) for time in times for name in time.zones.names]
        return [zone.key for zone in (*named, self.wishes.zone) if isinstance(zone, ZoneInfo)]

    def sign(self) -> str:
        """That of several currencies which all amounts have, "" = none."""
        columns = [] if self.evidence is None else self.evidence.amounts.values()
        return next((column.sign for column in columns if column.sign), "")

    def currency_sentences(self) -> list[str]:
        """Which currency was found, where it is not the shop's alone."""
        return currency_sentences_of(self)


def _cells_at(place: int, rows: Sequence[Sequence[str]]) -> Counter[str]:
    """What stands in a column, and how often, in the order in which it comes first."""
    try:
        return Counter(map(itemgetter(place), rows))
    except IndexError:
        return Counter(row[place] for row in rows if place < len(row))


def _see_given_back(found: Evidence, cells: Counter[str]) -> None:
    found.gives_back = found.gives_back or any(not _SOMETHING.isdisjoint(text) for text in cells)


def _each(see: Callable[[str], None], cells: Counter[str]) -> None:
    for text in cells:
        see(text)


def _each_counted(see: Callable[[str, int], None], cells: Counter[str]) -> None:
    for text, count in cells.items():
        see(text, count)


def _quoted(name: str) -> str:
    return name if name.replace("_", "").isalnum() else f'"{name}"'
