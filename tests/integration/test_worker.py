"""The worker on a real broker gives what the engine gives in one go, with any number of partitions and workers."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from schemas.outputs import DeadLetter
from service.cluster import topics
from service.config import Settings
from service.feed.simulate import Cafe, Simulation
from service.refused.dead_letters import read_dead_letters
from tests.support.broker import TestBroker
from tests.support.checker import check
from tests.support.load import Hostile, hostile, lines_of, mixed, send, settings_for
from tests.support.worker_process import Positions, WorkerProcess

pytestmark = [pytest.mark.broker]

BAD = 200


@pytest.mark.parametrize(("workers", "partitions"), [(1, 1), (1, 4), (2, 4), (2, 3)])
def test_workers_decide_and_count_as_the_engine_alone_does(
    broker: TestBroker, topic_prefix: str, workers: int, partitions: int
) -> None:
    settings = settings_for(broker.bootstrap_servers, topic_prefix)
    topics.create(settings, partitions=partitions)
    good = lines_of(Simulation(Cafe(customers=120, days=200, seed=4)).events(), settings)
    bad = list(hostile(settings.kafka.topics, BAD))
    send(broker.bootstrap_servers, mixed(good, bad), partitions)

    with ExitStack() as stack:
        running = [
            stack.enter_context(WorkerProcess(settings, f"w{number}", static=False)) for number in range(workers)
        ]
        with Positions(settings, partitions) as positions:
            positions.wait_caught_up(workers=running)
        report = check(settings, partitions)

        report.assert_same(
            "events", "customers", "decisions", "outreach events", "scores", "dead letters", "period rows"
        )
        assert report.counts["dead letters"] == BAD
        assert [worker.exits for worker in running] == [[]] * workers
    _assert_reasons(settings, bad)


def _assert_reasons(settings: Settings, bad: list[Hostile]) -> None:
    """Every hostile record lies in dead-letters with the reason that it was made for, and its bytes."""
    found = sorted(_told(stored.letter) for stored in read_dead_letters(settings))
    wanted = sorted((one.line.topic, one.code.value, len(one.line.value or b"")) for one in bad)
    assert found == wanted


def _told(letter: DeadLetter) -> tuple[str, str, int]:
    encoded = letter.value_base64 or ""
    return letter.source_topic, letter.error_code, len(encoded) * 3 // 4 - encoded.count("=")
