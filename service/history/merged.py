"""Cells of a workbook that are merged downwards: what the first one holds, all of them show.

So a person stands once beside all of their orders, and an order beside its lines. An amount that spans several rows is
that of all of them together: it stays in the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from service.history.cents import split_words
from service.profiles.words import words_of


class MergedCells:
    """Of one sheet, whose rows come in order."""

    def __init__(self, sheet: Any) -> None:
        """`sheet` is the reader's."""
        begin = sheet.start or (0, 0)
        self._until: dict[tuple[int, int], int] = {}
        """Row and column of the first cell → the last row, all counted from the first row that is read."""
        for (first, column), (last, _) in sheet.merged_cell_ranges or ():
            if last > first:
                self._until[first - begin[0], column - begin[1]] = last - begin[0]
        self._held: dict[int, tuple[int, str]] = {}
        """Column → the last row that shows the text, and the text."""
        self._names: Sequence[str] = ()

    def filled(self, texts: list[str], values: Sequence[object], row: int) -> list[str]:
        """The row with what its cells show; `values` are those of the reader, `row` counts from the first that is
        read."""
        if not self._until:
            return texts
        if not self._names and sum(map(bool, texts)) > 1:
            self._names = list(texts)
        for column, (until, text) in list(self._held.items()):
            if row > until:
                del self._held[column]
            elif column < len(texts) and not texts[column]:
                texts[column] = text
        for column, value in enumerate(values):
            until = self._until.get((row, column), -1)
            if until > row and texts[column] and not self._is_amount(column, value):
                self._held[column] = until, texts[column]
        return texts

    def _is_amount(self, column: int, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        name = self._names[column] if column < len(self._names) else ""
        words = {word.lower() for word in split_words(name)}
        return not (words & words_of("units")["numbers"] and float(value).is_integer())
