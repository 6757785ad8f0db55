"""Real worker processes for crash tests: started, killed, paused, continued and restarted as a supervisor would."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer
from kafka import TopicPartition

from service.config import KafkaSettings, Settings, child_environment
from service.domain.changelog import POSITION_KEY, unpack_positions
from service.processes.tethered import Tethered
from tests.support.consumers import committed_records
from tests.support.installed import Build, outside

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "service.cli"
START_S = 180.0
"""A worker imports and joins in 2 s; a loaded machine may need many times that."""
END_S = 180.0
"""It ends within ten seconds by itself, whatever it waits for; the machine may take longer."""
POLL_S = 0.02


def environment_of(settings: Settings) -> dict[str, str]:
    """The variables that give a worker process exactly these settings, whatever the caller's environment holds."""
    return child_environment(settings.changed(log={"format": "json"}), os.environ) | {"PYTHONPATH": str(ROOT)}


class WorkerProcess:
    """One `churn-alert worker` at a time under one name; `log` is what all its lives have written to standard error."""

    def __init__(
        self,
        settings: Settings,
        name: str,
        *,
        static: bool = True,
        build: Build | None = None,
        web: bool = False,
        program: str = PROGRAM,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """`build`: the installed package that runs; None = the source that the tests stand beside, as the module
        `program`, with more environment `variables`."""
        self.name = name
        self._instance = {"instance_id": name} if static else {}
        self._variables, self._build = dict(variables or {}), build
        self.obey(settings)
        self._command = (
            *((sys.executable, "-m", program) if build is None else (str(build.command),)),
            "worker",
            *(() if web else ("--no-web",)),
        )
        self._directory = tempfile.TemporaryDirectory(prefix="worker-test-")
        self._home = ROOT if build is None else Path(self._directory.name)
        self._log = Path(self._directory.name) / "log"
        self._process: Tethered | None = None
        self._life_began = 0
        self.exits: list[int] = []
        """Exit codes so far; -9 = killed."""

    def start(self) -> Self:
        self._life_began = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            self._process = Tethered(self._command, output=log, environment=self._environment, directory=self._home)
        return self

    def obey(self, settings: Settings) -> None:
        """Its next lives have these; who it is stays as it was."""
        environment = environment_of(settings.changed(kafka=self._instance)) | self._variables
        self._environment = environment if self._build is None else outside(environment)

    def run_as(self, module: str) -> None:
        """Its next lives run that module in the place of the command."""
        self._command = (sys.executable, "-m", module, *self._command[self._command.index("worker") :])

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    @property
    def life_log(self) -> str:
        """What the present or last life has said."""
        return self._log.read_bytes()[self._life_began :].decode(errors="replace") if self._log.exists() else ""

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def wait_for(self, pattern: str, timeout_s: float = START_S) -> float:
        """Seconds until the present life has logged it; fails when it ends before."""
        began = time.monotonic()
        while re.search(pattern, self.life_log) is None:
            if not self.running:
                raise AssertionError(f"{self.name} ended before it said {pattern!r}: {self.life_log[-2000:]}")
            if time.monotonic() - began > timeout_s:
                raise AssertionError(
                    f"{self.name} did not say {pattern!r} in {timeout_s:.0f} s: {self.life_log[-2000:]}"
                )
            time.sleep(POLL_S)
        return time.monotonic() - began

    def wait_assigned(self) -> float:
        return self.wait_for("partitions assigned")

    def send_signal(self, number: signal.Signals) -> None:
        if self._process is not None and self.running:
            self._process.send_signal(number)

    def pause(self) -> None:
        self.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.send_signal(signal.SIGCONT)

    def end(self, number: signal.Signals = signal.SIGKILL, timeout_s: float = END_S) -> int:
        """Sends the signal and returns the exit code."""
        self.send_signal(number)
        return self.wait(timeout_s)

    def wait(self, timeout_s: float = END_S) -> int:
        assert self._process is not None
        code = self._process.wait(timeout_s)
        self.exits.append(code)
        self._process = None
        return code

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self.resume()
            self.end(signal.SIGKILL)
        if error is not None:
            print(f"--- log of {self.name} (exits {self.exits}):\n{self.log[-6000:]}")
        self._directory.cleanup()


class Positions:
    """Follows the committed positions in the state topic against the ends of the inputs."""

    def __init__(self, settings: Settings, partitions: int) -> None:
        self._kafka = kafka = settings.kafka
        self._consumer: Any = committed_records(kafka.bootstrap_servers)
        self._tps = [TopicPartition(kafka.state_topic, number) for number in range(partitions)]
        names = (kafka.topics.purchases, kafka.topics.surveys, kafka.topics.customers)
        self._inputs = [TopicPartition(name, number) for name in names for number in range(partitions)]
        self._consumer.assign(self._tps)
        self._consumer.seek_to_beginning(*self._tps)
        self.applied: dict[TopicPartition, int] = dict.fromkeys(self._inputs, 0)

    def poll(self, timeout_ms: int = 100) -> None:
        for tp, records in self._consumer.poll(timeout_ms=timeout_ms, max_records=20_000).items():
            for record in records:
                if record.key == POSITION_KEY:
                    for topic, position in unpack_positions(record.value).items():
                        self.applied[TopicPartition(topic, tp.partition)] = position

    def total(self) -> int:
        """Of the inputs; a partition has read on further topics, such as those of what was carried to it."""
        self.poll()
        return sum(self.applied[tp] for tp in self._inputs)

    def ends(self) -> Mapping[TopicPartition, int]:
        ends: Mapping[TopicPartition, int] = self._consumer.end_offsets(self._inputs)
        return ends

    def wait_caught_up(self, timeout_s: float = 300.0, workers: Sequence[WorkerProcess] = ()) -> float:
        """Seconds until everything that lies in the inputs now has been applied, and can be read on every output."""
        began, ends = time.monotonic(), self.ends()
        while any(self.applied[tp] < end for tp, end in ends.items()):
            self.poll()
            if time.monotonic() - began > timeout_s or (workers and not any(each.running for each in workers)):
                missing = {f"{tp.topic}-{tp.partition}": end - self.applied[tp] for tp, end in ends.items()}
                logs = "\n".join(f"--- {worker.name}: {worker.log[-3000:]}" for worker in workers)
                raise AssertionError(f"not caught up after {time.monotonic() - began:.0f} s; missing {missing}\n{logs}")
        asyncio.run(asyncio.wait_for(visible(self._kafka), timeout_s))
        return time.monotonic() - began

    def wait_for_more(self, than: int, timeout_s: float = 180.0) -> float:
        """Seconds until more than so many records have been applied in all."""
        began = time.monotonic()
        while self.total() <= than:
            if time.monotonic() - began > timeout_s:
                raise AssertionError(f"nothing was applied beyond {than} records in {timeout_s:.0f} s")
        return time.monotonic() - began

    def close(self) -> None:
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


async def visible(kafka: KafkaSettings) -> None:
    """Waits until a reader at read_committed sees what lies on the worker's topics now.

    A commit reaches one partition after the other.
    """
    topics = [*kafka.topics.model_dump().values(), kafka.state_topic, kafka.ledger_topic]
    async with (
        AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap_servers) as latest,
        AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap_servers, isolation_level="read_committed") as committed,
    ):
        await latest.topics()
        tps = [TopicPartition(topic, number) for topic in topics for number in latest.partitions_for_topic(topic) or ()]
        ends = await latest.end_offsets(tps)
        while any(end < ends[tp] for tp, end in (await committed.end_offsets(tps)).items()):  # noqa: ASYNC110 - nobody says when
            await asyncio.sleep(0.02)
