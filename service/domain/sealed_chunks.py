"""The entries of a purchase history as they lie in memory and in the changelog: packed rows, and the sealed chunks of
one customer.

A chunk is one byte, the width of its amounts, and its rows of equal length; a sealed one ends with the local day on
which it was sealed. A row is the hashes of event_id and order_id (5 bytes each), the time with what the entry is (7),
and the amount. The ids stand first: by its first byte nearly every one is told to be another than the one looked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from service.domain.acyclic import i64, mypyc_attr
from service.domain.hashed_ids import ID_BYTES, NO_ID

CHUNK: Final = 24
"""Entries of a sealed chunk. More are written again at every visit, fewer make more records."""
MOST_CHUNKS: Final = 1_000
"""Sealed chunks of one customer, 24,000 entries: thirty a day for as long as history is kept. Who has more (all sales
without a name under one id, a producer gone wild) is known by the newest. Fewer forget a busy customer's, more make a
merge of such a customer hold up the partition."""
_TIME_AT: Final = 2 * ID_BYTES
_TIME_BYTES: Final = 7
_AMOUNT_AT: Final = _TIME_AT + _TIME_BYTES
_EARLIEST_US: Final = -(1 << 53)
_LATEST_US: Final = (1 << 53) - 1
"""1684 to 2255; what is dated beyond lies at the bound."""
_KINDS_BITS: Final = 2
_LEAST_WIDTH: Final = 2
"""Bytes of an amount below 655.36 in a currency of cents."""
_MOST_WIDTH: Final = 8
_DAY_BYTES: Final = 4
_OLD_ORDER_BYTES: Final = 19
_SCANNED: Final = 8
"""Sealed chunks that are read one after the other; beyond them there is an index."""
_TAG_BYTES: Final = 2
_NOTE_BYTES: Final = _TAG_BYTES + _DAY_BYTES

Row = tuple[bytes, bytes, int, int, int]
"""Hash of the event_id, hash of the order_id, time in µs, amount in minor units, what it is."""


def width_of(amount: int) -> int:
    """Bytes that an amount takes, at least two."""
    return max(_LEAST_WIDTH, (amount.bit_length() + 7) // 8)


def row_of(event: bytes, order: bytes, at_us: int, amount: int, what: int, width: int) -> bytes:
    """One packed entry. An amount beyond eight bytes is none of this world and is kept as the largest there is."""
    return event + order + _time_of(at_us, what) + amount.to_bytes(width, "big")


def _time_of(at_us: int, what: int) -> bytes:
    """The time with what the entry is, as it is packed."""
    if not _EARLIEST_US <= at_us <= _LATEST_US:
        at_us = max(_EARLIEST_US, min(_LATEST_US, at_us))
    return ((at_us - _EARLIEST_US) << _KINDS_BITS | what).to_bytes(_TIME_BYTES, "big")


def rows_of(chunk: bytes) -> list[Row]:
    """The entries of a chunk, open or sealed, in their order."""
    if not chunk:
        return []
    length = _AMOUNT_AT + chunk[0]
    return [
        (
            chunk[at : at + ID_BYTES],
            chunk[at + ID_BYTES : at + _TIME_AT],
            (int.from_bytes(chunk[at + _TIME_AT : at + _AMOUNT_AT], "big") >> _KINDS_BITS) + _EARLIEST_US,
            int.from_bytes(chunk[at + _AMOUNT_AT : at + length], "big"),
            chunk[at + _AMOUNT_AT - 1] & ((1 << _KINDS_BITS) - 1),
        )
        for at in range(1, 1 + (len(chunk) - 1) // length * length, length)
    ]


def appended(chunk: bytes, event: bytes, order: bytes, at_us: int, amount: int, what: int) -> bytes:
    """An open chunk with one more entry. On the hot path."""
    if not chunk:
        width = min(_MOST_WIDTH, width_of(amount))
        chunk = bytes((width,))
    else:
        width = chunk[0]
    if amount >> (8 * width):
        if width < _MOST_WIDTH:
            return appended(_widened(chunk, min(_MOST_WIDTH, width_of(amount))), event, order, at_us, amount, what)
        amount = (1 << 8 * _MOST_WIDTH) - 1
    return b"".join((chunk, event, order, _time_of(at_us, what), amount.to_bytes(width, "big")))


def _widened(chunk: bytes, width: int) -> bytes:
    """The same entries with room for larger amounts."""
    rows = [row_of(event, order, at_us, amount, what, width) for event, order, at_us, amount, what in rows_of(chunk)]
    return bytes((width,)) + b"".join(rows)


def of_order_memory(memory: bytes) -> bytes:
    """The open chunk of a customer of whom an earlier release has kept the newest three orders: 7 bytes of time, 6 of
    amount, 6 of hash each. Their event ids are known elsewhere (`Customer.seen`)."""
    chunk = b""
    for at in range(0, len(memory), _OLD_ORDER_BYTES):
        order = memory[at : at + _OLD_ORDER_BYTES]
        at_us, amount = int.from_bytes(order[:7], "big"), int.from_bytes(order[7:13], "big")
        chunk = appended(chunk, NO_ID, order[13 : 13 + ID_BYTES], at_us, amount, 0)
    return chunk


def names_either(chunk: bytes, one: bytes, other: bytes) -> bool:
    """Whether an entry of a chunk, open or sealed, has one of two hashes as one of its ids. On the hot path: both are
    looked for in one walk, and no bytes are copied but where a first byte is the same."""
    size: i64 = len(chunk)
    if not size:
        return False
    one_begins: i64 = one[0]
    other_begins: i64 = other[0]
    length: i64 = _AMOUNT_AT + chunk[0]
    at: i64 = 1
    while at + length <= size:
        event: i64 = chunk[at]
        order: i64 = chunk[at + ID_BYTES]
        if event in (one_begins, other_begins) and chunk[at : at + ID_BYTES] in (one, other):
            return True
        if order in (one_begins, other_begins) and chunk[at + ID_BYTES : at + _TIME_AT] in (one, other):
            return True
        at += length
    return False


def is_full(chunk: bytes) -> bool:
    """Whether an open chunk takes no further entry."""
    return len(chunk) > CHUNK * _AMOUNT_AT and len(chunk) > CHUNK * (_AMOUNT_AT + chunk[0])


@mypyc_attr(acyclic=True)
class Sealed:
    """The full chunks of one customer, from the oldest one kept on. They never change."""

    __slots__ = ("_buckets", "_index_until", "_news", "chunks", "following")

    def __init__(self, following: int = 0) -> None:
        self.chunks: list[bytes] = []
        self.following: int = following
        """Number of the next chunk: how many have ever been sealed."""
        self._news: dict[int, bytes | None] | None = None
        self._buckets: list[bytes] | None = None
        """By hash: the rest of it and the number of the chunk, six bytes each; None while chunks are few."""
        self._index_until: int = 0
        """Number of the chunk with which the index is made anew."""

    @property
    def first(self) -> int:
        """Number of the oldest chunk that is kept."""
        return self.following - len(self.chunks)

    @property
    def numbers(self) -> range:
        """Of the chunks that are kept."""
        return range(self.first, self.following)

    @property
    def is_indexed(self) -> bool:
        return self._buckets is not None

    def seal(self, chunk: bytes, today: int, kept_days: int) -> None:
        """Adds a full chunk on local day `today`, and drops those that were sealed more than `kept_days` before, and of
        more than MOST_CHUNKS the oldest."""
        whole = chunk + today.to_bytes(_DAY_BYTES, "big", signed=True)
        self._tell(self.following, whole)
        self.chunks.append(whole)
        self.following += 1
        stale, oldest = max(0, len(self.chunks) - MOST_CHUNKS), today - kept_days
        while int.from_bytes(self.chunks[stale][-_DAY_BYTES:], "big", signed=True) < oldest:
            stale += 1
        if stale:
            self.drop(stale)
        if self._buckets is not None and self.following < self._index_until:
            self._note(self.following - 1, whole)
        elif len(self.chunks) > _SCANNED:
            self.index()
        else:
            self._buckets = None

    def drop(self, oldest: int) -> None:
        """Forgets so many of the oldest chunks."""
        first = self.first
        for number in range(first, first + oldest):
            self._tell(number, None)
        del self.chunks[:oldest]

    def take_news(self) -> dict[int, bytes | None]:
        """What was sealed (by number) or dropped (None) since the last call."""
        news, self._news = self._news, None
        return news or {}

    def _tell(self, number: int, chunk: bytes | None) -> None:
        if self._news is None:
            self._news = {}
        self._news[number] = chunk

    def restored(self, read: Mapping[int, bytes | None]) -> None:
        """Takes over what was read: by number, None for one that was dropped."""
        self.chunks = [chunk for number, chunk in sorted(read.items()) if chunk is not None and number < self.following]
        self._buckets = None
        if len(self.chunks) > _SCANNED:
            self.index()

    def index(self) -> None:
        """Makes the index anew, for as many chunks again as there are."""
        count = 1 << (2 * len(self.chunks)).bit_length()
        self._buckets = [b""] * count
        self._index_until = self.following + len(self.chunks)
        for number, chunk in enumerate(self.chunks, self.first):
            self._note(number, chunk)

    def _note(self, number: int, chunk: bytes) -> None:
        buckets = self._buckets
        if buckets is None:
            return
        where, length = number.to_bytes(_DAY_BYTES, "big"), _AMOUNT_AT + chunk[0]
        for start in range(1, 1 + CHUNK * length, length):
            for at in (start, start + ID_BYTES):
                digest = chunk[at : at + ID_BYTES]
                if digest == NO_ID:
                    continue
                place = int.from_bytes(digest[_TAG_BYTES:], "big") & (len(buckets) - 1)
                buckets[place] += digest[:_TAG_BYTES] + where

    def holding(self, digest: bytes) -> list[int]:
        """Numbers of the chunks in which the hash stands, ascending."""
        first = self.first
        buckets = self._buckets
        if buckets is None:
            return [number for number, chunk in enumerate(self.chunks, first) if names_either(chunk, digest, digest)]
        bucket = buckets[int.from_bytes(digest[_TAG_BYTES:], "big") & (len(buckets) - 1)]
        tag, found = digest[:_TAG_BYTES], set[int]()
        at = bucket.find(tag)
        while at >= 0:
            if at % _NOTE_BYTES == 0:
                number = int.from_bytes(bucket[at + _TAG_BYTES : at + _NOTE_BYTES], "big")
                another = number >= first and number not in found
                if another and names_either(self.chunks[number - first], digest, digest):
                    found.add(number)
            at = bucket.find(tag, at + 1)
        return sorted(found)

    def holds_either(self, one: bytes, other: bytes) -> bool:
        """Whether one of two hashes stands in a chunk."""
        if self._buckets is not None:
            return bool(self.holding(one)) or bool(self.holding(other))
        for chunk in self.chunks:  # noqa: SIM110 - on the hot path, where a generator costs more than what it yields
            if names_either(chunk, one, other):
                return True
        return False

    def newest(self, most_bytes: int) -> dict[int, bytes]:
        """By number, the newest chunks of no more bytes than that."""
        found: dict[int, bytes] = {}
        left = most_bytes
        for at in range(len(self.chunks) - 1, -1, -1):
            left -= len(self.chunks[at])
            if left < 0:
                break
            found[self.first + at] = self.chunks[at]
        return found

    def numbered(self) -> Iterator[tuple[int, bytes]]:
        """The chunks with their numbers, the oldest first."""
        return enumerate(self.chunks, self.first)
