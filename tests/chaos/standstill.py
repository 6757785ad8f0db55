"""Where a world stands still: what each task of a worker waits for, and what each broker says of the logs.

A worker of a schedule tells the first of itself when it gets the signal TELL.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from types import FrameType
from typing import Any, Final
from weakref import WeakSet

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from service.cluster.topic_ids import ask_broker
from service.streaming.partition import PartitionWorker

TELL: Final = signal.SIGUSR1
TELLS_S: Final = 1.5
ASKS_S: Final = 5.0


def tell_when_asked() -> None:
    """This process says on its standard error what it waits for, whenever it gets the signal."""
    workers, begin = WeakSet[PartitionWorker](), PartitionWorker.__init__

    def noted(self: PartitionWorker, *args: Any, **kwargs: Any) -> None:
        begin(self, *args, **kwargs)
        workers.add(self)

    def tell(_: int, __: FrameType | None) -> None:
        said = [_about(each) for each in list(workers) if not each.task.done()]
        said += [
            f"{each.get_name()} waits: {' < '.join(reversed(list(_frames(each))))}"
            for each in list(getattr(asyncio.tasks, "_all_tasks", asyncio.all_tasks()))  # of all threads
            if not each.done()
        ]
        print("\n".join(said), file=sys.stderr, flush=True)

    PartitionWorker.__init__ = noted  # type: ignore[method-assign]
    signal.signal(TELL, tell)


def _about(worker: PartitionWorker) -> str:
    inbox, intake = worker.job.inbox, worker._intake
    ends = {topic: end and (end.position, end.log, end.epoch) for topic, end in intake.ends().items()}
    carriage = inbox._carriage
    told = {
        "ready": worker.ready,
        "closing": worker.closing,
        "positions": worker.job.positions,
        "ends": ends,
        "at ends": intake.at_ends(),
        "arrived": len(intake),
        "received": intake._received,
        "handed out": [worker._intake._source.last_handed_out(tp) for tp in intake._tps],
        "dropped": intake._dropped,
        "wants": [intake.wants(tp.topic) for tp in intake._tps],
        "held": [len(each) for each in inbox._held],
        "gates": inbox.gates.stopped(),
        "merge": [inbox._merge.buffered(source) for source in range(len(inbox._merge._queues))],
        "overtaking": inbox._overtaking and (inbox._overtaking._asked_s, inbox._overtaking._came),
        "blocked by others": inbox._blocked,
        "others": carriage and [vars(each) if hasattr(each, "__dict__") else each for each in carriage.others()],
        "clock": worker._clock.reason,
    }
    return f"partition {worker.number}: {told}"


def _frames(task: asyncio.Task[Any]) -> Iterator[str]:
    """From the outermost coroutine to the one that waits."""
    awaited: Any = task.get_coro()
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is not None:
            yield f"{frame.f_code.co_qualname} ({frame.f_code.co_filename.rsplit('/', 1)[-1]}:{frame.f_lineno})"
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)


def what_brokers_say(servers: str, nodes: Sequence[int], topics: Sequence[str]) -> str:
    """Who leads each partition, since which epoch, and with whom in step, as each of them tells it."""
    by_saying: dict[str, list[int]] = {}
    for node, said in asyncio.run(_asked(servers, nodes, topics)):
        by_saying.setdefault(said, []).append(node)
    return "\n".join(f"brokers {told_by}: {said}" for said, told_by in by_saying.items())


async def _asked(servers: str, nodes: Sequence[int], topics: Sequence[str]) -> list[tuple[int, str]]:
    told = list[tuple[int, str]]()
    client = AIOKafkaClient(bootstrap_servers=servers, request_timeout_ms=int(ASKS_S * 1000))
    try:
        with suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(ASKS_S):
                await client.bootstrap()
        for node in nodes:
            try:
                async with asyncio.timeout(ASKS_S):
                    answer = await ask_broker(client, node, topics)
            except (KafkaError, OSError, TimeoutError) as error:
                told.append((node, repr(error)))
                continue
            told += [(node, line) for topic in answer.topics for line in _told(topic)]
    finally:
        await client.close()
    return told


def _told(topic: tuple[Any, ...]) -> Iterator[str]:
    refused, name, topic_id, _, partitions, *_ = topic
    for failed, number, leader, epoch, replicas, in_step, *_ in sorted(partitions, key=lambda each: int(each[1])):
        yield (
            f"{name}-{number} ({topic_id.hex()[:8]}) is led by {leader} since epoch {epoch}, "
            f"{in_step} of {replicas} in step ({refused}, {failed})"
        )
