"""A source of which nearly everything is refused is not read on, keeps what it holds, and goes on when it is well; a
clock that is off is said to be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from service.config import Settings
from service.domain.calendar import utc_text
from service.refused import floodgate
from service.refused.floodgate import Floodgate
from service.streaming.job import PartitionJob

NOW_US = 1_790_000_000_000_000
HOUR_MS = 3_600_000
SETTINGS = Settings(limits={"refused_records": 20})


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.us = NOW_US
        monkeypatch.setattr("time.time_ns", lambda: self.us * 1000)
        monkeypatch.setattr(floodgate, "PROBE_S", 0.0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def record(
    offset: int, *, good: bool = True, at_us: int = NOW_US, appended_ms: int = 0, topic: str = "purchases"
) -> ConsumerRecord:
    said: dict[str, Any] = {"event_id": f"{topic}{offset}", "customer_id": "ann", "occurred_at": utc_text(at_us)}
    said |= {"amount": 5} if topic == "purchases" else {"survey": "nps", "score": 9}
    value = json.dumps(said).encode() if good else b"]"
    kind = 1 if appended_ms else 0
    stamp = appended_ms or at_us // 1000
    return ConsumerRecord(topic, 0, offset, stamp, kind, b"ann", value, None, 3, len(value), ())


def put(job: PartitionJob, records: list[ConsumerRecord], after_us: int = 0) -> None:
    job.inbox.put(job.sources.index(records[0].topic), records, after_us)


def turn(job: PartitionJob) -> int:
    """Returns how many letters it writes."""
    taken = job.inbox.take(lambda _: True, 10_000)
    job.apply(taken)
    written = job.drain(len(taken))
    return 0 if written is None else written.dead_letters.total()


def test_what_lies_behind_the_limit_waits_undecoded_and_no_position_moves_over_it(clock: Clock) -> None:
    job = PartitionJob(SETTINGS, 0)

    put(job, [record(offset, good=False) for offset in range(1_000)])
    put(job, [record(offset, good=False) for offset in range(1_000, 2_000)])

    assert turn(job) == 20
    assert job.positions["purchases"] == 20
    assert list(job.inbox.gates.stopped()) == ["purchases"]
    assert "not_json" in job.inbox.gates.stopped()["purchases"]
    assert (len(job.inbox), job.inbox.buffered(job.sources.index("purchases"))) == (1_980, 1_980)
    job.inbox.try_gates()
    assert turn(job) == 0  # what waits is no better


def test_it_goes_on_by_itself_when_the_newest_are_accepted_again_and_each_counts_once(clock: Clock) -> None:
    job = PartitionJob(SETTINGS, 0)
    put(job, [record(offset, good=False) for offset in range(100)])
    put(job, [record(offset) for offset in range(100, 200)])
    assert turn(job) == 20

    job.inbox.try_gates()
    job.inbox.try_gates()
    letters = turn(job)
    while job.inbox.gates.wait:
        job.inbox.try_gates()
        letters += turn(job)

    assert letters == 80
    assert job.positions["purchases"] == 200
    assert job.engine.counts.purchases == 100
    assert job.inbox.gates.stopped() == {}


def test_a_new_start_goes_on_where_it_stopped_and_an_operator_can_say_that_it_shall(clock: Clock) -> None:
    job = PartitionJob(SETTINGS, 0)
    log = [record(offset, good=False) for offset in range(300)]
    put(job, log)
    turn(job)

    again = PartitionJob(SETTINGS, 0)
    again.positions.update(job.positions)
    put(again, log)
    assert turn(again) == 20
    again.inbox.try_gates(allowed=True)
    assert turn(again) == 260
    assert again.positions["purchases"] == 300


def test_a_source_of_which_half_is_refused_is_read_on_and_so_is_a_small_one(clock: Clock) -> None:
    half, small = PartitionJob(SETTINGS, 0), PartitionJob(SETTINGS, 0)

    put(half, [record(offset, good=offset % 25 < 12) for offset in range(5_000)])
    put(small, [record(offset, good=False) for offset in range(19)])

    assert (turn(half), half.inbox.gates.stopped()) == (2_600, {})
    assert (turn(small), small.inbox.gates.stopped()) == (19, {})


def test_surveys_that_have_gone_mad_hold_no_purchase_up_and_purchases_hold_all(clock: Clock) -> None:
    job = PartitionJob(SETTINGS, 0)
    put(job, [record(offset, good=False, topic="surveys") for offset in range(50)])
    put(job, [record(offset) for offset in range(5)])
    turn(job)
    assert job.engine.counts.purchases == 5

    other = PartitionJob(SETTINGS, 0)
    put(other, [record(offset, good=False) for offset in range(50)])
    turn(other)
    put(other, [record(offset, topic="surveys") for offset in range(5)])
    turn(other)
    assert other.engine.counts.answers == 0
    other.inbox.try_gates(allowed=True)
    turn(other)
    turn(other)
    assert other.engine.counts.answers == 5


def test_a_clock_that_is_behind_says_so_and_refuses_nothing(clock: Clock) -> None:
    job = PartitionJob(SETTINGS, 0)
    ahead_us = NOW_US + HOUR_MS * 1000

    put(job, [record(offset, at_us=ahead_us, appended_ms=ahead_us // 1000) for offset in range(1_000)])

    assert turn(job) == 0
    assert job.inbox.gates.stopped() == {
        "purchases": "the clock of this machine is 3,600 s behind the broker's: set whichever is wrong"
    }
    job.inbox.try_gates(allowed=True)
    assert turn(job) == 0  # nobody's word makes a clock right
    clock.us = ahead_us
    job.inbox.try_gates()
    assert turn(job) == 0
    assert job.engine.counts.purchases == 1_000
    assert job.positions["purchases"] == 1_000


def test_a_clock_that_is_ahead_says_so_until_it_is_set(clock: Clock) -> None:
    job = PartitionJob(SETTINGS, 0)
    true_ms = NOW_US // 1000 - HOUR_MS

    put(job, [record(0, at_us=true_ms * 1000, appended_ms=true_ms)], after_us=NOW_US - 1_000_000)
    assert job.inbox.gates.stopped() == {
        "purchases": "the clock of this machine is 3,599 s ahead of the broker's: set whichever is wrong"
    }
    clock.us = true_ms * 1000 + 2_000_000
    job.inbox.try_gates()
    turn(job)
    assert (job.engine.counts.purchases, job.inbox.gates.stopped()) == (1, {})


@pytest.mark.parametrize(("share", "every"), [(0.9, 5), (1.0, 1_000)])
def test_what_is_within_the_share_never_stops(share: float, every: int) -> None:
    gate = Floodgate(share, 10, 300.0)

    shut = [gate.refused(1 if number % every == 0 else 0, "not_json", number) for number in range(500)]

    assert not any(shut)


def lives_again(job: PartitionJob) -> PartitionJob:
    """Another worker after what this one has committed, which nothing else is known of."""
    again = PartitionJob(SETTINGS, 0)
    written = job.drain(1, positions=True)
    assert written is not None
    for (topic, _), records in (*KEPT.items(), *written.records.items()):
        for key, value in records:
            if topic in {again.state.topic, again.ledger.topic}:
                again.restore(topic, key or b"", value)
    again.restored()
    return again


KEPT: dict[tuple[str, int], list[tuple[bytes | None, bytes | None]]] = {}


def committed(job: PartitionJob, most: int = 10_000) -> int:
    """Applies so many at most and keeps what is written; returns how many letters that is."""
    taken = job.inbox.take(lambda _: True, most)
    job.apply(taken)
    written = job.drain(len(taken))
    if written is None:
        return 0
    for to, records in written.records.items():
        KEPT.setdefault((to.topic, to.partition), []).extend(records)
    return written.dead_letters.total()


@pytest.fixture
def _nothing_kept() -> None:
    KEPT.clear()


@pytest.mark.usefixtures("_nothing_kept")
def test_one_life_after_the_other_writes_no_more_letters_than_one(clock: Clock) -> None:
    job, letters = PartitionJob(SETTINGS, 0), 0
    for begin in range(0, 100, 7):
        put(job, [record(offset, good=False) for offset in range(begin, begin + 7)])
        letters += committed(job)
        job = lives_again(job)

    assert letters == 20
    assert job.positions["purchases"] == 20
    assert "not_json" in job.inbox.gates.stopped()["purchases"]
    put(job, [record(offset) for offset in range(20, 120)])
    job.inbox.try_gates()
    assert committed(job) == 0
    assert job.positions["purchases"] == 120
    assert lives_again(job).inbox.gates.stopped() == {}


@pytest.mark.usefixtures("_nothing_kept")
def test_what_was_decoded_and_not_committed_counts_once(clock: Clock) -> None:
    log = [record(offset, good=False) for offset in range(15)]
    job = PartitionJob(SETTINGS, 0)
    put(job, log)
    committed(job, 4)

    again = lives_again(job)
    put(again, log)
    assert committed(again) == 11
    assert again.inbox.gates.stopped() == {}
    again.inbox.drop_input()  # a seek: what was decoded and is applied counts no more than once either
    put(again, [record(offset, good=False) for offset in range(15, 19)])
    assert (committed(again), again.inbox.gates.stopped()) == (4, {})
    put(again, [record(19, good=False), record(20, good=False)])
    assert committed(again) == 1
    assert again.inbox.gates.stopped() != {}


@pytest.mark.usefixtures("_nothing_kept")
def test_the_word_that_it_may_go_on_holds_for_the_next_life_until_it_is_well(clock: Clock) -> None:
    job = PartitionJob(SETTINGS, 0)
    put(job, [record(offset, good=False) for offset in range(100)])
    committed(job)
    job.inbox.try_gates(allowed=True)
    assert committed(job) == 80

    again = lives_again(job)
    put(again, [record(offset, good=False) for offset in range(100, 200)])
    assert (committed(again), again.inbox.gates.stopped()) == (100, {})
    put(again, [record(offset) for offset in range(200, 600)])
    committed(again)
    well = lives_again(again)
    put(well, [record(offset, good=False) for offset in range(600, 700)])
    assert committed(well) == 20
