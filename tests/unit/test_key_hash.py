"""Keys are hashed as the producers of others hash them: their own published values, and the clients that are here."""

from __future__ import annotations

import zlib

import pytest
from aiokafka.partitioner import murmur2 as murmur2_of_aiokafka
from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2 as murmur2_of_kafka_python

from service.config import KafkaSettings
from service.feed.partitions import partition_for, partitioner_without_broker
from service.wire.key_hash import DEFAULT_PARTITIONER, FUNCTIONS, crc32_of, fnv1a, murmur2

UNALIGNED = b"PreAmbleWillBeRemoved,ThePrePartThatIs"


@pytest.mark.parametrize(
    ("key", "signed"),
    [
        (b"21", -973_932_308),
        (b"foobar", -790_332_482),
        (b"a-little-bit-long-string", -985_981_536),
        (b"a-little-bit-longer-string", -1_486_304_829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        (b"abc", 479_470_107),
    ],
)
def test_murmur2_is_that_of_the_java_clients(key: bytes, signed: int) -> None:
    """The values of their own test; the partitioner clears the sign bit."""
    assert murmur2(key) == signed & 0x7FFF_FFFF


@pytest.mark.parametrize(
    ("key", "word"),
    [
        (b"kafka", 0xD067CF64),
        (b"giberish123456789", 0x8F552B0C),
        (b"1234", 0x9FC97B14),
        (b"234", 0xE7C009CA),
        (b"34", 0x873930DA),
        (b"4", 0x5A4B5CA1),
        (UNALIGNED, 0x78424F1C),
        (UNALIGNED[1:], 0x4A62B377),
        (b"", 0x106E08D9),
    ],
)
def test_murmur2_is_that_of_librdkafka_too(key: bytes, word: int) -> None:
    assert murmur2(key) == word & 0x7FFF_FFFF


@given(st.binary(max_size=40))
def test_murmur2_is_that_of_the_clients_installed_here(key: bytes) -> None:
    assert murmur2(key) == murmur2_of_kafka_python(key) & 0x7FFF_FFFF == murmur2_of_aiokafka(key) & 0x7FFF_FFFF


@pytest.mark.parametrize(
    ("key", "word"),
    [
        (b"kafka", 0xD33C4E1),
        (b"giberish123456789", 0x77A58295),
        (b"1234", 0x23BDD03),
        (b"234", 0x2DEA3CD2),
        (b"34", 0x740FA83E),
        (b"4", 0x310CA263),
        (b"", 0x7EE3623B),
    ],
)
def test_fnv1a_is_that_of_sarama_and_librdkafka(key: bytes, word: int) -> None:
    assert fnv1a(key) == word


@given(st.binary(max_size=40))
def test_fnv1a_is_the_absolute_value_of_the_signed_hash(key: bytes) -> None:
    h = 0x811C9DC5
    for byte in key:
        h = (h ^ byte) * 0x01000193 % (1 << 32)
    signed = h - (1 << 32) if h >> 31 else h

    assert fnv1a(key) == abs(signed)


def test_crc32_is_the_one_of_zlib_without_a_sign() -> None:
    assert crc32_of(b"123456789") == 0xCBF4_3926 == zlib.crc32(b"123456789")


@given(st.binary(max_size=40), st.integers(1, 100), st.sampled_from(sorted(FUNCTIONS)))
def test_every_function_gives_a_partition_that_there_is(key: bytes, partitions: int, function: str) -> None:
    assert 0 <= partition_for(key, partitions, function) < partitions


def test_a_history_in_a_file_is_split_as_it_is_set_and_else_as_the_java_clients_do() -> None:
    assert partitioner_without_broker(KafkaSettings()) == DEFAULT_PARTITIONER == "murmur2"
    assert partitioner_without_broker(KafkaSettings(partitioner="crc32")) == "crc32"
