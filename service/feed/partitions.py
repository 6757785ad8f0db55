"""Which partition a record belongs to: the same for what a shop sends and for who looks for a customer."""

from __future__ import annotations

from functools import lru_cache

from service.config import KafkaSettings
from service.wire.key_hash import DEFAULT_PARTITIONER, FUNCTIONS


@lru_cache(maxsize=200_000)  # customers come back
def partition_for(key: bytes, partitions: int, partitioner: str = DEFAULT_PARTITIONER) -> int:
    """The hash of the key modulo the number of partitions; by default as Kafka's own clients hash."""
    return FUNCTIONS[partitioner](key) % partitions


def partitioner_without_broker(kafka: KafkaSettings) -> str:
    """Of a history in a file: as it is set, else as Kafka's own clients hash."""
    return DEFAULT_PARTITIONER if kafka.partitioner == "auto" else kafka.partitioner
