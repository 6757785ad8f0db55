"""Where a group remembers what it has sent: told with the offsets that it commits, so that a deliverer which is to
remember elsewhere, and so would know of nothing, does not begin."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any, Final

from kafka.errors import AuthorizationError, KafkaError

from service.cluster.tail import open_reader, partitions_of
from service.cluster.topic_ids import TopicNow
from service.config import KafkaSettings
from service.connection import new_admin
from service.errors import ConfigurationError, RecordsLostError, TransientError

_WORD: Final = "deliveries="
MEMORY_ID, OUTREACH_ID = "deliveries-id=", "outreach-id="
_TIMEOUT_MS: Final = 15_000
_PATIENCE_S: Final = 30.0
_ASK_AGAIN_S: Final = 0.2


def remembered_in(kafka: KafkaSettings, topics: Mapping[str, TopicNow] | None = None) -> str:
    """What is told with a committed offset: the topic of what was sent, and which topics the names mean, as far as the
    brokers say."""
    ids = {name: now.id.hex() for name, now in (topics or {}).items() if now.id}
    names = kafka.topics
    told = ((MEMORY_ID, ids.get(names.deliveries)), (OUTREACH_ID, ids.get(names.outreach)))
    return " ".join([f"{_WORD}{names.deliveries}", *(f"{word}{topic_id}" for word, topic_id in told if topic_id)])


def refuse_foreign_topics(kafka: KafkaSettings, group: str) -> bool:
    """Raises ConfigurationError where the group remembers in another topic than kafka.topics.deliveries, and that one
    holds nothing; RecordsLostError where `deliveries` or `outreach` is not the topic that the group has used: without
    the first it would send again what it has sent, and its offsets say nothing of the second. Returns whether the
    second is another, and is to be read from its beginning."""
    names = kafka.topics
    with closing(new_admin(kafka, request_timeout_ms=_TIMEOUT_MS)) as admin:
        committed = _committed(kafka, admin, group)
        described = admin.describe_topics([names.deliveries, names.outreach])
    topics = {
        each["name"]: TopicNow(uuid.UUID(str(each["topic_id"])).bytes, 1)
        for each in described
        if not each["error_code"] and each.get("topic_id")
    }
    told = {tp.partition: (each.metadata, each.offset) for tp, each in committed.items() if tp.topic == names.outreach}
    _refuse_another_memory(kafka, group, [word for word, _ in told.values()])
    return _refuse_topics_made_anew(kafka, group, told, topics)


def _refuse_another_memory(kafka: KafkaSettings, group: str, told: Iterable[str | None]) -> None:
    former = other_memory(kafka, told)
    if former is None:
        return
    with open_reader(kafka) as reader:
        there = partitions_of(reader, kafka.topics.deliveries)
        if any(reader.end_offsets(list(there)).values()):
            return  # it was copied, or is that of another group
    raise ConfigurationError(
        f"kafka.topics.deliveries is {kafka.topics.deliveries!r}, which holds nothing, but the group {group!r} remembers in "
        f"{former!r} what it has sent, and would send it again: set it back, or copy the records of {former!r} there "
        "first, each into the partition of the same number (docs/operations/changed-settings.md)."
    )


def _committed(kafka: KafkaSettings, admin: Any, group: str) -> Mapping[Any, Any]:
    """The offsets that the group has committed, with what was told. A broker that has just begun, or whose partition of
    the groups moves, is asked again: without an answer nothing is known, and nothing may be sent. Raises
    TransientError."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            committed: Mapping[Any, Any] = admin.list_group_offsets({group: None})[group]
        except KafkaError as error:
            if isinstance(error, AuthorizationError):
                raise
            if time.monotonic() > deadline:
                raise TransientError(
                    f"The broker at {kafka.bootstrap_servers} does not tell what group {group!r} has committed "
                    f"({type(error).__name__}): try again."
                ) from error
            time.sleep(_ASK_AGAIN_S)
        else:
            return committed


def other_memory(kafka: KafkaSettings, told: Iterable[str | None]) -> str | None:
    """The topic that was told with offsets, where it is another one; a release before told none."""
    names = {word.removeprefix(_WORD) for each in told for word in (each or "").split() if word.startswith(_WORD)}
    return None if not names or kafka.topics.deliveries in names else min(names)


def _refuse_topics_made_anew(
    kafka: KafkaSettings, group: str, told: Mapping[int, tuple[str | None, int]], topics: Mapping[str, TopicNow]
) -> bool:
    names = kafka.topics
    with open_reader(kafka) as reader:
        partitions = list(partitions_of(reader, names.outreach))
        begin, end = reader.beginning_offsets(partitions), reader.end_offsets(partitions)
    held = sum(end[each] - begin[each] for each in partitions)
    if is_another(MEMORY_ID, topics.get(names.deliveries), (word for word, _ in told.values())):
        raise RecordsLostError(
            f"{names.deliveries} was made anew, and group {group!r} remembered in the former topic what it has sent: of the "
            f"{held} requests that {names.outreach} holds it would send some a second time. Bring its records back from a "
            "backup with `churn-alert state import`; or, to send none of them, move the group to the end with "
            f"`kafka-consumer-groups.sh --group {group} --topic {names.outreach} --reset-offsets --to-latest --execute`."
        )
    anew = is_another(OUTREACH_ID, topics.get(names.outreach), (word for word, _ in told.values()))
    if anew and kafka.on_gap == "stop":
        raise RecordsLostError(
            f"{names.outreach} was made anew: it holds {held} requests, and the offsets of group {group!r}, up to "
            f"{max(offset for _, offset in told.values())}, are of the former topic. To read it from its beginning (what was "
            'sent is remembered, and not sent again), set kafka.on_gap = "continue".'
        )
    return anew


def is_another(word: str, now: TopicNow | None, told: Iterable[str | None]) -> bool:
    """Whether the topic is none of those that were told with offsets; False where nothing was told, or is known."""
    ids = {each.removeprefix(word) for one in told for each in (one or "").split() if each.startswith(word)}
    return now is not None and bool(now.id) and bool(ids) and now.id.hex() not in ids
