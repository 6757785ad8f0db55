"""Tables in markup → rows: the HTML that many shops save under the name .xls, and the XML of Excel 2003."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import IO, Final

_CHUNK: Final = 1 << 16
_LOOKED_AT: Final = 1 << 20
"""Characters in which a page has to show its table."""
_FEWEST_CELLS: Final = 3
_FEWEST_ROWS: Final = 2
_OFFICE: Final = "urn:schemas-microsoft-com:office:spreadsheet"
_CELLS: Final = frozenset(("td", "th", "cell"))
_ROWS: Final = frozenset(("tr", "row"))
_MOST_COLUMNS: Final = 16_384


def is_workbook_xml(text: str) -> bool:
    """Whether XML that begins so is a workbook of Excel 2003."""
    return _OFFICE in text


def holds_table(text: str) -> bool:
    """Whether a page has a table of who, when and how much, and is no form to be filled in."""
    small = text.lower()
    if 'type="password"' in small or "type='password'" in small:
        return False
    reader = _Reader()
    reader.feed(text[:_LOOKED_AT])
    return sum(sum(map(bool, row)) >= _FEWEST_CELLS for row in reader.take()) >= _FEWEST_ROWS


def rows_of(text: IO[str]) -> Iterator[list[str]]:
    """The rows of all tables, one after the other; a cell that spans several columns is followed by empty ones."""
    reader = _Reader()
    while chunk := text.read(_CHUNK):
        reader.feed(chunk)
        yield from reader.take()
    reader.close()
    yield from reader.take()


class _Reader(HTMLParser):
    """Collects rows; those of a table within a cell take the place of the row around it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._rows: list[list[str]] = []
        self._row: list[str] | None = None
        self._cell: list[str] | None = None
        self._wide = 1
        self._silent = False
        self._taken: dict[int, int] = {}
        """Column → rows below that a cell above reaches into."""
        self._high = 1

    def take(self) -> list[list[str]]:
        """The rows that are whole, once."""
        found, self._rows = self._rows, []
        return found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag in _ROWS:
            self._end_row()
            self._row = []
        elif tag == "table":
            self._row = self._cell = None
            self._taken.clear()
        elif tag in _CELLS and self._row is not None:
            self._end_cell()
            self._skip_taken()
            index = _whole(said.get("ss:index", "")) - 1
            self._row.extend([""] * (min(index, _MOST_COLUMNS) - len(self._row)))
            self._cell = []
            self._wide = max(1, _whole(said.get("colspan", "")), 1 + _whole(said.get("ss:mergeacross", "")))
            self._high = max(1, _whole(said.get("rowspan", "")))
        elif tag in {"br", "p", "div"} and self._cell:
            self._cell.append(" ")
        elif tag in {"script", "style"}:
            self._silent = True

    def handle_endtag(self, tag: str) -> None:
        if tag in _CELLS:
            self._end_cell()
        elif tag in _ROWS or tag == "table":
            self._end_row()
        elif tag in {"script", "style"}:
            self._silent = False

    def handle_data(self, data: str) -> None:
        if self._cell is not None and not self._silent:
            self._cell.append(data)

    def _skip_taken(self) -> None:
        """Cells that one above reaches into are empty ones here."""
        assert self._row is not None  # noqa: S101 - asked of a row
        while (place := len(self._row)) in self._taken:
            self._row.append("")
            self._taken[place] -= 1
            if not self._taken[place]:
                del self._taken[place]

    def _end_cell(self) -> None:
        if self._cell is None or self._row is None:
            return
        if self._high > 1:
            self._taken.update(dict.fromkeys(range(len(self._row), len(self._row) + self._wide), self._high - 1))
        self._row.append(" ".join("".join(self._cell).split()))
        self._row.extend([""] * (min(self._wide, _MOST_COLUMNS) - 1))
        self._cell = None

    def _end_row(self) -> None:
        self._end_cell()
        if self._row is not None:
            self._skip_taken()
            if any(self._row):
                self._rows.append(self._row)
        self._row = None


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
