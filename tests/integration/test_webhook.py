"""`churn-alert deliver webhook` as a process, a real broker, a real receiver: what arrives, what is kept for later."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.config import Settings
from service.delivery.signing import Verifier, keys_of
from service.streaming import topics
from tests.integration.test_delivery import FAR_US, Deliverer, Post
from tests.support.broker import TestBroker
from tests.support.delivery_world import cancelled, requested
from tests.support.load import settings_for
from tests.support.sink import sink_in_a_thread

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
    target = {"url": url, "secret": SECRET, "allow_http": True, "allow_private": True, **webhook}
    return settings_for(
        broker.bootstrap_servers,
        prefix,
        kafka={"session_timeout_s": 6.0, "heartbeat_interval_s": 1.0},
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
