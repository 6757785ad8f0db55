"""Half of a feed that is refused, on a real broker: nobody who buys is written to, and everybody is told what is
wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.cluster import topics
from service.cluster.tail import open_reader, partitions_of, records_until_now
from service.config import Settings
from tests.support.broker import TestBroker
from tests.support.checker import check
from tests.support.load import Line, send, settings_for
from tests.support.worker_process import Positions, WorkerProcess

pytestmark = [pytest.mark.broker]

START = datetime(2025, 1, 6, 10, 0, tzinfo=UTC)
DAYS = 160
REFUSED_FROM = 70
GONE_FROM = 90
"""Two of the accepted ones leave: who is really gone is still noticed."""


def feed(topic: str) -> Iterator[Line]:
    """Forty people buy weekly. From some day on the till of every other one writes a currency that nobody knows."""
    for day in range(DAYS):
        for who in range(40):
            if day % 7 != who % 7 or (who in {0, 2} and day > GONE_FROM):
                continue
            number = f"{who:02}-{day}"
            event: dict[str, Any] = {
                "event_id": f"e{number}",
                "customer_id": f"c{who:02}",
                "occurred_at": (START + timedelta(days=day, minutes=7 * who)).isoformat(),
                "amount": "12.50",
                "order_id": f"o{number}",
                "currency": "XAU" if who % 2 and day >= REFUSED_FROM else " eur",
            }
            if who == 4 and day % 2:
                event |= {"items": [{"name": "no sku"}, {"sku": ""}], "store_id": [7]}
            yield Line(topic, event["customer_id"].encode(), json.dumps(event).encode())
    refund = {
        "event_id": "r1",
        "customer_id": "c04",
        "occurred_at": (START + timedelta(days=DAYS)).isoformat(),
        "amount": 2.5,
        "kind": "refund",
    }
    yield Line(topic, b"c04", json.dumps(refund).encode())


def data_of(settings: Settings, topic: str) -> list[dict[str, Any]]:
    with open_reader(settings.kafka) as reader:
        return [json.loads(record.value)["data"] for record in records_until_now(reader, partitions_of(reader, topic))]


def test_who_buys_and_is_refused_is_not_written_to(broker: TestBroker, topic_prefix: str) -> None:
    settings = settings_for(broker.bootstrap_servers, topic_prefix)
    topics.create(settings, partitions=1)
    lines = list(feed(settings.kafka.topics.purchases))
    send(broker.bootstrap_servers, iter(lines), 1)

    with WorkerProcess(settings, "w0", static=False) as worker:
        with Positions(settings, 1) as positions:
            positions.wait_caught_up(workers=[worker])
        check(settings, 1).assert_same("events", "customers", "dead letters", "scores")
        worker.wait_for("records are refused")
    decisions = data_of(settings, settings.kafka.topics.outreach_decisions)
    refused = {f"c{who:02}" for who in range(1, 40, 2)}

    asked = {one["customer_id"] for one in data_of(settings, settings.kafka.topics.outreach)}
    assert asked & refused == set()
    assert {(one["outcome"], one["reason"]) for one in decisions if one["customer_id"] in refused} <= {
        ("deferred", "sign_of_life")
    }
    assert {"c00", "c02"} <= asked
    scores = {one["customer_id"]: one for one in data_of(settings, settings.kafka.topics.customer_scores)}
    visits = sum(line.key == b"c04" for line in lines) - 1
    assert (scores["c04"]["visits"], scores["c04"]["revenue"]) == (visits, f"{12.5 * visits - 2.5:.2f}")
