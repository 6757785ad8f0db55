"""Rows with more cells than the columns have names: a mark within a number was taken for one between cells."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

MORE_CELLS: Final = "more cells than columns have names, as where a mark within a number or a text is not in quotes"
_REST: Final = re.compile(r"\d\d\d?(?:[.,]\d+)?\D{0,4}", re.ASCII)
"""Of a number behind its mark."""


class Widths:
    """Of the rows of one table."""

    def __init__(self, width: int, at: Mapping[str, int], *, are_wide: bool) -> None:
        """`width` is that of the header; `are_wide`: most rows have more cells, so that a further one says little."""
        self.width = width
        self._are_wide = are_wide
        self._behind = at.get("amount", at.get("price", -1)) + 1

    def is_too_wide(self, row: Sequence[str]) -> bool:
        """Whether a row with more cells than the header has one that says something, or an amount in two."""
        return any(map(str.strip, row[self.width :])) or (not self._are_wide and self._is_cut(row))

    def _is_cut(self, row: Sequence[str]) -> bool:
        """Whether an amount stands in two cells: $1,407.28 without quotes."""
        behind = self._behind
        return (
            0 < behind < len(row)
            and row[behind - 1].strip()[-1:].isdigit()
            and _REST.fullmatch(row[behind].strip()) is not None
        )
