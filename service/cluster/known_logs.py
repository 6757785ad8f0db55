"""Which topics a state was made from, and what was lost of them, kept beside the positions.

An offset means nothing without the log that it lies in. So the state remembers the id of each topic that it reads, and
of the ledger that belongs to it; and the ledger remembers the state's, and up to where that had been written. A topic
that was deleted and made again, and a changelog that has lost its end, are found out by that before anything of them is
taken for what it was.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

import msgspec

from service.cluster.topic_ids import TopicNow
from service.domain.stumbling import hold

ENDS_S: Final = 10.0
"""So often at most it is told again how far the own topics have been written: what is lost of them in between shows in
the group's offsets, which lag by a second."""


class KnownLog(msgspec.Struct, array_like=True):
    """Of one topic, for one partition number; new fields are appended with defaults."""

    id: bytes = b""
    """Empty while it is not known."""
    gaps: int = 0
    """How often records of it were lost before they were read."""
    records: int = 0
    """How many, as far as they could be counted."""
    last_us: int = 0
    """When that was noticed last, wall clock; 0 = it never was."""
    end: int = 0
    """It has been written up to there at least; 0 = not known. Of the topics that a worker writes for itself."""


class KnownLogs:
    """By topic. `changed` says whether they are to be written."""

    def __init__(self) -> None:
        self.of: dict[str, KnownLog] = {}
        self.changed = False
        self._moved, self._packed_s = False, 0.0

    def pack(self) -> bytes:
        self.changed = self._moved = False
        self._packed_s = time.monotonic()
        return msgspec.msgpack.encode(self.of)

    def restore(self, value: bytes) -> None:
        """Raises ValueError for what is no such record, or of a later release."""
        try:
            self.of = msgspec.msgpack.decode(value, type=dict[str, KnownLog])
            for fields in msgspec.msgpack.decode(value, type=dict[str, list[msgspec.Raw]]).values():
                hold(fields, len(KnownLog.__struct_fields__), "what is known of a log")
        except msgspec.MsgspecError as error:
            raise ValueError(f"not a record of this release: {error}") from error
        self.changed = False

    def adopt(self, topic: str, now: TopicNow) -> None:
        """It is this one from now on."""
        known = self.of.setdefault(topic, KnownLog())
        if now.id and known.id != now.id:
            known.id, known.end, self.changed = now.id, 0, True

    def is_another(self, topic: str, now: TopicNow) -> bool:
        """Whether the topic is not the one that was read; False while either is not known."""
        known = self.of.get(topic)
        return known is not None and bool(known.id and now.id) and known.id != now.id

    def lost(self, topic: str, records: int, now_us: int) -> None:
        """So many records of it were lost; 0 where nobody knows how many."""
        known = self.of.setdefault(topic, KnownLog())
        known.gaps += 1
        known.records += records
        known.last_us = now_us
        self.changed = True

    def has_lost(self, topic: str) -> bool:
        """Whether records of it were ever lost."""
        known = self.of.get(topic)
        return known is not None and known.gaps > 0

    def written_to(self, topic: str, end: int) -> None:
        """Its log has been written up to there at least. That is no reason to write, and goes with what is written
        later (`goes_along`)."""
        known = self.of.setdefault(topic, KnownLog())
        if end > known.end:
            known.end, self._moved = end, True

    @property
    def goes_along(self) -> bool:
        """Whether it is to be written with a turn that writes anyway."""
        return self.changed or (self._moved and time.monotonic() - self._packed_s > ENDS_S)

    def end(self, topic: str) -> int:
        """0 = nothing is known."""
        known = self.of.get(topic)
        return 0 if known is None else known.end

    def losses(self) -> Iterator[tuple[str, KnownLog]]:
        """Of every topic, those included of which nothing was lost."""
        yield from self.of.items()
