"""What came of a schedule."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tests.chaos.schedule import Schedule
from tests.support.checker import Report

COMPARED: Final = ("events", "customers", "decisions", "scores", "dead letters", "period rows")
LEAST_DECISIONS: Final = 10
"""Of a schedule: fewer compare next to nothing."""


class Noticed(NamedTuple):
    """Seconds, since the workers were started, and since the schedule began; below 0: before that."""

    since_start_s: float
    of_schedule_s: float


@dataclass
class Outcome:
    """What came of a schedule."""

    schedule: Schedule
    report: Report = field(default_factory=Report)
    complaints: list[str] = field(default_factory=list)
    """What was wrong; empty = nothing."""
    said: str = ""
    """The figures."""
    begun: Counter[str] = field(default_factory=Counter)
    """How often each kind of disturbance was there."""
    longest_pause_s: float = 0.0
    """Of a partition with work before it."""
    noticed: Noticed | None = None
    """When something was wrong first."""
    logs: str = ""

    def assert_good(self) -> None:
        print(self.said)
        shown = "\n".join(self.complaints)
        assert not self.complaints, f"seed {self.schedule.seed}:\n{shown}\n{self.schedule}\n{self.logs}"
        self.assert_compared()

    def assert_compared(self) -> None:
        self.report.assert_same(*COMPARED, decisions=LEAST_DECISIONS)
