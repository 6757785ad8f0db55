"""`churn-alert deliver webhook` as a process, a real broker, a real receiver: what arrives, what is kept for later."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.cluster import topics
from service.config import Settings
from service.delivery.signing import Verifier, keys_of
from tests.integration.test_delivery import FAR_US, STEADY, Deliverer, Post
from tests.support.broker import TestBroker
from tests.support.delivery_world import cancelled, requested
from tests.support.live_shop import until
from tests.support.load import settings_for
from tests.support.sink import sink_in_a_thread

EXAMPLES = Path(__file__).parents[2] / "examples"

pytestmark = [pytest.mark.broker]

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - of the specification's example


def taken_back(request_id: str, customer_id: str) -> bytes:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return json.dumps({**json.loads(cancelled(request_id, customer_id)), "time": at}).encode()


class Webhook(Deliverer):
    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, "webhook")
        self._command = (sys.executable, "-m", "service.cli", "deliver", "webhook")


def settings_of(broker: TestBroker, prefix: str, url: str, **webhook: Any) -> Settings:
    target = {"url": url, "secret": SECRET, "allow_http": True, "allow_private": True, "timeout_s": 120.0, **webhook}
    return settings_for(
        broker.bootstrap_servers,
        prefix,
        kafka=STEADY,
        deliver={"port": 0, "retry_first_s": 0.2, "webhook": target},
    )


def test_what_is_posted_what_is_kept_and_what_comes_when_it_is_asked_for_again(
    broker: TestBroker, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sink_in_a_thread(500, 200) as sink:
        settings = settings_of(broker, topic_prefix, sink.url)
        topics.create(settings, partitions=2)
        post = Post(settings)
        post.say(requested("w-good", "good", expires_us=FAR_US), requested("w-unsent", "unsent", expires_us=FAR_US))
        post.say(taken_back("w-unsent", "unsent"))
        with Webhook(settings) as deliverer:
            post.wait({"w-good.webhook": ("delivered", ""), "w-unsent.webhook": ("cancelled", "returned")}, deliverer)
            post.say(taken_back("w-good", "good"))
            post.wait({"w-good.cancelled.webhook": ("delivered", "")}, deliverer)
            sink.answers = [422]
            post.say(requested("w-refused", "refused", expires_us=FAR_US))
            post.wait({"w-refused.webhook": ("failed", "http 422")}, deliverer)
            sink.answers = [200]
            for name, value in deliverer._environment.items():
                monkeypatch.setenv(name, value)
            said = [CliRunner().invoke(app, ["deliver", "retry"]).output for _ in range(2)]
            post.wait({"w-refused.webhook": ("delivered", "")}, deliverer)
            listed = CliRunner().invoke(app, ["dead-letters", "list"]).output
            left = CliRunner().invoke(app, ["dead-letters", "retry"]).output
        post.close()

    came = [json.loads(one.body)["id"] for one in sink.came]
    assert came == ["w-good", "w-good", "w-good.cancelled", "w-refused", "w-refused"]
    for one in sink.came:
        assert Verifier(keys_of(SECRET)).verify(one.headers, one.body, time.time()) == json.loads(one.body)["id"]
        assert "deliverretry" not in json.loads(one.body)
    assert said == ["1 request asked for again.\n"] * 2
    assert "1 dead letter: 1 delivery_failed" in listed
    assert "left alone" in left


class Scores(Webhook):
    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._command = (*self._command, "--topic", "customer-scores")


def test_a_crm_is_fed_and_hears_who_is_gone_and_the_examples_run(
    broker: TestBroker, topic_prefix: str, tmp_path: Path
) -> None:
    with sink_in_a_thread(200) as sink:
        settings = settings_of(broker, topic_prefix, sink.url)
        topics.create(settings, partitions=2)
        post = Post(settings)
        names = settings.kafka.topics
        for number in range(3):
            event = {"id": f"s-{number}", "type": "customer.scored", "data": {"customer_id": "c1", "n": number}}
            post._producer.send(names.customer_scores, json.dumps(event).encode(), b"c1")
        post._producer.send(names.customer_scores, None, b"gone")
        request = requested("x-1", "c1", expires_us=FAR_US)
        expired = requested("x-0", "c1", expires_us=1_700_000_000_000_000)
        post.say(expired, request, request, requested("x-2", "c2", expires_us=FAR_US), cancelled("x-2", "c2"))
        environment = {**os.environ, "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers}
        sent = subprocess.run(
            (sys.executable, EXAMPLES / "producer.py", topic_prefix),
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        crm = tmp_path / "crm.db"
        command = (sys.executable, EXAMPLES / "crm_consumer.py", crm, names.outreach)
        with subprocess.Popen(command, env=environment) as consumer, Scores(settings):
            until(lambda: {b"c1", b"gone"} == {customer_of(one.body) for one in sink.came}, "both are posted")
            until(lambda: tasks(crm) == {("x-1", "to do"), ("x-2", "cancelled")}, "the CRM knows both")
            consumer.terminate()
        post.close()

    assert sent.stdout == "3 events sent\n"
    assert [json.loads(one.body)["type"] for one in sink.came if customer_of(one.body) == b"gone"] == [
        "customer.removed"
    ]
    assert [json.loads(one.body)["id"] for one in sink.came if customer_of(one.body) == b"c1"][-1] == "s-2"


def customer_of(body: bytes) -> bytes:
    customer_id: str = json.loads(body)["data"]["customer_id"]
    return customer_id.encode()


def tasks(crm: Path) -> set[tuple[str, str]]:
    with sqlite3.connect(crm) as database:
        try:
            return set(database.execute("SELECT id, state FROM tasks"))
        except sqlite3.OperationalError:
            return set()
