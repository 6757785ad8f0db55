"""What the brokers have said of the logs: where each begins and ends, and when that was asked.

Every answer to a fetch tells three offsets: where the log begins (retention moves it), its last stable offset (readers
of committed records see no further) and its high watermark, which is the end: a purchase behind an open transaction
lies below it. What is known of an end is only as young as the question: an answer may have waited in a socket while
the process or the machine was paused, and a leader that is away leaves the last known end in place.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from aiokafka.client import ConnectionGroup
from aiokafka.errors import KafkaError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.group import HeartbeatRequest
from aiokafka.protocol.metadata import MetadataRequest

from service.cluster.group_place import JoiningClient, Place

KNOWN_FOR_US: Final = 5_000_000
"""An end that was asked for longer ago is not known: fetches are answered five times a second."""
_ANSWERS_WITH_START: Final = 5
"""The version from which on an answer tells where the log begins."""
_OUT_OF_RANGE: Final = 1
_THROWN_OUT: Final = (25, 82)
"""Unknown member id, fenced instance id."""
_KNOCK_S: Final = 1.0
_ENDS_KEPT: Final = 512
"""Ends ahead of the position; where a long backlog has more, time moves in larger steps."""


class SourcePartition(NamedTuple):
    """One partition of one input topic (equal to, and hashed like, Faust's TP)."""

    topic: str
    partition: int


class Log(NamedTuple):
    """A partition's log as a broker has told it."""

    asked_us: int
    """Wall clock at which the question was sent: what lay in the log then lies below `high`."""
    start: int
    stable: int
    high: int
    asked_s: float = 0.0
    """The same instant, as `time.monotonic`."""
    told_s: float = 0.0
    """`time.monotonic` at which the answer came, and with it whatever records it brought."""


class Ends(NamedTuple):
    """How far a partition has been handed out, and its log as of then."""

    position: int
    """The next offset to fetch; beyond control records and what was aborted."""
    log: Log
    epoch: int = -1
    """Of the leader that had taken the newest batch up to there; -1 = not known."""


def counts(asked_us: int, now_us: int) -> bool:
    """Whether what was asked for then is known now: not if it is long ago, nor if a clock that was set back since says
    that it lies ahead."""
    return now_us - KNOWN_FOR_US <= asked_us <= now_us


class CompleteUpTo:
    """Up to which instant all that lay in one partition's log has been applied."""

    def __init__(self) -> None:
        self._ahead: deque[tuple[int, int]] = deque(maxlen=_ENDS_KEPT)
        """(when it was asked for, end) of ends that have not been reached, oldest first."""
        self.us = 0
        """Wall clock; 0 before any end has been reached."""

    def note(self, log: Log) -> None:
        """What has been heard of the log."""
        ahead = self._ahead
        if ahead and ahead[-1][1] == log.high:
            ahead[-1] = (max(ahead[-1][0], log.asked_us), log.high)
        elif not ahead or log.asked_us > ahead[-1][0]:
            ahead.append((log.asked_us, log.high))

    def applied(self, position: int) -> int:
        """Everything below the position has been applied. Returns `us`."""
        ahead = self._ahead
        while ahead and ahead[0][1] <= position:
            self.us = max(self.us, ahead.popleft()[0])
        return self.us


class Answers:
    """What brokers have answered to one consumer; written by its thread."""

    def __init__(self) -> None:
        self.at_s = time.monotonic()
        """When any of them last answered anything."""
        self.logs: dict[SourcePartition, Log] = {}
        self.on_thrown_out: Callable[[], Awaitable[None]] | None = None
        """Awaited when the group does not know this member any more, before it joins again."""


class AskingClient(JoiningClient):
    """Keeps what brokers say of the logs, and when they last said anything."""

    answers: Answers

    async def send(self, node_id: Any, request: Any, *, group: Any = ConnectionGroup.DEFAULT) -> Any:
        asked_us, asked_s = time.time_ns() // 1000, time.monotonic()
        answer = await super().send(node_id, request, group=group)
        self.answers.at_s = told_s = time.monotonic()
        if isinstance(request, HeartbeatRequest):
            if answer.error_code in _THROWN_OUT and self.answers.on_thrown_out is not None:
                await self.answers.on_thrown_out()
        elif isinstance(request, FetchRequest):
            for topic, partitions in answer.topics:
                for number, error, high, *more in partitions:
                    if error == _OUT_OF_RANGE:  # where it begins and ends is told by the next answer
                        self.answers.logs.pop(SourcePartition(topic, number), None)
                    elif error == 0:
                        stable = more[0] if more and more[0] >= 0 else high
                        start = more[1] if answer.API_VERSION >= _ANSWERS_WITH_START else 0
                        self.answers.logs[SourcePartition(topic, number)] = Log(
                            asked_us, start, stable, high, asked_s, told_s
                        )
        return answer

    async def ask_all(self) -> None:
        """Asks the brokers for something for which no data has to come, until one answers."""
        for broker in self.cluster.brokers():
            try:
                async with asyncio.timeout(_KNOCK_S):
                    await self.send(broker.nodeId, MetadataRequest([]))
                    return
            except (KafkaError, OSError, TimeoutError):
                continue

    async def ask_when_silent(self) -> None:
        """Asks when nothing has been heard for a while, as when the group is being balanced; for ever."""
        while True:
            await asyncio.sleep(_KNOCK_S)
            if time.monotonic() - self.answers.at_s > _KNOCK_S:
                await self.ask_all()


def become_asking(client: Any, answers: Answers) -> None:
    """Makes the client of a consumer that has not been started one that keeps what it is told: Faust's driver makes the
    consumer, and the consumer its client."""
    client.__class__ = AskingClient
    client.place = Place()
    client.answers = answers
    answers.at_s = time.monotonic()
