"""A receiver of webhooks in this process, that answers as it is told and keeps what came."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Came:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Sink:
    """`async with Sink() as sink`; `sink.answers` are given in turn, the last one again and again."""

    answers: list[Answer | int] = field(default_factory=lambda: [200])
    came: list[Came] = field(default_factory=list)
    connections: int = 0
    keep: bool = True
    _runner: web.ServerRunner | None = None
    _port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/hook"

    async def __aenter__(self) -> Self:
        server = web.Server(self._handle)
        self._runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        number = len(self.came)
        if self.keep or number < len(self.answers):
            self.came.append(Came(request.path, dict(request.headers), body))
        answer = self.answers[min(number, len(self.answers) - 1)]
        if isinstance(answer, int):
            return web.Response(status=answer)
        return await answer(request)  # type: ignore[arg-type]


def with_headers(status: int, **headers: str) -> Answer:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return answer


def after(seconds: float, status: int = 200) -> Answer:
    async def answer(_request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return web.Response(status=status)

    return answer


async def hang_up(request: web.Request) -> web.StreamResponse:
    """Takes the event, and closes without a word."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def without_end(request: web.Request) -> web.StreamResponse:
    """200, and a body that goes on."""
    response = web.StreamResponse(status=200)
    await response.prepare(request)
    try:
        while True:
            await response.write(b"x" * 65_536)
    except (ConnectionError, asyncio.CancelledError):
        return response


async def drip(request: web.Request) -> web.StreamResponse:
    """200, and a body of which a byte comes now and then."""
    response = web.StreamResponse(status=200, headers={"Content-Length": "1000000"})
    await response.prepare(request)
    try:
        while True:
            await response.write(b"x")
            await asyncio.sleep(0.05)
    except (ConnectionError, asyncio.CancelledError):
        return response


@contextmanager
def sink_in_a_thread(*answers: Answer | int) -> Iterator[Sink]:
    """For tests that are not of one event loop themselves."""
    sink = Sink(list(answers) or [200])
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(sink.__aenter__(), loop).result(120)
    try:
        yield sink
    finally:
        asyncio.run_coroutine_threadsafe(sink.__aexit__(), loop).result(120)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(120)
        loop.close()
