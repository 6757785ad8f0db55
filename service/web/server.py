"""The HTTP server: an application served on a port within the limits."""

from __future__ import annotations

import asyncio
import math
import socket

import uvicorn
from starlette.types import ASGIApp

from service.web.access import Access
from service.web.connections import Server
from service.web.limits import Limits
from service.web.protection import Protection

_GRACE_S = 2
"""Requests take milliseconds; the worker has to leave its group within 10 s."""


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
