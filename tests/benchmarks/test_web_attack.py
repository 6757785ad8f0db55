"""What a hostile network costs the stream: from the append of a purchase to its readable decision, first while nobody
looks at the page, then under 1,000 requests at once again and again, 400 half-open ones that send a byte now and then,
bodies of 10 MB, and the heaviest list 50 times a second.

Wall time: where others keep the machine busy the figures are printed and held to nothing. The attacker shares the cores
with broker, worker and page, so it is as nice as the page; what it takes of the worker's processor is not the page's
doing.

BENCHMARK_PURCHASES sets the number of purchases of each of the two measurements.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from service.config import Settings
from service.domain.calendar import DAY_US, SECOND_US
from service.domain.events import Purchase
from service.feed.records import key_of, value_of
from service.streaming import topics
from tests.benchmarks.figures import Figures
from tests.benchmarks.processor_time import cpu_s, wait_until_quiet
from tests.benchmarks.test_latency import (
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
from tests.integration.test_web import free_port
from tests.support.broker import TestBroker
from tests.support.installed import Build
from tests.support.load import lines_of, send, settings_for
from tests.support.worker_process import ROOT, Positions, WorkerProcess

PURCHASES = int(os.environ.get("BENCHMARK_PURCHASES", "1000"))
MOST_MORE = 0.2
"""Of the time at idle, of the half and of 99 in 100."""
CROWD, HALF_OPEN = 1_000, 400

pytestmark = [pytest.mark.benchmark, pytest.mark.broker]


def test_an_attack_on_the_page_does_not_slow_the_stream(
    broker: TestBroker, topic_prefix: str, build: Build, figures: Figures
) -> None:
    settings = settings_for(broker.bootstrap_servers, topic_prefix, web={"port": free_port()})
    topics.create(settings, partitions=1)
    end_us = START_US + (VISITS + SILENCE_DAYS) * DAY_US
    log = log_of(2 * PURCHASES, START_US + VISITS * DAY_US, 10 * SECOND_US, end_us)
    send(broker.bootstrap_servers, lines_of(log, settings), 1)

    with WorkerProcess(settings, "w0", static=False, build=build, web=True) as worker:
        with Positions(settings, 1) as positions:
            positions.wait_caught_up(workers=[worker])
        others = wait_until_quiet(worker.pid)
        spent = cpu_s(worker.pid)
        idle = asyncio.run(come_back(settings, range(PURCHASES), end_us))
        at_idle_s, spent = cpu_s(worker.pid) - spent, cpu_s(worker.pid)
        attacker = subprocess.Popen(
            [sys.executable, "-m", "tests.support.attack", str(settings.web.port), str(CROWD), str(HALF_OPEN)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            time.sleep(3)
            loaded = asyncio.run(come_back(settings, range(PURCHASES, 2 * PURCHASES), end_us))
            under_attack_s = cpu_s(worker.pid) - spent
        finally:
            said, _ = attacker.communicate()
        alive = httpx.get(f"http://127.0.0.1:{settings.web.port}/healthz", timeout=10).status_code
        assert worker.running

    half, most, at_idle = of_them("from append to decision, nobody looks", idle, "")
    half_loaded, most_loaded, attacked = of_them("the same under attack", loaded, f"  (at most {MOST_MORE:.0%} more)")
    figures.tell(
        "attack",
        f"{PURCHASES:,} purchases, {PER_S} a second; {build}; meanwhile {said.strip()}\n{at_idle}\n{attacked}\n"
        f"  processor time of the worker: {at_idle_s:.2f} s at idle, {under_attack_s:.2f} s under attack",
    )
    assert alive == 200
    only_on_a_quiet_machine(others)
    assert half_loaded <= (1 + MOST_MORE) * half
    assert most_loaded <= (1 + MOST_MORE) * most


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
