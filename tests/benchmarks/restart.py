"""What a worker spends on reading its state back: from its start to its readiness, less what any start costs."""

from __future__ import annotations

import asyncio
import re
import socket
import time
import urllib.error
import urllib.request
from dataclasses import dataclass

from service.cluster import topics
from service.config import Settings
from tests.benchmarks.processor_time import cpu_s
from tests.support.installed import Build, engine_of_process
from tests.support.worker_process import WorkerProcess

POLL_S = 0.05
PATIENCE_S = 300.0


@dataclass(frozen=True)
class Restart:
    """One recovery of all partitions by one worker."""

    records: int
    """Of both changelogs, compacted as far as the broker has come."""
    customers: int
    seconds: float
    """Of the partition that took longest; they are read side by side."""
    cpu_seconds: float
    start_cpu_seconds: float
    """What a start without any state costs; not in the other."""

    @property
    def cpu_us(self) -> float:
        """Processor time of one record."""
        return 1e6 * self.cpu_seconds / self.records

    def __str__(self) -> str:
        return (
            f"restart: {self.records:,} changelog records of {self.customers:,} customers in {self.seconds:.1f} s: "
            f"{self.records / self.seconds:,.0f} records/s, {self.customers / self.seconds:,.0f} customers/s\n"
            f"  {self.cpu_us:.1f} µs CPU a record, {1e6 * self.cpu_seconds / self.customers:.1f} a customer; "
            f"{self.start_cpu_seconds:.1f} s CPU of any start left out"
        )


async def measure_restart(build: Build, settings: Settings, partitions: int, customers: int) -> Restart:
    """`settings`: of a worker that has worked through the purchases of so many customers and was stopped."""
    empty = settings.changed(kafka={"group": f"{settings.kafka.group}-empty"})
    names = {key: f"{name}-empty" for key, name in settings.kafka.topics.model_dump().items()}
    empty = empty.changed(kafka={"topics": type(settings.kafka.topics)(**names)})
    topics.create(empty, partitions=partitions, wait_s=30)
    start_cpu, _ = await asyncio.to_thread(_one_life, build, empty, partitions)
    cpu, metrics = await asyncio.to_thread(_one_life, build, settings, partitions)
    return Restart(
        records=int(sum(_values(metrics, "churn_alert_recovery_records"))),
        customers=customers,
        seconds=max(_values(metrics, "churn_alert_recovery_seconds")),
        cpu_seconds=cpu - start_cpu,
        start_cpu_seconds=start_cpu,
    )


def _one_life(build: Build, settings: Settings, partitions: int) -> tuple[float, str]:
    """Processor time from birth to readiness, and the metrics then."""
    port = _free_port()
    with WorkerProcess(
        settings.changed(web={"enabled": True, "port": port}), "restarted", static=False, build=build, web=True
    ) as worker:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            assert worker.running, worker.log[-3000:]
            assert time.monotonic() < deadline, f"not ready in {PATIENCE_S:.0f} s: {worker.log[-3000:]}"
            metrics = _metrics(port)
            if sum(_values(metrics, "churn_alert_partitions_ready")) == partitions:
                break
            time.sleep(POLL_S)
        spent = cpu_s(worker.pid)
        assert engine_of_process(worker.pid, worker.log) == build.engine
        return spent, metrics


def _metrics(port: int) -> str:
    """Empty while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            text: str = answer.read().decode()
            return text
    except (urllib.error.URLError, OSError):
        return ""


def _values(metrics: str, name: str) -> list[float]:
    """Of every series of a metric; a single 0 where there is none."""
    return [float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", metrics, re.MULTILINE)] or [0.0]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
