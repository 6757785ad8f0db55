"""The webhook against a real server: what each answer comes to, and what never leaves this machine."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from service.config import WebhookSettings
from service.delivery import webhook
from service.delivery.answers import judged, wished_s
from service.delivery.breaker import Circuit
from service.delivery.channel import Attempt, Order, Result
from service.delivery.signing import Verifier, keys_of
from service.delivery.webhook import WebhookChannel, WebhookTarget
from service.errors import ConfigurationError
from tests.support.sink import Answer, Sink, after, drip, hang_up, with_headers, without_end
from tests.unit.test_webhook_targets import Names

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - of the specification's example
EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "0c1e2d3f-0000-5000-8000-000000000001",
    "source": "churn-alert",
    "type": "outreach.requested",
    "subject": "c1",
    "time": "2026-03-01T09:00:00Z",
    "datacontenttype": "application/json",
    "data": {"customer_id": "c1", "first_name": "Zoë", "contact": {"email": "zoe@example.com"}},
}


def order(event_id: str = EVENT["id"]) -> Order:
    return Order(event_id, "c1", 1 << 60, True, 0, False, False, EVENT | {"id": event_id})


def settings(sink: Sink | None = None, **changes: Any) -> WebhookSettings:
    return WebhookSettings(
        **{
            "url": sink.url if sink else "https://crm.example/hook",
            "secret": SECRET,
            "allow_http": True,
            "allow_private": True,
            "timeout_s": 0.3,
            **changes,
        }
    )


class Buried:
    def __init__(self) -> None:
        self.letters: list[tuple[str, str]] = []

    async def bury(self, order: Order, why: str) -> None:
        self.letters.append((order.id, why))

    async def close(self) -> None: ...


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with Sink() as one:
        yield one


class Clock:
    """Moved by hand."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


async def attempts(sink: Sink, *answers: Answer | int, times: int = 1, **changes: Any) -> tuple[list[Attempt], Buried]:
    sink.answers = list(answers)
    buried = Buried()
    channel = WebhookChannel((chosen := settings(sink, **changes)), WebhookTarget(chosen), buried)
    try:
        return [await channel.send(order()) for _ in range(times)], buried
    finally:
        await channel.close()


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_what_is_taken_is_delivered_with_a_signature_that_holds(sink: Sink, status: int) -> None:
    (attempt,), buried = await attempts(sink, status, authorization="Bearer of-the-crm")
    came = sink.came[0]

    assert (attempt.result, buried.letters) == (Result.DELIVERED, [])
    assert Verifier(keys_of(SECRET)).verify(came.headers, came.body, time.time()) == EVENT["id"]
    assert came.headers["Content-Type"] == "application/cloudevents+json"
    assert came.headers["Authorization"] == "Bearer of-the-crm"
    assert json.loads(came.body) == EVENT


async def test_each_attempt_has_the_same_id_and_a_time_of_its_own_to_be_signed(sink: Sink) -> None:
    _, _ = await attempts(sink, 500, 200, times=2)

    assert [came.headers["webhook-id"] for came in sink.came] == [EVENT["id"]] * 2
    for came in sink.came:
        Verifier(keys_of(SECRET)).verify(came.headers, came.body, time.time())


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (500, "http 500"), (502, "http 502"), (503, "http 503"), (599, "http 599"), (429, "http 429"), (408, "http 408"), (425, "http 425"),
        (304, "http 304"), (after(2.0), "timeout"), (hang_up, "connection"),
    ],
)  # fmt: skip
async def test_what_may_pass_is_tried_again(sink: Sink, answer: Answer | int, detail: str) -> None:
    (attempt,), buried = await attempts(sink, answer)

    assert (attempt.result, attempt.detail, buried.letters) == (Result.RETRY, detail, [])


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 499])
async def test_a_refusal_is_buried_before_it_is_said(sink: Sink, status: int) -> None:
    (attempt,), buried = await attempts(sink, status)

    assert (attempt.result, attempt.detail) == (Result.FAILED, f"http {status}")
    assert buried.letters == [(EVENT["id"], f"http {status}")]


async def test_what_cannot_be_buried_has_not_failed(sink: Sink) -> None:
    class NoBroker(Buried):
        async def bury(self, order: Order, why: str) -> None:
            raise ConnectionError

    sink.answers = [422]
    channel = WebhookChannel((chosen := settings(sink)), WebhookTarget(chosen), NoBroker())

    with pytest.raises(ConnectionError):
        await channel.send(order())
    await channel.close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(sink: Sink, status: int) -> None:
    async with Sink() as elsewhere:
        (attempt,), _ = await attempts(sink, with_headers(status, Location=elsewhere.url))

        assert (attempt.result, attempt.detail) == (Result.RETRY, f"http {status}")
        assert len(sink.came) == 1
        assert elsewhere.came == []


@pytest.mark.parametrize("answer", [without_end, drip])
async def test_a_body_without_end_holds_nobody_up_and_is_not_kept(
    sink: Sink, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "READ_S", 0.1)
    began = time.monotonic()
    (attempt,), _ = await attempts(sink, answer, timeout_s=120.0)

    assert attempt.result is Result.DELIVERED
    assert time.monotonic() - began < 60.0


async def test_nothing_goes_to_a_target_that_is_gone(sink: Sink) -> None:
    sink.answers = [410]
    channel = WebhookChannel((chosen := settings(sink)), WebhookTarget(chosen), Buried())
    first, second = await channel.send(order()), await channel.send(order())
    await channel.close()

    assert (first.result, first.detail) == (Result.RETRY, "http 410")
    assert (second.result, second.detail) == (Result.RETRY, "target_gone")
    assert len(sink.came) == 1
    assert channel.target.gone
    assert not channel.available


async def test_a_pause_that_is_asked_for_is_kept(sink: Sink) -> None:
    sink.answers = [with_headers(429, Retry_After="120")]
    target = WebhookTarget(settings(sink))
    first, second = await target.post(EVENT), await target.post(EVENT)
    await target.close()

    assert first.retry_after_s == 120.0
    assert (second.detail, len(sink.came)) == ("circuit_open", 1)
    assert second.retry_after_s is not None
    assert 110 < second.retry_after_s <= 120
    assert not target.available


async def test_a_target_that_fails_again_and_again_is_left_alone_and_asked_again_with_one_message(sink: Sink) -> None:
    clock = Clock()
    sink.answers = [500, 500, 500, after(0.1)]
    target = WebhookTarget(settings(sink, break_after=3, break_first_s=20.0), now_s=clock)
    for _ in range(3):
        await target.post(EVENT)
    open_ = await target.post(EVENT)

    assert (open_.detail, target.circuit, target.available) == ("circuit_open", Circuit.OPEN, False)
    clock.now_s += 20.0
    many = [asyncio.create_task(target.post(EVENT)) for _ in range(10)]
    await asyncio.sleep(0.05)
    while_one_tries = len(sink.came)
    results = {attempt.result for attempt in await asyncio.gather(*many)}
    await target.close()

    assert while_one_tries == 4
    assert results == {Result.DELIVERED}
    assert len(sink.came) == 13
    assert target.circuit is Circuit.CLOSED


async def test_a_message_that_is_refused_says_nothing_against_the_target(sink: Sink) -> None:
    sink.answers = [422]
    target = WebhookTarget(settings(sink, break_after=2))
    for _ in range(4):
        await target.post(EVENT)
    await target.close()

    assert target.circuit is Circuit.CLOSED


async def test_a_target_that_knows_nobody_any_more_does_not_bury_everything(sink: Sink) -> None:
    """A wrong path or a token that has run out refuses every message: a few are lost on it, not all that wait."""
    sink.answers = [404]
    buried = Buried()
    channel = WebhookChannel((chosen := settings(sink, break_after=3)), WebhookTarget(chosen), buried)
    for number in range(20):
        await channel.send(order(f"id-{number}"))
    await channel.close()

    assert len(buried.letters) == 3
    assert not channel.available


async def test_after_its_time_what_was_tried_is_buried(sink: Sink) -> None:
    sink.answers = [500]
    clock, buried = Clock(), Buried()
    channel = WebhookChannel((chosen := settings(sink)), WebhookTarget(chosen), buried, clock)
    first = await channel.send(order())
    clock.now_s += 86_399.0
    second = await channel.send(order())
    clock.now_s += 2.0
    last = await channel.send(order())
    anew = await channel.send(order())
    await channel.close()

    assert [one.result for one in (first, second, last, anew)] == [
        Result.RETRY,
        Result.RETRY,
        Result.FAILED,
        Result.RETRY,
    ]
    assert buried.letters == [(EVENT["id"], "http 500")]


async def test_connections_are_used_again(sink: Sink) -> None:
    target = WebhookTarget(settings(sink))
    for _ in range(5):
        await target.post(EVENT)
    assert target._session is not None
    connector = target._session.connector
    open_ = len(connector._conns) if connector is not None else 0
    await target.close()

    assert (len(sink.came), open_) == (5, 1)
    assert len({came.headers["Host"] for came in sink.came}) == 1


async def test_a_name_that_leads_inward_is_not_posted_to(sink: Sink) -> None:
    names = Names(["127.0.0.1"])
    port = sink.url.rsplit(":", 1)[1].partition("/")[0]
    inward = settings(url=f"http://crm.example:{port}/hook", allow_private=False)
    target = WebhookTarget(inward, resolver=names)
    attempt = await target.post(EVENT)
    await target.close()

    assert (attempt.result, attempt.detail) == (Result.RETRY, "target_refused")
    assert (names.asked, sink.came) == (1, [])


async def test_what_the_environment_calls_a_proxy_is_not_used(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    (attempt,), _ = await attempts(sink, 200)

    assert attempt.result is Result.DELIVERED


async def test_an_event_that_cannot_be_written_is_buried(sink: Sink) -> None:
    buried = Buried()
    channel = WebhookChannel((chosen := settings(sink, template="slack")), WebhookTarget(chosen), buried)
    broken = Order("x", "c1", 1, True, 0, False, False, {"id": "x", "type": "outreach.requested", "data": None})
    attempt = await channel.send(broken)
    await channel.close()

    assert (attempt.result, attempt.detail) == (Result.FAILED, "template")
    assert (buried.letters, sink.came) == ([("x", "template")], [])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"url": None}, "deliver.webhook.url is not set"),
        ({"url": "http://crm.example/"}, "allow_http"),
        ({"url": "https://127.0.0.1/"}, "allow_private"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "allow_private"),
        ({"secret": None}, "deliver.webhook.secret is not set"),
        ({"secret": "whsec_c2hvcnQ="}, "deliver.webhook.secret cannot be used"),
        ({"ca_file": "/does/not/exist.pem"}, "deliver.webhook.ca_file"),
    ],
)
def test_what_cannot_work_is_told_at_the_start(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        WebhookTarget(settings(**{"allow_http": False, "allow_private": False, **changes}))


NOW_S = 1_772_355_600.0
"""2026-03-01T09:00:00Z."""


@pytest.mark.parametrize(
    ("header", "wish_s"),
    [
        ("0", 0.0), (" 30 ", 30.0), ("Sun, 01 Mar 2026 09:01:00 GMT", 60.0), ("Sun, 01 Mar 2026 08:00:00 GMT", 0.0),
        ("999999", 86_400.0), ("9" * 400, 86_400.0), ("Tue, 01 Mar 2033 09:00:00 GMT", 86_400.0), (None, None), ("", None), ("soon", None),
        ("-5", None), ("1.5", None), ("٣", None),
    ],
)  # fmt: skip
def test_retry_after_is_read_as_seconds_or_as_a_date_and_is_a_day_at_most(
    header: str | None, wish_s: float | None
) -> None:
    assert wished_s(header, NOW_S) == wish_s


def test_only_who_asks_for_a_pause_is_left_alone_for_it() -> None:
    assert judged(503, "60", NOW_S).hold_s == 60.0
    assert judged(429, "60", NOW_S).hold_s == 60.0
    assert judged(500, "60", NOW_S).hold_s is None
    assert judged(500, "60", NOW_S).attempt.retry_after_s == 60.0
    assert judged(429, None, NOW_S).healthy
