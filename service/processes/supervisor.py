"""Keeps one child process running: restarts it with growing pauses. For the demo; containers and systemd do it
elsewhere."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from service.processes.tethered import Tethered

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
HEALTHY_AFTER_S = 60.0
"""A child that lived this long starts again without the pause that earlier failures had built up."""
STOP_GRACE_S = 12.0


class Supervisor:
    """Runs `command` until `stop`. `on_exit(code, pause)` is told of each unexpected end, from the watching thread."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        log_file: Path,
        remove: Path,
        on_exit: Callable[[int, float], None],
        hopeless: frozenset[int] = frozenset({1, 2}),
    ) -> None:
        """`environment` is the child's whole one. `remove` is a directory that goes when this process ends without
        `stop`.

        `hopeless`: exit codes of a wrong configuration, which a restart cannot cure; the supervisor gives up on them.
        """
        self._command = list(command)
        self._environment = environment
        self._log_file = log_file
        self._remove = remove
        self._on_exit = on_exit
        self._hopeless = hopeless
        self._stopping = threading.Event()
        self._child: Tethered | None = None
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.gave_up = False

    def start(self) -> None:
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """Process id of the child; None between two lives."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    def _watch(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._stopping.is_set():
            began = time.monotonic()
            with self._log_file.open("ab") as log:
                self._child = Tethered(self._command, output=log, environment=self._environment, remove=self._remove)
            code = self._child.wait()
            if self._stopping.is_set():
                return
            if time.monotonic() - began > HEALTHY_AFTER_S:
                pause = FIRST_PAUSE_S
            if code in self._hopeless:
                self.gave_up = True
                self._on_exit(code, 0.0)
                return
            self._on_exit(code, pause)
            self._stopping.wait(pause)
            pause = min(LONGEST_PAUSE_S, pause * 2)

    def stop(self) -> int | None:
        """SIGTERM, then SIGKILL after the grace; returns the child's exit code, None if it never ran."""
        self._stopping.set()
        child = self._child
        if child is None:
            return None
        code = child.end(signal.SIGTERM, STOP_GRACE_S)
        self._thread.join(STOP_GRACE_S)
        return code
