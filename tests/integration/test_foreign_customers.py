"""A CRM's own topic, of other partitions and keys than ours: brought into `customers` once, through a crash too."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from kafka.admin import NewTopic
from typer.testing import CliRunner

from service.cli import app
from service.cluster import topics
from service.cluster.tail import open_reader, partitions_of, records_until_now
from service.config import Settings
from service.connection import new_admin
from service.streaming.profiles import group_of
from service.wire.key_hash import FUNCTIONS
from tests.support.broker import TestBroker
from tests.support.live_shop import metric, until, until_told
from tests.support.load import Line, send, settings_for
from tests.support.processes import free_port
from tests.support.worker_process import WorkerProcess, environment_of

pytestmark = pytest.mark.broker
PARTITIONS, PEOPLE = 3, 400
AT = "2026-03-01T08:30:00Z"


def change(number: int, **more: Any) -> tuple[bytes, dict[str, Any]]:
    row = {"id": number, "shop_number": f"c{number}", "updated": AT, "mail": f"c{number}@example.com", "ok": 1, **more}
    return json.dumps({"id": number}).encode(), {"op": "r", "before": None, "after": row}


def lines(topic: str, numbers: range) -> list[Line]:
    return [Line(topic, key, json.dumps(value).encode()) for key, value in map(change, numbers)]


def customers(settings: Settings) -> list[Any]:
    with open_reader(settings.kafka) as reader:
        return list(records_until_now(reader, partitions_of(reader, settings.kafka.topics.customers)))


def make(settings: Settings, topic: str, partitions: int) -> None:
    admin = new_admin(settings.kafka)
    try:
        admin.create_topics([NewTopic(topic, num_partitions=partitions, replication_factor=1)])
    finally:
        admin.close()


def test_a_topic_of_a_crm_is_brought_once(
    broker: TestBroker, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm = f"{topic_prefix}crm.contacts"
    fields = {"customer_id": "shop_number", "occurred_at": "updated", "email": "mail", "marketing_consent": "ok"}
    settings = settings_for(
        broker.bootstrap_servers,
        topic_prefix,
        inputs={"customers": {"topic": crm, "fields": fields, "envelope": "debezium", "key": "any"}},
        kafka={"partitioner": next(iter(FUNCTIONS))},
        time={"clock": "wall"},
        web={"port": free_port()},
    )
    topics.create(settings, partitions=PARTITIONS)
    address = f"http://127.0.0.1:{settings.web.port}"

    with WorkerProcess(settings, "w0", web=True) as worker:
        until_told(address, 200, f"the topic {crm} of inputs.customers does not exist", worker)
        make(settings, crm, 2)
        send(broker.bootstrap_servers, lines(crm, range(PEOPLE // 2)), 2)
        until(lambda: len(customers(settings)) >= PEOPLE // 4, "they arrive", worker)
        worker.end()
        gone = [
            Line(crm, b"gone", json.dumps({"op": "d", "before": {"shop_number": "c1"}, "after": None}).encode()),
            Line(crm, b"gone", None),
            Line(crm, b"odd", b"{"),
        ]
        send(broker.bootstrap_servers, lines(crm, range(PEOPLE // 2, PEOPLE)), 2)
        send(broker.bootstrap_servers, gone, 2)
        worker.start()
        until(lambda: len(customers(settings)) > PEOPLE, "the rest arrives", worker)
        until(lambda: metric(address, "churn_alert_dead_letters_total", reason="not_json") == 1.0, "one is odd", worker)
        until(
            lambda: metric(address, "churn_alert_records_passed_over_total", topic=crm, reason="deleted") == 1.0,
            "a tombstone says nothing",
            worker,
        )

    found = customers(settings)
    assert Counter(record.key.decode() for record in found) == Counter([*(f"c{n}" for n in range(PEOPLE)), "c1"])
    home = FUNCTIONS[settings.kafka.partitioner]
    assert all(record.partition == home(record.key) % PARTITIONS for record in found)
    (withdrawn,) = [record for record in found if record.value is None]
    assert withdrawn.key == b"c1"
    assert [name for name, _ in withdrawn.headers] == ["churn-alert-withdrawn-us"]

    for name, value in environment_of(settings).items():
        monkeypatch.setenv(name, value)
    tried = CliRunner().invoke(app, ["inputs", "try", "--as", "customers", "--last", "3"])
    assert "1 taken, 1 refused, 1 passed over" in tried.output
    assert "the contact is gone" in tried.output
    assert group_of(settings) == f"{settings.kafka.group}-profiles"
