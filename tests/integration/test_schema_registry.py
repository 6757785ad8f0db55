"""A shop whose orders are in Avro, keyed by the order, with a registry that is away at first: the worker waits, refuses
nothing for it, and then counts what it counts of our own events."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.cluster import topics
from service.cluster.tail import open_reader, partitions_of, records_until_now
from service.config import Settings
from tests.support.broker import TestBroker
from tests.support.live_shop import metric, until, until_told
from tests.support.load import Line, send, settings_for
from tests.support.processes import free_port
from tests.support.schema_registry import SchemaRegistry, framed
from tests.support.worker_process import Positions, WorkerProcess, environment_of
from tests.unit.test_avro import ORDER, ORDER_SCHEMA, SHOP, written

pytestmark = pytest.mark.broker
PARTITIONS = 2
START = datetime(2025, 1, 6, 10, 0, tzinfo=UTC)
PEOPLE, DAYS = 20, 60
SECOND_SCHEMA = {
    **ORDER_SCHEMA,
    "fields": [*ORDER_SCHEMA["fields"], {"name": "till", "type": ["null", "string"], "default": None}],
}

KEY_SCHEMA = {
    "type": "record",
    "name": "Key",
    "fields": [{"name": "order", "type": "long"}, {"name": "buyer", "type": "string"}],
}
IN_KEYS_TOO = {**SHOP, "fields": {**SHOP["fields"], "customer_id": "buyer.key|@key.buyer"}}


def feed(topic: str) -> Iterator[Line]:
    """Everybody buys weekly; from some day on with a newer schema, and named in the key alone, which has several
    fields; two records are of a schema that nobody knows."""
    for day in range(DAYS):
        for who in range(PEOPLE):
            if day % 7 != who % 7:
                continue
            number = day * PEOPLE + who
            newer, buyer = day > DAYS // 2, f"c{who:02}"
            order = {
                **ORDER,
                "id": number,
                "buyer": None if newer else {"key": buyer},
                "made": START + timedelta(days=day, minutes=7 * who),
                "total": Decimal("12.50"),
            }
            key = framed(9, written(KEY_SCHEMA, {"order": number, "buyer": buyer})) if newer else b"o%d" % number
            record = written(SECOND_SCHEMA if newer else ORDER_SCHEMA, order)
            yield Line(topic, key, framed(8 if newer else 7, record))
    for number in range(2):
        yield Line(topic, b"strange%d" % number, framed(99, written(ORDER_SCHEMA, ORDER)))


def data_of(settings: Settings, topic: str) -> list[dict[str, Any]]:
    with open_reader(settings.kafka) as reader:
        return [json.loads(record.value) for record in records_until_now(reader, partitions_of(reader, topic))]


def test_it_waits_for_the_registry_and_then_counts(
    broker: TestBroker, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SchemaRegistry() as registry:
        registry.register(7, json.dumps(ORDER_SCHEMA))
        registry.register(8, json.dumps(SECOND_SCHEMA))
        registry.register(9, json.dumps(KEY_SCHEMA))
        registry.mode = "broken"
        settings = settings_for(
            broker.bootstrap_servers,
            topic_prefix,
            inputs={"purchases": IN_KEYS_TOO},
            registry={"url": registry.url},
            web={"port": free_port()},
        )
        topics.create(settings, partitions=PARTITIONS)
        bought = Counter(number % 7 for number in range(DAYS))
        orders = {f"c{who:02}": bought[who % 7] for who in range(PEOPLE)}
        send(broker.bootstrap_servers, feed(settings.kafka.topics.purchases), PARTITIONS)
        address = f"http://127.0.0.1:{settings.web.port}"

        with WorkerProcess(settings, "w0", web=True) as worker:
            until_told(address, 503, "records wait for their schema", worker)
            until(lambda: metric(address, "churn_alert_schema_waiting") == 1.0, "a metric says so", worker)
            assert data_of(settings, settings.kafka.topics.dead_letters) == []

            registry.mode = "well"
            with Positions(settings, PARTITIONS) as positions:
                positions.wait_caught_up(workers=[worker])
            until(lambda: metric(address, "churn_alert_schema_waiting") == 0.0, "it goes on by itself", worker)

        letters = data_of(settings, settings.kafka.topics.dead_letters)
        assert [letter["error_code"] for letter in letters] == ["unknown_schema"] * 2
        scores = [one["data"] for one in data_of(settings, settings.kafka.topics.customer_scores)]
        newest = {score["customer_id"]: score for score in scores}
        assert {who: score["visits"] for who, score in newest.items()} == orders
        assert {who: score["revenue"] for who, score in newest.items()} == {
            who: f"{12.5 * count:.2f}" for who, count in orders.items()
        }

        for name, value in environment_of(settings).items():
            monkeypatch.setenv(name, value)
        tried = CliRunner().invoke(app, ["inputs", "try", "--last", "1000"])
        assert ", 2 refused, 0 passed over" in tried.output
        assert "unknown_schema" in tried.output
        assert '"buyer":{"key":"c' in tried.output
