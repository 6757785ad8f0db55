"""The least that each part of the service has to be allowed at a broker that keeps access lists, and why.

One table. It is printed by `churn-alert topics plan`, held against what the broker says that we may do, and tried with
a broker that allows nothing else. Read, Write, Create and the like include Describe, so it is named alone only.
"""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from service.cluster.topic_plan import Role, topic_plan
from service.config import KafkaSettings, Settings
from service.domain.events import Erasure
from service.wire.input_topics import TOPIC_OF, input_names


class Part(StrEnum):
    """Who has a user of its own at the broker, or shares one."""

    WORKER = "worker"
    DELIVER = "deliver"
    FEED = "feed"
    LETTER = "letter"
    REPLAY = "replay"
    LOOK = "look"
    REPAIR = "repair"
    CREATE = "create"
    STATE = "state"


ABOUT: Final[Mapping[Part, str]] = {
    Part.WORKER: "churn-alert worker, with its page",
    Part.DELIVER: "churn-alert deliver smtp | webhook",
    Part.FEED: "churn-alert deliver webhook --topic customer-scores | shop-notices",
    Part.LETTER: "churn-alert deliver letter",
    Part.REPLAY: "churn-alert replay | ingest, and whoever writes the inputs",
    Part.LOOK: "churn-alert topics plan | check, inspect, export, dead-letters list",
    Part.REPAIR: "churn-alert dead-letters retry | resume, deliver retry, forget, outreach",
    Part.CREATE: "churn-alert topics create",
    Part.STATE: "churn-alert state export | import | reset, repartition",
}


class Resource(StrEnum):
    """As Kafka calls what access is given to."""

    TOPIC = "topic"
    GROUP = "group"
    TRANSACTIONAL_ID = "transactional-id"
    CLUSTER = "cluster"


class Right(NamedTuple):
    """One line of an access list."""

    part: Part
    resource: Resource
    name: str
    operations: tuple[str, ...]
    why: str
    prefixed: bool = False
    """Whether the name is the beginning of those that are meant."""
    needed: bool = True
    """Whether anything stops without it."""


@dataclass(frozen=True, slots=True)
class Missing:
    """What the broker does not allow of a right."""

    right: Right
    operations: tuple[str, ...]

    def sentence(self, principal: str, servers: str) -> str:
        what, right = " and ".join(self.operations), self.right
        thing = right.resource.value.replace("-", " ")
        return (
            f"The broker at {servers} does not allow {what} on {thing} {right.name} ({right.why}): grant it with "
            f"`{command([right._replace(operations=self.operations)], principal, servers)}`."
        )


_FENCES: Final = "one for each partition, which fences a predecessor"


def principal_of(kafka: KafkaSettings) -> str:
    """Who we are to the broker, as far as the settings say; else a name to be replaced."""
    login = kafka.sasl_username if kafka.security_protocol.startswith("SASL") else None
    return f"User:{login or 'CHURN-ALERT'}"


def rights(settings: Settings, partitions: int) -> tuple[Right, ...]:
    """Of all parts, in the order in which they are set up."""
    return tuple(_rights(settings, partitions))


def of_part(settings: Settings, partitions: int, part: Part) -> list[Right]:
    return [right for right in rights(settings, partitions) if right.part is part]


def _rights(settings: Settings, partitions: int) -> Iterator[Right]:
    kafka, names, plan = settings.kafka, settings.kafka.topics, topic_plan(settings, partitions)
    inputs, customers = input_names(names), TOPIC_OF[Erasure].name(names)
    internal = [spec.name for spec in plan if spec.role is Role.INTERNAL]
    everything = [spec.name for spec in plan]
    deliverers = settings.deliver.group_of(kafka.group, "smtp")

    def on(part: Part, name: str, *operations: str, why: str, needed: bool = True) -> Right:
        return Right(part, Resource.TOPIC, name, operations, why, needed=needed)

    worker = Part.WORKER
    for name in inputs:
        yield on(worker, name, "Read", why="it is consumed")
    for name in internal:
        yield on(worker, name, "Read", "Write", why="the worker writes it, and reads it back")
    yield on(worker, names.outreach, "Write", why="requests and cancellations")
    yield on(worker, names.dead_letters, "Write", why="what could not be understood")
    yield on(worker, names.outreach_decisions, "Read", "Write", why="decisions; the page shows them")
    yield on(worker, names.customer_scores, "Read", "Write", why="scores; the page shows them")
    yield on(worker, names.period_metrics, "Read", "Write", why="the numbers, compared with what was told before")
    if settings.notices.thresholds:
        yield on(worker, names.shop_notices, "Read", "Write", why="notices, compared with what was told before")
    yield on(worker, names.deliveries, "Describe", why="the worker makes sure that it is there")
    foreign = settings.inputs.customers.topic
    if settings.deliver.unsubscribe_secret is not None or foreign is not None:
        yield on(worker, customers, "Write", why="what a CRM says, and /unsubscribe of its page, are told there")
    if foreign is not None:
        yield on(worker, foreign, "Read", why="what a CRM says of customers")
        yield Right(worker, Resource.GROUP, f"{kafka.group}-profiles", ("Read",), "how far that has been brought")
    yield Right(worker, Resource.GROUP, kafka.group, ("Read",), "the consumer group of the workers")
    yield Right(worker, Resource.TRANSACTIONAL_ID, f"{kafka.group}-", ("Write",), _FENCES, prefixed=True)
    for name in everything:
        yield on(worker, name, "DescribeConfigs", why="what a topic is set to is checked at the start", needed=False)

    deliver = Part.DELIVER
    yield on(deliver, names.outreach, "Read", why="what is to be sent")
    yield on(deliver, customers, "Read", "Write", why="who has withdrawn; bounces and unsubscribing are told there")
    yield on(deliver, names.deliveries, "Read", "Write", why="what was sent, so that nothing is sent twice")
    yield on(deliver, kafka.ledger_topic, "Read", why="to which partition a customer belongs")
    yield on(deliver, names.dead_letters, "Write", why="what a webhook has refused for good")
    yield Right(deliver, Resource.GROUP, deliverers, ("Read",), "a consumer group for each way out", prefixed=True)
    yield Right(deliver, Resource.TRANSACTIONAL_ID, f"{deliverers}-", ("Write",), _FENCES, prefixed=True)
    for name in (names.outreach, names.deliveries):
        yield on(
            deliver,
            name,
            "DescribeConfigs",
            why="how long requests are kept, and whether what was sent stays",
            needed=False,
        )

    feed, letter = Part.FEED, Part.LETTER
    yield on(feed, names.customer_scores, "Read", why="what is posted")
    if settings.notices.thresholds:
        yield on(feed, names.shop_notices, "Read", why="what is posted")
    yield Right(feed, Resource.GROUP, deliverers, ("Read",), "a consumer group for each of them", prefixed=True)
    yield on(letter, names.period_metrics, "Read", why="the numbers of the week")
    yield on(letter, names.customer_scores, "Read", why="whom to call")
    yield on(letter, names.deliveries, "Read", "Write", why="which letters were sent, so that none is sent twice")
    yield Right(letter, Resource.TRANSACTIONAL_ID, f"{deliverers}-", ("Write",), _FENCES, prefixed=True)

    for name in inputs:
        yield on(Part.REPLAY, name, "Write", why="events")
    yield on(Part.REPLAY, kafka.ledger_topic, "Read", why="to which partition a customer belongs")

    for name in everything:
        if name in {names.outreach, names.period_metrics, names.shop_notices}:
            yield on(Part.LOOK, name, "Describe", why="whether it is there")
        else:
            yield on(Part.LOOK, name, "Read", why="what is known of a customer, or of a record")
        yield on(Part.LOOK, name, "DescribeConfigs", why="what a topic is set to", needed=False)

    for name in inputs:
        yield on(Part.REPAIR, name, "Write", why="records are sent back; erasures are asked for")
    yield on(Part.REPAIR, names.dead_letters, "Read", why="what is sent back")
    yield on(Part.REPAIR, names.outreach, "Write", why="requests are asked for again")
    yield on(
        Part.REPAIR,
        kafka.ledger_topic,
        "Read",
        "Write",
        why="what was sent back, and the operator's word, are kept there",
    )
    yield Right(Part.REPAIR, Resource.GROUP, kafka.group, ("Describe",), "how far the workers have read")

    yield Right(Part.CREATE, Resource.CLUSTER, "", ("Create",), "topics are made; Create on each of them does as well")
    for name in everything:
        yield on(Part.CREATE, name, "Describe", why="whether it is there")
        yield on(Part.CREATE, name, "DescribeConfigs", why="whether what is there can be used", needed=False)

    for name in everything:
        yield on(
            Part.STATE,
            name,
            "Read",
            "Write",
            "Create",
            "Delete",
            "Alter",
            "DescribeConfigs",
            why="it is copied, emptied, made anew or given more partitions",
        )
    yield Right(
        Part.STATE, Resource.GROUP, kafka.group, ("Read", "Delete"), "the positions go with a state", prefixed=True
    )
    if not deliverers.startswith(kafka.group):
        yield Right(Part.STATE, Resource.GROUP, deliverers, ("Read", "Delete"), "those of delivery too", prefixed=True)


def command(allowed: Iterable[Right], principal: str, servers: str) -> str:
    """For a shell: gives these, all of the same operations, to a user. What each resource is called may differ."""
    given = list(allowed)
    words = ["kafka-acls.sh", "--bootstrap-server", servers, "--add", "--allow-principal", principal]
    for operation in given[0].operations:
        words += ["--operation", operation]
    if given[0].prefixed:
        words += ["--resource-pattern-type", "prefixed"]
    for right in given:
        words += [f"--{right.resource.value}", right.name] if right.name else [f"--{right.resource.value}"]
    return shlex.join(words)


def commands(allowed: Iterable[Right], principal: str, servers: str) -> list[str]:
    """The same for all, as few as they can be: one for each combination of operations and kind of resource."""
    together = defaultdict[tuple[Resource, bool, tuple[str, ...]], list[Right]](list)
    for right in allowed:
        together[right.resource, right.prefixed, right.operations].append(right)
    return [command(alike, principal, servers) for alike in together.values()]


def missing(allowed: Iterable[Right], told: Mapping[tuple[Resource, str], frozenset[str]]) -> list[Missing]:
    """What is needed and not among what the broker says that we may do with each; of what it says nothing, nothing."""
    found = []
    for right in allowed:
        for (resource, name), may in told.items():
            meant = name.startswith(right.name) if right.prefixed else name == right.name
            lacks = tuple(each for each in right.operations if each not in may)
            if right.needed and resource is right.resource and meant and lacks:
                found.append(Missing(right, lacks))
    return found
