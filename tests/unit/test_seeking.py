"""What is dropped at a seek comes again, also of what nobody has committed yet; and a seek that is overtaken by a
rebalance: partitions go while their committed offsets are asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import Fetcher, OffsetResetStrategy
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.errors import IllegalStateError
from faust.types import TP

from service.cluster.log_ends import Answers, Ends, Log, SourcePartition
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


HELD = TP("purchases", 0)
BEFORE = Ends(60, Log(1, 0, 60, 60))
"""The input was read to its end, and nobody has committed any of it."""


class Balanced(Consumer):
    """Holds one partition, which goes and comes back; `fetches` are what comes of it, each with where it ends, None
    where its worker wants nothing."""

    def __init__(self, fetches: list[tuple[dict[TP, list[Any]], Ends] | None]) -> None:
        place = SourcePartition(*HELD)
        self._handed_out, self._last, self.epoch = {}, {HELD: 59}, 3
        self._ends, self._fresh_ends = {place: BEFORE}, {place: BEFORE}
        self._fresh_sizes: dict[SourcePartition, int] = {}
        self._active_partitions: set[TP] = {HELD}
        self._paused_partitions: set[TP] = set()
        self._gap: dict[TP, list[int]] = {}
        self._acked: defaultdict[TP, list[int]] = defaultdict(list)
        self._acked_index: defaultdict[TP, set[int]] = defaultdict(set)
        self._read_offset: dict[TP, int | None] = {}
        self._committed_offset: dict[TP, int | None] = {}
        self._buffered_partitions: set[TP] = set()
        self.answers = Answers()
        self.app = SimpleNamespace(
            drop_queues=lambda _: None,
            ends_noted=lambda: None,
            _start_span_from_rebalancing=lambda _: nullcontext(),
            consumer_generation_id=1,
        )
        self.diag = SimpleNamespace(set_flag=lambda _: None, unset_flag=lambda _: None)
        self.fetches = fetches
        self.flow_active, self.stopped = True, False

    @property
    def should_stop(self) -> bool:
        return self.stopped

    async def _wait_next_records(self, _timeout: float) -> tuple[Any, Any]:
        fetched = self.fetches.pop(0)
        if fetched is None:
            return {}, {HELD}
        records, ends = fetched
        self.note_ends({SourcePartition(*HELD): ends}, {})
        return records, {HELD}

    async def _on_partitions_revoked(self, revoked: Any) -> None: ...

    async def seek_to_committed(self) -> dict[TP, int]:
        self.note_ends({SourcePartition(*HELD): BEFORE}, {})  # by a fetch that was under way
        return {}


def records_from(offset: int) -> list[Any]:
    return [SimpleNamespace(offset=offset, topic="purchases", partition=0, timestamp=1, timestamp_type=0)]


async def test_of_a_partition_that_was_taken_away_no_end_is_known_before_it_is_fetched_again() -> None:
    """It was: whoever got it back would have been taken to be at its end, and to have read what another has applied."""
    consumer = Balanced([None])

    await consumer.on_partitions_revoked({HELD})
    handed_out = [each async for each in consumer.getmany(0.1)]

    assert handed_out == []
    assert consumer.ends(SourcePartition(*HELD)) is None


async def test_the_first_batch_after_a_seek_is_held_against_nothing_that_was_known_before() -> None:
    """Records from the beginning looked as if the log had ended before 60, of which nothing was applied."""
    consumer = Balanced([None, ({HELD: records_from(0)}, Ends(1, Log(2, 0, 60, 60)))])

    await consumer.perform_seek()
    nothing = [each async for each in consumer.getmany(0.1)]
    ((_, message),) = [each async for each in consumer.getmany(0.1)]

    assert nothing == []
    assert (message.value.expected, message.value.previous) == (None, None)
    assert consumer.ends(SourcePartition(*HELD)) == Ends(1, Log(2, 0, 60, 60))


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


class Looking(ConsumerThread):
    """As Faust's thread is while its consumer finds out where it has to go on."""

    def __init__(self, subscription: SubscriptionState) -> None:
        self.time_started = 0.0
        self.tp_fetch_request_timeout_secs = self.tp_fetch_response_timeout_secs = 1e9
        self.consumer = SimpleNamespace(
            app=SimpleNamespace(monitor=object(), topics=SimpleNamespace(acks_enabled_for=lambda _: True))
        )
        fetcher = SimpleNamespace(_subscriptions=subscription)
        self._consumer = SimpleNamespace(_fetcher=fetcher, highwater=lambda _: 9, last_poll_timestamp=lambda _: 1)


async def test_a_look_at_a_partition_that_is_being_sought_does_not_end_the_worker() -> None:
    """A slow broker takes a while to say where the group goes on, and what was fetched before is known still."""
    subscription, place = SubscriptionState(), TopicPartition(*HELD)
    subscription.assign_from_user([place])
    assert subscription.subscription is not None
    state = subscription.subscription.assignment.state_value(place)
    state.highwater, state.timestamp = 9, 1_000

    Looking(subscription).verify_event_path(2.0, HELD)
