"""What is dropped at a seek comes again, also of what nobody has committed yet; and a seek that is overtaken by a
rebalance: partitions go while their committed offsets are asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import Fetcher, OffsetResetStrategy
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.errors import IllegalStateError
from faust.types import TP

from service.cluster.log_ends import Ends, Log, SourcePartition
from service.streaming.transport import Consumer, ConsumerThread

GONE = TP("purchases", 1)


class Overtaken(Consumer):
    """As Faust's consumer is when its thread finds a partition gone."""

    def __init__(self) -> None:
        self._handed_out, self._last, self.epoch = {}, {GONE: 7}, 3
        self._ends = {SourcePartition("purchases", 1): Ends(8, Log(1, 0, 8, 8))}
        self._fresh_ends = dict(self._ends)
        self._acked: defaultdict[TP, list[int]] = defaultdict(list)
        self._acked_index: defaultdict[TP, set[int]] = defaultdict(set)
        self._read_offset: dict[TP, int | None] = {}
        self._committed_offset: dict[TP, int | None] = {}

    async def seek_to_committed(self) -> dict[TP, int]:
        raise IllegalStateError(f"No current assignment for partition {GONE}")


async def test_a_partition_that_was_taken_away_during_a_seek_does_not_end_the_worker() -> None:
    consumer = Overtaken()

    await consumer.perform_seek()

    assert consumer.epoch == 4
    assert consumer.last_handed_out(SourcePartition("purchases", 1)) is None
    assert consumer.ends(SourcePartition("purchases", 1)) is None


class Reading(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka is untyped
    """aiokafka's own, without a broker: it has been read up to 60, wherever its group is."""

    def __init__(self, committed: dict[TopicPartition, int | None]) -> None:
        self._subscription = SubscriptionState()
        self._subscription.assign_from_user(set(committed))
        self._fetcher = Unconnected(self._subscription)
        self._committed = committed
        for tp in committed:
            self._subscription.subscription.assignment.state_value(tp).reset_to(60)

    async def committed(self, partition: TopicPartition) -> int | None:
        return self._committed[partition]

    def position_of(self, tp: TopicPartition) -> int | None:
        """None: it is to be begun at the beginning."""
        state = self._subscription.subscription.assignment.state_value(tp)
        if state.awaiting_reset:
            assert state.reset_strategy == OffsetResetStrategy.EARLIEST
            return None
        position: int = state.position
        return position

    def __del__(self) -> None:
        """It holds nothing."""


class Unconnected(Fetcher):  # type: ignore[misc]
    def __init__(self, subscriptions: SubscriptionState) -> None:
        self._subscriptions, self._wait_consume_future = subscriptions, None
        self._records: dict[TopicPartition, Any] = {}


class Thread(ConsumerThread):
    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._reading = consumer

    def _ensure_consumer(self) -> AIOKafkaConsumer:
        return self._reading

    async def call_thread(self, fun: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        return await fun(*args, **kwargs)


async def test_what_nobody_has_committed_is_read_from_its_beginning_again() -> None:
    """The first fetches of a group that are dropped, because it was divided meanwhile, were lost in silence."""
    ahead, new, anew = (TopicPartition("purchases", number) for number in range(3))
    reading = Reading({ahead: 40, new: None, anew: 0})

    await Thread(reading).seek_to_committed()

    assert reading.position_of(ahead) == 40
    assert reading.position_of(new) is None
    assert reading.position_of(anew) is None
