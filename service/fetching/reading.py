"""Takes the batches of one fetch from one partition apart; whatever they are, the position moves on.

What brokers hand out is a row of batches, each with its length, its offsets and a checksum over what it holds. Where
the checksum is right the header is believed, and what the batch holds can still be anything. Where it is wrong the
batch is asked for again, for the bytes may have suffered on their way; what stays wrong is set aside up to where the
next sound batch begins.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator
from typing import Any, Final, NamedTuple

from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.legacy_records import LegacyRecordBatch
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import ConsumerRecord

from service.errors import ErrorCode
from service.fetching.lenient import (
    MOST_HEADERS,
    Broken,
    Layout,
    Readable,
    Rest,
    checksum_of,
    longest_record,
    read_leniently,
)
from service.fetching.set_aside import OnSetAside, SetAside
from service.fetching.unpacking import TooLargeError, UnknownCodecError, UnpackingError, unpack

MOST_UNPACKED: Final = 32 << 20
"""Bytes that one batch may hold, unpacked, where nothing else is said; and that are unpacked at once of all partitions
together."""
ASKED_AGAIN: Final = 2
"""Times that a batch with a wrong checksum is fetched once more."""
_PATIENT_BYTES: Final = 1 << 20
"""A batch that holds more may hold a record of half a million headers: the lengths of its records are looked at."""
_HEADER_IN_MEMORY: Final = 150
_HEADER: Final = struct.Struct(">qiibIhiqqqhii")
_OVERHEAD: Final = struct.Struct(">qiib")
_LENGTH_FROM: Final = 12
"""Bytes of a batch that its length does not count."""
_CHECKED_FROM: Final = 21
"""Where that begins over which the checksum is made."""
_ATTRIBUTES: Final = struct.Struct(">h")
_CODEC, _APPEND_TIME, _TRANSACTIONAL, _CONTROL = 0x07, 0x08, 0x10, 0x20
_MAGIC: Final = 2
_MAGIC_AT: Final = 16
_LENGTH: Final = struct.Struct(">i")
_LENGTH_AT: Final = 8
_EPOCH_AT: Final = 12
"""Of a leader, in the same form as a length."""
_LATER: Final = object()
"""In the place of a batch: the next fetch begins with it."""
_NOT_SOUND: Final = object()
"""In the place of a batch: not even where it ends is to be believed."""
_LEGACY_BYTES: Final = 26
"""Of the smallest batch of the formats before."""
_LEGACY_ATTRIBUTES_AT: Final = 17


class Taken:
    """How much has been handed out in one call of all partitions, and what was asked for again; of one fetcher."""

    def __init__(self) -> None:
        self.unpacked = 0
        self.of: dict[Any, int] = {}
        """Bytes by partition."""
        self.again: dict[Any, tuple[int, int]] = {}
        """Partition → (position, how often its batch was asked for again)."""
        self.epochs: dict[Any, int] = {}
        """Partition → the highest epoch of a leader in the batches that were read."""

    def begin(self) -> None:
        self.unpacked = 0
        self.of.clear()

    def led(self, partition: Any, epoch: int) -> None:
        if epoch > self.epochs.get(partition, -1):
            self.epochs[partition] = epoch


class Limits(NamedTuple):
    """What holds for all partitions of a reader."""

    unpacked: int = MOST_UNPACKED
    """Bytes of a batch."""
    on_set_aside: OnSetAside | None = None
    """None: they are handed out among the records."""


class _Head(NamedTuple):
    """The header of a batch."""

    base: int
    length: int
    epoch: int
    magic: int
    crc: int
    attributes: int
    last_delta: int
    first_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    records: int

    @property
    def last(self) -> int:
        return self.base + self.last_delta


class CarefulRecords(PartitionRecords):  # type: ignore[misc]  # aiokafka is untyped
    """In the place of aiokafka's, for which nothing but the iteration is another."""

    def __init__(self, ordinary: Any, content: bytes, high: int, taken: Taken, limits: Limits) -> None:
        """`ordinary` has been made for the same fetch, over anything; `high` is where the log ends, below 0 where that
        is not known."""
        self._content = content
        self._high = high if high >= 0 else 1 << 62
        self._taken = taken
        self._limits = limits
        self._body: memoryview | None = None
        """What was packed in the batch that is being read; None where nothing was."""
        self._whole = True
        """Whether that is all of it."""
        self._began_at = self.next_fetch_offset = int(ordinary.next_fetch_offset)
        super().__init__(
            ordinary._tp,
            None,
            ordinary._aborted_transactions,
            ordinary.next_fetch_offset,
            None,
            None,
            ordinary._check_crcs,
            ordinary._isolation_level,
        )

    def _unpack_records(self) -> Iterator[ConsumerRecord]:
        """One loop for what is in order, for it is gone through for every record there is."""
        content, at, high, taken = self._content, 0, self._high, self._taken
        (topic, partition), check = self._tp, self._check_crcs
        odd_bits = _CODEC | _CONTROL | (_TRANSACTIONAL if self._aborted_transactions else 0)
        self._began_at = self.next_fetch_offset
        taken.of[self._tp] = taken.of.get(self._tp, 0) + len(content)
        quick = MemoryRecords(content) if _is_in_order(content) else None
        while len(content) - at >= _OVERHEAD.size:
            batch = None if quick is None else quick.next_batch()
            stop = at + _LENGTH_FROM + _LENGTH.unpack_from(content, at + _LENGTH_AT)[0]
            following = self.next_fetch_offset
            if (
                batch is None
                or batch.attributes & odd_bits
                or stop - at > _PATIENT_BYTES
                or not following < batch.next_offset <= high
                or (check and not batch.validate_crc())
            ):
                prepared = self._prepare(at, stop)
                if prepared is _LATER:
                    return
                if prepared is _NOT_SOUND:
                    at, quick = (yield from self._give_up(at)), None
                    if not at:
                        return
                    continue
                if not isinstance(prepared, DefaultRecordBatch):
                    yield from prepared
                    at = stop
                    continue
                batch = prepared
            if content[at + _MAGIC_AT] == _MAGIC:
                taken.led(self._tp, _LENGTH.unpack_from(content, at + _EPOCH_AT)[0])
            base, last, start = batch.base_offset, batch.next_offset - 1, following
            stamp_type, odd = batch.timestamp_type, False
            try:
                for record in batch:
                    offset = record.offset
                    if not following <= offset <= last:
                        if base <= offset < start:
                            continue  # it has been read before
                        odd = True
                        break
                    key, value, headers = record.key, record.value, record.headers
                    if headers:
                        taken.unpacked += _HEADER_IN_MEMORY * len(headers)
                        if len(headers) > MOST_HEADERS:
                            odd = True
                            break
                    self.next_fetch_offset = following = offset + 1
                    yield ConsumerRecord(
                        topic,
                        partition,
                        offset,
                        record.timestamp,
                        stamp_type,
                        key,
                        value,
                        None,
                        -1 if key is None else len(key),
                        -1 if value is None else len(value),
                        tuple(headers) if headers else (),
                    )
                    if headers and taken.unpacked > self._limits.unpacked:
                        return
            except Exception:  # noqa: BLE001 - whatever aiokafka makes of bytes that are no records
                odd = True
            if odd:
                yield from self._read_patiently(self._head(at), at, stop)
            self._move_to(last + 1)
            at = stop
        if self.next_fetch_offset == self._began_at and self._to_be_given_up():
            first = self._began_at
            yield from self._set_aside(
                first, first, ErrorCode.CORRUPT, "the log holds other offsets than were asked for"
            )

    def _prepare(self, at: int, stop: int) -> Any:
        """What is not in order at first sight: a batch to be read after all, or an iterator over what it comes to, or
        _LATER, or _NOT_SOUND."""
        content = self._content
        base, _, _, magic = _OVERHEAD.unpack_from(content, at)
        smallest = _HEADER.size if magic == _MAGIC else _LEGACY_BYTES
        head = None
        if 0 <= magic <= _MAGIC and 0 <= base < self._high and smallest <= stop - at <= len(content) - at:
            if magic != _MAGIC:
                return self._read_legacy(at, stop, magic)
            head = self._sound_head(at, stop)
        if head is None:
            if self.next_fetch_offset != self._began_at or not self._to_be_given_up():
                return _LATER  # the next fetch begins with it
            return _NOT_SOUND
        if self._is_nothing_to_read(head):
            self._move_to(head.last + 1)
            return ()
        return self._unpacked(head, at, stop)

    def _is_nothing_to_read(self, head: _Head) -> bool:
        """Whether it was aborted, or is the mark of an end, or has been read."""
        self._taken.led(self._tp, head.epoch)
        if self._isolation_level == READ_COMMITTED and head.producer_id >= 0:
            self._consume_aborted_up_to(head.base)
            if head.attributes & _CONTROL:
                # Whatever its version, it ends the transaction; and one of which is known that it was aborted ends so.
                self._aborted_producers.discard(head.producer_id)
            elif head.attributes & _TRANSACTIONAL and head.producer_id in self._aborted_producers:
                return True
        return bool(head.attributes & _CONTROL) or head.last < self.next_fetch_offset

    def _unpacked(self, head: _Head, at: int, stop: int) -> Any:
        """The batch, or an iterator over what it comes to, or _LATER."""
        taken, content = self._taken, memoryview(self._content)[at:stop]
        codec = head.attributes & _CODEC
        if not codec:
            batch = content
        elif taken.unpacked >= self._limits.unpacked:
            return _LATER  # what has been unpacked goes first
        else:
            try:
                batch = unpack(codec, content[_HEADER.size :], self._limits.unpacked, _HEADER.size)
            except UnknownCodecError as error:
                return self._set_run_aside(head.last, content, ErrorCode.UNKNOWN_FORMAT, str(error))
            except UnpackingError as error:
                return self._set_run_aside(head.last, content, ErrorCode.CORRUPT, f"it cannot be unpacked: {error}")
            except TooLargeError as error:
                self._body, self._whole = error.part[_HEADER.size :], False
                taken.unpacked += len(error.part)
                return self._read_patiently(head, at, stop)
            taken.unpacked += len(batch)
            taken.of[self._tp] += len(batch)
            batch[: _HEADER.size] = content[: _HEADER.size]
            _ATTRIBUTES.pack_into(batch, _CHECKED_FROM, head.attributes & ~_CODEC)
            self._body = batch[_HEADER.size :]
        if len(batch) > _PATIENT_BYTES and longest_record(batch[_HEADER.size :], head.records) > _PATIENT_BYTES:
            return self._read_patiently(head, at, stop)
        return DefaultRecordBatch(batch)

    def _sound_head(self, at: int, stop: int) -> _Head | None:
        """The header of a batch; None for one that is not to be believed."""
        head = self._head(at)
        if head.last >= self._high:
            return None
        checked = memoryview(self._content)[at + _CHECKED_FROM : stop]
        return head if not self._check_crcs or head.crc == calc_crc32c(checked) else None

    def _head(self, at: int) -> _Head:
        return _Head(*_HEADER.unpack_from(self._content, at))

    def _read_patiently(self, head: _Head, at: int, stop: int) -> Iterator[ConsumerRecord]:
        """What can be read of a batch, from the position on, and what cannot."""
        content, whole = memoryview(self._content)[at:stop], self._whole
        body = content[_HEADER.size :] if self._body is None else self._body
        self._body, self._whole = None, True
        topic, partition = self._tp
        append_time = head.max_timestamp if head.attributes & _APPEND_TIME else None
        layout = Layout(head.base, head.last, head.records, head.first_timestamp, append_time)
        for found in read_leniently(body, layout):
            if isinstance(found, Rest):
                code, message = found.code, found.message
                if not whole:
                    code, message = ErrorCode.DECOMPRESSED_TOO_LARGE, f"unpacked it holds more than {len(body)} bytes"
                yield from self._set_run_aside(head.last, content, code, message, head.first_timestamp)
                break
            if found.offset < self.next_fetch_offset:
                continue
            self.next_fetch_offset = found.offset + 1
            if isinstance(found, Readable):
                offset, timestamp, key, value, headers = found
                yield ConsumerRecord(
                    topic,
                    partition,
                    offset,
                    timestamp,
                    0 if append_time is None else 1,
                    key,
                    value,
                    None,
                    -1 if key is None else len(key),
                    -1 if value is None else len(value),
                    headers,
                )
            else:
                yield from self._hand_out(_of_one(topic, partition, found))
        self._move_to(head.last + 1)

    def _read_legacy(self, at: int, stop: int, magic: int) -> Iterator[ConsumerRecord]:
        """The formats before 2, as brokers before 4.0 may keep them: a record by itself, or one that holds others."""
        content = self._content[at:stop]
        (last,) = struct.unpack_from(">q", content)
        try:
            batch = LegacyRecordBatch(content, magic)
            _demand(batch.validate_crc())
            if content[_LEGACY_ATTRIBUTES_AT] & _CODEC:
                unpack(
                    content[_LEGACY_ATTRIBUTES_AT] & _CODEC, _packed_of_legacy(content, magic), self._limits.unpacked, 0
                )
            for record in batch:
                _demand(record.offset <= last)
                if record.offset >= self.next_fetch_offset:
                    self.next_fetch_offset = record.offset + 1
                    yield self._consumer_record(self._tp, record)
        except TooLargeError as error:
            code, message = ErrorCode.DECOMPRESSED_TOO_LARGE, f"unpacked it holds more than {len(error.part)} bytes"
            yield from self._set_run_aside(last, memoryview(content), code, message)
        except Exception as error:  # noqa: BLE001 - whatever aiokafka makes of bytes that are no records
            message = f"it cannot be read: {type(error).__name__}"
            yield from self._set_run_aside(last, memoryview(content), ErrorCode.CORRUPT, message)

    # ---- what cannot be read

    def _give_up(self, at: int) -> Generator[ConsumerRecord, None, int]:
        """Sets aside a batch that is not to be believed, up to the next sound one. Returns where that begins; 0 where
        there is none in this fetch."""
        following, first = self._next_sound_batch(at), self.next_fetch_offset
        if following:
            (base,) = struct.unpack_from(">q", self._content, following)
            last, stop = base - 1, following
        else:
            last, stop = self._claimed_last(at), len(self._content)
        code, message = ErrorCode.CORRUPT, "a checksum or a length is wrong"
        magic = self._content[at + _MAGIC_AT]
        if magic > _MAGIC:
            code, message = ErrorCode.UNKNOWN_FORMAT, f"batches of format {magic} are not known"
        checksum = checksum_of(memoryview(self._content)[at:stop])
        yield from self._set_aside(first, max(first, last), code, message, stop - at, checksum)
        return following

    def _to_be_given_up(self) -> bool:
        """Whether what lies at the position has been asked for often enough."""
        position, asked = self._taken.again.get(self._tp, (-1, 0))
        asked = asked + 1 if position == self.next_fetch_offset else 1
        if asked > ASKED_AGAIN:
            self._taken.again.pop(self._tp, None)
            return True
        self._taken.again[self._tp] = (self.next_fetch_offset, asked)
        return False

    def _next_sound_batch(self, at: int) -> int:
        """Where one begins behind `at`; 0 where there is none in this fetch."""
        content = self._content
        place = content.find(_MAGIC, at + 1 + _MAGIC_AT)
        while place >= 0:
            start = place - _MAGIC_AT
            if len(content) - start >= _HEADER.size:
                base, length, *_ = _OVERHEAD.unpack_from(content, start)
                stop = start + _LENGTH_FROM + length
                beyond = self.next_fetch_offset < base < self._high and _HEADER.size <= stop - start
                if beyond and stop <= len(content) and self._sound_head(start, stop) is not None:
                    return start
            place = content.find(_MAGIC, place + 1)
        return 0

    def _claimed_last(self, at: int) -> int:
        """The last offset of a batch behind which nothing is known: what it says, if that can be."""
        if len(self._content) - at < _HEADER.size:
            return self.next_fetch_offset
        head = _Head(*_HEADER.unpack_from(self._content, at))
        can_be = head.magic == _MAGIC and 0 <= head.base <= self.next_fetch_offset and head.last_delta >= 0
        return min(head.last, self._high - 1) if can_be else self.next_fetch_offset

    def _set_run_aside(
        self, last: int, content: memoryview, code: ErrorCode, message: str, timestamp: int = -1
    ) -> Iterator[ConsumerRecord]:
        """What lies in one batch from the position on."""
        first = self.next_fetch_offset
        if first <= last:
            checksum = checksum_of(content[_CHECKED_FROM:])
            yield from self._set_aside(first, last, code, message, len(content), checksum, timestamp)

    def _set_aside(
        self,
        first: int,
        last: int,
        code: ErrorCode,
        message: str,
        size: int | None = None,
        checksum: str | None = None,
        timestamp: int = -1,
    ) -> Iterator[ConsumerRecord]:
        self._move_to(last + 1)
        topic, partition = self._tp
        yield from self._hand_out(
            SetAside(topic, partition, first, last, code, message, timestamp=timestamp, size=size, checksum=checksum)
        )

    def _hand_out(self, record: SetAside) -> Iterator[ConsumerRecord]:
        if self._limits.on_set_aside is None:
            yield record
        else:
            self._limits.on_set_aside(record)

    def _move_to(self, offset: int) -> None:
        """Never back, whatever a header says."""
        self.next_fetch_offset = max(self.next_fetch_offset, offset)


def _of_one(topic: str, partition: int, broken: Broken) -> SetAside:
    return SetAside(
        topic,
        partition,
        broken.offset,
        broken.offset,
        broken.code,
        broken.message,
        timestamp=broken.timestamp,
        key=broken.key,
        readable=broken.value if broken.code is ErrorCode.HEADER_NOT_TEXT else None,
        size=broken.size,
        checksum=broken.checksum,
    )


def _is_in_order(content: bytes) -> bool:
    """Whether all batches can be gone through by their lengths, and are of the format of today."""
    at, end = 0, len(content)
    while end - at >= _LENGTH_FROM:
        length = _LENGTH.unpack_from(content, at + _LENGTH_AT)[0]
        if length < _HEADER.size - _LENGTH_FROM:
            return False
        if end - at > _MAGIC_AT and content[at + _MAGIC_AT] != _MAGIC:
            return False
        at += _LENGTH_FROM + length
    return True


def _demand(true: bool) -> None:
    if not true:
        raise CorruptRecordException


def _packed_of_legacy(content: bytes, magic: int) -> memoryview:
    """The value of the one record that holds the others."""
    at = _LEGACY_ATTRIBUTES_AT + 1 + (8 if magic else 0)
    (key,) = struct.unpack_from(">i", content, at)
    at += 4 + max(key, 0)
    (value,) = struct.unpack_from(">i", content, at)
    return memoryview(content)[at + 4 : at + 4 + max(value, 0)]
