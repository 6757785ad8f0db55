"""A group that has as many members as its brokers allow is asked again until it has a place, and that is said once; and
whether brokers answer a deliverer at all."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.protocol.group import JoinGroupRequest
from prometheus_client import generate_latest
from structlog.testing import capture_logs

from service.cluster import group_place
from service.cluster.group_place import FULL
from service.config import Settings
from service.delivery import group
from service.delivery.group import Line
from service.delivery.metrics import DeliveryMetrics
from service.fetching import KeepingClient
from service.streaming import reach

LOADING, FULL_CODE, DONE, BALANCED = 14, 81, 0, 27
SINCE = "churn_alert_broker_unreachable_since_seconds"


class Answer:
    def __init__(self, code: int) -> None:
        self.error_code = code


def a_line() -> tuple[Line, Any, DeliveryMetrics]:
    """What listens, the client that it listens to, and where it tells."""
    client, metrics = KeepingClient.__new__(KeepingClient), DeliveryMetrics("smtp")
    line = Line(Settings(), metrics)
    line.listen_to(SimpleNamespace(_client=client))
    return line, client, metrics


async def test_a_full_group_is_asked_again_and_said_to_be_full_once(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = iter([FULL_CODE, FULL_CODE, BALANCED, DONE])

    async def answered(*_: Any, **__: Any) -> Answer:
        return Answer(next(codes))

    monkeypatch.setattr(KeepingClient, "send", answered)
    monkeypatch.setattr(group_place, "_AGAIN_S", 0.0)
    line, client, _ = a_line()
    join = JoinGroupRequest("g", 1, 1, "", "", "consumer", [])

    with capture_logs() as said:
        heard, told = [], []
        for _ in range(4):
            heard.append((await client.send(0, join)).error_code)
            told.append(line.missing(joined=False))

    assert heard == [LOADING, LOADING, BALANCED, DONE], "aiokafka asks again"
    assert [each["event"] for each in said] == [FULL]
    assert told[:3] == [[FULL]] * 3
    assert told[3] != [FULL]
    assert line.missing(joined=True) == []


async def test_a_deliverer_says_since_when_no_broker_answers_it(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, answers = [0.0], [True]
    now = SimpleNamespace(monotonic=lambda: clock[0], time=lambda: 1_800_000_000.0 + clock[0])

    async def answered(*_: Any, **__: Any) -> Answer:
        if not answers[0]:
            raise TimeoutError
        return Answer(DONE)

    async def asked(self: Any) -> None:
        """A second goes by at each look."""
        while True:
            clock[0] += 1.0
            if answers[0]:
                self.answers.at_s = clock[0]
            await asyncio.sleep(0)

    monkeypatch.setattr(reach, "time", now)
    monkeypatch.setattr(group, "_LISTEN_S", 0.0)
    monkeypatch.setattr("service.cluster.log_ends.time", now)
    monkeypatch.setattr("service.cluster.log_ends.AskingClient.ask_when_silent", asked)
    line, _, metrics = a_line()
    watching = asyncio.create_task(line.watch())

    async def until_it_is(away: bool) -> None:
        for _ in range(100):
            if bool(line.missing(joined=True)) is away:
                return
            await asyncio.sleep(0)
        raise AssertionError(line.missing(joined=True))

    def told() -> str:
        return generate_latest(metrics.registry).decode()

    for _ in range(20):
        await asyncio.sleep(0)
    before, answers[0] = told(), False
    silent_from = clock[0]
    with capture_logs() as said:
        await until_it_is(away=True)
        away, sentences = told(), line.missing(joined=True)
        noticed_after = clock[0] - silent_from
        answers[0] = True
        await until_it_is(away=False)
    watching.cancel()

    assert f"{SINCE} 0.0" in before
    assert f"{SINCE} 1.8000000" in away
    assert sentences[0].startswith("no broker has answered since 2027-01-15T08:0")
    assert noticed_after <= 8
    assert [each["event"] for each in said] == ["no broker answers; nothing is sent", "the broker answers again"]
    assert f"{SINCE} 0.0" in told()
