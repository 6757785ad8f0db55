"""How a delivery process reads its topic: a member of its own consumer group, which commits by hand.

Where the group has no place for it, it waits for one and says so. A predecessor of this host that has ended without a
word is taken out of the group first: else nobody is given anything until its session ends.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from service.cluster.group_place import FULL, Place, become_joining
from service.config import Settings
from service.connection import new_async_consumer
from service.streaming.membership import DELIVERER, forget_ended, this_process


async def open_group_consumer(settings: Settings, group: str, begin_at: str, fetch_ms: int) -> tuple[Any, Place]:
    """Subscribed to nothing, and not started; and whether the group has a place for it. `begin_at`: where a group
    without a position begins; `fetch_ms`: how long the broker waits for a record before it answers."""
    me = this_process(DELIVERER)
    await asyncio.to_thread(forget_ended, settings.kafka, me, group)
    consumer = _consumer(settings, group, begin_at, fetch_ms, me.client_id)
    return consumer, become_joining(consumer._client)  # noqa: SLF001 - the consumer makes its client


def why_not_joined(place: Place | None) -> str:
    """Why no partition is ours yet, in words."""
    if place is not None and place.is_missing:
        return FULL
    return "the group has not yet said which partitions are ours"


def _consumer(settings: Settings, group: str, begin_at: str, fetch_ms: int, client_id: str) -> Any:
    kafka = settings.kafka
    return new_async_consumer(
        kafka,
        group_id=group,
        client_id=client_id,
        enable_auto_commit=False,
        isolation_level="read_committed",
        auto_offset_reset=begin_at,
        partition_assignment_strategy=[RangePartitionAssignor],
        session_timeout_ms=int(kafka.session_timeout_s * 1000),
        heartbeat_interval_ms=int(kafka.heartbeat_interval_s * 1000),
        rebalance_timeout_ms=int(kafka.rebalance_timeout_s * 1000),
        request_timeout_ms=int(max(45.0, kafka.session_timeout_s + 5) * 1000),
        fetch_max_wait_ms=fetch_ms,
    )
