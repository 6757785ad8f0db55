"""Which partition a record belongs to: the same for what a shop sends and for who looks for a customer."""

from __future__ import annotations

from functools import lru_cache

from kafka.partitioner.default import murmur2


@lru_cache(maxsize=200_000)  # the hash is pure Python, and customers come back
def partition_for(key: bytes, partitions: int) -> int:
    """Kafka's own default partitioner: murmur2 of the key, made positive, modulo the number of partitions."""
    return int((murmur2(key) & 0x7FFF_FFFF) % partitions)
