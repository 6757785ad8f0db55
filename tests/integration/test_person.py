"""What one person may ask for: all that is held of them, and to be forgotten."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from kafka import TopicPartition

from service.cluster import topics
from service.cluster.topic_plan import topic_plan
from service.config import Settings
from service.domain.events import Purchase
from service.feed.records import key_of, value_of
from tests.integration.test_delivery import FAR_US, Deliverer, Post, settings_of
from tests.integration.test_errors_for_people import run
from tests.support.broker import TestBroker
from tests.support.consumers import committed_records
from tests.support.delivery_world import requested
from tests.support.live_shop import until
from tests.support.load import Line, send
from tests.support.mail_sink import Sink
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
    reader = committed_records(settings.kafka.bootstrap_servers)
    places = [TopicPartition(topic, number) for number in reader.partitions_for_topic(topic) or ()]
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


def paths_naming(record: Any) -> set[str]:
    """Where in a record anna is found: in its key, or in fields of its value; what is no JSON is one field."""
    found = {"key"} if b"anna" in (record.key or b"").lower() else set()
    try:
        value = json.loads(record.value or b"null")
    except ValueError:
        return found | ({"value"} if b"anna" in record.value.lower() else set())
    return found | set(_paths("", value))


def _paths(at: str, value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _paths(f"{at}.{name}".lstrip("."), inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(f"{at}[]", inner)
    elif isinstance(value, str) and (
        "anna" in value.lower()
        or (at == "key_base64" and b"anna" in base64.b64decode(value))
        or (at == "value_base64" and b"anna" in base64.b64decode(value))
    ):
        yield at


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as running:
        yield running


def test_a_person_gets_all_that_is_held_of_them_and_is_forgotten_for_good(
    broker: TestBroker, topic_prefix: str, sink: Sink
) -> None:
    settings = settings_of(broker, topic_prefix, sink.real_port)
    named = settings.kafka.topics
    topics.create(settings, partitions=PARTITIONS)
    internal = (settings.kafka.state_topic, settings.kafka.ledger_topic)
    everything = tuple(spec.name for spec in topic_plan(settings, PARTITIONS))
    # What names her until it is as old as the topic's retention: the shop's own records, requests, what was refused.
    kept = {
        named.purchases: {"key", "customer_id", "event_id", "order_id"},
        named.customers: {"key", "customer_id", "first_name", "contact.email", "merged_into"},
        named.outreach: {
            "key", "subject", "data.customer_id", "data.first_name", "data.contact.email", "data.sentence",
        },
        named.dead_letters: {"key", "key_base64", "value_base64"},
    }  # fmt: skip
    code, said = run(settings.changed(shop={"erasure_salt": None}), "forget", "anna", "--yes")
    assert code == 2
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
    # Their visits move the time of either partition until anna is missed.
    lines += [bought(who, week) for who in ("carl", "dora", "emil", "fred") for week in range(20)]
    lines.append(Line(named.outreach, b"anna", requested("r-1", "anna", expires_us=FAR_US)))
    lines += [Line(named.customers, str(each["customer_id"]).encode(), json.dumps(each).encode()) for each in told]
    send(broker.bootstrap_servers, [*lines, Line(named.purchases, b"anna", wrong)], PARTITIONS)
    with (
        WorkerProcess(settings, "w0", static=False) as worker,
        Deliverer(settings) as deliverer,
        Positions(settings, PARTITIONS) as positions,
    ):
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

        post = Post(settings)
        post.wait({"r-1": ("delivered", "")}, deliverer)
        before = {topic: len(post.records(topic)) for topic in everything}
        code, said = run(settings, "forget", "anna", "--yes")
        assert code == 0, said
        send(broker.bootstrap_servers, [bought("anna", 6)], PARTITIONS)
        positions.wait_caught_up(workers=[worker])

        gone = exported(settings)
        assert gone["state"] is None
        assert gone["customer_scores"][-1]["value"] is None
        assert run(settings, "inspect", "anna")[0] == 1
        until(
            lambda: not any(b"anna" in value for value in newest(settings, named.deliveries).values()),
            "what was sent to her is forgotten",
            deliverer,
        )
    inputs = (named.purchases, named.surveys, named.customers)
    compacted = (named.customer_scores, named.period_metrics, named.deliveries, *internal)
    for topic in everything:
        found = post.records(topic)
        since = [record for record in found[before[topic] :] if record.value is not None and paths_naming(record)]
        assert topic in inputs or not since, f"the erasing itself names her in {topic}"
        if topic in compacted:
            assert all(b"anna" not in key + value.lower() for key, value in newest(settings, topic).items()), topic
        else:
            assert {path for record in found for path in paths_naming(record)} == kept.get(topic, set()), topic
    post.close()
