"""Which churn-alert is measured: an installed one, never the source beside the tests.

`make install` compiles the engine where a C compiler is there, and what is measured must be what runs in a shop. The
command is the one of the environment that runs the tests; BENCHMARK_COMMAND names that of another checkout or
environment.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

COMMAND_VARIABLE = "BENCHMARK_COMMAND"
PURE_VARIABLE = "BENCHMARK_PURE"
COMPILED, PURE = "compiled", "pure"
_TESTS = Path(__file__).resolve().parents[1]
_WHERE_IS_THE_ENGINE = "import service.domain.engine as engine; print(engine.__file__)"


@dataclass(frozen=True)
class Build:
    """An installed churn-alert."""

    command: Path
    engine: str
    """COMPILED or PURE."""

    @property
    def python(self) -> Path:
        """The interpreter of its environment."""
        return self.command.with_name("python")

    def run_module(self, module: str, *arguments: str, timeout_s: float) -> subprocess.CompletedProcess[str]:
        """Runs a module of the tests on the installed package: its standard output is captured, it must end well."""
        with tempfile.TemporaryDirectory(prefix="tests-only-") as directory:
            # There lie the tests, and not the source that they stand beside.
            (Path(directory) / "tests").symlink_to(_TESTS)
            return subprocess.run(
                [self.python, "-m", module, *arguments],
                cwd=directory,
                env=outside(os.environ) | {"PYTHONPATH": directory},
                stdout=subprocess.PIPE,
                text=True,
                timeout=timeout_s,
                check=True,
            )

    def __str__(self) -> str:
        return f"{self.command}, engine {self.engine if self.engine == COMPILED else 'NOT COMPILED'}"


def outside(environment: Any) -> dict[str, str]:
    """The variables without what would lead an interpreter back to the source, or what an earlier release refuses."""
    return {name: value for name, value in environment.items() if name not in ("PYTHONPATH", "CHURN_ALERT_TESTS_RUN")}


@cache
def build_under_test() -> Build:
    """The one that every benchmark measures."""
    named = os.environ.get(COMMAND_VARIABLE)
    command = Path(named).absolute() if named else Path(sys.executable).with_name("churn-alert")
    engine = _engine_of(command.with_name("python"))
    if engine != COMPILED:
        print(f"\nNOT COMPILED: {command} runs in pure Python, several times slower", file=sys.stderr, flush=True)
    return Build(command, engine)


def _engine_of(python: Path) -> str:
    with tempfile.TemporaryDirectory(prefix="nothing-") as nothing:
        command: Sequence[str | Path] = [python, "-c", _WHERE_IS_THE_ENGINE]
        found = subprocess.run(
            command, cwd=nothing, env=outside(os.environ), stdout=subprocess.PIPE, text=True, check=True
        )
    return COMPILED if found.stdout.strip().endswith(tuple(EXTENSION_SUFFIXES)) else PURE


def engine_of_process(pid: int, log: str) -> str:
    """What a running worker is: as it says itself; one that does not say is looked at (Linux)."""
    said = re.search(r'"engine": "(\w+)"', log)
    if said is not None:
        return said[1]
    libraries = Path(f"/proc/{pid}/maps").read_text()
    return COMPILED if re.search(r"/service/domain/\S*__mypyc\S*\.so", libraries) else PURE
