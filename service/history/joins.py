"""A shop whose export is several tables: orders, customers and payments are put together by the columns they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Final

from service.history.decimals import AmountColumn
from service.history.sources import Source, TakenOver
from service.profiles import plain_name

_TABLES_KEPT: Final = 8
_NAMED_WITHIN: Final = 25
"""Rows among which those with the names of columns are looked for."""
Rows = Iterator[list[str]]
Opener = Callable[[Source], AbstractContextManager[Rows]]


def with_columns(rows: Rows, joined: Sequence[TakenOver], open_rows: Opener) -> Rows:
    """The rows of a table, the first of them its header, with the columns that other tables add to them."""
    header = next(rows, [])
    names = [plain_name(name) for name in header]
    found = [(names.index(plain_name(one.by)), _looked_up(one, open_rows), one) for one in joined]
    yield header + [name for one in joined for name in (*one.takes, *one.sums)]
    for row in rows:
        more: list[str] = []
        for place, known, one in found:
            more += known.get(row[place].strip() if place < len(row) else "", [""] * (len(one.takes) + len(one.sums)))
        yield [*row, *([""] * (len(header) - len(row))), *more]


def with_whole_names(rows: Rows, whole: str) -> Rows:
    """The rows of a table with a column more, in which several of its columns stand together: First Name+Last Name.

    The names are looked for among the first rows; where they are not, nothing is added.
    """
    parts = [plain_name(one) for one in whole.split("+")]
    places: list[int] = []
    width = 0
    for number, row in enumerate(rows):
        names = list(map(plain_name, row)) if not places and number < _NAMED_WITHIN else []
        if names and all(one in names for one in parts):
            places, width = [names.index(one) for one in parts], len(row)
            yield [*row, whole]
        elif places:
            padded = [*row, *([""] * (width - len(row)))][:width]
            yield [*padded, " ".join(cell for place in places if (cell := padded[place].strip()))]
        else:
            yield row


@lru_cache(maxsize=_TABLES_KEPT)
def _looked_up(one: TakenOver, open_rows: Opener) -> dict[str, list[str]]:
    """Value of the common column → cells that are taken over, then sums. In memory, as many as the table has keys."""
    with open_rows(one.source) as rows:
        names = [plain_name(name) for name in next(rows, [])]
        by = names.index(plain_name(one.by))
        takes = [names.index(plain_name(name)) for name in one.takes]
        sums = [names.index(plain_name(name)) for name in one.sums]
        last = max(by, *takes, *sums)
        columns = [AmountColumn(name) for name in one.sums]
        found: dict[str, list[str]] = {}
        parts: dict[str, list[list[str]]] = {}
        for row in rows:
            if len(row) <= last:
                continue
            key = row[by].strip()
            found.setdefault(key, [row[place] for place in takes])
            if sums:
                for column, place in zip(columns, sums, strict=True):
                    column.see(row[place])
                parts.setdefault(key, []).append([row[place] for place in sums])
    for column in columns:
        column.decide()
    for key, rows_of_key in parts.items():
        found[key] += [_sum(column, [cells[place] for cells in rows_of_key]) for place, column in enumerate(columns)]
    return found


def _sum(column: AmountColumn, cells: Sequence[str]) -> str:
    """The sum as text; the first cell that is no number where there is one, so that it is counted as such."""
    total = Decimal(0)
    for cell in cells:
        try:
            total += Decimal(column.clean(cell) or "0")
        except InvalidOperation:
            return cell
    return format(total, "f")
