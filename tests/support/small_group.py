"""A group of partitions in memory: their jobs, their logs, the ledger that everybody reads, and a clock set by hand.

Records lie in whatever partition a test puts them, what a turn writes becomes visible at once and together, partitions
read and write in any order, and any worker may be replaced by one that knows what was written and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from random import Random
from typing import Final
from unittest.mock import patch

from aiokafka.structs import ConsumerRecord

from service.cluster.partitioner import Kept
from service.cluster.placement import Placement
from service.config import Settings
from service.domain.changelog import PARTITIONER_KEY, PROGRESS_KEY
from service.domain.events import Event
from service.domain.findings import Decision
from service.feed.records import key_of, value_of
from service.streaming.job import PartitionJob
from service.streaming.producer import Destination
from service.wire.input_topics import TOPIC_OF
from service.wire.key_hash import FUNCTIONS

Placed = tuple[int, Event]
"""A partition, and an event whose record lies there."""

FUNCTION: Final = "murmur2"
STEP_US: Final = 40_000
"""The clock moves on by so much with each step."""
PATIENCE: Final = 200_000
"""Steps until everything must have been applied."""


class SmallGroup:
    """`workers` processes own the partitions in turn. `kept`: the group's decision, told by partition 0 at first."""

    def __init__(self, settings: Settings, partitions: int, workers: int, now_us: int, kept: Kept) -> None:
        self._settings = settings
        self._partitions = partitions
        self._kept = kept
        self.now_us = now_us
        self._logs: dict[Destination, list[ConsumerRecord]] = {}
        self._state: list[dict[tuple[str, bytes], bytes | None]] = [{} for _ in range(partitions)]
        self._told: list[tuple[int, bytes, bytes | None]] = []
        """Records of the ledger topic in the order in which they were committed."""
        self._owned = [list(range(worker, partitions, workers)) for worker in range(workers)]
        self._placements: list[Placement] = []
        self._heard: list[int] = []
        self.jobs: dict[int, PartitionJob] = {}
        self._fetched: dict[int, list[int]] = {}
        self.decisions: list[list[Decision]] = [[] for _ in range(partitions)]
        self.refused: list[tuple[str, int, int]] = []
        """(topic, partition, offset) of dead letters, as they say where they come from."""
        self.outputs: dict[Destination, list[tuple[bytes | None, bytes | None]]] = {}
        with self._clock():
            for worker in range(workers):
                self._placements.append(Placement(settings, partitions))
                self._heard.append(0)
                self._start(worker)

    # ---- the world

    def _clock(self) -> AbstractContextManager[object]:
        return patch("time.time_ns", side_effect=lambda: self.now_us * 1000)

    def append(self, partition: int, event: Event) -> ConsumerRecord:
        topic = TOPIC_OF[type(event)].name(self._settings.kafka.topics)
        return self.append_record(topic, partition, key_of(event), value_of(event, 2))

    def append_record(self, topic: str, partition: int, key: bytes | None, value: bytes | None) -> ConsumerRecord:
        log = self._logs.setdefault(Destination(topic, partition), [])
        record = ConsumerRecord(topic, partition, len(log), self.now_us // 1000, 0, key, value, None, 0, 0, ())
        log.append(record)
        return record

    def log(self, topic: str, partition: int) -> list[ConsumerRecord]:
        return self._logs.get(Destination(topic, partition), [])

    def _start(self, worker: int) -> None:
        """A process that knows what was written, and has heard nothing yet."""
        self._placements[worker] = Placement(self._settings, self._partitions)
        self._heard[worker] = 0
        for number in self._owned[worker]:
            job = PartitionJob(self._settings, number, self._partitions, self._placements[worker])
            for (topic, key), value in self._state[number].items():
                job.restore(topic, key, value)
            job.restored()
            self.jobs[number] = job
            if number == 0 and self._placements[worker].kept is None:
                job.decide(self._kept)
            self._fetched[number] = [job.positions[topic] for topic in job.sources]

    # ---- what happens

    def run(self, arrivals: Iterable[Placed], lots: Random, *, restarts: int = 0) -> None:
        """Appends the records one after the other, in between whatever comes first, until all is applied."""
        with self._clock():
            for partition, event in arrivals:
                self.append(partition, event)
                for _ in range(lots.choice((0, 0, 1, 4))):
                    self._step(lots)
            left = restarts
            for _ in range(PATIENCE):
                if left and lots.random() < 0.02:
                    left -= 1
                    self._start(lots.randrange(len(self._owned)))
                self._step(lots)
                if not left and self.all_applied():
                    return
        raise AssertionError("the partitions wait for each other for ever")

    def all_applied(self) -> bool:
        return all(
            len(job.inbox) == 0 and job.positions[topic] >= len(self.log(topic, number))
            for number, job in self.jobs.items()
            for topic in job.sources
        )

    def _step(self, lots: Random) -> None:
        self.now_us += STEP_US
        number = lots.randrange(self._partitions)
        worker = next(index for index, owned in enumerate(self._owned) if number in owned)
        match lots.choice(("fetch", "fetch", "turn", "turn", "hear", "beat")):
            case "fetch":
                self._fetch(number, lots)
            case "turn":
                self._turn(number)
            case "hear":
                self._hear(worker, lots.randint(1, 20))
            case _:
                self.jobs[number].beat()
                if self.jobs[number].must_write:
                    self._write(number, 0)

    def _fetch(self, number: int, lots: Random) -> None:
        job = self.jobs[number]
        source = lots.randrange(len(job.sources))
        if job.inbox.buffered(source) > 60 and not job.inbox.starves(source):
            return
        begin, log = self._fetched[number][source], self.log(job.sources[source], number)
        records = log[begin : begin + lots.randint(1, 40)]
        if records:
            job.inbox.put(source, records)
            self._fetched[number][source] += len(records)

    def _turn(self, number: int) -> None:
        job, fetched = self.jobs[number], self._fetched[number]
        job.inbox.release()
        ends = [at >= len(self.log(topic, number)) for at, topic in zip(fetched, job.sources, strict=True)]
        job.inbox.note_ends([self.now_us if end else 0 for end in ends])
        taken = job.inbox.take(ends.__getitem__, 50)
        job.apply(taken)
        if taken or job.must_write:
            self._write(number, len(taken))

    def _write(self, number: int, processed: int) -> None:
        """One transaction."""
        job, kafka = self.jobs[number], self._settings.kafka
        written = job.drain(processed)
        if written is None:
            return
        self.decisions[number] += written.decisions
        for place, records in written.records.items():
            for key, value in records:
                if place.topic in {kafka.state_topic, kafka.ledger_topic}:
                    assert key is not None
                    self._state[number].pop((place.topic, key), None)
                    self._state[number][place.topic, key] = value
                    if place.topic == kafka.ledger_topic:
                        self._told.append((number, key, value))
                elif place.topic == kafka.carried_topic:
                    self.append_record(*place, key, value)
                else:
                    self.outputs.setdefault(place, []).append((key, value))

    def _hear(self, worker: int, records: int) -> None:
        begin = self._heard[worker]
        for partition, key, value in self._told[begin : begin + records]:
            if key in {PARTITIONER_KEY, PROGRESS_KEY}:
                self._placements[worker].take(partition, key, value)
        self._heard[worker] = min(begin + records, len(self._told))


def home(event: Event, partitions: int) -> int:
    return FUNCTIONS[FUNCTION](key_of(event)) % partitions


def mixed_of(placed: Iterable[Placed], partitions: int) -> list[int]:
    """Partitions in which something lies that belongs elsewhere."""
    return sorted({partition for partition, event in placed if home(event, partitions) != partition})
