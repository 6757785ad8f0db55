"""Who is long lost: folded in memory, or stored away beyond it, and taken back when there is something to do with them.

Nothing that can be seen depends on where a customer lies. They are folded in stream time, some at the end of each
turn; what is too large for memory, and beyond a ceiling those who have been away longest, is kept in a store outside of
it. The store is a cache: it is filled anew from the changelog at each start, and may be lost with the process.

A date of a folded customer is kept by day, eight bytes each: on that day they are as they were.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from typing import Any, Final, Protocol

from service.domain.calendar import DAY_US, NEVER
from service.domain.customer import Customer
from service.domain.customer_record import restore
from service.domain.folding.record import Folding
from service.domain.folding.shelves import (
    LONGEST,
    LONGEST_ID,
    OVERHEAD,
    Shelves,
    day_of,
    hash_of,
    name_of,
    packed_of,
    record_of,
)

MOST_IN_MEMORY: Final = 120
"""Bytes of a folded customer, all in all; who takes more leaves memory at once, where there is a store."""
_DATE_BYTES: Final = 8
_READ: Final = (1 << 16) - 1
"""In place of a day: what is packed is a snapshot as it was read, of which nothing else is known yet."""
_SHELVES_A_TURN: Final = 128
"""Looked through for those who leave memory."""
_SLACK: Final = 32
"""When some have to leave, one in so many of the folded leaves, so that the shelves are not looked through for each."""
_BATCH: Final = 512
"""Records that are written to the store together."""
_TRIED_AGAIN: Final = 10_000
"""Turns after which a store that has refused is tried again: a disk that was full may have room by then."""


class Store(Protocol):
    """Records beyond memory, by hash. Gone with the process."""

    def write(self, records: dict[int, bytes]) -> bool:
        """Takes them all, or none: False."""

    def read(self, digest: int) -> bytes | None:
        """None: there is none."""

    def drop(self, digest: int) -> None:
        """Nothing of the record may be left."""

    def may_hold(self, digest: int) -> bool:
        """False: there is none, for sure. Costs no access to it."""

    def all(self) -> Iterator[bytes]:
        """All records; nothing may be written meanwhile."""

    def taken_over(self) -> Iterator[bytes]:
        """All records of before this call; what is written from the call on is not among them. None of them is there
        any more when the last has been given."""

    def __len__(self) -> int: ...


class Attic:
    """Of one partition."""

    def __init__(self, most_in_memory: int = NEVER, store: Store | None = None) -> None:
        """`most_in_memory`: customers of this partition who are in memory, folded or not, at most; only those who are
        folded can leave it."""
        self.most_in_memory = most_in_memory
        self._store = store
        self._folding = Folding()
        self._shelves = Shelves()
        self._dates: dict[int, array[int]] = {}
        self._by_day: dict[int, int] = {}
        """Of those in memory: local day of the last sign of life → how many."""
        self._leaving: dict[int, bytes] = {}
        """On the way to the store."""
        self._sweep_at = -1
        """The next shelf to be looked through for those who leave; −1: nobody has to."""
        self._sweep_until = 0
        self.refused = False
        """Whether the store has refused lately: nobody leaves memory."""
        self._turns_since = 0
        """It did."""

    def let_go(self) -> list[dict[Any, Any] | list[Any]]:
        """Nobody goes on with it. Returns what holds much in memory."""
        return [self._shelves.let_go(), self._dates, self._leaving]

    # ---- how many

    @property
    def folded(self) -> int:
        """In memory."""
        return self._shelves.records

    @property
    def away(self) -> int:
        """Beyond memory."""
        return len(self._leaving) + (0 if self._store is None else len(self._store))

    @property
    def size(self) -> int:
        """Bytes of those who are folded in memory, without their dates."""
        return self._shelves.size

    # ---- one customer

    def put(self, customer: Customer) -> int | None:
        """Folds the customer. Returns the day on which they are to come back at the latest, −1: on none; None: they
        cannot be folded."""
        name = customer.customer_id.encode()
        if len(name) > LONGEST_ID or (customer.episode.withheld and not customer.episode.rare()):
            return None
        packed = self._folding.folded(customer)
        wake = customer.wake_us
        day = -1 if wake >= NEVER else wake // DAY_US
        record = record_of(name, max(customer.last_us, customer.sign_us) // DAY_US, packed)
        if len(record) > LONGEST:
            return None
        digest = hash_of(customer.customer_id)
        size = len(record) + OVERHEAD + (0 if day < 0 else _DATE_BYTES)
        if size <= MOST_IN_MEMORY or not self._leave(digest, record):
            self._keep(digest, record)
        if day >= 0:
            dates = self._dates.get(day)
            if dates is None:
                dates = self._dates[day] = array("q")
            dates.append(digest)
        return day

    def take(self, customer_id: str) -> Customer | None:
        """Takes the customer back; None: they are not here."""
        record = self._take(hash_of(customer_id), customer_id.encode())
        return None if record is None else self._opened(record)

    def peek(self, customer_id: str) -> Customer | None:
        """A copy of the customer, to be read; None: they are not here."""
        record = self._find(hash_of(customer_id), customer_id.encode())
        return None if record is None else self._opened(record)

    def holds(self, customer_id: str) -> bool:
        return self._find(hash_of(customer_id), customer_id.encode()) is not None

    def due(self, day: int) -> list[Customer]:
        """Takes back who has a date on that day, or had one."""
        found: list[Customer] = []
        for digest in self._dates.pop(day, ()):
            records = self._shelves.of_hash(digest)
            record = self._read(digest)
            if record is not None:
                records.append(record)
            for each in records:
                self._take(digest, name_of(each))
                found.append(self._opened(each))
        return found

    def names(self) -> Iterator[str]:
        """Ids of those who are folded in memory."""
        for record in self._shelves.all():
            yield name_of(record).decode()

    def read_all(self) -> Iterator[Customer]:
        """Copies of all, to be read."""
        self.flush()
        for record in self._shelves.all():
            yield self._opened(record)
        if self._store is not None:
            for record in self._store.all():
                yield self._opened(record)

    def _opened(self, record: bytes) -> Customer:
        name = name_of(record).decode()
        if day_of(record) == _READ:
            return restore(name, packed_of(record))
        return self._folding.unfolded(name, packed_of(record))

    def _find(self, digest: int, name: bytes) -> bytes | None:
        record = self._shelves.find(digest, name)
        if record is None:
            record = self._read(digest)
            if record is not None and name_of(record) != name:
                return None
        return record

    def _take(self, digest: int, name: bytes) -> bytes | None:
        record = self._shelves.take(digest, name)
        if record is not None:
            self._note(record, -1)
            return record
        record = self._read(digest)
        if record is None or name_of(record) != name:
            return None
        if self._leaving.pop(digest, None) is None and self._store is not None:
            self._store.drop(digest)
        return record

    def _read(self, digest: int) -> bytes | None:
        """What is, or is about to be, in the store."""
        store = self._store
        if store is None:
            return None
        record = self._leaving.get(digest)
        return store.read(digest) if record is None and store.may_hold(digest) else record

    def _keep(self, digest: int, record: bytes) -> None:
        self._shelves.add(digest, record)
        self._note(record, 1)

    def _note(self, record: bytes, change: int) -> None:
        day = day_of(record)
        left = self._by_day.get(day, 0) + change
        if left:
            self._by_day[day] = left
        else:
            del self._by_day[day]

    # ---- beyond memory

    def _leave(self, digest: int, record: bytes) -> bool:
        """The record leaves memory. Returns whether it can: there is a store, and nobody else has the hash in it."""
        if self._store is None or self.refused or self._read(digest) is not None:
            return False
        self._leaving[digest] = record
        if len(self._leaving) >= _BATCH:
            self.flush()
        return True

    def flush(self) -> None:
        """Writes who has left to the store. Where it refuses (a full disk), they stay in memory."""
        store, leaving = self._store, self._leaving
        if store is None or not leaving:
            return
        self._leaving = {}
        if not store.write(leaving):
            self.refused = True
            for digest, record in leaving.items():
                self._keep(digest, record)

    def relieve(self, objects: int) -> None:
        """The end of a turn: while there are more in memory than may be, with so many who are not folded, a part of
        those who have been away longest leaves."""
        if self._store is None or not self._may_be_tried():
            return
        if self._sweep_at < 0:
            if objects + self._shelves.records <= self.most_in_memory or not self._shelves.records:
                return
            excess = objects + self._shelves.records - self.most_in_memory
            self._begin_sweep(max(excess, self._shelves.records // _SLACK))
        end = min(len(self._shelves), self._sweep_at + _SHELVES_A_TURN)
        for place in range(self._sweep_at, end):
            self._sweep(place)
        self._sweep_at = -1 if end == len(self._shelves) else end

    def _may_be_tried(self) -> bool:
        """Whether the store has not refused, or long ago."""
        if self.refused:
            self._turns_since += 1
            if self._turns_since >= _TRIED_AGAIN:
                self.refused, self._turns_since = False, 0
        return not self.refused

    def _begin_sweep(self, wanted: int) -> None:
        self._sweep_at, found = 0, 0
        for day in sorted(self._by_day):
            found += self._by_day[day]
            self._sweep_until = day
            if found >= wanted:
                break

    def _sweep(self, place: int) -> None:
        records = self._shelves.shelf(place)
        kept = [record for record in records if day_of(record) > self._sweep_until]
        if len(kept) == len(records):
            return
        leaving = [record for record in records if day_of(record) <= self._sweep_until]
        self._shelves.put_back(place, kept)
        for record in leaving:
            self._note(record, -1)
            digest = hash_of(name_of(record).decode())
            if not self._leave(digest, record):
                self._keep(digest, record)

    # ---- a state that is read back

    def hold(self, name: bytes, snapshot: bytes, objects: int) -> bool:
        """A customer's snapshot was read, and waits as it is for `everybody`. Nobody of that id may be here. Returns
        whether it does: a name may be too long."""
        if len(name) > LONGEST_ID or len(snapshot) > LONGEST - LONGEST_ID - _READ:
            return False
        record, digest = record_of(name, _READ, snapshot), hash_of(name.decode())
        if objects + self._shelves.records < self.most_in_memory or not self._leave(digest, record):
            self._keep(digest, record)
        return True

    def everybody(self) -> Iterator[Customer]:
        """Takes all back, one after the other, while those who were given may be folded again."""
        self.flush()
        shelves, self._shelves = self._shelves, Shelves()
        self._dates, self._by_day, self._sweep_at = {}, {}, -1
        away: Iterable[bytes] = () if self._store is None else self._store.taken_over()
        for record in shelves.emptied():
            yield self._opened(record)
        for record in away:
            yield self._opened(record)
