"""Streams that whoever has started a process has closed.

The next file or connection that is opened would take the number of one of them, and everything that is said be written
into it; and Python has no stream at all to say something to.
"""

from __future__ import annotations

import os
import sys
from typing import Final

_NAMES: Final = ("stdin", "stdout", "stderr")


def open_closed_ones() -> None:
    """Call it before anything is opened: each that is closed leads nowhere from now on."""
    for number, name in enumerate(_NAMES):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it takes the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115 - for as long as the process lives
