"""Where a process runs, as far as another one has to know that wants to see whether it still does.

A host's name tells nothing: containers share that of their host or have one that is fixed, and two machines may both be
called "shop". A number of a process means something within one namespace of processes of one running kernel, and there
nobody can be mistaken: the kernel gives each namespace that lives a number of its own. A container that has begun again
has another namespace, and of the former one nothing is left; it is known by its own id, be it Docker's, Podman's, or
that of a pod and the name in it. Everybody else cannot be seen from here, whatever they are called.
"""

from __future__ import annotations

import hashlib
import re
import socket
import uuid
from enum import Enum, auto
from pathlib import Path
from typing import Final, NamedTuple

_MARK: Final = re.compile(r"^([^+]*)\+([0-9a-f]+)\.([0-9a-f]+)\.([0-9a-f]*)$")
_CONTAINER: Final = re.compile(r"/([0-9a-f]{64})/|/pods/([0-9a-f-]{36})/containers/([^/]+)/")
"""In what a runtime mounts into a container: its id; or, by Kubernetes, the pod's and the container's name."""
_MOUNTED: Final = ("/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/dev/termination-log")
_DIGITS: Final = 10


class Sight(Enum):
    """What one place is to another."""

    SAME = auto()
    """Processes of the one are seen in the other, by their numbers."""
    GONE = auto()
    """The one has ended with all its processes, or the other would not be."""
    HIDDEN = auto()
    """Nobody can see it from there."""


class Whereabouts(NamedTuple):
    """Of one process."""

    name: str
    """Of its host."""
    machine: str
    """Tells one running kernel from all others."""
    namespace: str
    """Of processes."""
    container: str
    """Tells it from others; empty = none is known."""

    def __str__(self) -> str:
        """As it stands in a client id: an earlier release takes it for the name of another host."""
        return f"{self.name}+{self.machine}.{self.namespace}.{self.container}"

    @classmethod
    def read(cls, text: str) -> Whereabouts | None:
        """None where an earlier release has told no more than a name."""
        found = _MARK.match(text)
        return None if found is None else cls(*found.groups())

    def sees(self, other: Whereabouts) -> Sight:
        """What another place is, seen from this one."""
        if (self.name, self.machine) != (other.name, other.machine):
            return Sight.HIDDEN
        if self.namespace == other.namespace:
            return Sight.SAME
        return Sight.GONE if self.container and self.container == other.container else Sight.HIDDEN


def here() -> Whereabouts:
    """Of this process."""
    name = re.sub(r"[@+]", "-", socket.gethostname())[:60]
    return Whereabouts(name, _machine(), _namespace(), container_of(_read("/proc/self/mountinfo")))


def container_of(mounts: str) -> str:
    """As the lines of mountinfo tell; empty where they do not."""
    for line in mounts.splitlines():
        _, _, _, root, point, *_ = [*line.split(" "), "", "", "", "", ""]
        if point in _MOUNTED and (found := _CONTAINER.search(root)) is not None:
            return _digest(" ".join(part for part in found.groups() if part))
    return ""


def _machine() -> str:
    """Where the system tells no boot from another, its network card must do; one that has none is like no other."""
    return _digest(_read("/proc/sys/kernel/random/boot_id") or str(uuid.getnode()))


def _namespace() -> str:
    try:
        return f"{Path('/proc/self/ns/pid').stat().st_ino:x}"
    except OSError:
        return "0"  # this system has none, or does not tell


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
