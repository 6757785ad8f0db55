"""What the loss of a broker does to a topic, by how many copies of it there are and how many must have a record."""

from __future__ import annotations

from collections.abc import Mapping

from service.cluster.topic_plan import COPIES, IN_SYNC
from service.cluster.topic_problems import Existing


def warnings_of(existing: Mapping[str, Existing], brokers: int = 0) -> list[str]:
    """A sentence for each kind of weakness, with the topics that have it and the cure. `brokers` 0 = not known."""
    single = [name for name, topic in existing.items() if topic.copies == 1]
    pairs = [name for name, topic in existing.items() if topic.copies == 2]
    loose = [name for name, topic in existing.items() if topic.copies >= COPIES and 0 < _in_sync(topic) < IN_SYNC]
    tight = [name for name, topic in existing.items() if topic.copies >= COPIES and _in_sync(topic) >= topic.copies]
    return [*_single(single, brokers), *_pairs(pairs), *_loose(loose), *_tight(tight)]


def _in_sync(topic: Existing) -> int:
    """0 = the broker does not show it."""
    return int(topic.configs.get("min.insync.replicas", 0))


def _single(names: list[str], brokers: int) -> list[str]:
    if not names:
        return []
    what = f"{_named(names)} a single copy (replication factor 1): with its broker's disk the records are gone."
    if brokers == 1:
        cure = (
            "That is right for trying out, for there is one broker. For a live shop let three keep them, and run "
            f"`churn-alert topics create --replication {COPIES}` there."
        )
    else:
        cure = (
            f"Before there are events delete them and run `churn-alert topics create --replication {COPIES}`; later give "
            "each more copies with `kafka-reassign-partitions.sh` (docs/topics.md says how)."
        )
    return [f"{what} {cure}"]


def _pairs(names: list[str]) -> list[str]:
    if not names:
        return []
    what = f"{_named(names)} two copies: when one broker is away, either nothing can be written or the other has the only one."
    return [f"{what} Give each {COPIES} with `kafka-reassign-partitions.sh` (docs/topics.md says how)."]


def _loose(names: list[str]) -> list[str]:
    if not names:
        return []
    what = "min.insync.replicas 1: a record counts as written when one broker has it, and is lost with that broker."
    return [f"{_named(names)} {what} {_cure(names)}"]


def _tight(names: list[str]) -> list[str]:
    if not names:
        return []
    what = "min.insync.replicas as large as the number of copies: nothing can be written while one broker is away."
    return [f"{_named(names)} {what} {_cure(names)}"]


def _cure(names: list[str]) -> str:
    """One command for them all."""
    one = f"kafka-configs.sh --alter --entity-type topics --entity-name {{}} --add-config min.insync.replicas={IN_SYNC}"
    if len(names) == 1:
        return f"Set it with `{one.format(names[0])}`."
    return f"Set it with `for topic in {' '.join(names)}; do {one.format('$topic')}; done`."


def _named(names: list[str]) -> str:
    return f"Topic {names[0]} has" if len(names) == 1 else f"Topics {', '.join(names[:-1])} and {names[-1]} have"
