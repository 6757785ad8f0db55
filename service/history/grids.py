"""Any table as rows of texts, the header among them: delimited text, JSON, workbooks, Parquet."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from io import TextIOWrapper
from itertools import chain, islice
from typing import IO, Any, Final

from service.errors import ConfigurationError
from service.history.encodings import encoding_of
from service.history.grouped import without_groups
from service.history.joins import with_columns, with_whole_names
from service.history.json_rows import json_grid
from service.history.markup import rows_of
from service.history.merged import MergedCells
from service.history.numbers import bytes_text, decimal_text
from service.history.quotes import checked
from service.history.sources import Kind, Source

_DELIMITERS: Final = ",;\t|"
_RARE_DELIMITERS: Final = "^~\x01\x1f\u00a6"
"""Tried where none of the usual ones cuts anything: of mainframes, Hive and old exports."""
_LOOKED_AT: Final = 40
"""Rows from which the delimiter is told."""
_SINCE_1904: Final = re.compile(rb"""<(?:\w+:)?workbookPr\b[^>]*\bdate1904=["'](?:1|true)["']""")
_BATCH: Final = 20_000
_DEEPEST: Final = 4
"""Fields within each other of a column of Parquet."""
_PROTECTED: Final = "EncryptedPackage".encode("utf-16-le")


@dataclass
class Grid:
    """An open table. Its first rows may be anything; one of them names the columns."""

    rows: Iterator[list[str]]
    line: Callable[[], int]
    """Number of the line yielded last."""
    encoding: str = ""
    delimiter: str = ""
    since_1904: bool = False
    """Whether numbers that are days are counted from 1904."""
    is_plain: bool = True
    """Whether the cells are those of the file, and not what was made of them."""


@contextmanager
def open_grid(source: Source) -> Iterator[Grid]:
    """Raises ConfigurationError with one sentence for what cannot be read."""
    with _open(source) as grid:
        if source.kind in {Kind.DELIMITED, Kind.WORKBOOK, Kind.MARKUP}:
            grid.rows, grid.line = without_groups(grid.rows, grid.line)
        if source.whole_name:
            grid.rows = with_whole_names(grid.rows, source.whole_name)
        if source.joined:
            grid.rows = with_columns(grid.rows, source.joined, _open_rows)
        yield grid


@contextmanager
def _open_rows(source: Source) -> Iterator[Iterator[list[str]]]:
    with _open(source) as grid:
        yield grid.rows


@contextmanager
def _open(source: Source) -> Iterator[Grid]:
    if source.kind is Kind.PARQUET:
        with source.open() as stream:
            yield _parquet(source, stream)
        return
    if source.kind is Kind.WORKBOOK:
        yield _sheet(source)
        return
    encoding = _encoding(source, *_stamp(source))
    with source.open() as stream:
        text = TextIOWrapper(stream, encoding=encoding, newline="")
        try:
            if source.kind is Kind.JSON:
                rows, line = json_grid(source.shown, text)
                yield Grid(rows, line, encoding)
            elif source.kind is Kind.MARKUP:
                yield _numbered(rows_of(text), encoding)
            else:
                yield _delimited(source, text, encoding)
        except UnicodeError as error:
            raise ConfigurationError(f"{source.shown} is not text in {encoding}: {error}.") from error


def _numbered(found: Iterator[list[str]], encoding: str) -> Grid:
    number = 0

    def rows() -> Iterator[list[str]]:
        nonlocal number
        for row in found:
            number += 1
            yield row

    return Grid(rows(), lambda: number, encoding, is_plain=False)


def _stamp(source: Source) -> tuple[int, int]:
    """When a file was last changed, and its size; what is not there is told when it is opened."""
    try:
        about = source.path.stat()
    except OSError:
        return 0, 0
    return about.st_mtime_ns, about.st_size


@lru_cache(maxsize=256)
def _encoding(source: Source, changed_ns: int, size: int) -> str:  # noqa: ARG001 - of the file as it was then
    """Decided from all of the bytes, so once."""
    with source.open() as stream:
        return encoding_of(source.shown, stream)


def _without_zeros(line: str) -> str:
    return line.replace("\0", "") if "\0" in line else line


def _delimited(source: Source, text: Iterator[str], encoding: str) -> Grid:
    blank = 0
    text = map(_without_zeros, text)
    first = list(islice(text, _LOOKED_AT))
    while first and not first[0].strip("\ufeff \r\n"):
        first.pop(0)
        blank += 1
    if first and first[0].startswith("\ufeff"):
        first[0] = first[0][1:]
    skipped = 0
    said = first[0].strip().lower() if first else ""
    if said.startswith("sep=") and len(said) <= 5:
        delimiter = first[0].strip()[4:5] or "\t"
        skipped = 1
    lines: Iterator[str] = chain(first[skipped:], text)
    wrapped_by = _wrapped_by(first[skipped:])
    if wrapped_by:
        inner = [_unwrapped(line, wrapped_by) for line in first[skipped:]]
        delimiter, lines = _delimiter_of(inner), (_unwrapped(line, wrapped_by) for line in lines)
    elif not skipped:
        delimiter = _delimiter_of(first)
    quote = _quote_of(first[skipped:])
    reader = csv.reader(lines, delimiter=delimiter, quotechar=quote)
    computed = any('="' in line for line in first)

    def line() -> int:
        return reader.line_num + skipped + blank

    def rows() -> Iterator[list[str]]:
        try:
            for row in checked(reader, source.shown, line, delimiter):
                if row:
                    yield [_computed(cell) for cell in row] if computed else row
        except csv.Error as error:
            raise ConfigurationError(
                f'{source.shown}, line {line()} cannot be read: {error}; perhaps a quote (") is not closed.'
            ) from error

    return Grid(rows(), line, encoding, delimiter, is_plain=not (computed or blank or quote != '"'))


def _computed(cell: str) -> str:
    """What ="00123" shows: so exports keep a spreadsheet from making a number of it."""
    return cell[2:-1].replace('""', '"') if cell[:2] == '="' and cell[-1] == '"' and len(cell) > 2 else cell


def _quote_of(lines: list[str]) -> str:
    """What cells are enclosed in: an apostrophe where all of the first lines begin and end with one."""
    filled = [line.strip() for line in lines if line.strip()]
    return "'" if filled and all(len(line) > 1 and line[0] == line[-1] == "'" for line in filled) else '"'


def _wrapped_by(lines: list[str]) -> str:
    """The delimiter behind which every line stands in one cell, quoted as a whole; "" = they do not.

    So does a spreadsheet save a file that it has opened with all of a line in its first column.
    """
    quoted = [line.strip() for line in lines[1:] if line.startswith('"')]
    behind = {character for line in quoted for character in line.rpartition('"')[2]}
    for delimiter in behind or _DELIMITERS[:1]:
        alone = [next(csv.reader([line], delimiter=delimiter), []) for line in quoted]
        cut = sum(any(row[1:]) for row in alone)
        if not quoted or delimiter not in _DELIMITERS or 5 * cut > len(alone):
            continue
        header = _unwrapped(lines[0], delimiter)
        inner = _delimiter_of([header])
        cells = len(next(csv.reader([header], delimiter=inner), []))
        if cells > 1 and any(row and len(next(csv.reader(row[:1], delimiter=inner), [])) == cells for row in alone):
            return delimiter
    return ""


def _unwrapped(line: str, delimiter: str) -> str:
    """The line that stands in the one cell of a line, or in a few where it held the mark that cuts them."""
    bare = line.rstrip("\r\n")
    row = next(csv.reader([bare], delimiter=delimiter), []) if bare.startswith('"') else [bare]
    return f"{delimiter.join(row).rstrip(delimiter)}\n"


def _delimiter_of(lines: list[str]) -> str:
    """The one that cuts most of the lines into the same, largest, number of cells.

    One that cuts all of them alike, names above included, goes before one that leaves the names whole, as commas in
    dates and amounts do beside semicolons.
    """

    def score(delimiter: str) -> tuple[float, bool, bool]:
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        except csv.Error:
            widths = []
        counts = Counter(widths)
        cells, often = max(counts.items(), key=lambda item: (item[1], item[0]), default=(0, 0))
        cuts = cells > 1
        return (cells * often / len(widths) if cuts else 0.0), cuts and often == len(widths), cuts and widths[0] > 1

    scores = {delimiter: score(delimiter) for delimiter in _DELIMITERS}
    best = max(scores, key=lambda delimiter: scores[delimiter][0])
    if not scores[best][0]:
        return max(best + _RARE_DELIMITERS, key=lambda delimiter: score(delimiter)[0])
    alike = [delimiter for delimiter in scores if scores[delimiter][1]]
    return best if scores[best][2] or not alike else max(alike, key=lambda delimiter: scores[delimiter][0])


def sheets_of(source: Source) -> list[str]:
    """Names of the sheets of a workbook that hold anything and can be seen; where all are hidden, of all."""
    from python_calamine import SheetTypeEnum, SheetVisibleEnum  # noqa: PLC0415 - only who gives a workbook waits for it

    book = _workbook(source)
    sheets = [meta for meta in book.sheets_metadata if meta.typ == SheetTypeEnum.WorkSheet]
    shown = [meta for meta in sheets if meta.visible == SheetVisibleEnum.Visible] or sheets
    return [meta.name for meta in shown if book.get_sheet_by_name(meta.name).height > 1]


def hidden_sheets_of(source: Source) -> list[str]:
    """Names of those that hold anything and are not read, since nobody sees them."""
    from python_calamine import SheetVisibleEnum  # noqa: PLC0415

    book = _workbook(source)
    hidden = {meta.name for meta in book.sheets_metadata if meta.visible != SheetVisibleEnum.Visible}
    read = set(sheets_of(source)) if hidden else set()
    return [name for name in sorted(hidden - read) if book.get_sheet_by_name(name).height > 1]


def _workbook(source: Source) -> Any:
    from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415

    with source.open() as stream:
        content = stream.read()
    try:
        return CalamineWorkbook.from_filelike(io.BytesIO(content))
    except CalamineError as error:
        if _PROTECTED in content:
            raise ConfigurationError(
                f"{source.shown} is protected by a password: open it, take the password off (File > Info), and save it again."
            ) from error
        raise ConfigurationError(
            f"{source.shown} is a spreadsheet's workbook that cannot be read ({error}): save it again as XLSX, or as CSV."
        ) from error


def _sheet(source: Source) -> Grid:
    sheet = _workbook(source).get_sheet_by_name(source.sheet)
    number = 0

    merged = MergedCells(sheet)

    def rows() -> Iterator[list[str]]:
        nonlocal number
        for row in sheet.iter_rows():
            number += 1
            texts = merged.filled([cell_text(value) for value in row], row, number - 1)
            if any(texts):
                yield texts

    return Grid(rows(), lambda: number, since_1904=_counts_since_1904(source))


@lru_cache(maxsize=256)
def _counts_since_1904(source: Source) -> bool:
    """Whether a workbook says so, as old ones of a Mac do; its cells of dates are read rightly by the reader itself."""
    with source.open() as stream:
        try:
            with zipfile.ZipFile(io.BytesIO(stream.read())) as archive:
                return _SINCE_1904.search(archive.read("xl/workbook.xml")) is not None
        except (zipfile.BadZipFile, KeyError):
            return False


def cell_text(value: object) -> str:
    """What a cell that is more than text says."""
    if isinstance(value, str):
        return value
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        return decimal_text(repr(value))
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, bytes):
        return bytes_text(value)
    return decimal_text(str(value))


def _parquet(source: Source, stream: IO[bytes]) -> Grid:
    try:
        from pyarrow import ArrowException, Table  # noqa: PLC0415 - optional, and slow to import
        from pyarrow.parquet import ParquetFile  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(
            f"{source.shown}: reading Parquet needs pyarrow; install churn-alert[parquet]."
        ) from error
    try:
        file = ParquetFile(stream if stream.seekable() else io.BytesIO(stream.read()))
    except ArrowException as error:
        raise ConfigurationError(f"{source.shown} is not a Parquet file: {error}.") from error
    number = 0

    def rows() -> Iterator[list[str]]:
        nonlocal number
        yield list(_flat(file.schema_arrow.empty_table()).column_names)
        for batch in file.iter_batches(batch_size=_BATCH):
            columns = _flat(Table.from_batches([batch])).columns
            texts = [[cell_text(value) for value in column.to_pylist()] for column in columns]
            for row in zip(*texts, strict=True):
                number += 1
                yield list(row)

    return Grid(rows(), lambda: number)


def _flat(table: Any) -> Any:
    """With a column for each field of those that hold several: customer.email."""
    for _ in range(_DEEPEST):
        if not any(
            hasattr(field.type, "num_fields") and str(field.type).startswith("struct") for field in table.schema
        ):
            break
        table = table.flatten()
    return table
