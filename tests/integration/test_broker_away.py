"""A broker that is away is told within seconds, on every surface, and forgotten when it is back."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import closing

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from service.cluster import topics
from service.cluster.log_ends import KNOWN_FOR_US
from service.config import Settings
from service.domain.calendar import SECOND_US
from service.domain.events import Purchase
from service.feed.records import key_of, value_of
from service.local_broker.broker import LocalKafka
from service.streaming.reach import AWAY_S
from tests.support.live_shop import (
    Decisions,
    TooLateError,
    in_time,
    log_with_dates_at,
    metric,
    readiness,
    until,
    until_told,
    with_time_enough,
)
from tests.support.load import lines_of, many_purchases, send, settings_for
from tests.support.processes import free_port
from tests.support.worker_process import Positions, WorkerProcess

pytestmark = [pytest.mark.broker]

AWAY = "churn_alert_broker_unreachable_since_seconds"
ALERTED_S = 30.0
"""The alert waits so long with the metric: it must be there before. On an idle machine it is after six."""
LEAVERS = 12
HEAD_START_S, PAUSED_S = 34.0, 20.0
"""From the making of a log to its dates; and for how long the broker stands still, these in the middle of it."""


def test_a_broker_that_is_away_is_told_within_seconds_and_forgotten_when_it_is_back(own_broker: LocalKafka) -> None:
    settings = settings_for(own_broker.bootstrap_servers, time={"clock": "wall"}, web={"port": free_port()})
    where = f"http://127.0.0.1:{settings.web.port}"
    topics.create(settings, partitions=1)
    send(own_broker.bootstrap_servers, many_purchases(settings.kafka.topics.purchases, 50), 1)
    with WorkerProcess(settings, "w", static=False, web=True) as worker:
        until(lambda: readiness(where)[0] == 200 or bool(readiness(where)[1]["partitions"]), "the worker is up", worker)
        until(lambda: metric(where, AWAY) == 0.0, "the broker answers", worker)
        began = time.time()
        own_broker.pause()
        paused = time.time()
        until(lambda: (metric(where, AWAY) or 0.0) > 0.0, "the paused broker is missed", worker)
        missed = time.time()
        until(lambda: readiness(where)[1]["missing"][:1] == ["broker"], "readiness says so", worker)
        status, told = readiness(where)
        pages = {
            language: httpx.get(where, headers={"Accept-Language": language}, timeout=60).text
            for language in ("en", "fr")
        }
        since = metric(where, AWAY)
        own_broker.resume()
        until(lambda: metric(where, AWAY) == 0.0, "the broker answers again", worker)
        until(lambda: "broker" not in readiness(where)[1]["missing"], "readiness says so too", worker)
        own_broker.kill()
        until(lambda: (metric(where, AWAY) or 0.0) > 0.0, "the killed broker is missed", worker)
        own_broker.restart()
        until(lambda: metric(where, AWAY) == 0.0 and readiness(where)[1]["assigned"], "it goes on by itself", worker)

    assert missed - began < ALERTED_S
    assert since is not None
    assert began - AWAY_S < since < paused + AWAY_S, "it counts from the last answer, not from when it has noticed"
    assert status == 503
    assert told["details"][0].startswith("no broker has answered since ")
    assert 'class="condition unreachable"' in pages["en"]
    assert "Kafka cannot be reached" in pages["en"]
    assert "Kafka est injoignable" in pages["fr"]
    assert worker.exits == [-9], "it must not need a supervisor"


def test_who_starts_while_the_broker_is_away_says_so() -> None:
    settings = settings_for(f"127.0.0.1:{free_port()}", web={"port": free_port()})
    where = f"http://127.0.0.1:{settings.web.port}"
    with WorkerProcess(settings, "w", static=False, web=True) as worker:
        until(lambda: readiness(where)[1]["missing"] == ["broker", "assigned"], "somebody says why", worker)
        until(lambda: (metric(where, AWAY) or 0.0) > 0.0, "the metric says so too", worker)
        page = httpx.get(where, timeout=60).text
        assert worker.end(signal.SIGTERM) == 0

    assert "Kafka cannot be reached" in page


def test_dates_that_come_while_the_broker_stands_still_wait_for_what_it_holds(own_broker: LocalKafka) -> None:
    """Whoever buys meanwhile is not absent, though nobody can know of it; all others are noticed afterwards."""
    with_time_enough(
        lambda number, head_start_us: tell_of_dates_meanwhile(own_broker, f"try-{number}-", head_start_us / SECOND_US),
        int(HEAD_START_S * SECOND_US),
    )


def tell_of_dates_meanwhile(own_broker: LocalKafka, prefix: str, head_start_s: float) -> None:
    settings = settings_for(
        own_broker.bootstrap_servers,
        prefix,
        time={"clock": "wall"},
        web={"port": free_port()},
        shop={"timezone": "UTC"},
        outreach={"level": 1.0},
        kafka={"session_timeout_s": 120.0, "transaction_timeout_s": 10.0},
    )
    where = f"http://127.0.0.1:{settings.web.port}"
    topics.create(settings, partitions=1)
    due_s = time.time() + head_start_s
    log = log_with_dates_at(settings, LEAVERS, int(due_s * SECOND_US))
    send(own_broker.bootstrap_servers, lines_of(log, settings), 1)
    with (
        WorkerProcess(settings, "w", static=False, web=True) as worker,
        Positions(settings, 1) as positions,
        closing(Decisions(settings)) as decisions,
    ):
        positions.wait_caught_up(workers=[worker])
        until(lambda: readiness(where)[0] == 200, "all is read", worker)
        before = decisions.all()
        in_time(int(due_s * SECOND_US))
        assert before == []
        resumed_us = asyncio.run(stand_still(own_broker, settings, where, due_s, worker))
        until(lambda: len(decisions.all()) >= LEAVERS - 1, "those who did not come are noticed", worker)
        until(lambda: readiness(where)[0] == 200, "all is well again", worker)
        told = decisions.all()
        noted = decisions.decided_us

    assert sorted(who for who, _, _ in told) == sorted(f"leaver-{number}" for number in range(1, LEAVERS))
    assert min(noted) > resumed_us - SECOND_US, "nothing was concluded while nothing was known"
    assert worker.exits == [-9], "it must not need a supervisor"


async def stand_still(broker: LocalKafka, settings: Settings, where: str, due_s: float, worker: WorkerProcess) -> int:
    """For so long; meanwhile a customer buys, and the dates of all pass. Returns when it went on, Unix µs."""
    event = Purchase("now", "leaver-0", time.time_ns() // 1000, 500)
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap_servers) as till:
        await till.partitions_for(settings.kafka.topics.purchases)
        before_s = due_s - KNOWN_FOR_US / SECOND_US - 3.0
        in_time(int(before_s * SECOND_US))
        await asyncio.sleep(max(0.0, before_s - time.time()))
        broker.pause()
        if time.time() > before_s + 2.0:
            broker.resume()
            raise TooLateError("the dates may have been near when the broker was stopped")
        bought = await till.send(settings.kafka.topics.purchases, value_of(event, 2), key_of(event), partition=0)
        began_s = time.monotonic()
        await asyncio.to_thread(until_told, where, 503, "no broker has answered since", worker)
        await asyncio.sleep(began_s + PAUSED_S - time.monotonic())
        resumed_us = time.time_ns() // 1000
        assert resumed_us > due_s * SECOND_US
        broker.resume()
        await bought
    return resumed_us
