"""Complete up to: what lies behind an open transaction, what control records leave behind, and what was lost unread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import pytest
from aiokafka import AIOKafkaProducer
from kafka import TopicPartition

from service.cluster import topics
from service.config import Settings
from service.connection.admin import open_admin
from service.domain.calendar import SECOND_US
from service.domain.events import Purchase
from service.errors import ExitCode
from service.feed.records import key_of, value_of
from service.streaming.transport import FETCH_WAIT_MS
from tests.support.broker import TestBroker
from tests.support.live_shop import (
    Decisions,
    in_time,
    log_with_dates_at,
    metric,
    readiness,
    until,
    until_told,
    with_time_enough,
)
from tests.support.load import lines_of, send, settings_for
from tests.support.processes import free_port
from tests.support.worker_process import Positions, WorkerProcess

pytestmark = [pytest.mark.broker]

HEAD_START_US = 14 * SECOND_US
"""Between the making of a log and its date: the worker starts and reads the log meanwhile."""
LEAVERS = 30
NOTICED_S = 3.0
"""An absence is noticed within two seconds."""


def settings_of(broker: TestBroker, prefix: str) -> Settings:
    found = settings_for(
        broker.bootstrap_servers,
        prefix,
        kafka={"on_gap": "continue"},
        time={"clock": "wall"},
        web={"port": free_port()},
        shop={"timezone": "UTC"},
        outreach={"level": 1.0},
    )
    topics.create(found, partitions=1)
    return found


def address(settings: Settings) -> str:
    return f"http://127.0.0.1:{settings.web.port}"


def load(settings: Settings, head_start_us: int) -> int:
    """The shop's log into its topic. Returns when its leavers come due."""
    due_us = time.time_ns() // 1000 + head_start_us
    send(settings.kafka.bootstrap_servers, lines_of(log_with_dates_at(settings, LEAVERS, due_us), settings), 1)
    return due_us


def buys(customer_id: str) -> Purchase:
    return Purchase(f"now-{customer_id}", customer_id, time.time_ns() // 1000, 500)


@asynccontextmanager
async def transaction(settings: Settings, event: Purchase, name: str) -> AsyncIterator[AIOKafkaProducer]:
    """A transactional producer with that purchase in its open transaction."""
    async with AIOKafkaProducer(
        bootstrap_servers=settings.kafka.bootstrap_servers,
        transactional_id=f"{settings.kafka.group}-{name}",
        transaction_timeout_ms=600_000,  # the broker would end it while a slow machine looks on
    ) as producer:
        await producer.begin_transaction()
        await producer.send_and_wait(settings.kafka.topics.purchases, key=key_of(event), value=value_of(event, 2))
        yield producer


def test_nobody_is_alerted_whose_purchase_may_lie_behind_an_open_transaction(
    broker: TestBroker, topic_prefix: str
) -> None:
    with_time_enough(
        lambda number, head_start_us: tell_of_an_open_transaction(
            settings_of(broker, f"{topic_prefix}{number}-"), head_start_us
        ),
        HEAD_START_US,
    )


def tell_of_an_open_transaction(settings: Settings, head_start_us: int) -> None:
    due_us = load(settings, head_start_us)
    purchases = settings.kafka.topics.purchases
    where = address(settings)

    async def buy_slowly(worker: WorkerProcess, decisions: Decisions) -> None:
        async with transaction(settings, buys("leaver-0"), "till") as till:
            in_time(due_us)
            until(
                lambda: metric(where, "churn_alert_open_transaction_records", topic=purchases) == 1.0,
                "the open transaction is seen",
                worker,
            )
            await asyncio.sleep(due_us / SECOND_US + NOTICED_S - time.time())
            until_told(where, 503, "open transaction", worker)
            assert decisions.all() == []
            until(lambda: metric(where, "churn_alert_lag_records", topic=purchases) == 0.0, "it is no lag", worker)
            await till.commit_transaction()
        until(lambda: len(decisions.all()) >= LEAVERS - 1, "those who did not come are noticed", worker)
        async with transaction(settings, buys("leaver-1"), "undecided") as till:
            await till.abort_transaction()
        until(lambda: readiness(where)[0] == 200, "everything has been read", worker)

    with (
        WorkerProcess(settings, "w", static=False, web=True) as worker,
        Positions(settings, 1) as positions,
        closing(Decisions(settings)) as decisions,
    ):
        worker.wait_assigned()
        positions.wait_caught_up(workers=[worker])
        asyncio.run(buy_slowly(worker, decisions))
        until(
            lambda: metric(where, "churn_alert_lag_records", topic=purchases) == 0.0,
            "control records and what was aborted are no lag",
            worker,
        )

        assert sorted(who for who, *_ in decisions.all()) == sorted(f"leaver-{who}" for who in range(1, LEAVERS))
        until(
            lambda: metric(where, "churn_alert_open_transaction_records", topic=purchases) == 0.0,
            "no transaction is open",
            worker,
        )


def lose_the_last(settings: Settings, events: list[Purchase]) -> None:
    """Purchases that are deleted from the log before anybody reads them."""
    send(settings.kafka.bootstrap_servers, lines_of(events, settings), 1)
    with closing(open_admin(settings.kafka.bootstrap_servers)) as admin:
        admin.delete_records({TopicPartition(settings.kafka.topics.purchases, 0): -1})


@pytest.mark.parametrize("away", ["down", "paused"])
def test_a_hole_in_the_log_is_told_and_holds_everybody_who_may_have_bought_in_it(
    broker: TestBroker, topic_prefix: str, away: str
) -> None:
    with_time_enough(
        lambda number, head_start_us: tell_of_a_hole(
            settings_of(broker, f"{topic_prefix}{number}-"), head_start_us, away
        ),
        HEAD_START_US,
    )


def tell_of_a_hole(settings: Settings, head_start_us: int, away: str) -> None:
    due_us = load(settings, head_start_us)
    where, purchases = address(settings), settings.kafka.topics.purchases
    lost = [buys("leaver-0"), buys("leaver-1")]
    with (
        WorkerProcess(settings, "w", web=True) as worker,
        closing(Decisions(settings)) as decisions,
        Positions(settings, 1) as positions,
    ):
        worker.wait_assigned()
        positions.wait_caught_up(workers=[worker])
        if away == "down":
            worker.end()
        else:
            worker.pause()
            time.sleep(2 * FETCH_WAIT_MS / 1000)  # the fetch that was under way would be answered with what comes now
        lose_the_last(settings, lost)
        send(settings.kafka.bootstrap_servers, lines_of([buys("pacer-0")], settings), 1)
        in_time(due_us)
        if away == "down":
            with WorkerProcess(settings.changed(kafka={"on_gap": "stop"}), "w") as careful:
                assert careful.wait() == ExitCode.CONFIGURATION
                assert f"{purchases}-0 begins 2 records beyond" in careful.log
            worker.start()
        worker.resume()
        worker.wait_for("records were lost")
        until(lambda: len(decisions.all()) >= LEAVERS, "the absences are held on record", worker)
        until(lambda: readiness(where)[0] == 200, "the worker goes on", worker)

        assert sorted(decisions.all()) == sorted((f"leaver-{who}", "deferred", "gap_in_log") for who in range(LEAVERS))
        assert worker.log.count("records were lost") == 1
        until(lambda: metric(where, "churn_alert_gap_records_total", topic=purchases) == 2.0, "they count", worker)
        until(lambda: metric(where, "churn_alert_lag_records", topic=purchases) == 0.0, "they are no lag", worker)
