"""The tools of the schedules: a seed gives one schedule, nothing undoes another thing, links do as they are told."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from kafka.consumer.fetcher import ConsumerRecord
from kafka.record.default_records import DefaultRecordBatch

from service.cluster.known_logs import KnownLogs
from service.domain.changelog import LOGS_KEY
from service.wire.decoder import Decoder, DecoderSettings
from tests.chaos.__main__ import PARTS, PROOF, of_part
from tests.chaos.feed import Feed
from tests.chaos.kinds import COMPARISON, KINDS
from tests.chaos.mutants import MUTANTS, Among
from tests.chaos.noticing import SEED, schedule_of
from tests.chaos.outcome import COMPARED, LEAST_DECISIONS, Outcome
from tests.chaos.schedule import Act, Kind, Schedule, Step, What, drawn, named
from tests.chaos.world import World
from tests.support.broker_clock import changed_by
from tests.support.checker import Hole, Report, compare_holes, understood
from tests.support.hostile_batches import Made, batch
from tests.support.load import settings_for
from tests.support.proxy import HOST, Proxy, State


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while piece := self.request.recv(1_000):
            self.request.sendall(piece)


@pytest.fixture
def echo() -> Iterator[int]:
    with socketserver.ThreadingTCPServer((HOST, 0), _Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_a_schedule_follows_from_its_seed() -> None:
    assert drawn(7, 60.0, KINDS) == drawn(7, 60.0, KINDS)
    assert drawn(7, 60.0, KINDS) != drawn(8, 60.0, KINDS)
    assert str(drawn(7, 60.0, KINDS)).startswith("schedule 7, 60 s:")


@pytest.mark.parametrize(("decisions", "proves"), [(LEAST_DECISIONS - 1, False), (LEAST_DECISIONS, True)])
def test_a_schedule_in_which_hardly_anything_was_decided_proves_nothing(decisions: int, proves: bool) -> None:
    outcome = Outcome(drawn(7, 60.0, KINDS), Report(dict.fromkeys(COMPARED, 1) | {"decisions": decisions}))

    with nullcontext() if proves else pytest.raises(AssertionError, match="fewer than"):
        outcome.assert_compared()


@pytest.mark.parametrize("seed", range(5))
def test_nobody_disturbs_what_another_one_holds(seed: int) -> None:
    until: dict[str, float] = {}
    for at_s, name, what in drawn(seed, 300.0, KINDS).steps:
        for held in KINDS[name].holds(what):
            assert until.get(held, 0.0) <= at_s, f"{name} of {what.target} at {at_s}"
            until[held] = at_s + what.lasts_s


def test_every_kind_comes_and_the_named_schedule_holds_what_it_says() -> None:
    steps = [step.kind for seed in range(10) for step in drawn(seed, 100.0, KINDS).steps]
    proof = [step.kind for step in named(1, PROOF, KINDS, 1.0).steps]

    assert set(steps) == set(KINDS) - {COMPARISON}
    assert {name: proof.count(name) for name in PROOF} == PROOF
    assert {name: sum(of_part(part, PARTS)[name] for part in range(PARTS)) for name in PROOF} == PROOF


@pytest.mark.parametrize("among", sorted({mutant.among for mutant in MUTANTS.values()}), ids=lambda each: each.kinds[0])
def test_what_endangers_a_defect_comes_at_once_and_everything_is_compared_soon_after(among: Among) -> None:
    first, *rest = schedule_of(among).steps
    compared_s = [step.at_s for step in rest if step.kind == COMPARISON]

    assert first.kind in among.kinds
    assert first.at_s < 1.0
    assert compared_s == [among.round_s * (number + 1) for number in range(len(compared_s))]
    assert compared_s[0] <= 12.0
    assert compared_s[-1] >= 60.0
    assert schedule_of(among) == schedule_of(among) != schedule_of(among, SEED + 1)


@pytest.mark.parametrize(("made", "counted"), [(0, 1), (1, 0), (1, 2)])
def test_a_state_must_count_what_was_lost_unread_and_nothing_else(made: int, counted: int) -> None:
    known, report = KnownLogs(), Report()
    for _ in range(counted):
        known.lost("purchases", 30, 1)
    holes = [Hole("purchases", 0, 30, 1, {})] * made

    compare_holes(report, 0, holes, {LOGS_KEY: known.pack()})
    assert len(report.differences) == 1

    compare_holes(report := Report(), 0, [Hole("purchases", 0, 30, 1, {})] * counted, {LOGS_KEY: known.pack()})
    assert report.differences == []


def test_a_record_with_a_header_that_is_no_text_is_read_and_must_be_a_letter() -> None:
    """With its value and without its headers; it says that its customer was there."""
    settings = settings_for("broker:1")
    topic, value = settings.kafka.topics.purchases, b'{"customer_id":"c","occurred_at":"2025-01-02T10:00:00Z"}'
    made = [Made(b"c", value, ((b"a", b"\xff"), (name, b"v"))) for name in (b"\xff\xfe", b"b")]
    records = [
        ConsumerRecord(topic, 0, 0, each.offset, 1, 0, each.key, each.value, each.headers, None, 0, 0, 0)
        for each in DefaultRecordBatch(batch(0, made))
    ]
    decoder = Decoder(DecoderSettings.of(settings))

    said, refused = understood(decoder, decoder.purchase, records, signs=True)

    assert [(each.offset, each.code, each.value, each.headers) for each in refused] == [
        (0, "header_not_text", value, ()),
        (1, "missing_field", value, (("a", b"\xff"), ("b", b"v"))),
    ]
    assert [each.customer_id for each in said] == ["c", "c"]


@pytest.mark.parametrize(("back", "beyond"), [(False, 1 << 64), (True, -(1 << 63))])
def test_somebody_spends_more_than_64_bits_hold(back: bool, beyond: int) -> None:
    settings = settings_for("broker:1", shop={"currency": "UYW"})
    feed = Feed(settings, 3, 1, NobodyLooks(), customers=60)
    feed.splurge(1, back=back)
    decoder = Decoder(DecoderSettings.of(settings))

    lines = feed._streams[1]._alone()
    events = [
        decoder.purchase(line.value, line.key, (), 2_000_000_000_000_000)
        for line in lines
        if b"whale" in (line.key or b"")
    ]

    total = sum(event.amount_minor for event in events) * (-1 if back else 1)
    assert abs(total) > abs(beyond)
    assert {feed.home(line) for line in lines} == {1}
    assert len({event.event_id for event in events}) == len(events)


class NobodyLooks:
    def shows(self, topic: str, partition: int, offset: int) -> bool | None:
        return None

    def behind(self, number: int) -> int:
        return 0


def test_a_class_that_tells_the_time_tells_another_one() -> None:
    texts = [b"milliseconds", b"Code", b"()J"]
    pool = b"".join(struct.pack(">BH", 1, len(text)) + text for text in texts)
    now, tells = bytes([0xB8, 0, 9, 0xAD]), bytes([0xB8, 0, 9, 0x14, 0, 4, 0x61, 0xAD])

    def made(pool: bytes, count: int, stack: int, code: bytes) -> bytes:
        body = struct.pack(">HHI", stack, 1, len(code)) + code + struct.pack(">HH", 0, 0)
        method = struct.pack(">HHHH", 1, 1, 3, 1) + struct.pack(">HI", 2, len(body)) + body
        head = struct.pack(">IHHH", 0xCAFEBABE, 0, 61, count) + pool
        return head + struct.pack(">HHHHHH", 1, 0, 0, 0, 0, 1) + method + struct.pack(">H", 0)

    with_it = pool + struct.pack(">Bq", 5, -1_800_000)

    assert changed_by(made(pool, 4, 2, now), -1_800_000) == made(with_it, 6, 4, tells)
    with pytest.raises(ValueError, match="in another way"):
        changed_by(made(pool, 4, 2, now[:3] + b"\0\xad"), 7_000)


def test_a_link_can_be_slowed_silenced_and_cut(echo: int) -> None:
    with Proxy({"a": echo, "b": echo}) as proxy, socket.create_connection((HOST, proxy.ports["a"]), 5) as one:
        one.sendall(b"hello")
        assert one.recv(10) == b"hello"

        proxy.tell(["a"], delay_s=0.1)
        began_s = time.monotonic()
        one.sendall(b"slow")
        assert one.recv(10) == b"slow"
        assert time.monotonic() - began_s > 0.19

        proxy.tell(["a"], State.SILENT)
        one.sendall(b"later")
        one.settimeout(0.2)
        with pytest.raises(TimeoutError):
            one.recv(10)
        with socket.create_connection((HOST, proxy.ports["b"]), 5) as other:
            other.sendall(b"not this one")
            assert other.recv(20) == b"not this one"
        proxy.tell(["a"])
        one.settimeout(5)
        assert one.recv(10) == b"later"

        proxy.tell(["a"], State.ANSWERLESS)
        one.sendall(b"heard")
        one.settimeout(0.2)
        with pytest.raises(TimeoutError):
            one.recv(10)

        proxy.tell(["a"], State.CUT)
        one.settimeout(5)
        with pytest.raises(ConnectionError):
            one.recv(10)


def test_what_begins_late_is_disturbed_by_nobody_either() -> None:
    """Who waits for a worker to have work in hand begins later than it was drawn: a worker that was to die in a turn
    was asked to stop meanwhile, and its death was taken for its answer."""
    said, works = list[str](), iter([False, True])

    def told(what: str) -> Act:
        return lambda *_: said.append(what)

    kinds = {
        "kill": Kind("kill", lambda _: What("w1"), lambda what: [what.target], told("kill"), told("back"), wants_work=True),
        "stop": Kind("stop", lambda _: What("w1"), lambda what: [what.target], told("stop")),
        "other": Kind("other", lambda _: What("w2"), lambda what: [what.target], told("other")),
    }  # fmt: skip
    world = World.__new__(World)
    steps = [Step(0.0, "kill", What("w1", 0.1)), Step(0.12, "stop", What("w1")), Step(0.13, "other", What("w2"))]
    world._schedule, world._limit_s, world.complaints = Schedule(1, 1.0, steps), 10.0, []
    world._under_way, world._begun = {}, Counter()
    world.supervise, world.works = lambda: None, lambda name: next(works)  # type: ignore[method-assign]

    world._play(kinds, time.monotonic())

    assert said == ["kill", "other", "back", "stop"]
