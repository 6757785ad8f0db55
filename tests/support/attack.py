"""What a hostile network does to a port: many at once, half a request, a byte now and then, large bodies, heavy
lists."""

from __future__ import annotations

import os
import resource
import selectors
import socket
import sys
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

_REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_HEAVIEST = b"GET /api/v1/periods?granularity=rolling_365 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
PATIENCE_S = 180.0


class Attack:
    """From this machine's loopback address; over when the block ends."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._held: list[socket.socket] = []
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self.bytes_sent = 0
        self.asked = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for each in self._threads:
            each.join()
        self.drop()

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE_S)
        connection.setblocking(False)
        return connection

    def half_open(self, count: int) -> None:
        """Requests that never end."""
        for _ in range(count):
            with suppress(OSError):
                connection = self._connect()
                self._held.append(connection)
                connection.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n")

    def drop(self) -> None:
        for each in self._held:
            each.close()
        self._held.clear()

    def at_once(self, count: int, request: bytes = _REQUEST) -> list[int]:
        """So many whole requests before the first answer is read; their statuses, 0 = cut off."""
        selector = selectors.DefaultSelector()
        for _ in range(count):
            connection = self._connect()
            with suppress(OSError):  # turned away already
                connection.send(request)
            selector.register(connection, selectors.EVENT_READ, (connection, bytearray()))
        statuses, deadline_s = list[int](), time.monotonic() + PATIENCE_S
        while selector.get_map() and time.monotonic() < deadline_s:
            for key, _ in selector.select(1.0):
                connection, seen = key.data
                try:
                    data = connection.recv(65_536)
                except OSError:
                    data = b""
                seen += data
                if not data:
                    statuses.append(int(seen.split()[1]) if seen else 0)
                    selector.unregister(connection)
                    connection.close()
        assert not selector.get_map(), f"{len(selector.get_map())} requests have no answer"
        return statuses

    def keep_on(self, *, crowd: int, half_open: int) -> None:
        """All of it until the end: `crowd` requests at once again and again, half-open ones opened anew when they are
        cut off, slow headers, bodies of 10 MB, and the heaviest list 50 times a second."""

        def crowding() -> None:
            while not self._over.is_set():
                with suppress(OSError, AssertionError):
                    self.asked += len(self.at_once(crowd))

        def holding() -> None:
            held: list[socket.socket] = []
            while not self._over.wait(0.05):
                for each in list(held):
                    with suppress(OSError):
                        each.send(b"X")  # slowloris
                        continue
                    held.remove(each)
                    each.close()
                while len(held) < half_open and not self._over.is_set():
                    with suppress(OSError):
                        held.append(self._connect())
                        held[-1].send(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
                        continue
                    break
                self._over.wait(0.5)
            for each in held:
                each.close()

        def posting() -> None:
            body = b"a" * (1 << 20)
            while not self._over.wait(0.2):
                with (
                    suppress(OSError),
                    socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE_S) as connection,
                ):
                    connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10485760\r\n\r\n")
                    for _ in range(10):
                        connection.sendall(body)
                        self.bytes_sent += len(body)

        def listing() -> None:
            while not self._over.wait(0.02):
                with suppress(OSError, AssertionError):
                    self.asked += len(self.at_once(1, _HEAVIEST))

        for work in (crowding, holding, posting, listing):
            self._threads.append(threading.Thread(target=work, daemon=True))
            self._threads[-1].start()


def main() -> None:
    """`python -m tests.support.attack PORT CROWD HALF_OPEN`: until standard input closes; then says what it did."""
    port, crowd, half_open = (int(each) for each in sys.argv[1:4])
    # Whoever attacks sits elsewhere: on this machine it gets what nobody else wants, and is put off at once.
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8_192)), hard))
    with Attack(port) as attack:
        attack.keep_on(crowd=crowd, half_open=half_open)
        sys.stdin.read()
    print(f"{attack.asked:,} requests and {attack.bytes_sent >> 20} MB of bodies")


if __name__ == "__main__":
    main()
