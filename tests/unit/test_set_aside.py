"""What the fetch has set aside becomes one dead letter each, moves the position over what it stands for, and still says
who was there where that can be read."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from schemas.outputs import DeadLetter
from service.cluster.tail import refuse_what_may_be_ours
from service.config import Settings
from service.domain.changelog import POSITION_KEY, unpack_positions
from service.errors import ErrorCode, FatalError
from service.fetching import SetAside
from service.refused.dead_letters import StoredDeadLetter, encode_dead_letter
from service.streaming.job import PartitionJob, Written

NOW_US = 1_800_000_000_000_000
SAID = b'{"event_id": "e-1", "customer_id": "anna", "occurred_at": "2025-01-01T10:00:00Z", "amount": 5}'
RUN = SetAside(
    "purchases", 0, 3, 9, ErrorCode.DECOMPRESSED_TOO_LARGE, "too much", timestamp=1_735_725_600_000, size=20_480, checksum="crc32c:1c291ca3"
)  # fmt: skip


def job_with(topic: str, *records: ConsumerRecord) -> tuple[PartitionJob, Written]:
    job = PartitionJob(Settings(time={"clock": "event"}), 0)
    return job, turn_of(job, topic, *records)


def turn_of(job: PartitionJob, topic: str, *records: ConsumerRecord) -> Written:
    job.inbox.put(job.sources.index(topic), list(records))
    taken = job.inbox.take(lambda _: True, 100)
    job.apply(taken)
    written = job.drain(len(taken))
    assert written is not None
    return written


def letters_of(written: Written) -> list[StoredDeadLetter]:
    found = [
        value for to, records in written.records.items() if to.topic == "dead-letters" for _, value in records if value
    ]
    return [StoredDeadLetter(0, place, DeadLetter.model_validate_json(value)) for place, value in enumerate(found)]


def good(offset: int) -> ConsumerRecord:
    value = SAID.replace(b"e-1", b"e-%d" % offset)
    return ConsumerRecord("purchases", 0, offset, 1_735_725_600_000, 0, b"anna", value, None, 4, len(value), ())


@pytest.mark.parametrize("topic", ["purchases", "surveys", "customers"])
def test_a_run_that_is_set_aside_is_one_letter_and_the_position_lies_behind_it(topic: str) -> None:
    run = SetAside(topic, 0, 3, 9, RUN.code, RUN.message, size=RUN.size, checksum=RUN.checksum)

    job, written = job_with(topic, run)

    (letter,) = letters_of(written)
    assert letter.source == f"{topic} 0/3-9"
    assert letter.letter.error_code == "decompressed_too_large"
    assert letter.letter.reference is not None
    assert (letter.letter.reference.size_bytes, letter.letter.reference.checksum) == (20_480, "crc32c:1c291ca3")
    assert written.dead_letters == {"decompressed_too_large": 1}
    assert job.positions[topic] == 10


def test_good_records_around_it_count_and_a_restart_tells_of_it_once() -> None:
    job, written = job_with("purchases", good(2), RUN, good(10))

    assert job.engine.customers["anna"].orders == 2
    stored = {key: value for records in written.records.values() for key, value in records}
    assert unpack_positions(stored[POSITION_KEY] or b"")["purchases"] == 11
    later = PartitionJob(Settings(time={"clock": "event"}), 0)
    for key, value in written.records[next(to for to in written.records if to.topic.endswith("-state"))]:
        assert key is not None
        later.restore(next(to.topic for to in written.records if to.topic.endswith("-state")), key, value)
    later.restored()
    again = turn_of(later, "purchases", good(2), RUN, good(10), good(11))
    assert letters_of(again) == []
    assert later.engine.customers["anna"].orders == 3


def test_a_record_whose_headers_cannot_be_carried_is_shown_and_is_a_sign_of_life() -> None:
    aside = SetAside(
        "purchases", 0, 5, 5, ErrorCode.HEADER_NOT_TEXT, "not UTF-8", timestamp=1_735_725_600_000, key=b"anna", readable=SAID, size=120, checksum="crc32c:00000001"
    )  # fmt: skip

    job, written = job_with("purchases", good(2), aside)

    (letter,) = letters_of(written)
    assert json.loads(SAID) == json.loads(_value(letter.letter))
    assert letter.letter.cut_off == ("headers",)
    assert letter.customers == ["anna"]
    assert not letter.whole
    assert job.engine.customers["anna"].orders == 1
    assert job.positions["purchases"] == 6


def _value(letter: DeadLetter) -> bytes:
    return base64.b64decode(letter.value_base64 or "")


@pytest.mark.parametrize(
    "about",
    [
        {"timestamp": (1 << 63) - 1},
        {"timestamp": -(1 << 63)},
        {"key": b"\xff" * 70_000},
        {"key": b"anna", "readable": b"x" * (9 << 20)},
        {"key": b"k" * (2 << 20), "readable": b"x" * (12 << 20), "size": 1, "checksum": "c"},
    ],
)
def test_whatever_is_set_aside_has_a_letter_that_can_be_written(about: dict[str, Any]) -> None:
    encoded = encode_dead_letter(
        SetAside("purchases", 0, 1, 1, ErrorCode.HEADER_NOT_TEXT, "no", **about),
        ErrorCode.HEADER_NOT_TEXT,
        "no",
        NOW_US,
    )

    assert DeadLetter.model_validate_json(encoded).reference is not None
    assert len(encoded) < 15 << 20


def test_a_changelog_that_cannot_be_read_is_said_and_nothing_is_begun_without_it() -> None:
    with pytest.raises(FatalError, match=r"changelog state-0 cannot be read at offset 3: a checksum .*state import"):
        refuse_what_may_be_ours(SetAside("state", 0, 3, 9, ErrorCode.CORRUPT, "a checksum or a length is wrong"))
