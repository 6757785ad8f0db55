"""The full job against the bare client and a plain Faust agent: one run, same topic, same machine, ratios.

The bars are promises of the README; all sides read the same plain purchases of simulated café customers.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.domain.events import Purchase
from service.feed.partitions import partition_for
from service.feed.records import key_of, value_of
from service.feed.simulate import Cafe, Simulation
from service.streaming import topics
from tests.benchmarks.sides import settings_for
from tests.support.broker import TestBroker

PARTITIONS = 4
RECORDS = int(os.environ.get("BENCHMARK_RECORDS", "600000"))
LEAST_OF_BARE = 0.12
LEAST_OF_PLAIN_FAUST = 10.0

pytestmark = [pytest.mark.benchmark, pytest.mark.broker]


PER_CUSTOMER = 34
"""Purchases per simulated customer in 400 days, a little below the mean, so that one café gives enough."""


def purchases(count: int) -> Iterator[Purchase]:
    """The purchases of one café with as many customers as it takes, in order of time."""
    made = 0
    for event in Simulation(Cafe(customers=count // PER_CUSTOMER + 100, days=400)).events():
        if isinstance(event, Purchase) and not event.refund:
            event.items, event.order_id = (), None  # no baskets: the plain event, as the client's figures are given for
            yield event
            made += 1
            if made == count:
                return
    raise AssertionError(f"the café has only {made:,} purchases")


async def preload(bootstrap: str, topic: str, count: int) -> int:
    """Fills the topic; returns the bytes of the values."""
    from aiokafka import AIOKafkaProducer

    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_batch_size=500_000)
    await producer.start()
    size, batches = 0, [producer.create_batch() for _ in range(PARTITIONS)]
    for event in purchases(count):
        key, value = key_of(event), value_of(event, 2)
        size += len(value)
        number = partition_for(key, PARTITIONS)
        if batches[number].append(key=key, value=value, timestamp=None) is None:
            await producer.send_batch(batches[number], topic, partition=number)
            batches[number] = producer.create_batch()
            batches[number].append(key=key, value=value, timestamp=None)
    for number, batch in enumerate(batches):
        await producer.send_batch(batch, topic, partition=number)
    await producer.stop()
    return size


def run(side: str, bootstrap: str, prefix: str, directory: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.sides", side, bootstrap, prefix, str(RECORDS), str(PARTITIONS)],
        env={**os.environ, "BENCHMARK_DIRECTORY": str(directory)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    results = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert results, f"{side} gave no result:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    result: dict[str, float] = json.loads(results[0].removeprefix("RESULT "))
    return result


def test_the_full_job_keeps_its_share_of_the_bare_client(broker: TestBroker, topic_prefix: str, tmp_path: Path) -> None:
    settings = settings_for(broker.bootstrap_servers, topic_prefix)
    topics.create(settings, partitions=PARTITIONS, wait_s=30)
    size = asyncio.run(preload(broker.bootstrap_servers, settings.kafka.topics.purchases, RECORDS))

    sides = {
        side: run(side, broker.bootstrap_servers, topic_prefix, tmp_path) for side in ("bare", "full", "plain_faust")
    }

    rates = {side: result["records"] / result["seconds"] for side, result in sides.items()}
    print(f"\n{RECORDS:,} purchases of {size / RECORDS:.0f} bytes, {PARTITIONS} partitions")
    for side, result in sides.items():
        cpu = 1e6 * result["cpu_seconds"] / result["records"]
        print(f"  {side:12} {rates[side]:>10,.0f} events/s  {cpu:6.1f} µs CPU/event")
    print(f"  full job / bare client = {rates['full'] / rates['bare']:.3f} (at least {LEAST_OF_BARE})")
    print(f"  full job / plain Faust = {rates['full'] / rates['plain_faust']:.1f} (at least {LEAST_OF_PLAIN_FAUST:g})")
    assert rates["full"] >= LEAST_OF_BARE * rates["bare"]
    assert rates["full"] >= LEAST_OF_PLAIN_FAUST * rates["plain_faust"]
