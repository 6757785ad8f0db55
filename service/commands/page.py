"""The page's process: `python -m service.commands.page LISTENER LINE`, two descriptors; only the worker starts it.

It serves on the listener, asks the worker over the line, and ends with it. The stream goes first: this process takes
what the worker leaves of the processor.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
import sys
import threading
from contextlib import suppress

from service.collector import patient

_NICENESS = 10


def main() -> None:
    listener, line = (socket.socket(fileno=int(number)) for number in sys.argv[1:3])
    listener.setblocking(False)
    line.setblocking(False)
    for each in (listener, line):
        each.set_inheritable(False)
    threading.Thread(target=_end_with_the_worker, args=(line.dup(),), daemon=True).start()
    # A terminal and systemd send them to both processes: the worker ends in order, and this one with it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    with patient():  # nothing of what is imported is garbage, and a tenth of the time would go into looking for some
        from service.commands.serving_page import serve_page

    # Not before: on a busy machine the page would be away for a minute after each start.
    with suppress(OSError, AttributeError):  # not on every system
        os.nice(_NICENESS)
    asyncio.run(serve_page(listener, line))
    os._exit(0)  # no library keeps it


def _end_with_the_worker(line: socket.socket) -> None:
    """At once, whatever the process is doing: it holds the port, and the worker's successor needs it."""
    closed = select.poll()
    closed.register(line, select.POLLHUP | select.POLLERR)
    closed.poll()
    os._exit(0)


if __name__ == "__main__":
    main()
