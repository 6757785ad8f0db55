"""What arrives for a partition: in an unbroken chain, dropped after a seek, acknowledged when the state contains it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from service.config import KafkaSettings, Settings
from service.errors import FatalError
from service.streaming.batches import Intake
from service.streaming.job import PartitionJob
from service.streaming.transport import Batch, SourcePartition

TOPIC = "purchases"


class FakeSource:
    """The consumer: what it has handed out, where its topics end, and which messages it need not wait for."""

    def __init__(self) -> None:
        self.epoch = 1
        self.end: dict[str, tuple[int, int]] = {}
        self.last: dict[str, int] = {}
        self.forgotten: list[int] = []

    def ends(self, tp: SourcePartition) -> tuple[int, int] | None:
        return self.end.get(tp.topic)

    def last_handed_out(self, tp: SourcePartition) -> int | None:
        return self.last.get(tp.topic)

    def forget(self, message: Any) -> None:
        self.forgotten.append(message.offset)


class Event:
    """Faust's event around a batch of refused records."""

    def __init__(self, offsets: list[int], previous: int | None, epoch: int = 1) -> None:
        self.value = Batch(
            SimpleNamespace(offset=offset, value=None, key=b"anna", headers=(), topic=TOPIC, partition=0, timestamp=0)
            for offset in offsets
        )
        self.value.previous, self.value.epoch = previous, epoch
        self.message = SimpleNamespace(topic=TOPIC, partition=0, offset=offsets[-1])
        self.acknowledged = False

    def ack(self) -> None:
        self.acknowledged = True


class Stage:
    """An intake with its job and a consumer by hand."""

    def __init__(self, committed: int | None = None, buffer_records: int = 100) -> None:
        self.source = FakeSource()
        self.job = PartitionJob(Settings(), 0)
        self.intake = Intake(KafkaSettings(buffer_records=buffer_records), self.job, self.source, lambda _: committed)
        self.intake.follow_seeks()

    def arrive(self, *events: Event) -> None:
        for event in events:
            self.intake.put(event)
        self.intake.decode()

    def apply(self) -> None:
        self.job.apply(self.job.take(lambda _: True, 1_000))


def test_batches_that_follow_each_other_are_decoded_in_their_order() -> None:
    stage = Stage()

    stage.arrive(Event([0, 1], None), Event([4, 5], 1))

    assert (len(stage.intake), len(stage.job)) == (0, 4)


def test_a_missing_batch_ends_the_worker() -> None:
    stage = Stage()
    stage.arrive(Event([0, 1], None))

    with pytest.raises(
        FatalError, match="A batch of purchases-0 is missing: it follows 3, the last one received ended at 1"
    ):
        stage.arrive(Event([4, 5], 3))


def test_a_state_that_lacks_what_the_group_has_committed_ends_the_worker() -> None:
    stage = Stage(committed=7)

    with pytest.raises(FatalError, match="has committed purchases-0 up to 7, but the state ends at 0"):
        stage.arrive(Event([7], None))


def test_a_batch_is_acknowledged_when_the_state_contains_its_last_record() -> None:
    stage = Stage()
    first, second = Event([0, 1], None), Event([2, 3], 1)
    stage.arrive(first)
    stage.apply()
    stage.arrive(second)

    stage.intake.acknowledge()

    assert (first.acknowledged, second.acknowledged) == (True, False)


def test_after_a_seek_what_lay_here_is_forgotten_and_the_chain_begins_anew() -> None:
    stage = Stage()
    stage.arrive(Event([0, 1], None))
    stage.source.epoch = 2
    stage.intake.put(Event([2], 1, epoch=1))
    stage.intake.put(Event([0, 1], None, epoch=2))

    stage.intake.follow_seeks()
    stage.intake.decode()

    assert stage.source.forgotten == [2, 1]
    assert len(stage.job) == 2


def test_a_batch_of_an_earlier_epoch_is_forgotten_when_it_is_met() -> None:
    stage = Stage()

    stage.arrive(Event([0], None, epoch=0))

    assert stage.source.forgotten == [0]
    assert len(stage.job) == 0


def test_more_is_wanted_until_the_buffer_is_full_decoded_or_not() -> None:
    stage = Stage()
    wanted = [stage.intake.wants(TOPIC)]
    stage.arrive(Event(list(range(60)), None))
    stage.intake.put(Event(list(range(60, 99)), 59))
    wanted.append(stage.intake.wants(TOPIC))
    stage.intake.put(Event([99], 98))
    wanted.append(stage.intake.wants(TOPIC))

    assert wanted == [True, True, False]
    assert stage.intake.wants("surveys")


def test_an_input_is_at_its_end_when_all_that_was_handed_out_has_arrived() -> None:
    stage = Stage()
    stage.source.end = dict.fromkeys(stage.job.sources, (0, 0)) | {TOPIC: (2, 2)}
    stage.source.last = {TOPIC: 1}
    before = stage.intake.at_ends()
    stage.arrive(Event([0, 1], None))
    after = stage.intake.at_ends()
    stage.source.end[TOPIC] = (2, 5)

    assert (before, after) == ([True, False, True], [True, True, True])
    assert stage.intake.at_ends() == [True, False, True]


def test_nothing_is_at_its_end_before_the_first_fetch() -> None:
    stage = Stage()

    assert stage.intake.at_ends() == [False, False, False]
    assert set(stage.intake.ends().values()) == {None}
