"""What could never be understood: written once with everything needed to repair and replay it, listed, and replayed."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
import structlog
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import ConsumerRecord
from kafka.errors import KafkaError

from schemas.outputs import DeadLetter
from service.cluster.tail import open_reader, partitions_of, records_until_now
from service.config import Settings
from service.connection import new_producer
from service.domain.calendar import utc_text
from service.domain.changelog import ASKED_PREFIX
from service.errors import ConfigurationError, ErrorCode
from service.fetching import SetAside
from service.refused.retries import OWN_HEADERS, RETRIED_HEADER, Mark, Marks, Retries, identity_of, pack_asked

log = structlog.get_logger()

_encode = msgspec.json.encode
_LARGEST_BYTES = 15 << 20
"""Below what one request may carry (producer.MAX_REQUEST_BYTES)."""
_HEADER_BYTES = 64
"""What a header takes in JSON beside its name and value."""
_CUT_BYTES = 64 << 10
"""What is kept of a key or value that cannot be copied whole: enough to see what it was."""
_LARGEST_KEY = 1 << 20
"""Of a dead letter itself, which has the key of its record."""
_NO_TIME_MS = 1 << 45
"""From here on a number is no time: that would be the year 3084."""
_RETRY_BLOCK = 500
"""Records of which it is written together that they were sent."""
_RETRY_WAIT_S = 60


def encode_dead_letter(record: ConsumerRecord, code: ErrorCode, message: str, now_us: int) -> bytes:
    """The wire form (`schemas.outputs.DeadLetter`) of a refused record; the original bytes are kept, unless one record
    cannot carry them: a few kilobytes hold a value of 400 MB, compressed. Then the beginning is, and where the whole
    lies."""
    if isinstance(record, SetAside) and record.readable is None:
        return encode_reference(_reference_of(record), code, message, now_us)
    key, value, headers = record.key, record.value, record.headers
    cut_off: list[str] = []
    if isinstance(record, SetAside):
        value = record.readable
        cut_off.append("headers")
    if _as_json_bytes(headers) > _LARGEST_BYTES // 4:
        cut_off.append("headers")
        message, headers = f"{message} ({len(headers)} headers left out: too large)", ()
    if key is not None and len(key) > _LARGEST_KEY:
        cut_off.append("key")
        message, key = f"{message} (the key has {len(key)} bytes: cut off)", key[:_CUT_BYTES]
    if (
        value is not None
        and (len(value) + len(key or b"")) * 4 // 3 + _as_json_bytes(headers) > _LARGEST_BYTES - _CUT_BYTES
    ):
        cut_off.append("value")
        message, value = f"{message} (the value has {len(value)} bytes: cut off)", value[:_CUT_BYTES]
    letter = {
        "error_code": code.value,
        "error_message": message,
        "source_topic": record.topic,
        "source_partition": record.partition,
        "source_offset": record.offset,
        "source_timestamp": _timestamp(record.timestamp),
        "refused_at": utc_text(now_us),
        "key_base64": key,
        "value_base64": value,
        "headers": [{"name": name, "value_base64": content} for name, content in headers],
    }
    if cut_off:
        letter |= {"cut_off": cut_off, "reference": _found_again(record)}
    return _encode(letter)


def _found_again(record: ConsumerRecord) -> dict[str, object]:
    """By what one record of which something was left out is known again."""
    if isinstance(record, SetAside):
        return _wire_reference(record.last, record.size, record.checksum)
    size = len(record.key or b"") + len(record.value or b"")
    return _wire_reference(record.offset, size, f"crc32c:{calc_crc32c(record.value or b''):08x}")


def _wire_reference(last_offset: int, size: int | None, checksum: str | None) -> dict[str, object]:
    """`schemas.outputs.DeadLetterReference`."""
    return {"last_offset": last_offset, "size_bytes": size, "checksum": checksum}


def _reference_of(record: SetAside) -> Reference:
    return Reference(
        record.topic,
        record.partition,
        record.first,
        record.last,
        record.size,
        record.checksum,
        record.timestamp,
        record.key,
    )


class Reference(NamedTuple):
    """A record, or an unbroken run of them, whose bytes no dead letter can carry: where they lie, and how to know them
    again."""

    topic: str
    partition: int
    offset: int
    last_offset: int
    """The same as `offset`: one record."""
    size: int | None = None
    """Bytes they take there; None = not known."""
    checksum: str | None = None
    """Of those bytes, "function:value"; None = not known."""
    timestamp_ms: int = -1
    """The Kafka timestamp of the first; below 0 = not known."""
    key: bytes | None = None
    """Of the record, where it could be read."""


def encode_reference(reference: Reference, code: ErrorCode, message: str, now_us: int) -> bytes:
    """The wire form (`schemas.outputs.DeadLetter`) of records that are set aside by reference."""
    key, cut_off = reference.key, ["value", "headers"]
    if key is None or len(key) > _CUT_BYTES:
        key, cut_off = key if key is None else key[:_CUT_BYTES], ["key", *cut_off]
    return _encode(
        {
            "error_code": code.value,
            "error_message": message,
            "source_topic": reference.topic,
            "source_partition": reference.partition,
            "source_offset": reference.offset,
            "source_timestamp": _timestamp(reference.timestamp_ms),
            "refused_at": utc_text(now_us),
            "key_base64": key,
            "value_base64": None,
            "headers": [],
            "cut_off": cut_off,
            "reference": _wire_reference(reference.last_offset, reference.size, reference.checksum),
        }
    )


def _timestamp(milliseconds: int) -> str | None:
    """None for what is no time that can be written."""
    return utc_text(milliseconds * 1000) if 0 <= milliseconds < _NO_TIME_MS else None


def key_of_letter(record: ConsumerRecord) -> bytes | None:
    """The dead letter's own key: that of its record, as far as it can be one."""
    key: bytes | None = record.key
    return key if key is None or len(key) <= _LARGEST_KEY else key[:_CUT_BYTES]


def _as_json_bytes(headers: Sequence[tuple[str, bytes | None]]) -> int:
    """At most so many bytes are the headers in a dead letter: a control character in a name takes six."""
    return sum(_HEADER_BYTES + 6 * len(name) + 2 * len(value or b"") for name, value in headers)


class StoredDeadLetter(NamedTuple):
    """A dead letter with the place it lies at."""

    partition: int
    offset: int
    letter: DeadLetter

    @property
    def place(self) -> str:
        return f"{self.partition}/{self.offset}"

    @property
    def refused_at(self) -> datetime:
        return datetime.fromisoformat(self.letter.refused_at)

    @property
    def whole(self) -> bool:
        """Whether the record is all here, and can be sent again."""
        return not self.letter.cut_off and self.letter.reference is None

    @property
    def source(self) -> str:
        """Where the record lies, or the run of them."""
        letter = self.letter
        first, last = letter.source_offset, letter.reference and letter.reference.last_offset
        run = str(first) if last in {None, first} else f"{first}-{last}"
        return f"{letter.source_topic} {letter.source_partition}/{run}"

    @property
    def customers(self) -> list[str]:
        """Whose it is: by the record's key, and by what it says itself where that is another."""
        key, said = _bytes(self.letter.key_base64), _said(_bytes(self.letter.value_base64))
        keyed = [] if key is None else [key.decode(errors="replace")]
        return list(dict.fromkeys([*keyed, *said]))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which dead letters are asked for; None = all."""

    code: str | None = None
    topic: str | None = None
    customer: str | None = None
    since: datetime | None = None
    """Refused at that instant or later."""
    until: datetime | None = None
    """Refused before."""

    def includes(self, stored: StoredDeadLetter) -> bool:
        letter = stored.letter
        return (
            self.code in {None, letter.error_code}
            and self.topic in {None, letter.source_topic}
            and (self.since is None or stored.refused_at >= self.since)
            and (self.until is None or stored.refused_at < self.until)
            and (self.customer is None or self.customer in stored.customers)
        )


ALL: Final = Wanted()


def read_dead_letters(settings: Settings, code: str | None = None, wanted: Wanted = ALL) -> Iterator[StoredDeadLetter]:
    """The dead letters there are now, oldest first within a partition; `code` keeps one error code only.

    Raises ConfigurationError where there is no such topic, or no broker answers.
    """
    topic = settings.kafka.topics.dead_letters
    with open_reader(settings.kafka) as reader:
        partitions = partitions_of(reader, topic)
        if not partitions:
            raise ConfigurationError(f"The topic {topic} does not exist; `churn-alert topics create` makes it.")
        for record in records_until_now(reader, partitions):
            letter = _letter_of(record)
            if letter is None:
                continue
            stored = StoredDeadLetter(record.partition, record.offset, letter)
            if code in {None, letter.error_code} and wanted.includes(stored):
                yield stored


def _letter_of(record: Any) -> DeadLetter | None:
    """None for what is no dead letter, which is said: somebody else has written there."""
    try:
        letter = DeadLetter.model_validate_json(record.value or b"")
        contents = [letter.key_base64, letter.value_base64, *(header.value_base64 for header in letter.headers)]
        for content in contents:
            _bytes(content)
    except ValueError:  # of pydantic, and of base64
        log.warning("this is no dead letter, and is passed over", place=f"{record.partition}/{record.offset}")
        return None
    return letter


def read_retries(settings: Settings) -> Retries:
    """What has become of letters that were sent back. Raises ConfigurationError where no broker answers."""
    found, topic = Retries(), settings.kafka.ledger_topic
    with open_reader(settings.kafka) as reader:
        partitions = partitions_of(reader, topic)
        for record in records_until_now(reader, partitions) if partitions else ():
            found.take(record.key, record.value)
    return found


def retry_dead_letters(settings: Settings, letters: Sequence[StoredDeadLetter], retries: Retries) -> int:
    """Writes the original records back to the topics they came from; returns how many. Of which only a part, or nothing
    is here is left out: what came back would be another record. Several letters about one record send it once.

    That they were sent is written before they are: a call that is killed leaves some of which it is said and that were
    not, which `--again` sends. Twice sent does no harm, for what was taken is known by its mark. Raises
    ConfigurationError where the group has no ledger, or the broker does not take it.
    """
    kafka, marks = settings.kafka, Marks(settings)
    chosen = list({identity_of(stored.letter): stored for stored in letters if stored.whole}.items())
    if not chosen:
        return 0
    with open_reader(kafka) as reader:
        ledgers = len(partitions_of(reader, kafka.ledger_topic))
    if not ledgers:
        raise ConfigurationError(f"Topic {kafka.ledger_topic} does not exist: has a worker of this group ever run?")
    try:
        producer = new_producer(kafka, acks="all", max_request_size=16 << 20)
        try:
            for start in range(0, len(chosen), _RETRY_BLOCK):
                block = [
                    (Mark(identity, retries.attempts(stored.letter) + 1), stored)
                    for identity, stored in chosen[start : start + _RETRY_BLOCK]
                ]
                now_us = time.time_ns() // 1000
                _settle(
                    producer.send(
                        kafka.ledger_topic,
                        pack_asked(mark.attempt, now_us),
                        ASKED_PREFIX + mark.identity,
                        partition=stored.partition % ledgers,
                    )
                    for mark, stored in block
                )
                _settle(_send_back(producer, stored, marks.header(mark)) for mark, stored in block)
        finally:
            producer.close()
    except KafkaError as error:
        raise ConfigurationError(
            f"The records could not be sent back ({type(error).__name__}): try again, with --again for those that were said to be sent."
        ) from error
    return len(chosen)


def _settle(sent: Iterable[Any]) -> None:
    """Waits until the broker has all of them."""
    for each in list(sent):
        each.get(timeout=_RETRY_WAIT_S)


def _send_back(producer: Any, stored: StoredDeadLetter, mark: tuple[str, bytes]) -> Any:
    letter = stored.letter
    held = [(each.name, _bytes(each.value_base64) or b"") for each in letter.headers if each.name not in OWN_HEADERS]
    return producer.send(
        letter.source_topic,
        partition=letter.source_partition,
        key=_bytes(letter.key_base64),
        value=_bytes(letter.value_base64),
        headers=[*held, (RETRIED_HEADER, stored.place.encode()), mark],
    )


def _said(value: bytes | None) -> list[str]:
    """The customer_id in what may be an event, or an event in an envelope."""
    try:
        event = msgspec.json.decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    if not isinstance(event, dict):
        return []
    data = event.get("data")
    said = [event.get("customer_id"), data.get("customer_id") if isinstance(data, dict) else None]
    return [each for each in said if isinstance(each, str)]


def _bytes(encoded: str | None) -> bytes | None:
    return None if encoded is None else base64.b64decode(encoded)
