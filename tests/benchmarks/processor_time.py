"""Processor time of another process, as the kernel counts it for its owner: user and system, all threads (Linux).

Wall time on a shared machine says how busy the others are; this says what the work costs. Not to the last percent: who
shares a core and its caches with others needs more of it for the same work, so what the others did is noted beside.
"""

from __future__ import annotations

import os
import threading
import time
from bisect import bisect_left
from pathlib import Path
from types import TracebackType
from typing import Self

SAMPLE_S = 0.02
QUIET_SHARE = 0.05
"""Of one core: a worker at rest needs less."""
QUIET_S = 1.0
PATIENCE_S = 60.0
BUSY_CORES = 0.5
"""Kept busy by others from here on, the machine is not a quiet one."""


def cpu_s(pid: int) -> float:
    """Seconds so far, in steps of 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_until_quiet(pid: int) -> float:
    """Waits until the process has had nothing to do for a second. Returns how many cores all others kept busy in it."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        assert time.monotonic() < deadline, "the process does not come to rest"
        before, machine, began = cpu_s(pid), _machine_s(), time.monotonic()
        time.sleep(QUIET_S)
        spent, others = cpu_s(pid) - before, _machine_s() - machine
        if spent <= QUIET_SHARE * QUIET_S:
            return max(0.0, others - spent) / (time.monotonic() - began)


def _machine_s() -> float:
    """Seconds that all processors together have been busy so far; what a hypervisor took for others counts too."""
    user, nice, system, _idle, _waiting, irq, softirq, steal = map(
        int, Path("/proc/stat").read_text().split(maxsplit=9)[1:9]
    )
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


class CpuClock:
    """Notes what the process has spent while it is open: it can be asked for an instant that is only known later."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._at: list[float] = []
        self._spent: list[float] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def spent_at(self, moment_s: float) -> float:
        """Processor time at an instant of `time.time`; of the first note after it."""
        index = min(bisect_left(self._at, moment_s), len(self._at) - 1)
        return self._spent[index]

    def _note(self) -> None:
        self._at.append(time.time())
        self._spent.append(cpu_s(self._pid))

    def _watch(self) -> None:
        while not self._done.wait(SAMPLE_S):
            self._note()

    def __enter__(self) -> Self:
        self._note()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        if error is None:
            self._note()
