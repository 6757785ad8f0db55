"""Who comes second to the group's name, or to a worker's, ends by itself and names the one who was there."""

from __future__ import annotations

import asyncio
import re

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from service.cluster import topics
from service.config import Settings
from service.errors import ExitCode
from tests.integration.test_delivery import Deliverer, settings_of
from tests.support.broker import TestBroker
from tests.support.live_shop import metric, readiness, until, until_told
from tests.support.load import settings_for
from tests.support.processes import free_port
from tests.support.worker_process import WorkerProcess

pytestmark = [pytest.mark.broker]


SESSION_S = 240.0
"""Longer than any start takes: who waits for the end of one is told from who does not."""


@pytest.fixture
def settings(broker: TestBroker, topic_prefix: str) -> Settings:
    found = settings_for(
        broker.bootstrap_servers, topic_prefix, kafka={"session_timeout_s": SESSION_S}, web={"port": free_port()}
    )
    topics.create(found, partitions=1)
    return found


def test_a_second_worker_of_one_instance_id_ends_and_the_first_is_not_disturbed(settings: Settings) -> None:
    where = f"http://127.0.0.1:{settings.web.port}"
    with WorkerProcess(settings, "till", web=True) as first:
        until(lambda: readiness(where)[0] == 200, "the first is ready", first)
        pid = first.pid
        with WorkerProcess(settings, "till") as second:
            code, said = second.wait(), second.log
        until(lambda: readiness(where)[0] == 200, "the first is ready as before", first)
        assert first.log.count("partitions assigned") == 1
        first.end()
        first.start()
        back = first.wait_assigned()

    assert code == ExitCode.CONFIGURATION, "no supervisor starts it again"
    assert re.search(rf"Another worker has the kafka\.instance_id 'till': client id .*@{pid}@", said)
    assert "on host " in said
    assert len(said.splitlines()) <= 2, "one sentence"
    assert back < SESSION_S / 2, "its own place is not taken by a worker that has crashed"


def test_a_worker_without_an_instance_id_does_not_wait_for_the_session_of_its_predecessor(settings: Settings) -> None:
    with WorkerProcess(settings, "w", static=False) as worker:
        worker.wait_assigned()
        worker.end()
        worker.start()
        back = worker.wait_for(
            r'"partitions": \[0\].*partitions assigned|partitions assigned.*"partitions": \[0\]', 2 * SESSION_S
        )

    assert back < SESSION_S / 2


def test_a_worker_does_not_join_a_group_that_another_program_uses_and_tells_of_one_that_comes(
    settings: Settings,
) -> None:
    where = f"http://127.0.0.1:{settings.web.port}"

    async def intrude() -> None:
        async with stranger(settings) as intruder:
            await intruder.getmany(timeout_ms=100)
            with WorkerProcess(settings, "w", static=False) as refused:
                assert await asyncio.to_thread(refused.wait) not in (0, -9)
                assert re.search(r"Another program is in the consumer group .*'reporting-job' on host ", refused.log)
        with WorkerProcess(settings, "w", static=False, web=True) as worker:
            await asyncio.to_thread(until, lambda: readiness(where)[0] == 200, "the worker is alone", worker)
            async with stranger(settings) as intruder:
                await intruder.getmany(timeout_ms=100)
                await asyncio.to_thread(
                    until, lambda: metric(where, "churn_alert_group_strangers") == 1.0, "it is seen", worker
                )
                told = await asyncio.to_thread(until_told, where, 503, "'reporting-job'", worker)
                assert told["missing"][0] == "group"
            await asyncio.to_thread(until, lambda: readiness(where)[0] == 200, "the worker is alone again", worker)
            assert worker.running
            assert worker.log.count("a stranger is in the consumer group") == 1

    asyncio.run(intrude())


def test_a_deliverer_looks_who_else_delivers_before_it_joins_and_afterwards(
    broker: TestBroker, topic_prefix: str
) -> None:
    """Port 1: nobody takes mail, and none is asked for."""
    settings = settings_of(broker, topic_prefix, 1)
    topics.create(settings, partitions=1)
    group, topic = f"{settings.kafka.group}-deliver", settings.kafka.topics.outreach
    other_secret = settings.changed(deliver={"unsubscribe_secret": "another secret of the tests"})

    async def intrude() -> None:
        async with stranger(settings, group, topic) as intruder:
            await intruder.getmany(timeout_ms=100)
            with Deliverer(settings, "refused") as refused:
                assert await asyncio.to_thread(refused.wait) not in (0, ExitCode.CONFIGURATION), "tried again"
                assert re.search(
                    rf"Another program is in the consumer group {group}: .*'reporting-job' on host ", refused.log
                )
        with Deliverer(settings, "one") as one:
            await asyncio.to_thread(one.wait_assigned)
            where = one.address.removesuffix("/")
            with Deliverer(other_secret, "another") as another:
                assert await asyncio.to_thread(another.wait) == ExitCode.CONFIGURATION
                assert f"@{one.pid}@" in another.log
                assert "another deliver.unsubscribe_secret" in another.log
            async with stranger(settings, group, topic) as intruder:
                await intruder.getmany(timeout_ms=100)
                await asyncio.to_thread(
                    until, lambda: metric(where, "churn_alert_group_strangers") == 1.0, "it is seen", one
                )
                code, told = await asyncio.to_thread(readiness, where)
            await asyncio.to_thread(
                until, lambda: metric(where, "churn_alert_group_strangers") == 0.0, "it is gone", one
            )
            assert (one.running, one.exits) == (True, [])
        assert code == 503
        assert any("'reporting-job'" in each for each in told["missing"])

    asyncio.run(intrude())


def stranger(settings: Settings, group: str | None = None, topic: str | None = None) -> AIOKafkaConsumer:
    """Another program that has been given our group's name."""
    return AIOKafkaConsumer(
        topic or settings.kafka.topics.purchases,
        bootstrap_servers=settings.kafka.bootstrap_servers,
        group_id=group or settings.kafka.group,
        client_id="reporting-job",
        session_timeout_ms=int(SESSION_S * 1000),
        request_timeout_ms=int(SESSION_S * 1000),
        partition_assignment_strategy=[RangePartitionAssignor],
        heartbeat_interval_ms=500,
    )
