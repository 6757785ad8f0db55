"""A history into the input topics, in order of time, at a chosen speed."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Event as Flag
from typing import Any

from kafka.codec import has_lz4
from kafka.errors import KafkaError, KafkaTimeoutError

from service.cluster.partitioner import function_of, sample_of
from service.cluster.tail import open_reader, partitions_of
from service.config import KafkaSettings, Settings, TopicNames
from service.connection import new_producer
from service.domain.calendar import SECOND_US
from service.domain.events import Event
from service.errors import ConfigurationError, TransientError
from service.feed.partitions import partition_for
from service.feed.records import key_of, value_of
from service.wire.input_topics import TOPIC_OF, input_names
from service.wire.key_hash import DEFAULT_PARTITIONER

IN_FLIGHT = 20_000
"""Records sent and not yet acknowledged. kafka-python buffers without bound, so the bound is here (some MB)."""
PROGRESS_EVERY = 2_000
"""Events between two calls of the progress callback at full speed."""
ACK_TIMEOUT_S = 120.0
CONNECT_TIMEOUT_MS = 15_000
TOPIC_TIMEOUT_MS = 5_000
"""A topic made a moment ago needs a little to be known."""


@dataclass(frozen=True)
class Pace:
    """How fast event time passes: `times_real` = event seconds per second; None = as fast as the broker takes it."""

    times_real: float | None = None

    def __post_init__(self) -> None:
        if self.times_real is not None and not self.times_real > 0:
            raise ConfigurationError("The speed of a replay must be above 0.")

    @classmethod
    def whole_in(cls, duration_s: float, first_us: int, last_us: int) -> Pace:
        """The pace at which events from `first_us` to `last_us` take `duration_s`."""
        if not duration_s > 0:
            raise ConfigurationError("The duration of a replay must be above 0 seconds.")
        return cls(max(last_us - first_us, SECOND_US) / SECOND_US / duration_s)


def partitioner_of(settings: Settings) -> str:
    """How a replay has to hash: as it is set, else as the group has found, else as the records lie that are there.

    Raises NoBrokerError when no broker answers, RefusedError when one does not let us in.
    """
    with open_reader(settings.kafka) as reader:
        known = function_of(reader, settings)
        partitions = min(len(partitions_of(reader, name)) for name in input_names(settings.kafka.topics))
    if known is not None or partitions < 2:  # none: the replay says which topic is missing
        return known or DEFAULT_PARTITIONER
    return asyncio.run(sample_of(settings, partitions)).best()


@dataclass
class Replayed:
    """What was sent and acknowledged."""

    events: int = 0
    by_topic: Counter[str] = field(default_factory=Counter)
    last_us: int | None = None
    """Time of the latest event sent; None before the first."""
    stopped: bool = False
    """True when the caller's flag ended it early."""


def replay(
    events: Iterable[Event],
    *,
    kafka: KafkaSettings,
    minor_digits: int,
    pace: Pace = Pace(),
    partitioner: str = DEFAULT_PARTITIONER,
    on_progress: Callable[[Replayed], None] | None = None,
    stop: Flag | None = None,
) -> Replayed:
    """Sends every event and waits for the last acknowledgement. At a pace, which a worker keeps up with, records of
    different topics become readable in the order of time; at full speed as the broker takes them.

    `partitioner` is how the topics' other producers hash, so that a customer's events meet in one partition.

    Raises ConfigurationError when a topic is missing or the broker does not let us in, TransientError when there is
    none or it stops taking records.
    """
    stop = stop or Flag()
    done = Replayed()
    producer, topics = _connect(kafka), kafka.topics
    try:
        partitions = _partition_counts(producer, topics)
        sending = _Sending(
            producer, partitions, topics, minor_digits, partitioner, in_order=pace.times_real is not None
        )
        clock = _Clock(pace, stop)
        for event in events:
            if not clock.wait_for(event.at_us, sending.check):
                done.stopped = True
                break
            done.by_topic[sending.send(event)] += 1
            done.events += 1
            done.last_us = event.at_us
            if on_progress and (done.events % PROGRESS_EVERY == 0 or clock.waited):
                on_progress(done)
        sending.finish()
        if on_progress:
            on_progress(done)
    except KafkaError as error:
        raise TransientError(f"The broker stopped taking records after {done.events:,} events: {error}.") from error
    finally:
        producer.close(timeout=5)
    return done


class _Clock:
    """Waits until an event is due, counted from the first one."""

    def __init__(self, pace: Pace, stop: Flag) -> None:
        self._pace = pace.times_real
        self._stop = stop
        self._start: tuple[float, int] | None = None
        self.waited = False
        """Whether the last event had to wait."""

    def wait_for(self, at_us: int, meanwhile: Callable[[], None]) -> bool:
        """False when the wait was ended by the stop flag. `meanwhile` is called at least every second of a wait."""
        self.waited = False
        if self._pace is None:
            return not self._stop.is_set()
        if self._start is None:
            self._start = (time.monotonic(), at_us)
        started, first_us = self._start
        due = started + (at_us - first_us) / SECOND_US / self._pace
        while (left := due - time.monotonic()) > 0:
            self.waited = True
            meanwhile()
            if self._stop.wait(min(left, 1.0)):
                return False
        return not self._stop.is_set()


class _Sending:
    """The producer with a bound on what is under way."""

    def __init__(
        self,
        producer: Any,
        partitions: int,
        topics: TopicNames,
        minor_digits: int,
        partitioner: str,
        *,
        in_order: bool = False,
    ) -> None:
        """`in_order`: no record can be read before one of another topic that was sent earlier."""
        self._producer = producer
        self._in_order = in_order
        self._topic = ""
        """Of the record before."""
        self._partitioner = partitioner
        self._partitions = partitions
        self._names = {event: row.name(topics) for event, row in TOPIC_OF.items()}
        self._minor_digits = minor_digits
        self._under_way: deque[Any] = deque()

    def send(self, event: Event) -> str:
        """Hands one event to the producer; returns its topic.

        The record's own timestamp stays the time of sending: retention counts by it, and a broker keeping seven days
        would delete last year's purchases as soon as they arrive. The event's time is in the value, where the worker
        reads it.
        """
        topic = self._names[type(event)]
        key = key_of(event)
        value = value_of(event, self._minor_digits)
        partition = partition_for(key, self._partitions, self._partitioner)
        if self._in_order and topic != self._topic:
            if self._topic:
                self.finish()
            self._topic = topic
        self._under_way.append(self._producer.send(topic, value=value, key=key, partition=partition))
        if len(self._under_way) > IN_FLIGHT:
            self._under_way.popleft().get(timeout=ACK_TIMEOUT_S)
        return topic

    def check(self) -> None:
        """Raises the error of a record that failed; forgets those acknowledged."""
        while self._under_way and self._under_way[0].is_done:
            self._under_way.popleft().get(timeout=0)

    def finish(self) -> None:
        self._producer.flush(timeout=ACK_TIMEOUT_S)
        while self._under_way:
            self._under_way.popleft().get(timeout=ACK_TIMEOUT_S)


def _connect(kafka: KafkaSettings) -> Any:
    return new_producer(
        kafka,
        acks="all",
        enable_idempotence=True,
        compression_type="lz4" if has_lz4() else "gzip",  # gzip needs no package, and 10 µs more an event
        linger_ms=20,
        batch_size=256 * 1024,
        max_request_size=1 << 20,
        allow_auto_create_topics=False,
        bootstrap_timeout_ms=CONNECT_TIMEOUT_MS,
        max_block_ms=TOPIC_TIMEOUT_MS,
        metrics_enabled=False,
    )


def _partition_counts(producer: Any, topics: TopicNames) -> int:
    """The number of partitions that all input topics have.

    Raises ConfigurationError when one is missing or they differ.
    """
    counts: dict[str, int] = {}
    for name in input_names(topics):
        try:
            counts[name] = len(producer.partitions_for(name))
        except (KafkaTimeoutError, TypeError) as error:
            raise ConfigurationError(
                f"The topic {name} does not exist; `churn-alert topics create` makes all of them."
            ) from error
        except KafkaError as error:
            raise ConfigurationError(f"The topic {name} cannot be used: {error}.") from error
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise ConfigurationError(f"The input topics need equal numbers of partitions, but have: {listed}.")
    return next(iter(counts.values()))
