"""The control group: customers to whom nothing is sent, so that what messages bring can be told from what would have
come anyway.

Who is in it is told from a keyed hash of the customer_id (BLAKE2b, RFC 7693), the same for all kinds of message:
nothing is stored of it, a replay finds the same people, and who does not hold the key cannot foretell them. Of two ids
that are merged the one that stays decides. A larger share takes further people in and lets nobody out.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from service.domain.calendar import Calendar, Granularity, period_start, to_date
from service.domain.policy import Rotation

_PURPOSE: Final = b"control group"
"""The key has other uses: the hashes of erased customers."""
_BYTES: Final = 8
_LOTS: Final = 1 << (8 * _BYTES)


class ControlGroup:
    """Who is in it. A question costs a hash, and is asked only where a message would go out."""

    def __init__(self, share: float, rotates: Rotation, key: bytes, calendar: Calendar) -> None:
        """`share`: 0 = nobody."""
        self._reached: Final = int(share * _LOTS)
        self._rotates: Final = rotates is Rotation.QUARTER
        self._key: Final = key[:64]
        self._calendar: Final = calendar

    def holds(self, customer_id: str, at_us: int) -> bool:
        """Whether the customer is in it at that instant."""
        if not self._reached:
            return False
        name = customer_id
        if self._rotates:
            quarter = period_start(Granularity.QUARTER, self._calendar.day_of(at_us))
            name = f"{to_date(quarter)}/{customer_id}"
        digest = blake2b(name.encode(), digest_size=_BYTES, key=self._key, person=_PURPOSE).digest()
        return int.from_bytes(digest, "big") < self._reached
