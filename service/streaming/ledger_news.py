"""What the ledger has been told of one partition beside its days and months, so that only what is new is told:
which day it is, how the inputs stand, under which settings the state was made, and the group's function of placing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from service.cluster.partitioner import Kept
from service.config import Settings
from service.domain.changelog import (
    GATES_KEY,
    MADE_UNDER_KEY,
    PARTITIONER_KEY,
    TODAY_KEY,
    pack_today,
    unpack_today,
)
from service.refused.floodgate import Standing, is_news, pack_kept, unpack_kept
from service.streaming.made_under import MadeUnder
from service.streaming.producer import Record


class LedgerNews:
    """Of one partition."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._today: int | None = None
        self._gates: dict[str, Standing] = {}
        self.made_under = MadeUnder.of(settings)
        self._made_under: MadeUnder | None = None
        self._made_under_beyond: dict[str, object] = {}
        self.kept: Kept | None = None
        """The group's function, where it is to be told."""

    def restore(self, key: bytes, value: bytes | None) -> bool:
        """One record of the ledger; whether it was told here. Raises ValueError for what is no such record."""
        if key == TODAY_KEY:
            self._today = None if value is None else unpack_today(value)
        elif key == MADE_UNDER_KEY:
            self._made_under = None if value is None else MadeUnder.unpack(value)
            self._made_under_beyond = {} if value is None else MadeUnder.beyond_of(value)
        elif key == GATES_KEY:
            self._gates = {} if value is None else unpack_kept(value)
        else:
            return False
        return True

    @property
    def gates(self) -> Mapping[str, Standing]:
        """Of the inputs, as they were told."""
        return self._gates

    def go_on(self) -> MadeUnder | None:
        """All of it has been read: under what the state was made so far, None for one that begins. Raises
        ConfigurationError where it cannot go on under the present settings."""
        told = self._made_under
        if told is not None:
            told.hold(self._settings)
            self.made_under = told.going_on(self._settings)
        return told

    def is_new_day(self, today: int) -> bool:
        return today != self._today

    def records(self, today: int | None, sources: Sequence[str], gates: Mapping[str, Standing]) -> Iterator[Record]:
        """What is new; it counts as told then. `today`: None where there is none yet."""
        if today is not None and self.is_new_day(today):
            self._today = today
            yield TODAY_KEY, pack_today(today)
        if self._made_under != self.made_under:
            self._made_under = self.made_under
            yield MADE_UNDER_KEY, self.made_under.pack(self._made_under_beyond)
        if self.kept is not None:
            yield PARTITIONER_KEY, self.kept.pack()
            self.kept = None
        if any(is_news(self._gates.get(name, Standing()), gates.get(name, Standing())) for name in sources):
            self._gates = dict(gates)
            yield GATES_KEY, pack_kept(gates)
