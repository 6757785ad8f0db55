"""Whoever is asked to end does so with 0, whatever is waited for meanwhile: a supervisor that sees anything else raises
the alarm, or starts it again."""

from __future__ import annotations

import json
import signal
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from service.cluster import topics
from service.config import Settings
from service.local_broker.broker import LocalKafka
from service.streaming.membership import members_of
from tests.integration.test_delivery import FAR_US, Post
from tests.integration.test_ingest import DoorProcess
from tests.integration.test_ingest import settings_of as ingest_settings
from tests.integration.test_webhook import Scores, Webhook, settings_of
from tests.support.broker import TestBroker
from tests.support.delivery_world import requested
from tests.support.live_shop import until
from tests.support.load import many_purchases, send, settings_for
from tests.support.met_in_a_turn import MEETS
from tests.support.sink import sink_in_a_thread
from tests.support.worker_process import Positions, WorkerProcess
from tests.unit.test_ingest import SHOPIFY

pytestmark = [pytest.mark.broker]

PATIENT = {"session_timeout_s": 240.0, "rebalance_timeout_s": 240.0}
"""A member that has paused is waited for by the others for so long."""


def is_in(settings: Settings, group: str, worker: WorkerProcess) -> bool:
    """Whether the group knows of the process, be it that it still waits for the others."""
    pid = str(worker.pid)
    asked = settings.changed(kafka={"group": group}).kafka
    return any(pid in member.client_id.replace("@", "-").split("-") for member in members_of(asked))


@pytest.mark.parametrize("static", [True, False], ids=["static", "dynamic"])
def test_a_worker_that_waits_for_the_others_of_its_group(
    broker: TestBroker, topic_prefix: str, *, static: bool
) -> None:
    """One joins for the first time, one holds partitions and joins again; a third has paused."""
    settings = settings_for(broker.bootstrap_servers, topic_prefix, kafka=PATIENT)
    group = settings.kafka.group
    topics.create(settings, partitions=3)
    with (
        WorkerProcess(settings, "paused", static=static) as paused,
        WorkerProcess(settings, "holds", static=static) as holds,
    ):
        paused.wait_assigned()
        holds.wait_for(r'"partitions": \[\d.*partitions assigned')
        paused.pause()
        with WorkerProcess(settings, "joins", static=static) as joins:
            until(lambda: is_in(settings, group, joins), "it waits for the others", joins)
            holds.wait_for("partitions revoked")
            codes = joins.end(signal.SIGTERM), holds.end(signal.SIGTERM)
            said = joins.log, holds.log
        if not static:
            until(lambda: len(members_of(settings.kafka)) == 1, "those who have left are not waited for")

    assert codes == (0, 0), said
    assert "partitions assigned" not in said[0], "it was still joining"
    assert all("left in time" not in each for each in said)


def test_a_deliverer_that_waits_for_the_others_of_its_group(broker: TestBroker, topic_prefix: str) -> None:
    with sink_in_a_thread(200) as sink:
        target = {"url": sink.url, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "allow_http": True}
        settings = settings_for(
            broker.bootstrap_servers,
            topic_prefix,
            kafka=PATIENT,
            deliver={"port": 0, "webhook": {**target, "allow_private": True}},
        )
        group = settings.deliver.group_of(settings.kafka.group, settings.deliver.webhook.name)
        topics.create(settings, partitions=2)
        with Webhook(settings) as paused:
            paused.wait_assigned()
            paused.pause()
            with Webhook(settings) as joins:
                until(lambda: is_in(settings, group, joins), "it waits for the other", joins)
                code, said = joins.end(signal.SIGTERM), joins.log

    assert code == 0, said
    assert "partitions assigned" not in said, "it was still joining"


@pytest.mark.parametrize("doing", ["recovering", "idle", "in a turn"])
def test_a_worker_whose_broker_stands_still(own_broker: LocalKafka, tmp_path: Path, doing: str) -> None:
    settings, meets = settings_for(own_broker.bootstrap_servers), tmp_path / "meets"
    topics.create(settings, partitions=2)
    send(own_broker.bootstrap_servers, many_purchases(settings.kafka.topics.purchases, 500), 2)
    program, variables = "tests.support.met_in_a_turn", {MEETS: str(meets)}
    with (
        ThreadPoolExecutor(1) as writing,
        WorkerProcess(settings, "w", static=False, program=program, variables=variables) as worker,
    ):
        worker.wait_assigned()
        with Positions(settings, 2) as positions:
            if doing != "recovering":
                positions.wait_caught_up(workers=[worker])
        if doing == "in a turn":
            (tmp_path / "asked").write_text(str(own_broker.pid), encoding="utf-8")
            (tmp_path / "asked").replace(meets)
            more = many_purchases(settings.kafka.topics.purchases, 10, first=500)
            writing.submit(send, own_broker.bootstrap_servers, more, 2)  # it may not be answered before the end
            until(lambda: not meets.exists(), "a turn is begun, and the broker stands still in it", worker)
        else:
            own_broker.pause()
        try:
            code, said = worker.end(signal.SIGTERM), worker.log
        finally:
            own_broker.resume()

    assert code == 0, said
    if doing == "in a turn":
        assert "the next worker does it again" in said


@pytest.mark.parametrize("kind", [Webhook, Scores], ids=["outreach", "scores"])
def test_a_deliverer_whose_broker_stands_still(own_broker: LocalKafka, kind: type[Webhook]) -> None:
    """What was posted meanwhile cannot be put on record."""
    with sink_in_a_thread(200) as sink:
        settings = settings_of(TestBroker(own_broker.bootstrap_servers, "its own", lambda: None), "still-", sink.url)
        topics.create(settings, partitions=2)
        post = Post(settings)
        say = partial(post._producer.send, settings.kafka.topics.customer_scores)
        with kind(settings) as deliverer:
            deliverer.wait_assigned()
            post.say(*[requested(f"w-{number}", f"c{number}", expires_us=FAR_US) for number in range(50)])
            for number in range(50):
                say(json.dumps({"id": f"s-{number}", "type": "customer.scored", "data": {}}).encode(), b"%d" % number)
            post._producer.flush()
            until(lambda: len(sink.came) > 0, "it posts", deliverer)
            own_broker.pause()
            try:
                code, said = deliverer.end(signal.SIGTERM), deliverer.log
            finally:
                own_broker.resume()
        post.close()

    assert code == 0, said


def test_a_door_whose_broker_stands_still(own_broker: LocalKafka) -> None:
    """A shop system that waits for its answer gets none, and posts again."""
    settings = ingest_settings(own_broker.bootstrap_servers, "still-", 2.0)
    topics.create(settings, partitions=2)
    with DoorProcess(settings) as door, ThreadPoolExecutor(1) as asking:
        door.until_ready()
        assert door.post("shopify", SHOPIFY).status_code == 200
        own_broker.pause()
        try:
            unheard = asking.submit(door.post, "shopify", {**SHOPIFY, "id": 6, "name": "#6"})
            code = door.end()
        finally:
            own_broker.resume()
        answered = unheard.exception() is None and unheard.result().status_code

    assert code == 0
    assert answered is False or answered >= 500


def test_a_worker_that_asks_a_broker_which_stands_still_before_it_joins(own_broker: LocalKafka) -> None:
    settings = settings_for(own_broker.bootstrap_servers)
    topics.create(settings, partitions=1)
    own_broker.pause()
    try:
        with WorkerProcess(settings, "w", static=False) as worker:
            worker.wait_for("broker")
            code, said = worker.end(signal.SIGTERM), worker.log
    finally:
        own_broker.resume()

    assert code == 0, said
    assert "Task was destroyed" not in said
