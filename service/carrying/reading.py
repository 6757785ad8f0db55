"""What a group holds, partition by partition: the newest record of each key of its two topics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from kafka import TopicPartition

from service.cluster.reader import Reader
from service.cluster.tail import partitions_of, records_until_now
from service.config import KafkaSettings
from service.domain.changelog import POSITION_KEY, UNFINISHED_KEY, unpack_positions
from service.errors import ConfigurationError


class Held(NamedTuple):
    """Of one partition."""

    number: int
    state: dict[bytes, bytes]
    ledger: dict[bytes, bytes]

    @property
    def positions(self) -> dict[str, int]:
        """The next offset of each input, and what the partitions have carried to each other (carriage.py)."""
        packed = self.state.get(POSITION_KEY)
        return {} if packed is None else unpack_positions(packed)


def held_partitions(reader: Reader, kafka: KafkaSettings) -> int:
    """How many the group's state has. Raises ConfigurationError where it has none."""
    partitions = partitions_of(reader, kafka.state_topic)
    if not partitions:
        raise ConfigurationError(
            f"The topic {kafka.state_topic} does not exist; is kafka.group = {kafka.group!r} right?"
        )
    return len(partitions)


def read_held(reader: Reader, kafka: KafkaSettings, numbers: Iterable[int]) -> Iterator[Held]:
    """One after the other, so that no more than one is in memory. Raises ConfigurationError for a state that is not
    whole."""
    for number in numbers:
        refuse_lost_beginnings(reader, kafka, number)
        state = newest(reader, TopicPartition(kafka.state_topic, number))
        if UNFINISHED_KEY in state:
            raise ConfigurationError(
                f"The state of group {kafka.group!r} is not whole: it was being carried here, and that was broken off. "
                "`churn-alert state reset` takes it away."
            )
        yield Held(number, state, newest(reader, TopicPartition(kafka.ledger_topic, number)))


def refuse_lost_beginnings(reader: Reader, kafka: KafkaSettings, number: int) -> None:
    """Raises ConfigurationError where a part of what was written first is gone: a copy would hide that for ever, and a
    worker refuses to go on with it (streaming/own_topics.py)."""
    own = [TopicPartition(topic, number) for topic in (kafka.state_topic, kafka.ledger_topic)]
    for partition, begin in reader.beginning_offsets(own).items():
        if begin:
            raise ConfigurationError(
                f"{partition.topic}-{partition.partition} begins at {begin} instead of 0: what lay before was deleted, as by "
                f"another cleanup.policy than compact, so the state of group {kafka.group!r} is not whole. Bring it back from a "
                "backup with `churn-alert state import`, or begin anew with `churn-alert state reset`."
            )


def newest(reader: Reader, partition: TopicPartition) -> dict[bytes, bytes]:
    """The newest record of each key that is not deleted."""
    found: dict[bytes, bytes] = {}
    for record in records_until_now(reader, [partition]):
        found.pop(record.key, None)
        if record.value is not None:
            found[record.key] = record.value
    return found


def ends_of(reader: Reader, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
    """The last stable offset of each."""
    asked = list(partitions)
    return dict(reader.end_offsets(asked)) if asked else {}


def unread_of(reader: Reader, positions: Mapping[TopicPartition, int]) -> dict[str, int]:
    """Topic → how far what is read falls short of what lies there; without those of which all was read.

    What occupies offsets behind a position and is no record (marks of transactions) is no reason to wait. Raises
    ConfigurationError where a log ends before its position.
    """
    found: dict[str, int] = {}
    ends = ends_of(reader, positions)
    for partition, position in positions.items():
        end = ends[partition]
        if end < position:
            raise ConfigurationError(
                f"{partition.topic}-{partition.partition} ends at {end}, but the state contains its records up to "
                f"{position}: the topic was made anew or has lost records."
            )
        if end > position and _holds_a_record(reader, partition, position, end):
            found[partition.topic] = found.get(partition.topic, 0) + end - position
    return found


def _holds_a_record(reader: Reader, partition: TopicPartition, begin: int, end: int) -> bool:
    reader.assign([partition])
    reader.seek(partition, begin)
    while reader.position(partition) < end:
        for records in reader.poll(timeout_ms=300).values():
            if any(record.offset < end for record in records):
                return True
    return False
