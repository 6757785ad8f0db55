"""What a CRM says of customers in a topic of its own, brought into `customers` in our form, exactly once.

One worker does it, the owner of partition 0: in one transaction it writes what it made of the records, in the
partitions of their customers, and up to where it has read. So that topic may have any number of partitions and any
keys, and whoever reads `customers` (deliverers, `forget`, exports of a person) need not know of it.

Nobody is written to on what the CRM no longer says: every worker asks how far the topic has been brought, and concludes
absences only up to an instant at which nothing of it was left.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from aiokafka.structs import ConsumerRecord, TopicPartition

from service.cluster.placement import Placement
from service.cluster.reader import AS_A_FOLLOWER, AS_A_READER
from service.cluster.topic_ids import GONE, TopicNow, topics_now
from service.config import Settings
from service.connection import new_async_consumer
from service.domain.events import Profile
from service.errors import ConfigurationError, PassedOverError, PoisonError
from service.fetching import SetAside
from service.refused.dead_letters import encode_dead_letter
from service.registry.client import RegistryAwayError, RegistryClient
from service.registry.learning import learn
from service.streaming.metrics import Metrics
from service.streaming.producer import Destination, Headed, Record, TransactionalProducer
from service.wire.framing import with_frame, withdrawal_header
from service.wire.input_topics import TOPIC_OF
from service.wire.key_hash import DEFAULT_PARTITIONER, FUNCTIONS
from service.wire.profiles import ProfileReader, Word

LOOK_S: Final = 0.5
"""Between two looks at how far the topic has been brought."""
_LOOKS: Final = 240
_MOST_RECORDS: Final = 500
"""Of one transaction."""
_SAY_AGAIN_S: Final = 3_600.0
"""Where nothing comes the position is written anew: a broker forgets one of which it has not heard for a week."""
_UNDECIDED_S: Final = 30.0
_PAUSE_S: Final = 2.0
_LOOK_ROUND_S: Final = 60.0
"""Between two looks at how many partitions the topic has."""

log = structlog.get_logger()


def group_of(settings: Settings) -> str:
    """Under which it is kept how far the topic has been read. Nobody joins it."""
    return f"{settings.kafka.group}-profiles"


def _open(settings: Settings) -> Any:
    """Of the group's positions; not started."""
    return new_async_consumer(settings.kafka, **{**AS_A_READER, **AS_A_FOLLOWER, "group_id": group_of(settings)})


def _placed(topic: str, now: Mapping[str, TopicNow]) -> list[TopicPartition]:
    """Its partitions; empty where there is no such topic."""
    return [TopicPartition(topic, number) for number in range(now.get(topic, GONE).partitions)]


async def _committed(consumer: Any, placed: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
    """Up to where the group has read those of them that it has read; one question for all."""
    found = await consumer._coordinator.fetch_committed_offsets(placed)  # noqa: SLF001 - the public way asks for each
    return {each: at.offset for each, at in found.items() if at.offset >= 0}


@dataclass(slots=True)
class Made:
    """What one transaction writes, and what there is to count."""

    records: dict[Destination, list[Record]] = field(default_factory=dict)
    headed: list[Headed] = field(default_factory=list)
    passed: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


class ProfileCarrier:
    """For as long as its process owns partition 0."""

    def __init__(self, settings: Settings, placement: Placement, partitions: int, metrics: Metrics) -> None:
        """`partitions` is how many the inputs have."""
        self._settings = settings
        self._placement = placement
        self._partitions = partitions
        self._metrics = metrics
        self._topic = settings.inputs.customers.topic or ""
        self._customers = TOPIC_OF[Profile].name(settings.kafka.topics)
        self._reader = ProfileReader(settings)
        self._registry: RegistryClient | None = None
        self._written: dict[TopicPartition, int] = {}
        self._written_s = 0.0

    async def run(self) -> None:
        await self._until_decided()
        kafka = self._settings.kafka
        producer = TransactionalProducer(kafka, f"{kafka.group}-profiles")
        consumer = _open(self._settings)
        try:
            await producer.open()  # whoever did it before cannot any more
            await consumer.start()
            while True:
                placed = _placed(self._topic, await producer.topics_now([self._topic]))
                if len(placed) != len(self._written):
                    await self._begin(consumer, placed)
                elif not placed:
                    await asyncio.sleep(_PAUSE_S)
                    continue
                until_s = time.monotonic() + _LOOK_ROUND_S
                while time.monotonic() < until_s:
                    await self._turn(consumer, producer)
        finally:
            await consumer.stop()
            await producer.close()
            if self._registry is not None:
                await self._registry.close()

    async def _until_decided(self) -> None:
        """Where customers belong is found from where records lie, and ours must not sway it."""
        until_s = time.monotonic() + _UNDECIDED_S
        while self._partitions > 1 and self._placement.kept is None and time.monotonic() < until_s:  # noqa: ASYNC110 - nobody says when
            await asyncio.sleep(0.1)

    async def _begin(self, consumer: Any, placed: Sequence[TopicPartition]) -> None:
        """Where the group has read up to, of partitions that are new at their beginning."""
        consumer.assign(placed)
        begins, ends = await consumer.beginning_offsets(placed), await consumer.end_offsets(placed)
        known = await _committed(consumer, placed)
        for each in placed:
            committed = known.get(each)
            if committed is not None and committed > ends[each]:
                log.warning(
                    "the topic of inputs.customers was made anew; it is read from its beginning", topic=each.topic
                )
                committed = None
            if committed is not None and committed < begins[each]:
                log.error(
                    "records of customers were lost before they were read: the topic keeps them too short",
                    topic=each.topic,
                    partition=each.partition,
                    records=begins[each] - committed,
                )
            consumer.seek(each, max(committed or 0, begins[each]))
            self._written[each] = -1 if committed is None else committed

    async def _turn(self, consumer: Any, producer: TransactionalProducer) -> None:
        fetched = await consumer.getmany(timeout_ms=int(LOOK_S * 1000), max_records=_MOST_RECORDS)
        records = [record for each in fetched.values() for record in each]
        if records:
            await self._learn(records)
        moved = {each: at for each in self._written if (at := await consumer.position(each)) != self._written[each]}
        if not moved and time.monotonic() - self._written_s < _SAY_AGAIN_S:
            return
        made = Made()
        for record in records:
            self._take(record, made)
        await producer.bring(made.records, made.headed, group_of(self._settings), {**self._written, **moved})
        self._written |= moved
        self._written_s = time.monotonic()
        self._metrics.profiles(self._topic, made.passed, made.refused)

    def _take(self, record: ConsumerRecord, made: Made) -> None:
        try:
            for word in self._words(record):
                self._put(word, made)
        except PassedOverError as error:
            made.passed[error.why] += 1
        except PoisonError as error:
            made.refused[error.code.value] += 1
            letter = encode_dead_letter(record, error.code, error.message, time.time_ns() // 1_000)
            to = Destination(self._settings.kafka.topics.dead_letters, record.partition % self._partitions)
            made.records.setdefault(to, []).append((record.key, letter))

    def _words(self, record: ConsumerRecord) -> list[Word]:
        if isinstance(record, SetAside):
            raise PoisonError(record.code, record.message)
        return self._reader.words(record)

    def _put(self, word: Word, made: Made) -> None:
        key = word.customer_id.encode()
        to = Destination(self._customers, self._home(key))
        if word.value is not None:
            made.records.setdefault(to, []).append((key, word.value))
        else:
            made.headed.append(Headed(to, key, None, [withdrawal_header(word.at_us)]))

    def _home(self, key: bytes) -> int:
        """Where it is not known yet, as Kafka's own clients hash: a worker carries it on where that was wrong."""
        home = self._placement.home(key) if self._partitions > 1 else 0
        return FUNCTIONS[DEFAULT_PARTITIONER](key) % self._partitions if home is None else home

    async def _learn(self, records: Sequence[ConsumerRecord]) -> None:
        """Waits until it is known what they were written with."""
        if not self._reader.is_framed:
            return
        values = [record.value and with_frame(record.value, record.headers) for record in records]
        values += [record.key for record in records if self._reader.asks_keys]
        said = False
        while missing := self._reader.schemas.missing(values, time.monotonic()):
            if self._registry is None:
                self._registry = RegistryClient(self._settings.registry)
            try:
                for schema_id in sorted(missing, key=str):
                    await learn(self._registry, self._reader.schemas, schema_id)
            except (RegistryAwayError, ConfigurationError) as error:
                if not said:
                    log.warning("records of customers wait for their schema", topic=self._topic, why=str(error))
                    said = True
                await asyncio.sleep(_PAUSE_S)


class ProfileWatch:
    """How far the topic has been brought, for all partitions of one worker."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = settings.inputs.customers.topic or ""
        self._looks: deque[int] = deque(maxlen=_LOOKS)
        """Instants at which all that lay in it had been brought, in µs, ascending."""
        self._placed: list[TopicPartition] = []
        self._placed_s = 0.0
        self.waits = f"{self._topic} has not been looked at yet"
        """Why it is not, in words; empty: all of it is."""

    async def run(self) -> None:
        consumer = _open(self._settings)
        try:
            await consumer.start()
            while True:
                await self._look(consumer)
                await asyncio.sleep(LOOK_S)
        finally:
            await consumer.stop()

    async def _look(self, consumer: Any) -> None:
        now_s, at_us = time.monotonic(), time.time_ns() // 1_000
        if not self._placed or now_s - self._placed_s > _LOOK_ROUND_S:
            found = await topics_now(consumer._client, [self._topic])  # noqa: SLF001 - a consumer shows it nowhere
            self._placed, self._placed_s = _placed(self._topic, found), now_s
        if not self._placed:
            if self.waits != (why := f"the topic {self._topic} of inputs.customers does not exist"):
                log.error("no absence is concluded: a topic is waited for", why=why)
            self.waits = why
            return
        ends = await consumer.end_offsets(self._placed)
        known = await _committed(consumer, self._placed)
        begins = await consumer.beginning_offsets(self._placed)
        left = sum(max(0, end - max(known.get(each, 0), begins[each])) for each, end in ends.items())
        customers = TOPIC_OF[Profile].name(self._settings.kafka.topics)
        self.waits = f"{left} records of {self._topic} are not in {customers} yet" if left else ""
        if not left:
            self._looks.append(at_us)

    def complete_us(self, own_us: int) -> int:
        """The latest instant, up to `own_us`, at which nothing of it was left; 0: there is none yet. Whatever came
        before it lies among the partition's own inputs."""
        return next((at_us for at_us in reversed(self._looks) if at_us <= own_us), 0)
