"""Child processes that end with this one, however it ends: every child that lives for long is started here (tether.py
says how)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from service.processes import tether


class Tethered:
    """A running command that ends with this process. The owner's side of the pipe is closed by `wait`, or by its
    end."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        output: IO[bytes] | int | None,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        remove: Path | None = None,
    ) -> None:
        """`output` takes what the command says, None = where this process' errors go. `directory` is where it works.

        `remove` is a directory that goes when this process does, unless it has ended the command itself.
        """
        script = [sys.executable, "-I", "-S", tether.__file__, *(["--remove", str(remove)] if remove else [])]
        self._tether = subprocess.Popen(
            [*script, *command],
            env=environment,
            cwd=directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            start_new_session=True,
        )
        assert self._tether.stdin is not None  # noqa: S101 - asked for above
        assert self._tether.stdout is not None  # noqa: S101 - asked for above
        self._pipes = (self._tether.stdin, self._tether.stdout)
        self.pid = int(self._tether.stdout.readline() or 0)
        """Process id of the command itself."""

    def poll(self) -> int | None:
        """Exit code, the negative signal where one ended it; None while it runs."""
        code = self._tether.poll()
        if code is not None:
            self._close()
        return code

    def wait(self, timeout_s: float | None = None) -> int:
        """As `poll`, when it has ended. Raises subprocess.TimeoutExpired."""
        code = self._tether.wait(timeout_s)
        self._close()
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """To the command; nothing happens when it has ended."""
        if self.pid and self._tether.poll() is None:
            with suppress(ProcessLookupError):  # it ended a moment ago
                os.kill(self.pid, number)

    def end(self, number: signal.Signals, timeout_s: float) -> int:
        """Sends the signal, after the time SIGKILL; returns the exit code."""
        self.send_signal(number)
        self.send_signal(signal.SIGCONT)  # a paused command must be woken to hear SIGTERM
        try:
            return self.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.send_signal(signal.SIGKILL)
            return self.wait()

    def _close(self) -> None:
        for pipe in self._pipes:
            pipe.close()
