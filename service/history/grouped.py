"""Reports that stand in groups, each under a line with its name alone → rows that all have the name.

So QuickBooks writes its sales by customer: a line with the customer, the sales of them below with an empty first cell,
and "Total for" the customer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice, pairwise
from typing import Final

from service.history.totals import is_total

_LOOKED_AT: Final = 60
_FEWEST_CELLS: Final = 3
_TOTALS: Final = ("total for ", "total ", "summe ", "gesamt ", "somme ", "totale ", "suma ")
_OF_CUSTOMERS: Final = ("customer", "client", "kunde", "cliente", "klant")


def without_groups(rows: Iterator[list[str]], line: Callable[[], int]) -> tuple[Iterator[list[str]], Callable[[], int]]:
    """The rows, as they are where they stand in no groups; and what tells the line of the one yielded last."""
    head = [(row, line()) for row in islice(rows, _LOOKED_AT)]
    at = 0

    def again() -> Iterator[list[str]]:
        nonlocal at
        for row, at in head:  # noqa: B007 - told by the line
            yield row
        at = 0
        yield from rows

    names = [row for row, _ in head]
    header_at = _header_of_groups(names)
    whole = again()
    return whole if header_at is None else _named(whole, names, header_at), lambda: at or line()


def _header_of_groups(head: Sequence[Sequence[str]]) -> int | None:
    """The place of the row that names the columns, all but the first one; None where there are no groups."""
    for place, row in enumerate(head):
        if sum(map(bool, row)) < _FEWEST_CELLS:
            continue
        if row[0].strip():
            return None
        below = head[place + 1 :]
        named = [_is_name(one) and _is_of_group(two) for one, two in pairwise(below)]
        return place if below and named[:1] == [True] else None
    return None


def _is_name(row: Sequence[str]) -> bool:
    return bool(row[0].strip()) and not any(cell.strip() for cell in row[1:])


def _is_of_group(row: Sequence[str]) -> bool:
    return not row[0].strip() and sum(bool(cell.strip()) for cell in row) >= _FEWEST_CELLS


def _named(rows: Iterator[list[str]], head: Sequence[Sequence[str]], header_at: int) -> Iterator[list[str]]:
    titles = " ".join(cell for row in head[:header_at] for cell in row).casefold()
    called = "Customer" if any(word in titles for word in _OF_CUSTOMERS) else "Group"
    name = ""
    for place, row in enumerate(rows):
        first = row[0].strip()
        if place < header_at:
            yield row
        elif place == header_at:
            yield [called, *row[1:]]
        elif _is_name(row):
            name = first
        elif not first:
            yield [name, *row[1:]]
        elif is_total(first) or not first.casefold().startswith(_TOTALS):
            yield row
