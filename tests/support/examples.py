"""How much is tried on which Python: everything on the first of CI. The others are there to show that what was written
runs on them: they try a fifth of what is tried by chance, for what is found by chance is found on any, and share the
cases of each test among them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

EVERY = 5


@dataclass(frozen=True, slots=True)
class Another:
    """One of so many Pythons beside the first."""

    number: int
    """From 0."""
    of: int

    def share(self, kinds: Iterable[str]) -> list[bool]:
        """Of cases, each said by its kind and in their order, which are tried here: all of a kind that has fewer cases
        than there are Pythons, else a share of it. Together the Pythons try every case, and each tries some of every
        kind."""
        asked = list(kinds)
        if self.of == 1:
            return [True] * len(asked)
        numbers, met = Counter(asked), Counter[str]()
        mine: list[bool] = []
        for kind in asked:
            place, met[kind] = met[kind], met[kind] + 1
            mine.append(numbers[kind] < self.of or self._whose(place) == self.number)
        return mine

    def _whose(self, place: int) -> int:
        """Each of them once in any `of` cases that follow one another from a multiple of it, and not always in the
        same order: what changes with every case, such as one of two zones, would stay on one of two Pythons."""
        turns, rest = 0, place
        while rest:
            rest, digit = divmod(rest, self.of)
            turns += digit
        return turns % self.of


def another(said: str) -> Another | None:
    """Which Python this is by TESTS_ON: nothing for the first, `another-python 1/2` for the first of two others, and
    without a share the only one. Raises ValueError where it is none of these."""
    if not said:
        return None
    name, _, share = said.partition(" ")
    number, _, of = (share or "1/1").partition("/")
    found = Another(int(number) - 1, int(of))
    if name != "another-python" or not 0 <= found.number < found.of:
        raise ValueError(f"TESTS_ON is {said!r}: it must be 'another-python', with a share such as 1/2")
    return found


ON_ANOTHER_PYTHON = another(os.environ.get("TESTS_ON", ""))
"""None on the first, where all tests run (.ci/run)."""


def examples(number: int) -> int:
    """So many examples of a property; on another Python every fifth, and at least one."""
    return -(-number // EVERY) if ON_ANOTHER_PYTHON else number
