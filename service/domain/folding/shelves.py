"""Where packed customers lie in memory: some eight together in one piece of bytes, found by the hash of their id.

An object and a slot of a table for each would weigh more than what they hold. So a shelf is all its records, one behind
the other, and is made anew when one is added or taken out. Shelves grow in number one at a time, by linear hashing
(Litwin 1980): a customer more costs at most one shelf divided in two, and there is no pause however many there are.

A record is its length (3 bytes), the length of the id (1), the id, a day (2) and what was packed. The hash is Python's
own of the text, which differs from process to process: nothing here outlives one, and nothing that can be seen depends
on the order of shelves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

RECORDS: Final = 8
"""Of a shelf, on average: more make a look-up longer, fewer cost more bytes each."""
LONGEST_ID: Final = 255
LONGEST: Final = (1 << 24) - 1
_LENGTH_BYTES: Final = 3
_ID_AT: Final = _LENGTH_BYTES + 1
_DAY_BYTES: Final = 2
_HASH_BITS: Final = 60
_LAST_DAY: Final = (1 << 8 * _DAY_BYTES) - 1
_FIRST_SHELVES: Final = 16
OVERHEAD: Final = _ID_AT + _DAY_BYTES + 8
"""Bytes of a record beside its id and what is packed, with its part of a shelf."""


def hash_of(customer_id: str) -> int:
    """Of this process alone."""
    return hash(customer_id) & ((1 << _HASH_BITS) - 1)


def record_of(name: bytes, day: int, packed: bytes) -> bytes:
    """`name`: the id, of LONGEST_ID bytes at most; the whole is of LONGEST at most."""
    length = 1 + len(name) + _DAY_BYTES + len(packed)
    return b"".join(
        (
            length.to_bytes(_LENGTH_BYTES, "big"),
            bytes((len(name),)),
            name,
            max(0, min(_LAST_DAY, day)).to_bytes(_DAY_BYTES, "big"),
            packed,
        )
    )


def name_of(record: bytes) -> bytes:
    """The id."""
    return record[_ID_AT : _ID_AT + record[_LENGTH_BYTES]]


def day_of(record: bytes) -> int:
    at = _ID_AT + record[_LENGTH_BYTES]
    return int.from_bytes(record[at : at + _DAY_BYTES], "big")


def packed_of(record: bytes) -> bytes:
    return record[_ID_AT + record[_LENGTH_BYTES] + _DAY_BYTES :]


def records_of(shelf: bytes) -> list[bytes]:
    """One after the other."""
    found: list[bytes] = []
    at, size = 0, len(shelf)
    while at < size:
        end = at + _LENGTH_BYTES + int.from_bytes(shelf[at : at + _LENGTH_BYTES], "big")
        found.append(shelf[at:end])
        at = end
    return found


class Shelves:
    """Records by id. Each id once; that is the caller's to see to."""

    def __init__(self) -> None:
        self._shelves: list[bytes] = [b""] * _FIRST_SHELVES
        self._whole = _FIRST_SHELVES
        """A power of two: so many shelves were there before the present round of dividing."""
        self.records = 0
        self.size = 0

    def let_go(self) -> list[bytes]:
        """Nobody goes on with them. Returns what holds them all."""
        return self._shelves

    def __len__(self) -> int:
        """Of shelves."""
        return len(self._shelves)

    def _place(self, digest: int) -> int:
        place = digest & (2 * self._whole - 1)
        return place if place < len(self._shelves) else digest & (self._whole - 1)

    def add(self, digest: int, record: bytes) -> None:
        place = self._place(digest)
        self._shelves[place] += record
        self.records += 1
        self.size += len(record)
        if self.records > RECORDS * len(self._shelves):
            self._divide()

    def find(self, digest: int, name: bytes) -> bytes | None:
        """The record of that id; None: there is none."""
        shelf = self._shelves[self._place(digest)]
        if not shelf:
            return None
        at = self._find_in(shelf, name)
        return (
            None if at < 0 else shelf[at : at + _LENGTH_BYTES + int.from_bytes(shelf[at : at + _LENGTH_BYTES], "big")]
        )

    def take(self, digest: int, name: bytes) -> bytes | None:
        """The same, and takes it out."""
        place = self._place(digest)
        shelf = self._shelves[place]
        if not shelf:
            return None
        at = self._find_in(shelf, name)
        if at < 0:
            return None
        end = at + _LENGTH_BYTES + int.from_bytes(shelf[at : at + _LENGTH_BYTES], "big")
        self._shelves[place] = shelf[:at] + shelf[end:]
        self.records -= 1
        self.size -= end - at
        return shelf[at:end]

    def _find_in(self, shelf: bytes, name: bytes) -> int:
        """Where the record of that id begins; −1: nowhere. Most who are looked for are not there, which one search for
        their id tells."""
        wanted = bytes((len(name),)) + name
        if shelf.find(wanted) < 0:
            return -1
        at, size = 0, len(shelf)
        while at < size:
            if shelf.startswith(wanted, at + _LENGTH_BYTES):
                return at
            at += _LENGTH_BYTES + int.from_bytes(shelf[at : at + _LENGTH_BYTES], "big")
        return -1

    def of_hash(self, digest: int) -> list[bytes]:
        """All records whose id has that hash."""
        shelf = self._shelves[self._place(digest)]
        return [record for record in records_of(shelf) if hash_of(name_of(record).decode()) == digest]

    def shelf(self, place: int) -> list[bytes]:
        """The records of one shelf."""
        return records_of(self._shelves[place])

    def put_back(self, place: int, records: list[bytes]) -> None:
        """In place of what lay on that shelf, some of it."""
        before, kept = self._shelves[place], b"".join(records)
        self.records -= len(records_of(before)) - len(records)
        self.size -= len(before) - len(kept)
        self._shelves[place] = kept

    def all(self) -> Iterator[bytes]:
        for shelf in self._shelves:
            yield from records_of(shelf)

    def emptied(self) -> Iterator[bytes]:
        """All records, of which none is there any more when the last has been given; nothing may be added meanwhile."""
        for place, shelf in enumerate(self._shelves):
            self._shelves[place] = b""
            yield from records_of(shelf)
        self._shelves, self._whole = [b""] * _FIRST_SHELVES, _FIRST_SHELVES
        self.records = self.size = 0

    def _divide(self) -> None:
        """One shelf more: that of the next place in this round is divided by one bit more of the hash."""
        place = len(self._shelves) - self._whole
        shelf, kept, moved = self._shelves[place], list[bytes](), list[bytes]()
        for record in records_of(shelf):
            stays = hash_of(name_of(record).decode()) & (2 * self._whole - 1) == place
            (kept if stays else moved).append(record)
        self._shelves[place] = b"".join(kept)
        self._shelves.append(b"".join(moved))
        if len(self._shelves) == 2 * self._whole:
            self._whole *= 2
