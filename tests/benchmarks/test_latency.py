"""How long a shop waits: from a purchase that is appended to the decision and the score that follow, and from a stored
date to its alert.

Regulars come every day at their own time; then they stay away, while a few others go on, so that the feed is alive.
Each is alerted after some days of silence. For the first measurement they come back, fifty a second: every purchase is
answered with a decision (the alert has been followed by a visit) and a score. For the second the wall clock rules, and
the dates at which nothing arrives lie one after the other in the next half minute.

Both are wall time: where others keep the machine busy the figures are printed and held to nothing.

Readers are at read_committed, as everybody's must be. BENCHMARK_RETURNS sets the number of purchases.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from statistics import quantiles
from typing import NamedTuple

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from service.cluster import topics
from service.config import Settings
from service.domain.calendar import DAY_US, HOUR_US, SECOND_US, to_us
from service.domain.events import Purchase
from service.engines import new_engine
from service.feed.records import key_of, value_of
from tests.benchmarks.figures import Figures
from tests.benchmarks.processor_time import BUSY_CORES, wait_until_quiet
from tests.support.broker import TestBroker
from tests.support.installed import Build, engine_of_process
from tests.support.load import lines_of, send, settings_for
from tests.support.worker_process import Positions, WorkerProcess

RETURNS = int(os.environ.get("BENCHMARK_RETURNS", "1000"))
PER_S = 50
MOST_MS = 250.0
"""Of 99 in 100 purchases; a quiet machine needs a tenth of it."""
ABSENCES = 300
ABSENCE_EVERY_US = SECOND_US // 10
MOST_NOTICED_S = 2.0
"""Of the half of all dates. The grace is one second and the clock looks twice a second, so there is little room for a
busy machine."""
VISITS = 8
PACERS = 24
"""Customers who go on, each at an hour of their own."""
START_US = 20_000 * DAY_US
SILENCE_DAYS = 20
ALERTED = {"measure": "budget"}
"""A policy that alerts everybody who leaves so soon, at dates known ahead, whatever the others do."""
HEAD_START_US = 60 * SECOND_US
"""Between the making of a log and the first of its dates: the worker starts and reads the log meanwhile."""
ARRIVAL_S = 60.0

pytestmark = [pytest.mark.benchmark, pytest.mark.broker]


class Arrival(NamedTuple):
    """The first record of a customer: when it could be read, as `time.time`, and what it says."""

    at_s: float
    value: bytes


Arrivals = dict[str, Arrival]


def log_of(leavers: int, last_visit_us: int, apart_us: int, end_us: int, gap_us: int = DAY_US) -> list[Purchase]:
    """Visits of so many customers, `gap_us` apart, the first of whom comes for the last time at `last_visit_us` and
    each further one so much later; and others who go on until the end. In order of time."""
    events = [
        Purchase(
            f"v{who}-{visit}", f"leaver-{who}", last_visit_us + who * apart_us - (VISITS - 1 - visit) * gap_us, 500
        )
        for who in range(leavers)
        for visit in range(VISITS)
    ]
    first_us = last_visit_us - (VISITS - 1) * gap_us
    events += [
        Purchase(f"p{hour}", f"pacer-{hour % PACERS}", at_us, 500)
        for hour, at_us in enumerate(range(first_us, end_us, HOUR_US))
    ]
    return sorted(events, key=lambda event: event.at_us)


@asynccontextmanager
async def arrivals(servers: str, topic: str) -> AsyncIterator[Arrivals]:
    """A reader that notes each customer's first record from now on."""
    found: Arrivals = {}
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=servers, isolation_level="read_committed", auto_offset_reset="latest"
    )

    async def read() -> None:
        async for record in consumer:
            found.setdefault(record.key.decode(), Arrival(time.time(), record.value))

    await consumer.start()
    await consumer.seek_to_end()
    await asyncio.gather(*[consumer.position(tp) for tp in consumer.assignment()])
    reading = asyncio.create_task(read())
    try:
        yield found
    finally:
        reading.cancel()
        await asyncio.wait([reading])
        await consumer.stop()


async def wait_for_all(found: Arrivals, wanted: Iterable[str], seconds: float) -> None:
    """Until each of these customers has a record; those who are missing fail the test."""
    deadline, names = time.monotonic() + seconds, set(wanted)
    while not names <= found.keys():
        assert time.monotonic() < deadline, f"{len(names - found.keys())} of {len(names)} never arrived"
        await asyncio.sleep(0.05)


def of_them(what: str, seconds: list[float], bar: str) -> tuple[float, float, str]:
    """Median and 99th percentile, and both in words."""
    cuts = quantiles(seconds, n=100)
    half, most = cuts[49], cuts[98]
    return half, most, f"  {what:44} p50 {1e3 * half:7.1f} ms   p99 {1e3 * most:7.1f} ms   of {len(seconds):,}{bar}"


def only_on_a_quiet_machine(others: float) -> None:
    """`others`: how many cores they kept busy."""
    if others >= BUSY_CORES:
        pytest.skip(f"others kept {others:.1f} of {os.cpu_count()} cores busy: a wall time cannot be judged")


def test_a_purchase_is_acted_on_within_a_quarter_of_a_second(
    broker: TestBroker, topic_prefix: str, build: Build, figures: Figures
) -> None:
    settings = settings_for(broker.bootstrap_servers, topic_prefix, outreach=ALERTED)
    topics.create(settings, partitions=4)
    end_us = START_US + (VISITS + SILENCE_DAYS) * DAY_US
    log = log_of(RETURNS, START_US + VISITS * DAY_US, 10 * SECOND_US, end_us)
    send(broker.bootstrap_servers, lines_of(log, settings), 4)

    with WorkerProcess(settings, "w0", static=False, build=build) as worker:
        with Positions(settings, 4) as positions:
            positions.wait_caught_up(workers=[worker])
        assert engine_of_process(worker.pid, worker.log) == build.engine
        others = wait_until_quiet(worker.pid)
        decided, scored = asyncio.run(_come_back(settings, end_us))
        others = max(others, wait_until_quiet(worker.pid))

    head = f"{RETURNS:,} purchases, {PER_S} a second, from append to readable at read_committed; {build}"
    _, decision, of_decisions = of_them("decision", decided, f"  (p99 at most {MOST_MS:g} ms)")
    _, score, of_scores = of_them("score", scored, f"  (p99 at most {MOST_MS:g} ms)")
    figures.tell("decision", f"{head}\n{of_decisions}\n{of_scores}")
    only_on_a_quiet_machine(others)
    assert 1e3 * max(decision, score) <= MOST_MS


async def _come_back(settings: Settings, end_us: int) -> tuple[list[float], ...]:
    """Seconds from the append of each purchase to its decision, and to its score."""
    servers, names = settings.kafka.bootstrap_servers, settings.kafka.topics
    appended: dict[str, float] = {}
    async with (
        AIOKafkaProducer(bootstrap_servers=servers, acks="all") as producer,
        arrivals(servers, names.outreach_decisions) as decided,
        arrivals(servers, names.customer_scores) as scored,
    ):
        began = time.time()
        for who in range(RETURNS):
            await asyncio.sleep(max(0.0, began + who / PER_S - time.time()))
            event = Purchase(f"r{who}", f"leaver-{who}", end_us + who * SECOND_US // PER_S, 500)
            appended[event.customer_id] = time.time()
            await producer.send(names.purchases, key=key_of(event), value=value_of(event, 2))
        await wait_for_all(decided, appended, ARRIVAL_S)
        await wait_for_all(scored, appended, ARRIVAL_S)
    return tuple([found[who].at_s - at_s for who, at_s in appended.items()] for found in (decided, scored))


def test_an_absence_is_noticed_within_two_seconds_of_its_date(
    broker: TestBroker, topic_prefix: str, build: Build, figures: Figures
) -> None:
    settings = settings_for(
        broker.bootstrap_servers,
        topic_prefix,
        time={"clock": "wall"},
        outreach=ALERTED,
    )
    topics.create(settings, partitions=1)
    log, dates = log_with_dates_ahead(settings, time.time_ns() // 1000 + HEAD_START_US)
    send(broker.bootstrap_servers, lines_of(log, settings), 1)

    with WorkerProcess(settings, "w0", static=False, build=build) as worker:
        with Positions(settings, 1) as positions:
            positions.wait_caught_up(workers=[worker])
        assert engine_of_process(worker.pid, worker.log) == build.engine
        others = wait_until_quiet(worker.pid)
        noticed = asyncio.run(_stay_away(settings, dates))
        others = max(others, wait_until_quiet(worker.pid))

    assert {who: _date_of(arrival) for who, arrival in noticed.items()} == dates
    waited = [noticed[who].at_s - at_us / SECOND_US for who, at_us in dates.items()]
    half, _, said = of_them("from stored date to readable decision", waited, f"  (p50 at most {MOST_NOTICED_S:g} s)")
    figures.tell("absence", f"{len(dates):,} dates, {SECOND_US // ABSENCE_EVERY_US} a second; {build}\n{said}")
    assert min(waited) > 0, "nobody is noticed before the date"
    only_on_a_quiet_machine(others)
    assert half <= MOST_NOTICED_S


def log_with_dates_ahead(settings: Settings, first_date_us: int) -> tuple[list[Purchase], dict[str, int]]:
    """A log up to now after which a date comes every tenth of a second, from so soon on; and the date of each customer.

    How long such customers may stay away follows from what is learned of all of them. So an engine is asked, again and
    again with the visits where its last answer would have them, until the dates lie where they should. What is learned
    weekly has a jump at silences of about one gap, and at some hours of the week a date lies in it: then they come less
    often.
    """
    silence_us = DAY_US
    for attempt in range(36):
        if attempt % 12 == 0:
            silence_us, gap_us = DAY_US, (DAY_US, 3 * DAY_US // 2, 2 * DAY_US)[attempt // 12]
        now_us = time.time_ns() // 1000
        log = log_of(ABSENCES, first_date_us - silence_us, ABSENCE_EVERY_US, now_us, gap_us)
        engine = new_engine(settings)
        for event in log:
            engine.apply(event, now_us)
        engine.advance(now_us, now_us - SECOND_US)
        ahead = {
            who: engine.ladder.rungs_ahead(engine.customers[who]) for who in (f"leaver-{n}" for n in range(ABSENCES))
        }
        dates = {who: rungs[0][1] for who, rungs in ahead.items() if rungs}
        if len(dates) == ABSENCES and abs(min(dates.values()) - first_date_us) < ABSENCE_EVERY_US:
            return log, dates
        if not dates:
            silence_us = silence_us * 4 // 5
            continue
        silence_us = min(at_us - engine.customers[who].last_us for who, at_us in dates.items())
    raise AssertionError("no log was found whose dates lie ahead")


def _date_of(decision: Arrival) -> int:
    """When its rung came due, as the record says."""
    told_at: str = msgspec.json.decode(decision.value)["data"]["detected_at"]
    return to_us(datetime.fromisoformat(told_at))


async def _stay_away(settings: Settings, dates: dict[str, int]) -> Arrivals:
    """The decisions about those who do not come."""
    kafka = settings.kafka
    async with arrivals(kafka.bootstrap_servers, kafka.topics.outreach_decisions) as noticed:
        assert time.time() < min(dates.values()) / SECOND_US, "the first date has passed before everything was ready"
        await wait_for_all(noticed, dates, ARRIVAL_S + max(dates.values()) / SECOND_US - time.time())
    return noticed
