"""Whether a consumer group has a place for us: brokers may allow it only so many members (group.max.size).

aiokafka knows nothing of their answer, and joins no more, without a word.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import structlog
from aiokafka.client import ConnectionGroup
from aiokafka.protocol.group import JoinGroupRequest

from service.fetching import KeepingClient

FULL: Final = "the consumer group is full: this process waits for a place in it"
_FULL: Final = 81
"""The group has as many members as the brokers allow."""
_LOADING: Final = 14
"""The coordinator is not ready, and is to be asked again."""
_AGAIN_S: Final = 2.0

log = structlog.get_logger()


class Place:
    """Of one consumer in its group."""

    def __init__(self) -> None:
        self.is_missing = False
        """Whether the group had none when the consumer wanted to join last."""


class JoiningClient(KeepingClient):
    """Asks a group that is full again and again: another member may leave."""

    place: Place

    async def send(self, node_id: Any, request: Any, *, group: Any = ConnectionGroup.DEFAULT) -> Any:
        answer = await super().send(node_id, request, group=group)
        if isinstance(request, JoinGroupRequest):
            if answer.error_code == _FULL:
                await self._wait_for_a_place(answer)
            elif answer.error_code == 0:
                self.place.is_missing = False
        return answer

    async def _wait_for_a_place(self, answer: Any) -> None:
        if not self.place.is_missing:
            self.place.is_missing = True
            log.error(FULL, cure="end another member, or let the brokers allow more (group.max.size)")
        await asyncio.sleep(_AGAIN_S)
        answer.error_code = _LOADING
