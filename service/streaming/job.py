"""What a partition does with its records, without Kafka's machinery: decode → merge → engine → records to write.

The positions (next offset per input topic) move with the engine and are part of what is written, so a restart knows
exactly what the state contains.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import NamedTuple, cast

import msgspec
from aiokafka.structs import ConsumerRecord

from service.config import Settings
from service.domain.calendar import DAY_US
from service.domain.changelog import (
    PARTITIONER_KEY,
    POSITION_KEY,
    PROGRESS_KEY,
    TODAY_KEY,
    day_key,
    day_of_key,
    pack_positions,
    pack_today,
    unpack_positions,
    unpack_today,
)
from service.domain.engine import ALL_SCORES
from service.domain.events import Event, Purchase, SignOfLife
from service.domain.events import Merge as MergeOfIds
from service.domain.feed_delay import FeedDelay
from service.domain.findings import Decision
from service.domain.merge import Merge
from service.domain.parcels import Applied, time_of
from service.domain.policy import ClockMode
from service.engines import new_engine
from service.errors import ErrorCode, FatalError, PartlyRefusedError, PoisonError
from service.streaming.carriage import PARCELS, Carriage, Delivered, Stream
from service.streaming.dead_letters import encode_dead_letter
from service.streaming.decoder import Decoder, DecoderSettings
from service.streaming.encoder import Encoder, EncoderSettings, TopicKind
from service.streaming.input_topics import BY_RANK
from service.streaming.partitioner import Kept
from service.streaming.placement import Placement
from service.streaming.producer import Destination, Record

SLICE = 500
"""Records applied before other partitions may run."""
UNDECIDED_US = 30_000_000
"""So long at most is a partition held up before anybody has looked at where records lie: a second or two are usual."""


class Refused(NamedTuple):
    """A record that can never be understood.

    Not the exception: its traceback would keep every frame it came through.
    """

    record: ConsumerRecord
    code: ErrorCode
    message: str
    says: Event | SignOfLife | None = None
    """What it still says: that a customer was there, or the rest of a profile."""
    further: tuple[tuple[ErrorCode, str], ...] = ()
    """What else is wrong with it."""


Decoded = tuple[int | None, int, Applied | None, Refused | None, int]
"""One record as the merge sees it: (event time or None where it cannot be read, offset, event, refused, arrival in ms);
one of event and refused. A plain tuple: half a million of them are made and forgotten in ten seconds of backlog."""


class Written(NamedTuple):
    """One turn, ready to be written in one transaction."""

    records: dict[Destination, list[Record]]
    positions: dict[str, int]
    """What the state contains once this is committed."""
    processed: int
    decisions: list[Decision]
    dead_letters: Counter[str]
    outputs: int
    refused: Sequence[tuple[ConsumerRecord, str]] = ()
    """The records of the dead letters, with their codes."""
    carried: Counter[tuple[str, str]] = Counter()  # noqa: RUF012 - nobody adds to it
    """Records carried to other partitions, by topic and by the function that put them here."""


def _now_us() -> int:
    return time.time_ns() // 1000


class PartitionJob:
    """State, inputs and outputs of one partition number. Synchronous; owned by one task at a time."""

    def __init__(
        self, settings: Settings, partition: int, partitions: int = 1, placement: Placement | None = None
    ) -> None:
        """`partitions` is how many the inputs have; without `placement` every record is taken to lie right."""
        self._settings = settings
        self.partition = partition
        topics = settings.kafka.topics
        self.sources = tuple(row.name(topics) for row in BY_RANK)
        """Input topics in the order that breaks ties of time; then the topic of what other partitions have carried
        here, where there are others."""
        self._own = len(self.sources)
        self._carriage: Carriage | None = None
        if placement is not None and partitions > 1:
            self._carriage = Carriage(partition, self.sources, placement, _now_us())
            self.sources = (*self.sources, settings.kafka.carried_topic)
        self._placement = placement
        self._held: list[list[ConsumerRecord]] = [[] for _ in range(self._own)]
        """Records that are not decoded yet, because it is not known where they belong."""
        self._born_us = self._held_since_us = _now_us()
        self._streams: list[Stream] = []
        """What the merge's further sources hold."""
        self._stream_of: dict[Stream, int] = {}
        self._arrived: list[deque[tuple[int, int]]] = [deque() for _ in range(self._own)]
        """Of each source of the merge where there are other partitions: (last offset, wall time) of what was put
        together."""
        self._kept_to_tell: Kept | None = None
        self._blocked = False
        """Whether the last take was held up by another partition."""
        self._settled_us = 0
        """All that lay in other partitions' logs at that instant and belongs here has been applied."""
        self._of_purchases = [Purchase in row.events for row in BY_RANK]
        """Of each source of the merge whether purchases come from it."""
        self._wall = settings.time.clock is ClockMode.WALL
        self._grace_us = int(settings.time.grace_s * 1_000_000)
        self.engine = new_engine(settings, partitions=partitions)
        if self._carriage is not None:
            self.engine.identities.elsewhere = self._is_elsewhere
        self._delay = self._delay_of_feed()
        self.decoder = Decoder(
            DecoderSettings(
                currency=settings.shop.currency,
                minor_digits=settings.shop.minor_digits,
                rates=settings.shop.rates,
                max_value_bytes=settings.limits.max_value_bytes,
                max_future_skew_us=int(settings.limits.max_future_skew_s * 1_000_000),
            )
        )
        self._decode = tuple(row.decode(self.decoder) for row in BY_RANK)
        self._withdrawals = tuple(None if row.withdrawal is None else row.withdrawal(self.decoder) for row in BY_RANK)
        self._signs = tuple(None if row.sign is None else row.sign(self.decoder) for row in BY_RANK)
        self._encoder = Encoder(
            EncoderSettings(currency=settings.shop.currency, minor_digits=settings.shop.minor_digits)
        )
        self._merge: Merge[Decoded] = Merge(self._own, itemgetter(0))
        self.positions = dict.fromkeys(self.sources, 0)
        self._letters: list[Record] = []
        self._reasons: Counter[str] = Counter()
        self._refused: list[tuple[ConsumerRecord, str]] = []
        self._today_told: int | None = None
        self._destinations = {
            TopicKind.OUTREACH: Destination(topics.outreach, partition),
            TopicKind.OUTREACH_DECISIONS: Destination(topics.outreach_decisions, partition),
            TopicKind.CUSTOMER_SCORES: Destination(topics.customer_scores, partition),
        }
        self._dead = Destination(topics.dead_letters, partition)
        self._state = Destination(settings.kafka.state_topic, partition)
        self._ledger = Destination(settings.kafka.ledger_topic, partition)

    # ---- recovery

    def restore(self, topic: str, key: bytes, value: bytes | None) -> None:
        """One record of the changelogs."""
        try:
            if topic == self._ledger.topic:
                day = day_of_key(key)
                if key == PARTITIONER_KEY and self._placement is not None:
                    self._placement.take(self.partition, key, value)
                elif key == TODAY_KEY:
                    self._today_told = None if value is None else unpack_today(value)
                elif day is not None and value is not None:
                    self.engine.ledger.restore(day, value)
            elif key == POSITION_KEY:
                if value is not None:
                    positions = unpack_positions(value)
                    self.positions.update(positions if self._carriage is None else self._carriage.restore(positions))
            else:
                self.engine.restore(key, value)
        except (msgspec.MsgspecError, ValueError) as error:
            raise FatalError(
                f"The changelog {topic}-{self.partition} holds a record that is no snapshot: {error}."
            ) from error

    def restored(self) -> None:
        self.engine.restored()
        self._delay = self._delay_of_feed()

    def _delay_of_feed(self) -> FeedDelay:
        return FeedDelay(int(self._settings.time.max_delay_days * DAY_US), self.engine.state.delay)

    def _is_elsewhere(self, customer_id: str) -> bool:
        """Whether the id belongs to another partition."""
        home = None if self._placement is None else self._placement.home(customer_id.encode())
        return home is not None and home != self.partition

    # ---- input

    def buffered(self, source: int) -> int:
        if source < self._own:
            return self._merge.buffered(source) + len(self._held[source])
        return sum(map(self._merge.buffered, self._stream_of.values()))

    def starves(self, source: int) -> bool:
        """Whether more has to be read however much is buffered: what one partition is waited for may lie behind what
        another one has carried."""
        return source == self._own and self._blocked

    def __len__(self) -> int:
        """Records that have arrived and are not applied."""
        return len(self._merge) + sum(map(len, self._held))

    def put(self, source: int, records: list[ConsumerRecord], after_us: int = 0) -> None:
        """Decodes what lies at or beyond the position; what lies below is contained in the state already.

        `after_us`: none of the records lay in the log yet then; their own timestamps are the producer's word.
        """
        if self._carriage is not None:
            if source == self._own:
                self._put_carried(self._carriage, records)
            else:
                self._put_sorted(self._carriage, source, records, after_us)
            return
        after_ms = after_us // 1000
        position, decode, now_us = self.positions[self.sources[source]], self._decode[source], _now_us()
        decoded: list[Decoded] = []
        add = decoded.append
        for record in records:
            offset = record.offset
            if offset < position:
                continue
            try:
                event = decode(record.value, record.key, record.headers, now_us)
            except PoisonError as error:
                add(self._refused_entry(source, record, offset, error, now_us))
            else:
                arrived_ms = record.timestamp
                add((event.at_us, offset, event, None, max(after_ms, arrived_ms) if after_ms else arrived_ms))
        self._merge.put(source, decoded)

    def arrival_us(self, source: int, records: list[ConsumerRecord]) -> int:
        """When the first of the records arrived, by the clock that rules: with events as the clock, its own time."""
        now_us = _now_us()
        if self._wall:
            stamp_us = records[0].timestamp * 1000
            return min(stamp_us, now_us) if stamp_us > 0 else now_us
        for record in records if source < self._own else ():
            try:
                return self._decode[source](record.value, record.key, record.headers, now_us).at_us
            except PoisonError:
                continue
        return self.engine.now_us

    def _sign(self, source: int, record: ConsumerRecord, now_us: int) -> SignOfLife | None:
        """What a refused record still says."""
        sign_of = self._signs[source]
        if sign_of is None:
            return None
        written_us = record.timestamp * 1000
        written_us = written_us if 0 < written_us <= now_us else 0
        return sign_of(record.value, record.key, record.headers, now_us, written_us)

    def _refused_entry(
        self, source: int, record: ConsumerRecord, number: int, error: PoisonError, now_us: int
    ) -> Decoded:
        """A record of the input `source` that was refused, with what it still says."""
        if isinstance(error, PartlyRefusedError):
            event = cast("Event", error.event)
            return (event.at_us, number, None, Refused(record, error.code, error.message, event, error.further), 0)
        withdrawal_of = self._withdrawals[source]
        if record.value is None and withdrawal_of is not None:
            withdrawal = withdrawal_of(record.key, record.timestamp * 1000 if record.timestamp > 0 else now_us)
            if withdrawal is not None:
                return (None, number, withdrawal, None, 0)
        sign = self._sign(source, record, now_us)
        at_us = sign.at_us if sign is not None and sign.own_time else None
        return (at_us, number, None, Refused(record, error.code, error.message, sign), 0)

    def _put_sorted(self, carriage: Carriage, source: int, records: list[ConsumerRecord], after_us: int = 0) -> None:
        """The same where there are other partitions: what belongs to one of them is carried there.

        A customer who is known here belongs here, so that their ids need no hashing.
        """
        position, decode, now_us = self.positions[self.sources[source]], self._decode[source], _now_us()
        placement, here, known = carriage.placement, self.partition, self.engine.customers
        if self._held[source] or (placement.kept is None and now_us - self._held_since_us < UNDECIDED_US):
            if not any(self._held) and placement.kept is None:
                self._held_since_us = now_us
            self._held[source].extend(records)
            return
        sent_us, after_ms, decoded = -1, after_us // 1000, list[Decoded]()
        of_ids = MergeOfIds in BY_RANK[source].events
        add = decoded.append
        for index, record in enumerate(records):
            offset = record.offset
            if offset < position:
                continue
            try:
                event = decode(record.value, record.key, record.headers, now_us)
            except PoisonError as error:
                entry: Decoded = self._refused_entry(source, record, offset, error, now_us)
                # Only who was there has to be known where they belong, and a key lies where its producer put it.
                says = entry[2] if entry[3] is None else entry[3].says
                astray = says is not None and record.key == says.customer_id.encode()
                home = placement.home(record.key) if astray and record.key else here
            else:
                arrived_ms = record.timestamp
                entry = (event.at_us, offset, event, None, max(after_ms, arrived_ms) if after_ms else arrived_ms)
                if of_ids and isinstance(event, MergeOfIds) and placement.home(event.merged_into.encode()) is None:
                    self._held[source] = records[index:]
                    break
                if event.customer_id in known:
                    add(entry)
                    continue
                home = placement.home(event.customer_id.encode())
            if home == here:
                add(entry)
            elif home is not None:
                carriage.send(record, home, now_us, max(after_ms, record.timestamp))
                sent_us = max(sent_us, entry[0] or 0)
                add((None, offset, None, None, 0))  # so that the position moves over it in its turn
            else:
                self._held[source] = records[index:]
                break
        if carriage.tells:
            times = (at_us for at_us, *_ in decoded if at_us is not None)
            carriage.note_read(self.sources[source], max(times, default=sent_us), sent_us)
        self._put(source, decoded, now_us)

    def _put_carried(self, carriage: Carriage, records: list[ConsumerRecord]) -> None:
        """What other partitions have carried here, decoded as what it was at first."""
        now_us, topic = _now_us(), self.sources[self._own]
        position = self.positions[topic]
        found: dict[int, list[Decoded]] = {}
        for carrier in records:
            if carrier.offset < position:
                continue
            carried = carriage.receive(carrier)
            if carried is None:
                continue
            if isinstance(carried, Delivered):
                parcel: Decoded = (time_of(carried.event), carried.number, carried.event, None, carried.sent_ms)
                stream = (PARCELS, carried.partition)
                found.setdefault(self._source_of(stream, self._own), []).append(parcel)
                continue
            record, number = carried.record, carried.number
            if record.topic not in self.sources:
                raise FatalError(
                    f"{topic}-{self.partition} holds a record of {record.topic}, which is no input: "
                    "let the worker finish under the topics' old names before they are changed."
                )
            index = self.sources.index(record.topic)
            try:
                event = self._decode[index](record.value, record.key, record.headers, now_us)
            except PoisonError as error:
                entry: Decoded = self._refused_entry(index, record, number, error, now_us)
            else:
                entry = (event.at_us, number, event, None, carried.arrived_ms)
            found.setdefault(self._source_of((record.topic, record.partition), index), []).append(entry)
        for source, decoded in found.items():
            self._put(source, decoded, now_us)
        self.positions[topic] = carriage.position(position)

    def _source_of(self, stream: Stream, index: int) -> int:
        """The merge's source of what was carried from a partition of the input `index`, which ties go to; after all
        inputs come parcels."""
        source = self._stream_of.get(stream)
        if source is None:
            source = self._stream_of[stream] = self._merge.add_source(index, stream[1])
            self._streams.append(stream)
            self._of_purchases.append(index < self._own and self._of_purchases[index])
            self._arrived.append(deque())
        return source

    def _put(self, source: int, decoded: list[Decoded], now_us: int) -> None:
        if decoded:
            self._merge.put(source, decoded)
            arrived = self._arrived[source]
            if self._carriage is not None and not self._carriage.coupled:
                arrived.clear()  # the newest stands for all: nobody may ever ask
            arrived.append((decoded[-1][1], now_us))

    def release(self) -> None:
        """Decodes what was held back, as soon as it may be."""
        if self._carriage is None or not any(self._held):
            return
        if self._carriage.placement.kept is None and _now_us() - self._held_since_us < UNDECIDED_US:
            return
        for source, held in enumerate(self._held):
            if held:
                self._held[source] = []
                self._put_sorted(self._carriage, source, held)

    def drop_input(self) -> None:
        """Forgets what is buffered: it will be fetched again."""
        self._merge.clear()
        for held in self._held:
            held.clear()
        for arrived in self._arrived:
            arrived.clear()
        self._blocked = False
        if self._carriage is not None:
            self._carriage.forget_received()

    def begins_anew(self, topic: str) -> None:
        """The log of the topic was made anew: its offsets begin at 0 once more."""
        if self._carriage is not None:
            self._carriage.begins_anew(topic)

    # ---- turns

    def note_ends(self, ended_us: list[int]) -> None:
        """Of each source the instant at which all that lay in its log has been put; 0 = it is not at its end."""
        if self._carriage is not None:
            own = ended_us[: self._own]
            self._carriage.note_ends([0 if held else at for at, held in zip(own, self._held, strict=True)])

    def take(self, at_end: Callable[[int], bool], limit: int) -> list[tuple[int, Decoded]]:
        """Records that may be applied now, in order of event time over the topics."""
        carriage = self._carriage
        if carriage is None:
            return self._merge.take(at_end, limit)
        ends = [at_end(source) and not self._held[source] for source in range(self._own)]
        ends.extend([True] * len(self._streams))
        others = carriage.others()
        if carriage.placement.kept is None and (others or carriage.has_parcels):
            return []  # somebody has decided, and it will be heard in a moment
        self._blocked = False
        if not others:
            return self._merge.take(ends.__getitem__, limit)
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

        return self._merge.take_while(ends.__getitem__, may, limit)

    def _arrived_us(self, source: int, offset: int) -> int:
        """Wall time by which a record at the head of its source had arrived."""
        marks = self._arrived[source]
        while marks[0][0] < offset:
            marks.popleft()
        return marks[0][1]

    def apply(self, taken: list[tuple[int, Decoded]]) -> None:
        """Applies a slice of what `take` gave; the order matters."""
        apply, wall_us = self.engine.apply, _now_us() if self._wall else 0
        last: dict[int, int] = {}
        learn, of_purchases, carriage = self._delay.learn, self._of_purchases, self._carriage
        for source, (_, offset, event, refused, arrived_ms) in taken:
            if event is not None:
                if wall_us and of_purchases[source]:
                    learn(arrived_ms * 1000, event.at_us, wall_us)
                apply(event, wall_us)
            elif refused is not None:
                self._refuse(refused)
                if refused.says is not None:
                    apply(refused.says, wall_us)
            last[source] = offset
            if carriage is not None and source >= self._own:
                carriage.applied(self._streams[source - self._own], offset)
        for source, offset in last.items():
            if source < self._own:
                self.positions[self.sources[source]] = offset + 1
            elif carriage is not None:
                topic = self.sources[self._own]
                self.positions[topic] = carriage.position(self.positions[topic])

    def advance(self, wall_us: int, complete_us: int) -> None:
        """All that had arrived at `complete_us` has been applied: the wall clock may move time, for as long before that
        as purchases take to arrive."""
        delay_us = self._delay.delay_us(wall_us)
        self.engine.ladder.release.delay_us = delay_us
        self.engine.advance(wall_us, complete_us - max(self._grace_us, delay_us))

    def feed_delay_us(self) -> int:
        """How long after a sale its purchase arrives, as far as has been learned."""
        return self._delay.delay_us(_now_us())

    def lost(self, topic: str, records: int, until_us: int) -> None:
        """So many records of an input were lost, which had arrived by `until_us`."""
        source = self.sources.index(topic)
        if source == self._own or self._of_purchases[source]:
            self.engine.lost_purchases(records, until_us)

    @property
    def must_write(self) -> bool:
        """Whether a turn has something to write although nothing was applied."""
        return self._kept_to_tell is not None or (self._carriage is not None and self._carriage.must_tell)

    @property
    def wakes(self) -> bool:
        """Whether the clock has to wake this partition: time moves with it, or others wait to hear of it."""
        return self._wall or (self._carriage is not None and (self._carriage.tells or any(self._held)))

    def decide(self, kept: Kept) -> None:
        """The group's function was found: the next turn tells it to everybody. Only for partition 0."""
        self._kept_to_tell = kept

    def beat(self) -> None:
        """The clock: who waits for this partition is told how far it is."""
        if self._carriage is not None:
            self._carriage.beat()

    def complete_us(self, own_us: int) -> int:
        """All that lay in the logs at that instant for customers of this partition has been applied; 0 = nothing is
        known. `own_us`: the same of this partition's own logs."""
        carriage = self._carriage
        if carriage is None:
            return own_us
        if carriage.placement.kept is None and _now_us() - self._born_us < UNDECIDED_US:
            return 0
        if not self.buffered(self._own):
            self._settled_us = carriage.complete_us()
        return min(own_us, self._settled_us)

    def _refuse(self, refused: Refused) -> None:
        """A dead letter for each thing that is wrong."""
        record = refused.record
        for code, message in ((refused.code, refused.message), *refused.further):
            self._letters.append((record.key, encode_dead_letter(record, code, message, _now_us())))
            self._reasons[code.value] += 1
            self._refused.append((record, code.value))

    def drain(self, processed: int, *, positions: bool = False, scores: int = ALL_SCORES) -> Written | None:
        """What has to be written for everything applied since the last call; None for nothing at all. `scores`: of how
        many customers, at most, the newest record is published.

        `positions`: they have to be, also where there is nothing else.
        """
        turn = self.engine.drain(scores)
        if not (processed or positions or turn or self._letters or self._day_has_changed() or self.must_write):
            return None
        records: dict[Destination, list[Record]] = {}
        decisions: list[Decision] = []
        for output in turn.outputs:
            if isinstance(output, Decision):
                decisions.append(output)
            for encoded in self._encoder.encode(output):
                records.setdefault(self._destinations[encoded.topic], []).append((encoded.key, encoded.value))
        outputs = sum(map(len, records.values()))
        if self._letters:
            records[self._dead] = self._letters
        carried: Counter[tuple[str, str]] = Counter()
        contained = self.positions
        if self._carriage is not None:
            for parcel in turn.parcels:
                home = self._carriage.placement.home(parcel.to.encode())
                if home is None:
                    raise FatalError(f"The partition of {parcel.to!r} is not known, and was a moment ago.")
                self._carriage.send_parcel(parcel, home, _now_us())
            contained = {**contained, **dict(self._carriage.positions())}
            sent, carried = self._carriage.take_out()
            for home, batch in sent.items():
                records[Destination(self.sources[self._own], home)] = batch
        records[self._state] = [*turn.state, (POSITION_KEY, pack_positions(contained))]
        ledger: list[Record] = [(day_key(day), value) for day, value in turn.ledger]
        if self._day_has_changed():
            self._today_told = self.engine.today
            ledger.append((TODAY_KEY, pack_today(self.engine.today)))
        if self._kept_to_tell is not None:
            ledger.append((PARTITIONER_KEY, self._kept_to_tell.pack()))
            self._kept_to_tell = None
        if self._carriage is not None:
            progress = self._carriage.progress(_now_us(), all_applied=len(self) == 0)
            if progress is not None:
                ledger.append((PROGRESS_KEY, progress.pack()))
        if ledger:
            records[self._ledger] = ledger
        written = Written(
            records, dict(self.positions), processed, decisions, self._reasons, outputs, self._refused, carried
        )
        self._letters, self._reasons, self._refused = [], Counter(), []
        return written

    def _day_has_changed(self) -> bool:
        """Whether the local day of stream time has not been told yet."""
        return self.engine.now_us > 0 and self.engine.today != self._today_told
