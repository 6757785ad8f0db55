"""A file of rows, whatever its format: CSV, JSONL (both also .gz) or Parquet → columns of text by position."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from io import StringIO, TextIOWrapper
from itertools import chain, repeat
from operator import length_hint
from pathlib import Path
from typing import IO, Any

from service.errors import ConfigurationError
from service.history.numbers import bytes_text, decimal_text
from service.history.quotes import checked
from service.history.sources import Kind, Source, by_name

_PARQUET_BATCH = 20_000
_DELIMITERS = ",;\t"
_BLOCK = 1 << 16
"""Characters of a CSV that are read at once: half the longest cell that csv.reader takes."""
_NEVER_EMPTY = {"customer_id", "timestamp", "survey", "score"}


@dataclass
class Table:
    """An open file. `rows` yields one sequence of texts a row, "" = empty.

    A row may be shorter than `columns`; `short_row` says what that means. Iterating raises where the file itself is
    broken.
    """

    path: Path
    columns: Sequence[str]
    rows: Iterator[Sequence[str]]
    found: Sequence[str]
    """What the file calls its columns, for error messages."""
    line: Callable[[], int]
    """Number of the line yielded last; a call, because only bad rows want to know."""
    short_row: str = "too few columns"

    def positions(self, needed: Sequence[str], optional: Sequence[str] = ()) -> list[int | None]:
        """Where each column stands, None for an optional one that is absent.

        Raises ConfigurationError naming what is missing.
        """
        missing = [name for name in needed if name not in self.columns]
        if missing:
            found = ", ".join(name for name in self.found if name) or "none"
            raise ConfigurationError(
                f"{self.path} lacks the column{'s' if len(missing) > 1 else ''} {' and '.join(missing)}; found: {found}."
            )
        return [self.columns.index(name) if name in self.columns else None for name in (*needed, *optional)]


@contextmanager
def open_table(given: Path | Source, known: Sequence[str]) -> Iterator[Table]:
    """Opens a table of our own layout, a bare path by its name: .csv, .jsonl or .ndjson, each also with .gz, and
    .parquet. Anything else is taken for CSV.

    `known` are the column names that matter. Raises ConfigurationError when the file cannot be read.
    """
    source = by_name(given) if isinstance(given, Path) else given
    path = source.shown
    try:
        if source.kind is Kind.PARQUET and not source.is_packed:
            yield _parquet(path, known)
            return
        with source.open() as stream, TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
            yield _jsonl(path, text, known) if source.kind is Kind.JSON else _csv(path, text)
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8.") from error


def _csv(path: Path, stream: IO[str]) -> Table:
    header = stream.readline()
    delimiter = max(_DELIMITERS, key=header.count)
    columns = [name.strip().lower() for name in next(csv.reader([header], delimiter=delimiter), [])]
    read = 1  # lines of the blocks so far; the header is line 1
    ahead: Iterator[str] = iter(())
    reader = csv.reader(())

    def line() -> int:
        return read - length_hint(ahead) + reader.line_num

    def blocks() -> Iterator[Iterable[Sequence[str]]]:
        nonlocal read, ahead, reader
        while block := stream.read(_BLOCK):
            block = (block + stream.readline()).replace("\0", "")
            plain = block.replace("\r\n", "\n")
            if not _is_plain(plain):
                reader = csv.reader(
                    chain(StringIO(block, newline=""), map(_without_zeros, stream)), delimiter=delimiter
                )
                yield quoted()
                return
            lines = plain.removesuffix("\n").split("\n")
            read, ahead = read + len(lines), iter(lines)
            yield map(str.split, filter(None, ahead), repeat(delimiter))

    def quoted() -> Iterator[Sequence[str]]:
        try:
            yield from filter(None, checked(reader, path, line, delimiter))  # an empty line is an empty list
        except csv.Error as error:
            raise ConfigurationError(f"{path}, line {line()} cannot be read: {error}.") from error

    return Table(path, columns, chain.from_iterable(blocks()), columns, line)


def _without_zeros(line: str) -> str:
    return line.replace("\0", "")


def _is_plain(block: str) -> bool:
    """Whether lines end with a line feed, and cells with the delimiter, and nothing else is to be understood.

    Cutting such lines takes half the time that csv.reader does. A block with a cell longer than csv.reader takes is
    longer than blocks are.
    """
    return '"' not in block and "\r" not in block and len(block) <= csv.field_size_limit()


def _jsonl(path: Path, stream: IO[str], known: Sequence[str]) -> Table:
    """Keys are looked up by name in every line; the first object must have the needed ones.

    A broken line is a short row.
    """
    number = 0

    def objects() -> Iterator[dict[str, Any]]:
        nonlocal number
        for text in stream:
            number += 1
            if text.strip():
                yield _object(text)

    content = objects()
    first = next(content, {})
    # JSON writers leave nulls out, so an absent amount or optional key is an empty one.
    columns = [*first, *(name for name in known if name not in first and name not in _NEVER_EMPTY)]
    wanted = [name for name in columns if name in known]

    def rows() -> Iterator[Sequence[str]]:
        for row in chain([first] if first else [], content):
            yield [_text(row.get(name)) for name in wanted] if row else ()

    return Table(path, wanted, rows(), list(first), lambda: number, "not a JSON object")


def _object(text: str) -> dict[str, Any]:
    """Numbers stay the text they are, exact; {} for what is no JSON object."""
    try:
        content = json.loads(text, parse_float=decimal_text, parse_int=str, parse_constant=str)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _parquet(path: Path, known: Sequence[str]) -> Table:
    try:
        from pyarrow import ArrowException  # noqa: PLC0415 - optional, and slow to import
        from pyarrow.parquet import ParquetFile  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(f"{path}: reading Parquet needs pyarrow; install churn-alert[parquet].") from error
    try:
        file = ParquetFile(path)
    except ArrowException as error:
        raise ConfigurationError(f"{path} is not a Parquet file: {error}.") from error
    columns = [name for name in file.schema_arrow.names if name in known]
    number = 0

    def rows() -> Iterator[Sequence[str]]:
        nonlocal number
        for batch in file.iter_batches(batch_size=_PARQUET_BATCH, columns=columns):
            texts = [[_text(value) for value in batch.column(i).to_pylist()] for i in range(len(columns))]
            for row in zip(*texts, strict=True):
                number += 1
                yield row

    return Table(path, columns, rows(), file.schema_arrow.names, lambda: number)


def _text(value: object) -> str:
    """None and NaN (how pandas writes a missing number) are empty."""
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return bytes_text(value)
    return decimal_text(str(value))
