"""Prometheus' own programs: the judge of metrics, rules and configurations, and the servers themselves.

They are taken from the path, or from Debian's packages, unpacked and not installed: those would start servers.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

PROMTOOL, PROMETHEUS, ALERTMANAGER = "promtool", "prometheus", "prometheus-alertmanager"
_PACKAGES = ("prometheus", "prometheus-alertmanager")
_KEPT = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "churn-alert" / "prometheus"
_FETCH_S = 120


@cache
def program(name: str) -> str:
    """Where it is. Fails the test where it could be had and was not; skips it, and says so, where there is no way."""
    found = shutil.which(name) or shutil.which(name, path=str(_KEPT / "usr" / "bin"))
    if found is not None:
        return found
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        pytest.skip(f"no {name}: what Prometheus' own programs say was NOT tested; install {' and '.join(_PACKAGES)}")
    trouble = _fetch()
    found = shutil.which(name, path=str(_KEPT / "usr" / "bin"))
    if found is None:
        pytest.fail(f"{name} is not installed, and its package could not be had: {trouble}")
    return found


def _fetch() -> str:
    """Unpacks the packages; returns what went wrong."""
    _KEPT.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_KEPT.parent) as directory:
        done = _run(["apt-get", "download", "-qq", *_PACKAGES], directory)
        if done.returncode:
            _run(["apt-get", "update", "-qq"], directory)
            done = _run(["apt-get", "download", "-qq", *_PACKAGES], directory)
        unpacked = Path(directory) / "unpacked"
        for package in Path(directory).glob("*.deb"):
            _run(["dpkg", "-x", str(package), str(unpacked)], directory)
        if unpacked.exists() and not _KEPT.exists():
            try:
                unpacked.rename(_KEPT)
            except OSError:  # another test process was quicker
                return ""
        return done.stderr.strip()


def _run(command: list[str], directory: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_FETCH_S,
        check=False,
    )


def complaints(page: str) -> str:
    """What `promtool check metrics` says of a /metrics page: empty = nothing."""
    done = _promtool("check", "metrics", page=page)
    said = (done.stdout + done.stderr).strip()
    return said or ("" if done.returncode == 0 else f"exit code {done.returncode}")


def refusal(*arguments: str) -> str:
    """What promtool says of files that it does not accept: empty = it accepts them."""
    done = _promtool(*arguments)
    return (done.stdout + done.stderr).strip() if done.returncode else ""


def _promtool(*arguments: str, page: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program(PROMTOOL), *arguments], input=page, capture_output=True, text=True, timeout=240, check=False
    )
