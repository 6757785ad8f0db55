"""What was read from history files and what had to be left out, for the person who gave the files."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

EXAMPLES_KEPT = 10
"""Enough to see the pattern in a broken export, few enough to read."""
EXAMPLES_SHOWN = 3
"""At the terminal."""
REASONS_KEPT = 100
"""Kinds of rows that are no purchases; the rest are of other kinds."""
UNUSABLE_ID = "unusable id"
"""The reason of which the offending text is an id."""
LOSSES_TOLD = 0.02
"""Share of the rows left out for errors above which what is left may not be the shop."""


@dataclass(frozen=True)
class BadRow:
    """One row that was skipped: the file, its line and why.

    The first line of a file is 1, 0 = not known; in Parquet it is the number of the row.
    """

    file: Path
    line: int
    reason: str

    def __str__(self) -> str:
        place = f", line {self.line}" if self.line else ""
        return f"{self.file.name}{place}: {self.reason}"


@dataclass
class ReadReport:
    """Counts of one reading; the first `EXAMPLES_KEPT` bad rows are kept as examples."""

    rows: int = 0
    """Rows accepted so far (item lines, not orders)."""
    skipped: Counter[str] = field(default_factory=Counter)
    """Rows left out, by reason."""
    examples: list[BadRow] = field(default_factory=list)
    unsorted_files: list[Path] = field(default_factory=list)
    spread_orders: int = 0
    """Orders whose lines lie more than a day apart: perhaps a till that begins again at 1."""

    nobodys_rows: int = 0
    """Rows of nobody: bought, and not said by whom."""
    nobodys_orders: int = 0
    nobodys_minor: Decimal = Decimal(0)
    """Minor units of them, refunds taken off."""
    nobodys_days: dict[int, tuple[int, Decimal]] = field(default_factory=dict)
    """Day of the shop → orders and minor units of them."""
    named_by_phone: int = 0
    """Orders that name no customer, and a phone number."""
    aside: Counter[str] = field(default_factory=Counter)
    """Orders (rows, where none is named) that are no purchases, by reason: voided, failed, a test."""
    own_totals: list[int | Decimal] = field(default_factory=list)
    """Minor units in the rows in which the files add themselves up."""
    currency: str = ""
    """That of the files, where it is another one than the shop's and amounts were taken as they are."""
    gift_cards: int = 0
    """Rows of a table that nobody knows in which one was sold, by the name of the item."""
    clocks_differ: bool = False
    """Some times say their offset and some do not."""
    said: list[str] = field(default_factory=list)
    """How the files were understood."""
    _nobodys_order: str = ""

    def of_nobody(self, amount: int | Decimal, order_id: str, day: int) -> None:
        """Counts a row that names no customer, of that day of the shop; further rows of one order stand together."""
        begins = amount >= 0 and (not order_id or order_id != self._nobodys_order)
        self.nobodys_rows += 1
        self.nobodys_minor += amount
        self.nobodys_orders += begins
        orders, minor = self.nobodys_days.get(day, (0, Decimal(0)))
        self.nobodys_days[day] = (orders + begins, minor + amount)
        self._nobodys_order = order_id

    def set_aside(self, reason: str, *, is_order: bool = True) -> None:
        """Counts what the export itself says to be no purchase."""
        if reason not in self.aside and len(self.aside) >= REASONS_KEPT:
            reason = "of other kinds"
        self.aside[reason] += is_order

    def skip(self, file: Path, line: int, reason: str, shown: str = "") -> None:
        """Counts a bad row under `reason`; `shown` is the offending text, for the example only."""
        self.skipped[reason] += 1
        if len(self.examples) < EXAMPLES_KEPT:
            detail = f"{reason}: {shown[:60]!r}" if shown else reason
            self.examples.append(BadRow(file, line, detail))

    def include(self, other: ReadReport) -> None:
        """Adds another file's counts; its examples while there is room."""
        self.rows += other.rows
        self.skipped += other.skipped
        self.unsorted_files += other.unsorted_files
        self.spread_orders += other.spread_orders
        self.nobodys_rows += other.nobodys_rows
        self.nobodys_orders += other.nobodys_orders
        self.nobodys_minor += other.nobodys_minor
        for day, (orders, minor) in other.nobodys_days.items():
            known_orders, known_minor = self.nobodys_days.get(day, (0, Decimal(0)))
            self.nobodys_days[day] = (known_orders + orders, known_minor + minor)
        self.named_by_phone += other.named_by_phone
        self.gift_cards += other.gift_cards
        self.aside += other.aside
        self.own_totals += other.own_totals
        self.examples = [*self.examples, *other.examples][:EXAMPLES_KEPT]

    @property
    def loses_much(self) -> bool:
        """Whether more is left out for errors than may be passed over."""
        return self.total_skipped > LOSSES_TOLD * (self.rows + self.nobodys_rows + self.total_skipped)

    @property
    def total_skipped(self) -> int:
        return self.skipped.total()

    def sentences(self) -> list[str]:
        """What a person should be told after the reading; empty when all was well."""
        told = [f"{file.name} is not in order of time; it was sorted while reading." for file in self.unsorted_files]
        if self.spread_orders:
            told.append(
                f"{self.spread_orders:,} orders have lines more than a day apart. Rows of one customer with one order_id are one order: "
                "leave order_id out if the shop's numbers begin again."
            )
        if self.gift_cards:
            told.append(
                f"{self.gift_cards:,} rows are of gift cards by the name of their item: they are worth nothing, for what is bought with a card counts when "
                "it is used."
            )
        if self.aside.total():
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.aside.most_common(8) if count)
            told.append(f"Not counted, as the export itself says: {reasons}.")
        if self.skipped:
            reasons = ", ".join(f"{count:,} × {reason}" for reason, count in self.skipped.most_common())
            told.append(
                f"{self.total_skipped:,} of {self.rows + self.nobodys_rows + self.total_skipped:,} rows were skipped: {reasons}."
            )
            told.extend(f"  {example}" for example in self.examples[:EXAMPLES_SHOWN])
        return told
