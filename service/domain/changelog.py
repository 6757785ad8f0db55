"""What the changelogs of one partition hold: the keys of their records, how they are packed, and what one turn adds to
them.

State topic: a record per customer, whose key is the customer_id, and others whose keys begin with a zero byte (no
customer_id can begin with a control character): those of the partition, and customers' sealed chunks of purchases.
Ledger topic: a record per local day, whose key is four bytes, and one of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from service.domain import wide_numbers
from service.domain.findings import Output
from service.domain.parcels import Parcel

Form = TypeVar("Form")

OWN_PREFIX: Final = b"\x00"
"""Before every key that is no customer's."""
PARTITION_KEY: Final = b"\x00partition"
"""The partition's own record (partition_state.py)."""
POSITION_KEY: Final = b"\x00position"
"""The next offset of each input topic: what the state contains."""
PASSAGE_KEY: Final = b"\x00passage"
"""While an event waits until all dates before it have come up, over several turns (timeline.py)."""
BRAKE_KEY: Final = b"\x00brake"
"""What is usual for the shop, and whether regulars are held (outreach/brake.py)."""
JUDGED_PREFIX: Final = b"\x00judged:"
"""Before the number of a judgement: what had been learned when it and those after it were made, while they wait to be
published (scoreboard.py)."""
PACE_KEY: Final = b"\x00pace"
"""How many messages of each kind that follows an occasion went out on the day and in the week (outreach/pace.py)."""
TABLE_KEY: Final = b"\x00table"
"""What the last refresh has found: tolerances by cell and share (learning/everybody.py, like the next two)."""
CURVES_KEY: Final = b"\x00curves"
"""The same: how long all silences last, by cell, and how many each has seen; where alerts are weighed by that. Apart
from the table, because an earlier release knows nothing of it."""
NEWCOMERS_KEY: Final = b"\x00newcomers"
"""What is learned of customers with few visits, where they are nudged."""
ROW_PREFIX: Final = b"\x00row:"
"""Before the number of a cell: what it has seen of closed gaps."""
PART_PREFIX: Final = b"\x00bin:"
"""Before the numbers of a cell and of a part of its bins: what has changed there since the cell was written whole."""
SENT_PREFIX: Final = b"\x00sent:"
"""Before the number of a cell, or `OF_NEWCOMERS`: silences whose further course a message may have changed."""
OF_NEWCOMERS: Final = 255
LEARNED_KEYS: Final = (TABLE_KEY, CURVES_KEY, NEWCOMERS_KEY)
MERGED_PREFIX: Final = b"\x00merged:"
"""Before an id that is another customer's since a merge: that customer's id. One of the two may be of another
partition (identities.py)."""
ERASED_PREFIX: Final = b"\x00erased:"
"""Before the keyed hash of an erased customer's id."""
RHYTHM_PREFIX: Final = b"\x00rhythm:"
"""Before the number of an hour of the week: when the shop sells (rhythm.py)."""
SOURCE_PREFIX: Final = b"\x00source:"
"""Before the number of a store or channel, and of an hour of its week: the same of each (sources.py)."""
CHUNK_PREFIX: Final = b"\x00buy:"
"""Before the number of a sealed chunk of purchases, in four bytes, and the customer_id (sealed_chunks.py)."""
_NUMBER_BYTES: Final = 4
KEYED_KEY: Final = b"\x00keyed"
"""By what the control group and the ids of the erased are hashed where no secret is set: of the name of the group in
which the state began, which another group that it was carried to goes on with."""
UNFINISHED_KEY: Final = b"\x00unfinished"
"""While a state is carried here and not yet whole."""

LOGS_KEY: Final = b"\x00logs"
"""In both topics: which topics the state was made from, and what was lost of them (cluster/known_logs.py)."""

RESUME_KEY: Final = b"\x00resume"
"""In the ledger topic: when the operator last said that what the brake holds may go out, Unix µs."""
TODAY_KEY: Final = b"\x00today"
"""In the ledger topic: the partition's local day of stream time, so that totals know how far rows go."""
PARTITIONER_KEY: Final = b"\x00partitioner"
"""In the ledger topic, partition 0: by which function customers belong to partitions (cluster/partitioner.py)."""
MADE_UNDER_KEY: Final = b"\x00made-under"
"""In the ledger topic: the settings without which the state means something else (streaming/made_under.py)."""
PROGRESS_KEY: Final = b"\x00progress"
"""In the ledger topic: how far the inputs of the partition have been read for records that belong elsewhere
(streaming/carriage.py)."""
BROUGHT_PREFIX: Final = b"\x00brought:"
"""In the ledger topic, before a number of months in four bytes: what the messages of that month have brought, of those
whose following is over (outreach/brought.py)."""
ASKED_PREFIX: Final = b"\x00retry:"
"""In the ledger topic, before what a dead letter is known by: that it was sent back (refused/retries.py)."""
RETRIED_PREFIX: Final = b"\x00retried:"
"""The same: what became of it."""
GO_ON_KEY: Final = b"\x00go-on"
"""In the ledger topic: when the operator last said that a partition that waits for a person may go on, Unix µs."""
CLOCK_KEY: Final = b"\x00clock"
"""In the ledger topic, never with a value: written to hear when the broker appended it (streaming/broker_clock.py)."""
GATES_KEY: Final = b"\x00gates"
"""In the ledger topic: how far each input is from being stopped because of what is refused (refused/floodgate.py)."""
STUMBLED_PREFIX: Final = b"\x00stumbled:"
"""In the ledger topic, before what an error of our own was about: how often it was tried (refused/quarantine.py)."""
SIGNED_OUT_PREFIX: Final = b"\x00signed-out:"
"""In the ledger topic, before the number of a session of the page that was signed out: when it would have ended, Unix
seconds (web/sign_outs.py)."""
_DAY_BYTES: Final = 4


def is_learned(key: bytes) -> bool:
    """Whether the key is of what is learned from everybody."""
    return key in LEARNED_KEYS or key.startswith((ROW_PREFIX, PART_PREFIX, SENT_PREFIX))


def chunk_key(customer_id: str, number: int) -> bytes:
    """The key of a customer's sealed chunk."""
    return CHUNK_PREFIX + number.to_bytes(_NUMBER_BYTES, "big") + customer_id.encode()


def chunk_of_key(key: bytes) -> tuple[str, int] | None:
    """The customer_id and the number; None for another key."""
    if not key.startswith(CHUNK_PREFIX):
        return None
    at = len(CHUNK_PREFIX) + _NUMBER_BYTES
    return key[at:].decode(), int.from_bytes(key[at - _NUMBER_BYTES : at], "big")


def day_key(day: int) -> bytes:
    """The key of a local day in the ledger topic."""
    return day.to_bytes(_DAY_BYTES, "big", signed=True)


def day_of_key(key: bytes) -> int | None:
    """None for a key that is no day."""
    return int.from_bytes(key, "big", signed=True) if len(key) == _DAY_BYTES else None


def month_key(month: int) -> bytes:
    """The key of what a month's messages have brought."""
    return BROUGHT_PREFIX + month.to_bytes(_NUMBER_BYTES, "big")


def month_of_key(key: bytes) -> int | None:
    """None for a key that is none of these."""
    if not key.startswith(BROUGHT_PREFIX):
        return None
    return int.from_bytes(key.removeprefix(BROUGHT_PREFIX), "big")


def pack(fields: Sequence[object]) -> bytes:
    """A record of the partition's own as it is stored: a MessagePack array."""
    return wide_numbers.encode(fields)


def unpack(value: bytes) -> list[Any]:
    """Back from `pack`. Raises ValueError for anything else."""
    return _decoded(value, list[Any])


def pack_positions(positions: dict[str, int]) -> bytes:
    """The value of POSITION_KEY: input topic → next offset."""
    return msgspec.msgpack.encode(positions)


def unpack_positions(value: bytes) -> dict[str, int]:
    """Back from `pack_positions`. Raises ValueError for anything else."""
    return _decoded(value, dict[str, int])


def pack_today(day: int) -> bytes:
    """The value of TODAY_KEY."""
    return msgspec.msgpack.encode(day)


def unpack_today(value: bytes) -> int:
    """Back from `pack_today`. Raises ValueError for anything else."""
    return _decoded(value, int)


def _decoded(value: bytes, form: type[Form]) -> Form:
    try:
        return msgspec.msgpack.decode(value, type=form, ext_hook=wide_numbers.hold)
    except msgspec.MsgspecError as error:
        raise ValueError(f"not a record of this release: {error}") from error


class Turn(NamedTuple):
    """What one turn changed. Everything in it must become visible together."""

    outputs: list[Output]
    state: list[tuple[bytes, bytes | None]]
    """Keys and snapshots for the state changelog; None = deleted."""
    ledger: list[tuple[int, bytes]]
    """Local days and their parts for the ledger changelog."""
    parcels: Sequence[Parcel] = ()
    brought: Sequence[tuple[int, bytes]] = ()
    """Months and what their messages have brought, for the ledger changelog too."""
    """What other partitions are to apply, in this order."""

    def __bool__(self) -> bool:
        return bool(self.outputs or self.state or self.ledger or self.parcels or self.brought)
