"""What keeps a worker from running on the topics that there are.

Every problem is one sentence with its cause and its cure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from service.cluster.topic_plan import APPENDED, DAY_MS, Role, TopicSpec, dead_letter_bytes, topic_plan
from service.config import DEFAULT_PARTITIONS, Settings
from service.wire.input_topics import input_names


@dataclass(frozen=True, slots=True)
class Existing:
    """A topic as the broker describes it."""

    partitions: int
    configs: Mapping[str, str]
    """Empty where the broker does not show them."""
    copies: int = 0
    """The fewest that any of its partitions has; 0 = not known."""
    configs_seen: bool = True


def problems_of(settings: Settings, existing: Mapping[str, Existing], hidden: Sequence[str] = ()) -> list[str]:
    """All of them; `existing` has those topics of the plan that there are; of `hidden` nobody asks whether they are."""
    inputs = [name for name in input_names(settings.kafka.topics) if name in existing]
    counts = {existing[name].partitions for name in inputs}
    plan = topic_plan(settings, max(counts, default=DEFAULT_PARTITIONS))
    missing = [spec.name for spec in plan if spec.name not in existing and spec.name not in hidden]
    problems = []
    if missing:
        problems.append(
            f"{_named(missing)} {'does' if len(missing) == 1 else 'do'} not exist: run `churn-alert topics create`."
        )
    if len(counts) > 1:
        problems.append(_unequal(settings, inputs, existing))
    else:
        problems.extend(wrong_counts(plan, existing))
    problems.extend(wrong_policies(plan, existing))
    problems.extend(_too_small_for_dead_letters(settings, inputs, existing))
    return problems


def _unequal(settings: Settings, inputs: Sequence[str], existing: Mapping[str, Existing]) -> str:
    """Of inputs with different counts."""
    state, most = settings.kafka.state_topic, max(existing[name].partitions for name in inputs)
    described = ", ".join(f"{name} has {existing[name].partitions}" for name in inputs)
    if state in existing and existing[state].partitions != most:
        known = existing[state].partitions
        cure = (
            f"the state of the group ({state}) has {known}, and cannot be read on with more. Kafka takes no partition away: "
            f"give inputs that hold records {known} by copying them to topics of that many; or give each {most}, and let a new "
            "kafka.group read them from the beginning (docs/operations/more-partitions.md)"
        )
    else:
        cure = (
            f"recreate the topics that differ, or, while they hold no data, give each {most} with `kafka-topics.sh --alter "
            f"--topic NAME --partitions {most}`"
        )
    return (
        f"The inputs must have equal partition counts, because a customer's events must meet in one partition, but {described}: "
        f"{cure}."
    )


def wrong_counts(plan: Sequence[TopicSpec], existing: Mapping[str, Existing]) -> Iterator[str]:
    for spec in plan:
        found = existing[spec.name].partitions if spec.name in existing else spec.partitions
        spare = spec.role is Role.OUTPUT and found > spec.partitions  # its other partitions just stay empty
        if found != spec.partitions and not spare:
            yield _wrong_count(spec, found)


def wrong_policies(plan: Sequence[TopicSpec], existing: Mapping[str, Existing]) -> Iterator[str]:
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


def kept_otherwise(settings: Settings, existing: Mapping[str, Existing]) -> list[str]:
    """Topics that name people and are kept for another time than the settings say: longer than promised, or gone before
    they are read. A worker runs on them all the same.

    Of the inputs, which the shop may keep as short as it likes, only what is kept longer is told.
    """
    counts = [existing[name].partitions for name in input_names(settings.kafka.topics) if name in existing]
    return [
        _kept_otherwise(spec.name, key, existing[spec.name].configs[key], wanted)
        for spec in topic_plan(settings, max(counts, default=DEFAULT_PARTITIONS))
        for key, wanted in spec.configs.items()
        if key in _KEPT_FOR
        and not (key == _OPEN_FOR and spec.cleanup == "compact")  # which has a lag of its own
        and spec.name in existing
        and key in existing[spec.name].configs
        and _is_otherwise(spec.role, key, existing[spec.name].configs[key], wanted)
    ]


def clock_not_checked(ledger: str, existing: Mapping[str, Existing]) -> list[str]:
    """What a worker cannot find out where its ledger is of a release before, or the broker has refused a setting."""
    there = existing.get(ledger)
    found = None if there is None else there.configs.get(_STAMPED)
    if found is None or found == APPENDED:
        return []
    told = (
        f"Topic {ledger} has {_STAMPED}={found}, so a worker does not hear by the broker's clock when it wrote: one whose own "
        "clock is off is found out only where the inputs, or what it decides, tell. Set it with `kafka-configs.sh --alter "
        f"--entity-type topics --entity-name {ledger} --add-config {_STAMPED}={APPENDED}`."
    )
    return [told]


_STAMPED: Final = "message.timestamp.type"
_OPEN_FOR: Final = "segment.ms"
_USUALLY_OPEN_MS: Final = 7 * DAY_MS
"""As a broker does it where nothing is said."""
_KEPT_FOR: Final = {
    "retention.ms": "keeps its records",
    "max.compaction.lag.ms": "may keep what was erased or replaced",
    "delete.retention.ms": "keeps the ids of those who were erased",
    _OPEN_FOR: "may keep its records beyond their time by",
}


def _is_otherwise(role: Role, key: str, found: str, wanted: str) -> bool:
    """Segments that close sooner keep nothing longer; those of a topic that is no output may close as a broker's do."""
    if key == _OPEN_FOR:
        return int(found) > (int(wanted) if role is Role.OUTPUT else max(int(wanted), _USUALLY_OPEN_MS))
    if role is Role.INPUT or key == "delete.retention.ms":
        return not 0 <= int(found) <= int(wanted)
    return found != wanted


def _kept_otherwise(topic: str, key: str, found: str, wanted: str) -> str:
    return (
        f"Topic {topic} {_KEPT_FOR[key]} {_how_long(found)} instead of {_how_long(wanted)}, as the settings say, and it names "
        f"people: set it with `kafka-configs.sh --alter --entity-type topics --entity-name {topic} --add-config {key}={wanted}`, "
        "or say what is right in the settings of kafka."
    )


def _how_long(milliseconds: str) -> str:
    """In days; for ever where it is unlimited."""
    number = int(milliseconds)
    if not 0 <= number < _FOR_EVER_MS:
        return "for ever"
    days = number / DAY_MS
    return f"{days:g} {'day' if days == 1 else 'days'}"


_FOR_EVER_MS: Final = 1 << 62


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
    if name not in existing or not existing[name].configs_seen:
        return
    room = _max_bytes(existing[name])
    for one in inputs:
        needed = dead_letter_bytes(_max_bytes(existing[one]))
        if existing[one].configs_seen and room < needed:
            yield (
                f"Topic {name} takes records of {room} bytes, but a refused record of {one} may need {needed}: raise its "
                f"max.message.bytes to that, or lower that of {one}."
            )


def _max_bytes(topic: Existing) -> int:
    return int(topic.configs.get("max.message.bytes", 1_048_588))


def _named(names: Sequence[str]) -> str:
    return f"Topic {names[0]}" if len(names) == 1 else f"Topics {', '.join(names[:-1])} and {names[-1]}"
