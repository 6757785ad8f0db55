"""The user's log files as one stream of events in order of time: what the backtest and the replay both decide on."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import TypeVar

from service.domain.calendar import Calendar
from service.domain.events import Event, Purchase, SurveyAnswer
from service.errors import ConfigurationError
from service.history.left_out import ReadReport
from service.history.lines import (
    PURCHASE_COLUMNS,
    SURVEY_COLUMNS,
    PurchaseLine,
    SurveyLine,
    purchase_lines,
    span_of,
    survey_lines,
)
from service.history.orders import Order, OrderKey, answers_of, purchases_of, spread_orders
from service.history.sorting import IN_MEMORY_LINES, Line, SortedLines
from service.history.tables import open_table
from service.history.timestamps import LATEST_US

Main = TypeVar("Main", bound=Event)
Other = TypeVar("Other", bound=Event)


class History:
    """Files that have been looked through once; `events()` may be called several times and gives the same each time."""

    def __init__(
        self,
        purchases: Sequence[SortedLines[PurchaseLine]],
        surveys: Sequence[SortedLines[SurveyLine]],
        calendar: Calendar,
    ) -> None:
        self._calendar = calendar
        self._spread: dict[OrderKey, Order] | None = None
        self._purchases = purchases
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
        return total

    def purchases(self, *, makes_ids: bool = True) -> Iterator[Purchase]:
        day_of = self._calendar.day_of
        if self._spread is None:
            names_orders = any(_gives(file, _ORDER_ID) for file in self._purchases)
            self._spread = spread_orders(lambda: _merged(self._purchases), day_of) if names_orders else {}
        makes_ids = makes_ids or any(_gives(file, _EVENT_ID) for file in self._purchases)
        return purchases_of(_merged(self._purchases), day_of, self._spread, makes_ids=makes_ids)

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
) -> History:
    """Looks through the files: columns, bad rows, span, order. Rows dated after `latest_us` are bad rows.

    A file may hold its header only: a day without a sale, a question nobody has answered. Raises ConfigurationError
    with one sentence when a file cannot be read, lacks a column or has rows of which none is usable, or when there is
    no purchase at all.
    """
    purchase_files = [
        SortedLines(
            path,
            partial(purchase_lines, path, calendar, minor_digits, latest_us),
            partial(span_of, path, PURCHASE_COLUMNS, calendar, latest_us),
            PurchaseLine,
            in_memory_lines,
        )
        for path in purchases
    ]
    survey_files = [
        SortedLines(
            path,
            partial(survey_lines, path, calendar, latest_us),
            partial(span_of, path, SURVEY_COLUMNS, calendar, latest_us),
            SurveyLine,
            in_memory_lines,
        )
        for path in surveys
    ]
    for file in purchase_files:
        _look_through(file)
    for answers in survey_files:
        _look_through(answers)
    if all(file.count == 0 for file in purchase_files):
        raise ConfigurationError(f"{', '.join(str(path) for path in purchases)} holds no usable row.")
    return History(purchase_files, survey_files, calendar)


def _look_through(file: SortedLines[Line]) -> None:
    file.look_through()
    if file.count == 0 and file.report.examples:
        raise ConfigurationError(f"{file.path} holds no usable row ({file.report.examples[0]}).")


_EVENT_ID, _ORDER_ID = 3, 4
"""Places in a line, and in `PURCHASE_COLUMNS`."""


def _gives(file: SortedLines[PurchaseLine], place: int) -> bool:
    """Whether lines of the file may have something at that place."""
    if file.kept is not None:
        return any(line[place] for line in file.kept)
    with open_table(file.path, PURCHASE_COLUMNS) as table:
        return PURCHASE_COLUMNS[place] in table.columns


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
