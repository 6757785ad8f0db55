"""Packaging lives in pyproject.toml. This file only adds the optional compilation of the domain's hot modules.

`make compile` (or CHURN_ALERT_COMPILE=1 with any build) turns them into C with mypyc: the same source, the same results to the
last bit, several times the speed. It needs a C compiler and Python's headers; without it everything runs as it is.
"""

from __future__ import annotations

import os

from setuptools import setup

HOT = ("cadence", "customer", "population", "tolerance", "clock", "due", "scores", "engine")
"""The modules an event passes through. Those with msgspec structs (events, outputs, memories, ledger) stay as they are."""


def extensions() -> list[object]:
    if os.environ.get("CHURN_ALERT_COMPILE") != "1":
        return []
    from mypyc.build import mypycify  # noqa: PLC0415 - needed for this only

    return list(mypycify([f"service/domain/{module}.py" for module in HOT], opt_level="3", multi_file=True))


setup(ext_modules=extensions())
