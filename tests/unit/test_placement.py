"""What partitions know of each other: the function of the group, and how far each has been read."""

from __future__ import annotations

from collections import Counter
from unittest.mock import patch

import msgspec
import pytest
from aiokafka.structs import ConsumerRecord
from structlog.testing import capture_logs

from service.cluster.partitioner import Kept
from service.cluster.placement import Placement, Progress, Read
from service.config import Settings
from service.domain.calendar import DAY_US, NEVER
from service.domain.changelog import PARTITIONER_KEY, PROGRESS_KEY
from service.domain.events import Erasure
from service.domain.parcels import Parcel
from service.errors import ConfigurationError, ErrorCode, FatalError
from service.fetching import SetAside
from service.streaming.carriage import PARCELS, Carriage, Carried, Delivered, Strange, pack_record, unpack
from service.wire.key_hash import FUNCTIONS

NOW_US = 1_700_000_000_000_000
TOPICS = ("customers", "purchases", "surveys")
MURMUR2 = Kept("murmur2", [], NOW_US)


def placement(partitioner: str = "auto", partitions: int = 4) -> Placement:
    return Placement(Settings(kafka={"partitioner": partitioner}), partitions)


def record(offset: int, key: bytes = b"anna", topic: str = "purchases") -> ConsumerRecord:
    return ConsumerRecord(topic, 1, offset, 5, 0, key, b"{}", None, 4, 2, (("a", b"1"), ("b", None)))


def progress(up_to_us: int, ended_us: int, sent: dict[str, dict[int, int]] | None = None) -> bytes:
    return Progress({topic: Read(up_to_us, ended_us) for topic in TOPICS}, sent or {}).pack()


def test_before_the_decision_a_key_has_a_home_only_where_all_functions_agree() -> None:
    undecided, keys = placement(), [f"c{number}".encode() for number in range(50)]
    places = [{function(key) % 4 for function in FUNCTIONS.values()} for key in keys]

    found = [undecided.home(key) for key in keys]
    undecided.take(0, PARTITIONER_KEY, MURMUR2.pack())

    assert found == [min(each) if len(each) == 1 else None for each in places]
    assert [undecided.home(key) for key in keys] == [FUNCTIONS["murmur2"](key) % 4 for key in keys]


def test_another_function_than_the_groups_is_refused_with_the_way_out() -> None:
    with pytest.raises(ConfigurationError, match=r"kafka.partitioner is crc32, but .* belong to partitions by murmur2"):
        placement("crc32").take(0, PARTITIONER_KEY, MURMUR2.pack())


def test_that_nothing_tells_functions_apart_yet_is_no_decision() -> None:
    group = placement("crc32")

    group.take(0, PARTITIONER_KEY, Kept("", [], NOW_US).pack())
    group.take(0, PARTITIONER_KEY, Kept("crc32", [2], NOW_US).pack())

    assert group.kept == Kept("crc32", [2], NOW_US)
    assert group.telling(besides=0) == {2}


def test_a_record_that_is_no_progress_ends_the_worker() -> None:
    with pytest.raises(FatalError, match="The ledger of partition 3 holds a record that cannot be read"):
        placement().take(3, PROGRESS_KEY, b"\xc1")


def test_days_of_the_ledger_are_of_no_interest_here() -> None:
    group, heard = placement(), list[int]()
    group.on_news = lambda: heard.append(1)

    group.take(0, b"\x00\x00\x4b\x01", b"a day")
    group.take(1, PROGRESS_KEY, None)

    assert (group.heard, heard) == ({}, [])


def test_what_was_carried_is_said_once_and_then_once_a_minute() -> None:
    group, seconds = placement(), iter([100.0, 130.0, 161.0])
    group.decide(MURMUR2)

    with capture_logs() as logs, patch("time.monotonic", lambda: next(seconds)):
        group.note_carried(Counter())
        for _ in range(3):
            group.note_carried(Counter({("purchases", "crc32"): 2}))

    assert [line["records"] for line in logs] == [2, 4]
    assert logs[0]["by"] == ["purchases: 2 as crc32 puts them"]
    assert "partitioner=murmur2_random" in logs[0]["repair"]
    assert group.told().startswith("6 records lay in partitions that their keys do not belong to, and were carried")
    assert placement().told() == ""


def test_a_carried_record_is_what_it_was() -> None:
    carried = Carried(record(7), 19, 123)

    assert unpack(pack_record(carried)) == carried
    with pytest.raises(FatalError, match="kind 9, which this release does not know"):
        unpack(msgspec.msgpack.encode([9, "whatever"]))


STRANGE_VALUES = [
    None,
    b"",
    b"{}",
    msgspec.msgpack.encode({}),
    msgspec.msgpack.encode([]),
    msgspec.msgpack.encode([-1]),
    msgspec.msgpack.encode(["record"]),
    msgspec.msgpack.encode([0]),
    msgspec.msgpack.encode([0, "purchases", [1], 0, 0, b"k", b"v", [], 0, 0]),
    msgspec.msgpack.encode([0, 7, 1, 0, 0, b"k", b"v", [], 0, 0]),
    msgspec.msgpack.encode([0, "purchases", 1, 0, 0, "k", b"v", [], 0, 0]),
    msgspec.msgpack.encode([0, "purchases", 1, 0, 0, b"k", b"v", [1, 2], 0, 0]),
    msgspec.msgpack.encode([1, 0, "x", 0, []]),
    msgspec.msgpack.encode([1, 0, 0, 0, [99]]),
]


@pytest.mark.parametrize("value", STRANGE_VALUES)
def test_what_a_stranger_has_written_among_what_is_carried_is_set_aside_once(value: bytes | None) -> None:
    group = placement()
    group.decide(MURMUR2)
    home = Carriage(2, TOPICS, group, NOW_US)
    carrier = ConsumerRecord("carried", 2, 0, 0, 0, b"k", value, None, 0, 0, ())

    found = home.receive(carrier)

    assert isinstance(found, Strange)
    assert found.record is carrier
    assert home.position(0) == 0, "it waits to be written to dead-letters"
    assert not home.coupled, "nobody waits for strangers"
    home.applied(home.strangers, 0)
    assert home.position(0) == 1
    told = dict(home.positions())
    assert told == {"strangers:carried:2": 0}
    again = Carriage(2, TOPICS, group, NOW_US)
    assert again.restore(told) == {}
    assert again.receive(carrier) is None


def test_what_cannot_be_read_of_what_is_carried_is_set_aside_by_its_place() -> None:
    group = placement()
    group.decide(MURMUR2)
    home = Carriage(2, TOPICS, group, NOW_US)

    found = home.receive(SetAside("carried", 2, 4, 9, ErrorCode.CORRUPT, "a checksum is wrong"))

    assert isinstance(found, Strange)
    assert (found.code, found.message) == (ErrorCode.CORRUPT, "a checksum is wrong")
    home.applied(home.strangers, 9)
    assert home.position(0) == 10


def test_a_record_is_carried_once_however_often_it_is_read() -> None:
    group = placement()
    group.decide(MURMUR2)
    carriage = Carriage(1, TOPICS, group, NOW_US)
    for offset in (3, 5, 3, 5):
        carriage.send(record(offset), 2, NOW_US, 0)
    out, counts = carriage.take_out()
    again = Carriage(1, TOPICS, group, NOW_US)
    rest = again.restore({"purchases": 4, **dict(carriage.positions())})
    again.send(record(5), 2, NOW_US, 0)

    assert [unpack(value) for _, value in out[2]] == [Carried(record(offset), offset, 0) for offset in (3, 5)]
    assert counts.total() == 2
    assert rest == {"purchases": 4}
    assert again.take_out()[0] == {}


def test_after_a_topic_was_made_anew_its_records_are_carried_and_applied_again() -> None:
    group = placement()
    group.decide(MURMUR2)
    here, home = Carriage(1, TOPICS, group, NOW_US), Carriage(2, TOPICS, group, NOW_US)
    here.send(record(5), 2, NOW_US, 0)
    here.begins_anew("purchases")
    here.send(record(0), 2, NOW_US, 0)

    for place, (_, value) in enumerate(here.take_out()[0][2]):
        found = home.receive(ConsumerRecord("carried", 2, place, 0, 0, b"anna", value, None, 0, 0, ()))
        assert isinstance(found, Carried)
        home.applied(("purchases", 1), found.number)

    assert home.position(0) == 2
    assert dict(home.positions()) == {"applied:purchases:1": 6}
    assert {**dict(here.positions())}["anew:purchases"] == 6


def test_what_was_carried_in_a_topic_that_is_gone_is_waited_for_by_nobody_also_after_a_restart() -> None:
    group = placement()
    group.decide(MURMUR2)
    here = Carriage(1, TOPICS, group, NOW_US)
    here.send(record(5), 2, NOW_US, 0)
    here.send_parcel(parcel(), 2, NOW_US)
    here.take_out()
    here.begins_anew("carried")
    again = Carriage(1, TOPICS, group, NOW_US)
    again.restore(dict(here.positions()))
    told = [here.progress(NOW_US, all_applied=True), again.progress(NOW_US, all_applied=True)]
    again.send(record(6), 2, NOW_US, 0)
    again.send_parcel(parcel(1), 2, NOW_US)
    told.append(again.progress(NOW_US, all_applied=True))

    sent = [{topic: homes for topic, homes in each.sent.items() if homes} for each in told if each is not None]
    assert sent == [{}, {}, {"purchases": {2: 6}, PARCELS: {2: 1}}]
    assert here.has_ever_sent


def test_nobody_is_absent_before_the_other_partitions_have_been_read_so_far() -> None:
    group = placement()
    group.decide(Kept("murmur2", [1], NOW_US))
    carriage = Carriage(0, TOPICS, group, NOW_US)
    steps = [carriage.complete_us()]
    group.take(1, PROGRESS_KEY, progress(5, NOW_US - 900, {"purchases": {0: 7}}))
    steps.append(carriage.complete_us())  # what it has carried by then is not here yet
    carried = pack_record(Carried(record(7), 7, 0))
    carriage.receive(ConsumerRecord("carried", 0, 0, 0, 0, b"anna", carried, None, 0, 0, ()))
    steps.append(carriage.complete_us())
    group.take(1, PROGRESS_KEY, progress(NEVER, NEVER))
    steps.append(carriage.complete_us())

    assert steps == [0, 0, NOW_US - 900, NEVER]


def parcel(number: int = 0) -> Parcel:
    return Parcel(f"anna{number}", Erasure("1", f"anna{number}", 5))


def test_parcels_are_numbered_through_a_restart_and_applied_once() -> None:
    group = placement()
    group.decide(MURMUR2)
    carriage, home = Carriage(1, TOPICS, group, NOW_US), Carriage(2, TOPICS, group, NOW_US)
    for number in range(2):
        carriage.send_parcel(parcel(number), 2, NOW_US)
    again = Carriage(1, TOPICS, group, NOW_US)
    again.restore(dict(carriage.positions()))
    again.send_parcel(parcel(2), 3, NOW_US)
    again.send_parcel(parcel(3), 2, NOW_US)
    sent = [*carriage.take_out()[0][2], *again.take_out()[0][2]]

    received = []
    for place in (0, 1, 1, 2):
        key, value = sent[place]
        found = home.receive(ConsumerRecord("carried", 2, place, 0, 0, key, value, None, 0, 0, ()))
        if isinstance(found, Delivered):
            received.append((key, found))
            home.applied((PARCELS, 1), found.number)

    assert [(key, found.event.customer_id, found.number) for key, found in received] == [
        (b"anna0", "anna0", 0),
        (b"anna1", "anna1", 1),
        (b"anna3", "anna3", 3),
    ]
    assert home.others() == [], "records are applied without waiting for parcels"
    assert (home.coupled, home.has_parcels, again.has_parcels) == (False, True, True)


def test_nobody_is_absent_before_a_partition_that_sends_parcels_has_applied_its_logs() -> None:
    group = placement()
    group.decide(MURMUR2)
    sender, home = Carriage(1, TOPICS, group, NOW_US), Carriage(2, TOPICS, group, NOW_US)

    def tell(now_us: int, *, all_applied: bool) -> int:
        progress = sender.progress(now_us, all_applied=all_applied)
        assert progress is not None
        assert progress.read == {}
        group.take(1, PROGRESS_KEY, progress.pack())
        return home.complete_us()

    steps = [home.complete_us()]
    sender.send_parcel(parcel(), 2, NOW_US)
    sender.note_ends([NOW_US + 5] * 3)
    steps.append(tell(NOW_US, all_applied=False))
    steps.append(tell(NOW_US, all_applied=True))  # the parcel is not here yet
    home.receive(ConsumerRecord("carried", 2, 0, 0, 0, b"", sender.take_out()[0][2][0][1], None, 0, 0, ()))
    steps.append(home.complete_us())
    sender.beat()
    assert sender.must_tell
    steps.append(tell(NOW_US + 8 * DAY_US, all_applied=True))
    sender.beat()

    assert steps == [NEVER, 0, 0, NOW_US + 5, NEVER]
    assert not sender.must_tell
    again = Carriage(1, TOPICS, group, NOW_US)
    again.restore(dict(sender.positions()))
    assert (again.sends, again.tells) == (False, False), "a life before has said that nobody need wait"
    again.send_parcel(parcel(1), 2, NOW_US)
    assert again.sends


def test_what_is_carried_by_a_later_release_ends_the_worker() -> None:
    with pytest.raises(FatalError, match="of kind 2, which this release does not know"):
        unpack(b"\x92\x02\x00")


def test_a_group_without_such_records_waits_for_nobody_and_tells_nothing() -> None:
    group = placement()
    group.decide(MURMUR2)
    carriage = Carriage(0, TOPICS, group, NOW_US)
    carriage.note_read("purchases", 5)
    carriage.beat()

    assert (carriage.coupled, carriage.complete_us(), carriage.must_tell) == (False, NEVER, False)
    assert carriage.progress(NOW_US, all_applied=True) is None


def test_after_a_week_without_such_records_the_others_are_told_to_wait_no_longer() -> None:
    group = placement()
    group.decide(Kept("murmur2", [0], NOW_US))
    carriage = Carriage(0, TOPICS, group, NOW_US)
    soon, late = (
        carriage.progress(NOW_US + 6 * DAY_US, all_applied=True),
        carriage.progress(NOW_US + 8 * DAY_US, all_applied=True),
    )
    carriage.beat()
    silent = carriage.must_tell

    carriage.send(record(3), 2, NOW_US + 9 * DAY_US, 0)

    assert soon is not None
    assert late is not None
    assert soon.read["purchases"] == Read(-1, 0)
    assert set(late.read.values()) == {Read(NEVER, NEVER)}
    assert (silent, carriage.must_tell) == (False, True)
    group.take(0, PROGRESS_KEY, late.pack())
    assert not Carriage(0, TOPICS, group, NOW_US + 9 * DAY_US).tells, "nor does a worker that starts later"
    again = carriage.progress(NOW_US + 9 * DAY_US, all_applied=True)
    assert again is not None
    assert again.read["purchases"] == Read(-1, 0)
