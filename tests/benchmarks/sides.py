"""What the worker is held against, each run as a process of its own on a topic that a worker has worked through.

    python -m tests.benchmarks.sides {bare|plain_faust} BOOTSTRAP TOPIC_PREFIX RECORDS PARTITIONS SECONDS

Each prints one line: RESULT {"records": …, "seconds": …, "cpu_seconds": …}. Time runs from the first record to the
last. The bare client reads the topic again and again until so many seconds are over; plain Faust gives up after them.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Any

from service.collector import be_patient
from service.config import Settings
from service.domain.policy import ClockMode, ConsentRule

FETCH_BYTES = 2 << 20
TRANSACTION_S, REQUEST_S = 120.0, 60.0
"""Far beyond the defaults: a machine that is crowded for a moment must not end a measurement."""


def settings_for(bootstrap: str, prefix: str) -> Settings:
    """The worker's settings on this benchmark's topics."""
    base = Settings()
    names = {key: f"{prefix}{name}" for key, name in base.kafka.topics.model_dump().items()}
    return base.changed(
        kafka={
            "bootstrap_servers": bootstrap,
            "group": f"{prefix}worker",
            "topics": type(base.kafka.topics)(**names),
            "fetch_bytes": FETCH_BYTES,
            "transaction_timeout_s": TRANSACTION_S,
            "request_timeout_s": REQUEST_S,
        },
        time={"clock": ClockMode.EVENT},
        outreach={"consent": ConsentRule.EXTERNAL},
        web={"enabled": False},
    )


class Stopwatch:
    """Started by the first record."""

    def __init__(self) -> None:
        self.began: float | None = None
        self._cpu = 0.0

    def start(self) -> None:
        if self.began is None:
            self.began, self._cpu = time.perf_counter(), time.process_time()

    def seconds(self) -> float:
        """Since the first record; 0 before it."""
        return 0.0 if self.began is None else time.perf_counter() - self.began

    def report(self, records: int, **more: Any) -> None:
        assert self.began is not None, "no record arrived"
        seconds, cpu = time.perf_counter() - self.began, time.process_time() - self._cpu
        line = "RESULT " + json.dumps({"records": records, "seconds": seconds, "cpu_seconds": cpu, **more})
        print(line, flush=True, file=sys.__stdout__)  # Faust redirects sys.stdout into its log


async def bare(settings: Settings, records: int, partitions: int, seconds: float) -> None:
    """The bare client library: poll, touch nothing. The cycle collector is as rare as the worker's."""
    from aiokafka import AIOKafkaConsumer, TopicPartition

    be_patient()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka.bootstrap_servers,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=FETCH_BYTES,
        fetch_max_wait_ms=200,
    )
    await consumer.start()
    topic = settings.kafka.topics.purchases
    tps = [TopicPartition(topic, number) for number in range(partitions)]
    consumer.assign(tps)
    watch, passes, seen = Stopwatch(), 0, 0
    while not passes or watch.seconds() < seconds:
        await consumer.seek_to_beginning(*tps)
        passes += 1
        while seen < passes * records:
            fetched = await consumer.getmany(timeout_ms=1000)
            if fetched:
                watch.start()
            seen += sum(map(len, fetched.values()))
    watch.report(seen)
    await consumer.stop()


def plain_faust(settings: Settings, records: int, partitions: int, seconds: float) -> None:
    """An ordinary Faust agent: decode + `table[key] = value`; stops after `records` or so many seconds."""
    import faust
    import msgspec

    decode = msgspec.json.Decoder(type=dict[str, Any]).decode
    app = faust.App(
        settings.kafka.group + "-plain",
        broker=f"kafka://{settings.kafka.bootstrap_servers}",
        store="memory://",
        web_enabled=False,
        topic_partitions=partitions,
        consumer_auto_offset_reset="earliest",
        topic_replication_factor=1,
        logging_config=None,
        datadir=f"{os.environ['BENCHMARK_DIRECTORY']}/faust",
    )
    purchases = app.topic(
        settings.kafka.topics.purchases, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
    )
    table = app.Table("seen", default=dict)
    watch, seen = Stopwatch(), 0

    async def count(stream: Any) -> None:
        nonlocal seen
        async for key, value in stream.items():
            watch.start()
            table[key.decode()] = decode(value)
            seen += 1
            if seen >= records or watch.seconds() > seconds:
                watch.report(seen)
                os._exit(0)

    app.agent(purchases)(count)
    sys.argv = ["plain", "worker", "-l", "error", "--without-web"]
    app.main()


def main() -> None:
    side, bootstrap, prefix, records, partitions, seconds = sys.argv[1:7]
    settings = settings_for(bootstrap, prefix)
    match side:
        case "bare":
            asyncio.run(bare(settings, int(records), int(partitions), float(seconds)))
        case "plain_faust":
            plain_faust(settings, int(records), int(partitions), float(seconds))
        case _:
            raise SystemExit(f"unknown side {side}")


if __name__ == "__main__":
    main()
