"""Defects that are put into a worker on purpose, each of which a schedule must notice.

Nothing of them is in the service: `python -m tests.chaos.under_test` patches its own process before it begins.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from service.cluster import known_logs
from service.domain import wide_numbers
from service.domain.changelog import POSITION_KEY
from service.fetching import lenient, reading
from service.streaming import batches, carriage, job, partition, producer, turn_letters


class Among(NamedTuple):
    """What a schedule is made of in which defects show that have to do with it."""

    kinds: Sequence[str]
    round_s: float
    """After so long everything is compared, again and again."""
    every_s: float = 0.5
    """Between two of them."""


KILLS: Final = Among(("kill", "kill in a turn"), 6.0)
IN_TURNS: Final = Among(("kill in a turn",), 4.0)
SLEEPERS: Final = Among(("pause in a turn",), 12.0)
BOMBS: Final = Among(("compression bomb",), 4.0, 2.0)
MADE_ANEW: Final = Among(("topic deleted",), 2.0, 60.0)
HEADERS: Final = Among(("header no text",), 4.0, 1.0)
SUMS: Final = Among(("sums beyond 64 bits",), 12.0, 4.0)
LOSSES: Final = Among(("lost unread",), 2.0, 60.0)


class Mutant(NamedTuple):
    """A defect, and the disturbances among which it shows."""

    put_in: Callable[[], None]
    among: Among


def _commit_before_the_flush() -> None:
    """The position is committed before what it stands for is written."""
    write = producer.TransactionalProducer.write

    async def first_the_position(self: Any, records: Any) -> Any:
        for place, each in records.items():
            positions = [record for record in each if record[0] == POSITION_KEY]
            if positions:
                await write(self, {place: positions})
        return await write(self, records)

    producer.TransactionalProducer.write = first_the_position  # type: ignore[method-assign]


def _no_fence() -> None:
    """Every life has a transactional id of its own: whoever wakes up after its successor has begun goes on writing."""
    begin = producer.TransactionalProducer.__init__

    def unfenced(self: Any, kafka: Any, transactional_id: str, timeout_s: float | None = None) -> None:
        begin(self, kafka, f"{transactional_id}-{os.getpid()}-{uuid.uuid4().hex[:6]}", timeout_s)

    producer.TransactionalProducer.__init__ = unfenced  # type: ignore[method-assign]


def _skip_on_replay() -> None:
    """After a restart what lay there already is taken to be applied."""
    load = partition.PartitionWorker._load

    async def to_the_end(self: Any) -> None:
        known = any(self.job.positions.values())
        await load(self)
        if known or any(self.job.positions.values()):
            async with partition_reader(self) as ends:
                self.job.positions.update({topic: end for topic, end in ends.items() if ":" not in topic})

    partition.PartitionWorker._load = to_the_end  # type: ignore[method-assign]


class partition_reader:  # noqa: N801 - a small context manager
    """Where the inputs of a partition end."""

    def __init__(self, owner: Any) -> None:
        self._owner = owner

    async def __aenter__(self) -> dict[str, int]:
        from aiokafka import TopicPartition

        from service.cluster.tail import open_async_reader

        owner = self._owner
        async with open_async_reader(owner._settings.kafka) as reader:
            ends = await reader.end_offsets([TopicPartition(topic, owner.number) for topic in owner.job.sources[:3]])
        return {tp.topic: end for tp, end in ends.items()}

    async def __aexit__(self, *_: object) -> None:
        return None


def _no_position() -> None:
    """The state does not say what it contains."""
    drain = job.PartitionJob.drain

    def nameless(self: Any, *args: Any, **kwargs: Any) -> Any:
        written = drain(self, *args, **kwargs)
        if written is not None:
            for place, records in written.records.items():
                written.records[place] = [record for record in records if record[0] != POSITION_KEY]
        return written

    job.PartitionJob.drain = nameless  # type: ignore[method-assign]


def _lost_letter() -> None:
    """One dead letter in four is not written."""
    refuse, count = turn_letters.TurnLetters.refuse, [0]

    def forgetful(self: Any, *args: Any, **kwargs: Any) -> Any:
        refuse(self, *args, **kwargs)
        count[0] += 1
        if count[0] % 4 == 0 and self.records:
            self.records.pop()

    turn_letters.TurnLetters.refuse = forgetful  # type: ignore[method-assign]


def _doubled_turn() -> None:
    """One turn in ten is written twice."""
    write, count = producer.TransactionalProducer.write, [0]

    async def twice(self: Any, records: Any) -> Any:
        sizes = await write(self, records)
        count[0] += 1
        if count[0] % 10 == 0:
            await write(self, records)
        return sizes

    producer.TransactionalProducer.write = twice  # type: ignore[method-assign]


def _stale_end() -> None:
    """An end is known for ever once it has been heard of: who has read up to it has read all that there is now."""
    known = batches.Intake._complete_us

    def for_ever(self: Any, index: int) -> int:
        tp = self._tps[index]
        log = self._source.log_of(tp)
        reached = log is not None and self._job.positions[tp.topic] >= log.high
        return time.time_ns() // 1000 if reached else known(self, index)

    batches.Intake._complete_us = for_ever  # type: ignore[method-assign]


def _carried_record_dropped() -> None:
    """One turn in five loses the last of what it carries to another partition."""
    take_out, count = carriage.Carriage.take_out, [0]

    def careless(self: Any) -> Any:
        sent, counts = take_out(self)
        for records in sent.values():
            count[0] += 1
            if count[0] % 5 == 0:
                records.pop()
        return sent, counts

    carriage.Carriage.take_out = careless  # type: ignore[method-assign]


def _dropped_bomb() -> None:
    """What cannot be unpacked is passed over without a letter."""
    reading.CarefulRecords._set_run_aside = lambda *_: iter(())  # type: ignore[method-assign]


def _header_passed_over() -> None:
    """A record with a header whose name is no text is passed over without a letter."""
    read = lenient.read_leniently

    def careless(*args: Any) -> Any:
        return (found for found in read(*args) if not isinstance(found, lenient.Broken))

    reading.read_leniently = careless  # type: ignore[attr-defined, assignment]


def _sum_of_64_bits() -> None:
    """What is stored of a sum has 64 bits."""

    def widened(value: Any) -> Any:
        if isinstance(value, int):
            return value if -(1 << 63) <= value < 1 << 64 else value % (1 << 63)
        if isinstance(value, list | tuple):
            return [widened(each) for each in value]
        return {key: widened(each) for key, each in value.items()} if isinstance(value, Mapping) else value

    wide_numbers._widened = widened


def _the_former_topic() -> None:
    """A topic that was made anew is taken for the one that was read: its first records are skipped."""
    batches.Intake.lost_tail = lambda *_: None  # type: ignore[method-assign]
    known_logs.KnownLogs.is_another = lambda *_: False  # type: ignore[method-assign]


def _hole_passed_over() -> None:
    """That records were lost unread is neither said nor counted."""
    batches.Intake.take_gaps = lambda self: []  # type: ignore[method-assign]


MUTANTS: Final = {
    "commit before the flush": Mutant(_commit_before_the_flush, IN_TURNS),
    "no fence": Mutant(_no_fence, SLEEPERS),
    "skip on replay": Mutant(_skip_on_replay, KILLS),
    "no position in the state": Mutant(_no_position, KILLS),
    "lost letter": Mutant(_lost_letter, KILLS),
    "doubled turn": Mutant(_doubled_turn, KILLS),
    "dropped bomb": Mutant(_dropped_bomb, BOMBS),
    "header passed over": Mutant(_header_passed_over, HEADERS),
    "sum of 64 bits": Mutant(_sum_of_64_bits, SUMS),
    "the former topic": Mutant(_the_former_topic, MADE_ANEW),
    "hole passed over": Mutant(_hole_passed_over, LOSSES),
}
AWAY: Final = {"stale end": _stale_end, "carried record dropped": _carried_record_dropped}
"""Noticed elsewhere: the one where the wall clock rules and a broker stands still, for in schedules events are the
clock (tests/integration/test_broker_away.py); the other where records lie in partitions to which their keys do not
belong (tests/shops/test_placement.py)."""
