"""Ids of decisions: the same customer, episode, kind and rung always give the same, so that whoever remembers ids acts
once."""

from __future__ import annotations

import hashlib
import uuid
from typing import Final

from service.domain.calendar import to_date
from service.domain.findings import Kind

_NAMESPACE: Final = uuid.UUID("6f1d2f0a-6c0e-5d55-9b52-0d0a7c2f7f11").bytes
ZONES_APART_DAYS: Final = 2
"""The local days of one instant in two zones lie no further apart: clocks of the world differ by 26 hours, and a shop's
day may begin at another hour."""


def decision_id(kind: Kind, rung: str, episode_day: int, customer_id: str) -> str:
    """Of a message about an absence: a UUID of version 5 (RFC 9562, section 5.5).

    Put together here because `uuid.uuid5` takes four times as long, and a backtest makes one or two for every silence.
    """
    return _id_of(f"{kind.value}/{rung}/{to_date(episode_day)}/{customer_id}")


def occasion_id(kind: Kind, rung: str, mark: str, customer_id: str) -> str:
    """The same of a message about an occasion, which `mark` identifies."""
    return _id_of(f"{kind.value}/{rung}/{mark}/{customer_id}")


def ids_in_other_zones(kind: Kind, rung: str, episode_day: int, customer_id: str) -> list[str]:
    """What the same message would be called if the shop's days lay otherwise: in another time zone, or with another
    begin of the day, the visit may lie on a day beside."""
    return [
        decision_id(kind, rung, episode_day + days, customer_id)
        for days in range(-ZONES_APART_DAYS, ZONES_APART_DAYS + 1)
        if days
    ]


def _id_of(name: str) -> str:
    octets = bytearray(hashlib.sha1(_NAMESPACE + name.encode(), usedforsecurity=False).digest()[:16])
    octets[6] = octets[6] & 0x0F | 0x50
    octets[8] = octets[8] & 0x3F | 0x80
    digits = octets.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
