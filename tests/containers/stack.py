"""The stack of docker-compose.yml on ports that nobody else has, with stand-ins for images that cannot be had here."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[2]
IMAGE: Final = "churn-alert"
BUILD_S, PULL_S = 1_200, 60
CATCHER: Final = {
    "image": "python:3.11-slim-bookworm",
    "command": ["python", "/catcher.py", "1025", "8025"],
    "volumes": [f"{ROOT}/tests/containers/catcher.py:/catcher.py:ro"],
    "ports": ["8025:8025"],
}


def run(*words: str, timeout_s: float = 120.0, check: bool = True) -> str:
    """What it prints; an AssertionError with all it said where it fails."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=timeout_s, check=False, cwd=ROOT)
    assert done.returncode == 0 or not check, f"{' '.join(words)}: {done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout if done.returncode == 0 else ""


def engine() -> str:
    """Its version; empty: none answers."""
    try:
        return run("docker", "version", "--format", "{{.Server.Version}}", timeout_s=20, check=False).strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def build() -> None:
    """The image, as its first lines say."""
    run("docker", "build", "--network", "host", "-f", "deploy/Dockerfile", "-t", IMAGE, ".", timeout_s=BUILD_S)


def inspect(what: str, name: str) -> dict[str, Any]:
    """As the engine describes it."""
    (found,) = json.loads(run("docker", what, "inspect", name))
    return dict(found)


@dataclass(frozen=True)
class Stack:
    """One that is up."""

    file: Path
    project: str
    stood_in: dict[str, str]
    """Service → what runs in its place, and "nothing" where it is left out."""

    def compose(self, *words: str, timeout_s: float = 180.0) -> str:
        return run("docker-compose", "-p", self.project, "-f", str(self.file), *words, timeout_s=timeout_s)

    def container(self, service: str) -> dict[str, Any]:
        return inspect("container", self.compose("ps", "-q", service).strip())

    def address(self, service: str, port: int) -> str:
        """Of a port of a service, on this machine."""
        return f"http://{self.compose('port', service, str(port)).strip()}"


def here(image: str) -> bool:
    """Whether the engine has the image, or can get it."""
    if run("docker", "image", "inspect", image, check=False):
        return True
    try:
        run("docker", "pull", "--quiet", image, timeout_s=PULL_S, check=False)
    except subprocess.TimeoutExpired:
        return False
    return bool(run("docker", "image", "inspect", image, check=False))


def adapted() -> tuple[dict[str, Any], dict[str, str]]:
    """The file's content for this machine, and what stands in for what."""
    content: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    content.pop("x-churn-alert")
    stood_in: dict[str, str] = {}
    for name, given in list(content["services"].items()):
        service, image = given, given["image"]
        service.pop("build", None)
        newest = f"{image.partition(':')[0]}:latest"
        if image == IMAGE or here(image):
            pass
        elif name == "mail":
            content["services"][name] = service = dict(CATCHER)
            stood_in[name] = "tests/containers/catcher.py"
        elif here(newest):
            service["image"] = stood_in[name] = newest
        else:
            del content["services"][name]
            stood_in[name] = "nothing"
        service["ports"] = [f"127.0.0.1::{port.rpartition(':')[2]}" for port in service.get("ports", ())]
        service["volumes"] = [
            f"{ROOT}/{volume[2:]}" if volume.startswith("./") else volume for volume in service.get("volumes", ())
        ]
    return content, stood_in


@contextmanager
def up(directory: Path, project: str) -> Iterator[Stack]:
    """Everything of the file but its profiles; down again, with its volumes, at the end."""
    content, stood_in = adapted()
    file = directory / "docker-compose.yml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    stack = Stack(file, project, stood_in)
    try:
        stack.compose("up", "-d", timeout_s=300)
        yield stack
    except BaseException:
        print(run("docker-compose", "-p", project, "-f", str(file), "logs", "--tail", "40", check=False))
        raise
    finally:
        stack.compose("down", "--volumes", "--timeout", "5")
