"""A million hostile records in a good stream: each in dead-letters with its precise code, every good one applied,
memory flat."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.cluster import topics
from service.cluster.tail import open_reader, partitions_of, records_until_now
from service.config import Settings
from service.domain.customer_record import restore
from service.refused.dead_letters import read_dead_letters
from tests.benchmarks.figures import Figures
from tests.support.broker import TestBroker
from tests.support.installed import Build
from tests.support.load import Hostile, hostile, many_purchases, mixed, send, settings_for
from tests.support.worker_process import Positions, WorkerProcess

PARTITIONS = 2
HOSTILE = int(os.environ.get("BENCHMARK_HOSTILE", "1000000"))
GOOD = HOSTILE // 10
STRETCHES = 20
"""Each begins with two 2 MB values and two nests 100,000 deep."""
MOST_GROWTH = 1.35
"""Peak of the second half over the peak of the first."""

pytestmark = [pytest.mark.benchmark, pytest.mark.broker]


def resident_mb(pid: int) -> float:
    """Memory of a process now, in MB (Linux)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def customers_applied(settings: Settings) -> int:
    """Orders in the state of all customers: what has been applied."""
    with open_reader(settings.kafka) as reader:
        records = records_until_now(reader, partitions_of(reader, settings.kafka.state_topic))
        newest = {record.key: record.value for record in records if not record.key.startswith(b"\x00")}
    return sum(restore(key.decode(), value).orders for key, value in newest.items())


def test_a_million_hostile_records_stop_nothing(
    broker: TestBroker, topic_prefix: str, build: Build, figures: Figures
) -> None:
    # A source that is hostile for so long would be stopped after two hundred letters (limits.refused_share).
    settings = settings_for(broker.bootstrap_servers, topic_prefix).changed(limits={"refused_share": 1.0})
    topics.create(settings, partitions=PARTITIONS)
    wanted: Counter[str] = Counter()

    def noted() -> Iterator[Hostile]:
        """All kinds; 2 MB values and deep nests at the beginning of each stretch only, to keep the disk out of it."""
        for stretch in range(STRETCHES):
            for one in hostile(settings.kafka.topics, HOSTILE // STRETCHES, seed=stretch):
                wanted[one.code.value] += 1
                yield one

    good = many_purchases(settings.kafka.topics.purchases, GOOD)
    sent = send(broker.bootstrap_servers, mixed(good, noted()), PARTITIONS)

    peaks: list[float] = []
    began = time.monotonic()
    with (
        WorkerProcess(settings, "w0", static=False, build=build) as worker,
        Positions(settings, PARTITIONS) as positions,
    ):
        total = sum(positions.ends().values())
        while positions.total() < total:
            assert worker.running, worker.log[-3000:]
            peaks.append(resident_mb(worker.pid))
            time.sleep(0.2)
        seconds = time.monotonic() - began
        positions.wait_caught_up(workers=[worker])

    found = Counter(stored.letter.error_code for stored in read_dead_letters(settings))
    half = len(peaks) // 2
    early, late = max(peaks[:half]), max(peaks[half:])
    figures.tell(
        "hostile",
        f"{sent:,} records, {wanted.total():,} of them hostile, in {seconds:.0f} s ({sent / seconds:,.0f}/s); {build}\n"
        f"  memory peak {early:.0f} MB in the first half, {late:.0f} MB in the second\n"
        "  " + ", ".join(f"{count:,} {code}" for code, count in found.most_common()),
    )
    assert found == wanted
    assert customers_applied(settings) == GOOD
    assert late <= MOST_GROWTH * early
