"""Creates and checks the topics, for people who wait for a broker and for those who do not."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from kafka import errors

from service.cluster import partitioner
from service.cluster.one_cluster import refuse_two_clusters
from service.cluster.tail import open_reader
from service.cluster.topic_asking import (
    Seen,
    default_copies,
    look_at,
    look_at_cluster,
    look_at_group,
    look_at_transactions,
)
from service.cluster.topic_copies import warnings_of
from service.cluster.topic_making import NoRightToCreateError, make
from service.cluster.topic_plan import COPIES, Role, TopicSpec, topic_plan
from service.cluster.topic_problems import (
    Existing,
    clock_not_checked,
    kept_otherwise,
    problems_of,
    wrong_counts,
    wrong_policies,
)
from service.cluster.topic_rights import Part, Resource, missing, of_part, principal_of
from service.config import DEFAULT_PARTITIONS, KafkaSettings, Settings
from service.connection import REFUSED_LONG_S, NoBrokerError, Refusal, RefusedError, new_admin, refused_for_long
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
    when that cannot change, or the brokers that are named are of several clusters.
    """
    admin = _connected(kafka, wait_s, say)
    try:
        refuse_two_clusters(kafka)
    except ConfigurationError:
        admin.close()
        raise
    return admin


def _connected(kafka: KafkaSettings, wait_s: float, say: Say) -> Any:
    began_s, pause, told, refused_s = time.monotonic(), FIRST_PAUSE_S, "", 0.0
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
        refused_s = refused_s or time.monotonic() if isinstance(why, RefusedError) else 0.0
        if refused_s and time.monotonic() - refused_s > REFUSED_LONG_S:
            given_up = refused_for_long(kafka, why)
            if given_up is not None:
                raise given_up
        if told != str(why):
            line = f"Waiting for a Kafka broker at {kafka.bootstrap_servers}. {why}"
            say(Refusal(line) if isinstance(why, RefusedError) else line)
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
    `say` is told of what the broker has refused of a topic's settings, too.
    Raises ConfigurationError, before anything is created, when an existing topic cannot be used; TransientError as
    `connect`.
    """
    with closing(connect(settings.kafka, wait_s, say)) as admin, one_sentence(settings):
        existing = _describe(admin, settings, [spec.name for spec in topic_plan(settings, ALL_TOPICS)])
        copies = replication or safe_default(admin)
        plan = topic_plan(settings, partitions or partitions_of_inputs(settings, existing), copies)
        problems = [*wrong_counts(plan, existing), *wrong_policies(plan, existing)]
        if problems:
            more = f" ({len(problems) - 1} more: `churn-alert topics check` lists them)" if len(problems) > 1 else ""
            raise ConfigurationError(problems[0] + more)
        lacking = [spec for spec in plan if spec.name not in existing]
        if lacking:
            _make(admin, lacking, say)
        return tuple(Made(spec, spec.name not in existing) for spec in plan)


def make_added(settings: Settings, *, wait_s: float = 0.0, say: Say = _silent) -> bool:
    """Creates the topics that an installation of an earlier release lacks, or of before a threshold was set, where
    nothing else is missing: that of carried records, that of deliveries, that of notices.

    Returns whether it did. Raises as `create`.
    """
    added = {settings.kafka.carried_topic, settings.kafka.topics.deliveries, settings.kafka.topics.shop_notices}
    with closing(connect(settings.kafka, wait_s, say)) as admin, one_sentence(settings):
        seen = look_at(admin, [spec.name for spec in topic_plan(settings, ALL_TOPICS)])
        existing = seen.existing
        copies = min((topic.copies for topic in existing.values() if topic.copies), default=None)
        lacking = [
            spec
            for spec in topic_plan(settings, partitions_of_inputs(settings, existing), copies)
            if spec.name not in existing and spec.name not in seen.hidden
        ]
        if not lacking or not {spec.name for spec in lacking} <= added:
            return False
        _make(admin, lacking, say)
    for spec in lacking:
        say(f"The topic {spec.name} was missing and has been created")
    return True


def add_partitions(settings: Settings, partitions: int) -> list[str]:
    """Gives the existing inputs and outputs so many; returns those that had fewer, when all have leaders.

    Raises ConfigurationError where one has more already, or a broker refuses; TransientError as `connect`.
    """
    with closing(connect(settings.kafka)) as admin, one_sentence(settings):
        plan = [spec for spec in topic_plan(settings, partitions) if spec.role in {Role.INPUT, Role.OUTPUT}]
        existing = _describe(admin, settings, [spec.name for spec in plan])
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
        _until(lambda: all(each.partitions == partitions for each in _describe(admin, settings, fewer).values()))
        return fewer


def output_names(settings: Settings) -> list[str]:
    """What is told to others: of the shop's customers, its numbers, and what could not be understood."""
    return [spec.name for spec in topic_plan(settings, ALL_TOPICS) if spec.role in {Role.OUTPUT, Role.TOTAL}]


def delete(settings: Settings, names: Sequence[str]) -> list[str]:
    """Deletes those of the topics that exist; returns them, when they are gone. Raises as `create`."""
    with closing(connect(settings.kafka)) as admin, one_sentence(settings):
        gone = sorted(_describe(admin, settings, names))
        if gone:
            admin.delete_topics(gone)
        _until(lambda: not _describe(admin, settings, gone))
        return [f"topic {name}" for name in gone]


def _until(done: Callable[[], bool]) -> None:
    """Brokers hear of a change one after the other. KafkaTimeoutError where it takes too long."""
    deadline = time.monotonic() + REQUEST_TIMEOUT_MS / 1000
    while not done():
        if time.monotonic() > deadline:
            raise errors.KafkaTimeoutError("the change is not known everywhere")
        time.sleep(FIRST_PAUSE_S)


def for_delivery(
    settings: Settings, *, wait_s: float = 0.0, say: Say = _silent, group: str | None = None
) -> DeliveryTopics:
    """What a delivery process has to know of its topics. `group`: its consumer group, where rights are looked at.

    Raises ConfigurationError where a topic or a right is missing, or `deliveries` cannot hold what belongs beside each
    partition of `outreach`; TransientError as `connect`.
    """
    names = settings.kafka.topics
    customers = input_names(names)[-1]
    with closing(connect(settings.kafka, wait_s, say)) as admin, one_sentence(settings):
        seen = look_at(admin, [spec.name for spec in topic_plan(settings, ALL_TOPICS)])
        if group is not None:
            seen.told.update(look_at_group(admin, group))
            seen.told.update(look_at_transactions(admin, f"{group}-{_ANY}"))
    refused = _rights_missing(settings, Part.DELIVER, seen)
    if refused:
        raise ConfigurationError(" ".join(refused))
    existing = seen.existing
    absent = [name for name in (names.outreach, customers, names.deliveries) if name not in existing]
    if absent:
        raise ConfigurationError(f"Topic {absent[0]} does not exist: run `churn-alert topics create`.")
    outreach, deliveries = existing[names.outreach], existing[names.deliveries]
    if deliveries.partitions < outreach.partitions:
        raise ConfigurationError(
            f"Topic {names.deliveries} has {deliveries.partitions} partitions and {names.outreach} has {outreach.partitions}: "
            f"what was sent is kept beside what was asked for, so give it as many with `kafka-topics.sh --alter --topic "
            f"{names.deliveries} --partitions {outreach.partitions}`."
        )
    unset = [name for name in (names.outreach, names.deliveries) if not existing[name].configs_seen]
    if unset:
        say(not_shown(settings, unset))
    if deliveries.configs_seen and "compact" not in deliveries.configs.get("cleanup.policy", ""):
        raise ConfigurationError(
            f"Topic {names.deliveries} would lose what was sent: set it with `kafka-configs.sh --alter --entity-type topics "
            f"--entity-name {names.deliveries} --add-config cleanup.policy=compact`."
        )
    return DeliveryTopics(
        outreach.partitions, existing[customers].partitions, int(outreach.configs.get("retention.ms", -1))
    )


def partition_count(settings: Settings, *, wait_s: float = 0.0, say: Say = _silent) -> int:
    """How many partitions the inputs have; DEFAULT_PARTITIONS while there are none. Raises as `create`."""
    with closing(connect(settings.kafka, wait_s, say)) as admin, one_sentence(settings):
        return partitions_of_inputs(settings, _describe(admin, settings, input_names(settings.kafka.topics)))


def check(
    settings: Settings,
    *,
    wait_s: float = 0.0,
    say: Say = _silent,
    part: Part | None = None,
    warn: Say = _silent,
    away: bool = False,
) -> list[str]:
    """Everything that keeps a worker from running on these topics; empty = all is well. `part`: whose rights are looked
    at as well. `warn` is told what cannot be seen, and what the loss of a broker would cost.

    Who waits for ever for a broker, or says `away`, gets TransientError where there is none, or it goes in between:
    that is no fault of the topics."""
    try:
        seen, brokers = _seen(settings, part, wait_s, say)
    except TransientError as error:
        if away or wait_s == math.inf:
            raise
        return [str(error)]
    except ConfigurationError as error:
        return [str(error)]
    for weakness in (
        *warnings_of(seen.existing, brokers),
        *clock_not_checked(settings.kafka.ledger_topic, seen.existing),
    ):
        warn(weakness)
    if seen.unset:
        warn(not_shown(settings, seen.unset))
    lacking = _rights_missing(settings, part, seen) if part is not None else []
    told = [] if part is not None or not seen.hidden else [not_described(settings, seen.hidden)]
    return [*told, *lacking, *problems_of(settings, seen.existing, seen.hidden)]


def _seen(settings: Settings, part: Part | None, wait_s: float, say: Say, group: str | None = None) -> tuple[Seen, int]:
    with closing(connect(settings.kafka, wait_s, say)) as admin, one_sentence(settings):
        seen = look_at(admin, [spec.name for spec in topic_plan(settings, ALL_TOPICS)])
        brokers, told = look_at_cluster(admin)
        seen.told.update(told)
        if part is not None:
            for right in of_part(settings, ALL_TOPICS, part):
                if right.resource is Resource.GROUP and not right.prefixed:
                    seen.told.update(look_at_group(admin, right.name))
                if right.resource is Resource.TRANSACTIONAL_ID:
                    seen.told.update(look_at_transactions(admin, f"{right.name}{_ANY}"))
        if group is not None:
            seen.told.update(look_at_group(admin, group))
        return seen, brokers


_ANY: Final = 0
"""A partition that is always there."""


def rights_missing(settings: Settings, part: Part, *, say: Say = _silent, group: str | None = None) -> list[str]:
    """A sentence for each right that this part needs and the broker does not give. Waits for a broker; raises as
    `create`."""
    return _rights_missing(settings, part, _seen(settings, part, math.inf, say, group)[0])


def _rights_missing(settings: Settings, part: Part, seen: Seen) -> list[str]:
    kafka = settings.kafka
    needed = of_part(settings, partitions_of_inputs(settings, seen.existing), part)
    return [one.sentence(principal_of(kafka), kafka.bootstrap_servers) for one in missing(needed, seen.told)]


def warner(settings: Settings, say: Say) -> Say:
    """Says what the loss of a broker would cost, once for all topics; of a broker on this machine, which is there to
    try things out, nobody has to hear it at each start."""
    addresses = settings.kafka.bootstrap_servers.split(",")
    local = all(address.strip().rpartition(":")[0].strip("[]") in _THIS_MACHINE for address in addresses)
    return _silent if local else say


_THIS_MACHINE: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def weaknesses(settings: Settings) -> list[str]:
    """What the loss of a broker would cost. Raises as `create`."""
    seen, brokers = _seen(settings, None, 0.0, _silent)
    return warnings_of(seen.existing, brokers)


def not_shown(settings: Settings, names: Sequence[str]) -> str:
    """What cannot be checked where the broker shows no settings of topics."""
    return (
        f"The broker at {settings.kafka.bootstrap_servers} does not show how {', '.join(names)} "
        f"{'is' if len(names) == 1 else 'are'} kept, so that could not be checked: grant DescribeConfigs to have it checked."
    )


def drifts(settings: Settings) -> list[str]:
    """Topics that are kept for another time than the settings say; empty = none is. Raises as `create`."""
    return kept_otherwise(settings, _described(settings))


def losing(settings: Settings) -> list[str]:
    """Topics that are set so that they lose what must be kept, a sentence each with its cure. Raises KafkaError and
    OSError."""
    existing = _described(settings)
    return list(wrong_policies(topic_plan(settings, partitions_of_inputs(settings, existing)), existing))


def _described(settings: Settings) -> dict[str, Existing]:
    with closing(connect(settings.kafka)) as admin, one_sentence(settings):
        return _describe(admin, settings, [spec.name for spec in topic_plan(settings, ALL_TOPICS)])


def where_keys_lie(settings: Settings) -> list[str]:
    """What a sample of the inputs shows of keys that lie in a partition to which they do not belong.

    Empty where all lie right. Raises as `create`.
    """
    partitions = partition_count(settings)
    if partitions < 2:
        return []
    with open_reader(settings.kafka) as reader:
        known = partitioner.function_of(reader, settings)
    sample = asyncio.run(partitioner.sample_of(settings, partitions))
    return list(partitioner.sentences(sample, known or sample.best()))


def partitions_of_inputs(settings: Settings, existing: Mapping[str, Existing]) -> int:
    """DEFAULT_PARTITIONS while there are none."""
    inputs = input_names(settings.kafka.topics)
    return max((existing[name].partitions for name in inputs if name in existing), default=DEFAULT_PARTITIONS)


def _describe(admin: Any, settings: Settings, names: Sequence[str]) -> dict[str, Existing]:
    """Raises ConfigurationError where the broker does not say of one whether it is there."""
    seen = look_at(admin, names)
    if seen.hidden:
        raise ConfigurationError(not_described(settings, seen.hidden))
    return seen.existing


def _make(admin: Any, lacking: Sequence[TopicSpec], say: Say) -> None:
    for refused in make(admin, lacking):
        say(refused)
    admin.wait_for_topics([spec.name for spec in lacking], timeout_ms=REQUEST_TIMEOUT_MS)


def safe_default(admin: Any) -> int | None:
    """How many copies the broker makes by itself, where those are enough: their settings are asked for as well then."""
    copies = default_copies(admin)
    return copies if copies is not None and copies >= COPIES else None


def not_described(settings: Settings, hidden: Sequence[str]) -> str:
    """Where a broker does not even say whether topics are there."""
    return (
        f"The broker at {settings.kafka.bootstrap_servers} does not allow Describe on {', '.join(hidden)}, so whether "
        f"{'it is' if len(hidden) == 1 else 'they are'} there cannot be seen: grant it (`churn-alert topics plan` prints the "
        "access list)."
    )


@contextmanager
def one_sentence(settings: Settings) -> Iterator[None]:
    """A broker that refuses or vanishes in the middle becomes one sentence."""
    servers = settings.kafka.bootstrap_servers
    try:
        yield
    except NoRightToCreateError as error:
        raise ConfigurationError(
            f"The broker at {servers} does not allow Create, neither on the cluster nor on topic {error}: grant it, or let "
            "an administrator create the topics as `churn-alert topics plan` says."
        ) from error
    except errors.AuthorizationError as error:
        raise ConfigurationError(
            f"The broker at {servers} does not let us describe or create topics ({error}): grant what `churn-alert topics "
            "plan` says."
        ) from error
    except errors.KafkaError as error:
        raise TransientError(f"The broker at {servers} stopped answering ({error}): try again.") from error
