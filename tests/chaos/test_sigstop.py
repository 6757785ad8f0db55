"""A worker that stands still for longer than its session is replaced; when it wakes up, it must not write a single
record."""

from __future__ import annotations

import random
import re
import time
from contextlib import ExitStack

import pytest

from service.streaming import topics
from tests.support.broker import TestBroker
from tests.support.checker import check
from tests.support.load import Feed, settings_for
from tests.support.worker_process import Positions, WorkerProcess

pytestmark = [pytest.mark.chaos, pytest.mark.broker, pytest.mark.timeout(240)]

SESSION_S = 6
"""The shortest that a broker allows."""
PAUSE_S = SESSION_S + 2.5
PAUSES = 5


def test_five_pauses_beyond_the_session_are_fenced_and_change_nothing(broker: TestBroker, topic_prefix: str) -> None:
    partitions = 4
    settings = settings_for(
        broker.bootstrap_servers,
        topic_prefix,
        kafka={
            "fetch_bytes": 65_536,
            "buffer_records": 1_000,
            "session_timeout_s": SESSION_S,
            "heartbeat_interval_s": 1,
        },
    )
    topics.create(settings, partitions=partitions)
    rng = random.Random(7)
    fenced = rejoined = 0
    with ExitStack() as stack:
        workers = [stack.enter_context(WorkerProcess(settings, name, static=False)) for name in ("w1", "w2")]
        for worker in workers:
            worker.wait_assigned()
        positions = stack.enter_context(Positions(settings, partitions))
        with Feed(settings, partitions, per_s=700, preloaded=10_000):
            for number in range(PAUSES):
                paused, other = workers[number % 2], workers[1 - number % 2]
                positions.wait_for_more(positions.total())
                time.sleep(rng.uniform(0.0, 0.5))
                paused.pause()
                time.sleep(PAUSE_S)
                taken_over = positions.total()
                positions.wait_for_more(taken_over)  # the other worker has everything now
                assert other.running, other.life_log[-2000:]
                seen = len(paused.life_log)
                paused.resume()
                if _ended_or_rejoined(paused, seen):
                    assert paused.wait() != 0
                    paused.start().wait_assigned()
                    fenced += 1
                else:
                    rejoined += 1
        positions.wait_caught_up(workers=workers)
        report = check(settings, partitions)

        print(f"{PAUSES} pauses of {PAUSE_S} s: {fenced} ended as fenced, {rejoined} rejoined without having written")
        report.assert_same("events", "customers", "decisions", "scores", "dead letters", "period rows")


def _ended_or_rejoined(worker: WorkerProcess, seen: int, timeout_s: float = 60.0) -> bool:
    """True when the process ended, False when it was given partitions anew."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if not worker.running:
            return True
        if re.search("partitions assigned", worker.life_log[seen:]):
            return False
        time.sleep(0.05)
    raise AssertionError(f"neither ended nor rejoined: {worker.life_log[seen:]}")
