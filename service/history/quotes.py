"""A quote that is opened and not closed: all up to the next one becomes one cell, and the rows in it are lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from service.errors import ConfigurationError

_DIGITS: Final = re.compile(r"\d+")
_LETTERS: Final = re.compile(r"[^\W\d_]+")
_FEWEST_CELLS: Final = 3


def checked(rows: Iterable[list[str]], path: Path, line: Callable[[], int], delimiter: str) -> Iterator[list[str]]:
    """The rows of a table. Raises ConfigurationError where one has others in a cell."""
    before, width = line(), 0
    for row in rows:
        now = line()
        width = width or len(row)
        if now - before > 1 and (many := swallowed(row, delimiter, width)):
            raise ConfigurationError(
                f'{path}, line {before + 1}: a quote (") is opened there and not closed, so that {many:,} further rows would become a part of it. '
                "Close the quote or take it out, or export again."
            )
        before = now
        yield row


def swallowed(row: Sequence[str], delimiter: str, width: int) -> int:
    """How many rows of a table of so many columns stand in a cell of a row; 0 = none.

    A note of several lines is none of them: its lines do not begin as rows do, nor have they so many cells.
    """
    if width < _FEWEST_CELLS:
        return 0
    for cell in row[1:]:
        inner = (
            [one for one in cell.replace("\r", "\n").split("\n")[1:] if one.strip()]
            if "\n" in cell or "\r" in cell
            else []
        )
        if (
            inner
            and cell.count(delimiter) >= max(1, len(inner) - 1) * (width - 1)
            and all(_form(one.split(delimiter)[0]) == _form(row[0]) for one in inner)
        ):
            return len(inner)
    return 0


def _form(cell: str) -> str:
    """A cell with its digits and letters made alike: 2025-01-06 is 9-9-9."""
    return _LETTERS.sub("a", _DIGITS.sub("9", cell.strip().strip('"')))
