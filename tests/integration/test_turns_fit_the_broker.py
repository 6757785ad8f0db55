"""A broker that lets its clients send little, and takes its time for every answer: the worker makes progress with small
turns and never ends."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from kafka import TopicPartition

from service.cluster import topics
from service.cluster.tail import open_reader
from service.config import Settings
from service.domain.calendar import DAY_US, utc_text
from tests.support.broker import TestBroker
from tests.support.live_shop import until
from tests.support.load import Line, send, settings_for
from tests.support.quotas import producers_limited_to
from tests.support.worker_process import Positions, WorkerProcess

pytestmark = [pytest.mark.broker, pytest.mark.timeout(240)]
CUSTOMERS, VISITS = 1_000, 8
BYTES_PER_S = 100_000
"""All that is written takes twenty seconds at that, twice what a transaction has."""


def scored(settings: Settings) -> int:
    """Offsets of the scores that can be read."""
    with open_reader(settings.kafka) as reader:
        tp = TopicPartition(settings.kafka.topics.customer_scores, 0)
        reader.assign([tp])
        end: int = reader.end_offsets([tp])[tp]
        return end


def backlog(topic: str) -> Iterator[Line]:
    """Of a week in which everybody came nearly every day and nobody was served, and a quarter has stayed away since."""
    for day in range(VISITS, 0, -1):
        for who in range(CUSTOMERS):
            if day > VISITS // 2 or who % 4:
                at = utc_text(time.time_ns() // 1000 - day * DAY_US + who * 1_000_000)
                value = b'{"event_id":"e%d-%d","customer_id":"c%d","occurred_at":"%s","amount":"3.50"}'
                yield Line(topic, b"c%d" % who, value % (who, day, who, at.encode()))


def test_a_week_of_backlog_under_a_quota_is_no_reason_to_end(broker: TestBroker, topic_prefix: str) -> None:
    settings = settings_for(
        broker.bootstrap_servers, topic_prefix, time={"clock": "wall"}, outreach={"stale_after_days": 30}
    )
    topics.create(settings, partitions=1)
    newcomers = list(backlog(settings.kafka.topics.purchases))
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
        assert "starting again" not in worker.log
