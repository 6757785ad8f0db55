"""What the image is made from and asked by; that it can be built and runs is tested where there is a Docker engine."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import threading
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event as Flag
from zoneinfo import ZoneInfo

import pytest

from deploy.demo_feed import as_they_come, cafe
from service.domain.events import Purchase
from tests.support.lock import read

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
UTC = ZoneInfo("UTC")


def check() -> str:
    """The program of HEALTHCHECK."""
    (program,) = re.findall(r'HEALTHCHECK [^\n]*\\\n +("(?:.*)")\]\n', TEXT)
    found: str = ast.literal_eval(program)
    return found


class _Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the overridden one
        pass


def asked(words: list[str], environment: dict[str, str], tmp_path: Path) -> int:
    """The exit code of the check in a container whose first process has this command."""
    line = tmp_path / "cmdline"
    line.write_bytes(b"\0".join(word.encode() for word in words) + b"\0")
    program = check().replace("/proc/1/cmdline", str(line))
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=environment, capture_output=True, timeout=30, check=False).returncode


@pytest.mark.parametrize(
    ("words", "variable"),
    [
        (["python", "churn-alert", "worker"], "CHURN_ALERT_WEB__PORT"),
        (["python", "churn-alert", "deliver", "smtp"], "CHURN_ALERT_DELIVER__PORT"),
        (["python", "churn-alert", "deliver", "webhook"], "CHURN_ALERT_DELIVER__PORT"),
        (["python", "churn-alert", "ingest"], "CHURN_ALERT_INGEST__PORT"),
    ],
)
def test_a_container_is_healthy_while_its_own_port_answers(words: list[str], variable: str, tmp_path: Path) -> None:
    server = HTTPServer(("127.0.0.1", 0), _Healthy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = {variable: str(server.server_port)}

    healthy = asked(words, environment, tmp_path)
    server.shutdown()
    server.server_close()
    gone = asked(words, environment, tmp_path)

    assert (healthy, gone) == (0, 1)


def test_the_image_is_that_of_a_version_installs_the_lock_and_is_not_root() -> None:
    last = TEXT.rpartition("\nFROM ")[2]

    assert re.search(r"^ARG PYTHON=python:3\.\d+-slim-[a-z]+$", TEXT, re.MULTILINE)
    assert re.findall(r"^FROM (\S+)", TEXT, re.MULTILINE) == ["${PYTHON}", "${PYTHON}"]
    assert TEXT.count("--require-hashes") == 2
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", last, re.MULTILINE)
    assert "apt-get" not in last
    assert "pip" not in last


def test_the_image_reads_the_topics_of_a_shop_with_a_schema_registry() -> None:
    assert "-r lock/run.txt" in TEXT
    assert {"fastavro", "protobuf", "grpcio-tools"} <= {entry.name for entry in read("run.txt")}


def test_what_the_image_copies_is_not_left_out() -> None:
    sent = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()

    for needed in ("lock", "service", "schemas", "setup.py", "pyproject.toml", "README.md", "LICENSE"):
        assert f"!{needed}" in sent


def test_the_demo_sends_what_is_past_at_once_and_the_rest_when_its_time_comes() -> None:
    events = [Purchase(f"e{second}", "c", second * 1_000_000, 100) for second in (1, 2, 3)]
    stop, times = Flag(), iter([2.0, 2.0, 2.0, 3.5])

    sent = [event.event_id for event in as_they_come(events, stop, lambda: next(times))]

    assert sent == ["e1", "e2", "e3"]


def test_the_demo_stops_while_it_waits() -> None:
    stop = Flag()
    stop.set()

    assert list(as_they_come([Purchase("e", "c", 9_000_000, 100)], stop, lambda: 1.0)) == []


def test_the_demo_of_every_day_of_a_year_is_one_shop() -> None:
    assert cafe(date(2026, 1, 1), UTC) == cafe(date(2026, 12, 31), UTC)
    assert cafe(date(2028, 2, 29), UTC).days == 365 + 366
