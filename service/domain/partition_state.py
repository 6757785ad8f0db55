"""The partition's own record beside its customers: its clock, what it has learned, what it may send, what its alerts
did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from service.domain import wide_numbers
from service.domain.changelog import pack
from service.domain.clock import ClockState
from service.domain.feed_delay import DelayState
from service.domain.feed_gap import GapState
from service.domain.learning.population import PopulationState
from service.domain.outreach.brake import BrakeState
from service.domain.outreach.realised import Realised
from service.domain.outreach.release import ReleaseState
from service.domain.outreach.volume import VolumeState
from service.domain.partition_record import record_of
from service.domain.rhythm import RhythmState
from service.domain.stored import Stored

_VERSION: Final = 2
_VERSION_OF_ONE_CURVE: Final = 1
"""Had one curve for all regulars in its first three fields; its gaps cannot be told apart by cell, so they are learned
anew."""
_PARTS: Final[Mapping[int, type[Stored]]] = {
    1: ClockState,
    2: PopulationState,
    3: ReleaseState,
    4: VolumeState,
    7: DelayState,
    8: GapState,
    11: RhythmState,
}
"""By their place in the record."""
_WHOLE: Final = 12
"""Places that this release knows."""


class PartitionState:
    """Everything of it that a restart must know."""

    def __init__(
        self,
        clock: ClockState | None = None,
        population: PopulationState | None = None,
        release: ReleaseState | None = None,
        volume: VolumeState | None = None,
        realised: Realised | None = None,
        delay: DelayState | None = None,
        gap: GapState | None = None,
        rhythm: RhythmState | None = None,
    ) -> None:
        self.clock = clock or ClockState()
        self.population = population or PopulationState()
        self.release = release or ReleaseState()
        self.volume = volume
        """None: no volume is set."""
        self.realised = realised or Realised()
        self.brake = BrakeState()
        """Of it only the visits of the day at hand are in this record: the rest is written when it changes."""
        self.delay = delay or DelayState()
        self.gap = gap or GapState()
        self.judgements = 0
        """How often a customer was judged for `customer-scores`."""
        self.published = 0
        """Up to which of these judgements all are published."""
        self.rhythm = rhythm or RhythmState()
        self._beyond: dict[int, list[Any]] = {}
        """What a later release has added behind the fields of a part, by the part's place, kept for it; at the end of
        all (_WHOLE) what it has added behind the parts."""

    def pack(self) -> bytes:
        """As it is stored."""
        volume = () if self.volume is None else self.volume.fields()
        parts = (self.clock.fields(), self.population.fields(), self.release.fields(), volume, self.realised.fields())
        delay = self.delay.fields() if self.delay.minute else ()
        gap = self.gap.fields() if self.gap.gaps else ()
        rhythm = self.rhythm.fields()
        record = (_VERSION, *parts, self.brake.visits[0], delay, gap, self.judgements, self.published, rhythm)
        return pack(self._with_beyond(list(record)) if self._beyond else record)

    def _with_beyond(self, record: list[Any]) -> list[Any]:
        """A part that is empty now is as good as not there, and nothing is behind it."""
        for place, more in self._beyond.items():
            if place != _WHOLE and record[place]:
                record[place] = [*record[place], *more]
        return [*record, *self._beyond.get(_WHOLE, [])]

    @classmethod
    def unpack(cls, value: bytes) -> PartitionState:
        """Back from `pack`. Raises ValueError for a record that is none, or of a later version."""
        record = record_of(value)
        version, population = record.version, record.population
        if version == _VERSION_OF_ONE_CURVE:
            population = population[3:]
        elif version != _VERSION:
            raise ValueError(f"a partition's record of version {version}; this release knows {_VERSION}")
        state = cls(
            ClockState.of(_known(record.clock, ClockState)),
            PopulationState.of(_known(population, PopulationState)),
            ReleaseState.of(_known(record.release, ReleaseState)),
            VolumeState.of(_known(record.volume, VolumeState)) if record.volume else None,
            Realised.of(record.realised),
            DelayState.of(_known(record.delay, DelayState)),
            GapState.of(_known(record.gap, GapState)),
            RhythmState.of(_known(record.rhythm, RhythmState)),
        )
        state.brake.visits[0] = record.brake_visits
        state.judgements, state.published = record.judgements, record.published
        if version == _VERSION:
            state._keep_beyond(wide_numbers.decode(value))
        return state

    def _keep_beyond(self, record: list[Any]) -> None:
        for place, part in _PARTS.items():
            if len(record) > place and len(record[place]) > len(part.STORED):
                self._beyond[place] = record[place][len(part.STORED) :]
        if len(record) > _WHOLE:
            self._beyond[_WHOLE] = record[_WHOLE:]

    def restore_brake(self, fields: Sequence[Any]) -> None:
        """Takes over the rest of the brake's state. Call it after `unpack`."""
        visits = self.brake.visits[0]
        self.brake = BrakeState.of(fields)
        self.brake.visits[0] = visits


def _known(fields: Sequence[Any], part: type[Stored]) -> Sequence[Any]:
    """What this release knows of a part; the rest is kept as it is."""
    return fields[: len(part.STORED)]
