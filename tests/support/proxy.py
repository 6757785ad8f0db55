"""A network that can be broken: a process that carries TCP connections to ports of this machine, link by link.

    python -m tests.support.proxy LINK=TARGET_PORT…

prints `LINK=PORT` for each link on one line, then obeys lines of JSON on standard input, and answers each with an empty
line: `{"link": "w1-2", "state": "silent", "delay_s": 0.05, "bytes_per_s": 0}`. It ends when standard input closes.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from subprocess import PIPE, Popen
from types import TracebackType
from typing import Any, Self

HOST = "127.0.0.1"
RESET = struct.pack("ii", 1, 0)
"""A connection that is closed so tells the other side that it was broken off."""
PIECE = 65_536
AHEAD = 64
"""Pieces under way in one direction of a connection; then its sender is held back, as by a full window."""


class State(StrEnum):
    """What a link does with connections."""

    OPEN = "open"
    CUT = "cut"
    """Those that are there are reset, new ones are closed at once."""
    SILENT = "silent"
    """Nothing goes through and nobody is told: packets are lost. What was sent arrives when it is over."""
    ANSWERLESS = "answerless"
    """Half open: what is asked arrives, what is answered does not, until it is over."""


@dataclass
class Link:
    """One way from a client to a server, with all its connections."""

    name: str
    target: int
    state: State = State.OPEN
    delay_s: float = 0.0
    """In each direction."""
    bytes_per_s: float = 0.0
    """In each direction of each connection; 0 = as fast as it goes."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    writers: set[asyncio.StreamWriter] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def become(self, state: State, delay_s: float, bytes_per_s: float) -> None:
        self.state, self.delay_s, self.bytes_per_s = state, delay_s, bytes_per_s
        self.changed.set()
        self.changed = asyncio.Event()
        if state is State.CUT:
            for writer in list(self.writers):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                writer.transport.abort()

    async def until_through(self, *, answers: bool) -> None:
        """Waits while this direction carries nothing."""
        while self.state is State.SILENT or (answers and self.state is State.ANSWERLESS):
            await self.changed.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until both sides have ended it or the link is cut."""
        self.writers.add(writer)
        there: asyncio.StreamWriter | None = None
        try:
            await self.until_through(answers=False)
            if self.state is State.CUT:
                return
            back, there = await asyncio.open_connection(HOST, self.target)
            self.writers.add(there)
            await asyncio.gather(self._carry(reader, there, answers=False), self._carry(back, writer, answers=True))
        except OSError:
            pass
        finally:
            for each in (writer, there):
                if each is not None:
                    self.writers.discard(each)
                    each.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        """One direction: what is read leaves `delay_s` later, in order."""
        loop, under_way = asyncio.get_running_loop(), asyncio.Queue[tuple[float, bytes]](AHEAD)

        async def deliver() -> None:
            while True:
                due_s, piece = await under_way.get()
                await asyncio.sleep(max(0.0, due_s - loop.time()))
                await self.until_through(answers=answers)
                if not piece:
                    with suppress(OSError):
                        writer.write_eof()
                    return
                writer.write(piece)
                await writer.drain()
                if self.bytes_per_s:
                    await asyncio.sleep(len(piece) / self.bytes_per_s)

        async def read() -> None:
            piece = b"-"
            while piece:
                piece = await reader.read(PIECE)
                await under_way.put((loop.time() + self.delay_s, piece))

        tasks = [asyncio.create_task(read()), asyncio.create_task(deliver())]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()


async def _run(targets: Mapping[str, int]) -> None:
    links = {name: Link(name, port) for name, port in targets.items()}
    servers = {name: await asyncio.start_server(link.serve, HOST, 0) for name, link in links.items()}
    print(" ".join(f"{name}={server.sockets[0].getsockname()[1]}" for name, server in servers.items()), flush=True)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        said = json.loads(line)
        links[said["link"]].become(State(said["state"]), said["delay_s"], said["bytes_per_s"])
        print(flush=True)


def main() -> None:
    targets = dict(each.split("=") for each in sys.argv[1:])
    asyncio.run(_run({name: int(port) for name, port in targets.items()}))


class Proxy:
    """The process, and how it is told. `ports` says where each link listens."""

    def __init__(self, targets: Mapping[str, int]) -> None:
        command = [sys.executable, "-m", "tests.support.proxy", *(f"{name}={port}" for name, port in targets.items())]
        self._process: Popen[str] = Popen(command, stdin=PIPE, stdout=PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdin is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        said = dict(each.split("=") for each in self._out.readline().split())
        self.ports = {name: int(port) for name, port in said.items()}

    def tell(
        self, links: Iterable[str], state: State = State.OPEN, *, delay_s: float = 0.0, bytes_per_s: float = 0.0
    ) -> None:
        """Returns when they are so."""
        for link in links:
            command: dict[str, Any] = {
                "link": link,
                "state": state.value,
                "delay_s": delay_s,
                "bytes_per_s": bytes_per_s,
            }
            self._in.write(json.dumps(command) + "\n")
            self._in.flush()
            assert self._out.readline() == "\n", "the proxy has ended"

    def close(self) -> None:
        self._in.close()
        self._process.wait(120)
        self._out.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


if __name__ == "__main__":
    main()
