"""Python's cycle collector, set for what runs here: records and customers are many, live long and form no cycles.

At Python's own thresholds looking for some costs 15 % of the CPU.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_THRESHOLDS = (100_000, 20, 50)


def be_patient() -> None:
    """For the rest of the process."""
    gc.set_threshold(*_THRESHOLDS)


def leave_alone() -> None:
    """What there is by now is not searched for cycles any more: a state that was just read lives long."""
    gc.freeze()


def forget_dropped() -> None:
    """Frees what was left alone and nobody holds any more, as the state of a partition that has gone to another worker:
    its rooms know each other. Looks through everything that is still held, two seconds for a million customers
    (compiled; eight times that in pure Python)."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


@contextmanager
def patient() -> Iterator[None]:
    """For a while; then as before."""
    before = gc.get_threshold()
    be_patient()
    try:
        yield
    finally:
        gc.set_threshold(*before)
