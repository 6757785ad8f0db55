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
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec
from aiokafka.structs import ConsumerRecord

from service.domain.calendar import DAY_US, NEVER
from service.errors import FatalError
from service.streaming.partitioner import fitting
from service.streaming.placement import UNKNOWN, Placement, Progress, Read
from service.streaming.producer import Record

Stream = tuple[str, int]
"""What was carried from one partition of one topic: (topic, partition)."""

RECORD: Final = 0
"""Kind of what is carried: a record of an input. A number, so that more can travel the same way."""
TELLS_FOR_US: Final = 7 * DAY_US
"""A partition that has carried nothing for so long tells the others that they need not wait for it."""
CARRIED, ANEW, SENT, APPLIED = "carried:", "anew:", "sent:", "applied:"
"""Before a topic among the state's positions (no topic's name has a colon): up to which number it has been carried,
the number of its offset 0, the last number carried to a partition, the last number applied of what came from one. The
number of a record is its offset, or more where its topic has been made anew."""

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[Any]).decode


class Carried(NamedTuple):
    """A record of an input as it lay there, on its way."""

    record: ConsumerRecord
    number: int
    """Ascending within its stream."""
    arrived_ms: int
    """When it arrived there, Unix milliseconds."""


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


def unpack_record(value: bytes | None) -> Carried:
    """Back from `pack_record`. FatalError for anything else."""
    try:
        kind, topic, partition, offset, timestamp, key, content, headers, number, arrived_ms, *_ = _unpack(value or b"")
        held = tuple((name, header) for name, header in headers)
    except (msgspec.MsgspecError, ValueError) as error:
        raise FatalError(f"A carried record cannot be read: {error}.") from error
    if kind != RECORD:
        raise FatalError(f"A carried record is of kind {kind}, which this release does not know.")
    sizes = len(key or b""), len(content or b"")
    record = ConsumerRecord(topic, partition, offset, timestamp, 0, key, content, None, *sizes, held)
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
        self._read = dict.fromkeys(topics, Read(-1, 0))
        self._out: dict[int, list[Record]] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._has_sent = False
        self._moved = False
        self._silent = False
        """The others have been told that they need not wait."""
        # received
        self._applied: dict[Stream, int] = {}
        self._received: dict[Stream, int] = {}
        self._pending: dict[tuple[str, int, int], int] = {}
        """(stream, number) of what waits here → offset in the carried topic, ascending."""
        self._next = 0
        self._effective: dict[int, Progress] = {}

    # ---- what lies here and belongs elsewhere

    def send(self, record: ConsumerRecord, home: int, now_us: int, arrived_ms: int) -> None:
        """The record goes to `home` with the next turn, unless it has gone already."""
        topic = record.topic
        number = self._anew[topic] + record.offset
        if number < self.carried_to[topic]:
            return
        self._out.setdefault(home, []).append((record.key, pack_record(Carried(record, number, arrived_ms))))
        self._sent[topic][home] = number
        self._since_us, self._has_sent, self._silent = now_us, True, False
        self.carried_to[topic] = number + 1
        others = fitting(record.key or b"", self.partition, self.placement.partitions)
        self._counts[topic, others[0] if others else UNKNOWN] += 1

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
        """A log was made anew: what comes of it has higher numbers than what came before, or what waits here of the
        carried topic comes no more."""
        if topic in self._anew:
            self._anew[topic] = self.carried_to[topic]
        else:
            self._pending.clear()
            self._next = 0

    def take_out(self) -> tuple[dict[int, list[Record]], Counter[tuple[str, str]]]:
        """Home → records to write, and how many of each (topic, function that put them here)."""
        out, counts = self._out, self._counts
        self._out, self._counts = {}, Counter()
        return out, counts

    @property
    def must_tell(self) -> bool:
        """Whether a turn has to be written although nothing was applied: others may wait for it."""
        return bool(self._out) or (self._moved and self.tells)

    @property
    def tells(self) -> bool:
        """Whether others may wait for this partition."""
        if self._silent or self._has_sent:
            return not self._silent
        heard = self.placement.heard.get(self.partition)
        if heard and all(read.ended_us == NEVER for read in heard[-1].read.values()):
            return False  # a life before this one has said so
        return self.placement.tells(self.partition)

    def beat(self) -> None:
        """It is time to tell again how far this partition is."""
        self._moved = True

    def progress(self, now_us: int) -> Progress | None:
        """What the others are to be told with this turn; None for nothing."""
        if not self.tells:
            return None
        self._moved = False
        if now_us - self._since_us > TELLS_FOR_US:
            self._silent = True
            return Progress(dict.fromkeys(self.topics, Read(NEVER, NEVER)), self._sent)
        return Progress(dict(self._read), self._sent)

    # ---- what came from elsewhere

    def receive(self, carrier: ConsumerRecord) -> Carried | None:
        """A record of the carried topic → what it carries; None for what was applied already."""
        self._next = carrier.offset + 1
        carried = unpack_record(carrier.value)
        stream = (carried.record.topic, carried.record.partition)
        self._received[stream] = carried.number
        if carried.number <= self._applied.get(stream, -1):
            return None
        self._pending[*stream, carried.number] = carrier.offset
        return carried

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
        return {number for _, number in self._received} | self.placement.telling(self.partition)

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
        return min((read.ended_us for read in self.others()), default=NEVER)

    # ---- among the positions of the state

    def positions(self) -> Iterator[tuple[str, int]]:
        for topic, number in self.carried_to.items():
            if self._sent[topic]:
                yield CARRIED + topic, number
        yield from ((ANEW + topic, number) for topic, number in self._anew.items() if number)
        for topic, homes in self._sent.items():
            yield from ((f"{SENT}{topic}:{home}", offset) for home, offset in homes.items())
        for (topic, number), offset in self._applied.items():
            yield f"{APPLIED}{topic}:{number}", offset

    def restore(self, positions: dict[str, int]) -> dict[str, int]:
        """Takes its own out of them; returns the rest. What is no topic of ours any more is left out."""
        rest = {}
        for name, offset in positions.items():
            if ":" not in name:
                rest[name] = offset
            elif name.startswith((CARRIED, ANEW)):
                kind, topic = name.split(":")
                (self.carried_to if kind + ":" == CARRIED else self._anew)[topic] = offset
            else:
                kind, topic, number = name.split(":")
                if kind + ":" == SENT:
                    self._sent.setdefault(topic, {})[int(number)] = offset
                elif kind + ":" == APPLIED:
                    self._applied[topic, int(number)] = offset
        self._received = dict(self._applied)
        return rest
