"""How attempts have ended, carried from a process that has lost its broker to the one by which it replaces itself.

It knew what the other side had answered and could not write it down: without this those messages would be sent again.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from typing import Final

from service.delivery.desk import Said
from service.delivery.memory import Entry, Memory, State, pack, unpack

VARIABLE: Final = "CHURN_ALERT_ENDS"
_MOST: Final = 200
"""A variable of the environment holds 128 KiB."""


def keep_ends(channel: str, said: Sequence[Said]) -> None:
    """For the process that follows in this one's place."""
    packed = [pack(channel, request_id, entry) for request_id, entry in said[:_MOST] if entry is not None]
    os.environ[VARIABLE] = " ".join(base64.b64encode(one).decode() for one in packed)


def take_ends(channel: str) -> dict[str, Entry]:
    """What the process before has left, and nothing the second time."""
    found: dict[str, Entry] = {}
    for word in os.environ.pop(VARIABLE, "").split():
        try:
            of_channel, request_id, entry = unpack(base64.b64decode(word))
        except ValueError:
            continue
        if of_channel == channel:
            found[request_id] = entry
    return found


def ends_known(kept: Mapping[str, Entry], memory: Memory) -> list[Said]:
    """Of ids that are still in doubt, and that nobody else has begun since."""
    known = []
    for request_id in memory.attempted():
        entry, end = memory.get(request_id), kept.get(request_id)
        if (
            entry is not None
            and end is not None
            and entry.attempts == end.attempts
            and end.state is not State.ATTEMPTED
        ):
            known.append(Said(request_id, end))
    return known
