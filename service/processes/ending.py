"""A process that is asked to end ends in time and with 0, whomever it still waits for: a supervisor would kill it
seconds later, and take anything else than 0 for a failure."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from service.processes.lines import Lines


def end_on_request(stop: asyncio.Event, within_s: float, give_up: Callable[[], None]) -> None:
    """From now on SIGTERM and SIGINT set `stop`. `give_up` is called in the running loop when that was so many seconds
    ago: it says what could not be done, and leaves."""
    loop = asyncio.get_running_loop()

    def asked() -> None:
        if not stop.is_set():
            stop.set()
            loop.call_later(within_s, give_up)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)


def leave(code: int) -> NoReturn:
    """At once: nothing is awaited, no thread is waited for."""
    write_what_is_said()
    os._exit(code)


def write_what_is_said() -> None:
    """As far as there is room for it: a full disk, and a pipe that nobody reads, keep no process from ending."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.finish() if isinstance(stream, Lines) else stream.flush()
