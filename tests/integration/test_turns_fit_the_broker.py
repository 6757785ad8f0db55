"""A broker that lets its clients send little, and takes its time for every answer: the worker makes progress with small
turns and never ends."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition

from service.cluster import topics
from service.cluster.tail import open_reader
from service.config import Settings
from service.domain.calendar import DAY_US, utc_text
from service.domain.changelog import PASSAGE_KEY
from service.streaming.restarts import SLOW_VARIABLE
from tests.support.broker import TestBroker
from tests.support.checker import check
from tests.support.consumers import committed_records
from tests.support.engines import at
from tests.support.live_shop import until
from tests.support.load import Line, send, settings_for
from tests.support.met_in_a_turn import DIES, MEETS
from tests.support.processes import on_a_steady_machine
from tests.support.quotas import producers_limited_to
from tests.support.worker_process import Positions, WorkerProcess

pytestmark = [pytest.mark.broker]
CUSTOMERS, VISITS = 1_000, 8
BYTES_PER_S, TRANSACTION_S = 100_000, 10.0
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
    on_a_steady_machine(lambda number: serve_a_backlog(broker, f"{topic_prefix}{number}-"), TRANSACTION_S / 5)


def serve_a_backlog(broker: TestBroker, prefix: str) -> None:
    settings = settings_for(
        broker.bootstrap_servers,
        prefix,
        kafka={"transaction_timeout_s": TRANSACTION_S},
        time={"clock": "wall"},
        outreach={"stale_after_days": 30},
    )
    topics.create(settings, partitions=1)
    newcomers = list(backlog(settings.kafka.topics.purchases))
    send(broker.bootstrap_servers, newcomers, 1)
    with (
        producers_limited_to(broker.bootstrap_servers, BYTES_PER_S),
        WorkerProcess(settings, "w0", static=False) as worker,
        Positions(settings, 1) as positions,
    ):
        positions.wait_caught_up(workers=[worker])
        until(lambda: scored(settings) >= CUSTOMERS or not worker.running, "everybody has a score", worker)
        assert worker.running
        assert worker.exits == []
        assert "starting again" not in worker.log


CROWD, KILLED = 300, 2
EVENT_TIME = {"clock": "event", "max_jump_days": 1000, "feed_silence_hours": 800_000}


def visits(topic: str, who: int, *days: float) -> Iterator[Line]:
    for day in days:
        value = b'{"event_id":"e%d-%d","customer_id":"c%d","occurred_at":"%s","amount":"3.50"}'
        yield Line(topic, b"c%d" % who, value % (who, day * 10, who, utc_text(at(day)).encode()))


class Waiting:
    """Whether a record waits for the dates before it, as the state tells."""

    def __init__(self, settings: Settings) -> None:
        self._tp = TopicPartition(settings.kafka.state_topic, 0)
        self._consumer: KafkaConsumer = committed_records(settings.kafka.bootstrap_servers)
        self._consumer.assign([self._tp])
        self._consumer.seek_to_beginning(self._tp)
        self._waits = False

    def __call__(self) -> bool:
        end = self._consumer.end_offsets([self._tp])[self._tp]
        while self._consumer.position(self._tp) < end:
            for records in self._consumer.poll(timeout_ms=50).values():
                for record in records:
                    if record.key == PASSAGE_KEY:
                        self._waits = record.value is not None
        return self._waits

    def close(self) -> None:
        self._consumer.close()


def test_a_record_that_makes_a_crowd_due_is_applied_once_however_often_the_worker_dies_meanwhile(
    broker: TestBroker, topic_prefix: str, tmp_path: Path
) -> None:
    """Turns begin as small as after lives that ended by too large ones, so that there are many."""
    settings = settings_for(
        broker.bootstrap_servers,
        topic_prefix,
        kafka={"transaction_timeout_s": TRANSACTION_S},
        time=EVENT_TIME,
        outreach={"stale_after_days": 900, "consent": "external"},
    )
    topics.create(settings, partitions=1)
    name, died, meets = settings.kafka.topics.purchases, list[bool](), tmp_path / "meets"
    program, variables = "tests.support.met_in_a_turn", {SLOW_VARIABLE: "9", MEETS: str(meets)}
    weekly = [line for week in range(5) for who in range(CROWD) for line in visits(name, who, 7.0 * week)]
    send(broker.bootstrap_servers, weekly, 1)
    waiting = Waiting(settings)
    with (
        WorkerProcess(settings, "w0", program=program, variables=variables) as worker,
        Positions(settings, 1) as positions,
    ):
        positions.wait_caught_up(workers=[worker])
        meets.write_text(f"{DIES} {KILLED}", encoding="utf-8")
        send(broker.bootstrap_servers, [*visits(name, CROWD, 90.0), *visits(name, CROWD + 1, 90.1)], 1)
        for _ in range(KILLED):
            assert worker.wait() == -signal.SIGKILL
            died.append(waiting())
            worker.start()
        positions.wait_caught_up(workers=[worker])
        until(lambda: not waiting(), "nothing waits", worker)
        check(settings, 1).assert_same("events", "decisions", "scores", decisions=CROWD // 4)

    assert died == [True] * KILLED, "each life ended while it waited"
    waiting.close()
