"""A consumer for whoever waits for what it reads: commands, and what a process looks at before it begins.

It is aiokafka's, which is made to read carefully (service/fetching), in an event loop of its own that runs while
somebody waits. So nothing that lies in a topic can stop a command or eat its memory: neither 12 KB that hold 400 MiB,
nor a header whose name is no text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any, Final, TypeVar

from aiokafka.errors import ClusterAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError
from aiokafka.structs import ConsumerRecord, TopicPartition

from service.cluster.topic_ids import topics_now
from service.config import KafkaSettings
from service.connection import NoBrokerError, RefusedError, look_in, new_async_consumer
from service.fetching import OnSetAside

_ANSWER_S: Final = 60.0
"""For whatever is asked: a broker that takes longer is away."""
_SHORTLY_MS: Final = 20
AS_A_READER: Final[Mapping[str, Any]] = {
    "group_id": None,
    "enable_auto_commit": False,
    "isolation_level": "read_committed",
    "auto_offset_reset": "earliest",
    # A broker answers a connection's questions one after the other: a fetch that waits there for new records, for half
    # a second by default, holds up whoever asks where the next log ends.
    "fetch_max_wait_ms": _SHORTLY_MS,
}
"""Options of whoever reads in no group, up to where a log ends."""
AS_A_FOLLOWER: Final[Mapping[str, Any]] = {"fetch_max_wait_ms": 500}
"""What changes for whoever stays there for ever: few questions, and none that somebody waits for."""

T = TypeVar("T")


class Reader:
    """In no group, with nothing assigned. For one thread, which runs no event loop; close it."""

    def __init__(self, kafka: KafkaSettings, on_set_aside: OnSetAside, **options: Any) -> None:
        """`on_set_aside` is told of records that cannot be read: it raises, or they are passed over. `options` are
        AIOKafkaConsumer's.

        Raises NoBrokerError when no broker answers, RefusedError when one does not let us in.
        """
        look_in(kafka)
        self._servers = kafka.bootstrap_servers
        self._counts: dict[str, int] = {}
        self._loop = asyncio.new_event_loop()
        self._consumer: Any = None
        try:
            self._consumer = self._wait(self._started(kafka, on_set_aside, options))
        except BaseException:
            self._let_go()
            raise

    async def _started(self, kafka: KafkaSettings, on_set_aside: OnSetAside, options: Mapping[str, Any]) -> Any:
        consumer = new_async_consumer(kafka, on_set_aside=on_set_aside, **{**AS_A_READER, **options})
        try:
            await consumer.start()
        except BaseException:
            await consumer.stop()
            raise
        return consumer

    def close(self) -> None:
        try:
            self._loop.run_until_complete(self._consumer.stop())
        finally:
            self._let_go()

    def _let_go(self) -> None:
        """Also of a question in the middle of which the process was asked to end."""
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        if left:
            self._loop.run_until_complete(asyncio.wait(left))
        self._loop.close()

    def topics(self) -> set[str]:
        """All that the broker lets us see."""
        return set(self._wait(self._consumer.topics()))

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        """Their numbers; None for a topic that does not exist."""
        if topic not in self._counts:
            self._counts[topic] = self._wait(self._count_of(topic))
        return set(range(self._counts[topic])) or None

    def assign(self, partitions: Iterable[tuple[str, int]]) -> None:
        self._wait(self._assigned([TopicPartition(*each) for each in partitions]))

    def seek(self, partition: tuple[str, int], offset: int) -> None:
        self._consumer.seek(TopicPartition(*partition), offset)

    def seek_to_beginning(self, *partitions: tuple[str, int]) -> None:
        """Of those that are assigned."""
        if partitions:
            self._wait(self._consumer.seek_to_beginning(*(TopicPartition(*each) for each in partitions)))

    def beginning_offsets(self, partitions: Iterable[tuple[str, int]]) -> dict[TopicPartition, int]:
        asked = [TopicPartition(*each) for each in partitions]
        return dict(self._wait(self._consumer.beginning_offsets(asked))) if asked else {}

    def end_offsets(self, partitions: Iterable[tuple[str, int]]) -> dict[TopicPartition, int]:
        """The last stable ones."""
        asked = [TopicPartition(*each) for each in partitions]
        return dict(self._wait(self._consumer.end_offsets(asked))) if asked else {}

    def offsets_for_times(self, times_ms: Mapping[tuple[str, int], int]) -> dict[TopicPartition, int]:
        """Of each partition the first offset of a record with that timestamp or a later one; without those that hold
        none."""
        asked = {TopicPartition(*each): at_ms for each, at_ms in times_ms.items()}
        told = self._wait(self._consumer.offsets_for_times(asked)) if asked else {}
        return {each: int(found.offset) for each, found in told.items() if found is not None}

    def position(self, partition: tuple[str, int]) -> int:
        """The next offset to be read."""
        return int(self._wait(self._consumer.position(TopicPartition(*partition))))

    def poll(self, timeout_ms: int) -> dict[TopicPartition, list[ConsumerRecord]]:
        """What has come, or nothing after so long."""
        return dict(self._wait(self._consumer.getmany(timeout_ms=timeout_ms)))

    async def _assigned(self, partitions: list[TopicPartition]) -> None:
        self._consumer.assign(partitions)  # which asks for a running loop

    async def _count_of(self, topic: str) -> int:
        client, hidden = self._consumer._client, set[str]()  # noqa: SLF001 - as for every question about ids
        told = await topics_now(client, [topic], hidden)
        if hidden:
            raise TopicAuthorizationFailedError(topic)
        if topic in told:
            return told[topic].partitions
        known = await client.fetch_all_metadata()  # a broker of before ids; this makes no topic
        return len(known.partitions_for_topic(topic) or ())

    def _wait(self, asked: Coroutine[Any, Any, T]) -> T:
        try:
            return self._loop.run_until_complete(asyncio.wait_for(asked, _ANSWER_S))
        except (TopicAuthorizationFailedError, ClusterAuthorizationFailedError) as error:
            raise RefusedError(
                f"The broker at {self._servers} does not allow Read on {_what(error)}: grant it (`churn-alert topics plan` "
                "prints the access list)."
            ) from error
        except (KafkaError, TimeoutError) as error:
            raise NoBrokerError(
                f"The broker at {self._servers} stopped answering ({type(error).__name__}): try again."
            ) from error


def _what(error: KafkaError) -> str:
    """aiokafka tells a topic, or a set of them."""
    told = error.args[0] if error.args else ""
    names = sorted(told) if isinstance(told, (set, frozenset, list, tuple)) else [str(told)]
    return f"topic {', '.join(names)}" if any(names) else "a topic"
