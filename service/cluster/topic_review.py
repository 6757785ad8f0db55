"""What `topics create` would do and why, beside what is there: looked at without changing anything, and told as far as
the broker lets us see it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum

from service.cluster import topics
from service.cluster.topic_asking import Seen, look_at, look_at_cluster, look_at_group
from service.cluster.topic_copies import warnings_of
from service.cluster.topic_plan import TopicSpec, topic_plan
from service.cluster.topic_problems import Existing, problems_of, wrong_counts, wrong_policies
from service.cluster.topic_reasons import SPARED, purpose_of, why, why_copies, why_partitions
from service.cluster.topic_rights import Missing, Part, Resource, Right, missing, rights
from service.config import KafkaSettings, Settings
from service.errors import ChurnAlertError


class Act(StrEnum):
    """What `topics create` does about a topic."""

    CREATE = "create"
    LEAVE = "leave"
    """It is as it should be."""
    DIFFERS = "differs"
    """It is there and set otherwise: left as it is; `Setting.cure` sets it."""
    REFUSE = "refuse"
    """It is there and cannot be used: nothing is created before that is mended."""
    NOT_SEEN = "not_seen"
    """The broker does not say whether it is there."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of one topic."""

    key: str
    value: str
    why: str
    found: str | None
    """As the topic has it; None: it is not there, or the broker does not show it."""
    if_refused: str | None
    """What a broker that refuses it costs; None: it must take it."""
    cure: str | None
    """Sets it as it should be; None: there is nothing to set."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One topic."""

    name: str
    role: str
    purpose: str
    act: Act
    partitions: int
    why_partitions: str
    replication: int | None
    """None: as the broker does it."""
    why_replication: str
    there: Existing | None
    settings: tuple[Setting, ...]


@dataclass(slots=True)
class Review:
    """All of it."""

    servers: str
    brokers: int = 0
    """0: not known."""
    topics: list[Planned] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What keeps a worker from running on what is there."""
    warnings: list[str] = field(default_factory=list)
    not_seen: list[str] = field(default_factory=list)
    """What could not be looked at, and why."""
    rights: tuple[Right, ...] = ()
    missing: list[Missing] = field(default_factory=list)
    """What the broker does not allow whoever asks."""
    failure: ChurnAlertError | None = None
    """Why nothing could be seen."""


def review(
    settings: Settings, *, partitions: int | None = None, replication: int | None = None, part: Part | None = None
) -> Review:
    """Never raises for what a broker does not say: the plan is then what it would be on an empty one. `part`: whose
    rights are held against what the broker allows; None: of nobody."""
    kafka = settings.kafka
    found, seen, copies = Review(kafka.bootstrap_servers), Seen(), replication
    names = [spec.name for spec in topic_plan(settings, topics.ALL_TOPICS)]
    try:
        with closing(topics.connect(kafka)) as admin, topics.one_sentence(settings):
            seen = look_at(admin, names)
            found.brokers, told = look_at_cluster(admin)
            seen.told.update(told)
            seen.told.update(look_at_group(admin, kafka.group))
            copies = replication or topics.safe_default(admin)
    except ChurnAlertError as error:
        found.failure = error
        found.not_seen.append(str(error))
        seen.hidden = names
    wanted = partitions or topics.partitions_of_inputs(settings, seen.existing)
    plan = topic_plan(settings, wanted, copies)
    found.problems = problems_of(settings, seen.existing, names)  # what is not there will be made
    found.warnings = [*warnings_of(seen.existing, found.brokers), *_about_new(plan, seen, found.brokers)]
    if found.failure is None:
        found.not_seen += _not_seen(settings, seen)
    found.topics = [_planned(kafka, spec, seen) for spec in plan]
    found.rights = rights(settings, wanted)
    if part is not None and found.failure is None:
        found.missing = missing((right for right in found.rights if right.part is part), seen.told)
    return found


def _not_seen(settings: Settings, seen: Seen) -> Iterator[str]:
    if seen.hidden:
        yield topics.not_described(settings, seen.hidden)
    if seen.unset:
        yield topics.not_shown(settings, seen.unset)
    create = seen.told.get((Resource.CLUSTER, ""))
    if create is not None and "Create" not in create and len(seen.existing) < len(seen.told):
        yield (
            f"The broker at {settings.kafka.bootstrap_servers} does not allow Create on the cluster: `topics create` works "
            "only where Create is granted on each topic. An administrator can make them as it is said here."
        )


def _about_new(plan: tuple[TopicSpec, ...], seen: Seen, brokers: int) -> Iterator[str]:
    """What would be made with too few copies."""
    new = [spec for spec in plan if spec.name not in seen.existing and spec.name not in seen.hidden]
    if new and new[0].replication is None and brokers >= 3:
        yield (
            "How many copies a new topic has is left to the broker, which does not say that it makes three: ask for them "
            "with --replication 3."
        )
    elif new and new[0].replication is not None:
        yield from warnings_of(
            {spec.name: Existing(spec.partitions, spec.configs, spec.replication or 0) for spec in new}, brokers
        )


def _planned(kafka: KafkaSettings, spec: TopicSpec, seen: Seen) -> Planned:
    there = seen.existing.get(spec.name)
    settings = tuple(_setting(spec, key, value, there) for key, value in spec.configs.items())
    return Planned(
        spec.name,
        spec.role.name.lower(),
        purpose_of(kafka, spec),
        _act(spec, there, settings, hidden=spec.name in seen.hidden),
        spec.partitions,
        why_partitions(spec),
        spec.replication,
        why_copies(spec.replication),
        there,
        settings,
    )


def _setting(spec: TopicSpec, key: str, value: str, there: Existing | None) -> Setting:
    found = there.configs.get(key) if there is not None else None
    spared = SPARED.get(key)
    cure = None
    if found is not None and found != value:
        cure = f"kafka-configs.sh --alter --entity-type topics --entity-name {spec.name} --add-config {key}={value}"
    return Setting(key, value, why(spec, key), found, spared.cost if spared else None, cure)


def _act(spec: TopicSpec, there: Existing | None, settings: tuple[Setting, ...], *, hidden: bool) -> Act:
    if hidden:
        return Act.NOT_SEEN
    if there is None:
        return Act.CREATE
    plan: Mapping[str, Existing] = {spec.name: there}
    if [*wrong_counts([spec], plan), *wrong_policies([spec], plan)]:
        return Act.REFUSE
    return Act.DIFFERS if any(each.cure for each in settings) else Act.LEAVE
