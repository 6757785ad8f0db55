"""What is remembered of the messages to a customer, across absences: when the newest went out, and when one last
brought a visit.

Bounded: the newest `MOST` messages of the last `LONGEST_DAYS`, four bytes each. A customer to whom nothing was ever
sent has no bytes at all. Times are whole minutes, rounded up, so that a cap is kept a minute too long rather than too
short. Deterministic, and the same for what was withheld from the control group.
"""

from __future__ import annotations

from typing import Final

from service.domain.calendar import DAY_US, MINUTE_US

MOST: Final = 20
"""Messages remembered: a frequency cap counts no more."""
LONGEST_DAYS: Final = 366
"""For so long: a frequency cap reaches no further back, a cool-down neither."""
_BYTES: Final = 4
_NEVER: Final = bytes(_BYTES)
"""First comes the visit that a message brought; these stand for none."""


def with_message(written_to: bytes, at_us: int) -> bytes:
    """A message has gone out, or was withheld."""
    first = written_to[:_BYTES] or _NEVER
    return first + _kept([*_minutes(written_to), _minute(at_us)])


def with_return(written_to: bytes, at_us: int) -> bytes:
    """The customer has come within the time in which a visit is credited to a message."""
    minute = max(_minute(at_us), int.from_bytes(written_to[:_BYTES], "big"))
    return minute.to_bytes(_BYTES, "big") + written_to[_BYTES:]


def messages_us(written_to: bytes) -> list[int]:
    """When the messages went out that are still known, ascending."""
    return [minute * MINUTE_US for minute in _minutes(written_to)]


def returned_us(written_to: bytes) -> int:
    """When a message last brought a visit; 0 = none has."""
    return int.from_bytes(written_to[:_BYTES], "big") * MINUTE_US


def together(one: bytes, other: bytes) -> bytes:
    """Two ids are one customer."""
    if not one or not other:
        return one or other
    return max(one[:_BYTES], other[:_BYTES]) + _kept(sorted([*_minutes(one), *_minutes(other)]))


def _minute(at_us: int) -> int:
    return max(0, -(-at_us // MINUTE_US))


def _minutes(written_to: bytes) -> list[int]:
    places = range(_BYTES, len(written_to), _BYTES)
    return [int.from_bytes(written_to[place : place + _BYTES], "big") for place in places]


def _kept(minutes: list[int]) -> bytes:
    """Of times in order, those that are kept."""
    oldest = max(minutes) - LONGEST_DAYS * (DAY_US // MINUTE_US)
    return b"".join([minute.to_bytes(_BYTES, "big") for minute in minutes[-MOST:] if minute >= oldest])
