"""What a customer usually takes, and took last: for the words of a message. At most 6 counted names and 3 last ones, of
60 characters each."""

from __future__ import annotations

from typing import ClassVar, Final

from service.domain.events import Item
from service.domain.stored import Stored

_COUNTED: Final = 6
_LAST: Final = 3
_NAME_LENGTH: Final = 60


class Favourites(Stored):
    """Space-Saving counters (Metwally et al. 2005) of names, and the names of the last basket."""

    __slots__ = ("counts", "last")
    STORED: ClassVar[tuple[str, ...]] = ("counts", "last")

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.last: list[str] = []

    def remember(self, items: tuple[Item, ...]) -> None:
        counts = self.counts
        last: list[str] = []
        for item in items:
            name = item.name or item.sku
            if len(name) > _NAME_LENGTH:
                name = name[:_NAME_LENGTH]
            last.append(name)
            if name in counts:
                counts[name] += 1
            elif len(counts) < _COUNTED:
                counts[name] = 1
            else:
                least = min(counts, key=lambda known: (counts[known], known))
                counts[name] = counts.pop(least) + 1
        self.last = last[:_LAST]

    def absorb(self, other: Favourites, *, newer: bool) -> None:
        """What another id of the same customer took was taken by this one. `newer`: its last basket is the last."""
        for name, count in other.counts.items():
            self.counts[name] = self.counts.get(name, 0) + count
        ranked = sorted(self.counts, key=lambda name: (-self.counts[name], name))
        self.counts = {name: self.counts[name] for name in ranked[:_COUNTED]}
        if newer:
            self.last = list(other.last)

    def favourites(self) -> tuple[str, ...]:
        """Up to three names taken more than once, the most frequent first."""
        ranked = sorted(self.counts, key=lambda name: (-self.counts[name], name))
        return tuple(name for name in ranked if self.counts[name] > 1)[:3]
