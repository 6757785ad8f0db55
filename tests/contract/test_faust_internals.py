"""What service/streaming overrides or reads of Faust's, mode's and aiokafka's insides is still there, in the form it
relies on.

An upgrade that moves one of these fails here with its name, not in production with a lost record.
"""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import cramjam
import faust
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection
from aiokafka.consumer.fetcher import Fetcher, FetchResult, PartitionRecords
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import TopicPartitionState
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.producer.sender import Sender
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from faust.app.base import App
from faust.serializers.schemas import Schema
from faust.transport.consumer import Consumer as BaseConsumer
from faust.transport.consumer import ThreadDelegateConsumer
from faust.transport.drivers import aiokafka as driver
from mode.services import Service

from service.cluster.log_ends import AskingClient
from service.config import KafkaSettings
from service.connection import new_async_client, new_async_consumer, new_async_producer
from service.fetching import KeepingClient, ModestClient
from service.fetching.fetcher import _NOTHING, CarefulFetcher
from service.fetching.modest import ModestConnection
from service.fetching.reading import CarefulRecords
from service.streaming import transport

PINNED = ("faust-streaming", "aiokafka", "mode-streaming")
PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


@pytest.mark.parametrize("package", PINNED)
def test_the_installed_version_is_the_pinned_one(package: str) -> None:
    wanted = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["dependencies"]

    assert f"{package}=={metadata.version(package)}" in wanted


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (driver.AIOKafkaConsumerThread._create_worker_consumer, ["self", "transport"]),
        (
            driver.AIOKafkaConsumerThread._fetch_records,
            ["self", "consumer", "active_partitions", "timeout", "max_records"],
        ),
        (driver.Consumer._new_consumer_thread, ["self"]),
        (ThreadDelegateConsumer._getmany, ["self", "active_partitions", "timeout"]),
        (driver.AIOKafkaConsumerThread.seek_to_committed, ["self"]),
        (Fetcher.request_offset_reset, ["self", "tps", "strategy"]),
        (Fetcher._proc_offset_request, ["self", "node_id", "topic_data"]),
        (AIOKafkaClient.force_metadata_update, ["self"]),
        (driver.AIOKafkaConsumerThread.on_start, ["self"]),
        (driver.AIOKafkaConsumerThread.on_thread_stop, ["self"]),
        (AIOKafkaClient.send, ["self", "node_id", "request", "group"]),
        (BaseConsumer.getmany, ["self", "timeout"]),
        (BaseConsumer._wait_next_records, ["self", "timeout"]),
        (BaseConsumer._add_gap, ["self", "tp", "offset_from", "offset_to"]),
        (BaseConsumer._new_offset, ["self", "tp"]),
        (BaseConsumer.perform_seek, ["self"]),
        (BaseConsumer.on_partitions_revoked, ["self", "revoked"]),
        (BaseConsumer.wait_empty, ["self"]),
        (App._new_transport, ["self"]),
        (App._stop_consumer, ["self"]),
        (
            Schema.compile,
            ["self", "app", "on_key_decode_error", "on_value_decode_error", "default_propagate"],
        ),
    ],
    ids=lambda value: value.__qualname__ if callable(value) else "",
)
def test_an_overridden_method_takes_what_our_override_takes(
    function: Callable[..., Any], parameters: list[str]
) -> None:
    assert list(inspect.signature(function).parameters) == parameters


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (transport.ConsumerThread, driver.AIOKafkaConsumerThread),
        (transport.Consumer, driver.Consumer),
        (transport.BatchApp, App),
        (transport.BatchSchema, Schema),
    ],
    ids=lambda kind: kind.__name__,
)
def test_every_method_we_define_over_one_of_theirs_keeps_its_parameters(ours: type, theirs: type) -> None:
    compared = 0
    for name, function in vars(ours).items():
        if inspect.isfunction(function) and name != "__init__" and hasattr(theirs, name):
            original = inspect.signature(getattr(theirs, name))
            assert list(inspect.signature(function).parameters) == list(original.parameters), name
            compared += 1

    assert compared


@pytest.mark.parametrize(
    "attribute",
    ["_acked", "_acked_index", "_unacked_messages", "_committed_offset", "_buffered_partitions", "_read_offset"],
)
def test_the_consumer_still_keeps_its_books_under_the_same_names(attribute: str) -> None:
    assert re.search(rf"self\.{attribute} = ", inspect.getsource(BaseConsumer.__init__))


@pytest.mark.parametrize(
    "attribute",
    [
        "_isolation_level",
        "_fetch_max_wait_ms",
        "_partition_assignment_strategy",
        "_subscription",
        "_fetcher",
        "_client",
    ],
)
def test_the_kafka_consumer_still_reads_what_we_set_on_it(attribute: str) -> None:
    source = inspect.getsource(AIOKafkaConsumer)

    assert len(re.findall(rf"self\.{attribute}\b", source)) >= 2, "set in the constructor and used at the start"


def test_a_partitions_fetch_state_still_tells_its_position() -> None:
    assert isinstance(TopicPartitionState.position, property)
    assert isinstance(TopicPartitionState.has_valid_position, property)


def test_an_answer_to_a_fetch_still_tells_the_offsets_of_the_log_in_the_same_places() -> None:
    wanted = ("partition", "error_code", "highwater_offset", "last_stable_offset", "log_start_offset")
    versions = [version for version in FetchRequest._CLASSES if version.API_VERSION >= 5]

    for version in versions:
        topics = dict(zip(version.RESPONSE_TYPE.SCHEMA.names, version.RESPONSE_TYPE.SCHEMA.fields, strict=True))[
            "topics"
        ]
        partitions = dict(zip(topics.array_of.names, topics.array_of.fields, strict=True))["partitions"]
        assert partitions.array_of.names[: len(wanted)] == wanted, version
    assert versions


def test_every_request_of_a_consumer_still_goes_through_the_client_that_is_made_ours() -> None:
    assert "self._client = AIOKafkaClient(" in inspect.getsource(AIOKafkaConsumer.__init__)
    assert "await self._client.send(node_id, request)" in inspect.getsource(Fetcher._proc_fetch_request)
    assert "__slots__" not in vars(AIOKafkaClient)


def test_a_consumer_still_waits_for_its_group_in_the_coordinator_that_is_closed_before() -> None:
    assert "await self._coordinator.close()" in inspect.getsource(AIOKafkaConsumer.stop)
    assert "await self._coordination_task" in inspect.getsource(GroupCoordinator.close)
    assert "if self._closing.done():\n            return" in inspect.getsource(GroupCoordinator.close)
    for name in ("_stop_heartbeat_task", "_stop_commit_offsets_refresh_task"):
        assert f"await self.{name}()" in inspect.getsource(GroupCoordinator.close)


def test_fetched_positions_move_without_a_pause_before_we_look() -> None:
    source = inspect.getsource(driver.AIOKafkaConsumerThread._fetch_records)

    assert source.count("await") == 1, "one await, of fetched_records, whose result is returned as it is"
    assert "return await fetcher.fetched_records(" in source


def test_range_assignment_gives_a_member_the_same_numbers_of_every_topic() -> None:
    class Cluster:
        def partitions_for_topic(self, _topic: str) -> set[int]:
            return {0, 1, 2, 3, 4}

    topics = ["purchases", "surveys", "customers"]
    members = {name: RangePartitionAssignor.metadata(topics) for name in ("a", "b", "c")}
    assigned = RangePartitionAssignor.assign(Cluster(), members)

    for member in members:
        by_topic = [sorted(numbers) for _, numbers in assigned[member].assignment]
        assert len(by_topic) == 3
        assert by_topic[0] == by_topic[1] == by_topic[2]


def test_starting_a_transactional_producer_still_means_fencing_the_one_before() -> None:
    assert "await self._sender.start()" in inspect.getsource(AIOKafkaProducer.start)
    assert "await self._maybe_wait_for_pid()" in inspect.getsource(Sender.start)


def test_a_record_larger_than_a_batch_still_makes_a_batch_of_its_own() -> None:
    builder = DefaultRecordBatchBuilder(2, 0, True, -1, -1, -1, 1_000)

    assert builder.append(0, 0, b"k", b"x" * 5_000, []) is not None
    assert builder.append(1, 0, b"k", b"x", []) is None


def test_a_service_still_tells_why_it_crashed() -> None:
    assert "_crash_reason" in Service.__annotations__
    assert isinstance(inspect.getattr_static(Service, "should_stop"), property)


def test_a_message_is_made_from_the_same_fields() -> None:
    wanted = [
        "topic", "partition", "offset", "timestamp", "timestamp_type", "headers", "key", "value", "checksum",
        "serialized_key_size", "serialized_value_size", "tp", "time_in", "time_out", "time_total", "generation_id",
    ]  # fmt: skip

    assert list(inspect.signature(faust.types.ConsumerMessage).parameters) == wanted


# ---- careful reading (service/fetching)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (CarefulFetcher, Fetcher),
        (CarefulRecords, PartitionRecords),
        (KeepingClient, AIOKafkaClient),
        (ModestClient, AIOKafkaClient),
        (ModestConnection, AIOKafkaConnection),
    ],
    ids=lambda kind: kind.__name__,
)
def test_what_reads_carefully_takes_what_theirs_take(ours: type, theirs: type) -> None:
    over = [name for name, of in vars(ours).items() if inspect.isfunction(of) and name in vars(theirs)]

    assert set(over) - {"__init__"}
    for name in set(over) - {"__init__"}:
        wanted, found = inspect.signature(getattr(theirs, name)), inspect.signature(getattr(ours, name))
        assert list(found.parameters) == list(wanted.parameters), name


async def test_no_client_of_ours_makes_a_topic_by_asking_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker makes whatever is asked for, unless it is told not to, by its own settings or by who asks."""
    asked = list[Any]()
    kafka = KafkaSettings()

    async def connection(_: Any, __: Any, **___: Any) -> AIOKafkaConnection:
        return AIOKafkaConnection("127.0.0.1", 1)

    monkeypatch.setattr(AIOKafkaClient, "_get_conn", connection)
    monkeypatch.setattr(AIOKafkaConnection, "send", lambda _, request, __=True: asked.append(request))
    consumer, producer = new_async_consumer(kafka), new_async_producer(kafka)
    clients = [consumer._client, producer.client, new_async_client(kafka)]
    assert issubclass(AskingClient, ModestClient), "the client of a worker's consumer"

    for client in clients:
        (await client._get_conn(0)).send(MetadataRequest(["purchases"]))

    consumer._closed = producer._closed = True  # they were never started
    newest = MetadataRequest._CLASSES[-1]
    assert [request.build(newest).allow_auto_topic_creation for request in asked] == [False] * 3


def test_a_consumer_still_has_its_fetcher_made_at_the_start_and_takes_it_from_there() -> None:
    assert "self._fetcher = Fetcher(" in inspect.getsource(AIOKafkaConsumer.start)
    assert "create_task(self._fetch_requests_routine())" in inspect.getsource(Fetcher.__init__)
    for kind in (AIOKafkaConsumer, Fetcher, FetchResult, PartitionRecords):
        assert "__slots__" not in vars(kind), "its class can be refined"


def test_a_fetch_still_makes_its_records_of_what_comes_last_and_keeps_them_by_partition() -> None:
    source = inspect.getsource(Fetcher._proc_fetch_request)

    assert len(re.findall(r"\bawait ", source)) == 2, (
        "the answer, and a pause after an error: nothing runs between it and our look"
    )
    assert "records = MemoryRecords(part_data[-1])" in source
    assert "self._records[tp] = FetchResult(" in source
    assert "tp_state.highwater = highwater" in source
    for version in FetchRequest._CLASSES:
        topics = dict(zip(version.RESPONSE_TYPE.SCHEMA.names, version.RESPONSE_TYPE.SCHEMA.fields, strict=True))[
            "topics"
        ]
        partitions = dict(zip(topics.array_of.names, topics.array_of.fields, strict=True))["partitions"]
        assert partitions.array_of.names[-1] in {"message_set", "records"}


def test_what_was_fetched_is_still_iterated_and_its_position_taken_from_it() -> None:
    source = inspect.getsource(FetchResult)

    assert set(re.findall(r"self\._partition_records(?!\w)(\.\w+)?", source)) == {"", ".next_fetch_offset"}
    assert "for msg in self._partition_records:" in source
    assert "type(res_or_error) is FetchResult" in inspect.getsource(Fetcher.fetched_records)


@pytest.mark.parametrize(
    "attribute",
    [
        "_tp",
        "_aborted_transactions",
        "_aborted_producers",
        "_check_crcs",
        "_isolation_level",
        "next_fetch_offset",
        "_records_iterator",
    ],
)
def test_records_of_a_partition_still_keep_their_books_under_the_same_names(attribute: str) -> None:
    assert re.search(rf"self\.{attribute} = ", inspect.getsource(PartitionRecords.__init__))


def test_unpacking_into_too_little_room_still_says_so() -> None:
    packed = bytes(cramjam.zstd.compress(bytes(1_000)))

    with pytest.raises(cramjam.DecompressionError, match="write whole buffer"):
        cramjam.zstd.decompress_into(packed, bytearray(999))
    with pytest.raises(cramjam.DecompressionError, match="write whole buffer"):
        cramjam.lz4.decompress_into(bytes(cramjam.lz4.compress(bytes(1_000))), bytearray(999))


def test_a_batch_still_tells_what_is_looked_at() -> None:
    batch = DefaultRecordBatch(_NOTHING)

    assert (batch.base_offset, batch.next_offset, batch.attributes, batch.timestamp_type) == (0, 0, 0, 0)
    assert MemoryRecords(_NOTHING).has_next()
