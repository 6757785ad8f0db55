"""Which customers may have left memory: two bytes each, so that nobody is looked for in the store who is not there.

Bloom filters (Bloom 1970, CACM 13(7)), each twice as large as the one before it (Almeida et al. 2007, "Scalable Bloom
Filters"): of 16 bits a customer and 5 looks, one in 700 who is looked for in vain is looked for in the store. Nobody is
taken out: a filter only ever says that somebody may be there.
"""

from __future__ import annotations

from typing import Final

_BITS: Final = 16
_LOOKS: Final = 5
_FIRST: Final = 1 << 12
"""Customers of the first filter."""
_HALF: Final = 30
"""Bits of a hash, of 60, that make one of the two steps of which all looks are made (Kirsch & Mitzenmacher 2006)."""


class MayHold:
    """Of one store."""

    def __init__(self) -> None:
        self._filters: list[bytearray] = []
        self._room = 0
        """How many more the newest filter takes."""

    def __contains__(self, digest: int) -> bool:
        return any(self._is_in(bits, digest) for bits in self._filters)

    def add(self, digest: int) -> None:
        if digest in self:
            return
        if not self._room:
            self._room = _FIRST << len(self._filters)
            self._filters.append(bytearray(self._room * _BITS // 8))
        self._room -= 1
        bits = self._filters[-1]
        mask, place, step = 8 * len(bits) - 1, digest >> _HALF, digest & ((1 << _HALF) - 1) | 1
        for _ in range(_LOOKS):
            bits[(place & mask) >> 3] |= 1 << (place & 7)
            place += step

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return sum(map(len, self._filters))

    @staticmethod
    def _is_in(bits: bytearray, digest: int) -> bool:
        mask, place, step = 8 * len(bits) - 1, digest >> _HALF, digest & ((1 << _HALF) - 1) | 1
        for _ in range(_LOOKS):
            if not bits[(place & mask) >> 3] & 1 << (place & 7):
                return False
            place += step
        return True
