"""Reads topics as a person's command does: at read_committed, from their beginning, in no consumer group.

The worker reads through its own transport, and what follows it within the process through aiokafka; this is kafka-python, for commands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from service.config import KafkaSettings
from service.errors import ConfigurationError
from service.streaming.connection import kafka_python_security

_MOST_BYTES = 16 << 20
"""Of one fetch from a partition: the largest record is one that a producer of ours may write."""


@contextmanager
def open_reader(kafka: KafkaSettings) -> Iterator[Any]:
    """A consumer with nothing assigned, closed at the end. Raises ConfigurationError when no broker answers."""
    try:
        consumer = KafkaConsumer(
            bootstrap_servers=kafka.bootstrap_servers,
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=_MOST_BYTES,
            **kafka_python_security(kafka),
        )
    except KafkaError as error:
        raise ConfigurationError(
            f"No Kafka broker answers at {kafka.bootstrap_servers} ({type(error).__name__}); "
            "check kafka.bootstrap_servers and that the broker runs."
        ) from error
    try:
        yield consumer
    finally:
        consumer.close()


def partitions_of(reader: Any, topic: str) -> list[TopicPartition]:
    """In order of their numbers; empty for a topic that does not exist."""
    return [TopicPartition(topic, number) for number in sorted(reader.partitions_for_topic(topic) or ())]


def read_from_the_beginning(reader: Any, partitions: Iterable[TopicPartition]) -> None:
    """The reader's next poll gives the oldest records of these partitions."""
    assigned = list(partitions)
    reader.assign(assigned)
    reader.seek_to_beginning(*assigned)


def records_until_now(reader: Any, partitions: Iterable[TopicPartition]) -> Iterator[Any]:
    """Every record that lies in these partitions now, oldest first within each."""
    assigned = list(partitions)
    read_from_the_beginning(reader, assigned)
    ends = reader.end_offsets(assigned)
    while any(reader.position(each) < ends[each] for each in assigned):
        for partition, records in reader.poll(timeout_ms=500).items():
            yield from (record for record in records if record.offset < ends[partition])
