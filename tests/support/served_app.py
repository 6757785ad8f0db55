"""The page's application behind a real socket, in a thread of the test's own process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from fastapi import FastAPI

from service.config.sections.web import WebSettings
from service.web.access import Access
from service.web.limits import Limits
from service.web.port import address_of, take_port
from service.web.server import serve_app


@contextmanager
def served_app(app: FastAPI, web: WebSettings, access: Access | None = None) -> Iterator[str]:
    """Gives the address."""
    listener, loop = take_port(web), asyncio.new_event_loop()
    serving = loop.create_task(serve_app(app, listener, Limits.of(web, web.host), access))

    def run() -> None:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(serving)
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield address_of(listener).rstrip("/")
    finally:
        loop.call_soon_threadsafe(serving.cancel)
        thread.join(120)
