"""Reads a batch record by record, each by its own length, and says of what cannot be read where it lies and why.

Slow and patient: only batches that the ordinary way cannot read, or that hold a record of a megabyte, come here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from aiokafka.record.util import calc_crc32c

from service.errors import ErrorCode

MOST_HEADERS: Final = 10_000
"""Of one record. Each takes two bytes in the log and a hundred in memory."""
LARGEST_RECORD: Final = 10 << 20
"""Bytes of a record that is copied out of its batch: in base64 it still fits into a dead letter."""
_KEY_BYTES: Final = 64 << 10
"""Of the key of one that is not."""
_LONGEST_VARINT: Final = 10


class Readable(NamedTuple):
    """One record."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


class Broken(NamedTuple):
    """One record that cannot be handed out, with what can be read of it."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    code: ErrorCode
    message: str
    size: int
    checksum: str


class Rest(NamedTuple):
    """Nothing behind it can be read: what is missing begins here."""

    offset: int
    code: ErrorCode
    message: str


class Layout(NamedTuple):
    """What the header of the batch says of its records."""

    base: int
    last: int
    """Offset of its last record, which may have been removed by compaction."""
    records: int
    first_timestamp: int
    append_time: int | None
    """The timestamp of all of them; None where each has its own."""


class _MalformedError(Exception):
    """Within one record."""


def checksum_of(content: memoryview) -> str:
    """As dead letters name it."""
    return f"crc32c:{calc_crc32c(content):08x}"


def read_leniently(body: memoryview, layout: Layout) -> Iterator[Readable | Broken | Rest]:
    """The records of an unpacked batch, in order; `Rest` comes last, and only where something is missing."""
    at, end, previous = 0, len(body), layout.base - 1
    for _ in range(layout.records):
        try:
            length, at = _varint(body, at)
        except _MalformedError:
            length = -1
        if length < 0 or at + length > end:
            if previous < layout.last:
                yield Rest(previous + 1, ErrorCode.CORRUPT, "a record's length is wrong: no further one can be found")
            return
        found = _read_one(body, at, at + length, layout, previous)
        if not previous < found.offset <= layout.last:
            if previous < layout.last:
                yield Rest(previous + 1, ErrorCode.CORRUPT, "the records of the batch are not numbered in order")
            return
        yield found
        previous, at = found.offset, at + length
    if previous < layout.last and (at < end or layout.records < 0):
        yield Rest(
            previous + 1, ErrorCode.CORRUPT, f"the batch holds more than the {layout.records} records it speaks of"
        )


def _read_one(body: memoryview, start: int, stop: int, layout: Layout, previous: int) -> Readable | Broken:
    """What lies between `start` and `stop`."""
    record, at = body[start:stop], 1  # one byte of attributes, of which none is used
    offset, timestamp, key, value = previous + 1, -1, None, None
    code, message = ErrorCode.CORRUPT, "the record's fields do not fit into it"
    try:
        delta, at = _varint(record, at)
        timestamp = layout.first_timestamp + delta if layout.append_time is None else layout.append_time
        delta, at = _varint(record, at)
        offset = layout.base + delta
        if len(record) <= LARGEST_RECORD:
            key, at = _bytes(record, at)
            value, at = _bytes(record, at)
            count, at = _varint(record, at)
            if count <= MOST_HEADERS or 2 * count > len(record) - at:
                headers = _headers(record, at, count)
                if headers is not None:
                    return Readable(offset, timestamp, key, value, headers)
                code, message = ErrorCode.HEADER_NOT_TEXT, "the name of a header is not UTF-8"
            else:
                code, message = ErrorCode.TOO_LARGE, f"the record has {count} headers, more than {MOST_HEADERS}"
        else:
            key = _beginning(record, at)
            code, message = ErrorCode.TOO_LARGE, f"the record has {len(record)} bytes, more than {LARGEST_RECORD}"
    except _MalformedError:
        pass
    return Broken(offset, timestamp, key, value, code, message, len(record), checksum_of(record))


def _headers(record: memoryview, at: int, count: int) -> tuple[tuple[str, bytes | None], ...] | None:
    """All of a record's, which end where it does; None where a name is no text."""
    headers, named = list[tuple[str, bytes | None]](), True
    for _ in range(count):
        name, at = _bytes(record, at)
        content, at = _bytes(record, at)
        if name is None:
            raise _MalformedError
        try:
            headers.append((name.decode(), content))
        except UnicodeDecodeError:
            named = False
    if at != len(record) or count < 0:
        raise _MalformedError
    return tuple(headers) if named else None


def longest_record(body: memoryview, count: int) -> int:
    """Bytes of the longest, by their lengths alone; all of them where a length is wrong."""
    at, end, longest = 0, len(body), 0
    for _ in range(count):
        try:
            length, at = _varint(body, at)
        except _MalformedError:
            return end
        if not 0 <= length <= end - at:
            return end
        longest = max(longest, length)
        at += length
    return longest


def _varint(body: memoryview, at: int) -> tuple[int, int]:
    """A number of at most 64 bits in zigzag, and where the next thing begins."""
    number = shift = 0
    for place in range(at, min(at + _LONGEST_VARINT, len(body))):
        byte = body[place]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            number &= 0xFFFF_FFFF_FFFF_FFFF
            return (number >> 1) ^ -(number & 1), place + 1
        shift += 7
    raise _MalformedError


def _bytes(record: memoryview, at: int) -> tuple[bytes | None, int]:
    """Nothing where the length is below zero, as the format has it."""
    length, at = _varint(record, at)
    if length < 0:
        return None, at
    if at + length > len(record):
        raise _MalformedError
    return bytes(record[at : at + length]), at + length


def _beginning(record: memoryview, at: int) -> bytes | None:
    """Of the key of a record that is not copied."""
    length, at = _varint(record, at)
    return None if length < 0 else bytes(record[at : at + min(length, _KEY_BYTES)])
