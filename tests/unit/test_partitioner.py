"""The group's function is found from where keys lie, and what lies elsewhere is named."""

from __future__ import annotations

import pytest

from service.cluster.partitioner import Kept, Sample, _place, fitting, sentences
from service.wire.key_hash import FUNCTIONS

PARTITIONS = 4
KEYS = [f"c{number:03d}".encode() for number in range(60)]


def sample_of(*placed: tuple[str, list[bytes]], topic: str = "purchases") -> Sample:
    """Keys as producers with these functions put them."""
    sample = Sample(PARTITIONS)
    for function, keys in placed:
        for key in keys:
            sample.add(topic, FUNCTIONS[function](key) % PARTITIONS, key)
    return sample


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_single_kind_of_producer_is_found_and_nothing_is_amiss(function: str) -> None:
    sample = sample_of((function, KEYS))

    kept = sample.decide()

    assert (kept.function, kept.mixed, sample.share(function)) == (function, [], 1.0)
    assert list(sentences(sample, function)) == []


def test_of_two_kinds_the_more_frequent_is_the_groups_and_the_other_is_named_with_its_repair() -> None:
    sample = sample_of(("murmur2", KEYS[:40]), ("crc32", KEYS[40:]))

    (told,) = sentences(sample, sample.best())

    wrong = sum(FUNCTIONS["crc32"](key) % 4 != FUNCTIONS["murmur2"](key) % 4 for key in KEYS[40:])
    assert sample.best() == "murmur2"
    assert told.startswith(f"Topic purchases: of 60 keys looked at, {60 - wrong} lie where murmur2 puts them, ")
    assert f"{wrong} belong to another partition" in told
    assert "partitioner=murmur2_random" in told
    assert sample.decide().mixed == sorted(
        {FUNCTIONS["crc32"](key) % 4 for key in KEYS[40:]} & set(sample.misplaced("murmur2"))
    )


def test_a_key_counts_once_in_each_partition_however_often_it_was_sent() -> None:
    once, often = sample_of(("crc32", KEYS[:5])), sample_of(("crc32", KEYS[:5] * 9))

    assert (once.keys, once.telling) == (often.keys, often.telling)


def test_records_without_a_key_tell_nothing() -> None:
    sample = Sample(PARTITIONS)
    sample.add("purchases", 3, None)
    sample.add("purchases", 3, b"")

    assert (sample.keys, sample.telling, sample.best()) == (set(), 0, "murmur2")


def test_a_key_that_every_function_puts_there_tells_nothing() -> None:
    agreed = next(key for key in map(str.encode, map(str, range(9_999))) if len(_homes(key)) == 1)
    sample = sample_of(("murmur2", [agreed]))

    assert (len(sample.keys), sample.telling) == (1, 0)


def _homes(key: bytes) -> set[int]:
    return {function(key) % PARTITIONS for function in FUNCTIONS.values()}


def test_what_fits_is_every_function_that_puts_the_key_there() -> None:
    for key in KEYS:
        for partition in range(PARTITIONS):
            assert fitting(key, partition, PARTITIONS) == [
                name for name, function in FUNCTIONS.items() if function(key) % PARTITIONS == partition
            ]


def test_the_decision_is_read_as_it_was_written_and_one_of_another_release_is_refused() -> None:
    kept = Kept("crc32", [1, 3], 1_700_000_000_000_000)

    assert Kept.unpack(kept.pack()) == kept
    assert Kept.unpack(Kept("", [], 5).pack()) == Kept("", [], 5)
    with pytest.raises(ValueError, match="'md5' is no partitioner of this release"):
        Kept.unpack(Kept("md5", [], 0).pack())
    with pytest.raises(ValueError, match="not a record of this release"):
        Kept.unpack(b"\xc1")


def test_the_places_looked_at_reach_from_the_first_record_to_the_last() -> None:
    assert [_place(100, 1_100, place) for place in range(5)] == [100, 325, 550, 775, 1_000]
    assert [_place(7, 9, place) for place in range(5)] == [7, 7, 7, 7, 7]
