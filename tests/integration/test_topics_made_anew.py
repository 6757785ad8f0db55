"""A topic that is deleted and made again under a state that was made from it: said, then refused or accepted."""

from __future__ import annotations

import re
from contextlib import closing

import pytest

from service.cluster import topics
from service.config import Settings
from service.domain.events import Purchase
from service.errors import ExitCode
from tests.integration.test_web import free_port
from tests.support.broker import TestBroker
from tests.support.live_shop import metric, until
from tests.support.load import START_US, lines_of, send, settings_for
from tests.support.worker_process import Positions, WorkerProcess

pytestmark = [pytest.mark.broker, pytest.mark.timeout(600)]
_LONGER_S = 180.0
"""A worker looks, starts again, reads its state and refuses."""


def send_purchases(settings: Settings, name: str, count: int) -> None:
    """So many, of as many customers of that name."""
    events = [Purchase(f"{name}-{each}", f"{name}-{each}", START_US + each * 60_000_000, 500) for each in range(count)]
    send(settings.kafka.bootstrap_servers, lines_of(events, settings), 1)


def make_anew(settings: Settings, name: str) -> None:
    topics.delete(settings, [name])
    topics.create(settings, partitions=1)


def test_an_input_made_anew_under_a_worker_is_refused_and_where_that_is_accepted_read_whole_and_counted_for_ever(
    broker: TestBroker, topic_prefix: str
) -> None:
    settings = settings_for(broker.bootstrap_servers, topic_prefix, web={"port": free_port()})
    topics.create(settings, partitions=1)
    where, topic = f"http://127.0.0.1:{settings.web.port}", settings.kafka.topics.purchases
    send_purchases(settings, "old", 500)
    with WorkerProcess(settings, "w") as worker, Positions(settings, 1) as positions:
        positions.wait_caught_up(workers=[worker])
        make_anew(settings, topic)
        send_purchases(settings, "new", 600)

        assert worker.wait(_LONGER_S) == ExitCode.CONFIGURATION
        told = re.search(rf"{topic}-0 was made anew: it holds (?:([\d,]+) )?records?", worker.life_log)
        assert told is not None, worker.life_log[-3000:]
        assert int((told[1] or "0").replace(",", "")) <= 600, "as many as lay there when it looked"
    accepting = settings.changed(kafka={"on_gap": "continue"})
    with WorkerProcess(accepting, "w", web=True) as worker, closing(Positions(settings, 1)) as positions:
        positions.wait_caught_up(workers=[worker])
        until(lambda: metric(where, "churn_alert_gaps_total", topic=topic) == 1.0, "it counts", worker)
        until(lambda: customers(where) == 1_100, "every one of the new records is applied", worker)
        worker.end()
        worker.start()
        worker.wait_assigned()
        until(lambda: metric(where, "churn_alert_gaps_total", topic=topic) == 1.0, "it counts for ever", worker)
        worker.end()
        make_anew(settings, settings.kafka.ledger_topic)
        worker.start()

        assert worker.wait(_LONGER_S) == ExitCode.CONFIGURATION
        assert f"{settings.kafka.ledger_topic}-0 was made anew" in worker.life_log


def customers(where: str) -> float:
    """Of all segments."""
    found = [
        metric(where, "churn_alert_customers", segment=each) for each in ("new", "returning", "regular", "slowing")
    ]
    return sum(each or 0.0 for each in found)
