"""Runs a command that must not outlive the process which started it, not even one that is killed with SIGKILL.

Started as a script, outside the terminal's process group (so that Ctrl-C reaches the owner only), with a pipe from the
owner as standard input:

    python tether.py [--remove DIRECTORY] COMMAND…

It prints the command's process id, sends the command's output to its own standard error, and ends with the command's
exit code. When the pipe closes, the owner is gone: the command gets SIGTERM, ten seconds later SIGKILL, and DIRECTORY
is removed.

Why a process of its own: Linux' parent-death signal fires when the starting *thread* ends, and other systems have none.
Only the standard library is imported; the script starts in about 20 ms.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import threading

GRACE_S = 10.0
"""Between SIGTERM and SIGKILL: a broker that closes its log needs one or two seconds."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--remove")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    child = subprocess.Popen(arguments.command, stdin=subprocess.DEVNULL, stdout=2)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    sys.stdout.write(f"{child.pid}\n")
    sys.stdout.flush()
    owner_gone = threading.Event()
    threading.Thread(target=_watch_owner, args=(child, owner_gone), daemon=True).start()
    code = child.wait()
    if owner_gone.is_set() and arguments.remove:
        shutil.rmtree(arguments.remove, ignore_errors=True)
    os._exit(code if code >= 0 else 128 - code)  # as a shell reports death by a signal


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
