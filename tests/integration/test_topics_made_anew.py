"""A topic that is deleted and made again under a state that was made from it: said, then refused or accepted."""

from __future__ import annotations

import random
import re
import signal
from contextlib import closing

import msgspec
import pytest
from kafka import TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from service.carrying.reading import newest, read_held
from service.carrying.writing import set_offsets
from service.cluster import topics
from service.cluster.known_logs import KnownLog, KnownLogs
from service.cluster.tail import open_reader, partitions_of, records_until_now
from service.config import Settings
from service.domain.changelog import LOGS_KEY
from service.domain.events import Purchase
from service.errors import ConfigurationError, ExitCode
from service.streaming.membership import members_of, take_out
from tests.integration.test_delivery import FAR_US, Deliverer, Post
from tests.integration.test_delivery import settings_of as delivering
from tests.support.broker import TestBroker
from tests.support.delivery_world import requested
from tests.support.live_shop import metric, until
from tests.support.load import START_US, lines_of, send, settings_for
from tests.support.mail_sink import Sink
from tests.support.processes import free_port
from tests.support.worker_process import Positions, WorkerProcess

pytestmark = [pytest.mark.broker]
_LONGER_S = 240.0
"""A worker looks, starts again, reads its state and refuses."""


def send_purchases(settings: Settings, name: str, count: int) -> None:
    """So many, of as many customers of that name."""
    events = [Purchase(f"{name}-{each}", f"{name}-{each}", START_US + each * 60_000_000, 500) for each in range(count)]
    send(settings.kafka.bootstrap_servers, lines_of(events, settings), 1)


def make_anew(settings: Settings, *names: str, partitions: int = 1) -> None:
    topics.delete(settings, names)
    topics.create(settings, partitions=partitions)


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


@pytest.mark.parametrize(("name", "away"), [("state", "down"), ("ledger", "running")])
def test_a_changelog_made_anew_is_refused(broker: TestBroker, topic_prefix: str, name: str, away: str) -> None:
    settings = settings_for(broker.bootstrap_servers, topic_prefix)
    topics.create(settings, partitions=1)
    send_purchases(settings, "old", 50)
    topic = {"state": settings.kafka.state_topic, "ledger": settings.kafka.ledger_topic}[name]
    with WorkerProcess(settings, "w") as worker, Positions(settings, 1) as positions:
        positions.wait_caught_up(workers=[worker])
        if away == "down":
            worker.end()
        make_anew(settings, topic)
        if away == "down":
            worker.start()

        assert worker.wait(_LONGER_S) == ExitCode.CONFIGURATION
        assert f"{topic}-0 was made anew" in worker.life_log


def test_a_state_of_which_a_part_was_deleted_is_refused(broker: TestBroker, topic_prefix: str) -> None:
    """Somebody has set it to be deleted after a while, and back again: no end and no id tells of it."""
    settings = settings_for(broker.bootstrap_servers, topic_prefix)
    topics.create(settings, partitions=1)
    send_purchases(settings, "old", 50)
    state = TopicPartition(settings.kafka.state_topic, 0)
    with WorkerProcess(settings, "w") as worker, Positions(settings, 1) as positions:
        positions.wait_caught_up(workers=[worker])
        worker.end()
        with closing(topics.connect(settings.kafka)) as admin:
            for policy in ("delete", "compact"):
                resource = ConfigResource(ConfigResourceType.TOPIC, state.topic, {"cleanup.policy": policy})
                admin.alter_configs([resource])
                if policy == "delete":
                    admin.delete_records({state: 3})
        worker.start()

        assert worker.wait(_LONGER_S) == ExitCode.CONFIGURATION
        assert f"{state.topic}-0 begins at 3, and was to be read from 0" in worker.life_log
    with (
        open_reader(settings.kafka) as reader,
        pytest.raises(ConfigurationError, match=f"{state.topic}-0 begins at 3 instead of 0"),
    ):
        list(read_held(reader, settings.kafka, [0]))  # as an export does, and who divides it over more partitions


def known_outputs(settings: Settings) -> dict[str, KnownLog]:
    """As the ledger tells it."""
    with open_reader(settings.kafka) as reader:
        found, logs = newest(reader, TopicPartition(settings.kafka.ledger_topic, 0)), KnownLogs()
    logs.restore(found[LOGS_KEY])
    return logs.of


def test_outputs_made_anew_are_told_and_counted_for_ever_and_the_worker_goes_on(
    broker: TestBroker, topic_prefix: str
) -> None:
    settings = settings_for(broker.bootstrap_servers, topic_prefix)
    topics.create(settings, partitions=1)
    names = settings.kafka.topics
    outputs = names.outreach, names.outreach_decisions, names.customer_scores, names.dead_letters
    send_purchases(settings, "old", 50)

    def told(times: int) -> bool:
        known = known_outputs(settings)
        return all(known[each].gaps == times for each in outputs)

    with WorkerProcess(settings, "w") as worker, Positions(settings, 1) as positions:
        positions.wait_caught_up(workers=[worker])
        make_anew(settings, *outputs)
        until(lambda: told(1), "each is counted", worker)
        worker.end()
        make_anew(settings, *outputs)
        send_purchases(settings, "new", 50)
        worker.start()
        positions.wait_caught_up(workers=[worker])
        until(lambda: told(2), "each is counted again", worker)

        assert worker.log.count("an output was made anew") == 2 * len(outputs)
        assert worker.end(signal.SIGTERM) == ExitCode.DONE


def let_worker_know(settings: Settings) -> None:
    """A worker has been there: it knows which topics there are."""
    send_purchases(settings, "old", 5)
    with WorkerProcess(settings, "w") as worker, Positions(settings, 1) as positions:
        positions.wait_caught_up(workers=[worker])


def test_requests_made_anew_under_a_deliverer_are_refused_or_read_whole(broker: TestBroker, topic_prefix: str) -> None:
    with Sink() as sink:
        settings = delivering(broker, topic_prefix, sink.real_port)
        topics.create(settings, partitions=1)
        outreach = settings.kafka.topics.outreach
        let_worker_know(settings)
        with closing(Post(settings)) as post, Deliverer(settings) as deliverer:
            post.say(requested("r-1", "anna", expires_us=FAR_US))
            post.wait({"r-1": ("delivered", "")}, deliverer)
            make_anew(settings, outreach)
            assert deliverer.wait(_LONGER_S) == ExitCode.CONFIGURATION
            assert f"{outreach} was made anew: it holds 0 requests" in deliverer.life_log
            with Deliverer(settings.changed(kafka={"on_gap": "continue"})) as accepting:
                post.say(requested("r-1", "anna", expires_us=FAR_US), requested("r-2", "bert", expires_us=FAR_US))
                post.wait({"r-2": ("delivered", "")}, accepting)
        assert [mail["id"].split("@")[0] for mail in sink.handler.taken] == ["<r-1", "<r-2"]


def test_a_deliverer_without_its_memory_sends_nothing_again_also_where_its_offsets_are_gone(
    broker: TestBroker, topic_prefix: str
) -> None:
    with Sink() as sink:
        settings = delivering(broker, topic_prefix, sink.real_port)
        topics.create(settings, partitions=1)
        names, group = settings.kafka.topics, settings.deliver.group_of(settings.kafka.group, "smtp")
        let_worker_know(settings)
        with closing(Post(settings)) as post, Deliverer(settings) as deliverer:
            post.say(requested("r-1", "anna", expires_us=FAR_US))
            post.wait({"r-1": ("delivered", "")}, deliverer)
            make_anew(settings, names.deliveries)
            assert deliverer.wait(_LONGER_S) == ExitCode.CONFIGURATION
            assert f"{names.deliveries} was made anew, and group '{group}' remembered" in deliverer.life_log
            with closing(topics.connect(settings.kafka)) as admin:
                take_out(settings.kafka, members_of(settings.kafka, group), group)  # or its session has to end
                until(lambda: admin.delete_groups([group])[group] == "OK", "nobody is in it any more", None)
                deliverer.start()
                assert deliverer.wait() == ExitCode.CONFIGURATION
                assert "no offsets either: nobody knows which of 1 request" in deliverer.life_log
                set_offsets(admin, group, {TopicPartition(names.outreach, 0): 1})
            deliverer.start()
            post.say(requested("r-2", "bert", expires_us=FAR_US))
            post.wait({"r-2": ("delivered", "")}, deliverer)
        assert [mail["id"].split("@")[0] for mail in sink.handler.taken] == ["<r-1", "<r-2"]


def newest_orders(settings: Settings) -> dict[str, int]:
    """Of each customer, as published last."""
    with open_reader(settings.kafka) as reader:
        names = partitions_of(reader, settings.kafka.topics.customer_scores)
        found = {record.key: record.value for record in records_until_now(reader, names)}
    data = [msgspec.json.decode(value)["data"] for value in found.values() if value is not None]
    return {each["customer_id"]: each["orders"] for each in data}


def in_turns(settings: Settings, rounds: range) -> None:
    """Each of forty customers buys once a round, through one of two kinds of producers at random."""
    lots = random.Random(rounds.start)
    events = [
        Purchase(f"e{who}-{each}", f"c{who}", START_US + (each * 40 + who) * 86_400_000_000 // 40, 500)
        for each in rounds
        for who in range(40)
    ]
    send(settings.kafka.bootstrap_servers, lines_of(events, settings), 2, lambda: lots.choice(("murmur2", "crc32")))


def test_what_partitions_carry_to_each_other_made_anew_under_a_group_is_refused_or_read_on(
    broker: TestBroker, topic_prefix: str
) -> None:
    settings = settings_for(broker.bootstrap_servers, topic_prefix)
    topics.create(settings, partitions=2)
    in_turns(settings, range(3))
    with (
        WorkerProcess(settings, "w1", static=False) as one,
        WorkerProcess(settings, "w2", static=False) as two,
        Positions(settings, 2) as positions,
    ):
        positions.wait_caught_up(workers=[one, two])
        until(lambda: set(newest_orders(settings).values()) == {3}, "all is applied, what was carried as well", one)
        make_anew(settings, settings.kafka.carried_topic, partitions=2)

        assert {each.wait(_LONGER_S) for each in (one, two)} == {ExitCode.CONFIGURATION}
        assert all(f"{settings.kafka.carried_topic}-" in each.life_log for each in (one, two))
    accepting = settings.changed(kafka={"on_gap": "continue"})
    with (
        WorkerProcess(accepting, "w1", static=False) as one,
        WorkerProcess(accepting, "w2", static=False) as two,
        Positions(settings, 2) as positions,
    ):
        in_turns(settings, range(3, 6))
        positions.wait_caught_up(workers=[one, two])
        until(lambda: set(newest_orders(settings).values()) == {6}, "nothing is applied twice, and all once", one)
        assert len(newest_orders(settings)) == 40
