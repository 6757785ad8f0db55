"""Runs a command that must not outlive the process which started it, not even one that is killed with SIGKILL.

It stands between owner and command, run as a script (tethered.py does it) with a pipe from the owner as standard input:

    python tether.py [--remove DIRECTORY] COMMAND…

It prints the command's process id, sends the command's output to its own standard error, and ends as the command ends.
When the pipe closes, the owner is gone: the command gets SIGTERM, ten seconds later SIGKILL, and DIRECTORY is removed.
Both live outside the terminal's process group, so that Ctrl-C and a closed terminal reach the owner only, who ends them
in order.

Why a process of its own: Linux' parent-death signal fires when the starting *thread* ends, and other systems have none.
Where there is one it guards the script, whose only thread that starts anything is its main one. Only the standard
library is imported; the script starts in about 20 ms.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

GRACE_S = 10.0
"""Between SIGTERM and SIGKILL: a broker that closes its log needs one or two seconds, a worker at most nine."""
_PR_SET_PDEATHSIG = 1


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--remove")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    child = subprocess.Popen(
        arguments.command,
        stdin=subprocess.DEVNULL,
        stdout=2,
        preexec_fn=_dying_with_parent(),  # noqa: PLW1509 - no thread has been started yet
    )
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    with suppress(BrokenPipeError):  # the owner is gone already: seen at the other pipe
        os.write(1, f"{child.pid}\n".encode())
    owner_gone = threading.Event()
    threading.Thread(target=_watch_owner, args=(child, owner_gone), daemon=True).start()
    code = child.wait()
    if owner_gone.is_set() and arguments.remove:
        shutil.rmtree(arguments.remove, ignore_errors=True)
    if code < 0:  # by a signal, which the owner shall see
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 128 - code)


def _dying_with_parent() -> Callable[[], None] | None:
    """What makes a child of the calling thread end with it, where the system can; None elsewhere."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        prctl = ctypes.CDLL(None).prctl
    except (OSError, AttributeError):
        return None
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _watch_owner(child: subprocess.Popen[bytes], owner_gone: threading.Event) -> None:
    """Returns never while the owner lives. A paused command must be woken to hear SIGTERM."""
    while os.read(0, 4096):
        pass  # the owner never writes; only the end of the pipe means something
    owner_gone.set()
    child.send_signal(signal.SIGTERM)
    child.send_signal(signal.SIGCONT)
    threading.Event().wait(GRACE_S)
    child.kill()


if __name__ == "__main__":
    main()
