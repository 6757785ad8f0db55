"""`/live`: tells a page that is open when there is something new to show, by server-sent events.

What it sends is a fingerprint of the facts, which says nothing of them; the page then asks for itself again. One look a
second serves all who listen, and nobody looks while nobody listens.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Final

import msgspec
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse

from service.domain.uplift.sums import ArmSums
from service.web.renderings import FRESH_S
from service.web.shop_view import ShopFacts
from service.web.view import GRANULARITIES

LIVE: Final = "/live"
STREAMS: Final = "churn-alert-stream"
"""Set in the scope of a request whose answer goes on for as long as both sides are there."""
LOOK_S: Final = 1.0
_SIGN_OF_LIFE_S: Final = 10.0
"""A proxy closes what says nothing, often after a minute; a client that has gone is noticed by it."""
_LONGEST_S: Final = 600.0
"""Then the browser comes again by itself, and is asked again whether it may see the numbers."""
_COME_AGAIN_MS: Final = 3_000
_DIGITS: Final = 16


def fingerprint(facts: ShopFacts) -> str:
    """Of everything that the page shows, whatever its language and period. Costs some 5 ms where a shop is old."""
    ready, customers = facts.readiness(), facts.customers()
    shown = [
        [condition.name for condition in ready.conditions],
        sorted(facts.misspelt().items()),
        repr(facts.expected()),
        ready.silent_sources,
        facts.totals_known(),
        [facts.periods(each) for each in GRANULARITIES],
        repr(customers),
        [one.fields() for one in facts.kept()],
        facts.brought(),
        [decided.written for decided in facts.decisions()],
    ]
    return hashlib.sha256(msgspec.msgpack.encode(shown, enc_hook=_counted)).hexdigest()[:_DIGITS]


def _counted(value: object) -> list[str]:
    if not isinstance(value, ArmSums):
        raise NotImplementedError
    return value.fields()


class Pulse:
    """The newest fingerprint, for those who listen."""

    def __init__(self, facts: ShopFacts, renew: Callable[[], Awaitable[None]], most: int) -> None:
        """`renew` has the facts brought up to date; `most` may listen at once."""
        self._facts = facts
        self._renew = renew
        self._most = most
        self._looking: asyncio.Task[None] | None = None
        self._beat = asyncio.Condition()
        self.listeners = 0
        self.newest = ""

    @property
    def full(self) -> bool:
        return self.listeners >= self._most

    async def changes(self) -> AsyncGenerator[str, None]:
        """The fingerprint, again whenever it is another; empty as a sign of life where it is the same for long."""
        self.listeners += 1
        try:
            if self._looking is None or self._looking.done():
                self.newest = ""
                self._looking = asyncio.create_task(self._look())
            last = ""
            while True:
                try:
                    async with asyncio.timeout(_SIGN_OF_LIFE_S), self._beat:
                        await self._beat.wait_for(lambda seen=last: self.newest not in ("", seen))  # type: ignore[misc]
                        last = self.newest
                except TimeoutError:
                    yield ""
                else:
                    yield last
        finally:
            self.listeners -= 1

    async def _look(self) -> None:
        while self.listeners:
            await self._renew()
            found = fingerprint(self._facts)
            if found != self.newest:
                await asyncio.sleep(FRESH_S)  # whoever asks then gets no rendering that was made before
                async with self._beat:
                    self.newest = found
                    self._beat.notify_all()
            await asyncio.sleep(LOOK_S)


def add_live(app: FastAPI, facts: ShopFacts, renew: Callable[[], Awaitable[None]], most: int) -> None:
    pulse = Pulse(facts, renew, most)

    @app.get(LIVE, include_in_schema=False)
    async def live(request: Request) -> StreamingResponse:
        if pulse.full:
            raise HTTPException(
                503, "As many pages as web.connections allows are kept up to date.", {"Retry-After": "30"}
            )
        request.scope[STREAMS] = True
        return StreamingResponse(_events(pulse), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def _events(pulse: Pulse) -> AsyncIterator[bytes]:
    yield f"retry: {_COME_AGAIN_MS}\n\n".encode()
    until_s = time.monotonic() + _LONGEST_S
    async with aclosing(pulse.changes()) as changes:
        async for each in changes:
            yield f"data: {each}\n\n".encode() if each else b":\n\n"
            if time.monotonic() > until_s:
                return
