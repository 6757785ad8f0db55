"""Producers that hash differently, on a real broker: every customer is one, and whoever looks for them finds them."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.backtest.run import backtest
from service.cluster import topics
from service.cluster.partitioner import function_of, sample_of
from service.cluster.tail import open_reader, partitions_of, records_until_now
from service.config import Settings
from service.domain.events import Event, Profile, Purchase
from service.domain.findings import Decision
from service.feed.replay import partitioner_of, replay
from service.feed.simulate import Cafe, Simulation
from service.inspect.lookup import inspect_customer
from tests.support.broker import TestBroker
from tests.support.live_shop import until
from tests.support.load import lines_of, send, settings_for
from tests.support.worker_process import Positions, WorkerProcess

pytestmark = pytest.mark.broker
DAY_US = 86_400_000_000
START_US = 1_736_000_000_000_000
PARTITIONS = 4


def weekly(customers: int, weeks: int, prefix: str = "c") -> list[Purchase]:
    """In order of time; a third of them stay away after half of the weeks."""
    return [
        Purchase(f"e{prefix}{who}-{week}", f"{prefix}{who:02d}", START_US + (week * 7 + who % 7) * DAY_US + who, 500)
        for week in range(weeks)
        for who in sorted(range(customers), key=lambda who: (who % 7, who))
        if who % 3 or week < weeks // 2
    ]


@pytest.fixture
def settings(broker: TestBroker, topic_prefix: str) -> Settings:
    made = settings_for(broker.bootstrap_servers, topic_prefix)
    topics.create(made, partitions=PARTITIONS)
    return made


def test_a_sample_shows_who_hashes_unlike_the_others_and_a_replay_joins_the_most(settings: Settings) -> None:
    before = partitioner_of(settings), topics.where_keys_lie(settings)
    servers = settings.kafka.bootstrap_servers
    send(servers, lines_of(weekly(40, 6), settings), PARTITIONS, "crc32")
    alike = partitioner_of(settings), topics.where_keys_lie(settings)
    send(servers, lines_of(weekly(20, 2, "d"), settings), PARTITIONS, "murmur2")
    sample = asyncio.run(sample_of(settings, PARTITIONS))

    (told,) = topics.where_keys_lie(settings)

    assert before == ("murmur2", [])
    assert alike == ("crc32", [])
    assert sample.best() == "crc32"
    assert {key for _, _, key in sample.keys} == {f"c{n:02d}".encode() for n in range(40)} | {
        f"d{n:02d}".encode() for n in range(20)
    }
    assert told.startswith(f"Topic {settings.kafka.topics.purchases}: of 60 keys looked at, ")
    assert told.endswith("partitioner=consistent_random, their default.")


@pytest.fixture(scope="module")
def cafe(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Event], Path, Path]:
    simulation = Simulation(Cafe(customers=160, days=200, seed=5))
    purchases, surveys, _ = simulation.write(tmp_path_factory.mktemp("cafe"))
    said: list[Event] = [
        event for event in simulation.events() if not isinstance(event, Profile)
    ]  # a file has no consent
    return said, purchases, surveys


def told(settings: Settings, topic: str) -> list[Any]:
    with open_reader(settings.kafka) as reader:
        found = list(records_until_now(reader, partitions_of(reader, topic)))
    return [msgspec.json.decode(record.value) for record in found if record.value is not None]


def decided_by_a_backtest(settings: Settings, purchases: Path, surveys: Path) -> list[str]:
    expected: list[Decision] = []
    backtest(settings, [purchases], [surveys], partitions=PARTITIONS, on_decision=expected.append)
    return sorted(f"{decision.decision_id}.{decision.outcome.value}" for decision in expected)


def group_function(settings: Settings) -> str:
    with open_reader(settings.kafka) as reader:
        found = function_of(reader, settings)
    assert found is not None
    return found


def wait_until_the_same(settings: Settings, topic: str, wanted: list[str], timeout_s: float = 180.0) -> None:
    deadline = time.monotonic() + timeout_s
    while (found := sorted(each["id"] for each in told(settings, topic))) != wanted and time.monotonic() < deadline:
        time.sleep(0.5)
    assert found == wanted


@pytest.mark.parametrize(("workers", "kills"), [(1, 0), (2, 3)])
def test_with_two_kinds_of_producers_everybody_is_decided_about_as_if_there_were_one(
    settings: Settings, cafe: tuple[list[Event], Path, Path], workers: int, kills: int
) -> None:
    events, purchases, surveys = cafe
    lots = random.Random(7)
    send(
        settings.kafka.bootstrap_servers,
        lines_of(events, settings),
        PARTITIONS,
        lambda: lots.choice(("murmur2", "crc32")),
    )

    with ExitStack() as stack:
        running = [stack.enter_context(WorkerProcess(settings, f"w{number}")) for number in range(workers)]
        with Positions(settings, PARTITIONS) as positions:
            for _ in range(kills):
                victim = lots.choice(running)
                victim.wait_assigned()
                time.sleep(lots.uniform(0.0, 1.5))
                victim.end()
                victim.start()
            positions.wait_caught_up(workers=running)
        function = group_function(settings)
        wanted = decided_by_a_backtest(settings.changed(kafka={"partitioner": function}), purchases, surveys)
        wait_until_the_same(settings, settings.kafka.topics.outreach_decisions, wanted)
        logs = "".join(worker.log for worker in running)

    assert len(wanted) > 60
    assert "they are carried to the right ones" in logs


def test_consent_that_another_kind_of_producer_sends_counts(settings: Settings) -> None:
    asking = settings.changed(outreach={"consent": "required", "level": 1.0})
    said: list[Event] = [
        Profile(f"p{who}", f"c{who:02d}", START_US - DAY_US + who, marketing_consent=True) for who in range(40)
    ]
    bought: list[Event] = [*weekly(40, 30)]
    send(settings.kafka.bootstrap_servers, lines_of(said, settings), PARTITIONS, "crc32")
    send(settings.kafka.bootstrap_servers, lines_of(bought, settings), PARTITIONS, "murmur2")

    with WorkerProcess(asking, "w0") as worker, Positions(settings, PARTITIONS) as positions:
        positions.wait_caught_up(workers=[worker])
        names = settings.kafka.topics

        def decided() -> list[dict[str, Any]]:
            return [each["data"] for each in told(settings, names.outreach_decisions)]

        until(lambda: len({each["customer_id"] for each in decided()}) >= 14, "all are decided about", worker)
        until(lambda: bool(told(settings, names.outreach)), "somebody is written to", worker)

    assert Counter(each["reason"] for each in decided() if each["outcome"] != "released") == {}
    assert len({each["customer_id"] for each in decided()}) == 14, "a third of 40 stay away"


def test_who_hashes_as_librdkafka_does_finds_everybody_and_sends_nothing_twice(settings: Settings) -> None:
    bought: list[Event] = [*weekly(24, 12)]
    send(settings.kafka.bootstrap_servers, lines_of(bought, settings), PARTITIONS, "crc32")

    with WorkerProcess(settings, "w0") as worker, Positions(settings, PARTITIONS) as positions:
        positions.wait_caught_up(workers=[worker])
        names = sorted({event.customer_id for event in bought})[::4]
        before = {name: inspect_customer(settings, name).scores.orders for name in names}
        replay(
            bought,
            kafka=settings.kafka,
            minor_digits=2,
            partitioner=partitioner_of(settings),
        )
        positions.wait_caught_up(workers=[worker])
        after = {name: inspect_customer(settings, name).scores.orders for name in names}

    sent = Counter(event.customer_id for event in bought)
    assert before == {name: sent[name] for name in names} == after
    assert group_function(settings) == "crc32"
    assert told(settings, settings.kafka.carried_topic) == []
