"""Who starts a command without a stream loses what would be said there, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

SAYS = (
    "from service.processes.standard_streams import open_closed_ones\n"
    "import os, sys\n"
    "open_closed_ones()\n"
    "with open(os.devnull) as taken:\n"
    "    number = taken.fileno()\n"
    "print('to nobody'); print('to nobody', file=sys.stderr); sys.stdin.read()\n"
    "os._exit(number)\n"
)


def without(*numbers: int) -> Callable[[], None]:
    def close() -> None:
        for number in numbers:
            os.close(number)

    return close


@pytest.mark.parametrize("closed", [(), (0,), (1,), (2,), (1, 2), (0, 1, 2)])
def test_what_is_opened_later_is_no_stream_that_was_closed(closed: tuple[int, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SAYS],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        preexec_fn=without(*closed),
        check=False,
    )

    assert done.returncode > 2, done
    assert b"Traceback" not in done.stderr


def test_a_command_without_any_stream_says_by_its_code_how_it_went() -> None:
    """With the way out only standard error is missing, and what was asked for arrives."""
    call = [sys.executable, "-m", "service.cli", "--version"]
    told = subprocess.run(call, stdout=subprocess.PIPE, preexec_fn=without(2), check=False)
    silent = subprocess.run(call, preexec_fn=without(0, 1, 2), check=False)
    refused = subprocess.run([*call[:-1], "no-such-command"], preexec_fn=without(0, 1, 2), check=False)

    assert (told.returncode, silent.returncode, refused.returncode) == (0, 0, 2)
    assert told.stdout.startswith(b"churn-alert")
