"""A broker that is away is told within seconds, on every surface, and forgotten when it is back."""

from __future__ import annotations

import signal
import time

import httpx
import pytest

from service.cluster import topics
from service.local_broker.broker import LocalKafka
from tests.integration.test_web import free_port
from tests.support.live_shop import metric, readiness, until
from tests.support.load import many_purchases, send, settings_for
from tests.support.worker_process import WorkerProcess

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]

AWAY = "churn_alert_broker_unreachable_since_seconds"


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
        until(lambda: (metric(where, AWAY) or 0.0) > 0.0, "the paused broker is missed", worker)
        missed = time.time()
        until(lambda: readiness(where)[1]["missing"][:1] == ["broker"], "readiness says so", worker)
        status, told = readiness(where)
        pages = {
            language: httpx.get(where, headers={"Accept-Language": language}, timeout=5).text
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

    assert missed - began < 10.0
    assert since is not None
    assert abs(since - began) < 3.0
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
        page = httpx.get(where, timeout=5).text
        assert worker.end(signal.SIGTERM) == 0

    assert "Kafka cannot be reached" in page
