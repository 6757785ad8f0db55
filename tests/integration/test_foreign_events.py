"""A shop whose topics hold events of its own form, keyed by the order: the worker decides as it does on ours."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from service.backtest.run import backtest
from service.cli import app
from service.cluster import topics
from service.cluster.tail import open_reader, partitions_of, records_until_now
from service.config import Settings
from service.domain.findings import Decision
from service.feed.simulate import Cafe, Simulation
from service.wire.key_hash import FUNCTIONS
from tests.support.broker import TestBroker
from tests.support.live_shop import metric, until
from tests.support.load import Line, lines_of, send, settings_for
from tests.support.processes import free_port
from tests.support.worker_process import Positions, WorkerProcess, environment_of

pytestmark = pytest.mark.broker
PARTITIONS = 4
MAPPING: dict[str, Any] = {
    "fields": {
        "event_id": "id",
        "customer_id": "customer_no",
        "occurred_at": "created",
        "amount": "cents",
        "currency": "=EUR",
        "order_id": "number",
        "items": "basket",
    },
    "lines": {"sku": "article", "name": "label"},
    "envelope": "debezium",
    "time": "epoch_us",
    "amounts": "minor",
    "only": {"state": ["paid"]},
    "key": "any",
}
UNPAID = 25


def as_rows(lines: list[Line], purchases: str) -> Iterator[Line]:
    """Changes of a table of orders, keyed by the row; some orders are not paid, and rows are deleted later."""
    for number, line in enumerate(lines):
        if line.topic != purchases:
            yield line
            continue
        said = json.loads(line.value or b"{}")
        whole, _, cents = said["amount"].partition(".")
        at_us = round(datetime.fromisoformat(said["occurred_at"]).timestamp() * 1_000_000)
        row = {
            "id": said["event_id"],
            "customer_no": said["customer_id"],
            "created": at_us,
            "cents": int(whole) * 100 + int(cents or 0),
            "number": said.get("order_id"),
            "basket": [{"article": item["sku"], "label": item["name"]} for item in said.get("items", [])],
            "state": "paid",
        }
        key = json.dumps({"id": row["id"]}).encode()
        yield Line(purchases, key, json.dumps({"before": None, "after": row, "op": "c", "source": {}}).encode())
        if number < UNPAID:
            unpaid = {**row, "id": f"u{number}", "number": f"u{number}", "state": "open"}
            yield Line(purchases, b"u%d" % number, json.dumps({"after": unpaid, "op": "c"}).encode())
            yield Line(purchases, key, json.dumps({"before": row, "after": None, "op": "d"}).encode())


@pytest.fixture
def settings(broker: TestBroker, topic_prefix: str) -> Settings:
    made = settings_for(
        broker.bootstrap_servers, topic_prefix, inputs={"purchases": MAPPING}, web={"port": free_port()}
    )
    topics.create(made, partitions=PARTITIONS)
    return made


def decided(settings: Settings) -> list[str]:
    with open_reader(settings.kafka) as reader:
        topic = settings.kafka.topics.outreach_decisions
        found = list(records_until_now(reader, partitions_of(reader, topic)))
    return sorted(json.loads(record.value)["id"] for record in found)


def test_it_decides_as_on_events_of_ours(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = Simulation(Cafe(customers=160, days=200, seed=5))
    files = simulation.write(tmp_path)
    purchases = settings.kafka.topics.purchases
    ours = list(lines_of([event for event in simulation.events() if type(event).__name__ != "Profile"], settings))
    send(settings.kafka.bootstrap_servers, as_rows(ours, purchases), PARTITIONS)
    wanted: list[Decision] = []
    backtest(
        settings.changed(kafka={"partitioner": next(iter(FUNCTIONS))}), [files[0]], [files[1]], partitions=PARTITIONS,
        on_decision=wanted.append,
    )  # fmt: skip
    names = sorted(f"{decision.decision_id}.{decision.outcome.value}" for decision in wanted)
    address = f"http://127.0.0.1:{settings.web.port}"

    with ExitStack() as stack:
        workers = [stack.enter_context(WorkerProcess(settings, "w0", web=True))]
        passed = "churn_alert_records_passed_over_total"
        until(
            lambda: metric(address, passed, reason="not_wanted") is not None, "what is passed over counts", workers[0]
        )
        until(lambda: metric(address, passed, reason="deleted") is not None, "and so do deleted rows", workers[0])
        workers.append(stack.enter_context(WorkerProcess(settings, "w1")))
        with Positions(settings, PARTITIONS) as positions:
            positions.wait_caught_up(workers=workers)
        deadline = time.monotonic() + 180
        while decided(settings) != names and time.monotonic() < deadline:
            time.sleep(0.5)
        assert decided(settings) == names
        assert len(names) > 60
        logs = "".join(worker.log for worker in workers)
        assert "records lie in partitions that their keys do not belong to" not in logs

    for name, value in environment_of(settings).items():
        monkeypatch.setenv(name, value)
    tried = CliRunner().invoke(app, ["inputs", "try", "--last", "5", "--json"])
    assert tried.exit_code == 0, tried.output
    assert all(json.loads(line)["taken"]["amount"] for line in tried.output.splitlines())
    refused = CliRunner().invoke(app, ["replay", str(files[0])])
    assert "inputs.purchases" in str(refused.exception)
