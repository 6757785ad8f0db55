"""What an operator writes by hand: a word to all partitions of a group, as a record in each partition of the ledger
topic, which every worker reads anyway; a made-up request into `outreach`, and an erasure into `customers`."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from kafka.errors import KafkaError

from schemas.wire_types import MAX_ID
from service.cluster.partitioner import hash_of
from service.cluster.tail import open_reader, partitions_of
from service.config import Settings
from service.connection import new_producer
from service.domain.calendar import utc_text
from service.domain.changelog import GO_ON_KEY, RESUME_KEY, pack_today
from service.domain.events import Erasure
from service.errors import ConfigurationError
from service.wire.cloud_events import cloud_event
from service.wire.input_topics import TOPIC_OF

_WAIT_S = 30


def request_sample(settings: Settings, data: Mapping[str, Any], now_us: int) -> None:
    """Writes a made-up request into `outreach`, from where it takes the way of every other. ConfigurationError where
    there is no such topic, or no broker answers."""
    kafka = settings.kafka
    topic, customer_id = kafka.topics.outreach, str(data["customer_id"])
    with open_reader(kafka) as reader:
        if topic not in reader.topics():
            raise ConfigurationError(f"Topic {topic} does not exist: run `churn-alert topics create`.")
    event = cloud_event("outreach.requested", str(data["decision_id"]), customer_id, now_us, dict(data))
    _write(settings, [(topic, customer_id.encode(), event, None)])


def erase_customer(settings: Settings, customer_id: str) -> str:
    """Asks for a customer's erasure, and returns the topic it was said in. ConfigurationError where it could not be
    done, there is no such topic, or no broker answers."""
    kafka, topic = settings.kafka, TOPIC_OF[Erasure].name(settings.kafka.topics)
    if settings.shop.erasure_salt is None:
        raise ConfigurationError(
            "shop.erasure_salt is not set: without that secret nobody can be erased, since whoever knows the group's "
            "name could look for the customer among the hashes. Set it for the workers too."
        )
    key = customer_id.encode()
    if not 1 <= len(customer_id) <= MAX_ID:
        raise ConfigurationError(f"A customer_id has 1 to {MAX_ID} characters.")
    with open_reader(kafka) as reader:
        partitions = partitions_of(reader, topic)
        if not partitions:
            raise ConfigurationError(f"Topic {topic} does not exist: run `churn-alert topics create`.")
        home = hash_of(reader, settings)(key) % len(partitions)
    event = {
        "event_id": f"forget-{uuid.uuid4()}",
        "customer_id": customer_id,
        "occurred_at": utc_text(time.time_ns() // 1000),
        "kind": "erase",
    }
    _write(settings, [(topic, key, msgspec.json.encode(event), home)])
    return topic


def resume_outreach(settings: Settings) -> int:
    """Says that what the brake holds may go out. Returns how many partitions were told. ConfigurationError where the
    group has no ledger, or no broker answers."""
    return _say_to_all(settings, RESUME_KEY)


def go_on(settings: Settings) -> int:
    """Says that a partition that waits for a person may go on. The same otherwise."""
    return _say_to_all(settings, GO_ON_KEY)


def _say_to_all(settings: Settings, key: bytes) -> int:
    kafka = settings.kafka
    with open_reader(kafka) as reader:
        known = reader.topics()
        partitions = (
            sorted(reader.partitions_for_topic(kafka.ledger_topic) or ()) if kafka.ledger_topic in known else []
        )
    if not partitions:
        raise ConfigurationError(f"Topic {kafka.ledger_topic} does not exist: has a worker of this group ever run?")
    said = pack_today(time.time_ns() // 1000)
    _write(settings, [(kafka.ledger_topic, key, said, each) for each in partitions])
    return len(partitions)


def _write(settings: Settings, records: Sequence[tuple[str, bytes, bytes, int | None]]) -> None:
    """(topic, key, value, partition, if not by the key) of each, until the broker has them."""
    try:
        producer = new_producer(settings.kafka, acks="all")
        try:
            for sent in [producer.send(topic, value, key, partition=place) for topic, key, value, place in records]:
                sent.get(timeout=_WAIT_S)
        finally:
            producer.close()
    except KafkaError as error:
        raise ConfigurationError(f"The word could not be written to {records[0][0]}: {error}.") from error
