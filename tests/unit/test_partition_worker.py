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
from service.collector import Holder, empty, leave_alone
from service.config import Settings
from service.domain.events import Erasure, Merge
from service.domain.policy import Policy
from service.streaming import partition as room
from service.streaming.bounded_turns import BoundedTurns
from service.streaming.job import PartitionJob
from service.streaming.metrics import Metrics
from service.streaming.partition import PartitionWorker
from service.streaming.recovery import Loaded
from tests.support.engines import at, purchase
from tests.support.load import settings_for
from tests.unit.test_batches import Event, FakeSource

TOPIC, OTHER = "purchases", "customers"
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
    end = max(position, READ_TO)
    return Ends(position, Log(time.time_ns() // 1000, 0, end, end), epoch)


async def nothing_stored(*_: object) -> None: ...


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


async def test_a_leader_that_changes_while_the_one_of_another_input_is_asked_is_no_loss(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the new one had taken of the other input looked like what the former one had: a broker leads several."""
    source, failed, asked = FakeSource(), list[BaseException](), list[dict[str, int]]()
    source.end = {TOPIC: ends_at(READ_TO, epoch=4), OTHER: ends_at(READ_TO, epoch=4)}
    monkeypatch.setattr(room, "TransactionalProducer", Producer)
    monkeypatch.setattr(room, "read_changelogs", nothing_stored)

    async def ends_of_epochs(_: object, wanted: Mapping[SourcePartition, int]) -> dict[SourcePartition, int]:
        asked.append({place.topic: epoch for place, epoch in wanted.items()})
        source.end[OTHER] = ends_at(READ_TO + 3, epoch=7)
        return dict.fromkeys(wanted, READ_TO)

    monkeypatch.setattr(Producer, "ends_of_epochs", ends_of_epochs)
    worker = PartitionWorker(settings_for("nowhere:1"), 0, source, lambda _: None, Metrics(), failed.append)
    await until(lambda: worker.job.epochs.of(OTHER) == 4 or bool(failed))
    source.end[TOPIC] = ends_at(READ_TO, epoch=7)
    worker.poke()
    await until(lambda: len(asked) == 2 or bool(failed))
    await until(lambda: worker.job.positions[OTHER] == READ_TO + 3 or bool(failed or source.lost))
    await worker.close()

    assert failed == []
    assert source.lost == []
    assert asked == [{TOPIC: 4}, {OTHER: 4}]


def stores() -> int:
    """Stores of long lost customers that this process holds open."""
    held = []
    for each in Path("/proc/self/fd").iterdir():
        try:
            held.append(os.readlink(each))  # noqa: PTH115 - a name that is no path any more
        except OSError:
            continue
    return sum(".store (deleted)" in name for name in held)


@pytest.fixture
def never_searched() -> Iterator[None]:
    """Nothing is freed but what nobody holds."""
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


def restored(settings: Settings) -> PartitionJob:
    """A state that was read, with somebody in its store, and some who have come since."""
    job = PartitionJob(settings, 0, 2, Placement(settings, 2))
    job.restored()
    assert job._store is not None
    assert job._store.write({7: b"somebody"})
    turns = BoundedTurns(job, 10.0)
    for who in range(20):
        job.engine.apply(purchase(f"c{who}", 1.0 + who))
    job.engine.apply(Merge("m", "c1", at(30.0), "c2"))
    job.engine.apply(Erasure("e", "c3", at(30.0)))
    job.bound(5, turns._more_dates)
    job.drain(22)
    leave_alone()
    return job


@pytest.mark.usefixtures("never_searched")
async def test_the_state_of_a_partition_that_has_gone_leaves_memory_and_its_store() -> None:
    """Without a search through all that is still held: its rooms know each other, until they are told that it is
    over."""
    before, job = stores(), restored(settings_for("nowhere:1"))
    held, engine = stores(), job.engine
    seen = [weakref.ref(each) for each in (job, engine, *vars(job).values(), *vars(engine).values()) if holds(each)]

    await job.let_go()
    closed = stores()
    del job, engine
    left = [each() for each in seen if each() is not None]

    assert (held, closed) == (before + 1, before)
    assert len(seen) > 30
    assert left == []


def holds(each: object) -> bool:
    """Whether it is a room of a partition, and may be asked whether it is still there."""
    ours = type(each).__module__.startswith("service.") and not type(each).__module__.startswith("service.config")
    return ours and hasattr(each, "__dict__") and not isinstance(each, Policy | Placement)


@pytest.mark.parametrize("holder", [{n: n for n in range(2_500)}, list(range(2_500)), set(range(2_500))], ids=type)
async def test_what_is_large_is_emptied_bit_by_bit(holder: Holder) -> None:
    sizes, emptying = list[int](), asyncio.create_task(empty([holder]))
    while not emptying.done():
        await asyncio.sleep(0)
        sizes.append(len(holder))

    assert sizes[0] == 1_500
    assert 500 in sizes
    assert sizes[-1] == 0


@pytest.mark.usefixtures("never_searched")
async def test_nobody_holds_a_state_when_its_partition_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "TransactionalProducer", Producer)
    monkeypatch.setattr(room, "read_changelogs", nothing_stored)
    worker = PartitionWorker(settings_for("nowhere:1"), 0, FakeSource(), lambda _: None, Metrics(), lambda _: None)
    while not worker.ready:  # noqa: ASYNC110 - nothing may hold it but this name
        await asyncio.sleep(0)

    kept = await worker.close()
    assert kept is not None
    seen = weakref.ref(worker), weakref.ref(kept[0])
    await kept[0].let_go()
    del kept, worker
    await asyncio.sleep(0)

    assert [each() for each in seen] == [None, None]


@pytest.mark.parametrize(("told", "error"), [(True, "StartAgainError"), (False, "FatalError")])
async def test_a_life_that_ended_before_the_group_knew_that_a_topic_is_read_anew_is_made_up_for(
    monkeypatch: pytest.MonkeyPatch, *, told: bool, error: str
) -> None:
    """The state says that a topic which was made anew is read from its beginning, and the group still what had been
    read of the former one: once the new one was longer than that, every life ended at it."""
    source, failed = FakeSource(), list[BaseException]()
    source.end[TOPIC] = ends_at(READ_TO, epoch=0)

    async def stored(*arguments: Any) -> None:
        job, loaded = arguments[3].__self__, arguments[-1]
        loaded.input_ends = dict.fromkeys(job.sources, READ_TO)
        if told:
            job.logs.lost(TOPIC, 0, 1)

    monkeypatch.setattr(room, "TransactionalProducer", Producer)
    monkeypatch.setattr(room, "read_changelogs", stored)
    worker = PartitionWorker(settings_for("nowhere:1"), 0, source, lambda _: READ_TO - 1, Metrics(), failed.append)
    await until(lambda: bool(failed))
    await worker.close()

    assert [type(each).__name__ for each in failed] == [error], failed
    assert source.begun == ([TOPIC] if told else [])
    assert worker.job.positions[TOPIC] == 0


async def test_what_lies_behind_what_is_to_be_read_first_is_not_applied(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that came while the broker's clock was asked, of a topic that is read from its beginning next."""
    source, failed = FakeSource(), list[BaseException]()
    source.end[TOPIC] = ends_at(READ_TO, epoch=0)

    async def stored(*arguments: Any) -> None:
        job, loaded = arguments[3].__self__, arguments[-1]
        loaded.input_ends = dict.fromkeys(job.sources, READ_TO)
        job.logs.lost(TOPIC, 0, 1)

    async def asks_the_time(worker: PartitionWorker) -> bool:
        worker.put(Event([READ_TO - 1], None))
        return True

    monkeypatch.setattr(room, "TransactionalProducer", Producer)
    monkeypatch.setattr(room, "read_changelogs", stored)
    monkeypatch.setattr(PartitionWorker, "_clock_is_right", asks_the_time)
    worker = PartitionWorker(settings_for("nowhere:1"), 0, source, lambda _: READ_TO - 1, Metrics(), failed.append)
    await until(lambda: bool(failed))
    await worker.close()

    assert [type(each).__name__ for each in failed] == ["StartAgainError"], failed
    assert worker.job.positions[TOPIC] == 0


async def test_it_is_told_what_a_partition_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A coordinator that does not end the former transaction held one up for ever, without a word."""
    source, failed, let_in, read = FakeSource(), list[BaseException](), asyncio.Event(), asyncio.Event()

    async def reading(*arguments: Any) -> None:
        loaded: Loaded = arguments[-1]
        loaded.records = 12_000
        await read.wait()

    monkeypatch.setattr(room, "TransactionalProducer", Producer)
    monkeypatch.setattr(Producer, "open", lambda _: let_in.wait())
    monkeypatch.setattr(room, "read_changelogs", reading)
    worker = PartitionWorker(settings_for("nowhere:1"), 0, source, lambda _: None, Metrics(), failed.append)
    told = [worker.waits_for()]
    for event in (let_in, read):
        await asyncio.sleep(0)
        event.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        told.append(worker.waits_for())
    await until(lambda: worker.ready)
    now_us = time.time_ns() // 1000
    source.end = {topic: Ends(0, Log(now_us, 0, 0, 0), 0) for topic in worker.job.sources}
    told.append(worker.waits_for())
    source.end[TOPIC] = Ends(0, Log(now_us - 60_000_000, 0, 5, 5), 0)
    told.append(worker.waits_for())
    source.end[TOPIC] = ends_at(0, epoch=0)  # 8 records lie there, of which none has come
    told.append(worker.waits_for())
    worker.drop_queue()
    told.append(worker.waits_for())
    await worker.close()

    assert failed == []
    assert told == [
        "its producer to be let in, and the end of the former one's transaction",
        "its state to be read, 12,000 records so far",
        "word of customers, purchases, surveys",
        "",
        "word of purchases",
        "its turn, with all topics applied up to 0",
        "",
    ]


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
