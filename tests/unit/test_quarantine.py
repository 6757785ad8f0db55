"""An error of our own: whatever it is about is set aside after the second try, the rest is as if that had never been,
and too many of them stop for a person."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from schemas.outputs import DeadLetter
from service.config import Settings
from service.domain import customer_record
from service.domain.changelog import GO_ON_KEY, pack_today
from service.domain.customer import Customer
from service.domain.effects.purchases import Purchases
from service.domain.engine import Engine
from service.domain.events import Event, Purchase
from service.domain.learning.everybody import Everybody
from service.domain.outreach.ladder import Ladder
from service.domain.scores import record_of
from service.errors import CeilingError, FatalError
from service.feed.records import value_of
from service.refused.quarantine import Kind, Stumbled
from service.streaming.job import PartitionJob
from service.streaming.producer import Destination, Record
from service.wire.decoder import Decoder
from service.wire.encoder import Encoder
from tests.support.engines import purchase, shop_log, whole_state

SETTINGS = Settings(time={"clock": "event"})
POISON = "poison"
KAFKA = SETTINGS.kafka
STATE, LEDGER = Destination(KAFKA.state_topic, 0), Destination(KAFKA.ledger_topic, 0)
LETTERS = Destination(KAFKA.topics.dead_letters, 0)


def record(event: Event, offset: int) -> ConsumerRecord:
    value, key = value_of(event, 2), event.customer_id.encode()
    return ConsumerRecord("purchases", 0, offset, event.at_us // 1000, 0, key, value, None, len(key), len(value), ())


class World:
    """A partition that is started again whenever it stumbles, as its worker does."""

    def __init__(self, events: Iterable[Event], settings: Settings = SETTINGS, turn: int = 7) -> None:
        self.settings = settings
        self.log = [record(event, offset) for offset, event in enumerate(events)]
        self.kept: dict[Destination, dict[bytes, bytes | None]] = {STATE: {}, LEDGER: {}}
        self.letters: list[DeadLetter] = []
        self.decisions: list[str] = []
        self.decided: set[str] = set()
        self.stumbled: list[Stumbled] = []
        self.turn = turn
        self.start()

    def start(self) -> None:
        self.job = PartitionJob(self.settings, 0)
        for destination, records in self.kept.items():
            for key, value in records.items():
                self.job.restore(destination.topic, key, value)
        self.job.restored()
        position = self.job.positions["purchases"]
        self.job.inbox.put(self.job.sources.index("purchases"), self.log[position:])

    def run(self, most_lives: int = 60) -> None:
        for _ in range(most_lives):
            try:
                if not self._turn():
                    return
            except Stumbled as stumbled:
                self.stumbled.append(stumbled)
                self._write(self.job.noted(stumbled))
                self.start()
        raise AssertionError(f"no end: {self.stumbled}")

    def _turn(self) -> bool:
        more = True
        while more:
            taken = self.job.inbox.take(lambda _: True, self.job.quarantine.turn_records(self.turn))
            more = bool(taken)
            self.job.apply(taken)
            written = self.job.drain(len(taken))
            if written is not None:
                self.decisions += [made.decision_id for made in written.decisions]
                self.decided |= {made.customer_id for made in written.decisions}
                self._write(written.records)
        return False

    def _write(self, records: dict[Destination, list[Record]]) -> None:
        for destination, kept in self.kept.items():
            kept.update(records.get(destination, []))  # type: ignore[arg-type]
        self.letters += [DeadLetter.model_validate_json(value or b"") for _, value in records.get(LETTERS, [])]

    @property
    def codes(self) -> list[tuple[str, int]]:
        return [(letter.error_code, letter.source_offset) for letter in self.letters]


def shop(poisoned: bool) -> list[Event]:
    events = [each for each in shop_log(3, customers=6, days=60) if isinstance(each, Purchase)]
    middle = purchase("c1", 30.4, 777, event_id=POISON)
    return [*events[:40], *([middle] if poisoned else []), *events[40:]]


class FailsAt:
    """While the poison is applied, the call of so many domain functions in raises."""

    def __init__(self, call: int) -> None:
        self.call, self.seen, self.raised = call, 0, False

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and "/service/domain/" in frame.f_code.co_filename:
            self.seen += 1
            if self.seen == self.call:
                self.raised = True
                raise ZeroDivisionError("about anna@example.org")


def poisoned_at(monkeypatch: pytest.MonkeyPatch, call: int) -> FailsAt:
    fails, apply = FailsAt(call), Engine.apply

    def applied(self: Engine, event: Any, wall_us: int = 0) -> None:
        if getattr(event, "event_id", "") != POISON:
            apply(self, event, wall_us)
            return
        fails.seen = 0
        sys.setprofile(fails)
        try:
            apply(self, event, wall_us)
        finally:
            sys.setprofile(None)

    monkeypatch.setattr(Engine, "apply", applied)
    return fails


def test_whatever_step_fails_the_state_is_as_if_the_record_had_never_come(monkeypatch: pytest.MonkeyPatch) -> None:
    without = World(shop(poisoned=False))
    without.run()
    expected, offset, about_records = whole_state(without.job.engine), 40, 0
    for call in range(1, 400, 9):
        with monkeypatch.context() as patch:
            fails = poisoned_at(patch, call)
            world = World(shop(poisoned=True))
            world.run()
        if not fails.raised:
            break
        if all(each.kind is Kind.RECORD for each in world.stumbled):
            about_records += 1
            assert len(world.stumbled) == 2
            assert world.codes == [("internal_error", offset)]
            assert whole_state(world.job.engine) == expected
            assert world.decisions == without.decisions
            assert json.loads(bytes_of(world.letters[0]))["event_id"] == POISON
            assert "anna" not in world.letters[0].error_message
            assert "ZeroDivisionError at service/domain/" in world.letters[0].error_message
    assert about_records > 3


def bytes_of(letter: DeadLetter) -> bytes:
    return base64.b64decode(letter.value_base64 or "")


def raising_once_for(condition: Callable[..., bool], then: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*args: Any, **named: Any) -> Any:
        if condition(*args):
            raise ZeroDivisionError
        return then(*args, **named)

    return wrapped


def test_a_date_that_fails_sets_its_customer_aside_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [purchase(name, 7.0 * week + start) for week in range(12) for name, start in (("ann", 0.1), ("bob", 0.2))]
    events += [purchase("eve", 80.0 + day) for day in range(120)]
    monkeypatch.setattr(
        Ladder, "look", raising_once_for(lambda _, customer, __: customer.customer_id == "ann", Ladder.look)
    )
    world = World(events)

    world.run()

    assert [each.kind for each in world.stumbled] == [Kind.CUSTOMER, Kind.CUSTOMER]
    assert [(each.error_code, bytes_of_key(each)) for each in world.letters] == [("internal_error", b"ann")]
    assert world.job.engine.roster.aside == {"ann"}
    assert "bob" in world.decided
    assert "ann" not in world.decided
    assert world.job.positions["purchases"] == len(events)
    assert [note.kind for note in world.job.quarantine.lately(1 << 62)] == ["customer"]
    assert not any(b"ann" in key for key in world.kept[LEDGER])

    monkeypatch.undo()
    monkeypatch.setattr("service.refused.quarantine.version", lambda: "the next")
    world.start()
    assert world.job.engine.roster.aside == set()  # another release looks again


def bytes_of_key(letter: DeadLetter) -> bytes:
    return base64.b64decode(letter.key_base64 or "")


def test_a_refresh_that_fails_is_left_out_and_the_next_one_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [purchase("ann", float(day)) for day in range(40)]
    first: list[int] = []

    def fails(self: Everybody, *_: Any) -> bool:
        first.append(self.next_refresh_us)
        return self.next_refresh_us == first[0]

    monkeypatch.setattr(Everybody, "refresh", raising_once_for(fails, Everybody.refresh))
    world = World(events)

    world.run()

    assert [each.kind for each in world.stumbled] == [Kind.REFRESH, Kind.REFRESH]
    assert world.job.engine.refreshes_left_out == {first[0]}
    assert len(set(first)) > 3
    assert world.job.positions["purchases"] == len(events)


def test_a_turn_that_cannot_be_put_together_is_taken_apart_until_the_record_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events, usual = shop(poisoned=False), customer_record.fields_of
    without = World(events)
    without.run()
    events.insert(40, purchase("stray", 30.4, 777))

    def fields(customer: Customer) -> tuple[object, ...]:
        if customer.revenue_minor == 777:
            raise ZeroDivisionError
        return usual(customer)

    monkeypatch.setattr(customer_record, "fields_of", fields)
    world = World(events, turn=30)

    world.run()

    assert [each.kind for each in world.stumbled] == [Kind.TURN, Kind.RECORD, Kind.RECORD]
    assert world.codes == [("internal_error", 40)]
    monkeypatch.undo()
    assert whole_state(world.job.engine) == whole_state(without.job.engine)


def test_an_error_in_decoding_sets_the_record_aside_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Decoder, value: bytes, *__: Any) -> bool:
        return POISON.encode() in value

    monkeypatch.setattr(Decoder, "purchase", raising_once_for(fails, Decoder.purchase))
    world = World(shop(poisoned=True))

    world.run()

    assert (world.stumbled, world.codes) == ([], [("internal_error", 40)])


def test_an_output_that_cannot_be_written_is_left_out_with_a_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Encoder, output: Any) -> bool:
        return bool(output.customer_id == "c1")

    monkeypatch.setattr(Encoder, "encode", raising_once_for(fails, Encoder.encode))
    monkeypatch.setattr(
        "service.domain.scores.record_of", raising_once_for(lambda who, *_: who.customer_id == "c2", record_of)
    )
    world = World(shop(poisoned=False), turn=1000)

    world.run()

    assert world.stumbled == []
    assert {bytes_of_key(each) for each in world.letters} == {b"c1", b"c2"}
    assert {each.error_code for each in world.letters} == {"internal_error"}
    assert world.letters[0].source_topic == KAFKA.state_topic


def test_more_than_so_many_stop_for_a_person_until_they_say_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    fails = raising_once_for(lambda _, customer, *__: customer.customer_id == "c1", Purchases._buy)
    monkeypatch.setattr(Purchases, "_buy", fails)
    world = World(shop(poisoned=False), SETTINGS.changed(limits={"set_aside_most": 3}), turn=2)

    with pytest.raises(CeilingError, match="no accident"):
        world.run()
    assert len(world.letters) == 3
    world._write(world.job.noted_stop())
    monkeypatch.setattr("service.streaming.job.clock_us", lambda: 1 << 60)  # however long it is left alone
    with pytest.raises(CeilingError):
        world.start()
    world.kept[LEDGER][GO_ON_KEY] = pack_today(1 << 60)
    world.start()


def test_a_customer_whose_state_cannot_be_read_is_left_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    events = shop(poisoned=False)
    world = World(events[:40])
    world.run()
    world.kept[STATE][b"c1"] = b"\x92\x01"
    world.log = [record(event, offset) for offset, event in enumerate(events)]
    world.start()

    world.run()

    theirs = [offset for offset, event in enumerate(events) if event.customer_id == "c1" and offset >= 40]
    assert theirs
    assert world.codes == [("internal_error", offset) for offset in theirs]
    assert world.kept[STATE][b"c1"] == b"\x92\x01"
    assert "c1" not in world.job.engine.customers
    for name in ("c0", "c2", "c3"):
        world.kept[STATE][name.encode()] = b"\x92\x01"
    world.settings = SETTINGS.changed(limits={"set_aside_most": 2})
    with pytest.raises(FatalError, match="no accident"):
        world.start()


def test_what_goes_wrong_on_purpose_is_no_error_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise FatalError("A promise would be broken.")

    monkeypatch.setattr(Purchases, "_buy", broken)

    with pytest.raises(FatalError, match="promise"):
        World(shop(poisoned=False)).run()
