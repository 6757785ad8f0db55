"""What the benchmarks have measured, printed as they go; `make figures` writes it into docs/speed.md as well, each part
with the day, the commit and the machine it was measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

VARIABLE: Final = "BENCHMARK_FIGURES"
"""The page that the figures are written to; unset: they are only printed."""
ROOT: Final = Path(__file__).parents[2]
PARTS: Final = (
    "cafe", "growing-shop", "one-partition", "plain-faust", "forms", "restart", "decision", "absence", "delivery", "attack", "growth", "looking-back",
    "pile", "coming", "hostile",
)  # fmt: skip
"""Regions of the page, in its order."""


class Figures:
    """Of one run."""

    def __init__(self, command: Path) -> None:
        """`command`: what is measured. Its path is printed, and not written."""
        self._command = f"{command}, "
        self._told: dict[str, list[str]] = {}

    def tell(self, part: str, text: str) -> None:
        """A line or more of what was measured; what comes later of the same part stands below."""
        print(f"\n{text}", flush=True)
        assert part in PARTS
        self._told.setdefault(part, []).append(text.replace(self._command, ""))

    def write(self, page: Path, day: date, commit: str, machine: str) -> None:
        """Into the regions of those parts that were measured; all others stay as they are."""
        from docs.writing.regions import filled  # a benchmark's child has the tests alone beside what is installed

        text = page.read_text(encoding="utf-8")
        for part, told in self._told.items():
            lines = "\n".join(told)
            measured = f"*Measured on {day.isoformat()} at commit {commit}, on {machine}.*"
            text = filled(text, part, f"```\n{lines}\n```\n\n{measured}")
        page.write_text(text, encoding="utf-8")

    def write_where_asked(self) -> None:
        """At the end of the run."""
        page = os.environ.get(VARIABLE)
        if page and self._told:
            self.write(ROOT / page, datetime.now(UTC).date(), commit_here(), machine_here())


def commit_here(root: Path = ROOT) -> str:
    """The short hash; "and changes" where the source is another than that commit's."""

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", root, *words], capture_output=True, text=True, check=True).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", "service", "schemas", "lock", "setup.py")
    return git("rev-parse", "--short=10", "HEAD") + (" and changes" if changed else "")


def machine_here() -> str:
    """Its processor and how many cores, and the Python."""
    return f"{_processor(Path('/proc/cpuinfo'))}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _processor(about: Path) -> str:
    names: Mapping[str, str] = {}
    if about.is_file():
        lines = (line.partition(":") for line in about.read_text(encoding="utf-8").splitlines())
        names = {name.strip(): value.strip() for name, _, value in lines}
    return names.get("model name") or platform.machine()
