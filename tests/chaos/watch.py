"""Looks on while a schedule runs: keeps every record of the inputs before retention can take it, follows what has been
applied, and measures how long each partition stood still with work before it."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from typing import Any, Final, Self

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from service.config import Settings
from service.domain.changelog import LOGS_KEY, PARTITION_KEY, POSITION_KEY, unpack_positions
from service.domain.partition_state import PartitionState
from tests.support import header_names  # noqa: F401 - before any record is read
from tests.support.checker import Place, known_logs

LATELY_S: Final = 0.5
STILL_S: Final = 15.0
"""After so long without anything of a partition a new consumer looks whether there is."""
LOST: Final = b"lost-"
"""Keys of records that are taken away before anybody has read them begin so."""
NAMELESS: Final = 5
"""So many transactions in a row that do not say what the state contains are no doubt."""


def _of_the_cafe(record: Any) -> bool:
    return (record.key or b"").startswith(b"C") and (record.value or b"").startswith(b'{"event_id":"order-')


class Watch:
    """A consumer of its own at read_committed, straight to the brokers, in a thread."""

    def __init__(self, settings: Settings, partitions: int) -> None:
        names, state = settings.kafka.topics, settings.kafka.state_topic
        self._inputs = [
            TopicPartition(name, number)
            for name in (names.purchases, names.surveys, names.customers)
            for number in range(partitions)
        ]
        self._state = [TopicPartition(state, number) for number in range(partitions)]
        self._servers = settings.kafka.bootstrap_servers
        self._read_to: dict[TopicPartition, int] = {}
        """The next offset to be read of each; without those of which nothing has been asked for."""
        self._moved_at_s = dict.fromkeys([*self._inputs, *self._state], time.monotonic())
        """When (`time.monotonic`) that has changed last, or a consumer was opened since."""
        self._consumer = self._open()
        self._lock = threading.Lock()
        self._ends: dict[TopicPartition, int] = {}
        self._over = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.kept: dict[Place, list[Any]] = {Place(*tp): [] for tp in self._inputs}
        """Every record that an input has shown, since it was made anew last."""
        self._former: dict[Place, list[Any]] = {}
        """Of inputs that were made anew what they had shown before."""
        self._renewed: list[str] = []
        """Inputs that have just been made anew."""
        self._as_before: dict[Place, int] = {}
        """Of inputs that were made anew up to where the former had been applied, until a state says otherwise."""
        self.applied: dict[Place, int] = {}
        self._moved_s = [math.inf] * partitions
        """`time.monotonic` of the last progress; before the first nothing is measured."""
        self.longest_pause_s = [0.0] * partitions
        """Of each partition: the longest time without progress while records lay before it."""
        self.holes: dict[Place, tuple[int, int]] = {}
        """How often records of an input were lost unread, and how many, as its state says."""
        self.hole_ends_us = [0] * partitions
        """Where the newest of a partition's purchases ends, as its state says."""
        self._committed_s = [0.0] * partitions
        self._next = [0] * partitions
        """Of each state: where what belongs to the same transaction as the last lies; else an end lies there."""
        self._nameless = [0] * partitions
        """Transactions without a position, the last one included."""
        self.commits = 0
        """Transactions of workers that have been seen."""
        self.wrong: list[str] = []
        """What no state may say, whatever was disturbed."""

    def _run(self) -> None:
        try:
            self._look()
        except Exception as error:  # noqa: BLE001 - raised where the test can see it
            self._failure = error

    def _open(self) -> Any:
        """A consumer that goes on where the last one was."""
        consumer: Any = KafkaConsumer(
            bootstrap_servers=self._servers,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=100,
            metadata_max_age_ms=2_000,
            request_timeout_ms=5_000,
            reconnect_backoff_max_ms=1_000,
            max_partition_fetch_bytes=4 << 20,
        )
        consumer.assign([*self._inputs, *self._state])
        if anew := self._moved_at_s.keys() - self._read_to.keys():
            consumer.seek_to_beginning(*anew)
        for tp, at in self._read_to.items():
            consumer.seek(tp, at)
        return consumer

    def _renew(self) -> None:
        """kafka-python sometimes gets nothing more of a broker that was away, for minutes, whatever lies there; what is
        new gets it."""
        self._moved_at_s = dict.fromkeys(self._moved_at_s, time.monotonic())
        with suppress(KafkaError):
            before, self._consumer = self._consumer, self._open()
            threading.Thread(target=before.close, daemon=True).start()

    def _look(self) -> None:
        while not self._over.is_set():
            self._begin_anew()
            if time.monotonic() - min(self._moved_at_s.values()) > STILL_S:
                self._renew()
            found, read_to = {}, {}
            with suppress(KafkaError):
                found = self._consumer.poll(timeout_ms=100, max_records=5_000)
                read_to = {tp: records[-1].offset + 1 for tp, records in found.items()}
                for tp in self._moved_at_s:
                    read_to[tp] = self._consumer.position(tp, timeout_ms=1_000) or read_to.get(tp)
            with self._lock:
                for tp, records in found.items():
                    self._take(tp, records)
                self._move(read_to)
                self._measure()

    def _move(self, read_to: Mapping[TopicPartition, int | None]) -> None:
        """So far the consumer has come."""
        for tp, at in read_to.items():
            if at is not None and self._read_to.get(tp) != at:
                self._read_to[tp] = at
                self._moved_at_s[tp] = time.monotonic()

    def made_anew(self, topic: str) -> None:
        """The input was deleted and made again, when all that it held had been seen and applied."""
        self._renewed.append(topic)

    def _begin_anew(self) -> None:
        while self._renewed:
            topic = self._renewed.pop()
            anew = [tp for tp in self._inputs if tp.topic == topic]
            self._consumer.seek_to_beginning(*anew)
            with self._lock:
                for tp in anew:
                    place = Place(*tp)
                    self._former.setdefault(place, []).extend(self.kept[place])
                    self.kept[place] = []
                    self._read_to[tp] = 0
                    if applied := self.applied.pop(place, 0):
                        self._as_before[place] = applied

    def shown(self) -> dict[Place, int]:
        """How many records each input has ever shown."""
        return {place: len(records) for place, records in self.everything().items()}

    def everything(self) -> dict[Place, list[Any]]:
        """Every record that an input has ever shown."""
        with self._lock:
            return {place: [*self._former.get(place, []), *records] for place, records in self.kept.items()}

    def is_anew(self) -> bool:
        """Whether every state that has read of an input which was made anew says so."""
        with self._lock:
            return not (self._renewed or self._as_before)

    def _take(self, tp: TopicPartition, records: list[Any]) -> None:
        place = Place(tp.topic, tp.partition)
        if place in self.kept:
            self.kept[place].extend(record for record in records if not (record.key or b"").startswith(LOST))
            return
        for record in records:
            if record.offset != self._next[tp.partition]:
                self._nameless[tp.partition] += 1
                if self._nameless[tp.partition] == NAMELESS:
                    self.wrong.append(f"state-{tp.partition}: {NAMELESS} turns in a row do not say what it contains")
            self._next[tp.partition] = record.offset + 1
            if record.key in (LOGS_KEY, PARTITION_KEY):
                self._learn_of_holes(tp.partition, record.key, record.value)
            if record.key == POSITION_KEY:
                self._nameless[tp.partition] = 0
                self.commits += 1
                self._committed_s[tp.partition] = time.monotonic()
                for topic, position in unpack_positions(record.value).items():
                    self._contains(Place(topic, tp.partition), position)

    def _learn_of_holes(self, number: int, key: bytes, value: bytes) -> None:
        if key == LOGS_KEY:
            for topic, log in known_logs({key: value}).losses():
                self.holes[Place(topic, number)] = log.gaps, log.records
        else:
            self.hole_ends_us[number] = PartitionState.unpack(value).gap.until_us

    def _contains(self, place: Place, position: int) -> None:
        """A state says that it contains everything below."""
        if position >= self._as_before.get(place, position + 1):
            return
        self._as_before.pop(place, None)
        before = self.applied.get(place, 0)
        if position < before and place in self.kept:
            self.wrong.append(f"{place.topic}-{place.partition}: a state contained it up to {before}, then {position}")
        if position > before:
            self._moved_s[place.partition] = self._committed_s[place.partition]
        self.applied[place] = position

    def _measure(self) -> None:
        now_s = time.monotonic()
        for number, moved_s in enumerate(self._moved_s):
            if self._waiting(number):
                self.longest_pause_s[number] = max(self.longest_pause_s[number], now_s - moved_s)
            elif moved_s < math.inf:
                self._moved_s[number] = now_s

    def _waiting(self, number: int) -> bool:
        """Whether records of the partition lie there that are not applied."""
        return any(place.partition == number for place in self._as_before) or any(
            place.partition == number and bool(records) and records[-1].offset >= self.applied.get(place, 0)
            for place, records in self.kept.items()
        )

    def told_waiting(self) -> str:
        """What lies there and is not applied."""
        with self._lock:
            behind = [
                f"{place.topic}-{place.partition} is applied up to {self.applied.get(place, 0)} of {records[-1].offset + 1}"
                for place, records in self.kept.items()
                if records and records[-1].offset >= self.applied.get(place, 0)
            ]
            return ", ".join([*behind, *(f"{each.topic} was made anew" for each in self._as_before)]) or "nothing waits"

    def ends_here(self) -> None:
        """Nothing more is written to the inputs: `caught_up` is about all that lies there now, also behind
        transactions whose ends have not come through."""
        with closing(KafkaConsumer(bootstrap_servers=self._servers)) as consumer:
            self._ends = consumer.end_offsets(self._inputs)

    def behind(self, number: int) -> int:
        """Offsets of the partition's inputs that are not applied, about."""
        with self._lock:
            return sum(
                max(0, records[-1].offset - self.applied.get(place, 0))
                for place, records in self.kept.items()
                if records and place.partition == number
            )

    def first_and_newest(self, topic: str, partition: int) -> tuple[bytes | None, bytes | None]:
        """Values of events of the café that an input has shown; None where it has not."""
        place = Place(topic, partition)
        with self._lock:
            shown = [*self._former.get(place, []), *self.kept[place]]
            first, newest = (next(filter(_of_the_cafe, order), None) for order in (shown, reversed(shown)))
        return None if first is None else first.value, None if newest is None else newest.value

    def at_rest(self) -> bool:
        """Whether all that has been seen of the inputs is applied."""
        with self._lock:
            return not any(map(self._waiting, range(len(self._moved_s))))

    def caught_up(self) -> bool:
        if self._failure is not None:
            raise self._failure
        with self._lock:
            seen = all(self._read_to.get(tp, 0) >= end for tp, end in self._ends.items())
            return seen and not any(map(self._waiting, range(len(self._moved_s))))

    def all_move(self) -> bool:
        """Whether a turn of each partition was committed."""
        return all(moved_s < math.inf for moved_s in self._moved_s)

    def all_have_moved_since(self, when_s: float) -> bool:
        """Whether a turn of each partition was committed after that (`time.monotonic`)."""
        with self._lock:
            return min(self._committed_s) > when_s

    def moved_lately(self) -> bool:
        """Whether a turn was committed within the last moment."""
        with self._lock:
            return time.monotonic() - max(self._committed_s) < LATELY_S

    def applied_in_all(self) -> int:
        with self._lock:
            return sum(self.applied.values())

    def applied_inputs(self) -> dict[Place, int]:
        """Of each input: everything below is contained in the state, and has been seen here."""
        with self._lock:
            return {
                place: min(self.applied.get(place, 0), self._read_to.get(TopicPartition(*place), 0))
                for place in self.kept
            }

    def shows(self, topic: str, partition: int, offset: int) -> bool | None:
        """Whether that record was committed; None while nobody knows."""
        with self._lock:
            if any(record.offset == offset for record in self.kept[Place(topic, partition)]):
                return True
            return False if self._read_to.get(TopicPartition(topic, partition), 0) > offset else None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._consumer.close()
