"""Creates and checks the topics, for people who wait for a broker and for those who do not."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from kafka import errors
from kafka.admin import ConfigResource, ConfigResourceType

from service.cluster import partitioner
from service.cluster.tail import open_reader
from service.cluster.topic_plan import Role, TopicSpec, topic_plan
from service.cluster.topic_problems import Existing, kept_otherwise, problems_of, wrong_counts, wrong_policies
from service.config import DEFAULT_PARTITIONS, KafkaSettings, Settings
from service.connection import NoBrokerError, RefusedError, new_admin
from service.errors import ConfigurationError, TransientError
from service.wire.input_topics import input_names

Say = Callable[[str], None]
"""Receives one line for a person."""

ATTEMPT_S = 3.0
"""One try to reach a broker: name lookup, connection, and the first answer."""
ALL_TOPICS = 2
"""So many partitions need every kind of topic."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
REFUSED_S = 5.0
"""Of a wait that has an end: a broker that comes up may refuse for a moment whom it lets in then."""
REQUEST_TIMEOUT_MS = 15_000


@dataclass(frozen=True, slots=True)
class Made:
    """What `create` did about one topic: made it, or found it as it should be."""

    spec: TopicSpec
    created: bool


@dataclass(frozen=True, slots=True)
class DeliveryTopics:
    """As a delivery process finds them."""

    outreach: int
    """Partitions."""
    customers: int
    """Partitions."""
    kept_ms: int
    """How long `outreach` keeps a request; -1 = for ever."""


def _silent(_line: str) -> None:
    pass


def connect(kafka: KafkaSettings, wait_s: float = 0.0, say: Say = _silent) -> Any:
    """An admin client; tries again with growing pauses for `wait_s` seconds (math.inf = for ever), and says why
    whenever the reason is another one. Who waits for a broker to come up is not kept waiting by one that refuses them.

    Raises NoBrokerError when no broker answered, RefusedError when one did not let us in, ConfigurationError at once
    when that cannot change.
    """
    began_s, pause, told = time.monotonic(), FIRST_PAUSE_S, ""
    while True:
        try:
            return new_admin(kafka, ATTEMPT_S, request_timeout_ms=REQUEST_TIMEOUT_MS)
        except (TransientError, RefusedError) as error:
            why: TransientError | RefusedError = error
        except (errors.KafkaError, OSError) as error:
            why = NoBrokerError(
                f"The broker at {kafka.bootstrap_servers} let us in and went ({type(error).__name__}): try again."
            )
        longest_s = min(wait_s, REFUSED_S) if isinstance(why, RefusedError) and wait_s < math.inf else wait_s
        if time.monotonic() + pause > began_s + longest_s:
            raise why
        if told != str(why):
            say(f"Waiting for a Kafka broker at {kafka.bootstrap_servers}. {why}")
            told = str(why)
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_S)


def create(
    settings: Settings,
    *,
    partitions: int | None = None,
    replication: int | None = None,
    wait_s: float = 0.0,
    say: Say = _silent,
) -> tuple[Made, ...]:
    """Creates what is missing and returns when every partition has a leader. Existing topics are left as they are.

    `partitions` None = as the existing inputs have, else DEFAULT_PARTITIONS; `replication` None = the broker's default.
    Raises ConfigurationError, before anything is created, when an existing topic cannot be used; TransientError as
    `connect`.
    """
    with closing(connect(settings.kafka, wait_s, say)) as admin, _one_sentence(settings.kafka):
        existing = _describe(admin, [spec.name for spec in topic_plan(settings, ALL_TOPICS)])
        plan = topic_plan(settings, partitions or _partitions_of_inputs(settings, existing), replication)
        problems = [*wrong_counts(plan, existing), *wrong_policies(plan, existing)]
        if problems:
            more = f" ({len(problems) - 1} more: `churn-alert topics check` lists them)" if len(problems) > 1 else ""
            raise ConfigurationError(problems[0] + more)
        missing = [spec for spec in plan if spec.name not in existing]
        if missing:
            _create(admin, missing)
            admin.wait_for_topics([spec.name for spec in missing], timeout_ms=REQUEST_TIMEOUT_MS)
        return tuple(Made(spec, spec.name not in existing) for spec in plan)


def make_added(settings: Settings, *, wait_s: float = 0.0, say: Say = _silent) -> bool:
    """Creates the topics that an installation of an earlier release lacks, or of before a threshold was set, where
    nothing else is missing: that of carried records, that of deliveries, that of notices.

    Returns whether it did. Raises as `create`.
    """
    added = {settings.kafka.carried_topic, settings.kafka.topics.deliveries, settings.kafka.topics.shop_notices}
    with closing(connect(settings.kafka, wait_s, say)) as admin, _one_sentence(settings.kafka):
        existing = _describe(admin, [spec.name for spec in topic_plan(settings, ALL_TOPICS)])
        missing = [
            spec
            for spec in topic_plan(settings, _partitions_of_inputs(settings, existing))
            if spec.name not in existing
        ]
        if not missing or not {spec.name for spec in missing} <= added:
            return False
        _create(admin, missing)
        admin.wait_for_topics([spec.name for spec in missing], timeout_ms=REQUEST_TIMEOUT_MS)
    for spec in missing:
        say(f"The topic {spec.name} was missing and has been created")
    return True


def add_partitions(settings: Settings, partitions: int) -> list[str]:
    """Gives the existing inputs and outputs so many; returns those that had fewer, when all have leaders.

    Raises ConfigurationError where one has more already, or a broker refuses; TransientError as `connect`.
    """
    with closing(connect(settings.kafka)) as admin, _one_sentence(settings.kafka):
        plan = [spec for spec in topic_plan(settings, partitions) if spec.role in {Role.INPUT, Role.OUTPUT}]
        existing = _describe(admin, [spec.name for spec in plan])
        for spec in plan:
            if spec.name in existing and existing[spec.name].partitions > spec.partitions:
                raise ConfigurationError(
                    f"Topic {spec.name} has {existing[spec.name].partitions} partitions, and Kafka cannot take any away: "
                    "choose as many, or other topics."
                )
        fewer = [
            spec.name for spec in plan if spec.name in existing and existing[spec.name].partitions < spec.partitions
        ]
        if fewer:
            admin.create_partitions(dict.fromkeys(fewer, partitions))
        _until(lambda: all(each.partitions == partitions for each in _describe(admin, fewer).values()))
        return fewer


def output_names(settings: Settings) -> list[str]:
    """What is told to others: of the shop's customers, its numbers, and what could not be understood."""
    return [spec.name for spec in topic_plan(settings, ALL_TOPICS) if spec.role in {Role.OUTPUT, Role.TOTAL}]


def delete(settings: Settings, names: Sequence[str]) -> list[str]:
    """Deletes those of the topics that exist; returns them, when they are gone. Raises as `create`."""
    with closing(connect(settings.kafka)) as admin, _one_sentence(settings.kafka):
        gone = sorted(_describe(admin, names))
        if gone:
            admin.delete_topics(gone)
        _until(lambda: not _describe(admin, gone))
        return [f"topic {name}" for name in gone]


def _until(done: Callable[[], bool]) -> None:
    """Brokers hear of a change one after the other. KafkaTimeoutError where it takes too long."""
    deadline = time.monotonic() + REQUEST_TIMEOUT_MS / 1000
    while not done():
        if time.monotonic() > deadline:
            raise errors.KafkaTimeoutError("the change is not known everywhere")
        time.sleep(FIRST_PAUSE_S)


def for_delivery(settings: Settings, *, wait_s: float = 0.0, say: Say = _silent) -> DeliveryTopics:
    """What a delivery process has to know of its topics.

    Raises ConfigurationError where one is missing or `deliveries` cannot hold what belongs beside each partition of
    `outreach`; TransientError as `connect`.
    """
    names = settings.kafka.topics
    customers = input_names(names)[-1]
    with closing(connect(settings.kafka, wait_s, say)) as admin, _one_sentence(settings.kafka):
        existing = _describe(admin, [names.outreach, names.deliveries, customers])
    missing = [name for name in (names.outreach, customers, names.deliveries) if name not in existing]
    if missing:
        raise ConfigurationError(f"Topic {missing[0]} does not exist: run `churn-alert topics create`.")
    outreach, deliveries = existing[names.outreach], existing[names.deliveries]
    if deliveries.partitions < outreach.partitions:
        raise ConfigurationError(
            f"Topic {names.deliveries} has {deliveries.partitions} partitions and {names.outreach} has {outreach.partitions}: "
            f"what was sent is kept beside what was asked for, so give it as many with `kafka-topics.sh --alter --topic "
            f"{names.deliveries} --partitions {outreach.partitions}`."
        )
    if "compact" not in deliveries.configs.get("cleanup.policy", ""):
        raise ConfigurationError(
            f"Topic {names.deliveries} would lose what was sent: set it with `kafka-configs.sh --alter --entity-type topics "
            f"--entity-name {names.deliveries} --add-config cleanup.policy=compact`."
        )
    return DeliveryTopics(
        outreach.partitions, existing[customers].partitions, int(outreach.configs.get("retention.ms", -1))
    )


def partition_count(settings: Settings, *, wait_s: float = 0.0, say: Say = _silent) -> int:
    """How many partitions the inputs have; DEFAULT_PARTITIONS while there are none. Raises as `create`."""
    with closing(connect(settings.kafka, wait_s, say)) as admin, _one_sentence(settings.kafka):
        return _partitions_of_inputs(settings, _describe(admin, input_names(settings.kafka.topics)))


def check(settings: Settings, *, wait_s: float = 0.0, say: Say = _silent) -> list[str]:
    """Everything that keeps a worker from running on these topics; empty = all is well.

    Who waits for ever for a broker gets TransientError where it goes in between: that is no fault of the topics."""
    try:
        return problems_of(settings, _described(settings, wait_s, say))
    except TransientError as error:
        if wait_s == math.inf:
            raise
        return [str(error)]
    except ConfigurationError as error:
        return [str(error)]


def drifts(settings: Settings) -> list[str]:
    """Topics that are kept for another time than the settings say; empty = none is. Raises as `create`."""
    return kept_otherwise(settings, _described(settings))


def _described(settings: Settings, wait_s: float = 0.0, say: Say = _silent) -> dict[str, Existing]:
    with closing(connect(settings.kafka, wait_s, say)) as admin, _one_sentence(settings.kafka):
        return _describe(admin, [spec.name for spec in topic_plan(settings, ALL_TOPICS)])


def where_keys_lie(settings: Settings) -> list[str]:
    """What a sample of the inputs shows of keys that lie in a partition to which they do not belong.

    Empty where all lie right. Raises as `create`.
    """
    partitions = partition_count(settings)
    if partitions < 2:
        return []
    with open_reader(settings.kafka) as reader:
        known = partitioner.function_of(reader, settings)
    sample = asyncio.run(partitioner.sample_of(settings.kafka, partitions))
    return list(partitioner.sentences(sample, known or sample.best()))


def _partitions_of_inputs(settings: Settings, existing: Mapping[str, Existing]) -> int:
    inputs = input_names(settings.kafka.topics)
    return max((existing[name].partitions for name in inputs if name in existing), default=DEFAULT_PARTITIONS)


def _describe(admin: Any, names: Sequence[str]) -> dict[str, Existing]:
    counts: dict[str, int] = {}
    for topic in admin.describe_topics(list(names)):
        error = errors.for_code(topic["error_code"])
        if error is errors.NoError:
            counts[topic["name"]] = len(topic["partitions"])
        elif error is not errors.UnknownTopicOrPartitionError:
            raise error(topic["name"])
    if not counts:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in counts]
    described: dict[str, dict[str, Any]] = admin.describe_configs(resources, config_filter="all").get("topic", {})
    return {
        name: Existing(count, {key: str(entry["value"]) for key, entry in described.get(name, {}).items()})
        for name, count in counts.items()
    }


def _create(admin: Any, missing: Sequence[TopicSpec]) -> None:
    request = {
        spec.name: {
            "num_partitions": spec.partitions,
            "replication_factor": spec.replication or -1,
            "configs": dict(spec.configs),
        }
        for spec in missing
    }
    for topic in admin.create_topics(request, raise_errors=False)["topics"]:
        error = errors.for_code(topic["error_code"])
        if error not in {errors.NoError, errors.TopicAlreadyExistsError}:  # the other: somebody was quicker
            reason = str(topic["error_message"] or error.__name__).rstrip(".")
            raise ConfigurationError(
                f"Topic {topic['name']} could not be created ({reason}): choose other --partitions or --replication, "
                "or let an administrator of the broker create it."
            )


@contextmanager
def _one_sentence(kafka: KafkaSettings) -> Iterator[None]:
    """A broker that refuses or vanishes in the middle becomes one sentence."""
    try:
        yield
    except errors.AuthorizationError as error:
        raise ConfigurationError(
            f"The broker at {kafka.bootstrap_servers} does not let us describe or create topics ({error}): "
            "grant DESCRIBE, DESCRIBE_CONFIGS and CREATE."
        ) from error
    except errors.KafkaError as error:
        raise TransientError(
            f"The broker at {kafka.bootstrap_servers} stopped answering ({error}): try again."
        ) from error
