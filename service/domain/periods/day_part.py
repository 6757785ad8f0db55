"""What one partition knows of one local day, and how it is stored: as a MessagePack array.

Apart from the ledger because a msgspec struct cannot be compiled (setup.py), and the ledger gains by it.
"""

from __future__ import annotations

import msgspec

from service.domain import wide_numbers

VERSION = 1


class DayPart(msgspec.Struct, array_like=True):
    """What one partition knows of one local day.

    New fields go to the end, with a default. A plain counter has the same name in `Counts`, the sums of a period.
    """

    version: int = VERSION
    orders: int = 0
    revenue_minor: int = 0
    """Net of the refunds dated that day."""
    firsts: int = 0
    """Customers whose first visit ever this is."""
    gaps: dict[int, int] = {}
    """Days since the customer's previous visit (at most `ledger.FAR_GAP`) → visits."""
    skips: dict[int, int] = {}
    """Days since the visit before the previous one → visits."""
    nps_promoters: int = 0
    nps_passives: int = 0
    nps_detractors: int = 0
    csat_n: int = 0
    csat_satisfied: int = 0
    ces_n: int = 0
    ces_sum: int = 0
    ces_favourable: int = 0

    def add(self, other: DayPart, sign: int = 1) -> None:
        """Adds the other part's counters, or takes them away (sign −1)."""
        for name in _COUNTERS:
            setattr(self, name, getattr(self, name) + sign * getattr(other, name))
        for mine, theirs in ((self.gaps, other.gaps), (self.skips, other.skips)):
            for key, count in theirs.items():
                count_up(mine, key, sign * count)


_COUNTERS = tuple(name for name in DayPart.__struct_fields__ if name not in ("version", "gaps", "skips"))
"""The plain counters."""
_decode = msgspec.msgpack.Decoder(DayPart).decode
_elements = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode


def pack(part: DayPart) -> bytes:
    return wide_numbers.encode(part)


def unpack(record: bytes) -> DayPart:
    """Raises ValueError for a record of a later version; msgspec.DecodeError when it is none at all."""
    try:
        part = _decode(record)
    except msgspec.ValidationError:  # a sum beyond 64 bits
        part = wide_numbers.decode_as(record, DayPart)
    if part.version > VERSION:
        raise ValueError(f"a ledger record of version {part.version} needs a newer release; this one knows {VERSION}")
    part.version = VERSION
    return part


def elements_of(record: bytes) -> list[msgspec.Raw]:
    """All that is in it, also what `unpack` passes over because only a later release knows it."""
    return _elements(record)


def count_up(counter: dict[int, int], key: int, change: int) -> None:
    """Adds `change` to one counter; a counter of 0 is not kept."""
    total = counter.get(key, 0) + change
    if total:
        counter[key] = total
    else:
        counter.pop(key, None)
