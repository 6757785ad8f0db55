"""Packaging lives in pyproject.toml. This file only adds the optional compilation of the hot modules.

`make compile` (or CHURN_ALERT_COMPILE=1 with any build without isolation) turns them into C with mypyc: the same source, the
same results to the last bit, several times the speed. It needs a C compiler, Python's headers, and mypy and the dependencies
installed; without it everything runs as it is.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup

HOT = (
    "calendar",
    "summation",
    "cadence",
    "customer",
    "stored",
    "episode",
    "favourites",
    "recent_orders",
    "answers",
    "profile",
    "learning/kaplan_meier",
    "learning/silences",
    "outreach/realised",
    "learning/simplex",
    "learning/churn_model",
    "learning/churn_fit",
    "learning/newcomers",
    "learning/learned",
    "learning/population",
    "learning/everybody",
    "outreach/alert_value",
    "outreach/volume",
    "outreach/tolerance",
    "clock",
    "outlook",
    "due",
    "periods/ledger",
    "scores",
    "outreach/kinds/silence",
    "outreach/kinds/win_back",
    "outreach/kinds/second_visit",
    "outreach/decisions",
    "outreach/ladder",
    "scoreboard",
    "timeline",
    "visits",
    "engine",
)
"""The modules an event passes through. Those with msgspec structs (events, outputs, day_part) cannot be compiled;
decoding and encoding gain nothing, since msgspec does their work."""
FILES = (
    "history/timestamps",
    "history/amounts",
    "history/lines",
    "history/orders",
    "history/left_out",
    "backtest/visit_log",
    "backtest/playback",
)
"""What a backtest does with every line beside."""
EXACT = ("-ffp-contract=off", "-fno-builtin-exp", "-fno-builtin-log", "-fno-builtin-pow")
"""Every float operation rounds on its own, as Python's do (ARM compilers fuse × and + by default), and constants go through the
same library as variables."""
NO_TOOLS = 3
"""Exit code where the machine lacks what compiling needs, apart from the code of a compilation that fails."""


def missing_tool() -> str | None:
    """What this machine lacks for compiling; None = nothing."""
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    if os.name == "posix" and shutil.which(compiler) is None:
        return f"no C compiler: {compiler} was not found"
    header = Path(sysconfig.get_paths()["include"]) / "Python.h"
    return None if header.exists() else f"no {header}: Python's development files are not installed"


def extensions() -> list[Extension]:
    if os.environ.get("CHURN_ALERT_COMPILE") != "1":
        return []
    missing = missing_tool()
    if missing is not None:
        sys.stderr.write(f"cannot compile: {missing}\n")
        raise SystemExit(NO_TOOLS)
    from mypyc.build import mypycify  # noqa: PLC0415 - needed for this only

    # The group's name puts the library that all compiled modules share beside them.
    modules = [*(f"domain/{module}" for module in HOT), *FILES]
    made: list[Extension] = mypycify(
        [f"service/{module}.py" for module in modules], opt_level="3", group_name="service.domain.compiled"
    )
    if os.name == "posix":
        for extension in made:
            extension.extra_compile_args.extend(EXACT)
    return made


setup(ext_modules=extensions())
