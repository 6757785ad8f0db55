"""What the web half says before there is a worker: the process waits for a broker.

Somebody who looks at the page or at /readyz then has to be told, and the worker's event loop does not run yet. So the
same application answers in a thread, with nothing but the fact that no broker answers.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from service.config import Settings
from service.domain.outreach.realised import ClassRealised, Realised, totals
from service.domain.periods.numbers import PeriodRow
from service.streaming.brought_totals import BroughtRow
from service.streaming.metrics import Metrics
from service.web.app import create_app
from service.web.recent import Decided
from service.web.server import serve_app
from service.web.shop_view import CustomerCounts, Readiness

_PATIENCE_S = 1.0
"""A broker that is there answers sooner, and nobody has to be told anything."""


class WaitingFacts:
    """A process without partitions, whose broker has been away since then (Unix seconds)."""

    def __init__(self, since_s: float) -> None:
        self._since_s = since_s

    def readiness(self) -> Readiness:
        return Readiness(assigned=False, partitions={}, unreachable_since_s=self._since_s)

    def totals_known(self) -> bool:
        return False

    def periods(self, granularity: str) -> list[PeriodRow]:  # noqa: ARG002 - there are none of any
        return []

    def customers(self) -> CustomerCounts:
        return CustomerCounts({}, {}, 0, 0, None)

    def kept(self) -> list[ClassRealised]:
        return totals([Realised()])

    def first_asked(self) -> None:
        return None

    def brought(self) -> list[BroughtRow]:
        return []

    def decisions(self) -> list[Decided]:
        return []


@contextmanager
def answering(settings: Settings, listener: socket.socket, metrics: Metrics, since_s: float = 0.0) -> Iterator[None]:
    """While the block lasts, unless it is over in a moment. `since_s`: when the broker was lost; 0 = just now."""
    over = threading.Event()
    since_s = since_s or time.time()

    def answer() -> None:
        if not over.wait(_PATIENCE_S):
            metrics.broker(since_s)
            asyncio.run(_serve_until(over, settings, listener.dup(), metrics, since_s))

    thread = threading.Thread(target=answer, name="waiting", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        metrics.broker(0.0)


async def _serve_until(
    over: threading.Event, settings: Settings, listener: socket.socket, metrics: Metrics, since_s: float
) -> None:
    app = create_app(settings, metrics.registry, WaitingFacts(since_s))
    serving = asyncio.create_task(serve_app(app, listener))
    while not over.is_set() and not serving.done():  # noqa: ASYNC110 - a thread's event cannot be awaited
        await asyncio.sleep(0.05)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
