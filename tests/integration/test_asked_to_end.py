"""Whoever is asked to end does so with 0, whatever is waited for meanwhile: a supervisor that sees anything else raises
the alarm, or starts it again."""

from __future__ import annotations

import signal

import pytest

from service.cluster import topics
from service.config import Settings
from service.local_broker.broker import LocalKafka
from service.streaming.membership import members_of
from tests.integration.test_webhook import Webhook
from tests.support.broker import TestBroker
from tests.support.live_shop import until
from tests.support.load import many_purchases, send, settings_for
from tests.support.sink import sink_in_a_thread
from tests.support.worker_process import Positions, WorkerProcess

pytestmark = [pytest.mark.broker, pytest.mark.timeout(240)]

PATIENT = {"session_timeout_s": 40.0}
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


@pytest.mark.parametrize("ready", [False, True], ids=["recovering", "idle"])
def test_a_worker_whose_broker_stands_still(own_broker: LocalKafka, *, ready: bool) -> None:
    settings = settings_for(own_broker.bootstrap_servers)
    topics.create(settings, partitions=2)
    send(own_broker.bootstrap_servers, many_purchases(settings.kafka.topics.purchases, 500), 2)
    with WorkerProcess(settings, "w", static=False) as worker:
        worker.wait_assigned()
        if ready:
            with Positions(settings, 2) as positions:
                positions.wait_caught_up(workers=[worker])
        own_broker.pause()
        try:
            code, said = worker.end(signal.SIGTERM), worker.log
        finally:
            own_broker.resume()

    assert code == 0, said


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
