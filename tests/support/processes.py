"""Other processes, seen from a test: whether they live, and what they leave."""

from __future__ import annotations

import atexit
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Self

PATIENCE_S = 180.0
"""Longer than anything takes that is waited for, on a machine that others use as well."""
_TRIES = 4
_HELD: list[socket.socket] = []
"""Of ports that are ours until this process ends."""


def until(holds: Callable[[], bool], seconds: float = PATIENCE_S) -> bool:
    """Waits for other processes; a real clock, because they are real."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


class Steadiness:
    """For how long the machine has stood still at most within the block, as far as this process can tell."""

    LOOK_S = 0.1

    def __init__(self) -> None:
        self.stood_still_s = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        before_s = time.monotonic()
        while not self._over.wait(self.LOOK_S):
            now_s = time.monotonic()
            self.stood_still_s = max(self.stood_still_s, now_s - before_s - self.LOOK_S)
            before_s = now_s

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def on_a_steady_machine(story: Callable[[int], None], most_s: float) -> None:
    """Tells it, with the number of the try: what is asserted in it holds where the machine does not stand still for so
    long. Where it has, and the story fails, it is told once more."""
    for number in range(_TRIES):
        with Steadiness() as machine:
            try:
                story(number)
            except AssertionError:
                if machine.stood_still_s < most_s or number == _TRIES - 1:
                    raise
            else:
                return


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
    """A port that the system gives to nobody else while this process lives, be it free for a while: a socket of ours is
    bound to it. It does not listen, so that nobody answers there, and a server that sets SO_REUSEADDR may: our own,
    Kafka, Prometheus."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    _HELD.append(held)
    atexit.register(held.close)
    return int(held.getsockname()[1])
