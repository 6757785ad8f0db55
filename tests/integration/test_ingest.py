"""`churn-alert ingest` as a process, a real broker and a worker behind it: what is answered 200 lies in Kafka, what is
posted again counts once, and without a broker nothing is said to be taken."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from service.cluster import topics
from service.cluster.tail import open_reader, partitions_of, records_until_now
from service.config import Settings, child_environment
from service.processes.tethered import Tethered
from service.wire.key_hash import DEFAULT_PARTITIONER, FUNCTIONS
from tests.support.broker import TestBroker
from tests.support.live_shop import until
from tests.support.load import settings_for
from tests.support.processes import free_port
from tests.support.worker_process import END_S, Positions, WorkerProcess
from tests.unit.test_ingest import OURS, SECRET, SHOPIFY, TOKEN, WOO, Served

ROOT = Path(__file__).resolve().parents[2]
PARTITIONS = 3
pytestmark = pytest.mark.broker


class DoorProcess:
    """One `churn-alert ingest`."""

    def __init__(self, settings: Settings) -> None:
        environment = child_environment(settings.changed(log={"format": "json"}), os.environ) | {
            "PYTHONPATH": str(ROOT)
        }
        self._directory = tempfile.TemporaryDirectory(prefix="ingest-test-")
        self._log = Path(self._directory.name) / "log"
        with self._log.open("ab") as log:
            self._process = Tethered(
                (sys.executable, "-m", "service.cli", "ingest"), output=log, environment=environment, directory=ROOT
            )
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{settings.ingest.port}", timeout=60.0)

    def post(self, name: str, body: dict[str, Any]) -> httpx.Response:
        content = json.dumps(body).encode()
        headers = Served.signed(name, content)
        if name == "stripe":
            raise ValueError("it signs the time")
        return self.client.post(f"/ingest/{name}", content=content, headers=headers)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def until_ready(self) -> Self:
        until(lambda: self.client.get("/readyz").status_code == 200, "it is ready", self)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self._process.end(signal.SIGKILL, 10.0)
        self._directory.cleanup()

    def end(self) -> int:
        return self._process.end(signal.SIGTERM, END_S)


def settings_of(servers: str, prefix: str, answers_within_s: float = 60.0) -> Settings:
    """`answers_within_s`: the broker, or an event is not taken."""
    return settings_for(
        servers,
        prefix,
        kafka={"request_timeout_s": answers_within_s},
        shop={"rates": {"USD": "0.92"}},
        ingest={
            "port": free_port(),
            "sources": [
                {"kind": "shopify", "secret": SECRET},
                {"kind": "woocommerce", "secret": SECRET},
                {"kind": "plain", "token": TOKEN},
            ],
        },
    )


def written(settings: Settings, topic: str) -> list[Any]:
    with open_reader(settings.kafka) as reader:
        return list(records_until_now(reader, partitions_of(reader, topic)))


def test_what_is_answered_lies_in_kafka_and_counts_once(broker: TestBroker, topic_prefix: str) -> None:
    settings = settings_of(broker.bootstrap_servers, topic_prefix)
    topics.create(settings, partitions=PARTITIONS)
    with DoorProcess(settings) as door:
        door.until_ready()
        for _ in range(3):  # as shop systems do that have not heard the answer
            assert door.post("shopify", SHOPIFY).json() == {"taken": 2, "passed_over": None}
        assert door.post("woocommerce", WOO).status_code == 200
        assert door.post("woocommerce", {**WOO, "status": "cancelled"}).json()["taken"] == 2
        assert door.post("plain", {**OURS, "currency": "XXQ"}).status_code == 422
        assert (
            door.post("shopify", {**SHOPIFY, "id": 5, "name": "#5", "refunds": [], "currency": "KWD"}).status_code
            == 200
        )

        found = written(settings, settings.kafka.topics.purchases)
        assert len(found) == 3 * 2 + 1 + 2 + 1
        assert {(each.partition) == FUNCTIONS[DEFAULT_PARTITIONER](each.key) % PARTITIONS for each in found} == {True}

        with WorkerProcess(settings, "w0", static=False) as worker, Positions(settings, PARTITIONS) as positions:
            positions.wait_caught_up(workers=[worker])
        scores = [json.loads(each.value)["data"] for each in written(settings, settings.kafka.topics.customer_scores)]
        newest = {score["customer_id"]: score for score in scores}
        assert (newest["john@example.com"]["visits"], newest["john@example.com"]["revenue"]) == (1, "331.14")
        assert (newest["17"]["visits"], newest["17"]["revenue"]) == (1, "0.00")
        letters = [json.loads(each.value) for each in written(settings, settings.kafka.topics.dead_letters)]
        assert [letter["error_code"] for letter in letters] == ["unknown_currency"]
        assert door.end() == 0


def test_without_a_broker_it_lives_is_not_ready_and_takes_nothing(topic_prefix: str) -> None:
    settings = settings_of(f"127.0.0.1:{free_port()}", topic_prefix, 2.0)
    with DoorProcess(settings) as door:
        until(lambda: door.client.get("/healthz").status_code == 200, "it lives", door)
        assert door.client.get("/readyz").json() == {"ready": False, "missing": ["no broker has answered yet"]}
        refused = door.post("shopify", SHOPIFY)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
        assert door.end() == 0


async def test_a_writer_that_was_closed_takes_nothing(broker: TestBroker, topic_prefix: str) -> None:
    from service.ingest.writing import EventWriter, Ready

    settings = settings_of(broker.bootstrap_servers, topic_prefix)
    await asyncio.to_thread(topics.create, settings, partitions=1)
    writer = EventWriter(settings)
    await writer.open([settings.kafka.topics.purchases])
    await writer.write([Ready(settings.kafka.topics.purchases, b"c", b"{}")])
    await writer.close()
    with pytest.raises(TimeoutError):
        await writer.write([Ready(settings.kafka.topics.purchases, b"c", b"{}")])
