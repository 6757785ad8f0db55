"""Tasks of a process that ends when one of them fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


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
