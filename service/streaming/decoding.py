"""A record as the merge sees it: the event, or why it is none, or what has to be known beside."""

from __future__ import annotations

from typing import NamedTuple, cast

import structlog
from aiokafka.structs import ConsumerRecord

from service.config import Settings
from service.domain.events import Event, SignOfLife
from service.domain.parcels import Applied
from service.errors import ErrorCode, FatalError, PartlyRefusedError, PassedOverError, PoisonError
from service.fetching import SetAside
from service.refused.quarantine import Kind, Place, Quarantine, frames_of, of_record, reason_of, told_of
from service.refused.retries import Mark, Marks
from service.streaming.carriage import Carriage
from service.wire.decoder import Decoder, DecoderSettings
from service.wire.input_topics import BY_RANK

log = structlog.get_logger()


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
    mark: Mark | None = None
    """Of one that was sent back by hand."""


class Passed(NamedTuple):
    """A record that the settings say is none of ours."""

    topic: str
    why: str


Decoded = tuple[int | None, int, Applied | None, Refused | Mark | Passed | None, int]
"""One record as the merge sees it: (event time or None where it cannot be read, offset, event, what there is to know
beside, arrival in ms); an event, or why it was refused or passed over; a mark beside an event: it was sent back by
hand. A plain tuple: half a million of them are made and forgotten in ten seconds of backlog."""


class Decoding:
    """Of one partition. Inputs are counted as in BY_RANK."""

    def __init__(self, settings: Settings, quarantine: Quarantine, carriage: Carriage | None) -> None:
        """`carriage`: where records go that belong to other partitions; None: there are none."""
        self._quarantine = quarantine
        self._carriage = carriage
        self._marks = Marks(settings)
        decoder = Decoder(DecoderSettings.of(settings))
        self.schemas = decoder.schemas
        self.decode = tuple(row.decode(decoder) for row in BY_RANK)
        """Of each input: (value, key, headers, now) to the event. Raises PoisonError, PassedOverError."""
        self._withdrawals = tuple(None if row.withdrawal is None else row.withdrawal(decoder) for row in BY_RANK)
        self._signs = tuple(None if row.sign is None else row.sign(decoder) for row in BY_RANK)

    def mark(self, record: ConsumerRecord) -> Mark | None:
        """Of one that was sent back by hand; None: it was not."""
        return self._marks.of(record.headers) if record.headers else None

    def aside(self, record: ConsumerRecord, number: int, now_us: int) -> Decoded | None:
        """The record where an error of our own came up with it twice: it is not tried again. None: it is none of these.
        Raises CeilingError."""
        identity = of_record(Place(record.topic, record.partition, number))
        if not self._quarantine.is_aside(identity):
            return None
        self._quarantine.hold(now_us)
        reason = self._quarantine.reason(identity)
        log.error(
            "a record is set aside after an error of our own; `churn-alert dead-letters list --code internal_error` "
            "shows it, and a release in which it is mended takes it by `retry`",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            reason=reason,
        )
        mark = self.mark(record)
        return (None, number, None, Refused(record, ErrorCode.INTERNAL_ERROR, _own_fault(reason), None, (), mark), 0)

    def own_error(self, record: ConsumerRecord, number: int, error: Exception, now_us: int) -> Decoded:
        """The record where decoding it has failed as nobody expected. It changes nothing, so that no second life is
        needed to know that it fails again."""
        if isinstance(error, FatalError | MemoryError | OSError):
            raise error
        place = Place(record.topic, record.partition, number)
        log.error(
            "an error of our own in decoding a record",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            frames=frames_of(error),
        )
        self._quarantine.set_aside(Kind.RECORD, of_record(place), told_of(place), reason_of(error), now_us)
        entry = self.aside(record, number, now_us)
        if entry is None:
            raise error
        return entry

    def of_unreadable(self, record: ConsumerRecord, number: int, event: Event) -> Decoded:
        """A record of a customer whose stored state cannot be read: it must not begin another one."""
        message = "what is stored of this customer cannot be read; it is left as it is, for a release that can"
        mark = self.mark(record)
        return (event.at_us, number, None, Refused(record, ErrorCode.INTERNAL_ERROR, message, None, (), mark), 0)

    def refused_of(self, source: int, records: list[ConsumerRecord], now_us: int) -> tuple[int, int]:
        """How many of these would be refused, and how many there are."""
        refused = 0
        for record in records:
            try:
                self.decode[source](record.value, record.key, record.headers, now_us)
            except PassedOverError:
                continue
            except Exception:  # noqa: BLE001 - whatever is wrong with it
                refused += 1
        return refused, len(records)

    def _sign(self, source: int, record: ConsumerRecord, now_us: int) -> SignOfLife | None:
        """What a refused record still says."""
        sign_of = self._signs[source]
        if sign_of is None:
            return None
        written_us = record.timestamp * 1000
        written_us = written_us if 0 < written_us <= now_us else 0
        return sign_of(record.value, record.key, record.headers, now_us, written_us)

    def refused(self, source: int, record: ConsumerRecord, number: int, error: PoisonError, now_us: int) -> Decoded:
        """A record of the input `source` that was refused, with what it still says."""
        if isinstance(record, SetAside):
            return self._set_aside_before(source, record, number, now_us)
        mark = self.mark(record)
        if isinstance(error, PartlyRefusedError):
            event = cast("Event", error.event)
            return (
                event.at_us,
                number,
                None,
                Refused(record, error.code, error.message, event, error.further, mark),
                0,
            )
        withdrawal_of = self._withdrawals[source]
        if record.value is None and withdrawal_of is not None:
            written_us = record.timestamp * 1000 if record.timestamp > 0 else now_us
            withdrawal = withdrawal_of(record.key, written_us, record.headers)
            if withdrawal is not None:
                return (None, number, withdrawal, None, 0)
        sign = self._sign(source, record, now_us)
        at_us = sign.at_us if sign is not None and sign.own_time else None
        return (at_us, number, None, Refused(record, error.code, error.message, sign, (), mark), 0)

    def _set_aside_before(self, source: int, record: SetAside, number: int, now_us: int) -> Decoded:
        """What was set aside before anybody could decode it. Where its key and value can be read it still says who was
        there, as long as they belong here: it is carried nowhere."""
        says, sign_of = None, self._signs[source]
        carriage = self._carriage
        at_home = carriage is None or (record.key and carriage.placement.home(record.key) == carriage.partition)
        if sign_of is not None and record.key and at_home:
            written_us = record.timestamp * 1000
            value = b"?" if record.readable is None else record.readable
            says = sign_of(value, record.key, (), now_us, written_us if 0 < written_us <= now_us else 0)
        at_us = says.at_us if says is not None and says.own_time else None
        return (at_us, number, None, Refused(record, record.code, record.message, says), 0)


def _own_fault(reason: str) -> str:
    return f"an error of our own ({reason}) came up with this record twice; it is not the record's fault"
