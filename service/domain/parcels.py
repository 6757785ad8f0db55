"""What one partition sends to another about a customer whose ids live in both: a customer who moves under another id,
later events of an id that has moved, and what becomes of ids that others are known as.

A parcel's form is internal and lives as long as the topic it travels through. The kind is a number: its place in KINDS,
to which new ones are appended. Fields are by name, and have defaults where an older release does not write them.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from service.domain.events import (
    Erasure,
    Event,
    Merge,
    Profile,
    Purchase,
    Resolved,
    SignOfLife,
    SurveyAnswer,
    Withdrawal,
)

MOST_CHUNK_BYTES: Final = 8 << 20
"""Of sealed chunks in one parcel, half of what the topic takes; who has more loses the oldest."""


class Arrival(msgspec.Struct, gc=False):
    """A customer of another partition has become one of this one's by a merge."""

    customer_id: str
    """The id that stays."""
    at_us: int
    """Time of the merge."""
    old_id: str
    ids: list[str] = []
    """Ids that were the old one's before."""
    snapshot: bytes = b""
    """Of the old customer; empty: nobody was known under the old id."""
    chunks: dict[int, bytes] = {}
    """Their sealed chunks by number."""
    days: list[int] = []
    """Days of the visits that the other partition's ledger has held and holds no more, ascending."""

    def brings(self, known: str) -> bool:
        """Whether the id is one of those that come with it."""
        return known == self.old_id or known in self.ids


class Moved(msgspec.Struct, gc=False):
    """Whom `customer_id` was merged into is `into` by now: later events go there at once."""

    customer_id: str
    at_us: int
    into: str


class IdErased(msgspec.Struct, gc=False):
    """Whom `customer_id` was merged into is erased: its later events are refused."""

    customer_id: str
    at_us: int


Applied = Event | Withdrawal | SignOfLife | Arrival | Moved | IdErased
"""All that an engine takes in."""
KINDS: Final[tuple[type[Applied], ...]] = (
    Purchase,
    SurveyAnswer,
    Profile,
    Erasure,
    Merge,
    Withdrawal,
    SignOfLife,
    Arrival,
    Moved,
    IdErased,
    Resolved,
)
_NUMBER_OF: Final = {kind: number for number, kind in enumerate(KINDS)}


class Parcel(NamedTuple):
    """Something to be applied in the partition that `to`, an id, belongs to."""

    to: str
    event: Applied


def pack_event(event: Applied) -> bytes:
    """As it travels."""
    return msgspec.msgpack.encode((_NUMBER_OF[type(event)], event))


def unpack_event(value: bytes) -> Applied:
    """Back from `pack_event`. Raises ValueError for what this release does not know."""
    try:
        number, event = msgspec.msgpack.decode(value, type=tuple[int, msgspec.Raw])
        if not 0 <= number < len(KINDS):
            raise ValueError(f"kind {number} is not known to this release")
        return msgspec.msgpack.decode(event, type=KINDS[number])
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error


def time_of(event: Applied) -> int | None:
    """Event time; None where it has none of its own, as a record that was deleted."""
    dated = event.own_time if isinstance(event, SignOfLife) else not isinstance(event, Withdrawal)
    return event.at_us if dated else None
