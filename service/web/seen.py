"""Who has looked at whom since this page began: the answer on the spot to a question that the log answers for good."""

from __future__ import annotations

import time
from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

MOST: Final = 500_000
"""Persons of all views together, 8 bytes each; the oldest views are let go."""
_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Look:
    """One view of a person."""

    at_s: float
    """Unix seconds."""
    who: str
    """The name of the token."""
    client: str
    """Address."""
    path: str
    """Of the page or of the API."""


class Seen:
    """Persons are known by the digits that the log has of them."""

    def __init__(self, most: int = MOST) -> None:
        self.since_s = time.time()
        """What was seen before that, only the log tells."""
        self._most = most
        self._views: deque[tuple[Look, array[int]]] = deque()
        self._held = 0

    def note(self, look: Look, hashes: Sequence[str]) -> None:
        if not hashes:
            return
        numbers = array("Q", (int(each, 16) for each in hashes[: self._most]))
        self._views.append((look, numbers))
        self._held += len(numbers)
        while self._held > self._most:
            gone, let_go = self._views.popleft()
            self._held -= len(let_go)
            self.since_s = max(self.since_s, gone.at_s)

    def of(self, hashed: str) -> list[Look]:
        """The newest looks at that person, newest first. Costs some 10 ms where everything has to be looked through."""
        number, found = int(hashed, 16), list[Look]()
        for look, numbers in reversed(self._views):
            if number in numbers:
                found.append(look)
                if len(found) == _SHOWN:
                    break
        return found
