"""Creates and checks the topics. Every problem is one sentence with its cause and its cure."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from kafka import errors
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from service.config import KafkaSettings, Settings
from service.errors import ConfigurationError, TransientError
from service.streaming.admin import open_admin
from service.streaming.connection import kafka_python_security
from service.streaming.input_topics import input_names
from service.streaming.topic_plan import DEFAULT_PARTITIONS, Role, TopicSpec, dead_letter_bytes, topic_plan

Say = Callable[[str], None]
"""Receives one line for a person."""

ATTEMPT_S = 3.0
"""One try to reach a broker: name lookup, connection, and the first answer."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
REQUEST_TIMEOUT_MS = 15_000


@dataclass(frozen=True, slots=True)
class Existing:
    """A topic as the broker describes it."""

    partitions: int
    configs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Made:
    """What `create` did about one topic: made it, or found it as it should be."""

    spec: TopicSpec
    created: bool


def _silent(_line: str) -> None:
    pass


def connect(kafka: KafkaSettings, wait_s: float = 0.0, say: Say = _silent) -> KafkaAdminClient:
    """An admin client; tries again with growing pauses for `wait_s` seconds (math.inf = for ever), and says so once.

    Raises TransientError when no broker answered, ConfigurationError when one refused the credentials.
    """
    deadline, pause, told = time.monotonic() + wait_s, FIRST_PAUSE_S, False
    while True:
        try:
            return open_admin(
                kafka.bootstrap_servers,
                ATTEMPT_S,
                request_timeout_ms=REQUEST_TIMEOUT_MS,
                **kafka_python_security(kafka),
            )
        except (errors.SaslAuthenticationFailedError, errors.AuthorizationError) as error:
            raise ConfigurationError(
                f"The broker at {kafka.bootstrap_servers} refuses us ({type(error).__name__}): "
                "check kafka.security_protocol, sasl_username and sasl_password."
            ) from error
        except (errors.KafkaError, OSError) as error:
            if time.monotonic() + pause > deadline:
                raise TransientError(
                    f"No Kafka broker answers at {kafka.bootstrap_servers}: start it, or correct kafka.bootstrap_servers "
                    "and kafka.security_protocol."
                ) from error
        if not told:
            say(f"Waiting for a Kafka broker at {kafka.bootstrap_servers}")
            told = True
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
    Raises ConfigurationError, before anything is created, when an existing topic cannot be used; TransientError as `connect`.
    """
    with closing(connect(settings.kafka, wait_s, say)) as admin, _one_sentence(settings.kafka):
        existing = _describe(admin, [spec.name for spec in topic_plan(settings, 1)])
        plan = topic_plan(settings, partitions or _partitions_of_inputs(settings, existing), replication)
        problems = [*_wrong_counts(plan, existing), *_wrong_policies(plan, existing)]
        if problems:
            more = f" ({len(problems) - 1} more: `churn-alert topics check` lists them)" if len(problems) > 1 else ""
            raise ConfigurationError(problems[0] + more)
        missing = [spec for spec in plan if spec.name not in existing]
        if missing:
            _create(admin, missing)
            admin.wait_for_topics([spec.name for spec in missing], timeout_ms=REQUEST_TIMEOUT_MS)
        return tuple(Made(spec, spec.name not in existing) for spec in plan)


def partition_count(settings: Settings, *, wait_s: float = 0.0, say: Say = _silent) -> int:
    """How many partitions the inputs have; DEFAULT_PARTITIONS while there are none. Raises as `create`."""
    with closing(connect(settings.kafka, wait_s, say)) as admin, _one_sentence(settings.kafka):
        return _partitions_of_inputs(settings, _describe(admin, input_names(settings.kafka.topics)))


def check(settings: Settings, *, wait_s: float = 0.0, say: Say = _silent) -> list[str]:
    """Everything that keeps a worker from running on these topics; empty = all is well."""
    try:
        with closing(connect(settings.kafka, wait_s, say)) as admin, _one_sentence(settings.kafka):
            existing = _describe(admin, [spec.name for spec in topic_plan(settings, 1)])
    except (TransientError, ConfigurationError) as error:
        return [str(error)]
    inputs = [name for name in input_names(settings.kafka.topics) if name in existing]
    counts = {existing[name].partitions for name in inputs}
    plan = topic_plan(settings, max(counts, default=DEFAULT_PARTITIONS))
    missing = [spec.name for spec in plan if spec.name not in existing]
    problems = []
    if missing:
        problems.append(
            f"{_named(missing)} {'does' if len(missing) == 1 else 'do'} not exist: run `churn-alert topics create`."
        )
    if len(counts) > 1:
        described = ", ".join(f"{name} has {existing[name].partitions}" for name in inputs)
        problems.append(
            f"The inputs must have equal partition counts, because a customer's events must meet in one partition, but {described}: "
            f"recreate the topics that differ, or, while they hold no data, give each {max(counts)} with "
            f"`kafka-topics.sh --alter --topic NAME --partitions {max(counts)}`."
        )
    else:
        problems.extend(_wrong_counts(plan, existing))
    problems.extend(_wrong_policies(plan, existing))
    problems.extend(_too_small_for_dead_letters(settings, inputs, existing))
    return problems


def _wrong_counts(plan: Sequence[TopicSpec], existing: Mapping[str, Existing]) -> Iterator[str]:
    for spec in plan:
        found = existing[spec.name].partitions if spec.name in existing else spec.partitions
        spare = spec.role is Role.OUTPUT and found > spec.partitions  # its other partitions just stay empty
        if found != spec.partitions and not spare:
            yield _wrong_count(spec, found)


def _wrong_policies(plan: Sequence[TopicSpec], existing: Mapping[str, Existing]) -> Iterator[str]:
    for spec in plan:
        found = (
            existing[spec.name].configs.get("cleanup.policy", spec.cleanup) if spec.name in existing else spec.cleanup
        )
        if found != spec.cleanup:
            loss = (
                "only keep the last event of each key" if spec.cleanup == "delete" else "lose old records still in use"
            )
            yield (
                f"Topic {spec.name} has cleanup.policy {found} and would {loss}: set it with `kafka-configs.sh --alter "
                f"--entity-type topics --entity-name {spec.name} --add-config cleanup.policy={spec.cleanup}`."
            )


def _wrong_count(spec: TopicSpec, found: int) -> str:
    count = f"Topic {spec.name} has {found} {'partition' if found == 1 else 'partitions'} instead of {spec.partitions}"
    if spec.role is Role.INTERNAL:
        return (
            f"{count}, as the inputs have: state of another partitioning cannot be used, so delete it together with the other "
            "internal topic, or choose another kafka.group, and run `churn-alert topics create`."
        )
    if spec.role is Role.TOTAL:
        return f"{count}: delete it and run `churn-alert topics create`; the worker writes its records again."
    if found < spec.partitions:
        return (
            f"{count}: while it holds no data, give it more with `kafka-topics.sh --alter --topic {spec.name} "
            f"--partitions {spec.partitions}`; otherwise create the others with --partitions {found}."
        )
    return f"{count}: create the others with --partitions {found}, or delete it and run `churn-alert topics create`."


def _too_small_for_dead_letters(
    settings: Settings, inputs: Sequence[str], existing: Mapping[str, Existing]
) -> Iterator[str]:
    """An oversized event that fits no dead letter would stop the worker."""
    name = settings.kafka.topics.dead_letters
    if name not in existing:
        return
    room = _max_bytes(existing[name])
    for one in inputs:
        needed = dead_letter_bytes(_max_bytes(existing[one]))
        if room < needed:
            yield (
                f"Topic {name} takes records of {room} bytes, but a refused record of {one} may need {needed}: raise its "
                f"max.message.bytes to that, or lower that of {one}."
            )


def _max_bytes(topic: Existing) -> int:
    return int(topic.configs.get("max.message.bytes", 1_048_588))


def _partitions_of_inputs(settings: Settings, existing: Mapping[str, Existing]) -> int:
    inputs = input_names(settings.kafka.topics)
    return max((existing[name].partitions for name in inputs if name in existing), default=DEFAULT_PARTITIONS)


def _describe(admin: KafkaAdminClient, names: Sequence[str]) -> dict[str, Existing]:
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


def _create(admin: KafkaAdminClient, missing: Sequence[TopicSpec]) -> None:
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


def _named(names: Sequence[str]) -> str:
    return f"Topic {names[0]}" if len(names) == 1 else f"Topics {', '.join(names[:-1])} and {names[-1]}"
