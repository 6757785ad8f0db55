"""The image is built as its first lines say, and the stack of docker-compose.yml brings a mail into the catcher.

It takes minutes, so it is a run of its own: `make containers`. It needs a Docker engine. Images that cannot be had are
stood in for, and what was is printed.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from typing import TypeVar

import httpx
import pytest

from tests.containers.stack import IMAGE, Stack, build, engine, inspect, run, up

Found = TypeVar("Found")
MOST_OF_OUR_OWN = 200 << 20
"""Bytes of the image beside its base."""
READER = "me@example.com"

pytestmark = pytest.mark.timeout(1_800)


def until(ask: Callable[[], Found | None], what: str, seconds: float = 180.0) -> Found:
    """Its first answer. What cannot be reached yet is no answer."""
    deadline, last = time.monotonic() + seconds, ""
    while time.monotonic() < deadline:
        try:
            if (found := ask()) is not None:
                return found
        except (httpx.HTTPError, AssertionError) as error:
            last = str(error)[-500:]
        time.sleep(1)
    pytest.fail(f"{what}: not within {seconds:.0f} s. {last}")


@pytest.fixture(scope="module")
def image() -> str:
    """Built anew."""
    if not engine():
        pytest.skip("no Docker engine answers: start one, or set DOCKER_HOST")
    build()
    return IMAGE


@pytest.fixture(scope="module")
def stack(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with up(tmp_path_factory.mktemp("stack"), f"churnalert{uuid.uuid4().hex[:8]}") as found:
        for service, what in found.stood_in.items():
            print(f"\n{service}: its image cannot be had here, and {what} stands in")
        yield found


def test_the_image_runs_compiled_as_nobody_in_particular_with_a_read_only_root(image: str) -> None:
    told = run("docker", "run", "--rm", "--read-only", "--tmpfs", "/tmp", image, "--version")  # noqa: S108
    who = run("docker", "run", "--rm", "--entrypoint", "id", image, "-u")

    assert ", compiled," in told
    assert who.strip() == "10001"
    config = inspect("image", image)["Config"]
    assert config["User"] == "10001:10001"
    assert config["Healthcheck"]["Test"][0] == "CMD"


def test_the_image_has_no_compiler_and_is_small_beside_its_base(image: str) -> None:
    tools = run(
        "docker", "run", "--rm", "--entrypoint", "sh", image, "-c", "command -v gcc cc g++ make rustc; exit 0"
    )  # fmt: skip
    base = inspect("image", "python:3.11-slim-bookworm")["Size"]

    assert tools.strip() == ""
    assert inspect("image", image)["Size"] - base < MOST_OF_OUR_OWN


def test_a_mail_arrives_in_the_catcher(stack: Stack) -> None:
    def asked_for() -> str | None:
        return stack.compose("exec", "-T", "worker", "churn-alert", "outreach", "test", "--email", READER) or None

    def caught() -> dict[str, object] | None:
        mails = httpx.get(f"{stack.address('mail', 8025)}/api/v1/messages", timeout=5).json()["messages"]
        return next((mail for mail in mails if READER in [to["Address"] for to in mail["To"]]), None)

    until(asked_for, "the sample is asked for")
    mail = until(caught, "the mail is caught")

    assert "miss you" in str(mail["Subject"])


@pytest.mark.parametrize(("service", "port"), [("worker", 8088), ("deliver", 8089)])
def test_workers_and_delivery_are_ready(stack: Stack, service: str, port: int) -> None:
    def ready() -> bool | None:
        return httpx.get(f"{stack.address(service, port)}/readyz", timeout=5).status_code == 200 or None

    assert until(ready, service)


@pytest.mark.parametrize("service", ["kafka", "worker", "worker-2", "deliver"])
def test_each_is_healthy_and_ours_can_write_nothing_and_do_nothing(stack: Stack, service: str) -> None:
    def healthy() -> bool | None:
        return stack.container(service)["State"]["Health"]["Status"] == "healthy" or None

    assert until(healthy, service)
    if service != "kafka":
        found = stack.container(service)["HostConfig"]
        assert found["ReadonlyRootfs"]
        assert found["CapDrop"] == ["ALL"]


def test_prometheus_sees_both_workers_and_the_delivery(stack: Stack) -> None:
    if stack.stood_in.get("prometheus") == "nothing":
        pytest.skip("the image of Prometheus cannot be had")

    def seen() -> set[str] | None:
        answer = httpx.get(f"{stack.address('prometheus', 9090)}/api/v1/query", params={"query": "up"}, timeout=5)
        found = [each for each in answer.json()["data"]["result"] if each["metric"]["job"].startswith("churn-alert")]
        up = [each["metric"]["instance"] for each in found if each["value"][1] == "1"]
        return set(up) if len(up) >= 3 else None

    assert len(until(seen, "three targets are up")) == 3
