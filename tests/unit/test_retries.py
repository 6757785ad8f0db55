"""Dead letters that are sent back: what was taken counts once, what is still wrong stays one letter, and who asks is
told what became of each."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from aiokafka.structs import ConsumerRecord

from schemas.outputs import DeadLetter
from service.config import Settings
from service.domain.changelog import ASKED_PREFIX, RETRIED_PREFIX
from service.refused.dead_letters import StoredDeadLetter, retry_dead_letters
from service.refused.retries import MARK_HEADER, Became, Mark, Marks, Retries, Standing, identity_of, pack_asked
from service.streaming.job import PartitionJob, Written
from service.streaming.producer import Destination

SETTINGS = Settings(time={"clock": "event"})
RATED = SETTINGS.changed(shop={"rates": {"USD": "0.9"}})
MARKS = Marks(SETTINGS)
FOREIGN = {
    "event_id": "e",
    "customer_id": "ann",
    "occurred_at": "2025-03-04T12:00:00Z",
    "amount": 10,
    "currency": "USD",
}
ELSEWHERE = SETTINGS.changed(kafka={"group": "another"})


def record(said: object, offset: int, *headers: tuple[str, bytes]) -> ConsumerRecord:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return ConsumerRecord("purchases", 0, offset, 1_741_089_600_000, 0, b"ann", body, None, 3, len(body), headers)


class World:
    """A partition over any number of restarts, and its topics."""

    def __init__(self, settings: Settings = SETTINGS) -> None:
        self.ledger: dict[bytes, bytes | None] = {}
        self.state: dict[bytes, bytes | None] = {}
        self.letters: list[StoredDeadLetter] = []
        self.next = 0
        self.starts(settings)

    def starts(self, settings: Settings) -> None:
        self.job = PartitionJob(settings, 0)
        for topic, records in ((settings.kafka.state_topic, self.state), (settings.kafka.ledger_topic, self.ledger)):
            for key, value in records.items():
                self.job.restore(topic, key, value)
        self.job.restored()

    def reads(self, said: object, *headers: tuple[str, bytes]) -> Written:
        self.job.inbox.put(self.job.sources.index("purchases"), [record(said, self.next, *headers)])
        self.next += 1
        self.job.apply(self.job.inbox.take(lambda _: True, 10))
        written = self.job.drain(1)
        assert written is not None
        kafka = SETTINGS.kafka
        self.ledger.update(written.records.get(Destination(kafka.ledger_topic, 0), []))  # type: ignore[arg-type]
        self.state.update(written.records[Destination(kafka.state_topic, 0)])  # type: ignore[arg-type]
        for _, value in written.records.get(Destination(kafka.topics.dead_letters, 0), []):
            letter = DeadLetter.model_validate_json(value or b"")
            self.letters.append(StoredDeadLetter(0, len(self.letters), letter))
        return written

    def retries(self) -> Retries:
        found = Retries()
        for key, value in self.ledger.items():
            found.take(key, value)
        return found

    def sent_back(self, letter: StoredDeadLetter) -> Written:
        """As the command does it, and the worker reads it."""
        identity, attempt = identity_of(letter.letter), self.retries().attempts(letter.letter) + 1
        self.ledger[ASKED_PREFIX + identity] = pack_asked(attempt, 1)
        value = DeadLetter.model_validate(letter.letter).value_base64
        return self.reads(_bytes(value), MARKS.header(Mark(identity, attempt)))


def _bytes(text: str | None) -> bytes:
    return msgspec.convert(text, bytes)


def test_what_is_still_wrong_stays_the_letter_that_it_is_however_often_it_is_sent_back() -> None:
    world = World()
    for number in range(10):
        world.reads({**FOREIGN, "event_id": f"e{number}"})

    for _ in range(3):
        for letter in list(world.letters):
            assert world.sent_back(letter).retried == {"refused": 1}
        world.starts(SETTINGS)

    assert len(world.letters) == 10
    assert {world.retries().standing(each.letter) for each in world.letters} == {Standing.REFUSED}
    became = world.retries().became(world.letters[0].letter)
    assert became is not None
    assert (became.attempt, became.code) == (3, "unknown_currency")
    assert "USD" in became.message


def test_a_good_one_counts_once_however_many_events_and_restarts_lie_between() -> None:
    world = World()
    world.reads(FOREIGN)
    [letter] = world.letters
    world.starts(RATED)

    assert world.sent_back(letter).retried == {"taken": 1}
    assert world.retries().standing(letter.letter) is Standing.TAKEN
    customer = world.job.engine.customers["ann"]
    assert (customer.orders, customer.revenue_minor) == (1, 900)
    customer.bought = b""  # so many events later that it is not known by its event_id
    for _ in range(2):
        assert world.sent_back(letter).retried == {"again": 1}
        world.starts(RATED)

    customer = world.job.engine.customers["ann"]
    assert (customer.orders, customer.revenue_minor) == (1, 900)
    world.starts(SETTINGS)  # the rate is gone: what was taken stays taken
    assert world.sent_back(letter).retried == {"refused": 1}
    assert world.retries().standing(letter.letter) is Standing.TAKEN
    assert len(world.letters) == 1


def test_letters_about_one_record_are_one_and_another_record_at_the_same_place_is_not() -> None:
    world = World()
    world.reads(FOREIGN)
    letter = world.letters[0].letter

    assert identity_of(letter) == identity_of(letter.model_copy(update={"error_code": "wrong_type"}))
    assert identity_of(letter) != identity_of(letter.model_copy(update={"source_timestamp": None}))
    assert identity_of(letter) != identity_of(letter.model_copy(update={"value_base64": "e30="}))


@pytest.mark.parametrize(
    "value", [b"", b"a/1/b", b"\xff", b"00/1/" + b"0" * 24, Marks(ELSEWHERE).header(Mark(b"x" * 12, 1))[1]]
)
def test_a_mark_that_is_none_of_this_group_hides_nothing(value: bytes) -> None:
    world = World()

    written = world.reads(FOREIGN, (MARK_HEADER, value))

    assert written.retried == {}
    assert [each.letter.error_code for each in world.letters] == ["unknown_currency"]


def test_a_letter_that_was_sent_and_not_read_waits() -> None:
    world = World()
    world.reads(FOREIGN)
    letter = world.letters[0].letter
    assert world.retries().standing(letter) is Standing.NEVER

    world.ledger[ASKED_PREFIX + identity_of(letter)] = pack_asked(1, 1)

    assert world.retries().standing(letter) is Standing.WAITS
    assert world.retries().told(letter)["standing"] == "waits"


def test_when_a_record_was_sent_back_says_nothing_about_how_long_purchases_take() -> None:
    learned: list[Any] = []
    world = World(Settings())
    world.job._delay.learn = lambda *times: learned.append(times)  # type: ignore[method-assign]

    world.reads({**FOREIGN, "currency": "EUR"}, MARKS.header(Mark(b"x" * 12, 1)))
    assert learned == []
    world.reads({**FOREIGN, "currency": "EUR", "event_id": "f"})
    assert len(learned) == 1


def test_what_was_taken_is_forgotten_long_after_its_letter() -> None:
    world = World(RATED)
    old = RETRIED_PREFIX + b"o" * 12
    world.ledger[old] = msgspec.msgpack.encode(Became(1, taken=True, at_us=1))
    world.starts(RATED)

    world.reads(FOREIGN, MARKS.header(Mark(b"x" * 12, 1)))

    assert world.ledger[old] is None
    assert world.ledger[RETRIED_PREFIX + b"x" * 12] is not None


def test_nothing_is_written_where_nothing_is_to_be_sent() -> None:
    assert retry_dead_letters(SETTINGS, [], Retries()) == 0
