"""Every line of a process is of one kind, whoever writes it."""

from __future__ import annotations

import errno
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, TextIO, cast

import pytest

from service.processes.lines import MOST_WAITING, Lines

ROOT = Path(__file__).parents[2]
SAYS = """
import logging, sys, threading, warnings
import structlog
from service.config.sections.logs import LogSettings
from service.logs import configure_logging

configure_logging(LogSettings(format={format!r}))
log = structlog.get_logger()
log.info("partitions assigned", partitions=[0, 1])
log.debug("not shown", customer="anna")
logging.getLogger("aiokafka.consumer").error("Fetch of %s failed", "purchases-0")
logging.getLogger("kafka.conn").warning("chatter")
logging.getLogger("uvicorn.error").info("chatter")
logging.getLogger("aiosmtplib").error("line broke", exc_info=(OSError, OSError("gone"), None))
warnings.warn("old way", DeprecationWarning, stacklevel=1)
secret = "anna@example.org"
thread = threading.Thread(target=lambda: 1 / 0, name="reader")
thread.start()
thread.join()
raise RuntimeError("the end")
"""


def lines_of(form: str) -> list[str]:
    code = [sys.executable, "-W", "always", "-c", SAYS.format(format=form)]
    done = subprocess.run(code, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_as_json_every_line_is_an_object_with_time_level_and_event() -> None:
    said = [json.loads(line) for line in lines_of("json")]

    assert all({"event", "level", "timestamp"} <= line.keys() for line in said)
    assert [(line["level"], line["event"][:30]) for line in said if line.get("logger") != "py.warnings"] == [
        ("info", "partitions assigned"),
        ("error", "Fetch of purchases-0 failed"),
        ("error", "line broke"),
        ("critical", "an error was not caught in a t"),
        ("critical", "an error was not caught"),
    ]
    assert said[0]["partitions"] == [0, 1]
    assert said[1]["logger"] == "aiokafka.consumer"
    assert any("old way" in line["event"] for line in said if line.get("logger") == "py.warnings")
    assert "ZeroDivisionError" in said[-2]["exception"]
    assert "RuntimeError: the end" in said[-1]["exception"]


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_shows_no_values(form: str) -> None:
    assert not any("anna@example.org" in line for line in lines_of(form))


def test_for_people_the_libraries_lines_look_as_ours_do() -> None:
    said = lines_of("console")

    assert any("partitions assigned" in line and "[info" in line for line in said)
    assert any("Fetch of purchases-0 failed" in line and "[error" in line for line in said)
    assert not any("chatter" in line for line in said)


class Disk(io.StringIO):
    """Full, until somebody makes room."""

    full = True

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


@pytest.mark.parametrize("as_json", [True, False])
def test_what_a_full_disk_did_not_take_is_told_of_when_there_is_room(as_json: bool) -> None:
    lines = Lines(disk := Disk(), as_json=as_json)
    for number in range(3):
        lines.write(f"line {number}\n")
    disk.full = False
    lines.write("line 3\n")
    lines.write("line 4\n")

    told, *rest = disk.getvalue().splitlines()
    assert rest == ["line 3", "line 4"]
    assert "parts of the log could not be written" in told
    assert "parts=3" in told or json.loads(told)["parts"] == 3


def test_a_line_is_written_as_a_whole() -> None:
    """The page's process writes to the same file."""
    written: list[bytes] = []

    class Raw(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, piece: Any) -> int:
            written.append(bytes(piece))
            return len(piece)

    lines = Lines(io.TextIOWrapper(io.BufferedWriter(Raw()), line_buffering=True), as_json=False)
    print("partitions assigned", file=cast("TextIO", lines), flush=True)

    assert written == [b"partitions assigned\n"]


@pytest.mark.parametrize("end", ["leave(3)", "raise SystemExit(3)"])
def test_a_process_whose_log_lies_on_a_full_disk_goes_on_and_ends_as_it_would(end: str) -> None:
    """Its event loop stood still, and the word to stop was not heard."""
    code = f"""
import logging, sys
import structlog
from service.config.sections.logs import LogSettings
from service.logs import configure_logging
from service.processes.ending import leave

configure_logging(LogSettings())
structlog.get_logger().info("partitions assigned")
logging.getLogger("aiokafka").error("a library has something to say")
print("goes on", flush=True)
{end}
"""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=full, timeout=60, check=False
        )

    assert (done.returncode, done.stdout) == (3, b"goes on\n")


SAYS_MUCH = """
import sys
import structlog
from service.config.sections.logs import LogSettings
from service.logs import configure_logging, never_wait_for_readers
from service.processes.ending import leave

configure_logging(LogSettings(format="json"))
never_wait_for_readers()
log = structlog.get_logger()
for number in range({count}):
    log.info("x" * 10_000, number=number)
print("goes on", flush=True)
if sys.stdin.readline():
    sys.stderr.finish(60.0)
    log.info("is read again")
{end}
"""


def with_an_unread_log(end: str) -> subprocess.Popen[str]:
    """A process that has more to say than a pipe and what waits for it hold."""
    code = SAYS_MUCH.format(count=2 * MOST_WAITING // 10_000, end=end)
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def test_a_process_whose_log_nobody_reads_goes_on_and_ends_as_it_would() -> None:
    """Its event loop stood still at the first line that did not fit into the pipe."""
    with with_an_unread_log("raise SystemExit(3)") as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "goes on\n"
        process.stdin.close()

        assert process.wait(60) == 3


def test_lines_beyond_what_waits_for_a_reader_are_told_of_when_it_reads_again() -> None:
    with with_an_unread_log("leave(0)") as process:
        assert process.stdout is not None
        process.stdout.readline()
        said = [json.loads(line) for line in process.communicate("read now\n", 60)[1].splitlines()]

    numbers = [each["number"] for each in said if "number" in each]
    lost = sum(each["parts"] for each in said if "parts" in each)
    assert numbers == sorted(set(numbers))
    assert lost == 2 * MOST_WAITING // 10_000 - len(numbers) > 0
    assert said[-1]["event"] == "is read again"
