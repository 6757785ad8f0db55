"""A broker that lets its clients send little, and takes its time for every answer: the worker makes progress with small
turns and never ends."""

from __future__ import annotations

import pytest
from kafka import TopicPartition

from service.cluster import topics
from service.cluster.tail import open_reader
from service.config import Settings
from tests.support.broker import TestBroker
from tests.support.live_shop import until
from tests.support.load import Line, send, settings_for
from tests.support.quotas import producers_limited_to
from tests.support.worker_process import Positions, WorkerProcess

pytestmark = [pytest.mark.broker, pytest.mark.timeout(240)]
CUSTOMERS = 2_000
BYTES_PER_S = 100_000
"""All that is written takes twenty seconds at that, twice what a transaction has."""


def scored(settings: Settings) -> int:
    """Offsets of the scores that can be read."""
    with open_reader(settings.kafka) as reader:
        tp = TopicPartition(settings.kafka.topics.customer_scores, 0)
        reader.assign([tp])
        end: int = reader.end_offsets([tp])[tp]
        return end


def test_thousands_of_new_customers_under_a_quota_are_no_reason_to_end(broker: TestBroker, topic_prefix: str) -> None:
    settings = settings_for(broker.bootstrap_servers, topic_prefix)
    topics.create(settings, partitions=1)
    newcomers = [
        Line(
            settings.kafka.topics.purchases,
            b"c%d" % who,
            b'{"event_id":"e%d","customer_id":"c%d","occurred_at":"2025-03-01T10:00:00Z","amount":"3.50"}' % (who, who),
        )
        for who in range(CUSTOMERS)
    ]
    send(broker.bootstrap_servers, newcomers, 1)
    with (
        producers_limited_to(broker.bootstrap_servers, BYTES_PER_S),
        WorkerProcess(settings, "w0", static=False) as worker,
        Positions(settings, 1) as positions,
    ):
        positions.wait_caught_up(180, [worker])
        until(lambda: scored(settings) >= CUSTOMERS, "everybody has a score", worker)
        assert worker.running
        assert worker.exits == []
