"""Writes a carried state where nothing lies yet, so that no worker goes on from a half of it.

Each partition begins with a mark that it is not whole, and the marks are taken away when all of them are: until then a
worker refuses to start. The group's offsets follow the positions, so that nothing is read again only to be skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from kafka import TopicPartition
from kafka.errors import KafkaError, NoError
from kafka.structs import OffsetAndMetadata

from service.carrying.reading import newest
from service.cluster.reader import Reader
from service.cluster.tail import partitions_of
from service.config import KafkaSettings
from service.connection import new_producer
from service.domain.changelog import POSITION_KEY, UNFINISHED_KEY, pack_positions
from service.domain.dividing import Part
from service.errors import ConfigurationError, TransientError

_WAIT_S: Final = 120
_MOST_BYTES: Final = 16 << 20

OnProgress = Callable[[str, int, int | None], None]
"""What is being done, how much of it, of how much (None: nobody knows)."""


def silent(_what: str, _done: int, _of: int | None) -> None:
    """Nobody looks."""


class Writer:
    """Records into topics, all of them there when `flush` has returned."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer
        self._failed: BaseException | None = None
        self.written = 0

    def put(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Iterable[Any] = ()
    ) -> None:
        self._check()
        sent = self._producer.send(topic, value, key, partition=partition, headers=list(headers))
        sent.add_errback(self._note)
        self.written += 1

    def flush(self) -> None:
        self._producer.flush(timeout=_WAIT_S)
        self._check()

    def _note(self, error: BaseException) -> None:
        self._failed = error

    def _check(self) -> None:
        if self._failed is not None:
            raise self._failed


@contextmanager
def open_writer(kafka: KafkaSettings) -> Iterator[Writer]:
    """Raises TransientError where the broker does not take what is written."""
    try:
        producer = new_producer(kafka, acks="all", linger_ms=20, batch_size=1 << 18, max_request_size=_MOST_BYTES)
        try:
            yield Writer(producer)
        finally:
            producer.close()
    except KafkaError as error:
        raise TransientError(
            f"The broker at {kafka.bootstrap_servers} did not take everything ({type(error).__name__}): what was begun is "
            "not whole. `churn-alert state reset` takes it away; then try again."
        ) from error


def refuse_what_is_there(reader: Reader, kafka: KafkaSettings) -> None:
    """Raises ConfigurationError where the group holds something already."""
    for topic in (kafka.state_topic, kafka.ledger_topic):
        for partition in partitions_of(reader, topic):
            if reader.end_offsets([partition])[partition] and newest(reader, partition):
                raise ConfigurationError(
                    f"Group {kafka.group!r} has a state already (topic {topic}): `churn-alert state reset` takes it away, "
                    "or take another kafka.group."
                )


def mark_unfinished(writer: Writer, kafka: KafkaSettings, partitions: int) -> None:
    for number in range(partitions):
        writer.put(kafka.state_topic, number, UNFINISHED_KEY, b"1")
    writer.flush()


def mark_whole(writer: Writer, kafka: KafkaSettings, partitions: int) -> None:
    writer.flush()
    for number in range(partitions):
        writer.put(kafka.state_topic, number, UNFINISHED_KEY, None)
    writer.flush()


def write_part(
    writer: Writer,
    kafka: KafkaSettings,
    number: int,
    part: Part,
    positions: Mapping[str, int],
    on_record: Callable[[], None],
) -> None:
    """One partition, its positions included."""
    for topic, records in ((kafka.state_topic, part.state), (kafka.ledger_topic, part.ledger)):
        for key, value in records.items():
            writer.put(topic, number, key, value)
            on_record()
    writer.put(kafka.state_topic, number, POSITION_KEY, pack_positions(dict(positions)))


def set_offsets(admin: Any, group: str, offsets: Mapping[TopicPartition, int]) -> None:
    """The group goes on from there. TransientError where the broker does not take it."""
    told = {partition: OffsetAndMetadata(offset, "", -1) for partition, offset in offsets.items()}
    if not told:
        return
    for partition, error in admin.alter_group_offsets(group, told).items():
        if error is not NoError:
            raise TransientError(
                f"The offset of {partition.topic}-{partition.partition} could not be set for group {group} "
                f"({error.__name__}): what was begun is not whole. `churn-alert state reset` takes it away; then try again."
            )
