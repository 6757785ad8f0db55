"""The HTTP server: its port, and an application served on it within the limits."""

from __future__ import annotations

import asyncio
import errno
import math
import os
import socket

import uvicorn
from starlette.types import ASGIApp

from service.config import DeliverSettings, IngestSettings, WebSettings
from service.errors import ConfigurationError
from service.web.access import Access
from service.web.connections import Server
from service.web.limits import Limits
from service.web.protection import Protection

_BACKLOG = 1024
_GRACE_S = 2
"""Requests take milliseconds; the worker has to leave its group within 10 s."""


def take_port(web: WebSettings | DeliverSettings | IngestSettings) -> socket.socket:
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


def _section(web: WebSettings | DeliverSettings | IngestSettings) -> str:
    if isinstance(web, IngestSettings):
        return "ingest"
    return "web" if isinstance(web, WebSettings) else "deliver"


def _why_not(web: WebSettings | DeliverSettings | IngestSettings, error: OSError) -> str:
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


async def serve_app(
    app: ASGIApp, listener: socket.socket, limits: Limits, access: Access | None = None, grace_s: int = _GRACE_S
) -> None:
    """Serves within the limits until cancelled; requests in flight have so long to end."""
    settings = limits.settings
    access = access or Access(settings)
    server = Server(
        uvicorn.Config(
            Protection(app, limits, access),
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=grace_s,
            timeout_keep_alive=math.ceil(settings.idle_timeout_s) + 1,  # the door closes what is idle
            h11_max_incomplete_event_size=settings.header_bytes,
        ),
        limits,
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise
