"""Clients of aiokafka that make no topic by asking for it.

Unless it is told not to, a broker makes a topic that a client asks for and that is not there: one that somebody has
deleted would come back at once, with the broker's defaults and any number of partitions, before whoever wants to make
it anew. The library allows it with every question; ours do not.
"""

from __future__ import annotations

from typing import Any

from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.conn import AIOKafkaConnection
from aiokafka.protocol.metadata import MetadataRequest


class ModestConnection(AIOKafkaConnection):  # type: ignore[misc]  # aiokafka is untyped
    def send(self, request: Any, expect_response: bool = True) -> Any:
        if isinstance(request, MetadataRequest):
            request._allow_auto_topic_creation = False
        return super().send(request, expect_response)


class ModestClient(AIOKafkaClient):  # type: ignore[misc]
    """All of its connections are."""

    async def _get_conn(self, node_id: Any, *, group: Any = ConnectionGroup.DEFAULT, no_hint: Any = False) -> Any:
        connection = await super()._get_conn(node_id, group=group, no_hint=no_hint)
        if type(connection) is AIOKafkaConnection:
            connection.__class__ = ModestConnection
        return connection
