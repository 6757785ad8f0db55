"""A worker whose clock is off while producers stamp the inputs: it says so by what the broker says of its own writes,
and writes no letters."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from kafka.admin import ConfigResource

from service.cluster import topics
from service.cluster.tail import open_reader, partitions_of
from service.config import Settings
from service.connection.admin import open_admin
from tests.chaos.under_test import CLOCK
from tests.integration.test_log_ends import buys
from tests.support.broker import TestBroker
from tests.support.live_shop import until
from tests.support.load import lines_of, send, settings_for
from tests.support.worker_process import Positions, WorkerProcess

pytestmark = [pytest.mark.broker]
OFF_S = 7_200


def stamped_by_producers(settings: Settings) -> None:
    """As most shops have their topics: what `topics create` finds it leaves as it is."""
    names, made = settings.kafka.topics, {"message.timestamp.type": "CreateTime"}
    with closing(open_admin(settings.kafka.bootstrap_servers)) as admin:
        inputs = names.purchases, names.surveys, names.customers
        admin.alter_configs([ConfigResource("topic", name, made) for name in inputs])


def test_a_wrong_clock_is_said_to_be_and_consumes_nothing_into_letters(
    broker: TestBroker, topic_prefix: str, tmp_path: Path
) -> None:
    settings = settings_for(broker.bootstrap_servers, topic_prefix, time={"clock": "wall"})
    topics.create(settings, partitions=1)
    stamped_by_producers(settings)
    clock = tmp_path / "clock"
    clock.write_text(str(-OFF_S))
    send(broker.bootstrap_servers, lines_of([buys(f"c{who}") for who in range(30)], settings), 1)
    worker = WorkerProcess(settings, "w")
    worker._environment[CLOCK] = str(clock)
    worker.run_as("tests.chaos.under_test")
    with worker, Positions(settings, 1) as positions:
        worker.wait_for("s behind the broker's: set whichever is wrong.*nothing is judged by this clock")
        assert positions.total() == 0
        clock.write_text("0")
        positions.wait_caught_up(workers=[worker])
        clock.write_text(str(OFF_S))
        worker.wait_for("s ahead of the broker's: set whichever is wrong.*nothing is judged by this clock")
        send(broker.bootstrap_servers, lines_of([buys("late")], settings), 1)
        clock.write_text("0")
        positions.wait_caught_up(workers=[worker])
        with open_reader(settings.kafka) as reader:
            letters = partitions_of(reader, settings.kafka.topics.dead_letters)
            assert set(reader.end_offsets(letters).values()) == {0}
        until(lambda: worker.log.count("the clock is right again") == 2, "it is said twice", worker)
