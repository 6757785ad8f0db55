"""Building the package apart from the tree that is tested."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.conftest import MACHINES_AUTHORITIES

REPOSITORY = Path(__file__).parents[2]
PACKAGE = ("service", "schemas", "setup.py", "pyproject.toml", "README.md", "LICENSE")


def copy_of_the_package(to: Path) -> Path:
    """What a build reads, and nothing else of the repository."""
    to.mkdir()
    for name in PACKAGE:
        if (REPOSITORY / name).is_dir():
            shutil.copytree(REPOSITORY / name, to / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        else:
            shutil.copy(REPOSITORY / name, to / name)
    return to


def own_environment() -> dict[str, str]:
    """The variables as they were before the tests, without ours."""
    found = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CHURN_ALERT_"))}
    authorities = found.pop(MACHINES_AUTHORITIES, None)
    if authorities is not None:
        found.pop("SSL_CERT_FILE", None)
        found |= {"SSL_CERT_FILE": authorities} if authorities else {}
    return found


def run_python(words: Sequence[str], *, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """This Python, without the tests' own path: it finds what is installed and what lies in `cwd`."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env=own_environment() | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def no_compiler(package: Path) -> str | None:
    """Why a build of `package` does not compile here; None = it does."""
    told = run_python(["setup.py", "tell"], cwd=package)
    assert told.returncode == 0, told.stderr
    return told.stdout.strip() if "not compiled" in told.stdout else None
