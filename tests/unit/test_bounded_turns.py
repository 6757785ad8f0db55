"""What goes into one turn is bounded by what it will write: new customers, dead letters, records for other partitions,
dates and scores; and whatever the turns were, the state is the same."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from service.config import Settings
from service.domain.events import Purchase
from service.feed.records import key_of, value_of
from service.streaming.bounded_turns import BoundedTurns
from service.streaming.job import PartitionJob, Written
from service.streaming.producer import Destination
from service.streaming.turn_size import LEAST_BYTES, START_BYTES, Foreseen
from service.wire.input_topics import BY_RANK
from tests.support.engines import purchase
from tests.support.load import settings_for

TIMEOUT_S = 10.0
BY_RANK_OF_PURCHASES = next(rank for rank, row in enumerate(BY_RANK) if Purchase in row.events)
BATCH_BYTES = 80
"""About what a record takes beside key and value."""


def record(offset: int, key: bytes, value: bytes) -> ConsumerRecord:
    return ConsumerRecord("purchases", 0, offset, 1, 0, key, value, None, 0, 0, ())


def newcomers(count: int, visits: int = 1) -> list[ConsumerRecord]:
    """So many customers one after the other, each visit a week after the one before."""
    events = [purchase(f"customer-{who:05}", 7.0 * visit) for visit in range(visits) for who in range(count)]
    return [record(offset, key_of(event), value_of(event, 2)) for offset, event in enumerate(events)]


@dataclass
class Turn:
    records: int
    most: int
    size: int
    written: Written


def size_of(written: Written) -> dict[Destination, int]:
    return {
        to: sum(len(key or b"") + len(value or b"") + BATCH_BYTES for key, value in records)
        for to, records in written.records.items()
    }


def turns_over(
    job: PartitionJob, *, bytes_per_s: float = 1e6, with_scores: bool = False, too_slow_before: int = 0
) -> list[Turn]:
    """Until nothing waits, on a broker that takes so many bytes a second; nothing is saved up there."""
    turns, now_s, found, more = BoundedTurns(job, TIMEOUT_S, too_slow_before), 0.0, list[Turn](), True
    while more:
        turns.begin(now_s)
        processed, more = asyncio.run(turns.apply([True] * len(job.sources), with_scores=with_scores))
        written = job.drain(processed, scores=turns.scores() if with_scores else 0)
        if written is None:
            break
        sizes = size_of(written)
        took_s = 0.02 + sum(sizes.values()) / bytes_per_s
        now_s += took_s
        turns.committed(written, sizes, took_s, now_s)
        found.append(Turn(processed, turns.most, sum(sizes.values()), written))
        more |= with_scores and job.engine.scoreboard.waiting > 0
        assert len(found) < 5_000
    return found


def job_with(records: list[ConsumerRecord], settings: Settings | None = None) -> PartitionJob:
    job = PartitionJob(settings or settings_for("unused:9092"), 0)
    for source in range(len(job.sources)):
        if job.inbox.of_purchases[source]:
            job.inbox.put(source, records)
            break
    return job


def test_new_customers_fill_turns_that_grow_and_none_writes_much_more_than_it_may() -> None:
    job = job_with(newcomers(3_000))

    turns = turns_over(job, bytes_per_s=20e6)

    assert sum(turn.records for turn in turns) == 3_000
    assert turns[0].most == START_BYTES
    assert all(turn.size <= 1.5 * turn.most for turn in turns)
    assert len(turns) > 3
    assert len(job.engine.customers) == 3_000
    assert job.positions["purchases"] == 3_000


def test_turns_change_nothing_about_the_state() -> None:
    small, whole = job_with(newcomers(400, visits=5)), job_with(newcomers(400, visits=5))

    turns = turns_over(small, too_slow_before=2)
    whole.apply(whole.inbox.take(lambda _: True, 10_000))
    at_once = whole.drain(2_000, scores=0)

    assert len(turns) > 10
    assert at_once is not None
    last = {key: value for turn in turns for each in turn.written.records.values() for key, value in each}
    persons = {key: value for each in at_once.records.values() for key, value in each if key and key[0]}
    assert {key: last[key] for key in persons} == persons
    assert len(persons) == 400
    assert small.engine.state.pack() == whole.engine.state.pack()


def test_scores_find_room_beside_a_stream_that_fills_every_turn_and_all_are_published() -> None:
    job = job_with(newcomers(600))

    turns = turns_over(job, with_scores=True)

    assert sum(turn.written.scores for turn in turns) >= 600
    assert job.engine.scoreboard.waiting == 0
    assert all(turn.size <= 1.5 * turn.most for turn in turns)


def test_dead_letters_fill_a_turn_as_well() -> None:
    job = job_with([record(n, b"c", b"x" * 100_000) for n in range(40)])

    turns = turns_over(job)

    assert sum(turn.records for turn in turns) == 40
    assert all(turn.size <= turn.most + 200_000 for turn in turns)
    assert sum(turn.written.dead_letters.total() for turn in turns) == 40


def test_a_record_larger_than_a_turn_goes_alone() -> None:
    job = job_with([record(n, b"c", b"x" * 300_000) for n in range(6)])

    turns = turns_over(job, too_slow_before=9)

    assert turns[0].most == LEAST_BYTES
    assert [turn.records for turn in turns if turn.records] == [1] * 6


def test_customers_who_come_often_in_a_turn_are_written_once_however_small_turns_began() -> None:
    job = job_with(newcomers(20, visits=200))

    turns = turns_over(job, bytes_per_s=20e6)

    assert sum(turn.records for turn in turns) == 4_000
    assert len(turns) <= 12


def test_a_broker_that_takes_little_has_small_turns_to_the_end() -> None:
    job = job_with(newcomers(2_000))

    turns = turns_over(job, bytes_per_s=60_000)

    assert sum(turn.records for turn in turns) == 2_000
    assert max(turn.size for turn in turns) / 60_000 < TIMEOUT_S


@pytest.mark.parametrize("most", [LEAST_BYTES, START_BYTES])
def test_dates_that_come_due_at_once_are_looked_at_as_far_as_there_is_room(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    job = PartitionJob(settings_for("unused:9092", time={"clock": "wall"}), 0)
    granted = list[int]()
    monkeypatch.setattr(job, "grant", lambda _, fit: granted.append(fit))

    turns = BoundedTurns(job, TIMEOUT_S, 9 if most == LEAST_BYTES else 0)
    turns.begin(0.0)
    turns.grant(0)

    assert turns.most == most
    assert granted == [most // (Foreseen().decision.size + Foreseen().customer.size)]


CROWD = 120
FILLED: dict[str, Any] = {
    "time": {"clock": "event", "max_jump_days": 1000, "feed_silence_hours": 800_000},
    "outreach": {
        "consent": "external",
        "at_most_per_hour": 1_000_000,
        "overdue_per_hour": 1_000_000,
        "stale_after_days": 900,
    },
}


def crowd_and_one_late() -> list[ConsumerRecord]:
    """Everybody came weekly, and nobody since, until one record makes all of them due."""
    events = [purchase(f"customer-{who:05}", 7.0 * visit) for visit in range(6) for who in range(CROWD)]
    events += [purchase("late", 80.0), purchase("later", 80.1)]
    return [record(offset, key_of(event), value_of(event, 2)) for offset, event in enumerate(events)]


def told(turns: list[Turn]) -> list[str]:
    return [made.decision_id for turn in turns for made in turn.written.decisions]


def test_a_crowd_that_one_record_makes_due_fills_turns_that_fit_and_is_decided_as_in_one() -> None:
    settings = settings_for("unused:9092", **FILLED)
    small, whole = job_with(crowd_and_one_late(), settings), job_with(crowd_and_one_late(), settings)

    turns = turns_over(small, bytes_per_s=200_000, too_slow_before=2)
    whole.apply(whole.inbox.take(lambda _: True, 10_000))
    at_once = whole.drain(6 * CROWD + 2, scores=0)

    assert at_once is not None
    assert len(told(turns)) >= CROWD
    assert told(turns) == [made.decision_id for made in at_once.decisions]
    assert max(turn.size for turn in turns if turn.written.decisions) <= 1.5 * max(turn.most for turn in turns)
    assert sum(not turn.records for turn in turns) > 3, "turns of dates alone"
    assert small.positions == whole.positions
    assert small.engine.state.pack() == whole.engine.state.pack()


def test_dates_are_cut_off_by_their_number_too_and_a_crash_between_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each life takes one turn and dies; the next has what was committed, and reads the rest again."""
    monkeypatch.setattr("service.streaming.bounded_turns.TURN_DATES", 40)
    settings = settings_for("unused:9092", **FILLED)
    records, stored, ids, lives = crowd_and_one_late(), dict[tuple[str, bytes], bytes | None](), list[str](), 0
    whole = job_with(records, settings)
    whole.apply(whole.inbox.take(lambda _: True, 10_000))
    at_once = whole.drain(len(records), scores=0)
    assert at_once is not None

    position = 0
    while position < len(records):
        job = PartitionJob(settings, 0)
        for (topic, key), value in stored.items():
            job.restore(topic, key, value)
        job.restored()
        position = job.positions["purchases"]
        job.inbox.put(BY_RANK_OF_PURCHASES, records[position:])
        turns = BoundedTurns(job, TIMEOUT_S)
        turns.begin(0.0)
        processed, _ = asyncio.run(turns.apply([True] * len(job.sources), with_scores=False))
        written = job.drain(processed, scores=0)
        if written is None:
            continue
        assert job.positions["purchases"] == position + processed
        ids += [made.decision_id for made in written.decisions]
        for to, each in written.records.items():
            if to in (job.state, job.ledger):
                stored.update({(to.topic, key or b""): value for key, value in each})
        lives += 1
        position = written.positions["purchases"]

    assert lives > CROWD // 40
    assert ids == [made.decision_id for made in at_once.decisions]
    assert job.engine.state.pack() == whole.engine.state.pack()
