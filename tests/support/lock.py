"""What lock/ says, and, run as a program, what an environment has that differs from it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCK = Path(__file__).parents[2] / "lock"
OURSELVES = "churn-alert"


@dataclass(frozen=True, slots=True)
class Locked:
    """One entry: a package has several where no single version suits every Python."""

    name: str
    version: str
    marker: Marker | None
    """Where it is installed; None = everywhere."""
    hashes: tuple[str, ...]

    def suits(self, environment: dict[str, str]) -> bool:
        return self.marker is None or self.marker.evaluate(environment)


def read(file: str) -> list[Locked]:
    """The entries of one file of lock/."""
    text = (LOCK / file).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [_entry(line) for line in lines]


def _entry(line: str) -> Locked:
    text, *hashes = line.split("--hash=")
    requirement = Requirement(text.strip())
    (pin,) = requirement.specifier
    if pin.operator != "==":
        raise ValueError(f"not an exact version: {requirement}")
    return Locked(
        canonicalize_name(requirement.name), pin.version, requirement.marker, tuple(found.strip() for found in hashes)
    )


def moved() -> list[str]:
    """One line for each package of this environment that has another version than the lock gives it here."""
    locked: dict[str, str] = {entry.name: entry.version for entry in read("all.txt") if entry.suits({})}
    installed: dict[str, str] = {canonicalize_name(found.name): found.version for found in metadata.distributions()}
    names = sorted((locked.keys() | installed.keys()) - {OURSELVES, "pip"})
    return [
        f"{name} {locked.get(name, 'not locked')} -> {installed.get(name, 'not installed')}"
        for name in names
        if locked.get(name) != installed.get(name)
    ]


if __name__ == "__main__":
    lines = moved()
    sys.stdout.write(
        "Moved against the lock:\n" + "".join(f"  {line}\n" for line in lines) if lines else "Nothing moved.\n"
    )
