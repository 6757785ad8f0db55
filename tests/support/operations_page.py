"""Runs a page of docs/operations as it stands: every line of its `sh` blocks is a command of ours, or a comment or
another program's command that a test knows how to carry out. What fails, and what nobody knows, fails the test."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from service.config import Settings
from tests.support.worker_process import ROOT, environment_of

PAGES: Final = ROOT / "docs" / "operations"
_BLOCK: Final = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SETS: Final = re.compile(r'# set (\w+)\.(\w+) = "(.*)"')

Act = Callable[[], object]


def lines_of(page: str) -> list[str]:
    """Of all blocks, in order; a line that ends with a backslash goes on."""
    text = (PAGES / page).read_text(encoding="utf-8").replace("\\\n", " ")
    return [line.strip() for block in _BLOCK.findall(text) for line in block.splitlines() if line.strip()]


class Operator:
    """Follows a page. Where it says `cafe`, the names of this test's group and topics stand."""

    def __init__(self, settings: Settings, directory: Path, named: str) -> None:
        """`named`: what `cafe` is here."""
        self.settings = settings
        self.said: dict[str, str] = {}
        """Command → what it said."""
        self._directory = directory
        self._named = named
        self._left: list[str] = []

    def follow(self, page: str, acts: Mapping[str, Act], *, codes: Mapping[str, int] | None = None) -> None:
        """`acts`: comment (without its mark) or foreign command → what is done then. `codes`: command → its exit code,
        where it is not 0."""
        known = dict(codes or {})
        done: set[str] = set()
        for line in lines_of(page):
            sets = _SETS.fullmatch(line)
            if sets is not None:
                section, key, value = sets.groups()
                self.settings = self.settings.changed(**{section: {key: self._here(value)}})
            elif not line.startswith("churn-alert "):
                what = line.removeprefix("#").strip()
                assert what in acts, f"{page} says {what!r}, and nobody knows how that is done"
                acts[what]()
                done.add(what)
            else:
                assert self.run(line) == known.get(line, 0), f"{page}: {line}: {self.said[line]}"
        assert done == set(acts), f"{page} does not say {set(acts) - done}"

    def run(self, line: str) -> int:
        """One command, as a shell would; returns its exit code."""
        name, *words = shlex.split(self._here(line))
        assert name == "churn-alert", line
        ended = subprocess.run(
            [sys.executable, "-m", "service.cli", *words],
            env=environment_of(self.settings) | {"PYTHONPATH": str(ROOT)},
            cwd=self._directory,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        self.said[line] = " ".join((ended.stdout + ended.stderr).split())
        assert "Traceback" not in ended.stderr, ended.stderr
        return ended.returncode

    def _here(self, text: str) -> str:
        prefix = self._named.removesuffix("cafe")
        return re.sub(r"\bcafe\b", self._named, re.sub(r"(?<=--topic )", prefix, text))
