"""The user's files → tables that can be read as ours, each looked at as a whole where it is of another layout."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final

from service.domain.calendar import Calendar
from service.errors import ConfigurationError
from service.history.amounts import AmountReader
from service.history.answers import PlannedAnswers
from service.history.grids import Grid, hidden_sheets_of, open_grid, sheets_of
from service.history.layout import HEADER_WITHIN, Layout, Wishes, layout_of
from service.history.left_out import LOSSES_TOLD, ReadReport
from service.history.overlaps import Withdrawn
from service.history.planned import Planned
from service.history.readings import TwoReadingsError
from service.history.refund_tables import as_columns_of_sales, is_of_refunds, paying_back, with_customers
from service.history.sources import Kind, Source, TakenOver, sources_of
from service.history.tables import Table, open_table
from service.history.timestamps import TimestampReader
from service.profiles import plain_name, recognised

_SAMPLE: Final = 1_000
"""Rows of our own layout that have to be plain for the quick way."""
_HIDDEN_TOLD: Final = 3
_CUT_HERE: Final = ",;\t"
_READ_HERE: Final = frozenset({"utf-8", "utf-8-sig"})


@dataclass
class Direct:
    """A table of our own layout, written as we write it: read as it is."""

    source: Source
    layout: Layout | None = None

    @property
    def path(self) -> Path:
        return self.source.shown

    def open(self, known: Sequence[str], report: ReadReport) -> AbstractContextManager[Table]:  # noqa: ARG002
        """Nothing is left aside of such a table."""
        return open_table(self.source, known)

    currency = ""
    """The shop's."""
    rows: int | None = None
    """They have not been counted."""
    tells_withdrawn: bool = False
    """It has nothing to tell of them."""
    tells_states: bool = False
    """Nor would it."""

    def sentences(self) -> list[str]:
        """Nothing to be said: it is what was expected."""
        return []

    def currency_sentences(self) -> list[str]:
        """It names none."""
        return []

    def withdrawn(self, calendar: Calendar) -> set[Withdrawn]:  # noqa: ARG002
        """It says of no order that it was cancelled."""
        return set()


Prepared = Direct | Planned


def prepared(
    paths: Sequence[Path], wishes: Wishes, calendar: Calendar, *, surveys: bool
) -> tuple[list[Prepared], list[str]]:
    """The tables of the files and what is to be said about those that are left aside.

    Raises ConfigurationError with what a file needs when there is none in it to be read.
    """
    files = [[sheet for source in sources_of(path) for sheet in _sheets(source)] for path in paths]
    several = sum(map(len, files)) > 1
    used = put_together(files) if several and not surveys else set()
    refunds = _of_refunds(files) if several and not surveys else set()
    tables: list[Prepared] = []
    said: list[str] = []
    for path, sources in zip(paths, files, strict=True):
        found: list[Prepared] = []
        refused: list[tuple[Source, ConfigurationError]] = []
        for source in sources:
            if source in used:
                continue
            try:
                table = _prepared(source, wishes, calendar, surveys=surveys, pays_back=source in refunds)
                if isinstance(table, PlannedAnswers):
                    table.look()  # a table of no question is none of answers
                found.append(table)
            except ConfigurationError as error:
                refused.append((source, error))
        hidden = _hidden_in(path)
        if refused and not found and not used.intersection(sources):
            if hidden:
                raise ConfigurationError(
                    f"{refused[0][1]} Its hidden sheets ({', '.join(hidden)}) were not read: one that is meant has to be shown."
                )
            raise refused[0][1]
        tables += found
        said += [f"{path.name}: left aside {source.shown.name}, which is no such table." for source, _ in refused]
        said += [f"{path.name}: left aside the hidden sheet {name}." for name in hidden]
    looked_at = [table for table in tables if isinstance(table, Planned)]
    if not surveys:
        _look_at(looked_at, several=several)
        _check_refunds(looked_at)
        said += _currencies_of_all(looked_at)
    return tables, said


def _hidden_in(path: Path) -> list[str]:
    """The first of the sheets that are not read because nobody sees them."""
    books = [source for source in sources_of(path) if source.kind is Kind.WORKBOOK]
    return [name for source in books for name in hidden_sheets_of(source)][:_HIDDEN_TOLD]


def _look_at(tables: Sequence[Planned], *, several: bool) -> None:
    """Looks at the tables as a whole. One that can be read in two ways is read as others with its columns say.

    Raises ConfigurationError where none says it, naming the file where there are several.
    """
    doubtful: list[tuple[Planned, TwoReadingsError]] = []
    for table in tables:
        try:
            table.look()
        except TwoReadingsError as error:
            doubtful.append((table, error))
        except ConfigurationError as error:
            raise _named(table, error, several=several) from error
    while doubtful:
        table, refusal = doubtful.pop()
        alike = [one for one in tables if one.evidence is not None and _are_alike(one, table)]
        ways = {way: one for one in alike for way in one.decisions(refusal.what)}
        if len(ways) != 1 or getattr(table.wishes, refusal.what):
            raise _named(table, refusal, several=several) from refusal
        ((way, one),) = ways.items()
        table.wishes = table.wishes.with_reading(refusal.what, way)
        table.decided_by = one.path.name
        try:
            table.look()
        except TwoReadingsError as error:
            doubtful.append((table, error))


def _check_refunds(tables: Sequence[Planned]) -> None:
    """Raises ConfigurationError where a table of refunds stands beside one of orders that says what was given back."""
    refunds = next((table for table in tables if table.is_of_refunds), None)
    told = next(((table, column) for table in tables if (column := table.tells_refunds)), None)
    if refunds is not None and told is not None:
        raise ConfigurationError(
            f"{refunds.path} is of refunds, and {told[0].path} says itself what was given back ({told[1]}): it would be taken off twice. Leave {refunds.path.name} out."
        )


def _are_alike(one: Planned, other: Planned) -> bool:
    return [*map(plain_name, one.layout.header)] == [*map(plain_name, other.layout.header)]


def _named(table: Planned, error: ConfigurationError, *, several: bool) -> ConfigurationError:
    """The error with the file that it is of."""
    text = str(error)
    return ConfigurationError(f"{table.path}: {text}") if several and str(table.path) not in text else error


def _currencies_of_all(tables: Sequence[Planned]) -> list[str]:
    """Settles the currencies of tables that are read together: what is of different ones is not added up."""
    every = sum((table.evidence.currencies for table in tables if table.evidence is not None), Counter[str]())
    if len(every) <= 1 or all(table.evidence is None or len(table.evidence.currencies) != 1 for table in tables):
        return []
    for table in tables:
        table.settle_currency(every)
    for table in tables:
        codes = [] if table.evidence is None else [*table.evidence.currencies]
        if len(codes) == 1 and table.rates.get(codes[0]) is None:
            others = ", ".join(code for code in every if code != codes[0])
            raise ConfigurationError(
                f"{table.path} is in {codes[0]}, and other files are in {others}: amounts of several currencies are not added up. Say what "
                f"one {codes[0]} is worth with shop.rates in the settings, or leave the file out."
            )
    return [
        "The files are in several currencies: " + ", ".join(f"{n:,} × {code}" for code, n in every.most_common(6)) + "."
    ]


def put_together(files: Sequence[list[Source]]) -> set[Source]:
    """Gives tables the columns of those that belong to them, in place, and returns what has become part of others."""
    headers = {source: _header(source) for sources in files for source in sources if source.path.is_file()}
    used: set[Source] = set()
    for sources in files:
        for place, source in enumerate(sources):
            profile = recognised(headers.get(source, []), surveys=False)
            if profile is None or not profile.joined:
                continue
            parts = [
                TakenOver(other, one.by, tuple(one.takes), tuple(one.sums))
                for one in profile.joined
                for other in [_table_with(one.recognised_by, headers, source)]
                if other is not None
            ]
            used.update(part.source for part in parts)
            sources[place] = replace(source, joined=tuple(parts))
    return used


def _table_with(columns: Sequence[str], headers: Mapping[Source, Sequence[str]], beside: Source) -> Source | None:
    wanted = {plain_name(name) for name in columns}
    return next(
        (one for one, header in headers.items() if one != beside and wanted <= {plain_name(name) for name in header}),
        None,
    )


def _header(source: Source) -> Sequence[str]:
    """The first row; none of what cannot be read, which is said in its place."""
    try:
        with open_grid(source) as grid:
            return next(grid.rows, [])
    except ConfigurationError:
        return []


def _sheets(source: Source) -> Iterator[Source]:
    if source.kind is not Kind.WORKBOOK:
        yield source
        return
    names = sheets_of(source)
    if not names:
        raise ConfigurationError(f"{source.shown} is a workbook without a filled sheet.")
    yield from (replace(source, sheet=name) for name in names)


def _of_refunds(files: Sequence[list[Source]]) -> set[Source]:
    """Those of the tables that are of refunds by their names; gives them the customers of their orders, in place."""
    every = [source for sources in files for source in sources]
    named = {source for source in every if is_of_refunds(source.shown.name)}
    if not named or len(named) == len(every):
        return set()
    headers = {source: _header(source) for source in every if source.path.is_file()}
    for sources in files:
        for place, source in enumerate(sources):
            if source in named:
                sources[place] = with_customers(
                    source, {one: headers[one] for one in headers if one not in named or one == source}
                )
    return {source for sources in files for source in sources if is_of_refunds(source.shown.name)}


def _prepared(
    source: Source, wishes: Wishes, calendar: Calendar, *, surveys: bool, pays_back: bool = False
) -> Prepared:
    if not source.path.is_file():
        return Direct(source)
    if "+" in (whole := wishes.of(surveys).get("customer_id", "")):
        source = replace(source, whole_name=whole)
    with open_grid(source) as grid:
        head = list(islice(grid.rows, HEADER_WITHIN + _SAMPLE))
        layout = (
            layout_of(head, source.shown, wishes, surveys=surveys)
            if not pays_back
            else _of_paying_back(head, source, wishes)
        )
        if (
            layout.origin == "ours"
            and not layout.signals
            and not {"currency", "zone", "refunded"} & layout.at.keys()
            and wishes.is_empty(surveys)
            and _is_plain(source, grid, head, layout, calendar, wishes)
        ):
            return Direct(source, layout)
    return planned(source, layout, wishes, surveys=surveys)


def _of_paying_back(head: Sequence[Sequence[str]], source: Source, wishes: Wishes) -> Layout:
    """The layout of a table of refunds, whose columns are called as they are there."""
    first = next((place for place, row in enumerate(head) if sum(map(bool, row)) > 1), 0)
    named = [
        as_columns_of_sales(row) if place == first and not wishes.columns else row for place, row in enumerate(head)
    ]
    layout = layout_of(named, source.shown, wishes, surveys=False)
    return paying_back(replace(layout, header=head[layout.header_at]) if layout.titles == 1 else layout)


def planned(source: Source, layout: Layout, wishes: Wishes, *, surveys: bool) -> Planned:
    """A table that is to be looked at as a whole."""
    return PlannedAnswers(source, layout, wishes) if surveys else Planned(source, layout, wishes)


def _is_readable(source: Source, grid: Grid) -> bool:
    """Whether the quick reader understands the file, whatever stands in its cells."""
    if source.kind in {Kind.WORKBOOK, Kind.MARKUP} or not grid.is_plain:
        return False
    if source.kind is Kind.PARQUET:
        return not source.is_packed
    if grid.encoding not in _READ_HERE:
        return False
    if source.kind is Kind.JSON:
        with source.open() as stream:
            return _is_own_object(stream.readline())
    with source.open() as stream:
        first = stream.readline().decode("utf-8-sig").lower()
    if first.startswith("sep=") or '"' in first or grid.delimiter not in _CUT_HERE:
        return False
    return first.count(grid.delimiter) == max(map(first.count, _CUT_HERE))


def _is_own_object(line: bytes) -> bool:
    """Whether a line is an object whose own keys are our columns."""
    try:
        content = json.loads(line.decode("utf-8-sig"))
    except ValueError:
        return False
    return isinstance(content, dict) and {"customer_id", "timestamp"} <= content.keys()


def _is_plain(
    source: Source, grid: Grid, head: Sequence[Sequence[str]], layout: Layout, calendar: Calendar, wishes: Wishes
) -> bool:
    """Whether its first rows are written as we write them."""
    if layout.header_at or not _is_readable(source, grid):
        return False
    times, amounts = TimestampReader(calendar), AmountReader(wishes.minor_digits)
    when, amount = layout.at["timestamp"], layout.at.get("amount")  # answers have none
    strange, width = 0, len(layout.header)
    for row in head[1:]:
        if len(row) > width and any(map(str.strip, row[width:])):
            return False
        if len(row) > when:
            strange += bool(row[when].strip()) and times.read(row[when]) is None
        if amount is not None and len(row) > amount:
            strange += amounts.read(row[amount]) is None
    return strange <= LOSSES_TOLD * len(head) and (amounts.certain or not amounts.doubtful)


def nobodys_said(report: ReadReport, table: Prepared) -> list[str]:
    """Where orders name nobody, and another column would tell who they are."""
    return [*_better_column(report, table), *_by_phone(report, table)]


def _better_column(report: ReadReport, table: Prepared) -> list[str]:
    """Where many buy as guests, and another column would tell who they are."""
    profile = table.layout.profile if table.layout is not None else None
    if profile is None or not profile.better or table.layout is None or 20 * report.nobodys_rows < report.rows:
        return []
    if profile.better not in table.layout.unused():
        return []
    return [f'Many bought as guests; to tell them apart by their e-mail address: --map customer_id="{profile.better}".']


def _by_phone(report: ReadReport, table: Prepared) -> list[str]:
    """Where orders that name nobody have a phone number, how they are counted and how else they may be."""
    if not report.named_by_phone or not isinstance(table, Planned) or "contact" not in table.layout.at:
        return []
    column = table.layout.column("contact")
    told = (
        f"{report.named_by_phone:,} orders name no {table.layout.column('customer_id')} and a phone number ({column})"
    )
    if "contact" in table.wishes.columns:
        return [f"{told}: they count for whom else has it, or for the number."]
    return [
        f'{told}: they are nobody\'s. To count them for whom else has it, or for the number: --map contact="{column}".'
    ]
