"""What may happen to a partition while a turn of it waits for a broker's answer, and what is left of one that has gone
to another worker."""

from __future__ import annotations

import asyncio
import gc
import os
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from service.cluster.log_ends import Ends, Log, SourcePartition
from service.cluster.placement import Placement
from service.collector import forget_dropped, leave_alone
from service.config import Settings
from service.streaming import partition as room
from service.streaming.job import PartitionJob
from service.streaming.metrics import Metrics
from service.streaming.partition import PartitionWorker
from service.streaming.recovery import Loaded
from tests.support.load import settings_for
from tests.unit.test_batches import FakeSource

TOPIC = "purchases"
READ_TO = 8
"""An input in which nothing lies but what was aborted: it is read up to here, and nothing of it has arrived."""
PATIENCE_S = 30.0


class Producer:
    """Takes everything. While it asks a leader for ends, `meanwhile` happens."""

    meanwhile: Callable[[], None]
    waits_since_s: float | None = None
    seen_us = 0, 0, 0

    def __init__(self, *_: object) -> None:
        self.ends: dict[object, int] = {}
        self.asked = 0

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def topics_now(self, _: object) -> Mapping[str, Any]:
        return {}

    async def write(self, records: Mapping[Any, Any]) -> dict[Any, int]:
        return dict.fromkeys(records, 100)

    async def ends_of_epochs(self, wanted: Mapping[SourcePartition, int]) -> dict[SourcePartition, None]:
        self.asked += 1
        self.meanwhile()
        return dict.fromkeys(wanted)


def ends_at(position: int, epoch: int) -> Ends:
    return Ends(position, Log(time.time_ns() // 1000, 0, READ_TO, READ_TO), epoch)


async def nothing_stored(*_: object) -> Loaded:
    return Loaded()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - a turn tells nobody that it is over
            await asyncio.sleep(0)


async def test_a_seek_while_a_leader_is_asked_is_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was fetched is read again from its beginning; it looked as if the log had lost its end."""
    source, failed = FakeSource(), list[BaseException]()
    source.end[TOPIC] = ends_at(READ_TO, epoch=4)
    monkeypatch.setattr(room, "TransactionalProducer", Producer)
    monkeypatch.setattr(room, "read_changelogs", nothing_stored)

    def balanced() -> None:
        source.epoch += 1
        source.end[TOPIC] = ends_at(0, epoch=7)

    monkeypatch.setattr(Producer, "meanwhile", staticmethod(balanced), raising=False)
    worker = PartitionWorker(settings_for("nowhere:1"), 0, source, lambda _: None, Metrics(), failed.append)
    await until(lambda: worker.job.positions[TOPIC] == READ_TO or bool(failed))
    source.end[TOPIC] = ends_at(READ_TO, epoch=7)
    worker.poke()
    await until(lambda: source.epoch == 2 or bool(failed))
    await until(lambda: worker.job.epochs.of(TOPIC) == 7 or bool(failed))
    await worker.close()

    assert failed == []
    assert source.lost == []


@pytest.fixture
def searched_again() -> Iterator[None]:
    yield
    gc.unfreeze()


def stores() -> int:
    """Stores of long lost customers that this process holds open."""
    held = []
    for each in Path("/proc/self/fd").iterdir():
        try:
            held.append(os.readlink(each))  # noqa: PTH115 - a name that is no path any more
        except OSError:
            continue
    return sum(".store (deleted)" in name for name in held)


def restored(settings: Settings) -> PartitionJob:
    """A state that was read, with somebody in its store."""
    job = PartitionJob(settings, 0, 2, Placement(settings, 2))
    job.restored()
    assert job._store is not None
    assert job._store.write({7: b"somebody"})
    leave_alone()
    return job


@pytest.mark.usefixtures("searched_again")
def test_the_state_of_a_partition_that_has_gone_leaves_memory_and_its_store() -> None:
    """Its rooms know each other, and whoever was left alone by the collector stayed for ever."""
    before, job = stores(), restored(settings_for("nowhere:1"))
    held, seen = stores(), weakref.ref(job)

    job.close()
    closed = stores()
    del job
    forget_dropped()

    assert (held, closed) == (before + 1, before)
    assert seen() is None
    assert gc.get_freeze_count() > 0


async def test_a_worker_that_ends_before_it_was_ready_leaves_no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "TransactionalProducer", Producer)
    monkeypatch.setattr(room, "read_changelogs", lambda *_: asyncio.Event().wait())
    before, failed = stores(), list[BaseException]()
    worker = PartitionWorker(settings_for("nowhere:1"), 0, FakeSource(), lambda _: None, Metrics(), failed.append)
    await asyncio.sleep(0)
    assert worker.job._store is not None
    worker.job._store.write({7: b"somebody"})
    held = stores()

    kept = await worker.close()

    assert (kept, failed) == (None, [])
    assert (held, stores()) == (before + 1, before)
