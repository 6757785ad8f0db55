"""Where a group remembers what it has sent: told with the offsets that it commits, so that a deliverer which is to
remember elsewhere, and so would know of nothing, does not begin."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from typing import Any, Final

from kafka.errors import AuthorizationError, KafkaError

from service.cluster.known_logs import KnownLog, KnownLogs
from service.cluster.reader import Reader
from service.cluster.tail import open_reader, partitions_of, records_until_now
from service.cluster.topic_ids import TopicNow, topics_described
from service.config import KafkaSettings
from service.connection import new_admin
from service.delivery.memory import unpack
from service.domain.changelog import LOGS_KEY
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


def refuse_foreign_topics(kafka: KafkaSettings, group: str, channel: str, begin_at: str = "earliest") -> bool:
    """Raises ConfigurationError where the group remembers in another topic than kafka.topics.deliveries, and that one
    holds nothing; RecordsLostError where `deliveries` or `outreach` is not the topic that the group has used: without
    the first it would send again what it has sent, and of the second it would not know what it has not. Returns whether
    the second is another, and is to be read from its beginning. `begin_at`: where a group without offsets begins."""
    names = kafka.topics
    with closing(new_admin(kafka, request_timeout_ms=_TIMEOUT_MS)) as admin:
        committed = _committed(kafka, admin, group)
        topics = topics_described(admin, [names.deliveries, names.outreach])
    told = {tp.partition: (each.metadata, each.offset) for tp, each in committed.items() if tp.topic == names.outreach}
    if not told:
        return _refuse_without_offsets(kafka, group, channel, topics, begin_at)
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


def _refuse_without_offsets(
    kafka: KafkaSettings, group: str, channel: str, topics: Mapping[str, TopicNow], begin_at: str
) -> bool:
    """A group without offsets has never sent, or they are gone: after a week without a deliverer, or with the topic
    that they were of, with which brokers delete them. `deliveries` tells which, unless it is gone as well; and which
    topics there were before the worker knows (job.py)."""
    names = kafka.topics
    with open_reader(kafka) as reader:
        known = _known_to_worker(reader, kafka)
        since_us = lost_since_us((each.get(names.deliveries) for each in known), topics.get(names.deliveries))
        doubtful = _asked_before(reader, names.outreach, since_us) if since_us and begin_at == "earliest" else 0
        anew = lost_since_us((each.get(names.outreach) for each in known), topics.get(names.outreach)) > 0
        anew = anew and _has_sent(reader, names.deliveries, channel)
        held = _asked_before(reader, names.outreach, time.time_ns() // 1000) if anew else 0
    if doubtful:
        raise RecordsLostError(
            f"{names.deliveries} was made anew, and group {group!r} has no offsets either: nobody knows which of "
            f"{_requests(doubtful)} of before in {names.outreach} were sent. Bring the records of the former one back from a "
            f"backup with `churn-alert state import`; or, to send none of them, {_moved_to(group, names.outreach, 'latest')}; or, "
            "if it has never sent, to the beginning with --to-earliest."
        )
    if anew and kafka.on_gap == "stop":
        raise RecordsLostError(
            f"{names.outreach} was made anew: it holds {_requests(held)}, and what group {group!r} had not read of the former "
            "topic is lost. To read it from its beginning (what was sent is remembered, and not sent again), set "
            'kafka.on_gap = "continue".'
        )
    return anew


def _requests(count: int) -> str:
    return "1 request" if count == 1 else f"{count} requests"


def _moved_to(group: str, topic: str, end: str) -> str:
    command = f"kafka-consumer-groups.sh --group {group} --topic {topic} --reset-offsets --to-{end} --execute"
    return f"move the group to the end with `{command}`"


def _known_to_worker(reader: Reader, kafka: KafkaSettings) -> list[Mapping[str, KnownLog]]:
    """What each partition's worker knows of outputs."""
    newest: dict[int, bytes] = {}
    for record in records_until_now(reader, partitions_of(reader, kafka.ledger_topic)):
        if record.key == LOGS_KEY and record.value is not None:
            newest[record.partition] = record.value
    found: list[Mapping[str, KnownLog]] = []
    for value in newest.values():
        logs = KnownLogs()
        logs.restore(value)
        found.append(logs.of)
    return found


def _has_sent(reader: Reader, topic: str, channel: str) -> bool:
    """Whether anything is remembered of that way out."""
    for record in records_until_now(reader, partitions_of(reader, topic)):
        if record.value is not None:
            with suppress(ValueError):  # of another release
                if unpack(record.value)[0] == channel:
                    return True
    return False


def lost_since_us(known: Iterable[KnownLog | None], now: TopicNow | None) -> int:
    """The topic is another than the one that lay there before that instant, wall clock; 0: nothing says so."""
    if now is None or not now.id:
        return 0
    told = [each for each in known if each is not None and each.id]
    if any(each.id != now.id for each in told):
        return time.time_ns() // 1000
    return max((each.last_us for each in told), default=0)


def _asked_before(reader: Reader, topic: str, instant_us: int) -> int:
    """How many offsets of `outreach` were written before."""
    partitions = partitions_of(reader, topic)
    begin, end = reader.beginning_offsets(partitions), reader.end_offsets(partitions)
    behind = reader.offsets_for_times(dict.fromkeys(partitions, instant_us // 1000))
    return sum(max(0, behind.get(each, end[each]) - begin[each]) for each in partitions)


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
            f"{_requests(held)} that {names.outreach} holds it would send some a second time. Bring its records back from a "
            f"backup with `churn-alert state import`; or, to send none of them, {_moved_to(group, names.outreach, 'latest')}."
        )
    anew = is_another(OUTREACH_ID, topics.get(names.outreach), (word for word, _ in told.values()))
    if anew and kafka.on_gap == "stop":
        raise RecordsLostError(
            f"{names.outreach} was made anew: it holds {_requests(held)}, and the offsets of group {group!r}, up to "
            f"{max(offset for _, offset in told.values())}, are of the former topic. To read it from its beginning (what was "
            'sent is remembered, and not sent again), set kafka.on_gap = "continue".'
        )
    return anew


def is_another(word: str, now: TopicNow | None, told: Iterable[str | None]) -> bool:
    """Whether the topic is none of those that were told with offsets; False where nothing was told, or is known."""
    ids = {each.removeprefix(word) for one in told for each in (one or "").split() if each.startswith(word)}
    return now is not None and bool(now.id) and bool(ids) and now.id.hex() not in ids
