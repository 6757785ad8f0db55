"""What is begun when a process is asked to end is broken off, and what fails is told."""

from __future__ import annotations

import asyncio

import pytest

from service.streaming.guard import unless


def test_what_is_done_before_the_word_comes_is_done() -> None:
    async def story() -> bool:
        return await unless(asyncio.Event(), asyncio.sleep(0))

    assert asyncio.run(story())


def test_the_word_to_stop_breaks_off_what_waits() -> None:
    cut = []

    async def for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cut.append(True)

    async def story() -> bool:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_soon(stop.set)
        return await unless(stop, for_ever())

    assert not asyncio.run(story())
    assert cut == [True]


def test_what_fails_is_told_also_when_the_word_comes_at_the_same_time() -> None:
    async def fails() -> None:
        raise ValueError("no")

    async def story() -> None:
        stop = asyncio.Event()
        stop.set()
        await unless(stop, fails())

    with pytest.raises(ValueError, match="no"):
        asyncio.run(story())
