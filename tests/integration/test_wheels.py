"""What `python -m build` makes: each wheel, installed where nothing but the lock is, does the same work with the same
result."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.build import PACKAGE, REPOSITORY, copy_of_the_package, no_compiler, own_environment, run_python

WRITTEN = ("alerts.csv", "periods.csv", "customers.csv", "report.html")

pytestmark = pytest.mark.timeout(900)


@dataclass(frozen=True)
class Built:
    pure: Path
    compiled: Path | None
    """None = no C compiler here."""
    lacking: str | None


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Both wheels; the pure one by way of the sources' archive, as `python -m build` does."""
    directory = tmp_path_factory.mktemp("built")
    package = copy_of_the_package(directory / "package")
    build = ["-m", "build", "--no-isolation", "--outdir", str(directory)]
    made = run_python(build, cwd=package, CHURN_ALERT_COMPILE="0")
    assert made.returncode == 0, made.stdout + made.stderr
    lacking = no_compiler(package)
    if lacking is None:
        made = run_python([*build, "--wheel"], cwd=package)
        assert made.returncode == 0, made.stdout + made.stderr
    tag = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    (pure,) = directory.glob("churn_alert-*-py3-none-any.whl")
    compiled = list(directory.glob(f"churn_alert-*-cp{sys.version_info.major}{sys.version_info.minor}-*{tag}.whl"))
    assert len(compiled) == (lacking is None)
    return Built(pure, compiled[0] if compiled else None, lacking)


@dataclass(frozen=True)
class Room:
    """An environment with what lock/run.txt lists, and a log to look at."""

    bin: Path
    directory: Path

    def run(self, program: str, *words: object) -> str:
        done = subprocess.run(
            [str(self.bin / program), *map(str, words)],
            cwd=self.directory,
            env=own_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def install(self, wheel: Path) -> None:
        """In place of what was there; what the wheel needs must be there."""
        self.run("python", "-m", "pip", "uninstall", "--quiet", "--yes", "churn-alert")
        self.run("python", "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", wheel)
        assert "No broken requirements" in self.run("python", "-m", "pip", "check")


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    directory = tmp_path_factory.mktemp("room")
    made = run_python(["-m", "venv", str(directory / "env")], cwd=directory)
    assert made.returncode == 0, made.stderr
    found = Room(directory / "env" / "bin", directory)
    locked = str(REPOSITORY / "lock" / "run.txt")
    quick = run_python([str(REPOSITORY / "lock" / "with_uv.py"), str(found.bin / "python"), locked], cwd=directory)
    if quick.returncode != 0:
        found.run("python", "-m", "pip", "install", "--quiet", "--no-compile", "--require-hashes", "-r", locked)
    return found


def look_back(room: Room, name: str) -> dict[str, bytes]:
    """What a backtest of the log writes, by file."""
    room.run("churn-alert", "backtest", "sim/purchases.csv", "--surveys", "sim/surveys.csv", "--out", name)
    return {file: (room.directory / name / file).read_bytes() for file in WRITTEN}


def test_both_wheels_give_the_same_bytes_in_an_environment_of_the_lock_alone(built: Built, room: Room) -> None:
    room.install(built.pure)
    assert ", pure, " in room.run("churn-alert", "--version")
    assert "are those of the models" in room.run("churn-alert", "schemas", "check")
    room.run("churn-alert", "simulate", "--out", "sim", "--customers", "150")
    pure = look_back(room, "pure")
    assert all(len(text) > 100 for text in pure.values())
    if built.compiled is None:
        pytest.skip(f"THE COMPILED WHEEL WAS NOT TESTED: {built.lacking}")

    room.install(built.compiled)

    assert ", compiled, " in room.run("churn-alert", "--version")
    assert look_back(room, "compiled") == pure


def test_wheels_hold_every_file_of_the_package_and_no_other(built: Built) -> None:
    source = {
        path.relative_to(REPOSITORY).as_posix()
        for name in PACKAGE
        for path in (REPOSITORY / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".so"
    }
    assert {"schemas/asyncapi.json", "service/web/templates/page.html", "service/py.typed"} <= source

    for wheel in (built.pure, built.compiled):
        if wheel is not None:
            with zipfile.ZipFile(wheel) as archive:
                packed = {name for name in archive.namelist() if ".dist-info/" not in name}
            libraries = {name for name in packed if name.endswith((".so", ".pyd"))}
            assert packed - libraries == source
            assert bool(libraries) == (wheel == built.compiled)
