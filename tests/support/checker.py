"""Recomputes everything from the input and compares it with what lies on the topics at read_committed.

It knows nothing of turns, transactions, batches, epochs or recovery: per partition number the inputs are decoded,
merged as if all of it had been there from the start, and fed to one fresh engine that is drained once. Whatever a
worker did in between — crashes, pauses, rebalances — must leave exactly the same behind. Only for the event clock, and
for inputs whose merge order does not depend on when they arrived (preloaded, or one topic only).
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from service.cluster.known_logs import KnownLogs
from service.config import Settings
from service.domain.changelog import (
    CHUNK_PREFIX,
    GATES_KEY,
    LOGS_KEY,
    MADE_UNDER_KEY,
    PART_PREFIX,
    PARTITION_KEY,
    PARTITIONER_KEY,
    POSITION_KEY,
    PROGRESS_KEY,
    ROW_PREFIX,
    TODAY_KEY,
    day_key,
    day_of_key,
    pack_today,
    unpack_positions,
)
from service.domain.customer_fields import FIELDS
from service.domain.customer_record import fields_of, restore
from service.domain.engine import ALL_SCORES, Engine
from service.domain.events import Event, SignOfLife
from service.domain.findings import Decision, Output
from service.domain.merge import Merge
from service.domain.partition_state import PartitionState
from service.domain.periods.ledger import unpack
from service.domain.periods.totals import PeriodTotals
from service.domain.stumbling import FullTurnError
from service.engines import new_engine
from service.errors import ErrorCode, PoisonError
from service.wire.decoder import Decoder, DecoderSettings
from service.wire.encoder import Encoder, EncoderSettings, TopicKind
from service.wire.period_records import numbers_of, record_key
from tests.support.consumers import SHORTLY_MS
from tests.support.header_names import is_text

BOMB_BYTES = 40 << 20
"""A value of so many bytes has come packed, is more than any batch may hold (kafka.unpacked_bytes), and is set aside by
its place."""
SHOWN = 5
"""Differences of one kind that are spelled out."""
PATIENCE_S = 180.0
"""Period rows are added up and published about once a second, after the state they come from."""

SCORES_S = 20.0
"""Scores are published after what they come from, so many at a time."""

Written = tuple[bytes | None, bytes | None]
"""Key and value."""


class Place(NamedTuple):
    topic: str
    partition: int


class Refused(NamedTuple):
    """What identifies a dead letter: where the record came from, what it was, and why."""

    topic: str
    partition: int
    offset: int
    code: str
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


class Hole(NamedTuple):
    """Records of an input that were lost before anybody had read them, when all before had been applied."""

    topic: str
    partition: int
    records: int
    """As the state tells; 0 where nobody can know."""
    until_us: int
    """As the state tells."""
    after: Mapping[Place, int]
    """How many records each input had shown when it was found."""


@dataclass
class Report:
    """What was compared, so that an empty pass is visible, and what differed."""

    counts: dict[str, int] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)

    def note(self, what: str, compared: int) -> None:
        self.counts[what] = self.counts.get(what, 0) + compared

    def differ(self, what: str, each: Iterable[object]) -> None:
        found = list(each)
        self.differences.extend(f"{what}: {one}" for one in found[:SHOWN])
        if len(found) > SHOWN:
            self.differences.append(f"{what}: … {len(found)} in all")

    def assert_same(self, *wanted: str, decisions: int = 0) -> None:
        """Fails on any difference, when one of the named counts is 0, and where fewer decisions were made."""
        print("compared:", ", ".join(f"{count:,} {what}" for what, count in self.counts.items()))
        assert not self.differences, "\n".join(self.differences)
        empty = [what for what in wanted if not self.counts.get(what)]
        assert not empty, f"nothing to compare: {empty}"
        assert self.counts.get("decisions", 0) >= decisions, f"fewer than {decisions} decisions to compare"


@dataclass
class Expected:
    """What one partition number must have left behind."""

    engine: Engine
    positions: dict[str, int]
    state: dict[bytes, bytes]
    ledger: dict[bytes, bytes]
    outputs: dict[TopicKind, list[Written]]
    refused: list[Refused]
    decision_ids: list[str]
    events: int


def check(
    settings: Settings,
    partitions: int,
    patience_s: float = PATIENCE_S,
    kept: Mapping[Place, list[ConsumerRecord]] | None = None,
    holes: Sequence[Hole] | None = None,
) -> Report:
    """Everything, on all topics. Call it when the workers have caught up. `kept`: all that the inputs have ever held,
    where retention has taken some of it since; `holes`: what must have been found lost, and nothing else; None: nobody
    says what."""
    return asyncio.run(_check(settings, partitions, patience_s, kept or {}, holes))


def recompute(
    settings: Settings,
    partition: int,
    inputs: dict[Place, list[ConsumerRecord]],
    holes: Sequence[Hole] = (),
    *,
    date_by_date: bool = False,
) -> Expected:
    """One partition number's events in replay order through one engine. `holes`: of that partition, in their order.
    `date_by_date`: as if a turn ended with every date that comes up before an event, which changes nothing but that
    scores are told that the next date supersedes."""
    topics = settings.kafka.topics
    decoder = Decoder(DecoderSettings.of(settings))
    # The order breaks ties of time: what the shop knows of a customer comes first.
    sources = (
        (topics.customers, decoder.customer),
        (topics.purchases, decoder.purchase),
        (topics.surveys, decoder.survey),
    )
    merge: Merge[Event | SignOfLife] = Merge(len(sources), _time_of)
    engine, applied = new_engine(settings), 0
    refused: list[Refused] = []
    judged: list[Output] = []
    done: dict[Place, int] = {}
    for hole in [*holes, None]:
        for index, (topic, decode) in enumerate(sources):
            place = Place(topic, partition)
            records = inputs[place] if hole is None else inputs[place][: hole.after[place]]
            good, bad = understood(decoder, decode, records[done.get(place, 0) :], signs=topic == topics.purchases)
            merge.put(index, good)
            refused += bad
            done[place] = len(records)
        for _, event in merge.take(lambda _: True):
            while date_by_date and not _applied_by_the_next_date(engine, event):
                judged += engine.scoreboard.take(ALL_SCORES)
            if not date_by_date:
                engine.apply(event)
            judged += engine.scoreboard.take(ALL_SCORES)
            applied += not isinstance(event, SignOfLife)
        if hole is not None and hole.topic == topics.purchases:
            engine.lost_purchases(hole.records, hole.until_us)
    last = {topic: inputs[Place(topic, partition)][-1:] for topic, _ in sources}
    positions = {topic: records[0].offset + 1 if records else 0 for topic, records in last.items()}
    turn = engine.drain()
    encoder = Encoder(EncoderSettings.of(settings))
    outputs: dict[TopicKind, list[Written]] = {kind: [] for kind in TopicKind}
    for output in [*turn.outputs, *judged]:
        for encoded in encoder.encode(output):
            outputs[encoded.topic].append((encoded.key, encoded.value))
    ledger = {day_key(day): value for day, value in turn.ledger}
    if engine.now_us:
        ledger[TODAY_KEY] = pack_today(engine.today)
    return Expected(
        engine,
        positions,
        {key: value for key, value in turn.state if value is not None},
        ledger,
        outputs,
        refused,
        [output.decision_id for output in turn.outputs if isinstance(output, Decision)],
        applied,
    )


def _applied_by_the_next_date(engine: Engine, event: Event | SignOfLife) -> bool:
    """Whether no more than one date comes up before it; else it is to be given again."""
    engine.timeline.bound(1, lambda: 0)
    try:
        engine.apply(event)
    except FullTurnError:
        return False
    return True


def understood(
    decoder: Decoder, decode: Callable[..., Event | SignOfLife], records: Iterable[ConsumerRecord], *, signs: bool
) -> tuple[list[Event | SignOfLife], list[Refused]]:
    """What records of an input say, and those that are refused. `signs`: what a refused one still says of its customer
    counts."""
    good: list[Event | SignOfLife] = []
    refused: list[Refused] = []
    now_us = time.time_ns() // 1000
    for record in records:
        where = record.topic, record.partition, record.offset
        if record.value is not None and len(record.value) >= BOMB_BYTES:
            refused.append(Refused(*where, ErrorCode.DECOMPRESSED_TOO_LARGE.value, None))
            continue
        if not all(is_text(name) for name, _ in record.headers):
            refused.append(Refused(*where, ErrorCode.HEADER_NOT_TEXT.value, record.value))
            if signs and record.key:
                sign = decoder.sign_of_life(record.value, record.key, (), now_us, max(0, record.timestamp * 1000))
                good += [] if sign is None else [sign]
            continue
        try:
            good.append(decode(record.value, record.key, record.headers, now_us))
        except PoisonError as error:
            refused.append(Refused(*where, error.code.value, record.value, tuple(record.headers)))
            if signs:
                written_us = max(0, record.timestamp * 1000)
                sign = decoder.sign_of_life(record.value, record.key, record.headers, now_us, written_us)
                good += [] if sign is None else [sign]
    return good, refused


def _time_of(event: Event | SignOfLife) -> int | None:
    """None where it says no time of its own."""
    return None if isinstance(event, SignOfLife) and not event.own_time else event.at_us


async def _check(
    settings: Settings,
    partitions: int,
    patience_s: float,
    kept: Mapping[Place, list[ConsumerRecord]],
    holes: Sequence[Hole] | None,
) -> Report:
    kafka, names, report = settings.kafka, settings.kafka.topics, Report()
    numbers = range(partitions)
    per_number = (
        names.purchases,
        names.surveys,
        names.customers,
        names.outreach,
        names.outreach_decisions,
        names.customer_scores,
        names.dead_letters,
        kafka.state_topic,
        kafka.ledger_topic,
    )
    places = [Place(name, number) for name in per_number for number in numbers]
    deadline = time.monotonic() + SCORES_S
    while True:
        found, ends = await _read(settings, places, [place for place in places if place not in kept])
        states = [_latest(found[Place(kafka.state_topic, number)]) for number in numbers]
        if all(map(_has_published, states)) or time.monotonic() > deadline:
            break
    found.update(kept)
    fallen = [[hole for hole in holes or () if hole.partition == number] for number in numbers]
    expected = [recompute(settings, number, found, fallen[number]) for number in numbers]
    outputs = {
        TopicKind.OUTREACH: (names.outreach, "outreach events"),
        TopicKind.OUTREACH_DECISIONS: (names.outreach_decisions, "decisions"),
        TopicKind.CUSTOMER_SCORES: (names.customer_scores, "scores"),
    }
    for number, wanted in enumerate(expected):
        report.note("events", wanted.events)
        state = _latest(found[Place(kafka.state_topic, number)])
        if holes is not None:
            compare_holes(report, number, fallen[number], state)
        _compare_state(report, number, wanted, state, ends)
        _compare_ledger(report, number, wanted, _latest(found[Place(kafka.ledger_topic, number)]))
        for kind, (topic, what) in outputs.items():
            written = [(record.key, record.value) for record in found[Place(topic, number)]]
            if kind is not TopicKind.CUSTOMER_SCORES:
                _compare_sequence(report, f"{topic}-{number}", what, wanted.outputs[kind], written)
                continue
            report.note(what, len(written))
            differing = _newest_differing(wanted.outputs[kind], written)
            if differing:  # a turn may have ended while an event waited for the dates before it
                every = recompute(settings, number, found, fallen[number], date_by_date=True)
                differing = _newest_differing(every.outputs[kind], written)
            report.differ(f"{topic}-{number}", differing)
        _compare_refused(report, number, wanted.refused, found[Place(names.dead_letters, number)])
    await _compare_periods(report, settings, expected, 0.0 if report.differences else patience_s)
    return report


def compare_holes(report: Report, number: int, holes: Sequence[Hole], state: dict[bytes, bytes]) -> None:
    """What a state counts for ever as lost before it was read."""
    wanted: dict[str, tuple[int, int]] = {}
    for hole in holes:
        times, records = wanted.get(hole.topic, (0, 0))
        wanted[hole.topic] = times + 1, records + hole.records
    report.note("holes", len(holes))
    found = {topic: (log.gaps, log.records) for topic, log in known_logs(state).losses() if log.gaps}
    report.differ(
        f"state-{number}",
        [
            f"counts {found.get(topic, (0, 0))} (times, records) of {topic} as lost unread instead of {wanted.get(topic, (0, 0))}"
            for topic in sorted(found.keys() | wanted.keys())
            if found.get(topic) != wanted.get(topic)
        ],
    )


def known_logs(state: Mapping[bytes, bytes]) -> KnownLogs:
    """What a state remembers of its topics."""
    known = KnownLogs()
    if (value := state.get(LOGS_KEY)) is not None:
        known.restore(value)
    return known


def _has_published(state: dict[bytes, bytes]) -> bool:
    """Whether nobody waits for their scores to be published."""
    value = state.get(PARTITION_KEY)
    if value is None:
        return True
    known = PartitionState.unpack(value)
    return known.published >= known.judgements


def _latest(records: list[ConsumerRecord]) -> dict[bytes, bytes]:
    """Key → newest value, without tombstones."""
    newest = {record.key: record.value for record in records}
    return {key: value for key, value in newest.items() if value is not None}


def _of_rows(key: bytes) -> bool:
    """Which parts of a row are records of their own depends on where the turns lay; what they add up to does not."""
    return key.startswith((ROW_PREFIX, PART_PREFIX))


def _rows(state: dict[bytes, bytes]) -> list[tuple[object, ...]]:
    """What has been learned of silences, as a restart reads it."""
    engine = new_engine(Settings())
    for key, value in state.items():
        if key == PARTITION_KEY or _of_rows(key):
            engine.restore(key, value)
    engine.restored()
    return [row.fields() for row in engine.everybody.silences.rows]


def _compare_state(
    report: Report, number: int, wanted: Expected, found: dict[bytes, bytes], ends: dict[Place, int]
) -> None:
    where = f"state-{number}"
    found.pop(LOGS_KEY, None)
    position = found.pop(POSITION_KEY, None)
    positions = unpack_positions(position) if position else {}
    # Behind the last record lie at most markers of transactions, and what was aborted. One that lies beyond the end was
    # of a topic that has been made anew since, and holds nothing yet.
    read = {topic: at if at <= ends[Place(topic, number)] else 0 for topic, at in wanted.positions.items()}
    if any(not at <= positions.get(topic, 0) <= ends[Place(topic, number)] for topic, at in read.items()):
        report.differ(where, [f"positions are {positions} instead of {wanted.positions}"])
    if wanted.events:
        partition = found.get(PARTITION_KEY, b"\x90")
        if partition != wanted.engine.state.pack():
            report.differ(where, ["the partition's own record differs"])
    report.note("customers", len(wanted.engine.customers))
    rows_wanted, rows_found = _rows(wanted.state), _rows(found)
    report.differ(where, [f"row {cell} differs" for cell, row in enumerate(rows_wanted) if row != rows_found[cell]])
    report.differ(where, [f"{key!r} is missing" for key in wanted.state.keys() - found.keys() if not _of_rows(key)])
    report.differ(
        where, [f"{key!r} should not be there" for key in found.keys() - wanted.state.keys() if not _of_rows(key)]
    )
    for key in wanted.state.keys() & found.keys():
        if _of_rows(key):
            continue
        if key.startswith(CHUNK_PREFIX) and found[key] != wanted.state[key]:
            report.differ(where, [f"{key!r} holds other purchases"])
        if key.startswith(b"\x00"):
            continue
        is_, should = (
            restore(key.decode(), found[key]),
            restore(key.decode(), wanted.state[key]),
        )  # restore levels the due queue's bookkeeping
        if fields_of(is_) != fields_of(should):
            both = zip_longest(
                FIELDS, fields_of(is_), fields_of(should)
            )  # fields at their defaults are left out at the end
            values = [(name, one, other) for name, one, other in both if one != other]
            report.differ(where, [f"{key!r} differs in (field, is, should be) {values}"])


def _compare_ledger(report: Report, number: int, wanted: Expected, found: dict[bytes, bytes]) -> None:
    report.note("ledger days", len(wanted.ledger))
    wrong = []
    # How customers belong to partitions, what the state was made under and how near an input is to being stopped are no
    # numbers, and what partitions tell each other is different every time.
    apart = {GATES_KEY, LOGS_KEY, MADE_UNDER_KEY, PARTITIONER_KEY, PROGRESS_KEY}
    for key in wanted.ledger.keys() | (found.keys() - apart):
        should, is_ = wanted.ledger.get(key), found.get(key)
        if key != TODAY_KEY and should is not None and is_ is not None:
            same = unpack(should) == unpack(is_)
        else:
            same = should == is_
        if not same:
            wrong.append(f"day {day_of_key(key)} ({key!r}) is {is_!r} instead of {should!r}")
    report.differ(f"ledger-{number}", wrong)


def _compare_sequence(report: Report, where: str, what: str, wanted: list[Written], found: list[Written]) -> None:
    """The same records in the same order, byte for byte: none missing, none doubled."""
    report.note(what, len(wanted))
    if wanted == found:
        return
    at = next((i for i, (a, b) in enumerate(zip(wanted, found, strict=False)) if a != b), min(len(wanted), len(found)))
    should, is_ = wanted[at : at + 1], found[at : at + 1]
    report.differ(where, [f"{len(found)} records instead of {len(wanted)}; number {at} is {is_} instead of {should}"])


def _newest_differing(wanted: list[Written], found: list[Written]) -> list[str]:
    """What was superseded within a turn may be missing; what is there must be right, in order, once, and end alike."""
    should, is_ = _by_key(wanted), _by_key(found)
    differing = [f"{key!r} is missing" for key in should.keys() - is_.keys()]
    for key, values in is_.items():
        rest = iter(should.get(key, []))
        if not all(value in rest for value in values):  # each found further on: a subsequence
            differing.append(f"{key!r} has records that are wrong, doubled or out of order")
        elif values[-1] != should[key][-1]:
            differing.append(f"the newest record of {key!r} is {values[-1]!r} instead of {should[key][-1]!r}")
    return differing


def _by_key(records: list[Written]) -> dict[bytes | None, list[bytes | None]]:
    values: dict[bytes | None, list[bytes | None]] = {}
    for key, value in records:
        values.setdefault(key, []).append(value)
    return values


def _compare_refused(report: Report, number: int, wanted: list[Refused], letters: list[ConsumerRecord]) -> None:
    report.note("dead letters", len(wanted))
    found = []
    for letter in letters:
        said = msgspec.json.decode(letter.value)
        value = said["value_base64"]
        found.append(
            Refused(
                said["source_topic"],
                said["source_partition"],
                said["source_offset"],
                said["error_code"],
                _bytes(value),
                tuple((each["name"], _bytes(each["value_base64"])) for each in said["headers"]),
            )
        )
    doubled = len(found) - len(set(found)) - (len(wanted) - len(set(wanted)))  # a topic made anew has offsets again
    if doubled:
        report.differ(f"dead-letters-{number}", [f"{doubled} doubled"])
    report.differ(f"dead-letters-{number}", [f"missing {each[:4]}" for each in set(wanted) - set(found)])
    report.differ(f"dead-letters-{number}", [f"unexpected {each[:4]}" for each in set(found) - set(wanted)])


def _bytes(said: str | None) -> bytes | None:
    return None if said is None else base64.b64decode(said)


def expected_periods(settings: Settings, expected: list[Expected]) -> dict[bytes, dict[str, Any]]:
    """Key → data (without the revision) of every record that must be on period-metrics."""
    totals = PeriodTotals(settings.policy().shop)
    for number, wanted in enumerate(expected):
        for day in wanted.engine.ledger.days():
            totals.update(number, day, wanted.engine.ledger.record(day))
    if totals.first_day is None:
        return {}
    today = max(wanted.engine.today for wanted in expected if wanted.engine.now_us)
    rows = totals.rows(totals.first_day, today)
    wire = msgspec.json
    return {record_key(row): wire.decode(wire.encode(numbers_of(row, settings.shop.currency))) for row in rows}


async def _compare_periods(report: Report, settings: Settings, expected: list[Expected], patience_s: float) -> None:
    wanted = expected_periods(settings, expected)
    report.note("period rows", len(wanted))
    place = Place(settings.kafka.topics.period_metrics, 0)
    deadline = time.monotonic() + patience_s
    while True:
        records = (await _read(settings, [place]))[0][place]
        revisions: dict[bytes, int] = {}
        found: dict[bytes, dict[str, Any]] = {}
        unordered = []
        for record in records:
            data = msgspec.json.decode(record.value)["data"]
            revision = data.pop("revision")
            if revision != revisions.get(record.key, 0) + 1:
                unordered.append(f"{record.key!r}: revision {revision} follows {revisions.get(record.key, 0)}")
            revisions[record.key], found[record.key] = revision, data
        if found == wanted or time.monotonic() > deadline:
            break
        await asyncio.sleep(0.5)
    report.differ(place.topic, unordered)
    wrong = [key for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key)]
    report.differ(place.topic, [f"{key!r} is {found.get(key)} instead of {wanted.get(key)}" for key in sorted(wrong)])


async def _read(
    settings: Settings, places: list[Place], wanted: list[Place] | None = None
) -> tuple[dict[Place, list[ConsumerRecord]], dict[Place, int]]:
    """All committed records there are now, and where their logs end. `wanted`: records of these only."""
    records: dict[Place, list[ConsumerRecord]] = {place: [] for place in places}
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka.bootstrap_servers,
        group_id=None,
        enable_auto_commit=False,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=8 << 20,
        fetch_max_wait_ms=SHORTLY_MS,
    )
    await consumer.start()
    try:
        tps = [TopicPartition(*place) for place in places]
        ends = await consumer.end_offsets(tps)
        waiting = {TopicPartition(*place) for place in (places if wanted is None else wanted)}
        consumer.assign(waiting)
        await consumer.seek_to_beginning(*waiting)
        while waiting:
            for tp, fetched in (await consumer.getmany(*waiting, timeout_ms=100)).items():
                records[Place(tp.topic, tp.partition)].extend(fetched)
            waiting = {tp for tp in waiting if await consumer.position(tp) < ends[tp]}
    finally:
        await consumer.stop()
    return records, {Place(tp.topic, tp.partition): end for tp, end in ends.items()}
