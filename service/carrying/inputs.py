"""Which topics a state was made from, and how far each of them has been read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from service.carrying.archive import InputRead
from service.carrying.reading import Held, unread_of
from service.cluster.known_logs import KnownLogs
from service.cluster.reader import Reader
from service.cluster.tail import partitions_of
from service.cluster.topic_ids import topics_described
from service.config import Settings
from service.domain.changelog import LOGS_KEY
from service.wire.input_topics import INPUT_TOPICS

CARRIED: Final = "carried"
"""The channel of what partitions carry to each other."""


def inputs_of(settings: Settings) -> dict[str, str]:
    """Channel → topic."""
    return {row.channel.name: row.name(settings.kafka.topics) for row in INPUT_TOPICS}


def logs_of(held: Held) -> KnownLogs:
    """What a partition knows of the topics it was made from. ValueError for a record of a later release."""
    logs, packed = KnownLogs(), held.state.get(LOGS_KEY)
    if packed is not None:
        logs.restore(packed)
    return logs


def ids_of_inputs(settings: Settings, admin: Any) -> dict[str, bytes]:
    """Topic → which one it is; without those of which the brokers tell nothing."""
    told = topics_described(admin, inputs_of(settings).values())
    return {topic: now.id for topic, now in told.items() if now.id}


def cluster_of(admin: Any) -> str:
    return str(admin.describe_cluster()["cluster_id"])


def inputs_read(
    settings: Settings, reader: Reader, positions: list[dict[str, int]], logs: Iterable[KnownLogs] = ()
) -> dict[str, InputRead]:
    read: dict[str, InputRead] = {}
    for channel, topic in {**inputs_of(settings), CARRIED: settings.kafka.carried_topic}.items():
        at = {
            partition: positions[partition.partition].get(topic, 0)
            for partition in partitions_of(reader, topic)
            if partition.partition < len(positions)
        }
        ids = {each.of[topic].id for each in logs if topic in each.of} - {b""}
        read[channel] = InputRead(
            topic,
            [each.get(topic, 0) for each in positions],
            unread_of(reader, at).get(topic, 0),
            ids.pop().hex() if len(ids) == 1 else "",
        )
    return read
