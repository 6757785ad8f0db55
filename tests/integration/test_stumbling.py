"""An error of our own in the middle of a source that refuses nearly everything: the record is set aside by a later
life, and all lives together write no more letters than one, then what is good goes on."""

from __future__ import annotations

from collections import Counter

import pytest

from schemas.outputs import DeadLetter
from service.cluster import topics
from service.cluster.tail import open_reader, partitions_of, records_until_now
from service.config import Settings
from service.domain.events import Purchase
from tests.integration.test_topics_made_anew import customers
from tests.support.broker import TestBroker
from tests.support.live_shop import metric, until
from tests.support.load import START_US, Line, lines_of, send, settings_for
from tests.support.processes import free_port
from tests.support.stumbling_worker import STUMBLES
from tests.support.worker_process import WorkerProcess

pytestmark = [pytest.mark.broker]

MOST = 20
MADE_GOOD = 9
"""By the one record among them that can be understood: of ten, nine may be refused (limits.refused_share)."""
BAD_BEFORE, BAD_AFTER, GOOD = 12, 60, 300


def letters(settings: Settings) -> Counter[str]:
    """How many there are of each code."""
    with open_reader(settings.kafka) as reader:
        places = partitions_of(reader, settings.kafka.topics.dead_letters)
        found = [DeadLetter.model_validate_json(record.value) for record in records_until_now(reader, places)]
    return Counter(letter.error_code for letter in found)


def test_an_error_of_our_own_among_refused_records_costs_one_letter_and_the_limit_holds_over_its_lives(
    broker: TestBroker, topic_prefix: str
) -> None:
    settings = settings_for(
        broker.bootstrap_servers, topic_prefix, limits={"refused_records": MOST}, web={"port": free_port()}
    )
    topics.create(settings, partitions=1)
    where, topic = f"http://127.0.0.1:{settings.web.port}", settings.kafka.topics.purchases

    def bad(count: int) -> list[Line]:
        return [Line(topic, b"c", b"no json")] * count

    own = lines_of([Purchase("own", STUMBLES, START_US, 500)], settings)
    good = [Purchase(f"g{each}", f"good-{each}", START_US + each, 500) for each in range(GOOD)]
    send(broker.bootstrap_servers, [*bad(BAD_BEFORE), *own, *bad(BAD_AFTER)], 1)
    with WorkerProcess(settings, "w", static=False, web=True, program="tests.support.stumbling_worker") as worker:
        until(lambda: letters(settings)["internal_error"] == 1, "it is set aside", worker)
        until(lambda: metric(where, "churn_alert_source_stopped", topic=topic) == 1.0, "the source is stopped", worker)
        worker.end()
        worker.start()
        until(lambda: metric(where, "churn_alert_source_stopped", topic=topic) == 1.0, "so it is afterwards", worker)
        stopped = letters(settings)
        send(broker.bootstrap_servers, lines_of(good, settings), 1)
        until(lambda: customers(where) == float(GOOD), "it goes on by itself", worker)
        lives = worker.log.count("reading the state back after an error of our own")
        ended = letters(settings)

    assert stopped["internal_error"] == ended["internal_error"] == 1
    assert stopped["not_json"] == MOST + MADE_GOOD
    assert ended["not_json"] == BAD_BEFORE + BAD_AFTER
    assert lives == 2
    assert worker.exits == [-9, -9]
