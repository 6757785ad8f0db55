"""What a partition does with its records, without Kafka's machinery: decode → merge → engine → records to write.

The positions (next offset per input topic) move with the engine and are part of what is written, so a restart knows
exactly what the state contains.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import NamedTuple

import msgspec
from aiokafka.structs import ConsumerRecord

from service.config import Settings
from service.domain.calendar import DAY_US
from service.domain.changelog import (
    POSITION_KEY,
    TODAY_KEY,
    day_key,
    day_of_key,
    pack_positions,
    pack_today,
    unpack_positions,
    unpack_today,
)
from service.domain.events import Event, Purchase, SignOfLife
from service.domain.feed_delay import FeedDelay
from service.domain.findings import Decision
from service.domain.merge import Merge
from service.domain.policy import ClockMode
from service.engines import new_engine
from service.errors import ErrorCode, FatalError, PoisonError
from service.streaming.dead_letters import encode_dead_letter
from service.streaming.decoder import Decoder, DecoderSettings
from service.streaming.encoder import Encoder, EncoderSettings, TopicKind
from service.streaming.input_topics import BY_RANK
from service.streaming.producer import Destination, Record

SLICE = 500
"""Records applied before other partitions may run."""


class Refused(NamedTuple):
    """A record that can never be understood.

    Not the exception: its traceback would keep every frame it came through.
    """

    record: ConsumerRecord
    code: ErrorCode
    message: str
    sign: SignOfLife | None = None
    """What it still says, if it is a purchase."""


Decoded = tuple[int | None, int, Event | None, Refused | None, int]
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


def _now_us() -> int:
    return time.time_ns() // 1000


class PartitionJob:
    """State, inputs and outputs of one partition number. Synchronous; owned by one task at a time."""

    def __init__(self, settings: Settings, partition: int, partitions: int = 1) -> None:
        """`partitions` is how many the inputs have."""
        self._settings = settings
        self.partition = partition
        topics = settings.kafka.topics
        self.sources = tuple(row.name(topics) for row in BY_RANK)
        """Input topics in the order that breaks ties of time."""
        self._of_purchases = tuple(Purchase in row.events for row in BY_RANK)
        self._wall = settings.time.clock is ClockMode.WALL
        self._grace_us = int(settings.time.grace_s * 1_000_000)
        self.engine = new_engine(settings, partitions=partitions)
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
        self._signs = tuple(None if row.sign is None else row.sign(self.decoder) for row in BY_RANK)
        self._encoder = Encoder(
            EncoderSettings(currency=settings.shop.currency, minor_digits=settings.shop.minor_digits)
        )
        self._merge: Merge[Decoded] = Merge(len(self.sources), itemgetter(0))
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
                if key == TODAY_KEY:
                    self._today_told = None if value is None else unpack_today(value)
                elif day is not None and value is not None:
                    self.engine.ledger.restore(day, value)
            elif key == POSITION_KEY:
                if value is not None:
                    self.positions.update(unpack_positions(value))
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

    # ---- input

    def buffered(self, source: int) -> int:
        return self._merge.buffered(source)

    def __len__(self) -> int:
        """Records decoded and not yet applied."""
        return len(self._merge)

    def put(self, source: int, records: list[ConsumerRecord], after_us: int = 0) -> None:
        """Decodes what lies at or beyond the position; what lies below is contained in the state already.

        `after_us`: none of the records lay in the log yet then; their own timestamps are the producer's word.
        """
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
                sign = self._sign(source, record, now_us)
                at_us = sign.at_us if sign is not None and sign.own_time else None
                add((at_us, offset, None, Refused(record, error.code, error.message, sign), 0))
            else:
                arrived_ms = record.timestamp
                add((event.at_us, offset, event, None, max(after_ms, arrived_ms)))
        self._merge.put(source, decoded)

    def arrival_us(self, source: int, records: list[ConsumerRecord]) -> int:
        """When the first of the records arrived, by the clock that rules: with events as the clock, its own time."""
        now_us = _now_us()
        if self._wall:
            stamp_us = records[0].timestamp * 1000
            return min(stamp_us, now_us) if stamp_us > 0 else now_us
        for record in records:
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

    def drop_input(self) -> None:
        """Forgets what is buffered: it will be fetched again."""
        self._merge.clear()

    # ---- turns

    def take(self, at_end: Callable[[int], bool], limit: int) -> list[tuple[int, Decoded]]:
        """Records that may be applied now, in order of event time over the topics."""
        return self._merge.take(at_end, limit)

    def apply(self, taken: list[tuple[int, Decoded]]) -> None:
        """Applies a slice of what `take` gave; the order matters."""
        apply, wall_us = self.engine.apply, _now_us() if self._wall else 0
        last: dict[int, int] = {}
        learn, of_purchases = self._delay.learn, self._of_purchases
        for source, (_, offset, event, refused, arrived_ms) in taken:
            if event is not None:
                if wall_us and of_purchases[source]:
                    learn(min(arrived_ms * 1000, wall_us), event.at_us)
                apply(event, wall_us)
            elif refused is not None:
                self._refuse(refused)
                if refused.sign is not None:
                    apply(refused.sign, wall_us)
            last[source] = offset
        for source, offset in last.items():
            self.positions[self.sources[source]] = offset + 1

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
        if self._of_purchases[self.sources.index(topic)]:
            self.engine.lost_purchases(records, until_us)

    def _refuse(self, refused: Refused) -> None:
        record, code, message, _ = refused
        self._letters.append((record.key, encode_dead_letter(record, code, message, _now_us())))
        self._reasons[refused.code.value] += 1
        self._refused.append((record, code.value))

    def drain(self, processed: int, *, positions: bool = False) -> Written | None:
        """What has to be written for everything applied since the last call; None for nothing at all.

        `positions`: they have to be, also where there is nothing else.
        """
        turn = self.engine.drain()
        if not (processed or positions or turn or self._letters or self._day_has_changed()):
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
        records[self._state] = [*turn.state, (POSITION_KEY, pack_positions(self.positions))]
        ledger: list[Record] = [(day_key(day), value) for day, value in turn.ledger]
        if self._day_has_changed():
            self._today_told = self.engine.today
            ledger.append((TODAY_KEY, pack_today(self.engine.today)))
        if ledger:
            records[self._ledger] = ledger
        written = Written(records, dict(self.positions), processed, decisions, self._reasons, outputs, self._refused)
        self._letters, self._reasons, self._refused = [], Counter(), []
        return written

    def _day_has_changed(self) -> bool:
        """Whether the local day of stream time has not been told yet."""
        return self.engine.now_us > 0 and self.engine.today != self._today_told
