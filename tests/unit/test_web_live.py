"""The page that is open is told of what is new, within the limits of connections."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from service.config import WebSettings
from service.domain.outreach.realised import Realised
from service.streaming.metrics import Metrics
from service.web import live
from service.web.app import create_app
from service.web.limits import Limits
from service.web.live import Pulse, fingerprint
from service.web.port import take_port
from service.web.recent import read_decision
from service.web.server import serve_app
from service.web.shop_view import Readiness
from tests.support.made_up_shop import HEALTHY, MONTHS, SETTINGS, FakeFacts, get, written
from tests.unit.test_brought_on_every_surface import shop
from tests.unit.test_web_limits import Client, server

ASK = b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LOOK_S", 0.02)
    monkeypatch.setattr(live, "FRESH_S", 0.02)
    monkeypatch.setattr(live, "_SIGN_OF_LIFE_S", 0.2)


async def told(client: Client) -> str:
    """The next fingerprint."""
    while True:
        line = await asyncio.wait_for(client.reader.readline(), 5)
        assert line, "the server has closed"
        if line.startswith(b"data: "):
            return line[6:].decode().strip()


async def test_whoever_listens_is_told_at_once_and_again_when_something_is_new() -> None:
    facts = FakeFacts()
    async with server(create_app(SETTINGS, Metrics().registry, facts)) as connect:
        first, second = await connect(), await connect()
        first.send(ASK)
        head = await first.head()
        before = await told(first)
        second.send(ASK)
        assert await told(second) == before == fingerprint(facts)

        facts.decided = facts.decided[:1]
        assert await told(first) == await told(second) == fingerprint(facts) != before

    assert b"content-type: text/event-stream" in head.lower()
    assert b"cache-control: no-store" in head.lower()


def same_facts_again() -> list[str]:
    changed: list[FakeFacts] = [
        FakeFacts(),
        FakeFacts(known=False),
        FakeFacts(rows=MONTHS),
        FakeFacts(decided=[read_decision(written())]),
        FakeFacts(ready=Readiness(assigned=True, partitions={0: replace(HEALTHY, held="too many")})),
        FakeFacts(counts=replace(FakeFacts().counts, regulars=7)),
        FakeFacts(tally=tallied()),
        FakeFacts(messages=shop((False, 70, 56), (True, 80, 48))),
        FakeFacts(messages=shop((False, 70, 57), (True, 80, 48))),
    ]
    return [fingerprint(each) for each in changed]


def tallied() -> Realised:
    made = Realised()
    made.classes[0].visits = 3
    return made


def test_a_fingerprint_tells_what_changes_and_nothing_else() -> None:
    once, again = same_facts_again(), same_facts_again()

    assert once == again
    assert len(set(once)) == len(once)


async def test_a_stream_outlives_the_limits_of_answers_and_of_idle_connections() -> None:
    limits = {"idle_timeout_s": 0.3, "answer_timeout_s": 0.3, "body_timeout_s": 0.3, "header_timeout_s": 0.3}
    facts = FakeFacts()
    async with server(create_app(SETTINGS, Metrics().registry, facts), **limits) as connect:
        client = await connect()
        client.send(ASK)
        await told(client)
        await asyncio.sleep(2.0)
        facts.decided = []

        assert await told(client) == fingerprint(facts)


async def test_a_stream_counts_as_a_connection_of_its_client_and_as_one_of_few_streams() -> None:
    settings = SETTINGS.changed(web={"connections": 4})
    app = create_app(settings, Metrics().registry, FakeFacts())
    async with server(app, connections=4, connections_per_client=2) as connect:
        first, second = await connect(), await connect()
        first.send(ASK)
        await told(first)
        second.send(ASK)
        assert (await second.head()).startswith(b"HTTP/1.1 503 ")
        third = await connect()
        assert (await third.rest()).startswith(b"HTTP/1.1 429 ")

        first.writer.close()
        second.send(b"")
        await second.reader.readuntil(b"}")
        for _ in range(50):
            await asyncio.sleep(0.05)
            second.send(ASK)
            if (await second.head()).startswith(b"HTTP/1.1 200 "):
                break
            await second.reader.readuntil(b"}")
        else:
            pytest.fail("the place of who has gone is not given to the next")


async def test_nobody_looks_while_nobody_listens() -> None:
    looks = 0

    async def renew() -> None:
        nonlocal looks
        looks += 1

    pulse = Pulse(FakeFacts(), renew, 8)
    streams: list[Any] = [pulse.changes() for _ in range(3)]
    assert looks == 0
    assert len({await anext(each) for each in streams}) == 1
    for each in streams:
        await each.aclose()
    await asyncio.sleep(0.1)
    seen = looks
    await asyncio.sleep(0.1)

    assert looks == seen > 0
    assert pulse.listeners == 0


async def test_silence_is_broken_by_a_sign_of_life() -> None:
    pulse = Pulse(FakeFacts(), asyncio.Event().set, 1)  # type: ignore[arg-type]
    pulse._looking = asyncio.create_task(asyncio.sleep(60))
    changes = pulse.changes()

    assert await anext(changes) == ""
    await changes.aclose()
    pulse._looking.cancel()


async def test_numbers_behind_the_token_are_not_told_of_without_it() -> None:
    async with server(numbers="token", token="a-long-secret-of-the-shop") as connect:  # noqa: S106
        client = await connect()
        client.send(ASK)

        assert (await client.head()).startswith(b"HTTP/1.1 401 ")


async def test_the_script_may_ask_its_own_server_alone() -> None:
    page = await get("/")

    assert "script-src 'self'; connect-src 'self'" in page.headers["content-security-policy"]


AT_ONCE_S = 60.0
"""However busy the machine is: who waited would wait for twice as long."""


async def test_a_server_that_ends_does_not_wait_for_who_listens() -> None:
    settings = WebSettings.model_validate({"port": 0})
    listener = take_port(settings)
    app = create_app(SETTINGS, Metrics().registry, FakeFacts())
    serving = asyncio.create_task(
        serve_app(app, listener, Limits.of(settings, settings.host), grace_s=2 * int(AT_ONCE_S))
    )
    client = Client(*await asyncio.open_connection(*listener.getsockname()))
    client.send(ASK)
    await told(client)
    began_s = time.monotonic()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)

    assert time.monotonic() - began_s < AT_ONCE_S
    await client.rest()
    client.writer.close()
