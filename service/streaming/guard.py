"""Tasks of a process that ends when one of them fails, or when it is asked to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any


def guarded(work: Awaitable[None], fail: Callable[[BaseException], None]) -> asyncio.Task[None]:
    """Starts the work; an error goes to `fail`, a cancellation is none."""

    async def run() -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the process must not limp on
            fail(error)

    return asyncio.create_task(run())


async def unless(stop: asyncio.Event, work: Coroutine[Any, Any, object]) -> bool:
    """Whether the work was done before the word to stop came, which cancels it. Raises what the work raises."""
    doing, told = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({doing, told}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            doing.result()
        return doing.done()
    finally:
        for task in (doing, told):
            task.cancel()
        await asyncio.gather(doing, told, return_exceptions=True)
