"""The broker is not there yet, or dies in the middle: the worker waits, says so in one line, and goes on by itself."""

from __future__ import annotations

import time

import pytest

from service.cluster import topics
from service.config import Settings
from service.local_broker.broker import LocalKafka
from tests.support.checker import check
from tests.support.load import many_purchases, send, settings_for
from tests.support.worker_process import Positions, WorkerProcess

pytestmark = [pytest.mark.chaos, pytest.mark.broker]

WAITING = "Waiting for a Kafka broker"
DOWN_S = 20.0
"""Longer than a request waits for its answer."""
LINES_OF_ONE_LOSS = 4
"""Broker lost, waiting, started again, and what follows: few enough to be read."""


def test_a_worker_started_before_its_broker_waits_and_says_so_once(own_broker: LocalKafka) -> None:
    settings = _loaded(own_broker, 5_000)
    own_broker.kill()
    with WorkerProcess(settings, "w") as worker:
        worker.wait_for(WAITING)
        time.sleep(3.0)
        assert worker.running
        assert worker.log.count(WAITING) == 1
        assert len(worker.log.splitlines()) == 1, worker.log
        own_broker.restart()
        with Positions(settings, 2) as positions:
            positions.wait_caught_up(workers=[worker])
        report = check(settings, 2)

    report.assert_same("events", "scores", "period rows")
    assert worker.exits == [-9], "it must not need a supervisor"


def test_the_only_broker_away_for_longer_than_a_request_may_take_costs_nothing_but_time(own_broker: LocalKafka) -> None:
    settings = _loaded(own_broker, 30_000)
    with WorkerProcess(settings, "w") as worker:
        with Positions(settings, 2) as positions:
            positions.wait_for_more(2_000)
        own_broker.kill()
        time.sleep(DOWN_S)
        own_broker.restart()
        with Positions(settings, 2) as positions:
            positions.wait_caught_up(workers=[worker])
        report = check(settings, 2)
        pid = worker.pid
        said = worker.log.splitlines()

    report.assert_same("events", "decisions", "scores", "period rows")
    assert worker.exits == [-9], f"process {pid} must not need a supervisor"
    assert len(said) < 2 + 3 * LINES_OF_ONE_LOSS, "\n".join(said)


def _loaded(broker: LocalKafka, events: int) -> Settings:
    settings = settings_for(
        broker.bootstrap_servers,
        kafka={"fetch_bytes": 65_536, "buffer_records": 1_000, "transaction_timeout_s": 10},
    )
    topics.create(settings, partitions=2)
    send(broker.bootstrap_servers, many_purchases(settings.kafka.topics.purchases, events), 2)
    return settings
