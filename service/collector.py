"""Python's cycle collector, set for what runs here: records and customers are many, live long and form no cycles.

At Python's own thresholds looking for some costs 15 % of the CPU.
"""

from __future__ import annotations

import asyncio
import gc
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

_THRESHOLDS = (100_000, 20, 50)
_AT_ONCE: Final = 1_000
"""Entries: of customers, some milliseconds."""

Holder = dict[Any, Any] | list[Any] | set[Any] | deque[Any]


def be_patient() -> None:
    """For the rest of the process."""
    gc.set_threshold(*_THRESHOLDS)


def leave_alone() -> None:
    """What there is by now is not searched for cycles any more: a state that was just read lives long. Who drops one
    has to see that it holds itself no more, for nobody would find it."""
    gc.freeze()


async def empty(holders: Iterable[Holder]) -> None:
    """Takes everything out of them, one after the other; whatever else there is to do goes on meanwhile."""
    for holder in holders:
        while holder:
            _take_out(holder)
            await asyncio.sleep(0)


def _take_out(holder: Holder) -> None:
    if isinstance(holder, list):
        del holder[-_AT_ONCE:]
        return
    take = holder.popitem if isinstance(holder, dict) else holder.pop
    for _ in range(min(_AT_ONCE, len(holder))):
        take()


@contextmanager
def patient() -> Iterator[None]:
    """For a while; then as before."""
    before = gc.get_threshold()
    be_patient()
    try:
        yield
    finally:
        gc.set_threshold(*before)
