"""How many messages a deliverer hands over, what each costs it, and that its memory stays as it is: e-mails into a mail
server, webhooks into an address, each a process of its own on this machine. The requests lie in the topic before the
deliverer starts.

Rates are wall time: where others keep the machine busy they are printed and held to nothing. BENCHMARK_MESSAGES sets
the number.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from service.cluster import topics
from service.config import Settings
from tests.benchmarks.figures import Figures
from tests.benchmarks.processor_time import BUSY_CORES, CpuClock, wait_until_quiet
from tests.support.broker import TestBroker
from tests.support.delivery_world import requested
from tests.support.installed import Build, outside
from tests.support.load import settings_for
from tests.support.worker_process import ROOT, environment_of

MESSAGES = int(os.environ.get("BENCHMARK_MESSAGES", "5000"))
LEAST_MAILS_PER_S = 500.0
LEAST_WEBHOOKS_PER_S = 1_000.0
MOST_GROWTH_MIB = 16.0
"""Of memory, from a fifth of the messages to the last: what is in flight and the ids of those just sent, nothing that
grows with them."""
PATIENCE_S = 180.0
POLL_S = 0.02
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

pytestmark = [pytest.mark.benchmark, pytest.mark.broker, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Sink:
    """Where the messages go."""

    channel: str
    module: str
    arguments: tuple[str, ...]
    """Before the file."""
    settings: Callable[[int], dict[str, Any]]
    """Of the deliverer, by the sink's port."""
    taken: Callable[[bytes], int]
    """How many, by what its file holds."""
    least_per_s: float


def _to_mail_server(port: int) -> dict[str, Any]:
    smtp = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "hello@anna.example"}
    return {"public_url": "https://anna.example", "unsubscribe_secret": "a secret of the tests", "smtp": smtp}


def _to_address(port: int) -> dict[str, Any]:
    return {
        "webhook": {
            "url": f"http://127.0.0.1:{port}/",
            "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "allow_http": True,
            "allow_private": True,
        }
    }


SINKS = {
    sink.channel: sink
    for sink in (
        Sink(
            "smtp",
            "tests.support.mail_sink",
            ("0",),
            _to_mail_server,
            lambda told: told.count(b"\n"),
            LEAST_MAILS_PER_S,
        ),
        Sink(
            "webhook",
            "tests.benchmarks.webhook_sink",
            (),
            _to_address,
            lambda told: int(told or b"0"),
            LEAST_WEBHOOKS_PER_S,
        ),
    )
}


@contextmanager
def _running(sink: Sink, file: Path) -> Iterator[int]:
    """The sink; gives its port."""
    command = [sys.executable, "-m", sink.module, *sink.arguments, str(file)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def _request(settings: Settings, count: int) -> None:
    far_us = (int(time.time()) + 14 * 86_400) * 1_000_000
    producer = KafkaProducer(bootstrap_servers=settings.kafka.bootstrap_servers, acks="all", linger_ms=20)
    for number in range(count):
        customer = f"c{number}"
        value = requested(str(uuid.UUID(int=number)), customer, expires_us=far_us, favourite_items=["Espresso"])
        producer.send(settings.kafka.topics.outreach, value, customer.encode())
    producer.flush()
    producer.close()


def _memory_mib(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES / 2**20


@pytest.mark.parametrize("channel", SINKS)
def test_as_many_messages_a_second_as_promised_and_memory_flat(
    channel: str, build: Build, broker: TestBroker, figures: Figures, tmp_path: Path
) -> None:
    sink, file, log = SINKS[channel], tmp_path / "taken", tmp_path / "log"
    file.touch()

    def taken() -> int:
        return sink.taken(file.read_bytes())

    with _running(sink, file) as port:
        prefix = f"t{uuid.uuid4().hex[:10]}-"
        settings = settings_for(broker.bootstrap_servers, prefix, deliver={"port": 0, **sink.settings(port)})
        topics.create(settings, partitions=1, wait_s=30)
        _request(settings, MESSAGES)
        environment = outside(environment_of(settings))
        with log.open("w") as said:
            deliverer = subprocess.Popen(
                [build.command, "deliver", channel], cwd=tmp_path, env=environment, stderr=said, stdout=said
            )
        try:
            deadline = time.monotonic() + PATIENCE_S
            marks = dict.fromkeys((MESSAGES // 5, MESSAGES), (0.0, 0.0))
            with CpuClock(deliverer.pid) as clock:
                for mark in marks:
                    while taken() < mark:
                        assert deliverer.poll() is None, log.read_text()[-3000:]
                        assert time.monotonic() < deadline, f"{taken()} taken: {log.read_text()[-3000:]}"
                        time.sleep(POLL_S)
                    marks[mark] = (time.time(), _memory_mib(deliverer.pid))
            others = wait_until_quiet(deliverer.pid)
        finally:
            deliverer.terminate()
            deliverer.wait(30)

    (began, before), (ended, after) = marks.values()
    counted = MESSAGES - MESSAGES // 5
    per_s, cost_us = counted / (ended - began), 1e6 * (clock.spent_at(ended) - clock.spent_at(began)) / counted
    figures.tell(
        "delivery",
        f"{channel}: {per_s:,.0f} messages a second over {counted:,}, {cost_us:,.0f} µs of processor time each; memory "
        f"{before:.0f} MiB, {after:.0f} MiB at the end; others kept {others:.1f} cores busy",
    )
    assert after - before <= MOST_GROWTH_MIB
    if others < BUSY_CORES:
        assert per_s >= sink.least_per_s
