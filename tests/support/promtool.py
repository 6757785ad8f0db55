"""Prometheus' own judge of a metrics page, where it is installed."""

from __future__ import annotations

import shutil
import subprocess

import pytest

PROMTOOL = "promtool"


def complaints(page: str) -> str:
    """What `promtool check metrics` says of a /metrics page: empty = nothing. Skips the test, and says so, where there
    is none."""
    tool = shutil.which(PROMTOOL)
    if tool is None:
        pytest.skip(
            "no promtool: the metrics were NOT checked by Prometheus' own tool; install the package `prometheus`"
        )
    done = subprocess.run(
        [tool, "check", "metrics"], input=page, capture_output=True, text=True, timeout=60, check=False
    )
    said = (done.stdout + done.stderr).strip()
    return said or ("" if done.returncode == 0 else f"exit code {done.returncode}")
