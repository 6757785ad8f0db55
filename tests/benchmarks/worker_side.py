"""The full job: an installed worker in a process of its own, which meets its whole backlog at one moment, measured from
outside.

Nothing of the worker is looked into, so that two versions of it can be compared: what it has done is told by its
group's offsets and the state topic, what it has spent by the kernel.
"""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from service.cluster import topics
from service.config import KafkaSettings, Settings
from service.connection.admin import open_admin
from tests.benchmarks.backlog import Backlog, held_back
from tests.benchmarks.processor_time import CpuClock, wait_until_quiet
from tests.support.installed import Build, engine_of_process
from tests.support.worker_process import WorkerProcess

POLL_S = 0.1
PATIENCE_S = 600.0


@dataclass(frozen=True)
class Run:
    """One side at work: from the first record to the last."""

    records: int
    seconds: float
    cpu_seconds: float
    others: float = 0.0
    """Cores that all others kept busy just before or just after, whichever is more; 0 where it was not looked at."""

    @property
    def rate(self) -> float:
        """Records per second of the clock on the wall."""
        return self.records / self.seconds

    @property
    def cpu_us(self) -> float:
        """Processor time of a record."""
        return 1e6 * self.cpu_seconds / self.records


async def run_worker(build: Build, settings: Settings, backlog: Backlog, partitions: int) -> Run:
    """Makes the topics, and lets one worker work through the backlog. The topics are left as they are then."""
    kafka = settings.kafka
    topics.create(settings, partitions=partitions, wait_s=30)
    async with held_back(backlog, kafka.bootstrap_servers, kafka.topics.purchases, partitions) as release:
        with WorkerProcess(settings, "measured", static=False, build=build) as worker:
            await asyncio.to_thread(worker.wait_assigned)
            others = await asyncio.to_thread(wait_until_quiet, worker.pid)
            assert engine_of_process(worker.pid, worker.log) == build.engine
            with CpuClock(worker.pid) as clock:
                began = time.time()
                await release()
                await _wait_until_applied(worker, kafka, backlog.records, partitions)
            ended = await _last_turn_s(kafka, partitions)
            others = max(others, await asyncio.to_thread(wait_until_quiet, worker.pid))
            run = Run(backlog.records, ended - began, clock.spent_at(ended) - clock.spent_at(began), others)
            assert worker.end(signal.SIGTERM) == 0, worker.log[-3000:]
    return run


async def _wait_until_applied(worker: WorkerProcess, kafka: KafkaSettings, records: int, partitions: int) -> None:
    """The group's offsets follow the committed state within a second or two."""
    tps = [TopicPartition(kafka.topics.purchases, number) for number in range(partitions)]
    deadline = time.monotonic() + PATIENCE_S
    async with AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap_servers, group_id=kafka.group) as group:
        while sum([await group.committed(tp) or 0 for tp in tps]) < records:
            assert worker.running, worker.log[-3000:]
            assert time.monotonic() < deadline, f"not applied in {PATIENCE_S:.0f} s: {worker.log[-3000:]}"
            await asyncio.sleep(POLL_S)


async def _last_turn_s(kafka: KafkaSettings, partitions: int) -> float:
    """When the last turn was written, as `time.time`: its records bear the time, a moment before the commit."""
    tps = [TopicPartition(kafka.state_topic, number) for number in range(partitions)]
    newest = 0
    async with AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap_servers, isolation_level="read_committed"
    ) as consumer:
        consumer.assign(tps)
        for tp, end in (await consumer.end_offsets(tps)).items():
            consumer.seek(tp, end - 2)  # the mark of the commit takes an offset too
            newest = max(newest, (await consumer.getone(tp)).timestamp)
    return newest / 1000


def delete_topics(settings: Settings) -> None:
    """What a run has left behind, hundreds of megabytes."""
    kafka = settings.kafka
    names = {*kafka.topics.model_dump().values(), kafka.state_topic, kafka.ledger_topic, kafka.carried_topic}
    with closing(open_admin(kafka.bootstrap_servers)) as admin:
        admin.delete_topics(sorted(names.intersection(admin.list_topics())))


def result_of(fields: dict[str, Any]) -> Run:
    """Of a side's RESULT line."""
    return Run(int(fields["records"]), float(fields["seconds"]), float(fields["cpu_seconds"]))
