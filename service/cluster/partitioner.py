"""By which function the customers of a group belong to partitions: found from where records lie, then kept.

Producers hash keys differently: Java, kafka-python and aiokafka by murmur2, librdkafka and what is built on it by
CRC-32, sarama by FNV-1a. One function is the group's, the same for all inputs, partitions and workers; a customer's
partition is its hash modulo the number of partitions, and a record that lies elsewhere is carried there (carriage.py).
The decision is a record of the ledger topic's partition 0, which every worker reads anyway.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec
from aiokafka.structs import ConsumerRecord, TopicPartition

from service.cluster.reader import Reader
from service.cluster.tail import open_async_reader, partitions_of, records_until_now
from service.config import KafkaSettings, Settings
from service.domain.changelog import PARTITIONER_KEY
from service.wire.input_topics import names_keyed_by_customer
from service.wire.key_hash import DEFAULT_PARTITIONER, FUNCTIONS

AUTO: Final = "auto"
SAMPLE_PLACES: Final = 5
"""Places of a partition at which records are looked at, from its first record to its last: a producer may have been
exchanged in between."""
SAMPLE_RECORDS: Final = 100
"""Records looked at at each place. A single producer is told from others after a handful of keys."""
SAMPLE_S: Final = 1.0
"""At most so long for each place, for all partitions together."""
CUSTOMERS_LOOKED_AT: Final = 2_000
"""Of those that a state of an earlier release holds."""
FEW: Final = 0.8
"""A function that puts fewer of the keys than this where they lie is not that of the producers."""

Placed = tuple[str, int, bytes]
"""A key where it lies: topic, partition, key."""


class Kept(NamedTuple):
    """The decision as it is kept."""

    function: str
    """A name of key_hash.FUNCTIONS; empty = all keys so far lie where every function puts them."""
    mixed: list[int]
    """Partitions in which the sample has found records that belong elsewhere."""
    at_us: int
    """Wall time of the decision."""

    def pack(self) -> bytes:
        return msgspec.msgpack.encode(list(self))

    @classmethod
    def unpack(cls, value: bytes) -> Kept:
        """Raises ValueError for what is no decision of this release, also for a function that it does not know."""
        try:
            function, mixed, at_us, *_ = msgspec.msgpack.decode(value, type=list[Any])
        except msgspec.MsgspecError as error:
            raise ValueError(f"not a record of this release: {error}") from error
        if function and function not in FUNCTIONS:
            raise ValueError(f"{function!r} is no partitioner of this release")
        return cls(function, mixed, at_us)


class Sample:
    """Keys where they lie, each once; where it is counted which function would have put them there."""

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self.keys: set[Placed] = set()
        self.telling = 0
        """Keys that not every function would have put there."""
        self._fits = dict.fromkeys(FUNCTIONS, 0)

    def add(self, topic: str, partition: int, key: bytes | None) -> None:
        """Records without a key lie anywhere, and are refused."""
        if not key or (topic, partition, key) in self.keys:
            return
        self.keys.add((topic, partition, key))
        fits = fitting(key, partition, self.partitions)
        self.telling += len(fits) < len(FUNCTIONS)
        for function in fits:
            self._fits[function] += 1

    def best(self) -> str:
        """The function that has put most keys where they lie; of equals the first."""
        return max(FUNCTIONS, key=self._fits.__getitem__)

    def share(self, function: str) -> float:
        """Of the keys, 0–1; 1 where there are none."""
        return self._fits[function] / len(self.keys) if self.keys else 1.0

    def misplaced(self, function: str) -> list[int]:
        """Partitions with keys that the function would have put elsewhere, ascending."""
        return sorted({at for _, at, key in self.keys if FUNCTIONS[function](key) % self.partitions != at})

    def decide(self, function: str | None = None) -> Kept:
        """`function` is the one that is set; None = the best."""
        function = function or self.best()
        return Kept(function, self.misplaced(function), time.time_ns() // 1000)

    def by_topic(self) -> Mapping[str, Mapping[str, int]]:
        """Topic → function → keys that it would have put where they lie; "" → all keys."""
        found: dict[str, dict[str, int]] = {}
        for topic, partition, key in self.keys:
            row = found.setdefault(topic, {"": 0, **dict.fromkeys(FUNCTIONS, 0)})
            row[""] += 1
            for function in fitting(key, partition, self.partitions):
                row[function] += 1
        return found


def fitting(key: bytes, partition: int, partitions: int) -> list[str]:
    """The functions that put the key into this partition."""
    return [name for name, function in FUNCTIONS.items() if function(key) % partitions == partition]


async def look(reader: Any, topics: Iterable[str], partitions: int, sample: Sample) -> None:
    """Adds records of some places of all partitions of the topics; `reader` is at their ends afterwards.

    They are assigned once: a consumer that is stopped right after an assignment may wait for itself for ever.
    """
    placed = [TopicPartition(topic, number) for topic in topics for number in range(partitions)]
    reader.assign(placed)
    begins, ends = await reader.beginning_offsets(placed), await reader.end_offsets(placed)
    for place in range(SAMPLE_PLACES):
        starts = {tp: _place(begins[tp], ends[tp], place) for tp in placed if begins[tp] < ends[tp]}
        if not starts:
            break
        for tp, start in starts.items():
            reader.seek(tp, start)
        left = dict.fromkeys(starts, SAMPLE_RECORDS)
        deadline = time.monotonic() + SAMPLE_S
        while left and time.monotonic() < deadline:
            for tp, records in (await reader.getmany(*left, timeout_ms=200)).items():
                add_all(sample, records[: left[tp]])
                left[tp] -= len(records)
            for tp in list(left):
                if left[tp] <= 0 or await reader.position(tp) >= ends[tp]:
                    del left[tp]
    for tp in placed:
        reader.seek(tp, ends[tp])


def add_all(sample: Sample, records: Iterable[ConsumerRecord]) -> None:
    for record in records:
        sample.add(record.topic, record.partition, record.key)


def _place(begin: int, end: int, place: int) -> int:
    """The first offset of one of the places of a partition: the last one ends with the partition."""
    last = max(begin, end - SAMPLE_RECORDS)
    return begin + (last - begin) * place // (SAMPLE_PLACES - 1)


async def sample_of(settings: Settings, partitions: int) -> Sample:
    """What a look at the input topics shows now, at those whose keys are customers."""
    sample = Sample(partitions)
    async with open_async_reader(settings.kafka) as reader:
        await look(reader, names_keyed_by_customer(settings), partitions, sample)
    return sample


def kept_in(reader: Reader, kafka: KafkaSettings) -> Kept | None:
    """The decision of the group; None before there is one. `reader` is one of tail.open_reader."""
    kept = None
    for record in records_until_now(reader, partitions_of(reader, kafka.ledger_topic)[:1]):
        if record.key == PARTITIONER_KEY and record.value is not None:
            kept = Kept.unpack(record.value)
    return kept


def function_of(reader: Reader, settings: Settings) -> str | None:
    """The function to look for a customer by: the one that is set, else that of the group; None before there is one."""
    if settings.kafka.partitioner != AUTO:
        return settings.kafka.partitioner
    kept = kept_in(reader, settings.kafka)
    return None if kept is None else kept.function or None


def hash_of(reader: Reader, settings: Settings) -> Callable[[bytes], int]:
    """By which the customers of the group belong to partitions; before it is known, as Kafka's own clients hash."""
    return FUNCTIONS[function_of(reader, settings) or DEFAULT_PARTITIONER]


def sentences(sample: Sample, function: str) -> Iterator[str]:
    """Of each topic that has keys elsewhere than `function` puts them: how many, and by which function they lie."""
    for topic, row in sample.by_topic().items():
        wrong = row[""] - row[function]
        if wrong:
            others = ", ".join(f"{row[name]} where {name}" for name in FUNCTIONS if name != function)
            yield (
                f"Topic {topic}: of {row['']} keys looked at, {row[function]} lie where {function} puts them, {others}: "
                f"{wrong} belong to another partition and are carried there by the worker. {REPAIR[function]}"
            )


REPAIR: Final[Mapping[str, str]] = {
    "murmur2": "Let every producer hash alike: librdkafka's clients do with partitioner=murmur2_random.",
    "crc32": "Let every producer hash alike: librdkafka's clients do with partitioner=consistent_random, their default.",
    "fnv1a": "Let every producer hash alike: librdkafka's clients do with partitioner=fnv1a_random.",
}
"""By the group's function: what repairs producers that use another one."""
