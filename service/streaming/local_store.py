"""Where long lost customers lie who have left memory: an SQLite file of this process alone, which has no name.

SQLite, because it is in the standard library and so wherever Python is, has been kept well for decades, reads one
record in some microseconds, and can be told to overwrite what is deleted (`secure_delete`), as an erasure needs it;
LMDB and RocksDB leave it on the disk until its place is used again. It is a cache of the changelog: there is no
journal on the disk, nothing is synced, and what is read is held against a checksum. A worker whose store is damaged
ends, and its successor fills another one.

The file is unlinked as soon as it is open: it goes with the process, however that ends, and nobody can open it by a
name.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import weakref
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import structlog

from service.domain.folding.may_hold import MayHold
from service.errors import ConfigurationError, FatalError

_CACHE_KIB: Final = 8 << 10
"""Pages that SQLite keeps in memory."""
_SUM_BYTES: Final = 4
_READ_TOGETHER: Final = 1_000
_PRAGMAS: Final = (
    "locking_mode = EXCLUSIVE",
    "journal_mode = MEMORY",  # a full disk takes a batch back, and nothing of a person lies in a second file
    "synchronous = OFF",
    "secure_delete = ON",
    "temp_store = MEMORY",
    f"cache_size = -{_CACHE_KIB}",
)
_TABLES: Final = ("even", "odd")
"""One is filled while the other is read for the last time. Both are there from the beginning: when they change places
the disk may be full."""
_MADE: Final = "CREATE TABLE {} (digest INTEGER PRIMARY KEY, record BLOB NOT NULL)"
_CURE: Final = "A start fills another one from the changelog."

log = structlog.get_logger()


def local_store(directory: str) -> LocalStore:
    """In the directory that is set; empty: none is. Raises ConfigurationError where nothing can be put there."""
    if directory and not _takes_files(directory):
        raise ConfigurationError(
            f"limits.store_directory is {directory[:100]!r}: there is no such directory, or nothing can be written there."
        )
    return LocalStore(directory)


def _takes_files(directory: str) -> bool:
    try:
        return os.access(directory, os.W_OK | os.X_OK) and Path(directory).is_dir()
    except ValueError:  # no file system has such a name
        return False


class LocalStore:
    """Of one partition; one thread. Made with the first record: who never has one touches no disk."""

    def __init__(self, directory: str = "") -> None:
        """`directory`: empty for the system's own for what is temporary."""
        self._directory = directory
        self._connection: sqlite3.Connection | None = None
        self._table = _TABLES[0]
        self._records = 0
        self._names = MayHold()

    def __len__(self) -> int:
        return self._records

    def may_hold(self, digest: int) -> bool:
        return self._records > 0 and digest in self._names

    def write(self, records: dict[int, bytes]) -> bool:
        rows = [(digest, zlib.crc32(record).to_bytes(_SUM_BYTES, "big") + record) for digest, record in records.items()]
        try:
            connection = self._opened()
            connection.execute("BEGIN")
            try:
                connection.executemany(f"INSERT INTO {self._table} VALUES (?, ?)", rows)  # noqa: S608 - a name of its own
                connection.execute("COMMIT")
            except sqlite3.Error:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except (sqlite3.Error, OSError) as error:
            log.warning(
                "long lost customers stay in memory: they cannot be written to the local store",
                directory=self._directory or tempfile.gettempdir(),
                error=str(error),
            )
            return False
        self._records += len(rows)
        for digest in records:
            self._names.add(digest)
        return True

    def read(self, digest: int) -> bytes | None:
        row = self._asked(f"SELECT record FROM {self._table} WHERE digest = ?", (digest,))  # noqa: S608
        return None if not row else _whole(row[0][0])

    def drop(self, digest: int) -> None:
        self._asked(f"DELETE FROM {self._table} WHERE digest = ?", (digest,))  # noqa: S608
        self._records -= 1

    def all(self) -> Iterator[bytes]:
        return iter(()) if self._connection is None else self._all_of(self._table)

    def taken_over(self) -> Iterator[bytes]:
        if self._connection is None:
            return iter(())
        before, self._table = self._table, _TABLES[1 - _TABLES.index(self._table)]
        self._records, self._names = 0, MayHold()
        return self._emptied(before)

    def _emptied(self, table: str) -> Iterator[bytes]:
        yield from self._all_of(table)
        self._asked(f"DELETE FROM {table}")  # noqa: S608

    def _all_of(self, table: str) -> Iterator[bytes]:
        last = -1
        while rows := self._asked(
            f"SELECT digest, record FROM {table} WHERE digest > ? ORDER BY digest LIMIT ?",  # noqa: S608
            (last, _READ_TOGETHER),
        ):
            last = rows[-1][0]
            for _, record in rows:
                yield _whole(record)

    def close(self) -> None:
        """Nothing is left."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _asked(self, statement: str, values: tuple[int, ...] = ()) -> list[tuple[Any, ...]]:
        """Raises FatalError for a store that is damaged."""
        try:
            return self._opened().execute(statement, values).fetchall()
        except (sqlite3.Error, OSError) as error:
            raise FatalError(f"The local store of long lost customers cannot be read: {error}. {_CURE}") from error

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            descriptor, name = tempfile.mkstemp(prefix="churn-alert-", suffix=".store", dir=self._directory or None)
            os.close(descriptor)
            try:
                # Whoever forgets a store may be another thread, and closes it.
                connection = sqlite3.connect(name, isolation_level=None, check_same_thread=False)
                weakref.finalize(self, connection.close)
                for pragma in _PRAGMAS:
                    connection.execute(f"PRAGMA {pragma}")
                for table in _TABLES:
                    connection.execute(_MADE.format(table))
            finally:
                Path(name).unlink()
            self._connection = connection
        return self._connection


def _whole(kept: bytes) -> bytes:
    record = kept[_SUM_BYTES:]
    if zlib.crc32(record).to_bytes(_SUM_BYTES, "big") != kept[:_SUM_BYTES]:
        raise FatalError(
            f"The local store of long lost customers is damaged: a record is not what was written. {_CURE}"
        )
    return record
