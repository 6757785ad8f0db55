"""The demo's stage by use: the user's token opens what it guards, nothing is left when it ends, and a first start warns
of nothing."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from service.config import Settings
from service.demo.stage import Stage, stage
from service.streaming.reach import AWAY_S
from tests.support.broker import TestBroker
from tests.support.processes import alive, free, on_a_steady_machine, until
from tests.support.worker_process import ROOT, environment_of

pytestmark = pytest.mark.broker

TOKEN = "token-of-the-user"  # noqa: S105
SCRIPT = """
import json, signal, sys, threading, time
# As in a terminal, also where the tests were started with nohup or in the background.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from service.config import load_settings
from service.demo.stage import stage

bootstrap = sys.argv[1] or None
with stage(load_settings(), shop={}, bootstrap=bootstrap, partitions=1, port=0, say=lambda line: None) as running:
    worker = running.supervisor.pid
    while running.supervisor.pid == worker and "partitions assigned" not in running.worker_log.read_text():
        time.sleep(0.05)
    told = {"worker": worker, "port": running.settings.web.port, "home": str(running.worker_log.parent)}
    print(json.dumps(told | {"log": running.worker_log.read_text(), "broker": running.broker}), flush=True)
    threading.Event().wait()
"""


@pytest.fixture(scope="module")
def running(broker: TestBroker) -> Iterator[Stage]:
    settings = Settings().changed(web={"token": TOKEN})
    with stage(settings, shop={}, bootstrap=broker.bootstrap_servers, partitions=1, port=0, say=print) as on:
        yield on


@pytest.mark.parametrize(
    ("given", "status"), [(TOKEN, 200), ("*" * 10, 401), ("*" * len(TOKEN), 401), (TOKEN[:-1], 401), (None, 401)]
)
def test_the_users_token_opens_what_is_about_persons_and_asterisks_do_not(
    running: Stage, given: str | None, status: int
) -> None:
    headers = {} if given is None else {"Authorization": f"Bearer {given}"}

    answer = httpx.get(f"{running.address}/api/v1/decisions", headers=headers, timeout=60)

    assert answer.status_code == status, answer.text


def test_no_secret_stands_on_a_command_line_or_in_the_log(running: Stage) -> None:
    if not Path("/proc/self/cmdline").exists():
        pytest.skip("this system shows no command lines under /proc")
    pid = running.supervisor.pid
    assert pid is not None
    parent = re.search(r"^PPid:\s*(\d+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert parent is not None
    lines = [Path(f"/proc/{each}/cmdline").read_bytes() for each in (str(pid), parent[1])]

    assert all(b"worker" in line for line in lines), lines
    assert not [line for line in lines if TOKEN.encode() in line]
    assert TOKEN not in running.worker_log.read_text()


@contextmanager
def demo_in_a_process(bootstrap: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, object]]]:
    """A stage in a process of its own, in a session of its own as a terminal gives it; with what it said of itself."""
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, bootstrap],
        env=environment_of(Settings()),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as owner:
        try:
            assert owner.stdout is not None
            yield owner, json.loads(owner.stdout.readline())
        finally:
            owner.kill()


def children_of(pid: int) -> set[int]:
    """Every descendant, as /proc tells it; empty where there is none."""
    parents: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        parents[int(status.parent.name)] = int(fields[1])
    found, new = set[int](), {pid}
    while new:
        new = {child for child, parent in parents.items() if parent in new}
        found |= new
    return found


@pytest.mark.parametrize(
    ("own_broker", "death"),
    [
        (True, signal.SIGHUP),
        (True, signal.SIGTERM),
        (True, signal.SIGINT),
        (True, signal.SIGKILL),
        (False, signal.SIGINT),
        (False, signal.SIGKILL),
    ],
)
def test_nothing_is_left_of_a_demo_however_it_ends(broker: TestBroker, death: signal.Signals, own_broker: bool) -> None:
    """A demo on a given broker has one child less to end: once in order, once not."""
    on_a_steady_machine(lambda _: a_demo_ends("" if own_broker else broker.bootstrap_servers, death), AWAY_S / 2)


def a_demo_ends(bootstrap: str, death: signal.Signals) -> None:
    with demo_in_a_process(bootstrap) as (owner, told):
        children = {int(str(told["worker"])), *children_of(owner.pid)}
        ports = [int(str(told["port"]))]
        if not bootstrap:
            ports.append(int(str(told["broker"]).rpartition(":")[2]))
            a_first_start_on_a_new_broker_does_not_say_that_the_broker_is_silent(str(told["log"]))
        assert all(alive(pid) for pid in children)
        assert not any(free(port) for port in ports)

        owner.send_signal(death)

        assert until(lambda: not any(alive(pid) for pid in children)), f"{death.name} left a child running"
        assert until(lambda: all(free(port) for port in ports)), f"{death.name} left a port held"
        assert until(lambda: not Path(str(told["home"])).exists()), f"{death.name} left the log's directory"


def a_first_start_on_a_new_broker_does_not_say_that_the_broker_is_silent(said: str) -> None:
    assert "partitions assigned" in said
    assert "does not answer" not in said
    assert "Waiting for a Kafka broker" not in said
