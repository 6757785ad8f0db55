"""Where purchases come from, a store or else a channel, each judged for silence against its own norm: a branch that is
shut is nobody's absence, though the others sell.

A customer belongs to the source of most of their recent visits, and their dates move with its silences, or with those
of the whole feed where these are longer. Purchases that name no source belong to the feed alone.

Bounded: 64 sources, the others together as one more; each is as large as its rhythm.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import xxhash

from service.domain.calendar import DAY_US, Calendar
from service.domain.customer import Customer
from service.domain.rhythm import Rhythm, RhythmState
from service.domain.stumbling import hold

MOST: Final = 64
_OTHERS: Final = ""
"""The name of all beyond."""
_MOST_VOTES: Final = 4
"""So many visits elsewhere make a customer of a store one of another."""
_GONE_US: Final = 182 * DAY_US
"""A source that has been silent for half a year has gone for good, and waits for nobody."""


class Source:
    """One of them."""

    def __init__(self, name: str, rhythm: Rhythm) -> None:
        self.name: Final = name
        self.rhythm: Final = rhythm
        self.base_us: int = 0
        """Silences of the source and of the feed, up to when both were last alive at an arrival; beside it what each
        had counted then."""
        self.feed_us: int = 0
        self.own_us: int = 0
        self.changed: bool = True

    def pass_to(self, hour: int) -> None:
        """Time has reached that hour."""
        if self.rhythm.state.hour != hour:
            self.rhythm.pass_to(hour)
            self.changed = True

    def stalled_us(self, now_us: int, feed_us: int) -> int:
        """Total of its silences up to now, the feed's (`feed_us` in all) included."""
        return self.base_us + max(feed_us - self.feed_us, self._own_us(now_us) - self.own_us)

    def settle(self, now_us: int, feed_us: int) -> None:
        """Both are alive: what comes is another silence."""
        total, own = self.stalled_us(now_us, feed_us), self._own_us(now_us)
        self.base_us, self.feed_us, self.own_us = total, feed_us, own
        self.changed = True

    def doubtful(self, now_us: int) -> bool:
        """Whether it may be silent."""
        return self.rhythm.doubtful and not self.gone(now_us)

    def gone(self, now_us: int) -> bool:
        """Whether it has been silent for so long that it waits for nobody."""
        return now_us - self.rhythm.state.silent_from_us > _GONE_US

    def _own_us(self, now_us: int) -> int:
        return self.rhythm.stalled_us(min(now_us, self.rhythm.state.silent_from_us + _GONE_US))

    def fields(self) -> tuple[object, ...]:
        """As it is stored."""
        return (self.name, self.base_us, self.feed_us, self.own_us, self.rhythm.state.fields())


class Sources:
    """Of one partition."""

    def __init__(self, calendar: Calendar, silence_hours: float) -> None:
        self._calendar = calendar
        self._silence_hours = silence_hours
        self._known: Final[dict[int, Source]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def of(self, customer: Customer) -> Source | None:
        """Where the customer belongs; None: to the feed alone."""
        return self._known.get(customer.source) if customer.source else None

    def named(self, name: str, feed_us: int) -> Source:
        """The source of that name, made if new."""
        number = number_of(name)
        source = self._known.get(number)
        if source is not None:
            return source
        if name != _OTHERS and len(self._known) >= MOST:
            return self.named(_OTHERS, feed_us)
        source = self._known[number] = self._new(name, RhythmState())
        source.base_us = source.feed_us = feed_us
        return source

    def silent(self) -> list[str]:
        """Names of those that are silent at present."""
        return sorted(source.name for source in self._known.values() if source.rhythm.silent)

    def _new(self, name: str, state: RhythmState) -> Source:
        return Source(name, Rhythm(self._calendar, self._silence_hours, state))

    # ---- what is stored

    def changed_records(self) -> list[tuple[bytes, tuple[object, ...]]]:
        """(key without its prefix, fields) of what has changed since the last call."""
        records: list[tuple[bytes, tuple[object, ...]]] = []
        for number, source in self._known.items():
            key = number.to_bytes(8, "big")
            if source.changed:
                source.changed = False
                records.append((key, source.fields()))
            records += [(key + bytes((cell,)), source.rhythm.cell(cell)) for cell in source.rhythm.changed_cells()]
        return records

    def forget_changes(self) -> None:
        """Nobody stores them."""
        for source in self._known.values():
            source.changed = False
            source.rhythm.touched.clear()

    def restore(self, key: bytes, fields: Sequence[Any]) -> None:
        """Back from `changed_records`. A source comes before its hours or after them."""
        number = int.from_bytes(key[:8], "big")
        known = self._known.get(number)
        if len(key) == 8:
            hold(fields, 5, "a source")
            name, base_us, feed_us, own_us, state = fields
            source = self._known[number] = self._new(name, RhythmState.of(state))
            source.base_us, source.feed_us, source.own_us = base_us, feed_us, own_us
            source.changed = False
            if known is not None:
                source.rhythm.take_cells(known.rhythm)
        else:
            if known is None:
                known = self._known[number] = self._new(_OTHERS, RhythmState())
            known.rhythm.restore_cell(key[8], fields)


def number_of(name: str) -> int:
    """What a customer remembers of a source's name; never 0."""
    return xxhash.xxh3_64_intdigest(name.encode()) >> 1 | 1


def vote(customer: Customer, number: int) -> None:
    """A visit: the customer belongs to the source of most of their recent ones (a majority vote that forgets)."""
    if customer.source == number:
        customer.source_votes = min(_MOST_VOTES, customer.source_votes + 1)
    elif customer.source_votes > 1:
        customer.source_votes -= 1
    else:
        customer.source, customer.source_votes = number, 1
