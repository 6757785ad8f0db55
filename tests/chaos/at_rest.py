"""What is done while nothing comes in and all that lies there is applied: what is there is compared on the way, a topic
is made anew, records go that nobody has read."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from aiokafka import AIOKafkaProducer
from kafka import TopicPartition
from kafka.errors import KafkaError

from service.cluster import topics
from service.errors import ChurnAlertError
from tests.chaos.schedule import What
from tests.chaos.watch import LOST
from tests.chaos.world import ALL_REPLICAS, CLIENTS, PARTITIONS, SETTLE_S, World
from tests.support.checker import Hole, Place
from tests.support.proxy import State

RESTS_S: Final = 40.0
"""So long all may take to be written and applied, or nothing is done."""
GO_ON_S: Final = 12.0
"""So long it is waited for partitions that had been disturbed to go on."""
FOUND_S: Final = 120.0
"""So long workers may take to find out what was done."""
UNREAD: Final = 30
"""Records that nobody has read."""
MARKERS: Final = 3
"""Of ends of transactions, at most, behind what was read last."""
DOWN, ASLEEP = 1.0, 2.0
"""How workers are kept from reading: they are killed and begin again, or stand still."""


def compared(world: World, _: What) -> None:
    """Everything, as at the end, when each partition has gone on after what was disturbed."""
    now_s = time.monotonic()
    _happens(world, lambda: world.watched.all_have_moved_since(now_s), GO_ON_S)
    with _held(world):
        world.until(lambda: world.feed.rests() and world.watched.at_rest(), "not caught up")
        if not world.complaints:
            world.meanwhile(world.watched.ends_here)
            world.until(world.watched.caught_up, "not caught up")
            world.compare()


def delete_topic(world: World, what: What) -> None:
    """An input goes, and is made anew: what comes has the offsets of what was there. Without strength all that it held
    had been applied, while workers look on; else some of it had not been read."""
    topic = getattr(world.settings.kafka.topics, what.target)

    def anew() -> None:
        if what.strength:
            for number in range(PARTITIONS):
                _write(world, topic, number)
        _make_anew(world, topic)
        world.watched.made_anew(topic)
        world.made_anew += 1

    _lose(world, topic, range(PARTITIONS), what.strength, anew, "was made anew")


def lose_unread(world: World, what: What) -> None:
    """Retention goes beyond what was read of the purchases of a partition."""
    topic, number = world.settings.kafka.topics.purchases, int(what.target)

    def shorten() -> None:
        end = _write(world, topic, number)
        world.cluster.ask(lambda admin: admin.delete_records({TopicPartition(topic, number): end}, timeout_ms=5_000))

    _lose(world, topic, [number], what.strength, shorten, r"begins (\d+) records beyond")


def _lose(world: World, topic: str, numbers: Sequence[int], how: float, work: Callable[[], None], told: str) -> None:
    """Workers must say what was lost, and refuse or go on as they are told; all else must be as if nothing had been."""
    with _held(world):
        if not _comes_to_rest(world):
            return
        watched = world.watched
        concerned = [place for number in numbers if watched.applied.get(place := Place(topic, number), 0)]
        before = {place: watched.holes.get(place, (0, 0)) for place in concerned}
        began_us = time.time_ns() // 1000
        _keep_from_reading(world, how)
        world.meanwhile(work)
        _let_read(world, how)
        if concerned and world.on_gap == "stop":
            _expect_refusal(world, topic, told)
        after = watched.shown()
        _happens(world, world.all_wanted_are_members, FOUND_S)

        def found() -> bool:
            return watched.is_anew() and all(watched.holes.get(place, (0, 0)) != before[place] for place in concerned)

        if not _happens(world, found, min(FOUND_S, world.patience_s)):
            world.complain(f"{topic}: what was lost of it, or made anew, is passed over in silence")
            return
        for place in concerned:
            times, records = (now - then for now, then in zip(watched.holes[place], before[place], strict=True))
            until_us = watched.hole_ends_us[place.partition]
            world.holes.append(Hole(*place, records, until_us, after))
            _judge(world, place, times, records, told)
            if topic == world.settings.kafka.topics.purchases and not began_us <= until_us <= time.time_ns() // 1000:
                world.complain(f"{place}: what was lost is said to have arrived until {until_us}")


def _judge(world: World, place: Place, times: int, records: int, told: str) -> None:
    """Markers of transactions that lie behind what was read last are gone as well."""
    right = UNREAD <= records <= UNREAD + MARKERS if "beyond" in told else records == 0
    if times != 1 or not right:
        world.complain(f"{place}: {records} records are counted as lost, {times} times")


def _expect_refusal(world: World, topic: str, told: str) -> None:
    """A worker ends with a sentence before it has applied anything that follows; the operator reads it, and lets them
    go on without."""
    world.refusals = []
    try:
        if not _happens(world, lambda: bool(world.refusals), min(FOUND_S, world.patience_s)):
            world.complain(f"{topic}: nobody refuses to go on without what was lost")
            return
        said = re.search(rf"{topic}-\d+ {told}", world.refusals[0])
        if said is None or (said.groups() and not UNREAD <= int(said[1]) <= UNREAD + MARKERS):
            world.complain(f"{topic}: what was lost of it is told as {world.refusals[0][:400]}")
    finally:
        for name in CLIENTS:
            world.kill_worker(What(name))
        world.refusals = None
    world.go_on_without_what_was_lost()
    for name in ("w1", "w2"):
        world.start_worker(What(name))


@contextmanager
def _held(world: World) -> Iterator[None]:
    """Nothing is written meanwhile."""
    world.feed.held.set()
    try:
        yield
    finally:
        world.feed.held.clear()


def _comes_to_rest(world: World) -> bool:
    world.meanwhile(world.cluster.wait_whole)
    if not _happens(world, lambda: world.feed.rests() and world.watched.at_rest(), RESTS_S):
        return False
    world.meanwhile(world.watched.ends_here)
    return _happens(world, world.watched.caught_up, RESTS_S)


def _happens(world: World, holds: Callable[[], bool], within_s: float) -> bool:
    until_s = time.monotonic() + within_s
    while not holds():
        world.supervise()
        time.sleep(0.05)
        if time.monotonic() > until_s or world.complaints:
            return False
    return True


def _keep_from_reading(world: World, how: float) -> None:
    for name in CLIENTS:
        if how == DOWN:
            world.kill_worker(What(name))
        elif how == ASLEEP:
            world.workers[name].send_signal(signal.SIGSTOP)
    if how == ASLEEP:  # a fetch that is under way would be answered with what comes now
        world.cluster.proxy.tell([each for name in CLIENTS for each in world.cluster.links(name)], State.CUT)


def _let_read(world: World, how: float) -> None:
    world.calm()
    for name in CLIENTS:
        if how == DOWN and name != CLIENTS[-1]:
            world.start_worker(What(name))
        elif how == ASLEEP:
            world.workers[name].send_signal(signal.SIGCONT)


def _write(world: World, topic: str, number: int) -> int:
    """Good purchases of nobody else, that nobody may ever read. Returns where they end."""

    async def write() -> int:
        async with AIOKafkaProducer(bootstrap_servers=world.cluster.bootstrap_servers, acks="all") as producer:
            for each in range(UNREAD):
                who = LOST.decode() + str(each)
                value = (
                    f'{{"event_id":"{who}-{world.made_anew}","customer_id":"{who}",'
                    '"occurred_at":"2025-03-01T12:00:00Z","amount":"7"}'
                )
                last = await producer.send_and_wait(topic, value.encode(), who.encode(), partition=number)
        return int(last.offset) + 1

    return asyncio.run(write())


def _make_anew(world: World, topic: str) -> None:
    deadline = time.monotonic() + SETTLE_S
    while True:
        try:
            topics.delete(world.settings, [topic])
            topics.create(world.settings, partitions=PARTITIONS, replication=ALL_REPLICAS, wait_s=30)
        except (KafkaError, OSError, ChurnAlertError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return
