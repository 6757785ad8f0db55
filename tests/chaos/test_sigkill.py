"""kill -9, again and again, while purchases come in: afterwards everything is as if nothing had happened."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack

import pytest

from service.config import Settings
from service.feed.simulate import Cafe, Simulation
from service.streaming import topics
from tests.support.broker import TestBroker
from tests.support.checker import check
from tests.support.load import Feed, hostile, lines_of, mixed, send, settings_for
from tests.support.worker_process import Positions, Restarting, WorkerProcess, kill_at_random

pytestmark = [pytest.mark.chaos, pytest.mark.broker, pytest.mark.timeout(240)]

SMALL_TURNS = {"fetch_bytes": 65_536, "buffer_records": 1_000, "session_timeout_s": 6, "heartbeat_interval_s": 1}
"""Many transactions a second, so that kills fall into them; the shortest session a broker allows."""
KILLS = 20
STOP_LIMIT_S = 10.0


def test_twenty_kills_of_the_only_worker_lose_and_double_nothing(broker: TestBroker, topic_prefix: str) -> None:
    settings = _made(broker, topic_prefix, partitions=4)
    with WorkerProcess(settings, "w") as worker, Positions(settings, 4) as positions:
        with Feed(settings, 4, per_s=1_000, preloaded=20_000) as feed:
            kill_at_random([worker], positions, KILLS, seed=1)
        positions.wait_caught_up()
        report = check(settings, 4)

    print(f"{KILLS} kills within {feed.sent:,} purchases")
    report.assert_same("events", "customers", "decisions", "outreach events", "scores", "dead letters", "period rows")
    assert worker.exits[:KILLS] == [-9] * KILLS


@pytest.mark.parametrize("static", [True, False], ids=["static members", "dynamic members"])
def test_kills_of_two_workers_on_three_partitions_lose_and_double_nothing(
    broker: TestBroker, topic_prefix: str, static: bool
) -> None:
    settings = _made(broker, topic_prefix, partitions=3)
    with ExitStack() as stack:
        workers = [stack.enter_context(WorkerProcess(settings, name, static=static)) for name in ("w1", "w2")]
        positions = stack.enter_context(Positions(settings, 3))
        with Feed(settings, 3, per_s=500, preloaded=10_000):
            kill_at_random(workers, positions, 5, seed=2)
        with Restarting(workers):
            positions.wait_caught_up()
        report = check(settings, 3)

        report.assert_same("events", "customers", "decisions", "scores", "dead letters", "period rows")


def test_kills_while_three_inputs_are_merged_change_no_decision(broker: TestBroker, topic_prefix: str) -> None:
    settings = _made(broker, topic_prefix, partitions=4)
    good = lines_of(Simulation(Cafe(customers=600, days=400, seed=3)).events(), settings)
    send(broker.bootstrap_servers, mixed(good, hostile(settings.kafka.topics, 300)), 4)
    with WorkerProcess(settings, "w") as worker, Positions(settings, 4) as positions:
        for _ in range(4):
            positions.wait_for_more(positions.total())
            worker.end(signal.SIGKILL)
            worker.start()
        positions.wait_caught_up()
        report = check(settings, 4)

    report.assert_same("events", "customers", "decisions", "scores", "dead letters", "period rows")


def test_a_worker_stopped_under_load_exits_with_0_in_time_and_its_successor_goes_on(
    broker: TestBroker, topic_prefix: str
) -> None:
    settings = _made(broker, topic_prefix, partitions=4)
    with WorkerProcess(settings, "w") as worker, Positions(settings, 4) as positions:
        with Feed(settings, 4, per_s=1_000, preloaded=10_000):
            for _ in range(3):
                worker.wait_assigned()  # this life's word: positions may still be those of the one before
                positions.wait_for_more(positions.total())
                began = time.monotonic()
                code = worker.end(signal.SIGTERM)
                took_s = time.monotonic() - began

                assert (code, took_s < STOP_LIMIT_S) == (0, True), (
                    f"exit {code} after {took_s:.1f} s: {worker.life_log}"
                )
                worker.start()
        positions.wait_caught_up()
        report = check(settings, 4)

    report.assert_same("events", "decisions", "scores", "dead letters", "period rows")


def _made(broker: TestBroker, prefix: str, *, partitions: int) -> Settings:
    settings = settings_for(broker.bootstrap_servers, prefix, kafka=SMALL_TURNS)
    topics.create(settings, partitions=partitions)
    return settings
