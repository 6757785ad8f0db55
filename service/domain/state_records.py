"""The records of a partition's state beside its customers: which of them a turn has changed, and how they are read
back. Of what else there is, the keys are in changelog.py.
"""

from __future__ import annotations

from service.domain.changelog import (
    BRAKE_KEY,
    JUDGED_PREFIX,
    PACE_KEY,
    PARTITION_KEY,
    RHYTHM_PREFIX,
    SOURCE_PREFIX,
    is_learned,
    pack,
    unpack,
)
from service.domain.learning.everybody import Everybody
from service.domain.learning.learned import Learned
from service.domain.outreach.brake import Brake
from service.domain.outreach.pace import Pace
from service.domain.partition_state import PartitionState
from service.domain.rhythm import Rhythm
from service.domain.scoreboard import Scoreboard
from service.domain.sources import Sources


def changed_records(
    state: PartitionState,
    everybody: Everybody,
    brake: Brake,
    pace: Pace,
    rhythm: Rhythm,
    sources: Sources,
    scoreboard: Scoreboard,
) -> list[tuple[bytes, bytes | None]]:
    """The partition's own record, and of the others those that have changed since the last call. None: it is gone."""
    records: list[tuple[bytes, bytes | None]] = [(PARTITION_KEY, state.pack())]
    records.extend(everybody.changed_records())
    if brake.changed:
        brake.changed = False
        records.append((BRAKE_KEY, pack(state.brake.fields())))
    if pace.changed:
        pace.changed = False
        records.append((PACE_KEY, pack(pace.fields())))
    records.extend((RHYTHM_PREFIX + bytes((cell,)), pack(rhythm.cell(cell))) for cell in rhythm.changed_cells())
    records.extend((SOURCE_PREFIX + key, pack(fields)) for key, fields in sources.changed_records())
    records.extend(
        (JUDGED_PREFIX + first.to_bytes(8, "big"), None if fields is None else pack(fields))
        for first, fields in scoreboard.changed_bases()
    )
    return records


class RecordsRead:
    """Those records as they are read back: in any order, the newest of a key last. They are taken over when all have
    been read, but for the pace and the sources, which rest on nothing else."""

    def __init__(self, state: PartitionState, pace: Pace, sources: Sources) -> None:
        self.state = state
        """The partition's own, as it stands so far."""
        self.learned: dict[bytes, bytes] = {}
        """Of what is learned from everybody, by key."""
        self._pace = pace
        self._sources = sources
        self._brake: bytes | None = None
        self._rhythm: dict[int, bytes] = {}
        self._bases: dict[int, bytes | None] = {}

    def take(self, key: bytes, value: bytes | None) -> bool:
        """One record. Returns whether it is one of these. Raises ValueError for one that cannot be read."""
        if is_learned(key):
            if value is not None:
                self.learned[key] = value
        elif key == BRAKE_KEY:
            self._brake = value
        elif key == PACE_KEY:
            if value is not None:
                self._pace.restore(unpack(value))
        elif key == PARTITION_KEY:
            if value is not None:
                brake = self.state.brake
                self.state = PartitionState.unpack(value)
                self.state.restore_brake(brake.fields())  # its own record may be older than what is read here
        elif key.startswith(RHYTHM_PREFIX):
            if value is not None:
                self._rhythm[key[-1]] = value
        elif key.startswith(JUDGED_PREFIX):
            self._bases[int.from_bytes(key.removeprefix(JUDGED_PREFIX), "big")] = value
        elif key.startswith(SOURCE_PREFIX):
            if value is not None:
                self._sources.restore(key.removeprefix(SOURCE_PREFIX), unpack(value))
        else:
            return False
        return True

    def restore_brake(self) -> None:
        """All have been read: the brake becomes part of the partition's own record."""
        if self._brake is not None:
            self.state.restore_brake(unpack(self._brake))

    def restore_rhythm(self, rhythm: Rhythm) -> None:
        """When the feed normally sells, as it was stored."""
        for cell, value in self._rhythm.items():
            rhythm.restore_cell(cell, unpack(value))

    def restore_bases(self, bases: dict[int, tuple[int, Learned]]) -> None:
        """What judgements that wait rest on, beside what is known of it."""
        for first, value in self._bases.items():
            if value is None:
                bases.pop(first, None)
            else:
                last, *fields = unpack(value)
                bases[first] = (last, Learned.of(fields))
