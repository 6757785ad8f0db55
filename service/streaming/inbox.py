"""What has arrived for one partition and is not applied: decoded, sorted by where it belongs, merged by event time.

Records of another partition's customers are handed to the carriage, what other partitions have carried here is a
further source of the merge, and nothing is decoded before it is known where records belong.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from operator import itemgetter

import structlog
from aiokafka.structs import ConsumerRecord

from service.config import Settings
from service.domain.engine import Engine
from service.domain.events import Erasure, Event, Purchase, SurveyAnswer
from service.domain.events import Merge as MergeOfIds
from service.domain.merge import Merge
from service.domain.parcels import time_of
from service.domain.policy import ClockMode
from service.errors import FatalError, PassedOverError, PoisonError
from service.fetching import SetAside
from service.refused.floodgate import PROBED
from service.refused.quarantine import Quarantine
from service.streaming.carriage import PARCELS, Carriage, Carried, Delivered, Strange, Stream, unpack
from service.streaming.decoding import Decoded, Decoding, Passed, Refused
from service.streaming.gates import Gates
from service.streaming.overtaking import Overtaking
from service.wire.framing import with_frame
from service.wire.input_topics import BY_RANK, names_keyed_by_customer, names_of_key_schemas, names_of_schemas
from service.wire.schemas import SchemaId

UNDECIDED_US = 30_000_000
"""So long at most is a partition held up before anybody has looked at where records lie: a second or two are usual."""


log = structlog.get_logger()


def clock_us() -> int:
    return time.time_ns() // 1000


class Inbox:
    """Sources are counted as in `sources`: the input topics, then the topic of what was carried here, where there are
    other partitions. Owned by one task at a time."""

    def __init__(
        self,
        settings: Settings,
        sources: tuple[str, ...],
        positions: dict[str, int],
        engine: Engine,
        carriage: Carriage | None,
        quarantine: Quarantine | None = None,
        partition: int = 0,
    ) -> None:
        """`positions`: next offset by topic, the owner's; what lies below is contained in the state. `quarantine`: what
        is set aside of them."""
        self._quarantine = quarantine or Quarantine(settings)
        self._partition = partition
        self._sources = sources
        self._positions = positions
        self._engine = engine
        self._carriage = carriage
        self._own = len(BY_RANK)
        self._wall = settings.time.clock is ClockMode.WALL
        self._held: list[list[ConsumerRecord]] = [[] for _ in range(self._own)]
        """Records that are not decoded yet, because it is not known where they belong."""
        self._held_since_us = clock_us()
        self.streams: list[Stream] = []
        """What the merge's further sources hold."""
        self._stream_of: dict[Stream, int] = {}
        self._arrived: list[deque[tuple[int, int]]] = [deque() for _ in range(self._own)]
        """Of each source of the merge where there are other partitions: (last offset, wall time) of what was put
        together."""
        self._blocked = False
        """Whether the last take was held up by another partition."""
        self.of_purchases = [Purchase in row.events for row in BY_RANK]
        """Of each source of the merge whether purchases come from it."""
        self.gates = Gates(settings.limits, sources[: self._own], positions, partition)
        self._gates = self.gates.each
        self._decoding = Decoding(settings, self._quarantine, carriage)
        self._decode = self._decoding.decode
        self.schemas = self._decoding.schemas
        framed = names_of_schemas(settings)
        self._framed = tuple(row.channel.name in framed for row in BY_RANK)
        """Of each input whether its records have the id of a schema in front that has to be known."""
        self._framed_keys = frozenset(
            row.name(settings.kafka.topics) for row in BY_RANK if row.channel.name in names_of_key_schemas(settings)
        )
        by_customer = set(names_keyed_by_customer(settings))
        self._by_customer = tuple(row.name(settings.kafka.topics) in by_customer for row in BY_RANK)
        """Of each input whether its keys are customers."""
        self._merge: Merge[Decoded] = Merge(self._own, itemgetter(0))
        self._overtaking = None if self._wall else Overtaking(self._own, self._merge.buffered)
        """None: no record moves time by itself past what is on its way."""
        self._came_s = 0.0
        """When (`time.monotonic`) what is being put had come."""

    @property
    def holds_back(self) -> bool:
        """Whether records wait because it is not known where they belong."""
        return any(self._held)

    @property
    def waits_for_others(self) -> bool:
        """Whether records wait for what other partitions have to do first."""
        return self._blocked or self.holds_back

    def buffered(self, source: int) -> int:
        if source < self._own:
            return self._merge.buffered(source) + len(self._held[source]) + len(self._gates[source].waiting)
        return sum(map(self._merge.buffered, self._stream_of.values()))

    def starves(self, source: int) -> bool:
        """Whether more has to be read however much is buffered: what one partition is waited for may lie behind what
        another one has carried."""
        return source == self._own and self._blocked

    def __len__(self) -> int:
        """Records that have arrived and are not applied."""
        return len(self._merge) + sum(map(len, self._held)) + sum(len(gate.waiting) for gate in self._gates)

    def missing_schemas(self, source: int, records: list[ConsumerRecord]) -> set[SchemaId]:
        """Ids of schemas that have to be known before these are put."""
        if not any(self._framed):
            return set()
        if source < self._own:
            found = list(records) if self._framed[source] else []
        else:
            framed = {name for name, is_framed in zip(self._sources, self._framed, strict=False) if is_framed}
            unpacked = map(unpack, (record.value for record in records))
            found = [each.record for each in unpacked if isinstance(each, Carried) and each.record.topic in framed]
        values = [_value_of(record) for record in found]
        values += [record.key for record in found if record.topic in self._framed_keys]
        return self.schemas.missing(values, time.monotonic())

    def put(self, source: int, records: list[ConsumerRecord], after_us: int = 0, came_s: float | None = None) -> None:
        """Decodes what lies at or beyond the position; what lies below is contained in the state already.

        `after_us`: none of the records lay in the log yet then; their own timestamps are the producer's word. `came_s`:
        when (`time.monotonic`) all of them had come; None: by now.
        """
        self._came_s = time.monotonic() if came_s is None else came_s
        if source < self._own and not self.gates.let_through(source, records, after_us, clock_us()):
            return
        if self._carriage is not None:
            if source == self._own:
                self._put_carried(self._carriage, records)
            else:
                self._put_sorted(self._carriage, source, records, after_us)
            return
        gate, counted = self._gates[source], 0
        after_ms = after_us // 1000
        position, decode, now_us = self._positions[self._sources[source]], self._decode[source], clock_us()
        decoded: list[Decoded] = []
        add = decoded.append
        noted, unreadable = self._quarantine.any_noted, self._engine.roster.unreadable
        for record in records:
            offset = record.offset
            if offset < position:
                continue
            if noted and (aside := self._decoding.aside(record, offset, now_us)) is not None:
                add(aside)
                continue
            try:
                event = decode(record.value, record.key, record.headers, now_us)
            except PassedOverError as error:
                add((None, offset, None, Passed(record.topic, error.why), 0))
            except PoisonError as error:
                add(self._decoding.refused(source, record, offset, error, now_us))
                accepted, counted = len(decoded) - 1 - counted, len(decoded)
                if gate.refused(accepted, error.code, offset):
                    self.gates.shut(source, records, offset)
                    break
            except Exception as error:  # noqa: BLE001 - an error of our own
                add(self._decoding.own_error(record, offset, error, now_us))
            else:
                if unreadable and _is_of(event, unreadable):
                    add(self._decoding.of_unreadable(record, offset, event))
                    continue
                arrived_ms = record.timestamp
                mark = self._decoding.mark(record) if record.headers else None
                add((event.at_us, offset, event, mark, max(after_ms, arrived_ms) if after_ms else arrived_ms))
        if decoded:
            gate.accepted(len(decoded) - counted, decoded[-1][1])
            if self._overtaking is not None:
                self._overtaking.put(source, len(decoded), self._came_s)
        self._merge.put(source, decoded)

    def try_gates(self, *, allowed: bool = False) -> None:
        """Opens what may be read on: what waits would be accepted, or `allowed`: an operator has said so."""
        for source, gate in enumerate(self._gates):
            if not (gate.reason or gate.waiting) or not (allowed or gate.may_probe()):
                continue
            if not gate.looks_at_clock(gate.waiting, gate.after_us, clock_us()):
                continue  # no word of anybody makes a clock right
            if allowed or gate.probed(*self._decoding.refused_of(source, gate.waiting[-PROBED:], clock_us())):
                reason, after_us = gate.reason, gate.after_us
                waiting = gate.open(allowed=allowed)
                log.warning(
                    "an input is read on",
                    topic=self._sources[source],
                    partition=self._partition,
                    was=reason,
                )
                if waiting:
                    self.put(source, waiting, after_us)

    def arrival_us(self, source: int, records: list[ConsumerRecord]) -> int:
        """When the first of the records arrived, by the clock that rules: with events as the clock, its own time."""
        now_us = clock_us()
        if self._wall:
            stamp_us = records[0].timestamp * 1000
            return min(stamp_us, now_us) if stamp_us > 0 else now_us
        for record in records if source < self._own else ():
            try:
                return self._decode[source](record.value, record.key, record.headers, now_us).at_us
            except Exception:  # noqa: BLE001, S112 - what is wrong with it is said where it is put
                continue
        return self._engine.now_us

    def _put_sorted(self, carriage: Carriage, source: int, records: list[ConsumerRecord], after_us: int = 0) -> None:
        """The same where there are other partitions: what belongs to one of them is carried there.

        A customer who is known here belongs here, so that their ids need no hashing.
        """
        position, decode, now_us = self._positions[self._sources[source]], self._decode[source], clock_us()
        placement, here, known, knows = (
            carriage.placement,
            carriage.partition,
            self._engine.customers,
            self._engine.roster.knows,
        )
        if self._held[source] or (placement.kept is None and now_us - self._held_since_us < UNDECIDED_US):
            if not any(self._held) and placement.kept is None:
                self._held_since_us = now_us
            self._held[source].extend(records)
            return
        sent_us, after_ms, decoded = -1, after_us // 1000, list[Decoded]()
        of_ids = MergeOfIds in BY_RANK[source].events
        noted, unreadable = self._quarantine.any_noted, self._engine.roster.unreadable
        add = decoded.append
        gate, counted = self._gates[source], 0
        for index, record in enumerate(records):
            offset = record.offset
            if offset < position:
                continue
            if gate.reason:
                self.gates.shut(source, records, records[index - 1].offset)
                break
            if noted and (aside := self._decoding.aside(record, offset, now_us)) is not None:
                add(aside)
                continue
            try:
                event = decode(record.value, record.key, record.headers, now_us)
            except PassedOverError as error:
                add((None, offset, None, Passed(record.topic, error.why), 0))
                continue
            except PoisonError as error:
                entry: Decoded = self._decoding.refused(source, record, offset, error, now_us)
                # Only who was there has to be known where they belong, and a key lies where its producer put it.
                says = entry[3].says if isinstance(entry[3], Refused) else entry[2]
                keyed = says is not None and (record.key == says.customer_id.encode() or not self._by_customer[source])
                astray = says is not None and keyed and not isinstance(record, SetAside)
                home = placement.home(says.customer_id.encode()) if says is not None and astray else here
                accepted, counted = max(0, len(decoded) - counted), len(decoded) + 1
                gate.refused(accepted, error.code, offset)
            except Exception as error:  # noqa: BLE001 - an error of our own
                entry, home = self._decoding.own_error(record, offset, error, now_us), here
            else:
                arrived_ms = record.timestamp
                mark = self._decoding.mark(record) if record.headers else None
                entry = (event.at_us, offset, event, mark, max(after_ms, arrived_ms) if after_ms else arrived_ms)
                if of_ids and isinstance(event, MergeOfIds) and placement.home(event.merged_into.encode()) is None:
                    self._held[source] = records[index:]
                    break
                if unreadable and _is_of(event, unreadable):
                    add(self._decoding.of_unreadable(record, offset, event))
                    continue
                if event.customer_id in known or knows(event.customer_id):
                    add(entry)
                    continue
                home = placement.home(event.customer_id.encode())
            if home == here:
                add(entry)
            elif home is not None:
                if carriage.is_full:
                    self._held[source] = records[index:]
                    break
                carriage.send(record, home, now_us, max(after_ms, record.timestamp))
                sent_us = max(sent_us, entry[0] or 0)
                add((None, offset, None, None, 0))  # so that the position moves over it in its turn
            else:
                self._held[source] = records[index:]
                break
        if decoded:
            gate.accepted(len(decoded) - counted, decoded[-1][1])
        if carriage.tells:
            times = (at_us for at_us, *_ in decoded if at_us is not None)
            carriage.note_read(self._sources[source], max(times, default=sent_us), sent_us)
        self._put(source, decoded, now_us)

    def _put_carried(self, carriage: Carriage, records: list[ConsumerRecord]) -> None:
        """What other partitions have carried here, decoded as what it was at first."""
        now_us, topic = clock_us(), self._sources[self._own]
        position = self._positions[topic]
        found: dict[int, list[Decoded]] = {}
        for carrier in records:
            if carrier.offset < position:
                continue
            carried = carriage.receive(carrier)
            if carried is None:
                continue
            if isinstance(carried, Strange):
                strange: Decoded = (None, carrier.offset, None, Refused(*carried), 0)
                found.setdefault(self._source_of(carriage.strangers, self._own), []).append(strange)
                continue
            if isinstance(carried, Delivered):
                parcel: Decoded = (time_of(carried.event), carried.number, carried.event, None, carried.sent_ms)
                stream = (PARCELS, carried.partition)
                found.setdefault(self._source_of(stream, self._own), []).append(parcel)
                continue
            record, number = carried.record, carried.number
            if record.topic not in self._sources:
                raise FatalError(
                    f"{topic}-{carriage.partition} holds a record of {record.topic}, which is no input: "
                    "let the worker finish under the topics' old names before they are changed."
                )
            index = self._sources.index(record.topic)
            stream = (record.topic, record.partition)
            if (aside := self._decoding.aside(record, number, now_us)) is not None:
                found.setdefault(self._source_of(stream, index), []).append(aside)
                continue
            try:
                event = self._decode[index](record.value, record.key, record.headers, now_us)
            except PassedOverError as error:  # settings that were others when it was carried
                entry: Decoded = (None, number, None, Passed(record.topic, error.why), 0)
            except PoisonError as error:
                entry = self._decoding.refused(index, record, number, error, now_us)
            except Exception as error:  # noqa: BLE001 - an error of our own
                entry = self._decoding.own_error(record, number, error, now_us)
            else:
                entry = (event.at_us, number, event, self._decoding.mark(record), carried.arrived_ms)
                if _is_of(event, self._engine.roster.unreadable):
                    entry = self._decoding.of_unreadable(record, number, event)
            found.setdefault(self._source_of(stream, index), []).append(entry)
        for source, decoded in found.items():
            self._put(source, decoded, now_us)
        self._positions[topic] = carriage.position(position)

    def _source_of(self, stream: Stream, index: int) -> int:
        """The merge's source of what was carried from a partition of the input `index`, which ties go to; after all
        inputs come parcels."""
        source = self._stream_of.get(stream)
        if source is None:
            source = self._stream_of[stream] = self._merge.add_source(index, stream[1])
            self.streams.append(stream)
            if self._overtaking is not None:
                self._overtaking.add_source()
            self.of_purchases.append(index < self._own and self.of_purchases[index])
            self._arrived.append(deque())
        return source

    def _put(self, source: int, decoded: list[Decoded], now_us: int) -> None:
        if decoded:
            if self._overtaking is not None:
                self._overtaking.put(source, len(decoded), self._came_s)
            self._merge.put(source, decoded)
            arrived = self._arrived[source]
            if self._carriage is not None and not self._carriage.coupled:
                arrived.clear()  # the newest stands for all: nobody may ever ask
            arrived.append((decoded[-1][1], now_us))

    def release(self) -> None:
        """Decodes what was held back, as soon as it may be."""
        if self._carriage is None or not any(self._held):
            return
        if self._carriage.placement.kept is None and clock_us() - self._held_since_us < UNDECIDED_US:
            return
        self._came_s = time.monotonic()
        for source, held in enumerate(self._held):
            if held:
                self._held[source] = []
                self._put_sorted(self._carriage, source, held)

    def drop_input(self) -> None:
        """Forgets what is buffered: it will be fetched again."""
        self._merge.clear()
        if self._overtaking is not None:
            self._overtaking.clear()
        for held in self._held:
            held.clear()
        for topic, gate in zip(self._sources, self._gates, strict=False):
            gate.forget(self._positions[topic])
        for arrived in self._arrived:
            arrived.clear()
        self._blocked = False
        if self._carriage is not None:
            self._carriage.forget_received()

    def begins_anew(self, topic: str) -> None:
        """The log of the topic was made anew: its offsets begin at 0 once more."""
        if self._carriage is not None:
            self._carriage.begins_anew(topic)

    def note_asked(self, asked_s: Sequence[float]) -> None:
        """Of each source when (`time.monotonic`) the end that is known of its log was asked for."""
        if self._overtaking is not None:
            self._overtaking.note_asked(asked_s[: self._own])

    def note_ends(self, ended_us: list[int]) -> None:
        """Of each source the instant at which all that lay in its log has been put; 0 = it is not at its end."""
        if self._carriage is not None:
            own = ended_us[: self._own]
            told = zip(own, self._held, self._gates, strict=True)
            self._carriage.note_ends([0 if held or gate.waiting else at for at, held, gate in told])

    def take(self, at_end: Callable[[int], bool], limit: int) -> list[tuple[int, Decoded]]:
        """Records that may be applied now, in order of event time over the topics."""
        carriage, ready = self._carriage, None if self._overtaking is None else self._ready
        if carriage is None:
            if self.gates.wait:
                return self._merge.take(lambda source: self._may_go_on_without(source, at_end), limit, ready)
            return self._merge.take(at_end, limit, ready)
        ends = [self._may_go_on_without(source, at_end) and not self._held[source] for source in range(self._own)]
        ends.extend([True] * len(self.streams))
        others = carriage.others()
        if carriage.placement.kept is None and (others or carriage.has_parcels):
            return []  # somebody has decided, and it will be heard in a moment
        self._blocked = False
        if not others:
            return self._merge.take(ends.__getitem__, limit, ready)
        up_to_us = min(read.up_to_us for read in others)

        def may(source: int, decoded: Decoded) -> bool:
            """Whether no other partition can still send what comes before it."""
            at_us, offset, *_ = decoded
            if at_us is None or at_us <= up_to_us:
                return True
            arrived_us = self._arrived_us(source, offset)
            may_be = all(at_us <= read.up_to_us or arrived_us <= read.ended_us for read in others)
            self._blocked |= not may_be
            return may_be

        return self._merge.take_while(ends.__getitem__, may, limit, ready)

    def _ready(self) -> list[int]:
        """Of each source of the merge how many of its records have overtaken none of another topic."""
        if self._overtaking is None:
            return []
        return self._overtaking.ready(lambda source: not self._gates[source].waiting)

    def put_back(self, taken: Sequence[tuple[int, Decoded]]) -> None:
        """The last of what `take` has handed out, which is not applied: it comes first the next time."""
        self._merge.put_back(taken)

    def _may_go_on_without(self, source: int, at_end: Callable[[int], bool]) -> bool:
        """Whether the others need not wait for it. A survey tool that has gone mad holds nothing up; without purchases,
        consents and erasures nothing may be decided."""
        if not self._gates[source].waiting:
            return at_end(source)
        return SurveyAnswer in BY_RANK[source].events

    def _arrived_us(self, source: int, offset: int) -> int:
        """Wall time by which a record at the head of its source had arrived."""
        marks = self._arrived[source]
        while marks[0][0] < offset:
            marks.popleft()
        return marks[0][1]


def _value_of(record: ConsumerRecord) -> bytes | None:
    """With the id of its schema in front; also of one that was set aside and can be read."""
    value: bytes | None = record.readable if isinstance(record, SetAside) else record.value
    return with_frame(value, record.headers) if value and record.headers else value


def _is_of(event: Event, customers: AbstractSet[str]) -> bool:
    """Whether it is about one of these, and would not take them away."""
    if isinstance(event, Erasure):
        return False
    return event.customer_id in customers or (isinstance(event, MergeOfIds) and event.merged_into in customers)
