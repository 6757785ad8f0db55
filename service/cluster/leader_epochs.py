"""Whether a log still holds what was read of it, by the epochs of its leaders (KIP-101, KIP-320).

Every leader of a partition has a number, its epoch, which stands in each batch that it has taken. A leader that has not
everything cuts the log, and others take the place of what was lost: the log is as long as before, or longer, and
offsets tell nothing. But it is asked where the records of an epoch end, and where that lies below what was read of
them, what was read is gone. Neither client library asks that for consumers of aiokafka's, so the question is written
here (OffsetForLeaderEpoch, Kafka 2.3 and later).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from aiokafka.errors import KafkaError
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Int16, Int32, Int64, Schema, String

from service.cluster.log_ends import SourcePartition
from service.cluster.topic_ids import leaders_now

_NOBODY: Final = -1
_PASSES: Final = frozenset({3, 5, 6, 74, 75})
"""Errors that say that somebody else leads, or nobody yet: unknown topic or partition, no leader, not the leader,
fenced epoch, unknown epoch."""
_PAUSE_S: Final = 0.2


EPOCH: Final = "epoch:"
"""Before an epoch and an input among a state's positions (no topic's name has a colon)."""


class ReadEpochs:
    """Of each input the epoch of the leader that had taken the newest batch which was read; kept among the positions.

    A release before passes over them, and moves the positions on without them: so each stands there with the position
    that it goes with, and is believed where that is the position still.
    """

    def __init__(self) -> None:
        self._of: dict[str, int] = {}

    def of(self, topic: str) -> int:
        """-1 = not known."""
        return self._of.get(topic, -1)

    def led(self, topic: str, epoch: int) -> None:
        """Batches of that epoch are about to be applied. It must be known no later than they are: a position within
        them would look like one beyond the end of the epoch before."""
        if epoch > self.of(topic):
            self._of[topic] = epoch

    def forget(self, topic: str) -> None:
        """It is another log."""
        self._of.pop(topic, None)

    def kept(self, positions: Mapping[str, int]) -> dict[str, int]:
        return {f"{EPOCH}{epoch}:{topic}": positions[topic] for topic, epoch in self._of.items() if positions[topic]}

    def restore(self, positions: Mapping[str, int]) -> dict[str, int]:
        """Takes them out of what a state says; returns the rest."""
        self._of = {}
        for name, position in positions.items():
            if name.startswith(EPOCH):
                _, epoch, topic = name.split(":")
                if positions.get(topic) == position:
                    self._of[topic] = int(epoch)
        return {name: position for name, position in positions.items() if not name.startswith(EPOCH)}


class _EpochEndResponse(Response):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY = 23
    API_VERSION = 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "topics",
            Array(
                ("topic", String("utf-8")),
                (
                    "partitions",
                    Array(("error_code", Int16), ("partition", Int32), ("leader_epoch", Int32), ("end_offset", Int64)),
                ),
            ),
        ),
    )


class _EpochEndRequest(RequestStruct):  # type: ignore[misc]
    API_KEY = 23
    API_VERSION = 3
    RESPONSE_TYPE = _EpochEndResponse
    SCHEMA = Schema(
        ("replica_id", Int32),
        (
            "topics",
            Array(
                ("topic", String("utf-8")),
                ("partitions", Array(("partition", Int32), ("current_leader_epoch", Int32), ("leader_epoch", Int32))),
            ),
        ),
    )


class _AskEpochEnds(Request[_EpochEndRequest]):  # type: ignore[misc]
    API_KEY = 23

    def __init__(self, wanted: Mapping[SourcePartition, int]) -> None:
        topics = defaultdict(list)
        for place, epoch in wanted.items():
            topics[place.topic].append((place.partition, _NOBODY, epoch))
        self._topics = list(topics.items())

    def build(self, request_struct_class: type[_EpochEndRequest]) -> _EpochEndRequest:
        return request_struct_class(_NOBODY, self._topics)


async def ends_of_epochs(
    client: Any, wanted: Mapping[SourcePartition, int], within_s: float
) -> dict[SourcePartition, int | None]:
    """Of each partition where the records of that epoch, and of those before it, end; None where its leader does not
    know, or is too old to be asked. `client` is aiokafka's own, of a consumer or producer that has been started.

    Raises TimeoutError where a leader has not answered by then.
    """
    found: dict[SourcePartition, int | None] = {}
    async with asyncio.timeout(within_s):
        while missing := {place: epoch for place, epoch in wanted.items() if place not in found}:
            try:
                found.update(await _asked(client, missing))
            except NotImplementedError:  # what aiokafka raises for a version that a broker does not speak
                found.update(dict.fromkeys(missing))
            except (KafkaError, OSError):
                pass
            if len(found) < len(wanted):
                await asyncio.sleep(_PAUSE_S)
    return found


async def _asked(client: Any, wanted: Mapping[SourcePartition, int]) -> dict[SourcePartition, int | None]:
    """As far as the leaders answer."""
    leaders, found = await leaders_now(client, {place.topic for place in wanted}), dict[SourcePartition, int | None]()
    for node in {leaders[place] for place in wanted if place in leaders}:
        theirs = {place: epoch for place, epoch in wanted.items() if leaders.get(place) == node}
        for topic, partitions in (await client.send(node, _AskEpochEnds(theirs))).topics:
            for error, number, _, end in partitions:
                if error not in _PASSES:
                    found[SourcePartition(topic, number)] = end if error == 0 and end >= 0 else None
    return found
