"""The parts of a customer's state that few customers have, or that few events touch: items, answers, profile.

MessagePack arrays inside the customer's snapshot; new fields are appended with defaults.
"""

from __future__ import annotations

import msgspec

from service.domain.events import Item

_FAVOURITES = 6
_NAME_LENGTH = 60


class ItemMemory(msgspec.Struct, array_like=True, gc=False):
    """What the customer usually takes: Space-Saving counters (Metwally et al. 2005) and the last basket."""

    counts: dict[str, int]
    last: list[str]

    def remember(self, items: tuple[Item, ...]) -> None:
        counts, last = self.counts, []
        for item in items:
            name = item.name or item.sku
            if len(name) > _NAME_LENGTH:
                name = name[:_NAME_LENGTH]
            last.append(name)
            if name in counts:
                counts[name] += 1
            elif len(counts) < _FAVOURITES:
                counts[name] = 1
            else:
                least = min(counts, key=lambda known: (counts[known], known))
                counts[name] = counts.pop(least) + 1
        self.last = last[:3]

    def favourites(self) -> tuple[str, ...]:
        """Up to three names taken more than once, the most frequent first."""
        ranked = sorted(self.counts, key=lambda name: (-self.counts[name], name))
        return tuple(name for name in ranked if self.counts[name] > 1)[:3]


class Answers(msgspec.Struct, array_like=True, gc=False):
    """The newest answer per survey with its time; None = never asked or never answered."""

    nps: int | None = None
    nps_us: int = 0
    csat: int | None = None
    csat_us: int = 0
    ces: int | None = None
    ces_us: int = 0


class ProfileState(msgspec.Struct, array_like=True, gc=False):
    """What the shop said of the customer. None = unknown. `said_us` is the time of the newest word."""

    said_us: int = 0
    first_name: str | None = None
    locale: str | None = None
    timezone: str | None = None
    email: str | None = None
    phone: str | None = None
    crm_id: str | None = None
    consent: bool | None = None
    consent_us: int = 0
