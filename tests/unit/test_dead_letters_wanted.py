"""Dead letters are found by reason, topic, time and customer."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from aiokafka.structs import ConsumerRecord
from structlog.testing import capture_logs

from schemas.outputs import DeadLetter, DeadLetterReference
from service.commands.dead_letters import _shown, instant
from service.errors import ConfigurationError, ErrorCode
from service.refused.dead_letters import Reference, StoredDeadLetter, Wanted, _letter_of, encode_reference

NOW_US = 1_800_000_000_000_000


def letter(key: bytes | None = b"anna", value: bytes | None = b"{}") -> StoredDeadLetter:
    def text(content: bytes | None) -> str | None:
        return None if content is None else base64.b64encode(content).decode()

    return StoredDeadLetter(
        0,
        7,
        DeadLetter(
            error_code="unknown_currency",
            error_message="No rate.",
            source_topic="purchases",
            source_partition=0,
            source_offset=3,
            source_timestamp=None,
            refused_at="2026-03-01T09:30:00Z",
            key_base64=text(key),
            value_base64=text(value),
            headers=(),
        ),
    )


@pytest.mark.parametrize(
    ("key", "value", "customers"),
    [
        (b"anna", b'{"customer_id": "anna"}', ["anna"]),
        (b"anna", b'{"customer_id": "bert"}', ["anna", "bert"]),
        (None, b'{"data": {"customer_id": "cleo"}}', ["cleo"]),
        (b"anna", b"\xff{", ["anna"]),
        (b"\xff", None, ["\N{REPLACEMENT CHARACTER}"]),
        (None, b"[" * 100_000, []),
        (None, b'{"customer_id": 7, "data": 8}', []),
        (None, b"[1]", []),
    ],
)
def test_a_letter_is_whose_key_it_has_and_whom_it_names(
    key: bytes | None, value: bytes | None, customers: list[str]
) -> None:
    assert letter(key, value).customers == customers


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), True),
        (Wanted(code="unknown_currency"), True),
        (Wanted(code="not_json"), False),
        (Wanted(topic="purchases"), True),
        (Wanted(topic="surveys"), False),
        (Wanted(customer="anna"), True),
        (Wanted(customer="ann"), False),
        (Wanted(since=datetime(2026, 3, 1, 9, 30, tzinfo=UTC)), True),
        (Wanted(since=datetime(2026, 3, 1, 9, 31, tzinfo=UTC)), False),
        (Wanted(until=datetime(2026, 3, 1, 9, 30, tzinfo=UTC)), False),
        (Wanted(until=datetime(2026, 3, 2, tzinfo=UTC)), True),
        (Wanted(customer="anna", topic="surveys"), False),
    ],
)
def test_what_is_wanted_is_found_by_all_that_was_said(wanted: Wanted, found: bool) -> None:
    assert wanted.includes(letter()) is found


def test_a_time_without_a_zone_is_the_shops() -> None:
    paris = ZoneInfo("Europe/Paris")

    assert instant("--since", "2026-03-01", paris) == datetime(2026, 2, 28, 23, tzinfo=UTC)
    assert instant("--since", "2026-03-01T09:30:00+05:00", paris) == datetime(2026, 3, 1, 4, 30, tzinfo=UTC)
    assert instant("--since", None, paris) is None
    with pytest.raises(ConfigurationError, match="--until 'yesterday' is no date"):
        instant("--until", "yesterday", paris)


def test_a_key_does_not_reach_the_terminal_as_it_is() -> None:
    assert _shown("\x1b[31mred") == "\N{REPLACEMENT CHARACTER}[31mred"
    assert _shown("a" * 50) == "a" * 39 + "…"


def test_what_is_set_aside_by_reference_says_where_it_lies_and_how_to_know_it_again() -> None:
    reference = Reference("purchases", 3, 17, 19, 20_480, "crc32c:1c291ca3", 1_772_353_800_000, b"anna")
    encoded = encode_reference(reference, ErrorCode.DECOMPRESSED_TOO_LARGE, "too much", NOW_US)

    said = DeadLetter.model_validate_json(encoded)

    assert said.error_code == "decompressed_too_large"
    assert (said.source_topic, said.source_partition, said.source_offset) == ("purchases", 3, 17)
    assert said.reference == DeadLetterReference(last_offset=19, size_bytes=20_480, checksum="crc32c:1c291ca3")
    assert said.cut_off == ("value", "headers")
    assert said.source_timestamp == "2026-03-01T08:30:00Z"
    stored = StoredDeadLetter(0, 7, said)
    assert not stored.whole
    assert stored.source == "purchases 3/17-19"
    assert stored.customers == ["anna"]
    assert Wanted(code="decompressed_too_large").includes(stored)


@pytest.mark.parametrize("key", [None, b"k" * 1_000_000])
@pytest.mark.parametrize("timestamp_ms", [-1, 1 << 62, -(1 << 63)])
def test_a_reference_can_be_written_whatever_is_known_of_it(key: bytes | None, timestamp_ms: int) -> None:
    reference = Reference("purchases", 0, 5, 5, None, None, timestamp_ms, key)

    encoded = encode_reference(reference, ErrorCode.CORRUPT, "broken", NOW_US)

    stored = StoredDeadLetter(0, 7, DeadLetter.model_validate_json(encoded))
    assert stored.letter.source_timestamp is None
    assert stored.source == "purchases 0/5"
    assert len(encoded) < 100_000
    assert stored.letter.cut_off == ("key", "value", "headers")


def test_a_letter_that_holds_its_record_is_whole_and_refers_to_nothing() -> None:
    assert letter().whole
    assert letter().source == "purchases 0/3"
    assert letter().letter.reference is None


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"{}",
        b"[1]",
        b"\xff\xfe",
        letter().letter.model_dump_json().replace("e30=", "e30").encode(),
        letter().letter.model_dump_json().replace("e30=", "\N{SNOWMAN}").encode(),
    ],
)
def test_what_a_stranger_has_put_among_the_dead_letters_is_passed_over_and_said(value: bytes | None) -> None:
    with capture_logs() as logs:
        assert _letter_of(ConsumerRecord("dead-letters", 1, 7, 0, 0, None, value, None, 0, 0, ())) is None

    assert [line["place"] for line in logs] == ["1/7"]


def test_a_dead_letter_is_read_as_it_was_written() -> None:
    value = letter().letter.model_dump_json().encode()

    assert _letter_of(ConsumerRecord("dead-letters", 1, 7, 0, 0, None, value, None, 0, 0, ())) == letter().letter
