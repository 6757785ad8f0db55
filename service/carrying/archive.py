"""The file that a state is exported to (docs/operations/state-file.md describes it for those who read it otherwise).

Gzip of lines of JSON: a header that says what it is; one line for each record, `[topic, partition, key, value]`, the
last two in base64 and partitions in ascending order; a summary of how far the inputs are contained; and an end with the
number of records and the SHA-256 of all lines before it. Without its end, or with another sum, a file is not whole, and
nothing of it is used.

It names persons: only its owner may read it (mode 0600).
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from service.domain.changelog import Form
from service.errors import ConfigurationError
from service.streaming.made_under import MadeUnder
from service.wire.ours import NOT_OURS

FORMAT: Final = "churn-alert-state"
VERSION: Final = 1
STATE, LEDGER = "state", "ledger"
_LEVEL: Final = 3
"""Of compression: records are small and alike; more takes several times as long for a tenth."""

_encode = msgspec.json.Encoder().encode


class InputRead(msgspec.Struct):
    """How far a state contains one input."""

    topic: str
    positions: list[int]
    """The next offset of each partition."""
    unread: int = 0
    """How far these fell short of the ends at the export; 0: everything had been applied."""
    id: str = ""
    """Of the topic that the state has read, as its cluster tells one topic of a name from the next, in hexadecimal;
    empty: not known."""


class Header(msgspec.Struct, kw_only=True):
    """What a file is of. New fields have defaults; a release refuses a version above its own."""

    format: str = FORMAT
    version: int = VERSION
    made_by: str
    """The release that wrote it."""
    exported_at: str
    """UTC, RFC 3339."""
    group: str
    cluster: str
    """The id that the cluster gives itself."""
    partitions: int
    partitioner: str
    """The function by which customers belong to partitions; empty: nothing has told yet."""
    made_under: MadeUnder
    secret: str
    """Which secret keyed erased ids and the control group (engines.secret_mark); empty: the group's name did."""
    keyed: str
    """The key that was made of the group's name, in base64."""
    compacted: dict[str, str]
    """Outputs that a new cluster needs: kind → topic; their records stand beside the state's."""
    names_persons: bool = True


class Summary(msgspec.Struct):
    """What is known when all records have been written. New fields have defaults."""

    inputs: dict[str, InputRead]
    """By channel: purchases, surveys, customers, and carried (what partitions have carried to each other)."""


class Entry(NamedTuple):
    """One record. `topic` is STATE, LEDGER or a kind of `Header.compacted`."""

    topic: str
    partition: int
    key: bytes
    value: bytes


class Written(NamedTuple):
    """What a file holds."""

    records: int
    bytes: int


def write_archive(path: Path, header: Header, entries: Iterable[Entry], summary: Callable[[], Summary]) -> Written:
    """`summary` is asked for after the last record. Raises ConfigurationError where the file is there already or cannot
    be written; then nothing is left of it."""
    partial = path.with_name(path.name + ".partial")
    records, digest = 0, hashlib.sha256()
    try:
        if path.exists():
            raise ConfigurationError(f"{path} is there already: name another file, or take that one away.")
        partial.unlink(missing_ok=True)
        with open(partial, "wb", opener=_for_its_owner_only) as file:
            with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=_LEVEL, filename="", mtime=0) as packed:
                _put(packed, digest, _encode(header))
                for entry in entries:
                    records += 1
                    key, value = base64.b64encode(entry.key).decode(), base64.b64encode(entry.value).decode()
                    _put(packed, digest, _encode((entry.topic, entry.partition, key, value)))
                _put(packed, digest, _encode(summary()))
                packed.write(_encode({"records": records, "sha256": digest.hexdigest()}) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
    return Written(records, path.stat().st_size)


def _for_its_owner_only(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_EXCL, 0o600)


def _put(packed: gzip.GzipFile, digest: Any, line: bytes) -> None:
    digest.update(line + b"\n")
    packed.write(line + b"\n")


class Archive:
    """A file that has been found whole."""

    def __init__(self, path: Path) -> None:
        """Reads all of it once. Raises ConfigurationError for what is no whole file of this or an earlier release."""
        self._path = path
        first: bytes | None = None
        lines, digest, before, line = 0, hashlib.sha256(), b"", b""
        for following in self._lines():
            if first is None:
                first = following
            digest.update(line)
            before, line = line, following
            lines += 1
        if first is None:
            raise self._refused("it is empty")
        self.header = self._header(first)
        try:
            end = msgspec.json.decode(line, type=dict[str, int | str])
        except NOT_OURS:
            raise self._refused("it ends in the middle") from None
        self.records = lines - 3
        if end != {"records": self.records, "sha256": digest.hexdigest()}:
            raise self._refused("its checksum is another: it was changed, or ends in the middle")
        self.inputs = self._decoded(before, Summary).inputs

    def entries(self) -> Iterator[Entry]:
        """In the order in which they were written."""
        for number, line in enumerate(self._lines()):
            if 0 < number <= self.records:
                topic, partition, key, value = self._decoded(line, tuple[str, int, str, str])
                yield Entry(topic, partition, base64.b64decode(key), base64.b64decode(value))

    def _header(self, line: bytes) -> Header:
        said = self._decoded(line, dict[str, Any])
        if said.get("format") != FORMAT:
            raise self._refused("it is no state that `churn-alert state export` has written")
        version = said.get("version")
        if not isinstance(version, int) or version > VERSION:
            raise self._refused(f"it is of version {version}, which needs a newer release; this one knows {VERSION}")
        return self._decoded(line, Header)

    def _decoded(self, line: bytes, form: type[Form]) -> Form:
        try:
            return msgspec.json.decode(line, type=form)
        except NOT_OURS as error:
            raise self._refused(f"it holds what is no such record ({error})") from error

    def _lines(self) -> Iterator[bytes]:
        try:
            with gzip.open(self._path, "rb") as file:
                yield from file
        except OSError as error:  # gzip.BadGzipFile is one
            raise self._refused(error.strerror or "it is no gzip file") from error
        except (EOFError, zlib.error) as error:
            raise self._refused("it ends in the middle, or was changed") from error

    def _refused(self, why: str) -> ConfigurationError:
        return ConfigurationError(f"{self._path} cannot be imported: {why}.")
