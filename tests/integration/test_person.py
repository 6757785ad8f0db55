"""What one person may ask for: all that is held of them, and to be forgotten."""

from __future__ import annotations

import json
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from service.config import Settings
from service.domain.events import Purchase
from service.feed.records import key_of, value_of
from service.streaming import topics
from tests.integration.test_errors_for_people import run
from tests.support.broker import TestBroker
from tests.support.load import Line, send, settings_for
from tests.support.worker_process import Positions, WorkerProcess

pytestmark = [pytest.mark.broker]

DAY_US = 86_400_000_000
START_US = 1_700_000_000_000_000
PARTITIONS = 2


def exported(settings: Settings) -> dict[str, Any]:
    code, said = run(settings, "export", "anna")
    assert code == 0, said
    told: dict[str, Any] = json.loads(said)
    return told


def newest(settings: Settings, topic: str) -> dict[bytes, bytes]:
    """What compaction will leave of a topic."""
    left: dict[bytes, bytes] = {}
    reader = KafkaConsumer(
        bootstrap_servers=settings.kafka.bootstrap_servers, isolation_level="read_committed", group_id=None
    )
    places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    reader.assign(places)
    reader.seek_to_beginning(*places)
    ends = reader.end_offsets(places)
    while any(reader.position(place) < ends[place] for place in places):
        for records in reader.poll(timeout_ms=200).values():
            for record in records:
                left.pop(record.key, None)
                if record.value is not None:
                    left[record.key] = record.value
    reader.close()
    return left


def test_a_person_gets_all_that_is_held_of_them_and_is_forgotten_for_good(
    broker: TestBroker, topic_prefix: str
) -> None:
    settings = settings_for(broker.bootstrap_servers, topic_prefix)
    named = settings.kafka.topics
    topics.create(settings, partitions=PARTITIONS)
    code, said = run(settings.changed(shop={"erasure_salt": None}), "forget", "anna", "--yes")
    assert code == 1
    assert "shop.erasure_salt is not set" in said

    def bought(who: str, week: int) -> Line:
        event = Purchase(f"{who}{week}", who, START_US + week * 7 * DAY_US, 500, order_id=f"{who}-{week}")
        return Line(named.purchases, key_of(event), value_of(event, 2))

    of_anna: list[dict[str, object]] = [
        {"event_id": "p", "first_name": "Annabelle", "contact": {"email": "anna@home.example"}},
        {"event_id": "m", "customer_id": "old-anna", "kind": "merge", "merged_into": "anna"},
    ]
    told = [{"customer_id": "anna", "occurred_at": "2023-12-20T10:00:00Z", **each} for each in of_anna]
    wrong = b'{"event_id":"x","customer_id":"anna","occurred_at":"2023-12-21T10:00:00Z","amount":"1","currency":"XTS"}'
    lines = [bought("anna", week) for week in range(4)] + [bought("old-anna", 4), bought("bob", 0)]
    lines += [Line(named.customers, str(each["customer_id"]).encode(), json.dumps(each).encode()) for each in told]
    send(broker.bootstrap_servers, [*lines, Line(named.purchases, b"anna", wrong)], PARTITIONS)
    with WorkerProcess(settings, "w0", static=False) as worker, Positions(settings, PARTITIONS) as positions:
        positions.wait_caught_up(workers=[worker])

        held = exported(settings)
        assert held["also_known_as"] == ["old-anna"]
        assert len(held["purchases"]) == 6
        assert [each["value"]["event_id"] for each in held["customers"]].count("p") == 1
        assert len(held["dead_letters"]) == 1
        assert held["state"]["scores"]["visits"] == 5
        assert held["customer_scores"][-1]["value"]["data"]["customer_id"] == "anna"
        assert "bob" not in json.dumps(held)
        assert run(settings, "inspect", "anna")[0] == 0

        code, said = run(settings, "forget", "anna", "--yes")
        assert code == 0, said
        send(broker.bootstrap_servers, [bought("anna", 6)], PARTITIONS)
        positions.wait_caught_up(workers=[worker])

        gone = exported(settings)
        assert gone["state"] is None
        assert gone["customer_scores"][-1]["value"] is None
        assert run(settings, "inspect", "anna")[0] == 1
    for topic in (settings.kafka.state_topic, settings.kafka.ledger_topic, named.customer_scores):
        for key, value in newest(settings, topic).items():
            assert b"anna" not in key + value.lower(), (topic, key)
