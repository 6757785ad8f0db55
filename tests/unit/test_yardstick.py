"""What the benchmarks measure with must itself be right."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.domain.events import Purchase
from service.feed.records import key_of, value_of
from tests.benchmarks.backlog import Backlog
from tests.benchmarks.processor_time import CpuClock, cpu_s, wait_until_quiet
from tests.benchmarks.restart import _values
from tests.benchmarks.sides import Stopwatch
from tests.benchmarks.worker_side import Run
from tests.support import installed as build
from tests.support.installed import COMPILED, PURE, engine_of_process, outside

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processor time of other processes is read from /proc")

SPENDS = "import time\ninput()\nwhile time.process_time() < 0.3: pass\nprint('spent', flush=True)\ntime.sleep(60)"


@contextmanager
def running(code: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process
        process.kill()


def go_and_wait(process: subprocess.Popen[bytes]) -> None:
    """Lets it begin, and returns when it says that it has done its work."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"\n")
    process.stdin.flush()
    process.stdout.readline()


def test_processor_time_is_what_was_spent_and_not_what_went_by() -> None:
    with running(SPENDS) as process:
        go_and_wait(process)
        spent = cpu_s(process.pid)
        time.sleep(0.2)

        assert 0.28 <= spent <= 0.6
        assert cpu_s(process.pid) - spent <= 0.02


def test_a_clock_can_be_asked_for_an_instant_that_has_gone_by() -> None:
    with running(SPENDS) as process, CpuClock(process.pid) as clock:
        began = time.time()
        go_and_wait(process)
        ended = time.time()
        time.sleep(0.1)

        assert clock.spent_at(ended) - clock.spent_at(began) >= 0.2
        assert clock.spent_at(time.time() + 60) == clock.spent_at(ended + 0.1)


def test_who_is_at_rest_is_not_waited_for() -> None:
    with running("import time; time.sleep(60)") as process:
        others = wait_until_quiet(process.pid)

    assert 0.0 <= others <= (os.cpu_count() or 1) + 0.1


def test_a_run_tells_its_rate_and_what_a_record_costs() -> None:
    run = Run(records=600_000, seconds=10.0, cpu_seconds=12.0)

    assert run.rate == pytest.approx(60_000.0)
    assert run.cpu_us == pytest.approx(20.0)


def test_a_stopwatch_stands_until_the_first_record() -> None:
    watch = Stopwatch()
    before = watch.seconds()
    watch.start()
    time.sleep(0.01)

    assert before == 0.0
    assert watch.seconds() >= 0.01


def test_a_backlog_gives_back_what_the_topic_is_to_hold(tmp_path: Path) -> None:
    event = Purchase("e1", "Zoë", 1_735_689_600_000_000, 250)
    backlog = Backlog(tmp_path / "log", [event])

    assert list(backlog.lines()) == [(key_of(event), value_of(event, 2))]
    assert (backlog.records, backlog.customers) == (1, 1)


def test_the_worker_itself_says_which_engine_it_runs() -> None:
    said = '{"event": "worker started", "engine": "compiled", "level": "info"}'

    assert engine_of_process(os.getpid(), said) == COMPILED


def test_a_worker_that_does_not_say_is_looked_at() -> None:
    with running("print(flush=True); input()") as process:
        assert process.stdout is not None
        process.stdout.readline()

        assert engine_of_process(process.pid, "") == PURE


def test_what_is_measured_does_not_find_the_source() -> None:
    assert outside({"PYTHONPATH": "/source", "HOME": "/home"}) == {"HOME": "/home"}


def test_another_command_can_be_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    command = tmp_path / "churn-alert"
    monkeypatch.setenv(build.COMMAND_VARIABLE, str(command))
    monkeypatch.setattr(build, "_engine_of", lambda python: COMPILED if python == tmp_path / "python" else PURE)

    found = build.build_under_test.__wrapped__()

    assert (found.command, found.engine) == (command, COMPILED)


def test_pure_python_is_said_loudly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv(build.COMMAND_VARIABLE, str(tmp_path / "churn-alert"))
    monkeypatch.setattr(build, "_engine_of", lambda _: PURE)

    found = build.build_under_test.__wrapped__()

    assert "NOT COMPILED" in capsys.readouterr().err
    assert "NOT COMPILED" in str(found)


def test_metrics_are_read_by_name() -> None:
    text = '# HELP a_b it\na_b{partition="0"} 3.0\na_b{partition="1"} 4.5\na_bc 9.0\nc 1.0\n'

    assert _values(text, "a_b") == [3.0, 4.5]
    assert _values(text, "c") == [1.0]
    assert _values(text, "missing") == [0.0]
