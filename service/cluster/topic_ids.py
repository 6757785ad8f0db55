"""Which topic lies behind a name now: the id that a broker gives each topic when it is made, and its partitions.

A topic that was deleted and made again has the same name and another id, and its offsets mean other records. Neither
client library asks aiokafka's way for ids, so the version of the question that tells them (Kafka 2.8 and later) is
written here. It never makes a topic, whatever the brokers are set to.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from io import BytesIO
from typing import Any, Final, NamedTuple

import structlog
from aiokafka.errors import KafkaError
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from service.config import KafkaSettings
from service.connection import new_async_client
from service.errors import ConfigurationError, StartAgainError

NO_ID: Final = bytes(16)
"""What a broker says that knows no ids."""
_UNKNOWN_TOPIC: Final = 3
_NOT_ALLOWED: Final = 29
_LOOK_S: Final = 5.0
WAITS_FOR_S: Final = 15.0
"""For a topic that was deleted to be made again."""

log = structlog.get_logger()


class TopicNow(NamedTuple):
    """As a broker tells it."""

    id: bytes
    """Empty where brokers know no ids."""
    partitions: int
    """0 = there is no such topic."""

    @property
    def exists(self) -> bool:
        return self.partitions > 0


GONE: Final = TopicNow(b"", 0)


class _Uuid(AbstractType[bytes]):  # type: ignore[misc]  # aiokafka is untyped
    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        found = data.read(16)
        if len(found) != 16:
            raise ValueError("an id ends too early")
        return found


class _MetadataResponse(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("topic", CompactString("utf-8")),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _MetadataRequest(RequestStruct):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 10
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(("topic_id", _Uuid), ("topic", CompactString("utf-8")), ("tags", TaggedFields)),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _AskTopics(Request[_MetadataRequest]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, topics: Iterable[str]) -> None:
        self._topics: list[tuple[bytes, str, dict[int, bytes]]] = [(NO_ID, topic, {}) for topic in topics]

    def build(self, request_struct_class: type[_MetadataRequest]) -> _MetadataRequest:
        return request_struct_class(self._topics, False, False, False, {})


async def topics_now(client: Any, names: Iterable[str], hidden: set[str] | None = None) -> Mapping[str, TopicNow]:
    """What a broker says of these topics; those left out of which it says nothing now. `client` is aiokafka's own, of a
    consumer or producer that has been started. Those that we may not see are added to `hidden`.

    Empty where no broker answers, or none knows ids.
    """
    try:
        answer = await _answer_about(client, names)
    except NotImplementedError:  # what aiokafka raises for a version that a broker does not speak
        return {}
    if answer is None:
        return {}
    if hidden is not None:
        hidden.update(name for error, name, *_ in answer.topics if error == _NOT_ALLOWED)
    return _told(answer)


async def cluster_now(client: Any) -> str:
    """The id of the cluster that the client has come to; empty where no broker tells."""
    try:
        answer = await _answer_about(client, ())
    except NotImplementedError:
        return ""
    return "" if answer is None else str(answer.cluster_id or "")


async def leaders_now(client: Any, names: Iterable[str]) -> dict[tuple[str, int], int]:
    """Topic and partition → the broker that leads; those left out of which nobody says who does.

    Raises NotImplementedError where brokers are too old to be asked.
    """
    answer = await _answer_about(client, names)
    return {
        (name, number): leader
        for error, name, _, _, partitions, *_ in ([] if answer is None else answer.topics)
        for failed, number, leader, *_ in (partitions if error == 0 else [])
        if failed == 0 and leader >= 0
    }


async def _answer_about(client: Any, names: Iterable[str]) -> Any:
    """Of whichever broker answers first; None where none does."""
    for broker in client.cluster.brokers():
        with suppress(KafkaError, OSError, TimeoutError):
            return await ask_broker(client, broker.nodeId, names)
    return None


async def ask_broker(client: Any, node: int, names: Iterable[str]) -> Any:
    """The answer of that broker, as it came."""
    return await client.send(node, _AskTopics(names))


def _told(answer: Any) -> dict[str, TopicNow]:
    found: dict[str, TopicNow] = {}
    for error, name, topic_id, _, partitions, *_ in answer.topics:
        if error == _UNKNOWN_TOPIC:
            found[name] = GONE
        elif error == 0 and partitions:
            found[name] = TopicNow(b"" if topic_id == NO_ID else bytes(topic_id), len(partitions))
    return found


def topics_described(admin: Any, names: Iterable[str]) -> Mapping[str, TopicNow]:
    """The same as an administrator's client tells it; those left out that are not there."""
    return {
        each["name"]: TopicNow(uuid.UUID(str(each["topic_id"])).bytes, len(each["partitions"]))
        for each in admin.describe_topics(list(names))
        if not each["error_code"] and each.get("topic_id")
    }


class TopicWatch:
    """Looks at some topics again and again, over a connection of its own: who reads them may have none to a broker that
    answers."""

    def __init__(self, kafka: KafkaSettings, names: Iterable[str]) -> None:
        self._kafka = kafka
        self._names = tuple(names)
        self._client: Any = None

    async def look(self) -> Mapping[str, TopicNow]:
        """As `topics_now`. Called in a loop; what cannot be asked now is asked the next time."""
        try:
            async with asyncio.timeout(_LOOK_S):
                if self._client is None:
                    client = new_async_client(self._kafka, request_timeout_ms=int(_LOOK_S * 1000))
                    try:
                        await client.bootstrap()
                    except BaseException:
                        await client.close()
                        raise
                    self._client = client
                return await topics_now(self._client, self._names)
        except (KafkaError, OSError, TimeoutError):
            return {}

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()


class Course:
    """What becomes of the topics that a process reads, from look to look."""

    def __init__(self) -> None:
        self._ids: dict[str, bytes] = {}
        self._since_s: dict[str, float] = {}

    def note(self, topics: Mapping[str, TopicNow]) -> None:
        """Raises StartAgainError for one that was deleted and made again, for a new start finds out what that means,
        and a consumer whose partitions went with it hears of the new ones after minutes; ConfigurationError for one
        that nobody makes again."""
        now_s = time.monotonic()
        for name, now in topics.items():
            if now.exists:
                if name in self._since_s or self._ids.get(name, now.id) != now.id:
                    raise StartAgainError(f"Topic {name} was deleted, and somebody has made it again.", leaves=True)
                self._ids[name] = now.id
            elif name not in self._since_s:
                self._since_s[name] = now_s
                log.error("a topic is gone: somebody has deleted it", topic=name)
            elif now_s - self._since_s[name] > WAITS_FOR_S:
                raise ConfigurationError(
                    f"Topic {name} does not exist any more: somebody has deleted it. `churn-alert topics create` makes it "
                    "anew, without what lay in it."
                )
