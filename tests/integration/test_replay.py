"""A replay on a real broker: everything arrives, where and in the order it must."""

from __future__ import annotations

import json
import time
from threading import Event as Flag

import msgspec
import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from service.config import KafkaSettings, TopicNames
from service.domain.events import Event, Purchase, Survey, SurveyAnswer
from service.errors import ConfigurationError, TransientError
from service.feed.partitions import partition_for
from service.feed.replay import Pace, Replayed, replay
from tests.support.broker import TestBroker

pytestmark = pytest.mark.broker
START_US = 1_709_287_200_000_000
PARTITIONS = 3


def log(count: int) -> list[Event]:
    """One purchase a second of eleven customers, every tenth followed by an answer."""
    events: list[Event] = []
    for i in range(count):
        customer, at_us = f"c{i % 11}", START_US + i * 1_000_000
        events.append(Purchase(f"e{i}", customer, at_us, 100 + i))
        if i % 10 == 0:
            events.append(SurveyAnswer(f"s{i}", customer, at_us + 1, Survey.NPS, 9))
    return events


@pytest.fixture
def topics(broker: TestBroker, topic_prefix: str) -> TopicNames:
    names = {name: topic_prefix + name for name in ("purchases", "surveys", "customers")}
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    admin.create_topics([NewTopic(name, num_partitions=PARTITIONS, replication_factor=1) for name in names.values()])
    admin.close()
    return TopicNames(**names)


def test_every_event_arrives_in_its_customers_partition_in_order_and_dated_now(
    broker: TestBroker, topics: TopicNames
) -> None:
    seen: list[int] = []
    before_ms = time.time() * 1000

    done = replay(
        log(3_000),
        kafka=KafkaSettings(bootstrap_servers=broker.bootstrap_servers, topics=topics),
        minor_digits=2,
        on_progress=lambda so_far: seen.append(so_far.events),
    )

    assert (done.events, dict(done.by_topic)) == (3_300, {topics.purchases: 3_000, topics.surveys: 300})
    assert seen[-1] == 3_300
    consumer = KafkaConsumer(
        bootstrap_servers=broker.bootstrap_servers, auto_offset_reset="earliest", enable_auto_commit=False
    )
    consumer.assign([TopicPartition(topics.purchases, number) for number in range(PARTITIONS)])
    found: dict[int, list[str]] = {number: [] for number in range(PARTITIONS)}
    deadline = time.monotonic() + 120
    while sum(map(len, found.values())) < 3_000 and time.monotonic() < deadline:
        for partition, records in consumer.poll(timeout_ms=500).items():
            for record in records:
                assert record.partition == partition_for(record.key, PARTITIONS)
                assert record.timestamp >= before_ms - 60_000
                found[partition.partition].append(json.loads(record.value)["event_id"])
    consumer.close()
    expected: dict[int, list[str]] = {number: [] for number in range(PARTITIONS)}
    for event in log(3_000):
        if isinstance(event, Purchase):
            expected[partition_for(event.customer_id.encode(), PARTITIONS)].append(event.event_id)
    assert found == expected


def test_a_pace_spreads_the_log_over_the_asked_duration_and_a_flag_ends_it(
    broker: TestBroker, topics: TopicNames
) -> None:
    kafka = KafkaSettings(bootstrap_servers=broker.bootstrap_servers, topics=topics)
    events = log(20)
    started = time.monotonic()
    replay(
        events,
        kafka=kafka,
        minor_digits=2,
        pace=Pace.whole_in(1.0, START_US, events[-1].at_us),
    )
    took = time.monotonic() - started

    stop = Flag()

    def stop_after_three(so_far: Replayed) -> None:
        if so_far.events >= 3:
            stop.set()

    first = [msgspec.structs.replace(event, at_us=START_US + place * 100_000) for place, event in enumerate(log(2))]
    later = [
        msgspec.structs.replace(event, at_us=event.at_us + place * 3_000_000) for place, event in enumerate(events)
    ]
    stopped = replay(
        [*first, *later[3:]],
        kafka=kafka,
        minor_digits=2,
        pace=Pace(1.0),
        on_progress=stop_after_three,
        stop=stop,
    )

    assert took >= 1.0
    assert (stopped.stopped, stopped.events < 10) == (True, True)


def test_a_missing_topic_is_told_in_one_sentence(
    broker: TestBroker, topics: TopicNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.feed.replay.TOPIC_TIMEOUT_MS", 2_000)
    nowhere = topics.model_copy(update={"surveys": topics.surveys + "-gone"})

    with pytest.raises(ConfigurationError, match="-gone does not exist; `churn-alert topics create`"):
        replay([], kafka=KafkaSettings(bootstrap_servers=broker.bootstrap_servers, topics=nowhere), minor_digits=2)


def test_a_missing_broker_is_told_in_one_sentence() -> None:
    with pytest.raises(TransientError, match=r"^No Kafka broker answers at 127\.0\.0\.1:1: start it, or correct kafka"):
        replay([], kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1"), minor_digits=2)


@pytest.mark.parametrize("speed", [0.0, -1.0])
def test_a_speed_that_goes_nowhere_is_refused(speed: float) -> None:
    with pytest.raises(ConfigurationError, match="above 0"):
        Pace(speed)
