"""Where a group remembers what it has sent: told with the offsets that it commits, so that a deliverer which is to
remember elsewhere, and so would know of nothing, does not begin."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from typing import Final

from kafka.errors import CoordinatorNotAvailableError

from service.config import KafkaSettings
from service.connection import new_admin
from service.errors import ConfigurationError
from service.streaming.tail import open_reader, partitions_of

_WORD: Final = "deliveries="
_TIMEOUT_MS: Final = 15_000


def remembered_in(kafka: KafkaSettings) -> str:
    """What is told with a committed offset."""
    return f"{_WORD}{kafka.topics.deliveries}"


def refuse_another_memory(kafka: KafkaSettings, group: str) -> None:
    """Raises ConfigurationError where the group remembers in another topic than kafka.topics.deliveries, and that one
    holds nothing."""
    try:
        with closing(new_admin(kafka, request_timeout_ms=_TIMEOUT_MS)) as admin:
            committed = admin.list_group_offsets({group: None})[group]
    except CoordinatorNotAvailableError:
        return  # no group has ever committed anything to this broker
    former = other_memory(kafka, (each.metadata for tp, each in committed.items() if tp.topic == kafka.topics.outreach))
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


def other_memory(kafka: KafkaSettings, told: Iterable[str | None]) -> str | None:
    """The topic that was told with offsets, where it is another one; a release before told none."""
    names = {word.removeprefix(_WORD) for word in told if word and word.startswith(_WORD)}
    return None if not names or kafka.topics.deliveries in names else min(names)
