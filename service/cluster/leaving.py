"""How clients of aiokafka take their leave when nobody answers.

aiokafka waits for what the group owes it before it closes: the answer to a join comes when every member has joined, or
when the time of one that has paused is up, minutes later. And what is asked over the same connection is answered after
it. A producer waits for what it has been given to write, for ever if it is an idempotent one.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final

from aiokafka.client import ConnectionGroup
from aiokafka.errors import KafkaError, ProducerClosed
from aiokafka.protocol.group import LeaveGroupRequest

_PATIENCE_S: Final = 1.0
"""A group that is not being balanced answers in milliseconds."""


async def leave_group(consumer: Any, within_s: float = _PATIENCE_S) -> None:
    """Ends the membership of an AIOKafkaConsumer within twice that; `stop` has then nothing to wait for. The group
    hears of it, unless the member is a static one, which keeps its place until its session ends."""
    coordinator = consumer._coordinator  # noqa: SLF001 - nothing public ends a join
    if coordinator is None or not hasattr(coordinator, "_coordination_task"):
        return
    closing = asyncio.create_task(coordinator.close())
    await asyncio.wait({closing}, timeout=within_s)
    if closing.done():
        closing.result()
        return
    closing.cancel()
    await asyncio.wait({closing})
    member, group, node = coordinator.member_id, coordinator.group_id, coordinator.coordinator_id
    if coordinator._group_instance_id is None and member and node is not None:  # noqa: SLF001
        with suppress(KafkaError, OSError, TimeoutError):  # the group finds out when the session ends
            async with asyncio.timeout(within_s):
                await consumer._client.send(node, LeaveGroupRequest(group, member), group=ConnectionGroup.DEFAULT)  # noqa: SLF001
    coordinator.reset_generation()
    await coordinator._stop_heartbeat_task()  # noqa: SLF001
    await coordinator._stop_commit_offsets_refresh_task()  # noqa: SLF001


async def stop_producer(producer: Any, within_s: float = _PATIENCE_S) -> None:
    """Stops an AIOKafkaProducer that has been started, or has failed to. What it has been given has so long to be
    acknowledged, as a broker that is merely slow needs; then it fails with ProducerClosed, may lie in the log all the
    same, and the rest takes a second at most."""
    stopping = asyncio.create_task(producer.stop())
    try:
        await asyncio.wait({stopping}, timeout=within_s)
        if not stopping.done():
            producer._message_accumulator.fail_all(ProducerClosed())  # noqa: SLF001 - nothing public gives up on a batch
            await asyncio.wait({stopping}, timeout=_PATIENCE_S)
    except asyncio.CancelledError:
        stopping.cancel()
        raise
    if not stopping.done():
        stopping.cancel()
        await asyncio.wait({stopping})
    elif not stopping.cancelled():
        stopping.result()
