"""What a state is not carried to or from, and why, before anything is changed; and what two halves of one make."""

from __future__ import annotations

import gzip
import json
import signal
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka import TopicPartition

from service.carrying.archive import Archive
from service.carrying.exporting import export_state
from service.carrying.importing import import_state
from service.carrying.outputs import Outputs
from service.carrying.reading import newest
from service.carrying.repartitioning import repartition
from service.carrying.resetting import reset_state
from service.carrying.writing import open_writer, set_offsets
from service.cluster import topics
from service.cluster.known_logs import KnownLogs
from service.cluster.tail import open_reader, partitions_of, records_until_now
from service.config import Settings
from service.delivery.memory import Entry, State, key_of, pack
from service.domain.changelog import KEYED_KEY, LOGS_KEY, POSITION_KEY, UNFINISHED_KEY, unpack_positions
from service.errors import ChurnAlertError
from service.feed.partitions import partition_for
from tests.integration.test_operations import NAMES, Cafe, cafe_of, shop_of
from tests.support.broker import TestBroker
from tests.support.load import Line, lines_of, send, settings_for
from tests.support.worker_process import WorkerProcess

pytestmark = [pytest.mark.broker]

AIOKAFKA_WAITS_S = 0.5
"""Where nothing else is said, a fetch waits for records for so long."""


@pytest.fixture(scope="module")
def known(broker: TestBroker, tmp_path_factory: pytest.TempPathFactory) -> Cafe:
    """A shop of two partitions whose workers have stopped, everything applied."""
    cafe = cafe_of(broker, f"t{tmp_path_factory.getbasetemp().name}-carry-", tmp_path_factory.mktemp("carry"), 2)
    cafe.send(shop_of(0, 30))
    cafe.start()
    cafe.apply_all()
    cafe.stop()
    cafe.close()
    return cafe


def refused(action: Callable[[], object]) -> str:
    with pytest.raises(ChurnAlertError) as error:
        action()
    return str(error.value)


def held(settings: Settings, number: int) -> dict[bytes, bytes]:
    with open_reader(settings.kafka) as reader:
        return newest(reader, TopicPartition(settings.kafka.state_topic, number))


def ids_in(value: bytes) -> dict[str, bytes]:
    """Which topics a state was read from."""
    logs = KnownLogs()
    logs.restore(value)
    assert logs.of
    return {topic: known.id for topic, known in logs.of.items()}


def another(settings: Settings, name: str, **shop: object) -> Settings:
    return settings.changed(kafka={"group": f"{settings.kafka.group}-{name}"}, **({"shop": shop} if shop else {}))


def test_a_group_of_another_name_goes_on_from_the_same_positions(known: Cafe, tmp_path: Path) -> None:
    file = tmp_path / "state"
    written = export_state(known.settings, file)
    other = another(known.settings, "other")

    moved = import_state(other, file)

    assert (moved.partitions, file.stat().st_mode & 0o777) == (2, 0o600)
    assert any("was left as it is" in note for note in moved.notes)
    assert Archive(file).records == written.records
    for number in range(2):
        before, after = held(known.settings, number), held(other, number)
        assert after.pop(KEYED_KEY)
        assert set(ids_in(after.pop(LOGS_KEY)).items()) <= set(ids_in(before.pop(LOGS_KEY)).items())
        read = unpack_positions(before.pop(POSITION_KEY))
        del read[known.settings.kafka.carried_topic]  # its own is empty
        assert unpack_positions(after.pop(POSITION_KEY)) == read
        assert after == before
    assert "has a state already" in refused(lambda: import_state(other, file))
    assert "there already" in refused(lambda: export_state(known.settings, file))


def test_what_would_not_be_exact_is_refused_and_nothing_is_written(known: Cafe, tmp_path: Path) -> None:
    file, settings = tmp_path / "state", known.settings
    export_state(settings, file)
    foreign = settings_for(settings.kafka.bootstrap_servers, f"{settings.kafka.group}-foreign-")
    topics.create(foreign, partitions=2)
    send(settings.kafka.bootstrap_servers, lines_of(shop_of(0, 2), foreign), 2)

    for said, action in {
        "shop.timezone is 'UTC'": lambda: import_state(another(settings, "a", timezone="UTC"), file),
        "shop.currency is 'USD'": lambda: import_state(another(settings, "a", currency="USD"), file),
        "shop.erasure_salt": lambda: import_state(another(settings, "a", erasure_salt="another secret of tests"), file),
        "cannot be carried to 3": lambda: import_state(another(settings, "a"), file, partitions=3),
        "cannot be carried to 1": lambda: import_state(another(settings, "a"), file, partitions=1),
        "--read-from beginning": lambda: import_state(foreign, file),
        "Take a multiple of 2, such as 4": lambda: repartition(settings, 3, "never"),
        "has 2 partitions already": lambda: repartition(settings, 2, "never"),
        "names the present group": lambda: repartition(settings, 4, settings.kafka.group),
        "does not exist": lambda: export_state(another(settings, "none"), tmp_path / "none"),
        "kafka.partitioner is crc32": lambda: repartition(
            settings.changed(kafka={"partitioner": "crc32"}), 4, "never"
        ),
    }.items():  # fmt: skip
        assert said in refused(action), said
    assert not (tmp_path / "none").exists()
    with open_reader(settings.kafka) as reader:
        assert another(settings, "a").kafka.state_topic not in reader.topics()
        assert "never-state" not in reader.topics()
        assert len(reader.partitions_for_topic(settings.kafka.topics.purchases) or ()) == 2


@pytest.mark.parametrize(("read_from", "position"), [("beginning", 0), ("end", 12)])
def test_inputs_that_hold_records_are_begun_where_it_is_said(
    known: Cafe, tmp_path: Path, topic_prefix: str, read_from: str, position: int
) -> None:
    export_state(known.settings, tmp_path / "state")
    settings = settings_for(known.settings.kafka.bootstrap_servers, topic_prefix)
    topics.create(settings, partitions=2)
    events = [event for event in shop_of(0, 30) if event.customer_id in NAMES][:12]
    send(settings.kafka.bootstrap_servers, lines_of(events, settings), 2)

    moved = import_state(settings, tmp_path / "state", read_from=read_from)  # type: ignore[arg-type]

    begun = [unpack_positions(held(settings, number)[POSITION_KEY]) for number in range(2)]
    assert sum(each[settings.kafka.topics.purchases] for each in begun) == position
    assert any("scores, numbers and deliveries" in note for note in moved.notes)
    with open_reader(settings.kafka) as reader:
        told = {entry.key for entry in Outputs(settings).entries(reader) if entry.topic == "customer_scores"}
    assert told == {name.encode() for name in NAMES}


def test_what_is_not_applied_and_who_still_works_is_named(
    broker: TestBroker, topic_prefix: str, tmp_path: Path
) -> None:
    cafe = cafe_of(broker, topic_prefix, tmp_path)
    settings = cafe.settings
    cafe.send(shop_of(0, 10))
    with WorkerProcess(settings, "w0", static=False) as worker:
        worker.wait_assigned()
        cafe.apply_all()
        for action in (
            lambda: export_state(settings, tmp_path / "state"),
            lambda: repartition(settings, 2, f"{settings.kafka.group}-2"),
            lambda: reset_state(settings),
        ):
            said = refused(action)
            assert f"The consumer group {settings.kafka.group} is active (client id 'churn-alert-worker@" in said
        assert worker.end(signal.SIGTERM) == 0
    cafe.send(shop_of(10, 1))

    said = refused(lambda: repartition(settings, 2, f"{settings.kafka.group}-2"))

    assert (
        f"of {settings.kafka.topics.purchases}" in said or "is active" in said
    )  # killed: a member until its session ends


def test_a_half_is_told_from_a_whole(known: Cafe, tmp_path: Path) -> None:
    """An import that was broken off: no worker goes on from it, nobody exports it, and a reset takes it away."""
    file, half = tmp_path / "state", another(known.settings, "half")
    export_state(known.settings, file)
    import_state(half, file)
    broken_off = [Line(half.kafka.state_topic, UNFINISHED_KEY, b"1")]
    send(half.kafka.bootstrap_servers, broken_off, 2)

    said = refused(lambda: export_state(half, tmp_path / "never"))
    reset_state(half)
    import_state(half, file)
    assert "is not whole" in said
    assert all(UNFINISHED_KEY not in held(half, number) for number in range(2))

    send(half.kafka.bootstrap_servers, broken_off, 2)
    with WorkerProcess(half, "w0", static=False) as worker:
        assert worker.wait() == 70
        assert "is not whole" in worker.log


def test_who_has_read_to_an_end_does_not_wait_for_the_answer_to_the_next_question(known: Cafe) -> None:
    """A fetch that waits at the broker for new records holds up all that comes after it on the line."""
    kafka, asked = known.settings.kafka, 20
    with open_reader(kafka) as reader:
        list(records_until_now(reader, partitions_of(reader, kafka.state_topic)))
        ends = partitions_of(reader, kafka.topics.purchases)
        began = time.monotonic()
        for _ in range(asked):
            reader.poll(timeout_ms=1)
            assert sum(reader.end_offsets(ends).values()) > 0
        took_s = time.monotonic() - began

    assert took_s < asked * AIOKAFKA_WAITS_S / 2


def test_a_file_is_read_by_other_programs(known: Cafe, tmp_path: Path) -> None:
    """As docs/operations/state-file.md describes it."""
    export_state(known.settings, tmp_path / "state")

    lines = [json.loads(line) for line in gzip.decompress((tmp_path / "state").read_bytes()).splitlines()]

    assert lines[0]["format"] == "churn-alert-state"
    assert lines[0]["made_under"]["timezone"] == "Europe/Paris"
    assert {line[0] for line in lines[1:-2]} >= {"state", "ledger", "customer_scores", "period_metrics"}
    assert lines[-2]["inputs"]["purchases"]["unread"] == 0
    assert lines[-1]["records"] == len(lines) - 3


def test_requests_and_what_was_delivered_go_where_their_customers_belong(
    broker: TestBroker, topic_prefix: str, tmp_path: Path
) -> None:
    """One request was delivered, the others wait; the deliverer goes on behind what is asked for again."""
    cafe = cafe_of(broker, topic_prefix, tmp_path)
    settings, names = cafe.settings, cafe.settings.kafka.topics
    cafe.send(shop_of(0, 70))
    cafe.start()
    cafe.apply_all()
    cafe.stop()
    cafe.close()
    group, before = f"{settings.kafka.group}-deliver", read_all(settings, names.outreach)
    asked = [record for record in before if b"outreach.requested" in record.value]
    first = msgspec.json.decode(asked[0].value)
    who = first["data"]["customer_id"]
    entry = Entry(State.DELIVERED, "", 1, 1, 1_800_000_000_000_000, who, False)
    with open_writer(settings.kafka) as writer:
        writer.put(names.deliveries, 0, key_of("smtp", first["id"]), pack("smtp", first["id"], entry))
        writer.flush()
    with closing(topics.connect(settings.kafka)) as admin:
        set_offsets(admin, group, {TopicPartition(names.outreach, 0): asked[1].offset})

    moved = repartition(settings, 4, f"{settings.kafka.group}-4")

    waited = [record for record in before if record.offset >= asked[1].offset]
    old = {(record.partition, record.offset) for record in before}
    again = [each for each in read_all(settings, names.outreach) if (each.partition, each.offset) not in old]
    assert sorted(each.value for each in again) == sorted(each.value for each in waited)
    assert all(partition_for(each.key, 4) == each.partition for each in again)
    with open_reader(settings.kafka) as reader:
        delivered = [bool(newest(reader, TopicPartition(names.deliveries, partition))) for partition in range(4)]
        scores = [
            (partition, key)
            for partition in range(4)
            for key in newest(reader, TopicPartition(names.customer_scores, partition))
        ]
    assert [number for number in range(4) if delivered[number]] == [partition_for(who.encode(), 4)]
    assert sorted(key.decode() for _, key in scores) == sorted(NAMES)
    assert all(partition_for(key, 4) == partition for partition, key in scores)
    with closing(topics.connect(settings.kafka)) as admin:
        told = admin.list_group_offsets({f"{settings.kafka.group}-4-deliver": None})
    offsets = {tp.partition: at.offset for tp, at in told[f"{settings.kafka.group}-4-deliver"].items()}
    assert offsets[0] > before[-1].offset
    assert all(offsets[record.partition] <= record.offset for record in again), "all of them are read"
    assert [note for note in moved.notes if note.startswith(f"{len(waited)} requests")] != []


def read_all(settings: Settings, topic: str) -> list[Any]:
    with open_reader(settings.kafka) as reader:
        return list(records_until_now(reader, partitions_of(reader, topic)))
