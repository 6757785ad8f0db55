"""One table of input topics: complete on both sides of the wire, and everything that deals with inputs goes over it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import get_args

import pytest

from schemas import inputs
from service.cluster.topic_plan import Role, topic_plan
from service.config import Settings, TopicNames
from service.domain.counts import COUNTED
from service.domain.events import Erasure, Event, Item, Merge, Profile, Purchase, Survey, SurveyAnswer
from service.feed.records import key_of, value_of
from service.streaming.job import PartitionJob
from service.wire.decoder import Decoder, DecoderSettings
from service.wire.input_topics import BY_RANK, INPUT_TOPICS, TOPIC_OF, input_names
from tests.support.syntax import attributes

ROOT = Path(__file__).parents[2]
AT_US = 1_735_732_800_000_001
EVENTS: tuple[Event, ...] = (
    Purchase("p", "anna", AT_US, 1250, False, "o1", (Item("tea", "Tea"),)),
    Purchase("r", "anna", AT_US, 5, True),
    SurveyAnswer("s", "anna", AT_US, Survey.CES, 7, "o1"),
    Profile("c", "anna", AT_US, "Anna", "fr-FR", "Europe/Paris", "a@example.org", "+33 1", "7", False),
    Erasure("e", "anna", AT_US),
    Merge("m", "anna", AT_US, "anne"),
)


def test_every_event_comes_from_exactly_one_topic() -> None:
    named = [event for row in INPUT_TOPICS for event in row.events]

    assert sorted(event.__name__ for event in named) == sorted(event.__name__ for event in get_args(Event))
    assert dict(TOPIC_OF) == {event: row for row in INPUT_TOPICS for event in row.events}


def test_every_row_has_its_channel_and_a_setting_that_begins_as_the_channel_is_called() -> None:
    assert [row.channel for row in INPUT_TOPICS] == list(inputs.INPUT_CHANNELS)
    assert input_names(TopicNames()) == tuple(channel.name for channel in inputs.INPUT_CHANNELS)
    assert TopicNames.model_fields.keys() >= {row.channel.name for row in INPUT_TOPICS}


def test_ranks_differ_so_that_ties_of_time_have_one_order() -> None:
    assert len({row.rank for row in INPUT_TOPICS}) == len(INPUT_TOPICS)
    assert [row.channel.name for row in BY_RANK] == ["customers", "purchases", "surveys"]


def test_what_is_counted_of_a_topic_is_a_counter_of_the_engine() -> None:
    counted = [counter for row in INPUT_TOPICS for counter in row.counted]

    assert len(counted) == len(set(counted))
    assert set(counted) <= set(COUNTED)


def test_topics_and_jobs_go_over_the_table_whatever_the_topics_are_called() -> None:
    names = {row.channel.name: f"shop.{row.channel.name}" for row in INPUT_TOPICS}
    settings = Settings(kafka={"topics": names})

    assert [spec.name for spec in topic_plan(settings, 1) if spec.role is Role.INPUT] == list(names.values())
    assert PartitionJob(settings, 0).sources == ("shop.customers", "shop.purchases", "shop.surveys")


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: f"{type(event).__name__}-{event.event_id}")
def test_what_a_row_writes_it_reads_back(event: Event) -> None:
    decode = TOPIC_OF[type(event)].decode(Decoder(DecoderSettings()))

    assert decode(value_of(event, 2), key_of(event), None, AT_US) == event


@pytest.mark.files
def test_nothing_of_the_service_but_its_settings_names_an_input_topic() -> None:
    """Who writes `topics.purchases` has made a second table."""
    settings_keys = {row.channel.name for row in INPUT_TOPICS}
    own = {"service/config/sections/kafka.py", "service/wire/input_topics.py"}
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, node in attributes(ROOT / "service")
        if str(path.relative_to(ROOT)) not in own
        and node.attr in settings_keys
        and isinstance(node.value, ast.Name | ast.Attribute)
        and (node.value.id if isinstance(node.value, ast.Name) else node.value.attr) in {"topics", "names"}
    ]

    assert found == []
