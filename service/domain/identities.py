"""Which ids are whose: those that are another customer's since a merge, those that were erased, and what the partitions
of both have to tell each other.

An id of this partition leads to the customer it has become, wherever that one lives. An id of another partition whose
customer has moved here is known here as well, so that a merge or an erasure of the customer reaches it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final

from service.domain.changelog import ERASED_PREFIX, MERGED_PREFIX
from service.domain.parcels import Applied, Arrival, IdErased, Moved, Parcel


def _nowhere(customer_id: str) -> bool:  # noqa: ARG001 - the signature of the question
    return False


def _hash(customer_id: str, key: bytes) -> bytes:
    return hashlib.blake2b(customer_id.encode(), digest_size=16, key=key).digest()


_PARCEL_BYTES: Final = 300
"""Of one without a customer's state."""


def _size_of(event: Applied) -> int:
    if not isinstance(event, Arrival):
        return _PARCEL_BYTES
    return _PARCEL_BYTES + len(event.snapshot) + sum(map(len, event.chunks.values())) + 5 * len(event.days)


MOST_IDS: Final = 1_000
"""Of one customer. Each is told anew when the customer becomes another one: a chain of merges costs so many records a
link at most. Devices and sessions of the busiest customers are a few dozen a year."""


class Identities:
    """Of one partition."""

    def __init__(self, salt: bytes, former_salt: bytes | None = None) -> None:
        """`former_salt`: the key by which an installation without a secret has hashed erased ids; None: the same."""
        self.into: dict[str, str] = {}
        """Ids that are another customer's since a merge → that customer's id."""
        self._ids_of: dict[str, set[str]] = {}
        self.erased: set[bytes] = set()
        """Keyed hashes of erased ids."""
        self._salt = salt[:64]
        self._former_salt = None if former_salt is None else former_salt[:64]
        self.elsewhere: Callable[[str], bool] = _nowhere
        """Whether an id belongs to another partition."""
        self._records: dict[bytes, bytes | None] = {}
        self._parcels: list[Parcel] = []

    def keyed_before(self, key: bytes) -> None:
        """The state began in another group: erased ids without a secret were hashed with that one's key."""
        if self._former_salt is None:
            self._salt = key[:64]
        else:
            self._former_salt = key[:64]

    @property
    def former_salt(self) -> bytes | None:
        """What has keyed the hashes before there was a secret; None: there is none."""
        return self._former_salt

    def let_go(self) -> list[dict[Any, Any] | set[Any]]:
        """Nobody goes on with them: they know nobody any more who knows them. Returns what holds much."""
        self.elsewhere = _nowhere
        return [self.into, self._ids_of, self.erased]

    # ---- ids of one customer

    def of(self, customer_id: str) -> list[str]:
        """Ids that are this customer's since a merge."""
        return sorted(self._ids_of.get(customer_id, ()))

    def too_many(self, old_id: str, new_id: str) -> bool:
        """Whether both together have more ids than one customer may, as far as is known here."""
        return len(self._ids_of.get(old_id, ())) + len(self._ids_of.get(new_id, ())) >= MOST_IDS

    def send_on(self, old_id: str, new_id: str) -> None:
        """Later events of the one are the other's."""
        self._forget(old_id)
        self.into[old_id] = new_id
        self._ids_of.setdefault(new_id, set()).add(old_id)
        self._records[MERGED_PREFIX + old_id.encode()] = new_id.encode()

    def stays(self, old_id: str) -> None:
        """The id is a customer's own."""
        self._forget(old_id)
        self._records[MERGED_PREFIX + old_id.encode()] = None

    def _forget(self, old_id: str) -> None:
        before = self.into.pop(old_id, None)
        if before is not None:
            ids = self._ids_of[before]
            ids.discard(old_id)
            if not ids:
                del self._ids_of[before]

    def lead_on(self, event: Applied, into: str) -> bool:
        """The event's id is that of `into` since a merge. Returns whether that one is of this partition; if not, the
        event is on its way to it."""
        if self.elsewhere(into):
            if isinstance(event, Arrival) and event.brings(into) and event.customer_id < into:
                # Each of the two was merged into the other at once: the id that sorts first stays.
                self.stays(event.customer_id)
                return True
            self.send(into, event)
            event.customer_id = into
            return False
        event.customer_id = into
        return True

    def move_all(self, customer_id: str, new_id: str, now_us: int) -> None:
        """The customer's other ids are those of `new_id`, who lives elsewhere."""
        for known in self.of(customer_id):
            if self.elsewhere(known):
                self.stays(known)
                self.send(known, Moved(known, now_us, new_id))
            else:
                self.send_on(known, new_id)

    # ---- erased ids

    def is_erased(self, customer_id: str) -> bool:
        if not self.erased:
            return False
        if self._erasure_hash(customer_id) in self.erased:
            return True
        return self._former_salt is not None and _hash(customer_id, self._former_salt) in self.erased

    def refuse(self, customer_id: str) -> None:
        """Events of this id are refused from now on."""
        if customer_id in self.into:
            self.stays(customer_id)
        digest = self._erasure_hash(customer_id)
        self.erased.add(digest)
        self._records[ERASED_PREFIX + digest] = b""

    def refuse_all(self, customer_ids: list[str], now_us: int) -> None:
        """The same of ids that may be another partition's."""
        for known in customer_ids:
            if self.elsewhere(known):
                if known in self.into:
                    self.stays(known)
                self.send(known, IdErased(known, now_us))
            else:
                self.refuse(known)

    def stand_in(self, customer_id: str) -> str:
        """What tells an erased customer from others, and not who they are. No customer_id begins like it."""
        return "\0" + self._erasure_hash(customer_id).hex()

    def _erasure_hash(self, customer_id: str) -> bytes:
        return _hash(customer_id, self._salt)

    # ---- other partitions, turns and state

    def send(self, to: str, event: Applied) -> None:
        """The partition of `to` is to apply this."""
        self._parcels.append(Parcel(to, event))

    def waiting_bytes(self) -> int:
        """About what the parcels that wait will take."""
        return sum([_size_of(parcel.event) for parcel in self._parcels])

    def take_parcels(self) -> list[Parcel]:
        """What was sent since the last call."""
        parcels, self._parcels = self._parcels, []
        return parcels

    def take_records(self) -> dict[bytes, bytes | None]:
        """Records of the state that have changed since the last call."""
        records, self._records = self._records, {}
        return records

    def restore(self, key: bytes, value: bytes | None) -> bool:
        """Takes over one record of the state changelog. Returns whether it was one of these."""
        if key.startswith(MERGED_PREFIX):
            old_id = key.removeprefix(MERGED_PREFIX).decode()
            self._forget(old_id)
            if value is not None:
                self.into[old_id] = new_id = value.decode()
                self._ids_of.setdefault(new_id, set()).add(old_id)
            return True
        if key.startswith(ERASED_PREFIX):
            if value is not None:
                self.erased.add(key.removeprefix(ERASED_PREFIX))
            return True
        return False
