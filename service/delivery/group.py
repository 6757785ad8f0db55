"""How a delivery process reads its topic: a member of its own consumer group, which commits by hand."""

from __future__ import annotations

import os
from typing import Any

from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from service.config import Settings
from service.connection import new_async_consumer


def group_consumer(settings: Settings, group: str, begin_at: str, fetch_ms: int) -> Any:
    """Subscribed to nothing, and not started. `begin_at`: where a group without a position begins; `fetch_ms`:
    how long the broker waits for a record before it answers."""
    kafka = settings.kafka
    return new_async_consumer(
        kafka,
        group_id=group,
        client_id=f"{group}-{os.getpid()}",
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
