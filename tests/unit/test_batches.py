"""What arrives for a partition: in an unbroken chain, dropped after a seek, acknowledged when the state contains it."""

from __future__ import annotations

import time
from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

import pytest

from service.cluster.gaps import Gap
from service.cluster.log_ends import Ends, Log, SourcePartition
from service.config import KafkaSettings, Settings
from service.errors import FatalError
from service.streaming.batches import Intake
from service.streaming.job import PartitionJob
from service.streaming.transport import Batch

TOPIC = "purchases"


def ends(position: int, high: int, *, stable: int | None = None, start: int = 0, age_s: float = 0.0) -> Ends:
    """As they are told by a fetch so long ago."""
    asked_us = time.time_ns() // 1000 - int(age_s * 1_000_000)
    return Ends(position, Log(asked_us, start, high if stable is None else stable, high))


class FakeSource:
    """The consumer: what it has handed out, where its topics end, and which messages it need not wait for."""

    def __init__(self) -> None:
        self.epoch = 1
        self.end: dict[str, Ends] = {}
        self.last: dict[str, int] = {}
        self.forgotten: list[int] = []
        self.lost: list[str] = []
        self.begun: list[str] = []

    def ends(self, tp: SourcePartition) -> Ends | None:
        return self.end.get(tp.topic)

    def log_of(self, tp: SourcePartition) -> Log | None:
        found = self.end.get(tp.topic)
        return None if found is None else found.log

    def log_has_lost_its_tail(self, tp: SourcePartition) -> None:
        self.lost.append(tp.topic)

    async def commit_beginning(self, tps: Collection[SourcePartition]) -> None:
        self.begun += [tp.topic for tp in tps]

    def last_handed_out(self, tp: SourcePartition) -> int | None:
        return self.last.get(tp.topic)

    def forget(self, message: Any) -> None:
        self.forgotten.append(message.offset)


class Event:
    """Faust's event around a batch of refused records."""

    def __init__(
        self, offsets: list[int], previous: int | None, epoch: int = 1, log: Log | None = None, timestamp: int = 0
    ) -> None:
        self.value = Batch(
            SimpleNamespace(
                offset=offset, value=None, key=b"anna", headers=(), topic=TOPIC, partition=0, timestamp=timestamp
            )
            for offset in offsets
        )
        self.value.previous, self.value.epoch, self.value.log = previous, epoch, log
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
        self.job.apply(self.job.inbox.take(lambda _: True, 1_000))


def test_batches_that_follow_each_other_are_decoded_in_their_order() -> None:
    stage = Stage()

    stage.arrive(Event([0, 1], None), Event([4, 5], 1))

    assert (len(stage.intake), len(stage.job.inbox)) == (0, 4)


def ends_at(position: int, epoch: int) -> Ends:
    return Ends(position, Log(1, 0, position, position), epoch)


def test_before_batches_of_another_leader_are_taken_it_is_known_how_far_the_former_was_read() -> None:
    stage = Stage()
    stage.source.end[TOPIC] = ends_at(2, epoch=4)
    first = stage.intake.new_leaders()
    stage.arrive(Event([0, 1], None))
    of_the_former, of_the_next = Event([2, 3], 1), Event([4, 5], 3)
    of_the_former.value.leader_epoch, of_the_next.value.leader_epoch = 4, 7
    stage.intake.put(of_the_former)
    stage.intake.put(of_the_next)
    stage.source.end[TOPIC] = ends_at(6, epoch=7)
    asked = stage.intake.new_leaders()
    stage.intake.follow_leaders(asked)

    assert first == {}, "nothing was known before"
    assert asked == {TOPIC: (4, 4)}
    assert (stage.job.epochs.of(TOPIC), stage.intake.new_leaders()) == (7, {})


def test_a_log_that_was_cut_is_lost_from_where_it_is_another_one() -> None:
    stage = Stage()
    stage.source.end[TOPIC] = ends_at(2, epoch=4)
    stage.intake.new_leaders()
    stage.arrive(Event([0, 1], None))
    stage.apply()

    stage.intake.lost_tail(TOPIC, 9, kept=1)

    assert stage.intake.take_gaps() == [Gap(TOPIC, 2, None, 9, 1)]
    assert stage.job.positions[TOPIC] == 0


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
    assert len(stage.job.inbox) == 2


def test_a_batch_of_an_earlier_epoch_is_forgotten_when_it_is_met() -> None:
    stage = Stage()

    stage.arrive(Event([0], None, epoch=0))

    assert stage.source.forgotten == [0]
    assert len(stage.job.inbox) == 0


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
    stage.source.end = dict.fromkeys(stage.job.sources, ends(0, 0)) | {TOPIC: ends(2, 2)}
    stage.source.last = {TOPIC: 1}
    before = stage.intake.at_ends()
    stage.arrive(Event([0, 1], None))
    after = stage.intake.at_ends()
    stage.source.end[TOPIC] = ends(2, 5)

    assert (before, after) == ([True, False, True], [True, True, True])
    assert stage.intake.at_ends() == [True, False, True]


def test_nothing_is_at_its_end_before_the_first_fetch() -> None:
    stage = Stage()

    assert stage.intake.at_ends() == [False, False, False]
    assert set(stage.intake.ends().values()) == {None}


def test_an_end_behind_an_open_transaction_is_not_reached() -> None:
    stage = Stage()
    stage.source.end = dict.fromkeys(stage.job.sources, ends(0, 0)) | {TOPIC: ends(0, 3, stable=0)}

    assert stage.intake.at_ends() == [True, False, True]


@pytest.mark.parametrize("age_s", [6, -3_600], ids=["six seconds", "an hour before the clock was set back"])
def test_an_end_that_was_asked_for_long_ago_is_not_known(age_s: float) -> None:
    stage = Stage()
    stage.source.end = dict.fromkeys(stage.job.sources, ends(0, 0)) | {TOPIC: ends(0, 0, age_s=age_s)}

    assert stage.intake.at_ends() == [True, False, True]


def test_a_log_is_complete_up_to_the_instant_at_which_its_end_was_asked_for_that_has_been_applied() -> None:
    stage = Stage()
    others = dict.fromkeys(stage.job.sources, ends(0, 0))
    stage.source.end = others | {TOPIC: Ends(0, Log(1_000_000, 0, 0, 0))}
    empty = stage.intake.complete_us()
    stage.source.end = others | {TOPIC: Ends(0, Log(2_000_000, 0, 2, 2))}
    waiting = stage.intake.complete_us()
    stage.arrive(Event([0, 1], None))
    stage.source.end = others | {TOPIC: Ends(2, Log(3_000_000, 0, 2, 5))}
    stage.apply()
    behind_a_transaction = stage.intake.complete_us()

    assert (empty, waiting, behind_a_transaction) == (1_000_000, 1_000_000, 2_000_000)


def test_nothing_is_complete_before_every_end_has_been_heard_of() -> None:
    stage = Stage()
    stage.source.end = {TOPIC: ends(0, 0)}

    assert stage.intake.complete_us() == 0


def test_the_position_follows_the_consumer_beyond_control_records() -> None:
    stage = Stage()
    stage.source.last = {TOPIC: 1}
    stage.source.end = {TOPIC: ends(4, 4)}
    stage.arrive(Event([0, 1], None))
    stage.intake.follow_positions()
    waiting = stage.job.positions[TOPIC]
    stage.apply()
    stage.intake.follow_positions()

    assert (waiting, stage.job.positions[TOPIC]) == (0, 4)
    assert stage.intake.take_gaps() == []


def test_a_log_that_begins_beyond_the_position_has_a_gap_up_to_its_first_record() -> None:
    stage = Stage()
    stage.job.positions[TOPIC] = 100
    stage.arrive(Event([400, 401], None, log=Log(1, 400, 402, 402), timestamp=5_000))

    assert stage.intake.take_gaps() == [Gap(TOPIC, 100, 300, 5_000_000)]
    assert stage.intake.take_gaps() == []


def test_a_gap_is_found_where_nothing_follows_it() -> None:
    stage = Stage()
    stage.job.positions[TOPIC] = 100
    stage.source.end = {TOPIC: ends(400, 400, start=400)}
    stage.intake.follow_positions()
    (gap,) = stage.intake.take_gaps()
    stage.intake.follow_positions()

    assert (gap.topic, gap.position, gap.records) == (TOPIC, 100, 300)
    assert stage.job.positions[TOPIC] == 400
    assert stage.intake.take_gaps() == []


def test_a_gap_that_opens_while_the_worker_runs_begins_where_it_had_read_to() -> None:
    stage = Stage()
    stage.arrive(Event([0, 1], None, log=Log(1, 0, 500, 500)))
    stage.arrive(Event([400], 1, log=Log(2, 400, 500, 500), timestamp=7_000))

    assert stage.intake.take_gaps() == [Gap(TOPIC, 2, 398, 7_000_000)]


def test_missing_offsets_of_a_compacted_log_and_one_never_read_are_no_gap() -> None:
    stage = Stage()
    stage.arrive(Event([400, 401], None, log=Log(1, 400, 402, 402)))
    stage.apply()
    stage.arrive(Event([700], 401, log=Log(2, 400, 701, 701)))

    assert stage.intake.take_gaps() == []


def test_a_log_that_is_read_from_the_beginning_again_has_lost_its_tail_and_is_taken_anew() -> None:
    stage = Stage()
    stage.arrive(Event([98, 99], None, log=Log(1, 0, 100, 100)))
    stage.apply()
    stage.arrive(Event([0, 1], 99, log=Log(2, 0, 2, 2), timestamp=7_000))

    assert stage.intake.take_gaps() == [Gap(TOPIC, 100, None, 7_000_000)]
    assert (stage.source.lost, len(stage.job.inbox)) == ([TOPIC], 2)


def test_what_has_arrived_and_is_dropped_is_not_read_until_it_comes_again() -> None:
    """It was passed over where another input was to be read from its beginning."""
    stage = Stage()
    stage.arrive(Event([0, 1], None))
    stage.source.end[TOPIC], stage.source.last[TOPIC] = ends(2, 2), 1

    stage.intake.forget()
    stage.intake.follow_positions()
    dropped = stage.job.positions[TOPIC], stage.intake.at_ends()[stage.job.sources.index(TOPIC)]
    stage.source.epoch = 2
    stage.intake.follow_seeks()
    stage.arrive(Event([0, 1], None, epoch=2))
    stage.apply()
    stage.intake.follow_positions()

    assert dropped == (0, False)
    assert stage.job.positions[TOPIC] == 2


def test_what_the_group_has_committed_beyond_the_end_of_a_log_says_nothing() -> None:
    stage = Stage(committed=100)

    stage.arrive(Event([0, 1], None, log=Log(1, 0, 2, 2)))

    assert len(stage.job.inbox) == 2
    assert stage.source.lost == [TOPIC], "what is applied of this one is committed again, though it lies below"


def test_a_group_that_is_balanced_while_leaders_are_asked_is_no_loss() -> None:
    """Read to 6 before the seek; behind it the consumer begins at 0 once more, for nothing was committed."""
    stage = Stage()
    stage.source.end[TOPIC] = ends_at(6, epoch=4)
    stage.intake.new_leaders()
    stage.intake.follow_positions()
    stage.job.positions[TOPIC] = 0
    stage.source.end[TOPIC] = ends_at(6, epoch=7)
    asked = stage.intake.new_leaders()
    stage.source.epoch, stage.source.end[TOPIC] = 2, ends_at(0, epoch=7)  # while they are asked

    stage.intake.follow_seeks()
    stage.intake.follow_positions()

    assert asked == {TOPIC: (4, 6)}
    assert stage.intake.take_gaps() == []
