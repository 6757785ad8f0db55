"""The customers of one partition: who is in memory, folded or as an object, and of whom something is to be written.

Whoever is folded lies in the attic (folding/attic.py), and is the same customer to all who ask here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from service.domain.changelog import chunk_key
from service.domain.customer import Customer
from service.domain.customer_record import restore, snapshot
from service.domain.folding.attic import Attic
from service.domain.stumbling import CustomerError, LaterReleaseError


class Roster:
    """Of one partition."""

    def __init__(self, attic: Attic | None, *, keeps_records: bool) -> None:
        """`attic`: where customers lie who are long lost; None: everybody stays as they are. `keeps_records`: whether
        snapshots of who has changed are wanted."""
        self.attic: Final = attic
        self._keeps_records = keeps_records
        self.customers: dict[str, Customer] = {}
        """Those who are not folded, by id."""
        self.aside: set[str] = set()
        """Customers whose dates do not come up, because an error of our own did when they did: nothing is decided about
        them, and what they do counts. Told before the state has been read back."""
        self.is_aside: Callable[[str], bool] | None = None
        """Whether a customer who is new is to be one of them; None: none is."""
        self.unreadable: set[str] = set()
        """Customers whose stored state cannot be read. It is left as it is, and nothing of them may be applied but an
        erasure."""
        self._touched: dict[str, Customer] = {}
        """Whose snapshot is to be written, by id."""
        self._records: dict[bytes, bytes | None] = {}
        """What else is to be written: sealed chunks of histories, and None for what is gone."""
        self._chunks_read: dict[str, dict[int, bytes | None]] = {}
        """Sealed chunks that were read back and not yet taken over, by customer_id and number."""

    # ---- who is here

    def customer(self, customer_id: str) -> Customer | None:
        """What is known of a customer, to be read: of who is folded a copy. None: nothing."""
        customer = self.customers.get(customer_id)
        if customer is None and self.attic is not None:
            customer = self.attic.peek(customer_id)
        return customer

    def read(self, customer_id: str) -> Customer:
        """The same of somebody who is here. Raises KeyError for anybody else."""
        customer = self.customer(customer_id)
        if customer is None:
            raise KeyError(customer_id)
        return customer

    def knows(self, customer_id: str) -> bool:
        """Whether there is a customer of that id, folded or not."""
        return customer_id in self.customers or (self.attic is not None and self.attic.holds(customer_id))

    def ids(self) -> Iterator[str]:
        """Of everybody who is in memory, folded or not."""
        yield from self.customers
        if self.attic is not None:
            yield from self.attic.names()

    def everybody(self) -> Iterator[Customer]:
        """All of them, to be read; in no order."""
        yield from self.customers.values()
        if self.attic is not None:
            yield from self.attic.read_all()

    def unfold_due(self, day: int) -> list[Customer]:
        """Who is folded and has a date on that day is as before."""
        if self.attic is None:
            return []
        found = self.attic.due(day)
        for customer in found:
            self.customers[customer.customer_id] = customer
        return found

    # ---- what is to be written

    def touch(self, customer: Customer) -> None:
        """The customer's snapshot is to be written."""
        if self._keeps_records:
            self._touched[customer.customer_id] = customer

    def is_touched(self, customer_id: str) -> bool:
        """Whether it is."""
        return customer_id in self._touched

    def tell_chunks(self, customer: Customer) -> None:
        """Chunks of the history that were sealed or dropped are to be written."""
        sealed = customer.sealed
        if sealed is not None:
            for number, chunk in sealed.take_news().items():
                self._records[chunk_key(customer.customer_id, number)] = chunk

    def remove(self, customer: Customer) -> None:
        """Nothing is left of the customer under this id, here or in what is stored."""
        customer_id = customer.customer_id
        del self.customers[customer_id]
        self._touched.pop(customer_id, None)
        if customer.sealed is not None:
            customer.sealed.drop(len(customer.sealed.chunks))
            self.tell_chunks(customer)
        self._records[customer_id.encode()] = None

    def give_up_unreadable(self, customer_id: str) -> bool:
        """What is stored of the customer, and cannot be read, is to be deleted. Returns whether there was such."""
        if customer_id not in self.unreadable:
            return False
        self.unreadable.discard(customer_id)
        self._records[customer_id.encode()] = None
        return True

    @property
    def waiting(self) -> int:
        """Records that are to be written."""
        return len(self._touched) + len(self._records)

    def changed_records(self) -> list[tuple[bytes, bytes | None]]:
        """Those records; they are to be written until `written` is told. Raises CustomerError for an error of our
        own."""
        made: list[tuple[bytes, bytes | None]] = []
        add = made.append
        for customer_id, customer in self._touched.items():
            try:
                add((customer_id.encode(), snapshot(customer)))
            except Exception as error:
                raise CustomerError(customer_id) from error
        made.extend(self._records.items())
        return made

    def written(self) -> None:
        """Nothing of before is to be written any more."""
        self._touched.clear()
        self._records.clear()

    # ---- a state that is read back

    def restore(self, key: bytes, value: bytes | None) -> None:
        """A customer's record. Where customers are folded it waits as it is. Raises LaterReleaseError."""
        customer_id, attic = key.decode(), self.attic
        customer: Customer | None = None
        if value is not None:
            try:
                customer = restore(customer_id, value)
            except LaterReleaseError:
                raise
            except Exception:  # noqa: BLE001 - whatever is wrong with it is this one customer's
                self.unreadable.add(customer_id)
        if value is None or customer is not None:
            self.unreadable.discard(customer_id)
        before = self.customers.get(customer_id)
        if before is None and attic is not None:
            before = attic.take(customer_id)
        if customer is None or value is None:
            self.customers.pop(customer_id, None)
            return
        if attic is None or not attic.hold(key, value, len(self.customers)):
            self.customers[customer_id] = customer
        else:
            self.customers.pop(customer_id, None)
        if before is not None and before.sealed is not None:
            chunks = self._chunks_read.setdefault(customer_id, {})
            for number, sealed in before.sealed.numbered():
                chunks.setdefault(number, sealed)

    def restore_chunk(self, customer_id: str, number: int, value: bytes | None) -> None:
        """A sealed chunk of a customer's history."""
        self._chunks_read.setdefault(customer_id, {})[number] = value

    def join_chunks(self, customer: Customer) -> None:
        """The chunks of the history that were read, and belong to the customer."""
        chunks = self._chunks_read.pop(customer.customer_id, None)
        if chunks is not None and customer.sealed is not None:
            customer.sealed.restored(chunks)

    def let_go(self) -> list[dict[Any, Any] | list[Any]]:
        """Nobody goes on with it: it knows nobody any more who knows it. Returns what holds much."""
        self.is_aside = None
        folded: list[dict[Any, Any] | list[Any]] = [] if self.attic is None else self.attic.let_go()
        return [self._touched, self._records, self._chunks_read, self.customers, *folded]

    def restored(self) -> None:
        """Everybody has been read back; chunks of who is not there are nobody's."""
        self._chunks_read = {}
