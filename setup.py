"""Packaging lives in pyproject.toml. This file adds the compilation of the hot modules.

mypyc turns them into C: the same source, the same results to the last bit, several times the speed. Where a C compiler
and Python's headers are found every build does so, unless CHURN_ALERT_COMPILE says otherwise: 0 = never, 1 = fail
without them. What was compiled is kept below the user's cache directory, by the checksum of all that it was made of.

`python setup.py tell` says in a line what a build would do here, and nothing where it has nothing to compile.
"""

from __future__ import annotations

import ast
import hashlib
import os
import platform
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build import build
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError

HOT = (
    "calendar",
    "summation",
    "cadence",
    "customer_fields",
    "customer",
    "customer_record",
    "stored",
    "occasion",
    "episode",
    "favourites",
    "hashed_ids",
    "sealed_chunks",
    "purchase_history",
    "corrections",
    "answers",
    "counts",
    "profile",
    "followed",
    "rare",
    "halving",
    "learning/kaplan_meier",
    "learning/survival",
    "learning/silences",
    "outreach/realised",
    "learning/simplex",
    "learning/churn_model",
    "learning/foresight",
    "learning/churn_fit",
    "learning/newcomers",
    "learning/learned",
    "learning/population",
    "learning/everybody",
    "outreach/alert_value",
    "outreach/brake",
    "written_to",
    "outreach/control",
    "outreach/frequency",
    "outreach/unhappy",
    "quiet_times",
    "outreach/release",
    "outreach/gates",
    "outreach/brought",
    "outreach/patience",
    "outreach/moments",
    "outreach/volume",
    "outreach/tolerance",
    "rhythm",
    "sources",
    "clock",
    "feed_delay",
    "feed_gap",
    "outlook",
    "due",
    "folding/record",
    "folding/shelves",
    "folding/may_hold",
    "folding/attic",
    "periods/ledger",
    "health",
    "scores",
    "outreach/kinds/message",
    "outreach/kinds/silence",
    "outreach/kinds/win_back",
    "outreach/kinds/second_visit",
    "decision_ids",
    "outreach/evidence",
    "outreach/ladder",
    "outreach/kinds/occasion",
    "outreach/kinds/milestone",
    "outreach/kinds/follow_up",
    "outreach/kinds/feedback_request",
    "outreach/kinds/delight",
    "outreach/kinds/service_recovery",
    "outreach/pace",
    "outreach/occasions",
    "partition_state",
    "scoreboard",
    "timeline",
    "identities",
    "roster",
    "presence",
    "state_records",
    "effects/bookkeeping",
    "effects/visits",
    "effects/merging",
    "effects/purchases",
    "effects/feedback",
    "effects/profiles",
    "effects/erasures",
    "effects/moves",
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
    "history/people",
    "history/decimals",
    "history/dates",
    "history/kinds",
    "history/states",
    "history/exchange",
    "history/planned_rows",
    "backtest/visit_log",
    "backtest/day_hours",
    "backtest/playback",
    "wire/key_hash",
)
"""What a backtest does with every line beside, and the hash of every customer's id."""
COMPILED = tuple(f"service/{module}.py" for module in (*(f"domain/{name}" for name in HOT), *FILES))
GROUP = "service.domain.compiled"
"""The library that all compiled modules share: its name puts it beside them."""
EXACT = ("-ffp-contract=off", "-fno-builtin-exp", "-fno-builtin-log", "-fno-builtin-pow")
"""Every float operation rounds on its own, as Python's do (ARM compilers fuse × and + by default), and constants go
through the same library as variables."""
FLAT = "-Wno-misleading-indentation"
"""mypyc indents the lines of each class deeper than those of the last, hundreds of columns in the end: to look there
for what misleads, gcc takes twice as long as for all the rest."""
OWN_TYPES = (
    "--config-file=",
    f"--cache-dir={os.devnull}",
    "--strict",
    "--ignore-missing-imports",
    "--allow-subclassing-any",
    "--allow-untyped-decorators",
    "--no-warn-return-any",
    "--follow-imports=silent",
)
"""For mypy: not pyproject.toml, whose plugins a build has no need of, and not the cache of `make lint`, which it would
spoil. A build has no pydantic either, and the settings, which the engine's types lead to, are models of it: what comes
of a library that is not there may be anything, and what such modules are told then is no reason to build nothing."""
KEPT = 8
"""So many compiled engines stay in the cache (a few MB each): some branches for each Python."""
ROOT = Path(__file__).parent
SUFFIX: str = sysconfig.get_config_var("EXT_SUFFIX")
WISH = os.environ.get("CHURN_ALERT_COMPILE", "")


def missing_tool() -> str | None:
    """What this machine lacks for compiling; None = nothing."""
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    if os.name == "posix" and shutil.which(compiler) is None:
        return f"no C compiler ({compiler} was not found)"
    if find_spec("mypyc") is None:
        return "no mypy"
    header = Path(sysconfig.get_paths()["include"]) / "Python.h"
    return None if header.exists() else f"no {header} (Python's development files are not installed)"


def compiles() -> bool:
    """Whether a build compiles. Ends the program where it must and cannot."""
    if WISH == "0":
        return False
    missing = missing_tool()
    if missing is not None and WISH == "1":
        raise SystemExit(f"error: CHURN_ALERT_COMPILE=1, but there is {missing}")
    return missing is None


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def made_of(files: Iterable[str]) -> list[str]:
    """`files` and all of ours that they import: the types there are compiled in as well."""
    found: set[str] = set()
    waiting = list(files)
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            names = [name.replace(".", "/") for name in imported(ROOT / file)]
            candidates = [name + end for name in names for end in (".py", "/__init__.py")]
            waiting.extend(name for name in candidates if (ROOT / name).is_file())
    return sorted(found)


def checksum() -> str:
    """Of everything a compiled engine depends on: sources, this file, mypy, Python's ABI, the machine."""
    total = hashlib.sha256()
    abi = (SUFFIX, sysconfig.get_platform(), platform.libc_ver(), os.environ.get("CC"))
    total.update(repr((metadata.version("mypy"), abi, os.environ.get("CFLAGS"))).encode())
    for name in ("setup.py", *made_of(COMPILED)):
        total.update(name.encode() + b"\0" + hashlib.sha256((ROOT / name).read_bytes()).digest())
    return total.hexdigest()[:32]


def cache() -> Path:
    """Where the compiled modules of this source are, or will be."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "churn-alert" / "engine" / checksum()


def generated() -> list[Extension]:
    """The C of all modules, ready to be compiled."""
    from mypyc.build import mypycify  # noqa: PLC0415 - needed for this only

    # Nobody follows the generated C line by line: to note its lines takes gcc longer, and twice the space.
    made: list[Extension] = mypycify([*OWN_TYPES, *COMPILED], opt_level="3", debug_level="0", group_name=GROUP)
    if os.name == "posix":
        for extension in made:
            extension.extra_compile_args.extend((*EXACT, FLAT))
    return made


class Fresh(build):
    """A build that contains what the tree contains: setuptools would also pack what an earlier build left there."""

    def run(self) -> None:
        shutil.rmtree(self.build_base, ignore_errors=True)
        super().run()


class Engine(build_ext):
    """Takes the compiled modules from the cache, or compiles them and puts them there."""

    def run(self) -> None:
        if self.inplace or self.editable_mode:  # in the source tree a compiled module would hide its source
            return
        kept, built = cache(), Path(self.build_lib)
        if kept.is_dir():
            kept.touch()
            shutil.copytree(kept, built, dirs_exist_ok=True)
            return
        self.distribution.ext_modules = generated()
        compiling = build_ext(self.distribution)  # another than this one, which was told of no sources
        compiling.ensure_finalized()
        try:
            compiling.run()
        except BaseError as error:
            raise SystemExit(
                f"error: compiling the engine failed ({error}); CHURN_ALERT_COMPILE=0 takes it in pure Python"
            ) from error
        keep([file for file in built.rglob("*") if file.name.endswith(SUFFIX)], built, kept)


def keep(files: list[Path], below: Path, kept: Path) -> None:
    """Whole or not at all; a cache that cannot be written costs the next build its minutes, and nothing else."""
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent, prefix="unfinished-") as directory:
            whole = Path(directory) / "whole"
            for file in files:
                to = whole / file.relative_to(below)
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, to)
            if not kept.exists():  # another build may have been quicker
                whole.replace(kept)
        finished = [path for path in kept.parent.iterdir() if not path.name.startswith("unfinished-")]
        for old in sorted(finished, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        sys.stderr.write(f"the compiled engine could not be kept for the next build: {error}\n")


def intention() -> str | None:
    """What a build would do with the engine, for who waits for it; None = take it from the cache."""
    why = "CHURN_ALERT_COMPILE=0" if WISH == "0" else missing_tool()
    if why is not None:
        return f"The engine is not compiled, {why}: in pure Python it is four to five times slower"
    return None if cache().is_dir() else "Compiling the engine (two minutes, once for this source)"


if sys.argv[1:] == ["tell"]:
    told = intention()
    sys.stdout.write(f"{told}\n" if told else "")
else:
    # The one extension declared says that there are some; which ones is known when they are generated.
    setup(
        cmdclass={"build": Fresh, "build_ext": Engine},
        ext_modules=[Extension(f"{GROUP}__mypyc", [])] if compiles() else [],
    )
