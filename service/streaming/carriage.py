"""Records that lie in a partition to which their customer does not belong, carried to the right one, exactly once.

Another kind of producer hashes keys otherwise (partitioner.py), and a customer would be split in two. The partition
that reads such a record writes it, as it is, to the internal topic `GROUP-carried`, in the partition of the customer,
within the transaction that moves its own position; there it is one more input. What was carried from one partition of
one topic is a stream of its own, which the home partition merges with the others by event time (domain/merge.py).

Three things make it exact.
- Once: the reader keeps per topic up to which offset it has carried, and the home keeps per stream the last offset
  applied; both are parts of the state's positions. What is carried is never carried on.
- In order: a record may only be applied when no other partition can still send an older one. So a partition in which
  such records were seen tells how far it has read each of its inputs, and whether it was at their ends; the others take
  that into account as soon as they have received what it had carried by then. Records are carried when they are read,
  before the merge, so nobody waits in a circle.
- Complete: absences are concluded up to the instant at which all those partitions were at the ends of their inputs.

Parcels travel the same way (domain/parcels.py): what the engine of one partition has for another's, because two ids
of one customer live in both. They are made when records are applied, and go with that turn; those of one partition are
one stream, numbered as they are made, and the last number sent is among the positions. Nobody waits for them before a
record is applied, or partitions would wait in a circle: what comes late is counted all the same. Absences do wait, for
all that lay in the logs of a partition that sends parcels to be applied there.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec
from aiokafka.structs import ConsumerRecord

from service.cluster.partitioner import fitting
from service.cluster.placement import OTHER_KEY, UNKNOWN, Placement, Progress, Read
from service.domain.calendar import DAY_US, NEVER
from service.domain.parcels import Applied, Parcel, pack_event, unpack_event
from service.errors import ErrorCode, FatalError
from service.fetching import SetAside
from service.streaming.producer import Record
from service.streaming.turn_size import LARGEST_BYTES

Stream = tuple[str, int]
"""What was carried from one partition of one topic: (topic, partition)."""

RECORD: Final = 0
"""Kind of what is carried: a record of an input. A number, so that more can travel the same way."""
PARCEL: Final = 1
"""The other kind: what another engine is to apply."""
PARCELS: Final = "+parcels"
"""In place of a topic in the stream of a partition's parcels; no topic can be called that."""
STRANGERS: Final = "+strangers"
"""In place of a topic in the stream of what nobody of ours has written; numbered by its offsets."""
TELLS_FOR_US: Final = 7 * DAY_US
"""A partition that has carried nothing for so long tells the others that they need not wait for it."""
CARRIED, ANEW, SENT, APPLIED = "carried:", "anew:", "sent:", "applied:"
"""Before a topic among the state's positions (no topic's name has a colon): up to which number it has been carried,
the number of its offset 0, the last number carried to a partition, the last number applied of what came from one. The
number of a record is its offset, or more where its topic has been made anew."""

VOID: Final = "void:"
"""Before a topic and a partition among them: the last number that was carried there in a topic that is gone. A release
before passes over it."""
STRANGE: Final = "strangers:carried:"
"""Before a partition among them: up to which offset such records were set aside. A release before passes over it."""

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[Any]).decode


class Carried(NamedTuple):
    """A record of an input as it lay there, on its way."""

    record: ConsumerRecord
    number: int
    """Ascending within its stream."""
    arrived_ms: int
    """When it arrived there, Unix milliseconds."""


class Delivered(NamedTuple):
    """A parcel that has come here."""

    event: Applied
    partition: int
    """Where it was made."""
    number: int
    """Ascending among those of that partition."""
    sent_ms: int
    """When, Unix milliseconds."""


class Strange(NamedTuple):
    """A record that nobody of ours has written."""

    record: ConsumerRecord
    code: ErrorCode
    message: str


def pack_record(carried: Carried) -> bytes:
    """As it travels."""
    record = carried.record
    return _pack(
        [
            RECORD,
            record.topic,
            record.partition,
            record.offset,
            record.timestamp,
            record.key,
            record.value,
            [list(header) for header in record.headers or ()],
            carried.number,
            carried.arrived_ms,
        ]
    )


def pack_parcel(delivered: Delivered) -> bytes:
    """As it travels."""
    return _pack([PARCEL, delivered.partition, delivered.number, delivered.sent_ms, pack_event(delivered.event)])


def unpack(value: bytes | None) -> Carried | Delivered | None:
    """Back from `pack_record` and `pack_parcel`; None for what is neither. FatalError for what a later release may have
    written."""
    try:
        kind, *fields = _unpack(value or b"")
        if kind == RECORD:
            return _record_of(*fields)
        if kind == PARCEL:
            partition, number, sent_ms, event, *_ = fields
            if not all(isinstance(each, int) for each in (partition, number, sent_ms)):
                return None
            return Delivered(unpack_event(event), partition, number, sent_ms)
    except (msgspec.MsgspecError, TypeError, ValueError):
        return None
    if not isinstance(kind, int) or kind < 0:
        return None
    raise FatalError(f"A carried record is of kind {kind}, which this release does not know.")


def _record_of(
    topic: str,
    partition: int,
    offset: int,
    timestamp: int,
    key: bytes | None,
    value: bytes | None,
    headers: list[tuple[str, bytes | None]],
    number: int,
    arrived_ms: int,
    *_: object,
) -> Carried | None:
    numbers, texts = (partition, offset, timestamp, number, arrived_ms), (key, value)
    if not (
        isinstance(topic, str)
        and all(isinstance(each, int) for each in numbers)
        and all(each is None or isinstance(each, bytes) for each in texts)
    ):
        return None
    held, sizes = tuple((name, header) for name, header in headers), (len(key or b""), len(value or b""))
    record = ConsumerRecord(topic, partition, offset, timestamp, 0, key, value, None, *sizes, held)
    return Carried(record, number, arrived_ms)


class Carriage:
    """What one partition sends to others and gets from them. `topics` are its inputs."""

    def __init__(self, partition: int, topics: tuple[str, ...], placement: Placement, now_us: int) -> None:
        self._since_us = now_us
        """Wall time of the last record carried, or of the beginning."""
        self.partition = partition
        self.topics = topics
        self.placement = placement
        # sent
        self.carried_to = dict.fromkeys(topics, 0)
        """Everything below that belongs elsewhere has been carried."""
        self._anew = dict.fromkeys(topics, 0)
        """The number of offset 0."""
        self._sent: dict[str, dict[int, int]] = {topic: {} for topic in topics}
        self._void: dict[str, dict[int, int]] = {}
        """Of `_sent` what lay in a carried topic that is gone: nobody need wait for it."""
        self._read = dict.fromkeys(topics, Read(-1, 0))
        self._out: dict[int, list[Record]] = {}
        self.out_bytes = 0
        """What goes with the next turn."""
        self.most_bytes = LARGEST_BYTES
        """More records of inputs than so many bytes do not go with it."""
        self._counts: Counter[tuple[str, str]] = Counter()
        self._has_sent = False
        self._sends = False
        """Parcels have been sent in this life."""
        self._moved = False
        self._applied_us = 0
        """All that lay in the inputs at that instant has been applied."""
        self._silent = False
        """The others have been told that they need not wait."""
        # received
        self._applied: dict[Stream, int] = {}
        self._received: dict[Stream, int] = {}
        self._pending: dict[tuple[str, int, int], int] = {}
        """(stream, number) of what waits here → offset in the carried topic, ascending."""
        self._next = 0
        self._effective: dict[int, Progress] = {}
        self._beyond: dict[str, int] = {}
        """What a later release keeps among the positions."""

    # ---- what lies here and belongs elsewhere

    def send(self, record: ConsumerRecord, home: int, now_us: int, arrived_ms: int) -> None:
        """The record goes to `home` with the next turn, unless it has gone already."""
        topic = record.topic
        number = self._anew[topic] + record.offset
        if number < self.carried_to[topic]:
            return
        self._put_out(home, record.key, pack_record(Carried(record, number, arrived_ms)))
        self._sent[topic][home] = number
        self._since_us, self._has_sent, self._silent = now_us, True, False
        self.carried_to[topic] = number + 1
        if topic in self.placement.keyed_otherwise:
            self._counts[topic, OTHER_KEY] += 1
            return
        others = fitting(record.key or b"", self.partition, self.placement.partitions)
        self._counts[topic, others[0] if others else UNKNOWN] += 1

    def send_parcel(self, parcel: Parcel, home: int, now_us: int) -> None:
        """The parcel goes to `home` with this turn."""
        sent = self._sent.setdefault(PARCELS, {})
        number = max(sent.values(), default=-1) + 1
        packed = pack_parcel(Delivered(parcel.event, self.partition, number, now_us // 1000))
        self._put_out(home, parcel.to.encode(), packed)
        sent[home] = number
        self._since_us, self._sends, self._silent = now_us, True, False

    def _put_out(self, home: int, key: bytes | None, value: bytes) -> None:
        self._out.setdefault(home, []).append((key, value))
        self.out_bytes += len(value)

    @property
    def is_full(self) -> bool:
        """Whether the next turn carries enough."""
        return self.out_bytes >= self.most_bytes

    def note_read(self, topic: str, *times_us: int) -> None:
        """An input has been read up to the latest of these event times."""
        read, up_to_us = self._read[topic], max(times_us)
        if up_to_us > read.up_to_us:
            self._read[topic] = read._replace(up_to_us=up_to_us)
            self._moved = True

    def note_ends(self, ended_us: list[int]) -> None:
        """Of each input the instant at which all that lay in its log has been read; 0 = it is not at its end."""
        for topic, at_us in zip(self.topics, ended_us, strict=True):
            read = self._read[topic]
            if at_us > read.ended_us:
                self._moved |= not read.ended_us
                self._read[topic] = read._replace(ended_us=at_us)

    def begins_anew(self, topic: str) -> None:
        """A log was made anew: what comes of it has higher numbers than what came before. Of the carried topic: what
        waits here comes no more, nor does what was sent from here, for which others would wait for ever."""
        if topic in self._anew:
            self._anew[topic] = self.carried_to[topic]
        else:
            self._pending.clear()
            self._applied.pop(self.strangers, None)
            self._next = 0
            self._void = {name: dict(homes) for name, homes in self._sent.items() if homes}
            self._has_sent, self._sends = bool(self._void.keys() - {PARCELS}), PARCELS in self._void
            self._silent, self._moved = False, True

    @property
    def has_ever_sent(self) -> bool:
        return any(self._sent.values())

    def take_out(self) -> tuple[dict[int, list[Record]], Counter[tuple[str, str]]]:
        """Home → records to write, and how many of each (topic, function that put them here)."""
        out, counts = self._out, self._counts
        self._out, self._counts, self.out_bytes = {}, Counter(), 0
        return out, counts

    @property
    def must_tell(self) -> bool:
        """Whether a turn has to be written although nothing was applied: others may wait for it."""
        return bool(self._out) or (self._moved and (self.tells or self.sends))

    @property
    def tells(self) -> bool:
        """Whether others may wait for this partition."""
        if self._silent or self._has_sent:
            return not self._silent
        last = self._last_told()
        if last is not None and last.read and all(read.ended_us == NEVER for read in last.read.values()):
            return False  # a life before this one has said so
        return self.placement.tells(self.partition)

    @property
    def sends(self) -> bool:
        """Whether others may wait for parcels of this partition."""
        if self._silent or self._sends:
            return not self._silent
        last = self._last_told()
        return bool(self._sent.get(PARCELS)) and (last is None or last.applied_us != NEVER)

    def _last_told(self) -> Progress | None:
        """What this partition has told last, in a life before as well."""
        heard = self.placement.heard.get(self.partition)
        return heard[-1] if heard else None

    @property
    def has_parcels(self) -> bool:
        """Whether parcels have ever been sent from here, or have come here."""
        return bool(self._sent.get(PARCELS)) or any(topic == PARCELS for topic, _ in self._received)

    def beat(self) -> None:
        """It is time to tell again how far this partition is."""
        self._moved = True

    def progress(self, now_us: int, *, all_applied: bool) -> Progress | None:
        """What the others are to be told with this turn; None for nothing. `all_applied`: nothing that was read
        waits."""
        tells, sends = self.tells, self.sends
        if not (tells or sends):
            return None
        self._moved = False
        if all_applied:
            self._applied_us = min(read.ended_us for read in self._read.values())
        if now_us - self._since_us > TELLS_FOR_US:
            self._silent = True
            nothing = dict.fromkeys(self.topics, Read(NEVER, NEVER)) if tells else {}
            return Progress(nothing, self._on_their_way(), NEVER if sends else None)
        return Progress(dict(self._read) if tells else {}, self._on_their_way(), self._applied_us if sends else None)

    def _on_their_way(self) -> dict[str, dict[int, int]]:
        """Input → partition → the last number carried there, where that can still arrive."""
        return {
            topic: {home: number for home, number in homes.items() if number > self._void.get(topic, {}).get(home, -1)}
            for topic, homes in self._sent.items()
        }

    # ---- what came from elsewhere

    def receive(self, carrier: ConsumerRecord) -> Carried | Delivered | Strange | None:
        """A record of the carried topic → what it carries; None for what was applied already."""
        self._next = carrier.offset + 1
        carried = None if isinstance(carrier, SetAside) else unpack(carrier.value)
        if carried is None:
            return self._receive_strange(carrier)
        if isinstance(carried, Delivered):
            stream = (PARCELS, carried.partition)
        else:
            stream = (carried.record.topic, carried.record.partition)
        self._received[stream] = carried.number
        if carried.number <= self._applied.get(stream, -1):
            return None
        self._pending[*stream, carried.number] = carrier.offset
        return carried

    def _receive_strange(self, carrier: ConsumerRecord) -> Strange | None:
        stream, offset = self.strangers, carrier.offset
        if offset <= self._applied.get(stream, -1):
            return None
        self._pending[*stream, offset] = carrier.offset
        if isinstance(carrier, SetAside):
            return Strange(carrier, carrier.code, carrier.message)
        return Strange(carrier, ErrorCode.UNKNOWN_FORMAT, "no worker of this group has written this")

    @property
    def strangers(self) -> Stream:
        return (STRANGERS, self.partition)

    def applied(self, stream: Stream, number: int) -> None:
        self._applied[stream] = number
        self._pending.pop((*stream, number), None)

    def position(self, before: int) -> int:
        """Of the carried topic: everything below has been applied."""
        return next(iter(self._pending.values()), max(before, self._next))

    def forget_received(self) -> None:
        """What waits here will be read again."""
        self._received, self._next = dict(self._applied), 0

    # ---- what the others tell

    def _telling(self) -> set[int]:
        """Partitions that may still send something, those included that have sent before they were heard of."""
        sent = {number for topic, number in self._received if topic not in {PARCELS, STRANGERS}}
        return sent | self.placement.telling(self.partition)

    @property
    def coupled(self) -> bool:
        """Whether there are any."""
        return bool(self._telling())

    def others(self) -> list[Read]:
        """How far each input of each of those partitions is known to be carried; what was carried by then is here."""
        found: list[Read] = []
        for number in self._telling():
            progress = self._known(number)
            if progress is None:
                return [Read(-1, 0)]
            found.extend(progress.read.values())
        return found

    def _known(self, number: int) -> Progress | None:
        """The newest progress of a partition of which everything carried here has been received."""
        heard: deque[Progress] = self.placement.heard.get(number, deque())
        for progress in reversed(heard):
            if progress is self._effective.get(number):
                break
            if all(
                self._received.get((topic, number), -1) >= homes.get(self.partition, -1)
                for topic, homes in progress.sent.items()
            ):
                self._effective[number] = progress
                break
        return self._effective.get(number)

    def complete_us(self) -> int:
        """Wall time up to which nothing for this partition's customers waits in another one."""
        complete_us = min((read.ended_us for read in self.others()), default=NEVER)
        sending = {number for topic, number in self._received if topic == PARCELS} | self.placement.sending
        for number in sending - {self.partition}:
            progress = self._known(number)
            if progress is None:
                return 0
            if progress.applied_us is not None:
                complete_us = min(complete_us, progress.applied_us)
        return complete_us

    # ---- among the positions of the state

    def positions(self) -> Iterator[tuple[str, int]]:
        for topic, number in self.carried_to.items():
            if self._sent[topic]:
                yield CARRIED + topic, number
        yield from ((ANEW + topic, number) for topic, number in self._anew.items() if number)
        for topic, homes in self._sent.items():
            yield from ((f"{SENT}{topic}:{home}", offset) for home, offset in homes.items())
        for topic, homes in self._void.items():
            yield from ((f"{VOID}{topic}:{home}", number) for home, number in homes.items())
        for (topic, number), offset in self._applied.items():
            yield f"{STRANGE if topic == STRANGERS else f'{APPLIED}{topic}:'}{number}", offset
        yield from self._beyond.items()

    def restore(self, positions: dict[str, int]) -> dict[str, int]:
        """Takes its own out of them; returns the rest. What a later release keeps there is kept for it."""
        rest = {}
        self._beyond = {}
        for name, offset in positions.items():
            if ":" not in name:
                rest[name] = offset
            elif name.startswith((CARRIED, ANEW)):
                kind, topic = name.split(":")
                (self.carried_to if kind + ":" == CARRIED else self._anew)[topic] = offset
            elif name.startswith((SENT, APPLIED)):
                kind, topic, number = name.split(":")
                if kind + ":" == SENT:
                    self._sent.setdefault(topic, {})[int(number)] = offset
                else:
                    self._applied[topic, int(number)] = offset
            elif name.startswith(VOID):
                _, topic, number = name.split(":")
                self._void.setdefault(topic, {})[int(number)] = offset
            elif name.startswith(STRANGE):
                self._applied[STRANGERS, int(name.removeprefix(STRANGE))] = offset
            else:
                self._beyond[name] = offset
        self._received = dict(self._applied)
        return rest
