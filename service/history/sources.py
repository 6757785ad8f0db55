"""A path → the tables in it, known by their content and not by their name: packed, in archives, as workbooks."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, Final, cast

import zstandard

from service.errors import ConfigurationError
from service.history.encodings import by_its_beginning
from service.history.markup import holds_table, is_workbook_xml

_HEAD: Final = 4096
_LAST: Final = 4
"""Bytes of an end of a line, in UTF-16 too."""
_DEEPEST: Final = 4
"""Packings within each other."""
_MOST_TABLES: Final = 1000
_PAGE: Final = 1 << 20
"""Bytes of a web page in which its table is looked for."""
_CONTROLS: Final = frozenset(range(1, 32)) - {9, 10, 12, 13}


class Kind(StrEnum):
    DELIMITED = "delimited"
    JSON = "json"
    PARQUET = "parquet"
    WORKBOOK = "workbook"
    MARKUP = "markup"
    """Tables of HTML, or of the XML of Excel 2003."""


@dataclass(frozen=True)
class Source:
    """One table: where its bytes are, and what they are."""

    path: Path
    kind: Kind
    layers: tuple[tuple[str, str], ...] = ()
    """Packings from the outermost: ("gzip", ""), ("zip", "orders.csv"), …"""
    encoding: str = "utf-8-sig"
    sheet: str = ""
    joined: tuple[TakenOver, ...] = ()
    """Columns that other tables add to its rows."""
    whole_name: str = ""
    """Columns that together name the customer, with + between them."""

    @property
    def shown(self) -> Path:
        """What messages call it: a table of an archive by its own name."""
        members = [name for packing, name in self.layers if name]
        inner = members[-1] if members else ""
        return self.path / inner / self.sheet if inner or self.sheet else self.path

    @property
    def is_packed(self) -> bool:
        return bool(self.layers)

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """The bytes of the table itself. Errors of reading become one sentence."""
        try:
            with self.path.open("rb") as file:
                yield _unpacked(file, self.layers)
        except (
            OSError, zipfile.BadZipFile, zipfile.LargeZipFile, lzma.LZMAError, tarfile.TarError, RuntimeError,
        ) as error:  # fmt: skip
            raise ConfigurationError(f"{self.path} cannot be read: {_said(error)}.") from error
        except zstandard.ZstdError as error:
            raise ConfigurationError(
                f"{self.path} cannot be read: the compressed file is broken or cut off."
            ) from error
        except EOFError as error:
            raise ConfigurationError(f"{self.path} cannot be read: the compressed file is cut off.") from error


@dataclass(frozen=True)
class TakenOver:
    """Columns of another table, found by one that both have."""

    source: Source
    by: str
    takes: tuple[str, ...] = ()
    sums: tuple[str, ...] = ()
    """Those of which all rows with the same value in `by` are added up."""


def ends_within_a_line(source: Source) -> bool:
    """Whether a table of text has no end of a line at its end, as far as that is quick to see."""
    if source.layers or source.kind is not Kind.DELIMITED or not source.path.is_file():
        return False
    with source.path.open("rb") as stream:
        stream.seek(0, io.SEEK_END)
        stream.seek(max(stream.tell() - _LAST, 0))
        return not stream.read().strip(b"\0").endswith((b"\n", b"\r"))


def by_name(path: Path) -> Source:
    """What a file that can be read only once, such as a pipe, is by its name."""
    name = path.name.lower()
    layers = (("gzip", ""),) if name.endswith(".gz") else ()
    name = name.removesuffix(".gz")
    if name.endswith((".parquet", ".pq")):
        return Source(path, Kind.PARQUET)
    return Source(path, Kind.JSON if name.endswith((".jsonl", ".ndjson")) else Kind.DELIMITED, layers)


def sources_of(path: Path) -> list[Source]:
    """The tables of a file. Raises ConfigurationError with one sentence for what is no table."""
    try:
        if path.is_dir():
            raise ConfigurationError(f"{path} is a directory: name the files in it.")
        if path.exists() and not path.is_file():
            return [by_name(path)]
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {_said(error)}.") from error
    return _within(Source(path, Kind.DELIMITED))


def _within(source: Source) -> list[Source]:
    with source.open() as stream:
        head = stream.read(_HEAD)
    packing = _packing(head)
    if len(source.layers) >= _DEEPEST:
        raise ConfigurationError(f"{source.path} is packed more than {_DEEPEST} times.")
    if packing == "zip":
        return _of_zip(source)
    if packing == "tar":
        return _of_tar(source)
    if packing:
        return _within(replace(source, layers=(*source.layers, (packing, ""))))
    return [replace(source, kind=_kind(source, head))]


def _packing(head: bytes) -> str:
    for magic, name in (
        (b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"BZh", "bzip2"), (b"\xfd7zXZ\0", "xz"),
        (b"PK\x03\x04", "zip"), (b"PK\x05\x06", "zip"),
    ):  # fmt: skip
        if head.startswith(magic):
            return name
    return "tar" if head[257:262] == b"ustar" else ""


def _kind(source: Source, head: bytes) -> Kind:
    shown = source.shown
    if head.startswith(b"PAR1"):
        return Kind.PARQUET
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        return Kind.WORKBOOK
    if not head.strip(b"\xef\xbb\xbf\xff\xfe \t\r\n"):
        raise ConfigurationError(f"{shown} is empty: no header and no rows.")
    for magic, name in (
        (b"%PDF", "a PDF"), (b"7z\xbc\xaf", "a 7z archive"), (b"Rar!", "a RAR archive"), (b"SQLite format", "a database"),
        (b"\x89PNG", "a picture"), (b"\xff\xd8\xff", "a picture"), (b"{\\rtf", "a text document"),
    ):  # fmt: skip
        if head.startswith(magic):
            raise ConfigurationError(f"{shown} is {name}: give the table that is in it, as CSV or XLSX.")
    encoding = by_its_beginning(head)
    text = head.decode(encoding or "latin-1", errors="ignore").removeprefix("\ufeff").removeprefix("ï»¿").lstrip()
    if text.startswith("<"):
        return _kind_of_markup(source, text, encoding)
    if encoding is None and b"\0" in head and not _is_text_with_zeros(head):
        raise ConfigurationError(
            f"{shown} is neither text nor a table that is known here (CSV, JSON, XLSX, ODS, Parquet)."
        )
    return Kind.JSON if text.startswith(("{", "[")) else Kind.DELIMITED


def _kind_of_markup(source: Source, text: str, encoding: str | None) -> Kind:
    shown, lower = source.shown, text[:512].lower()
    is_page = lower.startswith(
        ("<!doctype html", "<html", "<head", "<body", "<table", "<script", "<meta", "<style", "<div")
    )
    if is_page or (lower.startswith(("<?xml", "<!--")) and "<html" in lower):
        with source.open() as stream:
            page = stream.read(_PAGE).decode(encoding or "latin-1", errors="ignore")
        if holds_table(page):
            return Kind.MARKUP
        raise ConfigurationError(
            f"{shown} is a web page (HTML), not a table: perhaps the page for signing in was saved instead of the export. "
            "Download it again, as CSV or XLSX."
        )
    if is_workbook_xml(text):
        return Kind.MARKUP
    raise ConfigurationError(f"{shown} is XML, not a table: export it as CSV or XLSX.")


def _is_text_with_zeros(head: bytes) -> bool:
    """Whether it is lines of text but for zeros, as cells filled up with them or a disk that was full leave them."""
    head = head.rstrip(b"\0")
    text = head.replace(b"\0", b"")
    return 2 * len(text) > len(head) and b"\n" in text and not _CONTROLS.intersection(text)


def _of_tar(source: Source) -> list[Source]:
    with source.open() as stream, tarfile.open(fileobj=_seekable(stream), mode="r:") as archive:
        members = [entry.name for entry in archive if entry.isfile() and entry.size and _is_shown(entry.name)]
    return _members(source, "tar", members)


def _of_zip(source: Source) -> list[Source]:
    with source.open() as stream:
        try:
            archive = zipfile.ZipFile(_seekable(stream))
        except zipfile.BadZipFile as error:
            raise ConfigurationError(f"{source.shown} is a broken or cut-off archive: download it again.") from error
        with archive:
            entries = archive.infolist()
            names = {entry.filename for entry in entries}
            kind = archive.read("mimetype")[:100] if "mimetype" in names else b""
    if "word/document.xml" in names or "ppt/presentation.xml" in names:
        raise ConfigurationError(f"{source.shown} is a text or slides: give the table that is in it, as CSV or XLSX.")
    if any(name.endswith(".iwa") for name in names):
        raise ConfigurationError(
            f"{source.shown} is a document of Numbers: open it there and give what File > Export To > CSV makes of it."
        )
    if "[Content_Types].xml" in names or kind.startswith(b"application/vnd.oasis"):
        return [replace(source, kind=Kind.WORKBOOK)]
    members = [
        entry for entry in entries if not entry.is_dir() and entry.file_size and _is_shown(entry.filename)
    ]  # fmt: skip
    if any(entry.flag_bits & 1 for entry in members):
        raise ConfigurationError(f"{source.shown} is protected by a password: unpack it first.")
    return _members(source, "zip", [entry.filename for entry in members])


def _is_shown(name: str) -> bool:
    """Whether a file of an archive is one that its owner sees, and none that a system has put beside."""
    return not Path(name).name.startswith((".", "__")) and not name.startswith("__MACOSX/")


def _members(source: Source, packing: str, names: Sequence[str]) -> list[Source]:
    """The tables among the files of an archive."""
    if not names:
        raise ConfigurationError(f"{source.shown} is an archive without a table in it.")
    if len(names) > _MOST_TABLES:
        raise ConfigurationError(f"{source.shown} holds {len(names):,} files: unpack it and name those that are meant.")
    found: list[Source] = []
    refused: ConfigurationError | None = None
    for name in names:
        try:
            found += _within(replace(source, layers=(*source.layers, (packing, name))))
        except ConfigurationError as error:  # a read-me or a picture beside the tables
            refused = refused or error
    if not found and refused is not None:
        raise refused
    return found


def _unpacked(stream: IO[bytes], layers: tuple[tuple[str, str], ...]) -> IO[bytes]:
    """Each layer reads the one below it, which is closed by whoever opened it."""
    for packing, member in layers:
        if packing == "gzip":
            stream = cast("IO[bytes]", gzip.GzipFile(fileobj=stream))
        elif packing == "bzip2":
            stream = cast("IO[bytes]", bz2.BZ2File(stream))
        elif packing == "xz":
            stream = cast("IO[bytes]", lzma.LZMAFile(stream))  # noqa: SIM115
        elif packing == "zstd":
            stream = cast("IO[bytes]", io.BufferedReader(_Zstandard(stream)))
        elif packing == "tar":
            stream = cast("IO[bytes]", tarfile.open(fileobj=_seekable(stream), mode="r:").extractfile(member))  # noqa: SIM115
        else:
            stream = zipfile.ZipFile(_seekable(stream)).open(member)  # noqa: SIM115
    return stream


class _Zstandard(io.RawIOBase):
    """What the library gives is no stream by all the rules."""

    def __init__(self, packed: IO[bytes]) -> None:
        self._reader = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._reader.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)


def _seekable(stream: IO[bytes]) -> IO[bytes]:
    return stream if stream.seekable() else io.BytesIO(stream.read())


def _said(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error)
