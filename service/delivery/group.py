"""How a delivery process reads its topic: a member of its own consumer group, which commits by hand.

Where the group has no place for it, it waits for one and says so. Who else is in it has been looked at before
(companions.py), and is looked at again and again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final

import structlog
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from kafka.errors import KafkaError

from service.cluster.group_place import FULL, Place, become_joining
from service.config import KafkaSettings, Settings
from service.connection import new_async_consumer
from service.delivery.companions import Companion, strangers_among
from service.delivery.metrics import DeliveryMetrics
from service.delivery.pace import wait_for
from service.errors import ChurnAlertError
from service.streaming.membership import DELIVERER, Member, members_of, this_process

LOOK_ROUND_S: Final = 60.0
"""Between two looks at who else is in the group, where it is not balanced."""

log = structlog.get_logger()


def new_group_consumer(
    settings: Settings, group: str, me: Companion, begin_at: str, fetch_ms: int
) -> tuple[Any, Place]:
    """Subscribed to nothing, and not started; and whether the group has a place for it. `me`: what the others are told
    of this process; `begin_at`: where a group without a position begins; `fetch_ms`: how long the broker waits for a
    record before it answers."""
    consumer = _consumer(settings, group, me, begin_at, fetch_ms)
    return consumer, become_joining(consumer._client)  # noqa: SLF001 - the consumer makes its client


def why_not_joined(place: Place | None) -> str:
    """Why no partition is ours yet, in words."""
    if place is not None and place.is_missing:
        return FULL
    return "the group has not yet said which partitions are ours"


def telling(me: Companion) -> type[RangePartitionAssignor]:
    """Divides as all releases do, and tells the others of this process."""

    class Telling(RangePartitionAssignor):  # type: ignore[misc]  # aiokafka is untyped
        @classmethod
        def metadata(cls, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
            return ConsumerProtocolMemberMetadata(cls.version, list(topics), me.pack())

    return Telling


class Company:
    """Who is in the group who should not be, as it was seen last."""

    def __init__(
        self,
        settings: Settings,
        group: str,
        me: Companion,
        metrics: DeliveryMetrics,
        members: Callable[[KafkaSettings, str], list[Member]] = members_of,
    ) -> None:
        self._settings = settings
        self._group = group
        self._me = me
        self._metrics = metrics
        self._members = members
        self._known: dict[Member, str] = {}
        self._anew = asyncio.Event()

    def balanced(self) -> None:
        """The group was: somebody may have come."""
        self._anew.set()

    def said(self) -> list[str]:
        """A sentence about each of them, for who asks whether all is well."""
        return list(self._known.values())

    async def look_round(self) -> None:
        """Until cancelled, also without a balance of the group."""
        while True:
            await wait_for(self._anew, LOOK_ROUND_S)
            self._anew.clear()
            await self.look()

    async def look(self) -> None:
        """Tells of each who has come since the last time. Where the brokers do not tell, nothing is said."""
        try:
            members = await asyncio.to_thread(self._members, self._settings.kafka, self._group)
        except (KafkaError, OSError, ChurnAlertError):
            return
        found = strangers_among(members, self._me, self._group)
        for member, sentence in found.items():
            if member not in self._known:
                log.error("a stranger is in the consumer group", told=sentence)
        self._known = found
        self._metrics.strangers(len(found))


def _consumer(settings: Settings, group: str, me: Companion, begin_at: str, fetch_ms: int) -> Any:
    kafka = settings.kafka
    return new_async_consumer(
        kafka,
        group_id=group,
        client_id=this_process(DELIVERER).client_id,
        enable_auto_commit=False,
        isolation_level="read_committed",
        auto_offset_reset=begin_at,
        partition_assignment_strategy=[telling(me)],
        session_timeout_ms=int(kafka.session_timeout_s * 1000),
        heartbeat_interval_ms=int(kafka.heartbeat_interval_s * 1000),
        rebalance_timeout_ms=int(kafka.rebalance_timeout_s * 1000),
        request_timeout_ms=int(max(45.0, kafka.session_timeout_s + 5) * 1000),
        fetch_max_wait_ms=fetch_ms,
    )
