"""Producers that hash differently, on a real broker: every customer is one, and whoever looks for them finds them."""

from __future__ import annotations

import asyncio

import pytest

from service.config import Settings
from service.domain.events import Purchase
from service.feed.replay import partitioner_of
from service.streaming import topics
from service.streaming.partitioner import sample_of
from tests.support.broker import TestBroker
from tests.support.load import lines_of, send, settings_for

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
    sample = asyncio.run(sample_of(settings.kafka, PARTITIONS))

    (told,) = topics.where_keys_lie(settings)

    assert before == ("murmur2", [])
    assert alike == ("crc32", [])
    assert sample.best() == "crc32"
    assert {key for _, _, key in sample.keys} == {f"c{n:02d}".encode() for n in range(40)} | {
        f"d{n:02d}".encode() for n in range(20)
    }
    assert told.startswith(f"Topic {settings.kafka.topics.purchases}: of 60 keys looked at, ")
    assert told.endswith("partitioner=consistent_random, their default.")
