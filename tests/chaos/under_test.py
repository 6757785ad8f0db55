"""`python -m tests.chaos.under_test worker …` is `churn-alert worker …` from the source, changed by what the
environment says: a defect put in on purpose (mutants.py), or a clock that a file sets."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

MUTANT: Final = "CHAOS_MUTANT"
CLOCK: Final = "CHAOS_CLOCK"
"""A file that holds by how many seconds the wall clock is off."""


TURN_RECORDS: Final = 10
"""Small turns, so that there are many to be met."""


def step_the_clock(file: Path) -> None:
    """From now on this process believes what the file says."""
    real_ns, read_at, offset_ns = time.time_ns, -1.0, 0

    def stepped_ns() -> int:
        nonlocal read_at, offset_ns
        now = time.monotonic()
        if now - read_at > 0.1:
            read_at = now
            offset_ns = int(float(file.read_text(encoding="utf-8") or 0) * 1e9) if file.exists() else 0
        return real_ns() + offset_ns

    time.time_ns = stepped_ns
    time.time = lambda: stepped_ns() / 1e9


def main() -> None:
    if CLOCK in os.environ:
        step_the_clock(Path(os.environ[CLOCK]))
    if MUTANT in os.environ:
        from tests.chaos.mutants import AWAY, MUTANTS

        (MUTANTS | AWAY)[os.environ[MUTANT]].put_in()
    from service.cli import main as churn_alert
    from service.streaming import bounded_turns

    bounded_turns.TURN_RECORDS = TURN_RECORDS

    churn_alert()


if __name__ == "__main__":
    main()
