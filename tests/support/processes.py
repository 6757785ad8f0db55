"""Other processes, seen from a test: whether they live, and what they leave."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable

PATIENCE_S = 30.0
"""Longer than any orderly end takes, and longer than the ten seconds after which what does not end is killed."""


def until(holds: Callable[[], bool], seconds: float = PATIENCE_S) -> bool:
    """Waits for other processes; a real clock, because they are real."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def free(port: int) -> bool:
    """Whether somebody else could take it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
