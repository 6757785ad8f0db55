"""What the cells of a column may be: times, amounts, addresses, hours of the day."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from itertools import permutations
from typing import Final

from service.history.dates import TimeColumn
from service.history.decimals import AmountColumn

_CENTS: Final = re.compile(r"[.,]\d\d\D*$")
_ONLY_A_CLOCK: Final = re.compile(r"\d{1,2}:\d\d(?::\d\d)?(?: ?[AaPp][Mm])?")
ADDRESS: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_FEW_CELLS: Final = 5
"""From so many on, a column with one value alone is the seller's, not the customers'."""
_FEW_ORDERS: Final = 3
SHARE: Final = 0.9


def are_addresses(place: int, rows: Sequence[Sequence[str]]) -> bool:
    """Whether a column holds e-mail addresses, of more than the seller alone."""
    cells = [row[place].strip() for row in rows if place < len(row) and row[place].strip()]
    alike = sum(ADDRESS.fullmatch(cell) is not None for cell in cells)
    return bool(cells) and alike >= SHARE * len(cells) and not is_one_of_everybody(cells)


def is_one_of_everybody(cells: Sequence[str]) -> bool:
    return len(cells) >= _FEW_CELLS and len(set(cells)) == 1


def is_time(cell: str) -> bool:
    """Whether a cell may be one, whichever the order of its numbers is."""
    return share_of_times([cell]) == 1


def share_of_times(cells: Sequence[str]) -> float:
    column = TimeColumn("")
    column.decide("day-first")
    other = TimeColumn("")
    other.decide("month-first")
    good = sum(
        any(one.clean(cell)[4:5] == "-" and one.clean(cell)[:4].isdigit() for one in (column, other)) for cell in cells
    )
    return good / len(cells)


def share_of_amounts(cells: Sequence[str]) -> float:
    best = 0
    for mark in ".,":
        column = AmountColumn("")
        column.decide(mark)
        good = sum(column.clean(cell).lstrip("-").replace(".", "", 1).isdigit() for cell in cells)
        best = max(best, good)
    return best / len(cells)


def clocks_in(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """Columns that hold times of the day and nothing else, whatever they are called."""
    return [
        place
        for place in range(len(header))
        if (cells := [row[place].strip() for row in rows if place < len(row) and row[place].strip()])
        and all(map(_ONLY_A_CLOCK.fullmatch, cells))
    ]


def is_larger(place: int, net: int, rows: Sequence[Sequence[str]]) -> bool:
    """Whether a column holds amounts with cents, which are those of the other one or more."""
    pairs = [
        (row[place], row[net]) for row in rows if max(place, net) < len(row) and row[place].strip() and row[net].strip()
    ]
    if not pairs or share_of_amounts([one for one, _ in pairs]) < SHARE:
        return False
    if not any(_CENTS.search(one) for one, _ in pairs):
        return False
    digits = [tuple(int("".join(filter(str.isdigit, cell)) or 0) for cell in pair) for pair in pairs]
    return sum(one >= other for one, other in digits) >= SHARE * len(digits)


def amount_of_lines(places: Sequence[int], order: int, rows: Sequence[Sequence[str]]) -> int | None:
    """Of columns of amounts the one of an order's lines, whose sums are what another one repeats in each of them.

    None where none is. The last order may not be there as a whole.
    """
    orders: dict[str, list[Sequence[str]]] = {}
    for row in rows:
        if max(*places, order) < len(row) and row[order].strip():
            orders.setdefault(row[order].strip(), []).append(row)
    whole = list(orders.values())[:-1]
    if sum(len(lines) > 1 for lines in whole) < _FEW_ORDERS:
        return None
    for line, total in permutations(places, 2):
        for mark in ".,":
            column = AmountColumn("")
            column.decide(mark)
            if all(_adds_up(lines, line, total, column) for lines in whole):
                return line
    return None


def _adds_up(lines: Sequence[Sequence[str]], line: int, total: int, column: AmountColumn) -> bool:
    try:
        amounts = [Decimal(column.clean(row[line])) for row in lines]
        totals = {Decimal(column.clean(row[total])) for row in lines}
    except InvalidOperation:
        return False
    return totals == {sum(amounts)}
