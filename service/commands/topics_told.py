"""What `churn-alert topics plan` has found, in lines for a person, in commands for a shell, and as JSON."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from service.cluster.topic_review import Act, Planned, Review, Setting
from service.cluster.topic_rights import ABOUT, Part, Right, commands
from service.commands.console import counted

_DAY_MS: Final = 86_400_000
_ACTS: Final = {
    Act.CREATE: "is not there; `topics create` makes it",
    Act.LEAVE: "is there, as it should be",
    Act.DIFFERS: "is there and set otherwise; `topics create` leaves it as it is",
    Act.REFUSE: "is there and cannot be used as it is",
    Act.NOT_SEEN: "cannot be seen; where it is missing, `topics create` makes it",
}


def topic_lines(found: Review) -> Iterator[str]:
    """Each topic with its settings, why each is as it is, and what would be done."""
    where = f"{found.servers}, {counted(found.brokers, 'broker')}" if found.brokers else found.servers
    yield f"Topics at {where}"
    for topic in found.topics:
        yield ""
        yield f"{topic.name}: {_ACTS[topic.act]}"
        yield f"  {topic.purpose}"
        yield from _count_lines(topic)
        width = max(len(_shown(each)) for each in topic.settings)
        for each in topic.settings:
            yield f"  {_shown(each):<{width}}  {each.why}{_otherwise(each)}"
            if each.cure is not None:
                yield f"    {each.cure}"


def access_lines(found: Review, principal: str) -> Iterator[str]:
    """The least access of each part: first with the reasons, then as commands."""
    yield "The least access that each part needs, where the broker keeps access lists:"
    for part in Part:
        yield ""
        yield f"{part}: {ABOUT[part]}"
        alike = defaultdict[tuple[str, str], list[Right]](list)
        for right in found.rights:
            if right.part is part:
                spare = "" if right.needed else " (it runs without, and says what it could not see)"
                alike[", ".join(right.operations), right.why + spare].append(right)
        for (operations, reason), rights in alike.items():
            yield f"  {operations} on {', '.join(_thing(right) for right in rights)}: {reason}"
    yield ""
    yield from access_commands(found, principal)


def access_commands(found: Review, principal: str) -> Iterator[str]:
    """For a shell, with the parts as comments."""
    for part in Part:
        rights = [right for right in found.rights if right.part is part]
        yield f"# {part}: {ABOUT[part]}"
        yield from commands([right for right in rights if right.needed], principal, found.servers)
        spare = [right for right in rights if not right.needed]
        if spare:
            yield f"# {part}, not needed: to have checked how the topics are kept"
            yield from commands(spare, principal, found.servers)


def as_object(found: Review, principal: str) -> str:
    """All of it in JSON; what is not known is null."""
    told: dict[str, Any] = {
        "bootstrap_servers": found.servers,
        "brokers": found.brokers or None,
        "topics": [_topic(topic) for topic in found.topics],
        "problems": found.problems,
        "warnings": found.warnings,
        "not_seen": found.not_seen,
        "access": [
            {
                "part": part.value,
                "for": ABOUT[part],
                "rights": [_right(right) for right in found.rights if right.part is part],
                "commands": commands(
                    [right for right in found.rights if right.part is part and right.needed], principal, found.servers
                ),
            }
            for part in Part
        ],
    }
    return msgspec.json.format(msgspec.json.encode(told), indent=2).decode()


def _topic(topic: Planned) -> dict[str, Any]:
    there = topic.there
    return {
        "name": topic.name,
        "role": topic.role,
        "purpose": topic.purpose,
        "action": topic.act.value,
        "partitions": topic.partitions,
        "why_partitions": topic.why_partitions,
        "replication_factor": topic.replication,
        "why_replication_factor": topic.why_replication,
        "there": None
        if there is None
        else {
            "partitions": there.partitions,
            "replication_factor": there.copies or None,
            "settings": dict(there.configs) if there.configs_seen else None,
        },
        "settings": [
            {
                "key": each.key,
                "value": each.value,
                "why": each.why,
                "found": each.found,
                "may_be_refused": each.if_refused is not None,
                "if_refused": each.if_refused,
                "cure": each.cure,
            }
            for each in topic.settings
        ],
    }


def _right(right: Right) -> dict[str, Any]:
    return {
        "resource": right.resource.value,
        "name": right.name or None,
        "pattern": "prefixed" if right.prefixed else "literal",
        "operations": list(right.operations),
        "why": right.why,
        "needed": right.needed,
    }


def _count_lines(topic: Planned) -> Iterator[str]:
    there = topic.there
    has = "" if there is None or there.partitions == topic.partitions else f"; it has {there.partitions}"
    yield f"  {counted(topic.partitions, 'partition')}{has}: {topic.why_partitions}"
    if there is not None and there.copies:
        yield f"  replication factor {there.copies}"
    else:
        copies = "" if topic.replication is None else f" {topic.replication}"
        yield f"  replication factor{copies}: {topic.why_replication}"


def _shown(setting: Setting) -> str:
    return f"{setting.key}={setting.value}{_in_words(setting.key, setting.value)}"


def _in_words(key: str, value: str) -> str:
    """A number of milliseconds or bytes as people say it; empty where it is neither."""
    if key.endswith(".ms"):
        days = int(value) / _DAY_MS
        return f" ({days:.4g} {'day' if days == 1 else 'days'})" if days >= 1 else f" ({days * 24:.4g} hours)"
    if key.endswith(".bytes"):
        return f" ({int(value) / (1 << 20):.4g} MiB)"
    return ""


def _otherwise(setting: Setting) -> str:
    return "" if setting.cure is None else f" — it has {setting.found}"


def _thing(right: Right) -> str:
    name = f" {right.name}{'*' if right.prefixed else ''}" if right.name else ""
    return f"{right.resource.value}{name}"
