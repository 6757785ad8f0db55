"""`python -m tests.chaos.under_test worker …` is `churn-alert worker …` from the source, changed by what the
environment says: a defect put in on purpose (mutants.py), a clock that a file sets, or a pause in a turn."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any, Final

MUTANT: Final = "CHAOS_MUTANT"
CLOCK: Final = "CHAOS_CLOCK"
"""A file that holds by how many seconds the wall clock is off."""


PAUSE: Final = "CHAOS_PAUSE"
"""A file: while it is there, the next turn that is to be written stands still with its process, and takes it away; or
its process is killed: so many seconds later as the file says, or, where that is -n, before the n-th transaction from
then on."""

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


def stand_still(file: Path) -> None:
    """Where a worker would do most harm that has a successor when it wakes up: all of a turn is still to be written."""
    from service.streaming.producer import TransactionalProducer

    write, left = TransactionalProducer._write, [0]

    def pause_if_asked() -> None:
        asked = file.read_text(encoding="utf-8") if file.exists() else None
        if asked is not None:
            file.unlink()
            if not asked:
                os.kill(os.getpid(), signal.SIGSTOP)
            elif float(asked) > 0:
                threading.Timer(float(asked), os.kill, (os.getpid(), signal.SIGKILL)).start()
            else:
                left[0] = -int(float(asked))
        if left[0]:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    async def standing_still(self: Any, *args: Any, **kwargs: Any) -> Any:
        pause_if_asked()
        return await write(self, *args, **kwargs)

    TransactionalProducer._write = standing_still  # type: ignore[method-assign]


def main() -> None:
    if CLOCK in os.environ:
        step_the_clock(Path(os.environ[CLOCK]))
    if PAUSE in os.environ:
        stand_still(Path(os.environ[PAUSE]))
    if MUTANT in os.environ:
        from tests.chaos.mutants import AWAY, MUTANTS

        ({name: mutant.put_in for name, mutant in MUTANTS.items()} | AWAY)[os.environ[MUTANT]]()
    from service.cli import main as churn_alert
    from service.streaming import bounded_turns
    from tests.chaos.standstill import tell_when_asked

    tell_when_asked()

    bounded_turns.TURN_RECORDS = TURN_RECORDS

    churn_alert()


if __name__ == "__main__":
    main()
