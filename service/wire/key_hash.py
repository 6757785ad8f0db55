"""The functions by which producers turn a record's key into its partition.

Each gives a number of at least 0; modulo the number of partitions it is where the producer puts the record. Compiled
(setup.py): in pure Python the first two take microseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from zlib import crc32

_WORD: Final = 0xFFFF_FFFF
_HALF: Final = 0xFFFF
_POSITIVE: Final = 0x7FFF_FFFF
_MURMUR_SEED: Final = 0x9747_B28C
_MURMUR_M: Final = 0x5BD1_E995
_FNV_BASIS: Final = 0x811C_9DC5
_FNV_PRIME: Final = 0x0100_0193


def _times(word: int, factor: int) -> int:
    """The lower 32 bits of the product, by halves: a compiled int multiplies quickly below 2^30 only."""
    low, high = word & _HALF, word >> 16
    low_factor, high_factor = factor & _HALF, factor >> 16
    return (low * low_factor + (((high * low_factor + low * high_factor) & _HALF) << 16)) & _WORD


def murmur2(key: bytes) -> int:
    """MurmurHash2 as Kafka's own clients use it (Java, kafka-python, aiokafka): of the signed hash the sign bit is
    cleared."""
    length = len(key)
    whole = length & ~3
    h = _MURMUR_SEED ^ length
    place = 0
    while place < whole:
        k = key[place] | (key[place + 1] << 8) | (key[place + 2] << 16) | (key[place + 3] << 24)
        k = _times(k, _MURMUR_M)
        k = _times(k ^ (k >> 24), _MURMUR_M)
        h = _times(h, _MURMUR_M) ^ k
        place += 4
    left = length - whole
    if left:
        if left == 3:
            h ^= key[whole + 2] << 16
        if left >= 2:
            h ^= key[whole + 1] << 8
        h = _times(h ^ key[whole], _MURMUR_M)
    h = _times(h ^ (h >> 13), _MURMUR_M)
    return (h ^ (h >> 15)) & _POSITIVE


def crc32_of(key: bytes) -> int:
    """CRC-32 without a sign, as librdkafka's default `consistent_random` uses it, and with it the clients of .NET,
    Python (confluent-kafka), PHP, Node and others, and ruby-kafka."""
    return crc32(key)


def fnv1a(key: bytes) -> int:
    """FNV-1a as sarama (Go) and librdkafka's `fnv1a` use it: the absolute value of the signed hash."""
    h = _FNV_BASIS
    for byte in key:
        h = _times(h ^ byte, _FNV_PRIME)
    return h if h <= _POSITIVE else _WORD + 1 - h


FUNCTIONS: Final[Mapping[str, Callable[[bytes], int]]] = {"murmur2": murmur2, "crc32": crc32_of, "fnv1a": fnv1a}
"""By the name that the setting kafka.partitioner has for it. The first is taken where nothing tells them apart."""
DEFAULT_PARTITIONER: Final = "murmur2"
