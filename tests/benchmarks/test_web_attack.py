"""What a hostile network costs the stream: from the append of a purchase to its readable decision, while nobody looks
at the page, and under 1,000 requests at once again and again, 400 half-open ones that send a byte now and then, bodies
of 10 MB, and the heaviest list 50 times a second; in every other pair while the page has no descriptor left.

In pairs, one after the other, so that what others do to the machine meets both alike: held to the bar is the middle one
of the pairs' ratios. Where others keep the machine busy the figures are printed and held to nothing. The attacker
would sit elsewhere and shares the cores with broker, worker and page, so it has only what all of them leave: what it
takes of the worker's processor is not the page's doing.

BENCHMARK_PURCHASES sets the number of purchases of each of the two sides, BENCHMARK_PAIRS that of the pairs.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from service.cluster import topics
from service.config import Settings
from service.domain.calendar import DAY_US, SECOND_US
from service.domain.events import Purchase
from service.feed.records import key_of, value_of
from tests.benchmarks.figures import Figures
from tests.benchmarks.processor_time import cpu_s, wait_until_quiet
from tests.benchmarks.test_latency import (
    ALERTED,
    ARRIVAL_S,
    PER_S,
    SILENCE_DAYS,
    START_US,
    VISITS,
    arrivals,
    log_of,
    of_them,
    only_on_a_quiet_machine,
    wait_for_all,
)
from tests.support.broker import TestBroker
from tests.support.installed import Build
from tests.support.load import lines_of, send, settings_for
from tests.support.processes import free_port
from tests.support.worker_process import ROOT, Positions, WorkerProcess

PURCHASES = int(os.environ.get("BENCHMARK_PURCHASES", "1500"))
PAIRS = int(os.environ.get("BENCHMARK_PAIRS", "3"))
DESCRIPTORS = 40
"""That the page may have beyond those it has when the attack begins: a tenth of what is held half open."""
MOST_MORE = 0.2
"""Of the time at idle, of the half and of 99 in 100."""
CROWD, HALF_OPEN = 1_000, 400

pytestmark = [pytest.mark.benchmark, pytest.mark.broker]


def test_an_attack_on_the_page_does_not_slow_the_stream(
    broker: TestBroker, topic_prefix: str, build: Build, figures: Figures
) -> None:
    settings = settings_for(broker.bootstrap_servers, topic_prefix, web={"port": free_port()}, outreach=ALERTED)
    topics.create(settings, partitions=1)
    end_us = START_US + (VISITS + SILENCE_DAYS) * DAY_US
    log = log_of(2 * PURCHASES, START_US + VISITS * DAY_US, 10 * SECOND_US, end_us)
    send(broker.bootstrap_servers, lines_of(log, settings), 1)

    with WorkerProcess(settings, "w0", static=False, build=build, web=True) as worker:
        with Positions(settings, 1) as positions:
            positions.wait_caught_up(workers=[worker])
        others = wait_until_quiet(worker.pid)
        shares = [range(n * PURCHASES // PAIRS, (n + 1) * PURCHASES // PAIRS) for n in range(2 * PAIRS)]
        idle, attacked = Side(), Side()
        for pair in range(PAIRS):
            idle.measure(worker, settings, shares[2 * pair], end_us)
            with under_attack(worker, settings.web.port, exhausted=pair % 2 == 1) as said:
                attacked.measure(worker, settings, shares[2 * pair + 1], end_us)
        alive = httpx.get(f"http://127.0.0.1:{settings.web.port}/healthz", timeout=10).status_code
        others = max(others, wait_until_quiet(worker.pid))
        assert worker.running

    _, _, at_idle = of_them("from append to decision, nobody looks", idle.all, "")
    _, _, loaded = of_them("the same under attack", attacked.all, f"  (at most {MOST_MORE:.0%} more)")
    half, most = (
        median(under / alone for under, alone in zip(attacked.cut(at), idle.cut(at), strict=True)) for at in (50, 99)
    )
    figures.tell(
        "attack",
        f"{PURCHASES:,} purchases a side in {PAIRS} pairs, {PER_S} a second; {build}; in the last {said[0].strip()}\n"
        f"{at_idle}\n{loaded}\n"
        f"  middle ratio of the pairs: p50 {half:.2f}, p99 {most:.2f}; others kept {others:.1f} cores busy\n"
        f"  processor time of the worker: {idle.cpu_s:.2f} s at idle, {attacked.cpu_s:.2f} s under attack",
    )
    assert alive == 200
    only_on_a_quiet_machine(others)
    assert half <= 1 + MOST_MORE
    assert most <= 1 + MOST_MORE


class Side:
    """One of the two, over all pairs."""

    def __init__(self) -> None:
        self._took: list[list[float]] = []
        self.cpu_s = 0.0

    def measure(self, worker: WorkerProcess, settings: Settings, whom: range, end_us: int) -> None:
        before = cpu_s(worker.pid)
        self._took.append(asyncio.run(come_back(settings, whom, end_us)))
        self.cpu_s += cpu_s(worker.pid) - before

    @property
    def all(self) -> list[float]:
        return [each for took in self._took for each in took]

    def cut(self, percent: int) -> list[float]:
        """Of each pair, below which so many in a hundred lie."""
        return [quantiles(took, n=100)[percent - 1] for took in self._took]


def page_of(worker: WorkerProcess) -> int:
    """Process id of its page."""
    (child,) = [
        int(each) for at in Path(f"/proc/{worker.pid}/task").glob("*/children") for each in at.read_text().split()
    ]
    return child


@contextmanager
def under_attack(worker: WorkerProcess, port: int, *, exhausted: bool) -> Iterator[list[str]]:
    """What the attacker has done is told at the end. `exhausted`: the page has hardly a descriptor left."""
    page, told = page_of(worker), list[str]()
    before = resource.prlimit(page, resource.RLIMIT_NOFILE)
    open_now = len(list(Path(f"/proc/{page}/fd").iterdir()))
    if exhausted:
        resource.prlimit(page, resource.RLIMIT_NOFILE, (open_now + DESCRIPTORS, before[1]))
    attacker = subprocess.Popen(
        [sys.executable, "-m", "tests.support.attack", str(port), str(CROWD), str(HALF_OPEN)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        time.sleep(3)
        yield told
    finally:
        said, _ = attacker.communicate()
        told.append(said)
        if Path(f"/proc/{page}").exists():
            resource.prlimit(page, resource.RLIMIT_NOFILE, before)
        time.sleep(3)  # what hangs half open is cut off before the next measurement


async def come_back(settings: Settings, whom: range, end_us: int) -> list[float]:
    """Seconds from the append of each purchase to its decision."""
    servers, names = settings.kafka.bootstrap_servers, settings.kafka.topics
    appended: dict[str, float] = {}
    async with (
        AIOKafkaProducer(bootstrap_servers=servers, acks="all") as producer,
        arrivals(servers, names.outreach_decisions) as decided,
    ):
        began = time.time()
        for place, who in enumerate(whom):
            await asyncio.sleep(max(0.0, began + place / PER_S - time.time()))
            event = Purchase(f"r{who}", f"leaver-{who}", end_us + who * SECOND_US // PER_S, 500)
            appended[event.customer_id] = time.time()
            await producer.send(names.purchases, key=key_of(event), value=value_of(event, 2))
        await wait_for_all(decided, appended, ARRIVAL_S)
    return [decided[who].at_s - at_s for who, at_s in appended.items()]
