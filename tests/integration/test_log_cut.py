"""A log that has lost its end, and is as long again when somebody looks: offsets tell nothing, epochs of leaders do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from service.cluster import topics
from service.config import Settings
from service.errors import ExitCode
from service.local_broker.broker import LocalKafka
from tests.integration.test_topics_made_anew import customers, send_purchases
from tests.support.live_shop import metric, until
from tests.support.load import settings_for
from tests.support.processes import free_port
from tests.support.worker_process import Positions, WorkerProcess

pytestmark = [pytest.mark.broker]


def lose(broker: LocalKafka, topic: str) -> None:
    """The broker dies, its disk has lost what lay in the topic, and it comes back."""
    broker.kill()
    assert broker._home is not None
    (log,) = broker._home.rglob(f"{topic}-0")
    for each in Path(log).iterdir():
        if each.name != "partition.metadata":
            shutil.rmtree(each) if each.is_dir() else each.unlink()
    broker.restart()


@pytest.mark.parametrize("away", ["down", "paused"])
def test_a_log_that_was_cut_and_filled_again_is_no_longer_the_one_that_was_read(
    own_broker: LocalKafka, away: str
) -> None:
    settings: Settings = settings_for(own_broker.bootstrap_servers, web={"port": free_port()})
    topics.create(settings, partitions=1)
    where, topic = f"http://127.0.0.1:{settings.web.port}", settings.kafka.topics.purchases
    send_purchases(settings, "old", 500)
    with WorkerProcess(settings, "w") as worker, Positions(settings, 1) as positions:
        positions.wait_caught_up(workers=[worker])
        worker.end() if away == "down" else worker.pause()
        lose(own_broker, topic)
        send_purchases(settings, "new", 600)
        worker.start() if away == "down" else worker.resume()

        while (code := worker.wait()) == ExitCode.CRASHED:  # it stood still in a turn; a supervisor starts it again
            worker.start()
        assert code == ExitCode.CONFIGURATION, worker.log[-3_000:]
        assert (
            f"{topic}-0 was read up to 500, and is another one from 0 on: it has lost its last 500 records"
            in worker.log
        )
    accepting = settings.changed(kafka={"on_gap": "continue"})
    with WorkerProcess(accepting, "w", web=True) as worker:
        until(lambda: customers(where) == 1_100, "every one of the new records is applied", worker)
        until(lambda: metric(where, "churn_alert_gap_records_total", topic=topic) == 500.0, "they count", worker)
        worker.end()
        own_broker.restart()
        send_purchases(settings, "newer", 10)
        worker.start()
        until(lambda: customers(where) == 1_110, "another leader that has everything is no loss", worker)

        assert metric(where, "churn_alert_gaps_total", topic=topic) == 1.0
