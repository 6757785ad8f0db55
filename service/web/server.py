"""The HTTP server inside the worker's process and event loop: page, API, metrics, probes."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import structlog
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from service.config import DeliverSettings, Settings, WebSettings
from service.errors import ConfigurationError
from service.streaming.worker import Worker
from service.web.app import create_app
from service.web.recent import RecentDecisions
from service.web.worker_view import WorkerFacts

_BACKLOG = 128
_GRACE_S = 2
"""Requests take milliseconds; the worker has to leave its group within 10 s."""

log = structlog.get_logger()


def serving_on(
    listener: socket.socket, settings: Settings, also: Callable[[FastAPI], None] = lambda _app: None
) -> Callable[[Worker], Awaitable[None]]:
    """What serves on it beside a worker; `also` adds routes that come from elsewhere."""

    async def serve(worker: Worker) -> None:
        """Until cancelled; raises whatever ends one of its parts."""
        recent = RecentDecisions(settings.kafka)
        facts = WorkerFacts(worker, recent)
        app = create_app(settings, worker.metrics.registry, facts)
        also(app)
        log.info("page and metrics", address=address_of(listener))
        await _together(serve_app(app, listener), recent.run(), facts.run())

    return serve


def take_port(web: WebSettings | DeliverSettings) -> socket.socket:
    """A listening socket on the section's host and port; port 0 takes any free one.

    Raises ConfigurationError when the port cannot be taken.
    """
    try:
        family, *_, where = socket.getaddrinfo(web.host, web.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (socket.gaierror, UnicodeError):
        raise ConfigurationError(
            f"{_section(web)}.host {web.host!r} is no address of this machine: use 127.0.0.1, or 0.0.0.0 for every network."
        ) from None
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            listener.setsockopt(
                socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
            )  # a restart must not wait for old connections
        listener.bind(where)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigurationError(_why_not(web, error)) from None
    listener.setblocking(False)
    return listener


def _section(web: WebSettings | DeliverSettings) -> str:
    return "web" if isinstance(web, WebSettings) else "deliver"


def _why_not(web: WebSettings | DeliverSettings, error: OSError) -> str:
    section = _section(web)
    cure = f"set {section}.port (or CHURN_ALERT_{section.upper()}__PORT) to another one; 0 takes any free port."
    match error.errno:
        case errno.EADDRINUSE:
            return f"Port {web.port} on {web.host} is in use by another program: stop that one, or {cure}"
        case errno.EACCES | errno.EPERM:
            return f"Port {web.port} on {web.host} may not be opened by this user: {cure}"
        case errno.EADDRNOTAVAIL:
            return f"{section}.host {web.host!r} is no address of this machine: use 127.0.0.1, or 0.0.0.0 for every network."
        case _:
            return f"Port {web.port} on {web.host} cannot be opened ({error.strerror}): {cure}"


def address_of(listener: socket.socket) -> str:
    """What to type into a browser on this machine."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared with, not bound
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


class _Server(uvicorn.Server):
    """Signals are the worker's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve_app(app: ASGIApp, listener: socket.socket) -> None:
    """Serves until cancelled; requests in flight get a moment to end."""
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=_GRACE_S,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise


async def _together(*jobs: Awaitable[None]) -> None:
    """Runs all until one ends; then, or when cancelled, ends the others and raises what happened.

    A task group would wrap the error, and the worker tells a lost broker from a bug by its type.
    """
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
