"""Answers that come after days, or to one process too many: a broker that has forgotten a producer of which it has
heard nothing, and a group that has no place."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from service.cluster import topics
from service.config import Settings
from service.domain.calendar import DAY_US
from service.errors import ExitCode
from service.local_broker.broker import LocalKafka
from tests.integration.test_delivery import Deliverer, Post, settings_of
from tests.support.broker import local_kafka
from tests.support.delivery_world import requested
from tests.support.live_shop import metric, readiness, until
from tests.support.load import many_purchases, send, settings_for
from tests.support.mail_sink import Sink
from tests.support.worker_process import Positions, WorkerProcess

pytestmark = [pytest.mark.broker]

FORGOTTEN = "the broker has forgotten this producer"
FULL = "the consumer group is full"
AWAY = "no broker has answered since"
PATIENCE_S = 300.0
EXPIRES_S = 5.0
"""Longer than a worker takes from its beginning to its first turn: else none would ever write."""
SESSION_S = 240.0
"""Longer than any start takes."""


@pytest.fixture(scope="module")
def forgetful() -> Iterator[LocalKafka]:
    """Forgets a producer within seconds."""
    limits = {
        "transactional.id.expiration.ms": str(int(EXPIRES_S * 1000)),
        "transaction.remove.expired.transaction.cleanup.interval.ms": "200",
    }
    with local_kafka(settings=limits) as broker:
        yield broker


@pytest.fixture(scope="module")
def narrow() -> Iterator[LocalKafka]:
    """Has room for one member in each group. It forgets nobody: who is forgotten starts again, and leaves its place to
    whoever asks for it meanwhile."""
    with local_kafka(settings={"group.max.size": "1"}) as broker:
        yield broker


def read_by(broker: LocalKafka, prefix: str) -> Settings:
    settings = settings_for(broker.bootstrap_servers, prefix, kafka={"session_timeout_s": SESSION_S})
    topics.create(settings, partitions=1)
    more(settings, 0)
    return settings


def more(settings: Settings, first: int) -> None:
    send(settings.kafka.bootstrap_servers, many_purchases(settings.kafka.topics.purchases, 50, first=first), 1)


def caught_up(settings: Settings, worker: WorkerProcess) -> None:
    with Positions(settings, 1) as positions:
        positions.wait_caught_up(workers=[worker])


def test_after_days_without_a_record_the_next_one_is_taken(forgetful: LocalKafka, topic_prefix: str) -> None:
    """Nobody has to start the worker again: it does so itself."""
    settings = read_by(forgetful, topic_prefix)
    with WorkerProcess(settings, "w") as worker:
        caught_up(settings, worker)
        pid, until_s, sent = worker.pid, time.monotonic() + PATIENCE_S, 50
        while FORGOTTEN not in worker.log:
            assert time.monotonic() < until_s, worker.log
            time.sleep(EXPIRES_S + 1.0)
            more(settings, sent)
            sent += 50
            caught_up(settings, worker)
        assert (worker.pid, worker.running, worker.exits) == (pid, True, [])


def test_a_worker_for_which_the_group_has_no_place_says_so_and_takes_the_first_that_is_free(
    narrow: LocalKafka, topic_prefix: str
) -> None:
    settings = read_by(narrow, topic_prefix)
    with WorkerProcess(settings, "w1", static=False) as first:
        caught_up(settings, first)
        with WorkerProcess(settings, "w2", static=False) as second:
            second.wait_for(FULL)
            first.end(signal.SIGTERM)
            more(settings, 50)
            caught_up(settings, second)
            assert second.log.count(FULL) == 1
            assert second.exits == []


def test_brokers_of_two_clusters_are_not_taken_for_one(
    forgetful: LocalKafka, narrow: LocalKafka, topic_prefix: str
) -> None:
    """Both have the topics, as a test and the real one do."""
    settings = settings_for(f"{forgetful.bootstrap_servers},{narrow.bootstrap_servers}", topic_prefix)
    for broker in (forgetful, narrow):
        topics.create(settings.changed(kafka={"bootstrap_servers": broker.bootstrap_servers}), partitions=1)
    with WorkerProcess(settings, "w") as worker:
        code, said = worker.wait(), worker.log

    assert code == ExitCode.CONFIGURATION
    assert "kafka.bootstrap_servers names brokers of more than one cluster" in said
    assert len(said.splitlines()) == 1


def told_by(where: str) -> str:
    return " ".join(readiness(where)[1]["missing"])


class Outreach:
    """Asks for one message after the other, each to somebody else."""

    def __init__(self, settings: Settings) -> None:
        topics.create(settings, partitions=1)
        self.post, self.asked = Post(settings), 0

    def delivered_by(self, who: Deliverer) -> None:
        self.asked += 1
        name = str(self.asked)
        self.post.say(requested(f"r{name}", f"c{name}", expires_us=time.time_ns() // 1000 + DAY_US))
        self.post.wait({f"r{name}": ("delivered", "")}, who)


def test_a_deliverer_that_has_sent_nothing_for_days_sends_the_next_message(
    forgetful: LocalKafka, topic_prefix: str
) -> None:
    with Sink() as sink:
        settings = settings_of(forgetful, topic_prefix, sink.real_port)
        outreach = Outreach(settings)
        with Deliverer(settings, "one") as one:
            outreach.delivered_by(one)
            pid, until_s = one.pid, time.monotonic() + PATIENCE_S
            while FORGOTTEN not in one.log:
                assert time.monotonic() < until_s, one.log
                time.sleep(EXPIRES_S + 1.0)
                outreach.delivered_by(one)
            where = one.address.removesuffix("/")
            forgetful.pause()
            until(lambda: AWAY in told_by(where), "the broker that stands still is missed", one)
            since, code = metric(where, "churn_alert_broker_unreachable_since_seconds"), readiness(where)[0]
            forgetful.resume()
            until(lambda: AWAY not in told_by(where), "the broker answers again", one)
            outreach.delivered_by(one)
            assert (one.pid, one.exits) == (pid, [])
        assert code == 503
        assert since is not None
        assert abs(time.time() - since) < 2 * PATIENCE_S
        assert len(sink.handler.taken) == outreach.asked, "nothing is sent twice"
        outreach.post.close()


def test_a_deliverer_waits_for_a_place_and_follows_one_that_was_killed_at_once(
    narrow: LocalKafka, topic_prefix: str
) -> None:
    with Sink() as sink:
        settings = settings_of(narrow, topic_prefix, sink.real_port).changed(kafka={"session_timeout_s": SESSION_S})
        outreach = Outreach(settings)
        with Deliverer(settings, "one") as one:
            outreach.delivered_by(one)
            with Deliverer(settings, "two") as two:
                two.wait_for(FULL)
                where = two.address.removesuffix("/")
                code, told = readiness(where)
                one.end(signal.SIGTERM)
                outreach.delivered_by(two)
                until(lambda: readiness(where)[0] == 200, "the place is taken", two)
                two.end(signal.SIGKILL)
                two.start()
                back = two.wait_assigned()
                outreach.delivered_by(two)
                assert two.log.count(FULL) == 1
        assert code == 503
        assert any(FULL in each for each in told["missing"])
        assert back < SESSION_S / 2
        assert len(sink.handler.taken) == outreach.asked, "nothing is sent twice"
        outreach.post.close()
