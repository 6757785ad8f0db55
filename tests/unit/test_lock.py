"""The lock is what is installed: complete, within the ranges of pyproject.toml, with hashes, and bound to no one's
index."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.support.lock import LOCK, OURSELVES, Locked, read

pytestmark = pytest.mark.files

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
FILES = ("all.txt", "run.txt", "build.txt")
PYTHONS = tuple(name.rpartition(" ")[2] for name in PROJECT["classifiers"])
PLATFORMS = (
    {"sys_platform": "linux", "os_name": "posix", "platform_system": "Linux", "platform_machine": "x86_64"},
    {"sys_platform": "linux", "os_name": "posix", "platform_system": "Linux", "platform_machine": "aarch64"},
    {"sys_platform": "darwin", "os_name": "posix", "platform_system": "Darwin", "platform_machine": "arm64"},
)
RUN = tuple(PROJECT["dependencies"])
NOT_LOCKED = {"msk"}
"""Extras whose libraries hold others back: whoever wants them has them beside the lock."""
EXTRAS = tuple(
    text for name, extra in PROJECT["optional-dependencies"].items() if name not in NOT_LOCKED for text in extra
)
IN_THE_IMAGE = ("avro", "protobuf")
"""Extras of run.txt: what reads the topics of a shop with a schema registry, 45 MB."""
OF_IMAGE = tuple(text for name in IN_THE_IMAGE for text in PROJECT["optional-dependencies"][name])
GROUPS = tuple(text for group in PYPROJECT["dependency-groups"].values() for text in group)
BUILD = tuple(PYPROJECT["build-system"]["requires"])
HERE = {"platform_python_implementation": "CPython", "implementation_name": "cpython"}
WANTED = {"all.txt": RUN + EXTRAS + GROUPS + BUILD, "run.txt": RUN + OF_IMAGE, "build.txt": GROUPS + BUILD}


def requirements(texts: tuple[str, ...]) -> list[Requirement]:
    found = [Requirement(text) for text in texts]
    return [requirement for requirement in found if requirement.name != OURSELVES]


def environments() -> list[dict[str, str]]:
    return [
        HERE | platform | {"python_version": python, "python_full_version": f"{python}.9"}
        for python in PYTHONS
        for platform in PLATFORMS
    ]


ENVIRONMENTS = environments()


@cache
def installed(file: str, place: int) -> dict[str, list[Locked]]:
    """By name, what a file of lock/ brings in one of the environments."""
    found: dict[str, list[Locked]] = {}
    for entry in read(file):
        if entry.suits(ENVIRONMENTS[place]):
            found.setdefault(entry.name, []).append(entry)
    return found


@pytest.mark.parametrize("file", FILES)
def test_what_pyproject_asks_for_is_locked_once_and_within_its_range_wherever_it_runs(file: str) -> None:
    for requirement in requirements(WANTED[file]):
        for place, environment in enumerate(ENVIRONMENTS):
            found = installed(file, place).get(canonicalize_name(requirement.name), [])

            assert len(found) == 1, f"{requirement} in {file} for {environment}: {found} (make lock)"
            assert found[0].version in requirement.specifier, f"{requirement}, but {found[0]} (make lock)"


@pytest.mark.parametrize("file", ["run.txt", "build.txt"])
def test_the_image_and_the_tools_get_the_versions_that_are_tested(file: str) -> None:
    for place in range(len(ENVIRONMENTS)):
        for name, entries in installed(file, place).items():
            for entry in entries:
                assert [one.version for one in installed("all.txt", place)[name]] == [entry.version]


@pytest.mark.parametrize("file", FILES)
def test_every_entry_has_hashes(file: str) -> None:
    entries = read(file)
    assert len(entries) >= 15
    for entry in entries:
        assert entry.hashes, entry
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", found) for found in entry.hashes), entry


@pytest.mark.parametrize("file", FILES)
def test_the_lock_names_no_index_and_no_host(file: str) -> None:
    text = (LOCK / file).read_text(encoding="utf-8")

    assert re.findall(r"://|--(?:extra-)?index|--find-links|--trusted-host|file:|/home/|/root/|/tmp/", text) == []
    assert re.findall(r"\b[a-z0-9-]+\.(?:org|com|net|io|dev)\b", text) == []


@pytest.mark.parametrize("requirement", requirements(WANTED["all.txt"]), ids=str)
def test_every_range_ends_somewhere_after_what_is_locked(requirement: Requirement) -> None:
    ends = [Version(part.version) for part in requirement.specifier if part.operator in {"<", "=="}]
    locked = [Version(entry.version) for entry in read("all.txt") if entry.name == canonicalize_name(requirement.name)]

    assert len(ends) == 1, f"{requirement} has no end"
    assert all(version <= ends[0] for version in locked)


def test_what_builds_here_is_what_builds_anywhere() -> None:
    assert set(BUILD) <= set(GROUPS)


def test_a_package_has_the_same_range_wherever_it_is_asked_for() -> None:
    ranges: dict[str, set[SpecifierSet]] = {}
    for requirement in requirements(WANTED["all.txt"]):
        ranges.setdefault(requirement.name, set()).add(requirement.specifier)

    assert {name: found for name, found in ranges.items() if len(found) > 1} == {}


def test_the_readme_says_which_pythons() -> None:
    assert PYTHONS == ("3.11", "3.12", "3.13")
    assert all(f"{python}.0" in SpecifierSet(PROJECT["requires-python"]) for python in PYTHONS)
    assert "Python 3.11, 3.12 or 3.13" in (ROOT / "README.md").read_text(encoding="utf-8")
