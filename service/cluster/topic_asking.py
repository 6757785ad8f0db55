"""What a broker says of topics, as far as it lets us see: whether they are there, how they are kept, and what we may do
with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from kafka import errors
from kafka.admin import ConfigResource, ConfigResourceType

from service.cluster.topic_problems import Existing
from service.cluster.topic_rights import Resource

_CLUSTER: Final = ""
Told = dict[tuple[Resource, str], frozenset[str]]
"""What the broker says that we may do with each; a cluster has no name."""


@dataclass(slots=True)
class Seen:
    """Of the topics that were asked for."""

    existing: dict[str, Existing] = field(default_factory=dict)
    hidden: list[str] = field(default_factory=list)
    """Those of which the broker does not even say whether they are there."""
    told: Told = field(default_factory=dict)

    @property
    def unset(self) -> list[str]:
        """Those whose settings the broker does not show."""
        return [name for name, topic in self.existing.items() if not topic.configs_seen]


def look_at(admin: Any, names: Sequence[str]) -> Seen:
    """Raises kafka-python's errors but those that say that something may not be seen."""
    seen = Seen()
    found: dict[str, tuple[int, int]] = {}
    for topic in sorted(admin.describe_topics(list(names)), key=lambda each: names.index(each["name"])):
        error, name = errors.for_code(topic["error_code"]), topic["name"]
        if error is errors.NoError:
            found[name] = len(topic["partitions"]), min(len(each["replica_nodes"]) for each in topic["partitions"])
            if topic.get("authorized_operations") is not None:
                seen.told[Resource.TOPIC, name] = _operations(topic["authorized_operations"])
        elif error is errors.TopicAuthorizationFailedError:
            seen.hidden.append(name)
            seen.told[Resource.TOPIC, name] = frozenset()
        elif error is not errors.UnknownTopicOrPartitionError:
            raise error(name)
    if found:
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in found]
        described: Mapping[str, Mapping[str, Any]] = admin.describe_configs(resources, config_filter="all").get(
            "topic", {}
        )
        for name, (partitions, copies) in found.items():
            configs = {key: str(entry["value"]) for key, entry in described.get(name, {}).items()}
            seen.existing[name] = Existing(partitions, configs, copies, configs_seen=bool(configs))
    return seen


def look_at_group(admin: Any, group: str) -> Told:
    """Empty where nobody answers for the group now."""
    try:
        described = admin.describe_groups([group])[group]
    except errors.GroupAuthorizationFailedError:
        return {(Resource.GROUP, group): frozenset()}
    except errors.KafkaError:
        return {}
    operations = described.get("authorized_operations")
    return {} if operations is None else {(Resource.GROUP, group): _operations(operations)}


def look_at_transactions(admin: Any, transactional_id: str) -> Told:
    """Nothing where it may be used, as far as brokers tell: who may not even see it may not write under it."""
    try:
        admin.describe_transactions([transactional_id])
    except errors.TransactionalIdAuthorizationFailedError:
        return {(Resource.TRANSACTIONAL_ID, transactional_id): frozenset()}
    except errors.KafkaError:  # there is none yet, or the broker is older than the question
        return {}
    return {}


def look_at_cluster(admin: Any) -> tuple[int, Told]:
    """How many brokers there are, and what we may do."""
    described = admin.describe_cluster()
    operations = described.get("authorized_operations")
    told: Told = {} if operations is None else {(Resource.CLUSTER, _CLUSTER): _operations(operations)}
    return len(described["brokers"]), told


def default_copies(admin: Any) -> int | None:
    """How often a broker keeps a topic of which nothing is said; None where it does not tell."""
    try:
        broker = str(admin.describe_cluster()["brokers"][0]["broker_id"])
        resource = ConfigResource(ConfigResourceType.BROKER, broker)
        described = admin.describe_configs([resource], config_filter="all").get("broker", {}).get(broker, {})
        return int(described["default.replication.factor"]["value"])
    except (errors.KafkaError, KeyError, IndexError, ValueError, TypeError):
        return None


def _operations(names: Sequence[str]) -> frozenset[str]:
    """DESCRIBE_CONFIGS is called DescribeConfigs by those who give access."""
    return frozenset(name.title().replace("_", "") for name in names)
