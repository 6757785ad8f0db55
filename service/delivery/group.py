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

from service.cluster.group_place import FULL, Place
from service.cluster.log_ends import Answers, become_asking
from service.config import KafkaSettings, Settings
from service.connection import new_async_consumer
from service.delivery.companions import Companion, strangers_among
from service.delivery.metrics import DeliveryMetrics
from service.delivery.pace import wait_for
from service.errors import ChurnAlertError
from service.streaming.membership import DELIVERER, Member, members_of, this_process
from service.streaming.reach import Reach, away_since

LOOK_ROUND_S: Final = 60.0
"""Between two looks at who else is in the group, where it is not balanced."""
_LISTEN_S: Final = 0.5

log = structlog.get_logger()


class Line:
    """Whether brokers answer this process, and whether the group has a place for it."""

    def __init__(self, settings: Settings, metrics: DeliveryMetrics) -> None:
        self._metrics = metrics
        self._reach = Reach(settings.kafka.bootstrap_servers, "nothing is sent")
        self._answers = Answers()
        self._client: Any = None

    def listen_to(self, consumer: Any) -> None:
        """It has not been started."""
        self._client = consumer._client  # noqa: SLF001 - the consumer makes its client
        become_asking(self._client, self._answers)

    async def watch(self) -> None:
        """Until cancelled."""
        asking = asyncio.create_task(self._client.ask_when_silent())
        try:
            while True:
                self._metrics.broker(self._reach.look(self._answers.at_s))
                await asyncio.sleep(_LISTEN_S)
        finally:
            asking.cancel()

    def missing(self, *, joined: bool) -> list[str]:
        """What keeps the process from working, in words."""
        since_s = self._reach.since_s
        away = [away_since(since_s)] if since_s else []
        place: Place | None = None if self._client is None else self._client.place
        return away if joined else [*away, _why_not_joined(place)]


def new_group_consumer(settings: Settings, group: str, me: Companion, line: Line, begin_at: str, fetch_ms: int) -> Any:
    """Subscribed to nothing, and not started. `me`: what the others are told of this process; `line` listens to it;
    `begin_at`: where a group without a position begins; `fetch_ms`: how long the broker waits for a record before it
    answers."""
    consumer = _consumer(settings, group, me, begin_at, fetch_ms)
    line.listen_to(consumer)
    return consumer


def _why_not_joined(place: Place | None) -> str:
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
