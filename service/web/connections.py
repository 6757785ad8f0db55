"""Connections as a hostile network makes them: how many, how long they may take for what, and what becomes of the rest.

uvicorn parses and answers; it has no time limit for a header, no limit for a client, and its way to accept logs a
traceback for each attempt while descriptors are used up. So this file accepts by itself, and looks once a second for
connections that have had their time.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, Final

import h11
import structlog
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from service.web.limits import Limits, client_of
from service.web.live import STREAMS
from service.web.responses import problem_bytes

log = structlog.get_logger()

_LOOK_S: Final = 0.5
"""Between two looks for connections that have had their time."""
_ACCEPTED_AT_ONCE: Final = 64
_RETRY_S: Final = 1.0
"""Until the next attempt when there is no descriptor left."""
_SAY_EVERY_S: Final = 60.0
_LINGER_S: Final = 2.0
"""A client that is refused while it still sends has this long to read why."""
_MOST_LINGERING: Final = 64
_SPARE_DESCRIPTORS: Final = 64


class Phase(Enum):
    """What a connection is doing; each has its own time."""

    HEADER = auto()
    ANSWER = auto()
    IDLE = auto()
    REFUSED = auto()


class LimitedProtocol(H11Protocol):
    """A connection that knows since when it is in which phase."""

    door: Door

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.phase = Phase.HEADER
        self.since_s = time.monotonic()
        self.who = ""

    @property
    def streams(self) -> bool:
        """Whether the answer is one that goes on: its time is counted from the last byte that was taken."""
        return self.cycle is not None and STREAMS in self.cycle.scope

    def data_received(self, data: bytes) -> None:
        if self.phase is Phase.REFUSED:
            return
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.door.has_gone(self)

    def _look(self) -> None:
        if self.phase is Phase.REFUSED:
            return
        if self.cycle is not None and not self.cycle.response_complete:
            phase = Phase.ANSWER
        elif self.conn.trailing_data[0]:
            phase = Phase.HEADER
        else:
            phase = Phase.IDLE
        if phase is not self.phase:
            self.phase, self.since_s = phase, time.monotonic()

    def send_400_response(self, msg: str) -> None:
        """uvicorn calls it where it handles the parser's error, which knows better."""
        error = sys.exc_info()[1]
        self.refuse(getattr(error, "error_status_hint", 400) or 400, "" if error is None else str(error) or msg)

    def refuse(self, status: int, why: str) -> None:
        """Says why, takes in what still arrives for a moment, and closes."""
        if self.transport.is_closing() or self.phase is Phase.REFUSED:
            return
        begun = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        if begun or self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE, h11.ERROR):
            self.transport.abort()
            return
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.phase, self.since_s = Phase.REFUSED, time.monotonic()
        with suppress(OSError, RuntimeError):
            self.transport.resume_reading()
            self.transport.write(_raw(status, why))
            self.transport.write_eof()

    def overdue(self, now_s: float) -> bool:
        """Ends what has had its time; whether it did."""
        settings = self.door.limits.settings
        spent_s = now_s - self.since_s
        match self.phase:
            case Phase.HEADER if spent_s > settings.header_timeout_s:
                self.refuse(408, f"The header has not arrived within {settings.header_timeout_s:g} s.")
            case Phase.ANSWER if self.streams and not self.transport.get_write_buffer_size():
                self.since_s = now_s  # all that was said has been taken
                return False
            case Phase.ANSWER if spent_s > settings.body_timeout_s + settings.answer_timeout_s:
                self.transport.abort()
            case Phase.IDLE if spent_s > settings.idle_timeout_s:
                self.transport.close()
            case Phase.REFUSED if spent_s > _LINGER_S:
                self.transport.abort()
            case _:
                return False
        return True

    def shutdown(self) -> None:
        if self.phase is Phase.REFUSED:
            self.transport.abort()
        elif self.streams:
            self.transport.close()
        else:
            super().shutdown()


def _raw(status: int, why: str, retry_after_s: int | None = None) -> bytes:
    """A whole answer, after which the connection is closed."""
    body = problem_bytes(status, why)
    retry = f"Retry-After: {retry_after_s}\r\n" if retry_after_s else ""
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\n{retry}Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
        "Content-Security-Policy: default-src 'none'\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


class Door:
    """Accepts on a listener, within the limits. Serves uvicorn as one of its servers: `close` and `wait_closed`."""

    def __init__(self, listener: socket.socket, limits: Limits, server: uvicorn.Server) -> None:
        self.limits = limits
        self._listener = listener
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._most = min(limits.settings.connections, _descriptors() - _SPARE_DESCRIPTORS)
        self._open: set[LimitedProtocol] = set()
        self._of: Counter[str] = Counter()
        self._lingering: set[socket.socket] = set()
        self._opening: set[asyncio.Task[Any]] = set()
        self._said_s = -_SAY_EVERY_S
        self._resume: asyncio.TimerHandle | None = None
        self._looking = self._loop.create_task(self._look_for_ever())
        self._loop.add_reader(listener.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                connection, address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._pause(error)
                return
            connection.setblocking(False)
            self._let_in(connection, client_of(str(address[0])) if address else "")

    def _pause(self, error: OSError) -> None:
        """Nothing can be accepted, most likely for want of descriptors: those who wait in the queue go on waiting, and
        the disk is not filled with it."""
        self._loop.remove_reader(self._listener.fileno())
        self._resume = self._loop.call_later(_RETRY_S, self._go_on)
        self._say("no connection can be accepted; it is tried once a second", error=error.strerror)

    def _go_on(self) -> None:
        self._resume = None
        self._loop.add_reader(self._listener.fileno(), self._accept)

    def _say(self, what: str, **fields: object) -> None:
        now_s = time.monotonic()
        if now_s - self._said_s >= _SAY_EVERY_S:
            self._said_s = now_s
            log.warning(what, **fields)

    def _let_in(self, connection: socket.socket, who: str) -> None:
        settings = self.limits.settings
        if self._of[who] >= settings.connections_per_client:
            self._turn_away(connection, 429, "Too many connections of this client (web.connections_per_client).")
        elif self._of.total() >= self._most and not self._make_room():
            self._say("connections are refused: there are as many as web.connections allows", connections=self._most)
            self._turn_away(connection, 503, "Too many connections (web.connections).")
        else:
            self._of[who] += 1
            task = self._loop.create_task(self._begin(connection, who))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _begin(self, connection: socket.socket, who: str) -> None:
        def protocol() -> LimitedProtocol:
            made = LimitedProtocol(
                config=self._server.config, server_state=self._server.server_state, app_state={}, _loop=self._loop
            )
            made.door, made.who = self, who
            self._open.add(made)
            return made

        try:
            await self._loop.connect_accepted_socket(protocol, connection)
        except OSError:
            self._forget(who)
            connection.close()

    def has_gone(self, protocol: LimitedProtocol) -> None:
        if protocol in self._open:
            self._open.discard(protocol)
            self._forget(protocol.who)

    def _forget(self, who: str) -> None:
        self._of[who] -= 1
        if self._of[who] <= 0:
            del self._of[who]

    def _make_room(self) -> bool:
        """Closes the connection that has been idle for the longest."""
        idle = [each for each in self._open if each.phase is Phase.IDLE and not each.transport.is_closing()]
        if not idle:
            return False
        min(idle, key=lambda each: each.since_s).transport.close()
        return True

    def _turn_away(self, connection: socket.socket, status: int, why: str) -> None:
        """With an answer; what the client has sent is taken in first, or closing would take the answer back."""
        with suppress(OSError):
            connection.send(_raw(status, why, retry_after_s=1))
            connection.shutdown(socket.SHUT_WR)
        if len(self._lingering) >= _MOST_LINGERING:
            connection.close()
            return
        self._lingering.add(connection)
        self._loop.call_later(_LINGER_S / 4, self._let_go, connection)

    def _let_go(self, connection: socket.socket) -> None:
        self._lingering.discard(connection)
        with suppress(OSError):
            while connection.recv(65_536):
                pass
        connection.close()

    async def _look_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            now_s = time.monotonic()
            for each in list(self._open):
                if each.transport is not None:
                    each.overdue(now_s)

    def close(self) -> None:
        self._looking.cancel()
        if self._resume is not None:
            self._resume.cancel()
        self._loop.remove_reader(self._listener.fileno())
        for connection in self._lingering:
            connection.close()

    async def wait_closed(self) -> None:
        return


def _descriptors() -> int:
    """How many files this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 20 if soft == resource.RLIM_INFINITY else max(_SPARE_DESCRIPTORS + 16, soft)


class Server(uvicorn.Server):
    """Accepts through the door. Signals are the process's own."""

    def __init__(self, config: uvicorn.Config, limits: Limits) -> None:
        super().__init__(config)
        self._limits = limits

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.servers: list[Any] = [Door(each, self._limits, self) for each in sockets or []]
        self.started = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
