"""A group that has as many members as its brokers allow is asked again until it has a place, and that is said once."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.protocol.group import JoinGroupRequest
from structlog.testing import capture_logs

from service.cluster import group_place
from service.cluster.group_place import FULL, become_joining
from service.delivery.group import why_not_joined
from service.fetching import KeepingClient

LOADING, FULL_CODE, DONE, BALANCED = 14, 81, 0, 27


class Answer:
    def __init__(self, code: int) -> None:
        self.error_code = code


async def test_a_full_group_is_asked_again_and_said_to_be_full_once(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = iter([FULL_CODE, FULL_CODE, BALANCED, DONE])

    async def answered(*_: Any, **__: Any) -> Answer:
        return Answer(next(codes))

    monkeypatch.setattr(KeepingClient, "send", answered)
    monkeypatch.setattr(group_place, "_AGAIN_S", 0.0)
    client = KeepingClient.__new__(KeepingClient)
    place = become_joining(client)
    join = JoinGroupRequest("g", 1, 1, "", "", "consumer", [])

    with capture_logs() as said:
        heard, told = [], []
        for _ in range(4):
            heard.append((await client.send(0, join)).error_code)
            told.append(why_not_joined(place))

    assert heard == [LOADING, LOADING, BALANCED, DONE], "aiokafka asks again"
    assert [line["event"] for line in said] == [FULL]
    assert told[:3] == [FULL] * 3
    assert told[3] != FULL
