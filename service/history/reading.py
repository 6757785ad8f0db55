"""The user's log files as one stream of events in order of time: what the backtest and the replay both decide on."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import TypeVar

from service.domain.calendar import DAY_US, Calendar, to_datetime
from service.domain.events import Event, Purchase, SurveyAnswer
from service.errors import ConfigurationError
from service.history.doubts import (
    OfPeople,
    accounts_in,
    as_people,
    blank_below,
    cents_said,
    check_rounded,
    check_sheets,
    check_signs,
    clocks_said,
    columns_that_matter,
    ids_of_one_order,
    lost_zeros,
    masked_said,
    one_for_everything,
    other_spellings,
    signs_said,
    twice_said,
    within,
)
from service.history.layout import Wishes
from service.history.left_out import ReadReport
from service.history.lines import (
    FAR_AWAY,
    NO_NUMBER,
    PURCHASE_COLUMNS,
    SURVEY_COLUMNS,
    UNREADABLE_TIME,
    Limits,
    PurchaseLine,
    SurveyLine,
    Tally,
    purchase_lines,
    span_of,
    survey_lines,
)
from service.history.orders import Order, OrderKey, answers_of, purchases_of, spread_orders
from service.history.overlaps import Overlaps, Tagged
from service.history.planned import Planned
from service.history.prepare import Direct, Prepared, nobodys_said, planned, prepared
from service.history.sorting import IN_MEMORY_LINES, Line, SortedLines
from service.history.sources import Kind
from service.history.timestamps import LATEST_US

Main = TypeVar("Main", bound=Event)
Other = TypeVar("Other", bound=Event)


_SIGNS_SEEN = 100_000
"""Lines of a big file whose signs are looked at."""


class History:
    """Files that have been looked through once; `events()` may be called several times and gives the same each time."""

    def __init__(
        self,
        purchases: Sequence[SortedLines[PurchaseLine]],
        surveys: Sequence[SortedLines[SurveyLine]],
        calendar: Calendar,
        said: Sequence[str] = (),
        tables: Sequence[Prepared] = (),
    ) -> None:
        self._calendar = calendar
        self.said = list(said)
        """What was left aside of archives and workbooks."""
        self.tables = tables
        self._spread: dict[OrderKey, Order] | None = None
        self._purchases = purchases
        several = len(purchases) > 1
        self._overlaps = Overlaps(
            [_span(file) for file in purchases],
            [table.withdrawn(calendar) for table in tables[: len(purchases)]] if several else None,
            [table.tells_states for table in tables[: len(purchases)]] if several else None,
        )
        if self._overlaps.possible:
            self._overlaps.look(self._tagged)
        self._surveys = surveys
        self.rows = sum(file.count for file in purchases) + sum(file.count for file in surveys)
        """Usable rows; at least as many as events, so good for a progress bar."""
        spans = [(file.first_us, file.last_us) for file in purchases] + [
            (file.first_us, file.last_us) for file in surveys
        ]
        self.first_us = min(first for first, _ in spans if first is not None)
        self.last_us = max(last for _, last in spans if last is not None)

    @property
    def report(self) -> ReadReport:
        """What was read, skipped and sorted.

        Complete once the events have been read; for smaller files from the start.
        """
        total = ReadReport()
        for report in [*(file.report for file in self._purchases), *(file.report for file in self._surveys)]:
            total.include(report)
        for path, is_sorted in [(f.path, f.is_sorted) for f in self._purchases] + [
            (f.path, f.is_sorted) for f in self._surveys
        ]:
            if not is_sorted:
                total.unsorted_files.append(path)
        total.spread_orders = len(self._spread or ())
        if self._overlaps.repeated:
            total.said.append(
                f"{self._overlaps.repeated:,} rows stand in more than one of the files, which overlap: they count once."
            )
        if self._overlaps.cancelled:
            total.said.append(
                f"{self._overlaps.cancelled:,} rows are of orders that another of the files says to have been cancelled: they do not count."
            )
        total.said += [
            clocks_said(file.path.name, str(self._calendar.zone))
            for file in self._purchases
            if file.report.clocks_differ
        ]
        total.currency = next((table.currency for table in self.tables if table.currency), "")
        total.said += [one for table in self.tables for one in table.currency_sentences()]
        total.said += [*self.said, *(one for table in self.tables for one in table.sentences())]
        return total

    def _tagged(self) -> Iterator[Tagged]:
        """All lines with the number of their file, in order of time."""
        return heapq.merge(
            *(_with_number(file, number) for number, file in enumerate(self._purchases)), key=itemgetter(0)
        )

    def _lines(self) -> Iterator[PurchaseLine]:
        """All lines in order of time, each once."""
        if self._overlaps.repeated or self._overlaps.cancelled:
            return self._overlaps.once(self._tagged())
        return _merged(self._purchases)

    def purchases(self, *, makes_ids: bool = True) -> Iterator[Purchase]:
        day_of = self._calendar.day_of
        if self._spread is None:
            names_orders = any(_gives(file, _ORDER_ID) for file in self._purchases)
            self._spread = spread_orders(self._lines, day_of) if names_orders else {}
        makes_ids = makes_ids or any(_gives(file, _EVENT_ID) for file in self._purchases)
        return purchases_of(self._lines(), day_of, self._spread, makes_ids=makes_ids)

    def answers(self) -> Iterator[SurveyAnswer]:
        return answers_of(_merged(self._surveys))

    def events(self, *, makes_ids: bool = True) -> Iterator[Purchase | SurveyAnswer]:
        """Everything in order of time; at the same instant purchases come before answers.

        With `makes_ids` False purchases have an empty event id where no file gives one. Who sends them on needs ids;
        who only counts does not, since those that are made are never duplicates.
        """
        purchases = self.purchases(makes_ids=makes_ids)
        return merge_by_time(purchases, self.answers()) if self._surveys else purchases


def open_history(
    purchases: Sequence[Path],
    surveys: Sequence[Path] = (),
    *,
    calendar: Calendar,
    minor_digits: int,
    latest_us: int = LATEST_US,
    in_memory_lines: int = IN_MEMORY_LINES,
    wishes: Wishes | None = None,
) -> History:
    """Looks through the files: layout, bad rows, span, order. Rows dated after `latest_us` are bad rows.

    A file may hold its header only: a day without a sale, a question nobody has answered. `wishes` are what the user
    has said of the files. Raises ConfigurationError with one sentence when a file cannot be read, lacks a column, can
    be read in two ways or has rows of which none is usable, or when there is no purchase at all.
    """
    wishes = replace(wishes or Wishes(), minor_digits=minor_digits, zone=calendar.zone)
    limits = Limits(latest_us)
    tables, said = prepared(purchases, wishes, calendar, surveys=False)
    answers, more = prepared(surveys, wishes, calendar, surveys=True)

    def purchase_file(table: Prepared) -> SortedLines[PurchaseLine]:
        return SortedLines(
            table.path,
            partial(purchase_lines, table.open, calendar, minor_digits, latest_us, limits),
            partial(span_of, table.open, PURCHASE_COLUMNS, calendar, latest_us),
            PurchaseLine,
            in_memory_lines,
            table.rows,
            keeps_runs=isinstance(table, Planned),
        )

    files = [purchase_file(table) for table in tables]
    for table in tables:
        table.tells_withdrawn = len(tables) > 1
    limits.nobodys = {} if len(files) > 1 else None
    for place, table in enumerate(tables):
        files[place].look_through()
        if isinstance(table, Direct) and table.layout is not None and _is_written_otherwise(files[place].report):
            as_a_whole = planned(table.source, table.layout, wishes, surveys=False)
            as_a_whole.look()
            again = purchase_file(as_a_whole)
            again.look_through()
            if again.report.total_skipped < files[place].report.total_skipped:
                tables[place], files[place] = as_a_whole, again
    said += _look_at_all(files, tables, limits, calendar.day_of, minor_digits)
    survey_files = [
        SortedLines(
            table.path,
            partial(survey_lines, table.open, calendar, latest_us),
            partial(span_of, table.open, SURVEY_COLUMNS, calendar, latest_us),
            SurveyLine,
            in_memory_lines,
            table.rows,
            keeps_runs=isinstance(table, Planned),
        )
        for table in answers
    ]
    for survey_file in survey_files:
        survey_file.look_through()
    for path, count, report in [(f.path, f.count, f.report) for f in files] + [
        (f.path, f.count, f.report) for f in survey_files
    ]:
        if count == 0 and report.examples:
            raise ConfigurationError(f"{path} holds no usable row ({report.examples[0]}).")
    if all(file.count == 0 for file in files):
        raise ConfigurationError(
            f"{', '.join(str(path) for path in purchases)} holds no usable row{_why_none([file.report for file in files])}."
        )
    return History(files, survey_files, calendar, said=[*said, *more], tables=[*tables, *answers])


def _why_none(reports: Sequence[ReadReport]) -> str:
    """Why there is not one purchase of anybody, behind a colon; "" where nothing says it."""
    aside = sum((report.aside for report in reports), Counter[str]())
    told = [", ".join(f"{count:,} {reason}" for reason, count in aside.most_common(4)) + ", as the export itself says"]
    if not aside.total():
        told = []
    if any(report.nobodys_rows for report in reports):
        told.append("no other row names a customer" if told else "no row names a customer")
    return f": {'; '.join(told)}" if told else ""


def _look_at_all(
    files: Sequence[SortedLines[PurchaseLine]],
    tables: Sequence[Prepared],
    limits: Limits,
    day_of: Callable[[int], int],
    minor_digits: int,
) -> list[str]:
    """What looks wrong now that all lines are known: some is left out, all is said."""
    _check_sheets(files, tables)
    tally = _tally(files)
    check_signs(tally.below, tally.rows)
    days = tally.days
    for file in files:
        days.update(file.days)
    bounds = within(days)
    if bounds is not None:
        limits.first_us, limits.last_us = bounds[0] * DAY_US, min(limits.last_us, (bounds[1] + 1) * DAY_US - 1)
        for file in files:
            _leave_out_far_ones(file, limits)
        tally = _tally(files)
    orders = tally.orders
    for file in files:
        orders.update(as_people(file.customers))
    check_rounded(orders)
    found = accounts_in(orders)
    said: list[str] = []
    if found:
        limits.accounts.update(found)
        for file in files:
            for line in file.lines() if file.can_be_looked_at else ():
                if line[1] in found:
                    file.report.of_nobody(line[2], line[4], day_of(line[0]))
                    file.report.rows -= 1
            file.keep_only(lambda line: line[1] not in found)
        total = orders.total()
        said = [
            OfPeople(
                f"{who} has {count:,} of {total:,} orders ({100 * count / total:.0f} %): an account under which everybody buys, and no "
                "person; it counts as nobody."
            )
            for who, count in found.items()
        ]
    for file, table in zip(files, tables, strict=True):
        said += nobodys_said(file.report, table)
    used = [(table.layout, table) for table in tables if table.layout is not None]
    unused = list(dict.fromkeys(name for layout, _ in used for name in layout.unused()))
    column = next((layout.column("customer_id") for layout, _ in used if "customer_id" in layout.at), "customer_id")
    said += signs_said(tally.below, tally.rows)
    if all(_may_count_cents(table) for table in tables):
        said += cents_said((line[2] for file in files for line in islice(file.kept or (), _SIGNS_SEEN)), minor_digits)
    said += ids_of_one_order(orders, unused, column)
    said += one_for_everything(orders, column)
    said += map(OfPeople, [*masked_said(orders, column), *other_spellings(orders)])
    said += [one for file in files for one in twice_said(file.kept or ())]
    if not any(table.layout is not None and table.layout.profile is not None for table in tables):
        nobodys = sum(file.report.nobodys_rows for file in files)
        if blank := blank_below(orders, sum(file.count for file in files), nobodys, column):
            if all(layout.origin == "guess" for layout, _ in used):
                raise ConfigurationError(
                    f"{blank} If those rows are nobody's, say which column is what: --map customer_id=…"
                )
            said.append(f"{blank} As it is, those rows are nobody's.")
    said += map(OfPeople, lost_zeros(orders))
    matters = columns_that_matter([name for layout, _ in used if layout.profile is None for name in layout.unused()])
    if matters:
        said.append(
            f"Not used, though they may matter: {', '.join(dict.fromkeys(matters[:8]))}. --map says what they are."
        )
    return said


def _check_sheets(files: Sequence[SortedLines[PurchaseLine]], tables: Sequence[Prepared]) -> None:
    """Raises ConfigurationError where a sheet that was guessed to be one of orders sums up another one."""
    books: dict[Path, list[tuple[str, Sequence[str], set[str], tuple[int, int]]]] = {}
    for file, table in zip(files, tables, strict=True):
        span = _span(file)
        if table.source.kind is not Kind.WORKBOOK or table.layout is None or table.layout.profile is not None:
            continue
        if span is not None and file.kept:
            people = {line[1] for line in file.kept}
            books.setdefault(table.source.path, []).append((table.source.sheet, table.layout.header, people, span))
    for sheets in books.values():
        check_sheets(sheets)


def _may_count_cents(table: Prepared) -> bool:
    """Whether nobody has said what the amounts of a table are in."""
    layout = table.layout
    return layout is not None and layout.profile is None and layout.smallest_unit is None and not table.currency


def _tally(files: Sequence[SortedLines[PurchaseLine]]) -> Tally:
    """What the lines say that are at hand; of a big file, the signs of the first ones alone."""
    tally = Tally()
    for file in files:
        if file.kept is not None:
            tally.take(file.kept)
        elif file.has_runs:
            seen = Tally()
            seen.take(list(islice(file.lines(), _SIGNS_SEEN)))
            tally.below, tally.rows = tally.below + seen.below, tally.rows + seen.rows
    return tally


def _leave_out_far_ones(file: SortedLines[PurchaseLine], limits: Limits) -> None:
    for line in file.lines() if file.can_be_looked_at else ():
        if not limits.first_us <= line[0] <= limits.last_us:
            file.report.rows -= 1
            file.report.skip(file.path, 0, FAR_AWAY, to_datetime(line[0]).date().isoformat())
    file.keep_only(lambda line: limits.first_us <= line[0] <= limits.last_us)


def _is_written_otherwise(report: ReadReport) -> bool:
    """Whether so many cells cannot be read that the column may be written in another way than its first rows."""
    return report.loses_much and bool(report.skipped[UNREADABLE_TIME] + report.skipped[NO_NUMBER])


_EVENT_ID, _ORDER_ID = 3, 4
"""Places in a line, and in `PURCHASE_COLUMNS`."""


def _gives(file: SortedLines[PurchaseLine], place: int) -> bool:
    """Whether lines of the file may have something at that place."""
    if file.kept is not None:
        return any(line[place] for line in file.kept)
    return True


def _span(file: SortedLines[PurchaseLine]) -> tuple[int, int] | None:
    first_us, last_us = file.first_us, file.last_us
    return None if first_us is None or last_us is None else (first_us, last_us)


def _with_number(file: SortedLines[PurchaseLine], number: int) -> Iterator[Tagged]:
    for line in file.lines():
        yield line[0], number, line


def _merged(files: Sequence[SortedLines[Line]]) -> Iterator[Line]:
    if len(files) == 1:
        return files[0].lines()
    return heapq.merge(*(file.lines() for file in files), key=itemgetter(0))


def merge_by_time(main: Iterator[Main], other: Iterator[Other]) -> Iterator[Main | Other]:
    """Two streams in order of time → one; `main` first at the same instant. Cheap when `other` is the sparse one."""
    waiting = next(other, None)
    for event in main:
        while waiting is not None and waiting.at_us < event.at_us:
            yield waiting
            waiting = next(other, None)
        yield event
    while waiting is not None:
        yield waiting
        waiting = next(other, None)
