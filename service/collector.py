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


@contextmanager
def patient() -> Iterator[None]:
    """For a while; then as before."""
    before = gc.get_threshold()
    be_patient()
    try:
        yield
    finally:
        gc.set_threshold(*before)
