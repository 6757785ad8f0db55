"""Records of several topics that are read by a reader who asks, and is answered, while they are being appended: where
events are the clock none may be applied before an older one of another topic."""

from __future__ import annotations

import time
from random import Random
from types import SimpleNamespace

import pytest

from service.cluster.log_ends import Ends, Log
from service.domain.events import Event, Purchase, Survey, SurveyAnswer
from service.domain.merge import Merge
from service.feed.records import key_of, value_of
from service.streaming.batches import Intake
from service.streaming.job import PartitionJob
from service.streaming.overtaking import Overtaking
from service.streaming.transport import Batch, Consumer
from service.wire.input_topics import TOPIC_OF
from tests.support.engines import at, purchase
from tests.support.load import settings_for
from tests.unit.test_batches import FakeSource

TOPICS = 3


class Reading:
    """A log of each topic, to which a record is appended at its own time; and a reader of them. An answer says of each
    topic what lay in it at some instant between the question and the answer."""

    def __init__(self, seed: int, *, careful: bool) -> None:
        self.random = Random(seed)
        self.logs: list[list[float]] = [[] for _ in range(TOPICS)]
        at_s = 0.0
        for _ in range(60):
            at_s += self.random.expovariate(1.0)
            self.logs[self.random.choices(range(TOPICS), [6, 2, 1])[0]].append(at_s)
        self.merge: Merge[float] = Merge(TOPICS, int_of)
        self.overtaking = Overtaking(TOPICS, self.merge.buffered) if careful else None
        self.read = [0] * TOPICS
        self.asked_s = [0.0] * TOPICS
        self.at_end = [False] * TOPICS
        self.now_s = 0.0
        self.applied: list[float] = []

    def ask(self) -> None:
        """One question about some of the topics, and its answer."""
        about = [topic for topic in range(TOPICS) if self.random.random() < 0.8]
        asked_s = self.now_s
        self.now_s += self.random.expovariate(0.5)
        for topic in about:
            seen_s = self.random.uniform(asked_s, self.now_s)
            found = [at_s for at_s in self.logs[topic] if at_s <= seen_s]
            records = found[self.read[topic] : self.read[topic] + self.random.randint(0, 5)]
            self.read[topic] += len(records)
            if records:
                if self.overtaking is not None:
                    self.overtaking.put(topic, len(records), self.now_s)
                self.merge.put(topic, records)
            self.asked_s[topic], self.at_end[topic] = asked_s, self.read[topic] == len(found)

    def apply(self) -> None:
        overtaking = self.overtaking
        if overtaking is not None:
            overtaking.note_asked(self.asked_s)
        ready = None if overtaking is None else lambda: overtaking.ready(lambda _: True)
        taken = self.merge.take(self.at_end.__getitem__, self.random.choice([3, 1_000]), ready)
        kept = self.random.randint(0, len(taken)) if self.random.random() < 0.2 else len(taken)
        self.merge.put_back(taken[kept:])
        self.applied += [at_s for _, at_s in taken[:kept]]

    def to_the_end(self) -> list[float]:
        for _ in range(2_000):
            if len(self.applied) == sum(map(len, self.logs)):
                break
            self.ask()
            self.apply()
        return self.applied


def int_of(at_s: float) -> int:
    return int(at_s * 1e6)


@pytest.mark.parametrize("seed", range(40))
def test_whatever_is_asked_when_the_order_is_that_of_time_and_all_of_it_comes(seed: int) -> None:
    reading = Reading(seed, careful=True)

    assert reading.to_the_end() == sorted(at_s for log in reading.logs for at_s in log)


def test_a_reader_that_takes_an_end_for_known_once_it_was_told_gets_them_out_of_order() -> None:
    """Or the test above says nothing."""
    applied = [Reading(seed, careful=False).to_the_end() for seed in range(40)]

    assert sum(each != sorted(each) for each in applied) > 20


class Partition:
    """The input side of a worker's partition, with answers by hand."""

    def __init__(self, clock: str) -> None:
        settings = settings_for("nowhere:1").changed(time={"clock": clock})
        self.job, self.source = PartitionJob(settings, 0), FakeSource()
        self.intake = Intake(settings.kafka, self.job, self.source, lambda _: None)
        self.intake.follow_seeks()
        self.topics = settings.kafka.topics
        self.ends = dict.fromkeys(self.job.sources, 0)

    def answered(self, asked_s: float, told_s: float, *events: Event) -> None:
        """An answer about all topics that brings these."""
        for event in events:
            self.ends[TOPIC_OF[type(event)].name(self.topics)] += 1
        for topic, end in self.ends.items():
            log = Log(time.time_ns() // 1000, 0, end, end, asked_s, told_s)
            self.source.end[topic] = Ends(end, log)
        for event in events:
            topic = TOPIC_OF[type(event)].name(self.topics)
            offset = self.ends[topic] - 1
            record = SimpleNamespace(
                offset=offset, value=value_of(event, 2), key=key_of(event), headers=(), topic=topic, partition=0,
                timestamp=0, serialized_value_size=100,
            )  # fmt: skip
            batch = Batch([record])
            batch.previous, batch.epoch = self.source.last.get(topic), 1
            batch.log = self.source.end[topic].log
            self.source.last[topic] = offset
            self.intake.put(
                SimpleNamespace(value=batch, message=SimpleNamespace(topic=topic, partition=0, offset=offset))
            )
        self.intake.decode()

    def applied(self) -> list[str]:
        """Ids of the events that may be applied now."""
        self.job.inbox.note_ends(self.intake.ended_us())
        self.job.inbox.note_asked(self.intake.asked_s())
        taken = self.job.inbox.take(self.intake.at_ends().__getitem__, 100)
        return [event.event_id for _, (_, _, event, *_) in taken if isinstance(event, Purchase | SurveyAnswer)]


BOUGHT = purchase("anna", 1.0, event_id="bought")
ANSWERED = SurveyAnswer("answered", "ben", at(2.0), Survey.NPS, 9)


def test_an_answer_that_overtook_a_purchase_waits_until_purchases_were_asked_for_again() -> None:
    partition = Partition("event")
    partition.answered(1.0, 2.0, ANSWERED)  # purchases were looked at just before the purchase was appended
    first = partition.applied()
    partition.answered(2.1, 2.2, BOUGHT)
    partition.answered(2.3, 2.4)

    assert first == []
    assert partition.applied() == ["bought", "answered"]


def test_an_answer_is_applied_as_soon_as_the_others_were_asked_after_it_had_come() -> None:
    partition = Partition("event")
    partition.answered(1.0, 2.0, ANSWERED)
    partition.answered(1.9, 2.1)  # asked before it had come
    before = partition.applied()
    partition.answered(2.1, 2.2)

    assert (before, partition.applied()) == ([], ["answered"])


def test_where_the_wall_clock_moves_time_nothing_waits() -> None:
    partition = Partition("wall")
    partition.answered(1.0, 2.0, ANSWERED)

    assert partition.applied() == ["answered"]


@pytest.mark.parametrize(("asks_again", "waits"), [(True, [200, 50, 50, 50, 50, 200]), (False, [200] * 6)])
def test_while_records_come_that_wait_for_the_next_answer_it_comes_soon(asks_again: bool, waits: list[int]) -> None:
    consumer = Consumer.__new__(Consumer)
    consumer.app, consumer._short_rounds = SimpleNamespace(asks_again=asks_again), 0
    found = [consumer.wait_ms]
    for brought in (True, False, False, False, False):
        consumer.note_fetched(brought)
        found.append(consumer.wait_ms)

    assert found == waits
