"""Whatever the bytes of a batch are, the partition goes on: what is good is read, what is not is set aside by the place
where it lies."""

from __future__ import annotations

import gzip
import random
import struct
import tracemalloc

import cramjam
import pytest

from service.fetching import Limits, SetAside
from service.fetching.lenient import LARGEST_RECORD, MOST_HEADERS
from service.fetching.unpacking import ALWAYS_ALLOWED, TooLargeError, UnpackingError, allowed_bytes, unpack
from tests.support.hostile_batches import (
    GZIP,
    LZ4,
    PACK,
    SNAPPY,
    TRANSACTIONAL,
    ZSTD,
    Made,
    batch,
    body_of,
    bomb,
    marker,
    record,
    varint,
    with_checksum,
    zstd_of_zeros,
)
from tests.support.read_batches import TP, LogReader, log_of, ordinary, told

CODECS = [GZIP, SNAPPY, LZ4, ZSTD]
BEFORE, AFTER = batch(0, [Made(b"a")] * 3), batch(10, [Made(b"z")] * 2)
"""Offsets 0 to 2, and 10 and 11; what is in between had 3 to 9."""
NOT_TEXT = [(b"\xff\xfe", b"v")]


def around(hostile: bytes, last: int = 9) -> list[tuple[int, bytes]]:
    return [(2, BEFORE), (last, hostile), (11, AFTER)]


def seven(**changes: object) -> bytes:
    """Offsets 3 to 9."""
    return batch(3, [Made(b"m", b"%d" % number) for number in range(7)], **changes)  # type: ignore[arg-type]


# ---- in order


@pytest.mark.parametrize("codec", [0, *CODECS])
def test_what_is_in_order_is_read_as_aiokafka_reads_it(codec: int) -> None:
    records = [Made(b"k", None, [(b"h", b"v"), (b"n", None)]), Made(None, b"v", timestamp_delta=-7), Made(b"", b"")]
    content = batch(3, records * 5, codec) + batch(18, records, codec)

    found = LogReader(log_of(batch(3, records * 5, codec), batch(18, records, codec))).all()

    assert found == list(ordinary(content))
    assert [each.offset for each in found] == [*range(3, 21)]


def test_a_fetch_from_the_middle_of_a_batch_begins_there() -> None:
    assert told(LogReader(log_of(BEFORE, seven(codec=ZSTD), AFTER), 5).all()) == [5, 6, 7, 8, 9, 10, 11]


def test_what_compaction_took_is_no_loss() -> None:
    holed = batch(3, [Made(delta=1), Made(delta=5)], last_delta=6)
    emptied = batch(3, [], last_delta=6)

    assert told(LogReader(around(holed)).all()) == [0, 1, 2, 4, 8, 10, 11]
    assert told(LogReader(around(emptied)).all()) == [0, 1, 2, 10, 11]


def test_a_batch_that_is_not_all_here_comes_with_the_next_fetch() -> None:
    reader = LogReader(around(seven()), cut=lambda content: content[:-30] if content.startswith(BEFORE) else content)

    assert told(reader.all()) == [*range(12)]
    assert reader.fetches == 2


def test_everything_has_its_record_when_millions_lie_in_one_batch() -> None:
    reader = LogReader(log_of(batch(0, [Made(None, None)] * 5_000, ZSTD)), most=1_000)

    first = reader.some()

    assert told(first) == [*range(1_000)]
    assert told(reader.all()) == [*range(1_000, 5_000)]
    assert reader.fetches == 1, "it is unpacked once"


# ---- compression


@pytest.mark.parametrize("codec", CODECS)
def test_a_bomb_is_set_aside_and_what_lies_around_it_is_read(codec: int) -> None:
    hostile = batch(3, [Made()] * 7, codec, packed=bomb(codec, 16 << 20))
    tracemalloc.start()

    found = LogReader(around(hostile), limits=Limits(1 << 20)).all()

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert told(found) == [0, 1, 2, (3, 9, "decompressed_too_large"), 10, 11]
    aside = found[3]
    assert isinstance(aside, SetAside)
    assert aside.size == len(hostile)
    assert aside.checksum == f"crc32c:{struct.unpack_from('>I', hostile, 17)[0]:08x}", "its own, as the broker shows it"
    assert peak < 3 << 20


@pytest.mark.parametrize("codec", CODECS)
def test_records_before_a_bomb_in_its_batch_are_read(codec: int) -> None:
    body = body_of([Made(b"good"), Made(b"fine"), Made(value=bytes(4 << 20)), Made(b"behind")])

    found = LogReader(log_of(batch(0, [Made()] * 4, codec, body=body)), limits=Limits(1 << 20)).all()

    assert told(found) == [0, 1, (2, 3, "decompressed_too_large")]
    assert [each.key for each in found[:2]] == [b"good", b"fine"]


def test_twelve_kilobytes_of_zstd_are_worth_twelve_megabytes_and_no_more() -> None:
    packed = zstd_of_zeros(body_of([Made()]), 400 << 20)

    with pytest.raises(TooLargeError) as refused:
        unpack(ZSTD, memoryview(packed), 32 << 20, 0)

    assert len(packed) < 13_000
    assert len(refused.value.part) == allowed_bytes(len(packed), 32 << 20) < 13_000_000
    assert len(bytes(cramjam.zstd.decompress(zstd_of_zeros(b"", 1 << 20)))) == 1 << 20, "it is a frame"


def test_what_may_be_unpacked_grows_with_what_is_packed_up_to_a_limit() -> None:
    assert allowed_bytes(10, 32 << 20) == ALWAYS_ALLOWED
    assert allowed_bytes(20_000, 32 << 20) == 20_000_000
    assert allowed_bytes(2 << 20, 32 << 20) == 32 << 20
    assert allowed_bytes(10, 1 << 20) == 1 << 20


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("size", [0, 1, 1_000, 65_536, 200_000])
def test_what_is_allowed_is_unpacked_to_the_byte(codec: int, size: int) -> None:
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)

    unpacked = unpack(codec, memoryview(PACK[codec](content)), 32 << 20, 61)

    assert bytes(unpacked[61:]) == content


@pytest.mark.parametrize("codec", CODECS)
def test_packed_bytes_that_are_cut_off_or_wrong_are_refused(codec: int) -> None:
    packed = PACK[codec](b'{"event_id": "e-1", "customer_id": "c-1"}' * 200)

    for wrong in (packed[:-9], packed[:20], b"\0" * 50):
        with pytest.raises(UnpackingError):
            unpack(codec, memoryview(wrong), 32 << 20, 0)


def test_several_members_and_frames_are_one_content() -> None:
    assert bytes(unpack(GZIP, memoryview(gzip.compress(b"one") + gzip.compress(b"two") + b"\0\0"), 99, 0)) == b"onetwo"
    frames = bytes(cramjam.zstd.compress(b"one")) + bytes(cramjam.zstd.compress(b"two"))
    assert bytes(unpack(ZSTD, memoryview(frames), 99, 0)) == b"onetwo"
    assert bytes(unpack(SNAPPY, memoryview(bytes(cramjam.snappy.compress_raw(b"bare"))), 99, 0)) == b"bare"


def test_a_block_that_says_it_holds_gigabytes_is_not_believed() -> None:
    with pytest.raises((UnpackingError, TooLargeError)):
        unpack(SNAPPY, memoryview(b"\xff\xff\xff\xff\x0f" + b"x" * 50), 32 << 20, 0)


def test_a_fetch_of_bombs_is_unpacked_piece_by_piece() -> None:
    packed = [
        batch(10 * number, [Made()], ZSTD, last_delta=9, packed=zstd_of_zeros(b"", 1 << 20)) for number in range(40)
    ]
    reader = LogReader(log_of(*packed), limits=Limits(4 << 20))
    most = 0

    while reader.position < 400:
        reader.some()
        most = max(most, reader.taken.unpacked)

    assert most <= 5 << 20
    assert reader.fetches > 5


@pytest.mark.parametrize("codec", [5, 6, 7])
def test_an_unknown_compression_is_set_aside(codec: int) -> None:
    assert told(LogReader(around(seven(codec=codec))).all()) == [0, 1, 2, (3, 9, "unknown_format"), 10, 11]


@pytest.mark.parametrize("codec", CODECS)
def test_what_cannot_be_unpacked_is_set_aside(codec: int) -> None:
    hostile = seven(codec=codec, packed=b"not packed at all, and rather long for what it is")

    assert told(LogReader(around(hostile)).all()) == [0, 1, 2, (3, 9, "corrupt"), 10, 11]


# ---- headers, keys, records


@pytest.mark.parametrize("codec", [0, *CODECS])
def test_a_header_name_that_is_no_text_costs_its_own_record_only(codec: int) -> None:
    hostile = batch(3, [Made(), Made(b"anna", b"{1}", NOT_TEXT), Made()], codec, last_delta=6)

    found = LogReader(around(hostile)).all()

    assert told(found) == [0, 1, 2, 3, (4, 4, "header_not_text"), 5, 10, 11]
    aside = found[4]
    assert isinstance(aside, SetAside)
    assert (aside.key, aside.readable, aside.value) == (b"anna", b"{1}", b"")
    assert aside.timestamp == 1_772_353_800_000
    assert aside.size == len(record(Made(b"anna", b"{1}", NOT_TEXT), 1)) - 1
    assert aside.checksum is not None


@pytest.mark.parametrize("codec", [0, ZSTD])
def test_headers_by_the_ten_thousand_are_read_and_more_are_set_aside(codec: int) -> None:
    fine, many = Made(headers=[(b"", None)] * MOST_HEADERS), Made(b"many", headers=[(b"", None)] * (MOST_HEADERS + 1))

    found = LogReader(log_of(batch(0, [Made(), fine, many, Made()], codec))).all()

    assert told(found) == [0, 1, (2, 2, "too_large"), 3]
    assert len(found[1].headers) == MOST_HEADERS
    assert found[2].key == b"many"


def test_a_million_headers_do_not_become_objects() -> None:
    hostile = batch(3, [Made(), Made(headers=[(b"", None)] * 1_000_000), Made()], ZSTD, last_delta=6)
    tracemalloc.start()

    found = LogReader(around(hostile)).all()

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert told(found) == [0, 1, 2, 3, (4, 4, "too_large"), 5, 10, 11]
    assert peak < 16 << 20


def test_many_records_of_many_headers_are_handed_out_a_few_at_a_time() -> None:
    records = [Made(headers=[(b"", None)] * 9_000)] * 30
    reader = LogReader(log_of(batch(0, records, ZSTD)), limits=Limits(8 << 20))

    assert told(reader.all()) == [*range(30)]
    assert reader.fetches > 3


@pytest.mark.parametrize("codec", [0, ZSTD])
def test_a_key_of_a_megabyte_and_a_value_of_several_are_whole(codec: int) -> None:
    records = [Made(b"k" * (1 << 20), b"v"), Made(b"k", random.Random(1).randbytes(5 << 20)), Made(None, None)]

    found = LogReader(log_of(batch(0, records, codec))).all()

    assert [(each.key, each.value) for each in found] == [(made.key, made.value) for made in records]


def test_a_record_that_no_dead_letter_can_carry_is_not_copied() -> None:
    huge = Made(b"k" * 100_000, b"v" * LARGEST_RECORD)

    found = LogReader(log_of(batch(0, [Made(), huge, Made()]))).all()

    assert told(found) == [0, (1, 1, "too_large"), 2]
    assert found[1].key == b"k" * (64 << 10)
    assert isinstance(found[1], SetAside)
    assert found[1].size is not None
    assert found[1].size > LARGEST_RECORD


# ---- lengths and numbers


@pytest.mark.parametrize(
    "inside",
    [
        b"\0\0\2" + varint(-2) + b"\1\1\0",  # a key of fewer than no bytes is none: the rest fits
        b"\0\0\2" + varint(1 << 62) + b"kkkk",
        b"\0\0\2" + varint(100) + b"k",
        b"\0\0\2\1\1" + varint(-1),
        b"\0\0\2\1\1" + varint(1 << 40),
        b"\0\0\2\1\1\2" + varint(-5) + b"\1",
        b"\0\0\2\1\1\2" + varint(60) + b"name",
        b"\0\0\2\1\1\0" + b"left over",
        b"\0",
        b"",
        b"\xff" * 40,
    ],
)
def test_a_record_that_is_wrong_inside_costs_itself_only(inside: bytes) -> None:
    body = record(Made(b"first"), 0) + varint(len(inside)) + inside + record(Made(b"third"), 2)

    found = LogReader(around(batch(3, [Made()] * 3, body=body, last_delta=6))).all()

    assert [each for each in told(found) if each not in ((4, 4, "corrupt"), 4)] == [0, 1, 2, 3, 5, 10, 11]
    assert len(found) == 8


@pytest.mark.parametrize("length", [-1, -(1 << 40), 1 << 20, 1 << 62])
def test_behind_a_record_of_a_wrong_length_nothing_of_its_batch_is_believed(length: int) -> None:
    body = record(Made(b"first"), 0) + varint(length) + b"whatever it is" * 3

    assert told(LogReader(around(batch(3, [Made()] * 7, body=body))).all()) == [
        0, 1, 2, 3, (4, 9, "corrupt"), 10, 11,
    ]  # fmt: skip


@pytest.mark.parametrize("count", [-1, -(1 << 31), 0, 2, 8, (1 << 31) - 1])
def test_a_wrong_number_of_records_is_noticed(count: int) -> None:
    found = told(LogReader(around(seven(count=count))).all())

    whole = [3, 4, 5, 6, 7, 8, 9]
    read = whole if count > 7 else whole[: max(count, 0)]
    assert found == [0, 1, 2, *read, *([] if count > 7 else [(3 + len(read), 9, "corrupt")]), 10, 11]


@pytest.mark.parametrize("deltas", [[0, 1 << 40], [0, -5], [0, 0], [3, 1], [0, 7]])
def test_an_offset_outside_of_its_batch_moves_nobody(deltas: list[int]) -> None:
    hostile = batch(3, [Made(delta=delta) for delta in deltas], last_delta=6)

    found = told(LogReader(around(hostile)).all())

    first = 3 + deltas[0]
    assert found == [0, 1, 2, first, (first + 1, 9, "corrupt"), 10, 11]


@pytest.mark.parametrize("first", [0, -1, -(1 << 63), (1 << 63) - 1])
@pytest.mark.parametrize("delta", [0, -(1 << 62), (1 << 62) - 1])
def test_a_timestamp_may_be_anything(first: int, delta: int) -> None:
    hostile = batch(3, [Made(timestamp_delta=delta), Made()], first_timestamp=first, last_delta=6)

    assert told(LogReader(around(hostile)).all()) == [0, 1, 2, 3, 4, 10, 11]


# ---- batches that are not to be believed


def test_a_wrong_checksum_is_asked_for_again_and_then_set_aside() -> None:
    hostile = seven()
    hostile = hostile[:-1] + bytes([hostile[-1] ^ 1])
    reader = LogReader(around(hostile))

    found = reader.all()

    assert told(found) == [0, 1, 2, (3, 9, "corrupt"), 10, 11]
    assert reader.fetches == 1 + 3


def test_what_was_wrong_on_its_way_only_is_read_when_it_comes_again() -> None:
    answers = iter([b"\0"])

    def on_its_way(content: bytes) -> bytes:
        return content[:-1] + next(answers, content[-1:])

    reader = LogReader(log_of(seven()), cut=on_its_way)

    assert told(reader.all()) == [*range(3, 10)]


@pytest.mark.parametrize("length", [-(1 << 31), -12, -1, 0, 5, 48, 49, 200, (1 << 31) - 1])
def test_a_batch_of_a_wrong_length_ends_where_the_next_sound_one_begins(length: int) -> None:
    hostile = seven()
    hostile = hostile[:8] + struct.pack(">i", length) + hostile[12:]

    assert told(LogReader(around(hostile)).all()) == [0, 1, 2, (3, 9, "corrupt"), 10, 11]


@pytest.mark.parametrize("magic", [3, 7, 127, 255])
def test_a_format_that_is_not_known_is_set_aside(magic: int) -> None:
    hostile = seven()
    hostile = hostile[:16] + bytes([magic]) + hostile[17:]

    assert told(LogReader(around(hostile)).all()) == [0, 1, 2, (3, 9, "unknown_format"), 10, 11]


def test_the_last_batch_of_the_log_may_be_the_broken_one() -> None:
    hostile = seven(crc=1)

    assert told(LogReader([(2, BEFORE), (9, hostile)]).all()) == [0, 1, 2, (3, 9, "corrupt")]


@pytest.mark.parametrize("last_delta", [-1, -(1 << 31), 9, (1 << 31) - 1])
def test_a_last_offset_that_cannot_be_takes_nothing_with_it(last_delta: int) -> None:
    hostile = with_checksum(seven(last_delta=last_delta))

    found = told(LogReader(around(hostile)).all())

    assert found[:3] == [0, 1, 2]
    assert found[-2:] == [10, 11]


@pytest.mark.parametrize("base", [-1, -(1 << 63), 1 << 40, 0])
def test_a_first_offset_that_cannot_be_takes_nothing_with_it(base: int) -> None:
    hostile = struct.pack(">q", base) + seven()[8:]

    found = told(LogReader(around(hostile)).all())

    assert found[:3] == [0, 1, 2]
    assert found[-2:] == [10, 11]
    assert len(found) > 5, "what is missing is said"


@pytest.mark.parametrize("content", [b"\0" * 16, b"\0" * 17, b"\xff" * 300, b"\2" * 3_000])
def test_a_log_of_nothing_but_rubbish_is_walked_through(content: bytes) -> None:
    found = LogReader([(20, content)], high=21).all()

    assert all(isinstance(each, SetAside) for each in found)
    assert [each.last for each in found][-1] == 20


# ---- who led


def led_by(epoch: int, content: bytes) -> bytes:
    """As a leader of that epoch has taken it; its checksum does not count that."""
    return content[:12] + struct.pack(">i", epoch) + content[16:]


def test_the_epoch_of_the_newest_leader_is_that_of_what_was_read_of_marks_and_of_what_was_aborted_as_well() -> None:
    log = log_of(
        led_by(3, batch(0, [Made()] * 2)),
        led_by(5, batch(2, [Made(b"aborted")], attributes=TRANSACTIONAL, producer=7)),
        led_by(6, marker(3, 7, commit=False)),
        led_by(8, batch(4, [Made()] * 2, ZSTD)),
    )
    seen = []
    for last in (1, 2, 3, 5):
        reader = LogReader([(end, content) for end, content in log if end <= last], aborted=[(7, 2)])
        reader.all()
        seen.append(reader.taken.epochs)

    assert seen == [{TP: epoch} for epoch in (3, 5, 6, 8)]


# ---- transactions


def test_hostile_batches_of_an_aborted_transaction_are_nobodys_and_cost_nothing() -> None:
    log = log_of(
        batch(0, [Made(b"aborted")], attributes=TRANSACTIONAL, producer=7),
        batch(1, [Made()] * 2, ZSTD, packed=zstd_of_zeros(b"", 100 << 20), attributes=TRANSACTIONAL, producer=7),
        batch(3, [Made(b"other", headers=NOT_TEXT)], attributes=TRANSACTIONAL, producer=8),
        batch(4, [Made(headers=NOT_TEXT)], attributes=TRANSACTIONAL, producer=7),
        marker(5, 7, commit=False),
        batch(6, [Made(b"committed")], attributes=TRANSACTIONAL, producer=7),
        marker(7, 7, commit=True),
        marker(8, 8, commit=True),
        batch(9, [Made(b"plain")]),
    )
    reader = LogReader(log, aborted=[(7, 0)])

    assert told(reader.all()) == [(3, 3, "header_not_text"), 6, 9]
    assert reader.taken.unpacked == 0


@pytest.mark.parametrize("key", [None, b"", b"\0", b"\0\5\0\0", b"\xff\xff\xff\xff", b"\0\0\0\x09more"])
def test_the_end_of_a_transaction_may_be_of_any_version(key: bytes | None) -> None:
    log = log_of(
        batch(0, [Made(b"aborted")], attributes=TRANSACTIONAL, producer=7),
        batch(1, [Made(key, b"")], attributes=TRANSACTIONAL | 0x20, producer=7),
        batch(2, [Made(b"committed")], attributes=TRANSACTIONAL, producer=7),
        marker(3, 7, commit=True),
    )

    assert told(LogReader(log, aborted=[(7, 0)]).all()) == [2]


# ---- who cannot hand such things out


def test_a_reader_that_passes_over_hears_of_each() -> None:
    heard = list[SetAside]()

    found = LogReader(around(seven(codec=6)), limits=Limits(on_set_aside=heard.append)).all()

    assert told(found) == [0, 1, 2, 10, 11]
    assert told(heard) == [(3, 9, "unknown_format")]
