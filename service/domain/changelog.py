"""What a partition keeps and hands out beside its customers: its own record, its counters, its turns."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec

from service.domain.clock import ClockState
from service.domain.findings import Output
from service.domain.learning.newcomers import Newcomers, ReturnTimes
from service.domain.learning.population import PopulationState
from service.domain.learning.silences import Row, Tolerances
from service.domain.outreach.gates import ReleaseState
from service.domain.outreach.realised import Tally
from service.domain.outreach.volume import VolumeState

PARTITION_KEY: Final = b"\x00partition"
"""Key of the partition's own record in the state changelog; no customer id can begin with a control character."""
TABLE_KEY: Final = b"\x00table"
"""Key of what the last refresh has found: tolerances by cell and share."""
NEWCOMERS_KEY: Final = b"\x00newcomers"
"""Key of what is learned of customers with few visits, where they are nudged."""
ROW_PREFIX: Final = b"\x00row:"
"""Before the number of a cell: what it has seen of closed gaps."""
_PARTITION_VERSION: Final = 2
_VERSION_OF_ONE_CURVE: Final = 1
"""Had one curve for all regulars in its first three fields; its gaps cannot be told apart by cell, so they are learned anew."""
COUNTED: Final = (
    "purchases", "refunds", "answers", "profiles", "erasures", "duplicates", "late_visits", "beyond_history", "of_erased",
)  # fmt: skip


class Counts:
    """What happened, for metrics and reports; since this object was made."""

    __slots__ = COUNTED

    def __init__(self) -> None:
        self.purchases: int = 0
        self.refunds: int = 0
        self.answers: int = 0
        self.profiles: int = 0
        self.erasures: int = 0
        self.duplicates: int = 0
        self.late_visits: int = 0
        self.beyond_history: int = 0
        """Events older than the kept history: counted in lifetime totals only."""
        self.of_erased: int = 0
        """Events of an erased customer: refused."""

    def as_dict(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in COUNTED}

    def minus(self, earlier: Counts) -> Counts:
        """What has happened since `earlier`."""
        news = Counts()
        for name in COUNTED:
            setattr(news, name, getattr(self, name) - getattr(earlier, name))
        return news

    def copy(self) -> Counts:
        return self.minus(Counts())


class _Record(msgspec.Struct, array_like=True):
    """As stored; new elements are appended with defaults."""

    version: int
    clock: list[Any]
    population: list[Any]
    release: list[Any]
    volume: list[Any] = []
    """Empty without a volume."""
    tally: list[list[Any]] = []


class PartitionState:
    """The partition's own record beside its customers."""

    def __init__(
        self,
        clock: ClockState | None = None,
        population: PopulationState | None = None,
        release: ReleaseState | None = None,
        volume: VolumeState | None = None,
        tally: Tally | None = None,
    ) -> None:
        self.clock = clock or ClockState()
        self.population = population or PopulationState()
        self.release = release or ReleaseState()
        self.volume = volume
        """None: no volume is set."""
        self.tally = tally or Tally()

    def pack(self) -> bytes:
        volume = () if self.volume is None else self.volume.fields()
        parts = (self.clock.fields(), self.population.fields(), self.release.fields(), volume, self.tally.fields())
        return msgspec.msgpack.encode((_PARTITION_VERSION, *parts))

    @classmethod
    def unpack(cls, value: bytes) -> PartitionState:
        """Raises ValueError for a record that is none, or of a later version."""
        try:
            record = msgspec.msgpack.decode(value, type=_Record)
        except msgspec.MsgspecError as error:
            raise ValueError(f"not a partition's record: {error}") from error
        version, population = record.version, record.population
        if version == _VERSION_OF_ONE_CURVE:
            population = population[3:]
        elif version != _PARTITION_VERSION:
            raise ValueError(f"a partition's record of version {version}; this release knows {_PARTITION_VERSION}")
        return cls(
            ClockState.of(record.clock),
            PopulationState.of(population),
            ReleaseState.of(record.release),
            VolumeState.of(record.volume) if record.volume else None,
            Tally.of(record.tally),
        )


def pack_row(row: Row) -> bytes:
    return msgspec.msgpack.encode(row.fields())


def unpack_row(value: bytes) -> Row:
    return Row.of(msgspec.msgpack.decode(value))


def pack_table(learned: Tolerances) -> bytes:
    return msgspec.msgpack.encode((learned.table, learned.kappa, learned.class_weights, learned.classes))


def unpack_table(value: bytes) -> Tolerances:
    """Of a record of before the classes' curves were kept, the rest: until the next weekly refresh."""
    table, kappa, *known = msgspec.msgpack.decode(value)
    weights, classes = known if len(known) == 2 else ([], [])
    return Tolerances(table, kappa, weights, classes)


def pack_newcomers(newcomers: Newcomers, returns: ReturnTimes | None) -> bytes:
    found = None if returns is None else (returns.curves, returns.pace_days)
    return msgspec.msgpack.encode((newcomers.closed, found))


def unpack_newcomers(value: bytes) -> tuple[list[list[float]], ReturnTimes | None]:
    """Closed gaps, and what the last refresh had found."""
    closed, found = msgspec.msgpack.decode(value)
    return closed, None if found is None else ReturnTimes(*found)


class Turn(NamedTuple):
    """What one turn changed. Everything in it must become visible together."""

    outputs: list[Output]
    state: list[tuple[bytes, bytes | None]]
    """Keys and snapshots for the state changelog; None = deleted."""
    ledger: list[tuple[int, bytes]]
    """Local days and their parts for the ledger changelog."""

    def __bool__(self) -> bool:
        return bool(self.outputs or self.state or self.ledger)
