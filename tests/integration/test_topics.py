"""`churn-alert topics create|check` against a real broker."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import pytest
from kafka.admin import ConfigResource, ConfigResourceType

from service.cluster import topics
from service.cluster.topic_plan import Role, topic_plan
from service.config import Settings
from service.errors import ConfigurationError, TransientError
from tests.support.broker import TestBroker

pytestmark = pytest.mark.broker

PUBLIC = (
    "purchases",
    "surveys",
    "customers",
    "outreach",
    "outreach_decisions",
    "customer_scores",
    "period_metrics",
    "dead_letters",
    "deliveries",
)


@pytest.fixture
def settings(broker: TestBroker, topic_prefix: str) -> Settings:
    return settings_for(broker.bootstrap_servers, topic_prefix)


def settings_for(servers: str, prefix: str) -> Settings:
    names = {field: f"{prefix}{field.replace('_', '-')}" for field in PUBLIC}
    return Settings.model_validate(
        {"kafka": {"bootstrap_servers": servers, "group": f"{prefix}group", "topics": names}}
    )


def make(settings: Settings, wanted: Mapping[str, tuple[int, dict[str, str]]]) -> None:
    """Topics as a careless person would have made them: name → partitions, configuration."""
    with closing(topics.connect(settings.kafka)) as admin:
        request = {
            name: {"num_partitions": count, "replication_factor": 1, "configs": configs}
            for name, (count, configs) in wanted.items()
        }
        admin.create_topics(request, wait_for_metadata=True)


def described(settings: Settings, name: str) -> tuple[int, dict[str, Any]]:
    with closing(topics.connect(settings.kafka)) as admin:
        (topic,) = admin.describe_topics([name])
        configs = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])["topic"][name]
        return len(topic["partitions"]), {key: entry["value"] for key, entry in configs.items()}


def test_creates_every_topic_and_the_check_then_finds_nothing(settings: Settings) -> None:
    made = topics.create(settings, partitions=4)

    assert [one.created for one in made] == [True] * 12
    assert topics.check(settings) == []
    assert topics.drifts(settings) == []
    for spec in topic_plan(settings, 4):
        count, configs = described(settings, spec.name)
        assert count == (1 if spec.role is Role.TOTAL else 4)
        assert spec.configs.items() <= ({"cleanup.policy": "delete"} | configs).items()


def test_creating_twice_changes_nothing_and_says_that_all_existed(settings: Settings) -> None:
    topics.create(settings, partitions=2)

    again = topics.create(settings, partitions=2)

    assert [one.created for one in again] == [False] * 12


def test_one_partition_has_nobody_to_carry_records_to(settings: Settings) -> None:
    made = topics.create(settings, partitions=1)

    assert settings.kafka.carried_topic not in {one.spec.name for one in made}
    assert topics.check(settings) == []


def test_an_installation_of_an_earlier_release_gets_the_topic_that_it_lacks_and_nothing_else(
    settings: Settings,
) -> None:
    carried, said = settings.kafka.carried_topic, list[str]()
    earlier = {spec.name: (spec.partitions, dict(spec.configs)) for spec in topic_plan(settings, 3)}
    nothing = topics.make_added(settings)
    make(settings, {name: wanted for name, wanted in earlier.items() if name != carried})

    made = topics.make_added(settings, say=said.append)

    assert (nothing, made, topics.make_added(settings)) == (False, True, False)
    assert said == [f"The topic {carried} was missing and has been created"]
    assert topics.check(settings) == []
    assert described(settings, carried)[0] == 3


def test_the_topics_of_two_later_releases_are_added_together(settings: Settings) -> None:
    added = {settings.kafka.carried_topic, settings.kafka.topics.deliveries}
    earlier = {spec.name: (spec.partitions, dict(spec.configs)) for spec in topic_plan(settings, 2)}
    make(settings, {name: wanted for name, wanted in earlier.items() if name not in added})

    assert topics.make_added(settings)
    assert topics.check(settings) == []


def test_without_a_number_the_partitions_of_an_existing_input_are_taken(settings: Settings) -> None:
    make(settings, {settings.kafka.topics.purchases: (3, {})})

    made = topics.create(settings)

    assert {one.spec.partitions for one in made if one.spec.role is not Role.TOTAL} == {3}
    assert [one.spec.name for one in made if not one.created] == [settings.kafka.topics.purchases]


def test_an_existing_topic_with_other_partitions_is_refused_before_anything_is_made(settings: Settings) -> None:
    surveys = settings.kafka.topics.surveys
    make(settings, {surveys: (2, {})})

    with pytest.raises(ConfigurationError, match=rf"{surveys} has 2 partitions instead of 4.*--partitions 2"):
        topics.create(settings, partitions=4)

    assert len(topics.check(settings)[0].split(" and ")[0].split(",")) == 10, "the other eleven are still missing"


def test_a_compacted_input_is_refused_because_events_would_be_lost(settings: Settings) -> None:
    purchases = settings.kafka.topics.purchases
    make(settings, {purchases: (1, {"cleanup.policy": "compact"})})

    with pytest.raises(ConfigurationError, match=rf"{purchases} has cleanup.policy compact.*cleanup.policy=delete"):
        topics.create(settings, partitions=1)


def test_more_copies_than_brokers_is_one_sentence(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match=r"could not be created .*--replication"):
        topics.create(settings, partitions=1, replication=99)


def test_the_check_names_the_missing_topics_and_the_command(settings: Settings) -> None:
    problems = topics.check(settings)

    assert len(problems) == 1
    assert all(spec.name in problems[0] for spec in topic_plan(settings, 1))
    assert "churn-alert topics create" in problems[0]


def test_the_check_names_unequal_inputs_with_their_counts(settings: Settings) -> None:
    names = settings.kafka.topics
    make(settings, {names.purchases: (4, {}), names.surveys: (2, {}), names.customers: (4, {})})

    (unequal,) = [one for one in topics.check(settings) if "equal partition counts" in one]

    assert f"{names.purchases} has 4, {names.surveys} has 2, {names.customers} has 4" in unequal
    assert "--partitions 4" in unequal


def test_the_check_finds_internal_topics_of_another_partitioning_and_a_ledger_that_expires(settings: Settings) -> None:
    kafka = settings.kafka
    make(settings, {kafka.state_topic: (1, {"cleanup.policy": "compact"}), kafka.ledger_topic: (2, {})})
    make(settings, {name: (2, {}) for name in (kafka.topics.purchases, kafka.topics.surveys, kafka.topics.customers)})

    problems = topics.check(settings)

    assert any(f"{kafka.state_topic} has 1 partition instead of 2" in one for one in problems)
    assert any(f"{kafka.ledger_topic} has cleanup.policy delete" in one for one in problems)


def test_the_check_finds_dead_letters_too_small_for_the_inputs(settings: Settings) -> None:
    dead_letters = settings.kafka.topics.dead_letters
    make(settings, {dead_letters: (1, {"max.message.bytes": "1000000"})})
    topics.create(settings, partitions=1)

    problems = topics.check(settings)

    assert len(problems) == 3, "one for each input"
    assert all(f"Topic {dead_letters} takes records of 1000000 bytes" in one for one in problems)


def test_an_input_that_is_compacted_while_it_is_read_is_named(settings: Settings) -> None:
    topics.create(settings, partitions=2)
    purchases = settings.kafka.topics.purchases
    before = topics.losing(settings)
    with closing(topics.connect(settings.kafka)) as admin:
        admin.alter_configs([ConfigResource("topic", purchases, {"cleanup.policy": "compact"})])

    deadline = time.monotonic() + 180  # a broker hears of it from its controller
    while not (found := topics.losing(settings)) and time.monotonic() < deadline:
        time.sleep(0.1)
    (said,) = found

    assert before == []
    assert f"Topic {purchases} has cleanup.policy compact and would only keep the last event of each key" in said


def test_an_unreachable_broker_is_one_sentence_after_the_wait(topic_prefix: str) -> None:
    nowhere = settings_for("127.0.0.1:1", topic_prefix)
    said: list[str] = []
    begin = time.monotonic()

    problems = topics.check(nowhere, wait_s=1.0, say=said.append)

    assert problems == [
        "No Kafka broker answers at 127.0.0.1:1: start it, or correct kafka.bootstrap_servers and kafka.security_protocol."
    ]
    assert time.monotonic() - begin < 60
    with pytest.raises(TransientError):
        topics.create(nowhere)
