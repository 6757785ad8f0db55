"""Which store loses its regulars: each one's regulars of a year, how many of them are quiet or lost, and whether that
is more than elsewhere by more than chance."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from service.domain.findings import Segment
from service.domain.uplift.intervals import newcombe
from service.web.people.roll import SEGMENTS, Roll

DAYS: Final = 365
"""Regulars who came within so many days are counted: who left before that says nothing about the store of today."""
_DAY_S: Final = 86_400
_FRESH_S: Final = 1.0
_QUIET, _LOST = SEGMENTS.index(Segment.QUIET.value), SEGMENTS.index(Segment.LOST.value)


class Beside(StrEnum):
    """How a store's share stands beside that of all the others together."""

    WORSE = "worse"
    BETTER = "better"
    ALIKE = "alike"
    """The difference may be chance."""


@dataclass(frozen=True, slots=True)
class Store:
    """Counts of people."""

    store: str
    """Empty: of whom no store is known."""
    regulars: int
    """With enough visits for a rhythm, the last of them within `DAYS`."""
    quiet: int
    lost: int
    share: float | None
    """Quiet or lost, of the regulars; None: there are none."""
    value_at_risk: float
    """Of the quiet ones; what is not known counts nothing."""
    beside: str
    """Of `Beside`; empty where there is nothing to compare with."""


class Stores:
    """Counted once a second at most, however often it is asked for."""

    def __init__(self, regular_min_visits: int) -> None:
        self._least = regular_min_visits
        self._told: list[Store] | None = None
        self._of: Roll | None = None
        self._until_s = 0.0

    def of(self, roll: Roll) -> list[Store]:
        """The store that loses the largest share first."""
        if self._told is None or self._of is not roll or time.monotonic() >= self._until_s:
            self._told, self._of = stores_of(roll, self._least), roll
            self._until_s = time.monotonic() + _FRESH_S
        return self._told


def stores_of(roll: Roll, regular_min_visits: int) -> list[Store]:
    """Costs some 30 ms per 100,000 customers."""
    since_s, counted = roll.now_s - DAYS * _DAY_S, dict[str, list[float]]()
    for _, row in roll.rows():
        if roll.visits[row] < regular_min_visits or roll.last_visit_s[row] < since_s:
            continue
        regulars_quiet_lost_value = counted.setdefault(roll.store_of(row), [0, 0, 0, 0.0])
        regulars_quiet_lost_value[0] += 1
        if roll.segment[row] == _QUIET:
            regulars_quiet_lost_value[1] += 1
            regulars_quiet_lost_value[3] += max(0.0, roll.value_at_risk[row])
        elif roll.segment[row] == _LOST:
            regulars_quiet_lost_value[2] += 1
    everybody = int(sum(each[0] for each in counted.values()))
    gone = int(sum(each[1] + each[2] for each in counted.values()))
    found = [
        Store(
            name,
            int(regulars),
            int(quiet),
            int(lost),
            round((quiet + lost) / regulars, 4),
            round(value, 2),
            _beside(int(quiet + lost), int(regulars), gone, everybody),
        )
        for name, (regulars, quiet, lost, value) in counted.items()
    ]
    return sorted(found, key=lambda each: (not each.store, -(each.share or 0.0), each.store))


def _beside(gone: int, regulars: int, gone_of_all: int, all_regulars: int) -> str:
    """The 95 % interval of the difference from all other stores together."""
    found = newcombe(gone, regulars, gone_of_all - gone, all_regulars - regulars)
    if found is None:
        return ""
    return (Beside.WORSE if found.low > 0.0 else Beside.BETTER if found.high < 0.0 else Beside.ALIKE).value
