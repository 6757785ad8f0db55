"""The Faust app of a worker: its options, and how it hands batches of the input topics to the partitions' owners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from service.config import KafkaSettings
from service.connection import faust_broker
from service.streaming.partition import PartitionWorker
from service.streaming.transport import BatchApp, BatchSchema

Owners = Mapping[int, PartitionWorker]
"""By partition number; the worker adds and removes them as they are assigned and revoked."""


class ChurnAlertApp(BatchApp):
    """Asks the owners what may be fetched, and tells them what was."""

    def __init__(self, group: str, owners: Owners, **options: Any) -> None:
        self._owners = owners
        super().__init__(group, **options)

    def wants(self, tp: Any) -> bool:
        owner = self._owners.get(tp.partition)
        return owner is None or owner.wants(tp.topic)

    def ends_noted(self) -> None:
        for owner in self._owners.values():
            owner.poke()

    def drop_queues(self, revoked: Any) -> None:
        for number in {tp.partition for tp in revoked}:
            if number in self._owners:
                self._owners[number].drop_queue()


def new_app(
    kafka: KafkaSettings,
    owners: Owners,
    directory: str,
    topics: Sequence[str],
    client_id: str,
    *,
    asks_again: bool = False,
) -> ChurnAlertApp:
    """An app that reads these topics and keeps nothing but a few files in `directory`. `asks_again`: as BatchApp's."""
    app = ChurnAlertApp(
        kafka.group,
        owners,
        **faust_broker(kafka),
        largest_unpacked=kafka.unpacked_bytes,
        asks_again=asks_again,
        store="memory://",
        datadir=f"{directory}/faust",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=kafka.instance_id,
        consumer_max_fetch_size=kafka.fetch_bytes,
        stream_buffer_maxsize=64,
        stream_wait_empty=True,
        broker_client_id=client_id,
        broker_session_timeout=kafka.session_timeout_s,
        broker_heartbeat_interval=kafka.heartbeat_interval_s,
        broker_rebalance_timeout=kafka.rebalance_timeout_s,
        broker_request_timeout=max(45.0, kafka.session_timeout_s + 5),
        broker_commit_interval=1.0,
        broker_max_poll_records=None,
        producer_acks=-1,
        producer_request_timeout=kafka.request_timeout_s,
        logging_config=None,
    )
    inputs = app.topic(
        *topics,
        schema=BatchSchema(key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"),
    )

    async def dispatch(stream: Any) -> None:
        async for event in stream.noack().events():
            owner = owners.get(event.message.partition)
            if owner is None or owner.closing or event.value.epoch != app.consumer.epoch:
                app.consumer.forget(event.message)
            else:
                owner.put(event)

    app.agent(inputs)(dispatch)
    return app
