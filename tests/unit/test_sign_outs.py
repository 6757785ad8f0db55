"""Who signs out at one worker is let in by no other, whenever it hears of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError

from service.domain.changelog import SIGNED_OUT_PREFIX, pack_today
from service.domain.dividing import divide
from service.streaming.metrics import Metrics
from service.web import sign_outs
from service.web.access import Access, Holder
from service.web.app import create_app
from service.web.sessions import Session, Sessions
from service.web.sign_outs import SignOuts
from tests.support.made_up_shop import SETTINGS, TOKEN, FakeFacts
from tests.unit.test_web_sign_in import client_of, signed_in

NOW_S = 1_000_000


class Broker:
    """The ledger topic, as a producer writes it. While it is away nothing starts."""

    def __init__(self) -> None:
        self.records: list[tuple[str, int, bytes, bytes | None]] = []
        self.is_away = False
        self.written = asyncio.Event()

    def producer(self, *_: Any, **__: Any) -> Broker:
        return self

    async def start(self) -> None:
        if self.is_away:
            raise KafkaConnectionError

    async def stop(self) -> None:
        pass

    async def send_and_wait(self, topic: str, value: bytes | None, key: bytes, partition: int) -> None:
        self.records.append((topic, partition, key, value))
        self.written.set()


class Page:
    """One worker's page: what it knows of sessions."""

    def __init__(self) -> None:
        self.now_s = float(NOW_S)
        self.access = Access(SETTINGS.web)
        self.access.sessions = Sessions(2.0, lambda: self.now_s)
        self.sign_outs = SignOuts(SETTINGS, self.access.sessions)

    def knows(self, cookie: str) -> bool:
        return self.access.session_of(cookie) is not None


def holder_of(page: Page) -> Holder:
    found = page.access.holder_of("c", TOKEN.encode())
    assert found is not None
    return found


def a_session(page: Page) -> tuple[str, Session]:
    cookie = page.access.sessions.begin(holder_of(page), secure=False).partition(";")[0]
    found = page.access.session_of(cookie)
    assert found is not None
    return cookie, found[1]


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    found = Broker()
    monkeypatch.setattr(sign_outs, "new_async_producer", found.producer)
    monkeypatch.setattr(sign_outs, "_PATIENCE_S", 0.05)
    monkeypatch.setattr(sign_outs, "_AGAIN_S", 0.01)
    monkeypatch.setattr(sign_outs, "_TIDY_S", 0.05)
    return found


async def test_every_page_that_reads_the_topic_lets_nobody_in_who_has_signed_out(broker: Broker) -> None:
    here, there = Page(), Page()
    cookie, session = a_session(here)
    assert there.knows(cookie)
    running = asyncio.create_task(here.sign_outs.run())

    here.access.sessions.end(session, secure=False)
    assert await here.sign_outs.tell(session)

    running.cancel()
    ((topic, partition, key, value),) = broker.records
    assert (topic, partition, key) == (SETTINGS.kafka.ledger_topic, 0, SIGNED_OUT_PREFIX + session.number.encode())
    there.sign_outs.hear(partition, key, value)
    later = Page()
    later.sign_outs.hear(partition, key, value)
    assert not here.knows(cookie)
    assert not there.knows(cookie)
    assert not later.knows(cookie)


async def test_a_broker_that_is_away_is_told_when_it_is_back(broker: Broker) -> None:
    page = Page()
    _, session = a_session(page)
    broker.is_away = True
    running = asyncio.create_task(page.sign_outs.run())

    assert not await page.sign_outs.tell(session)
    assert broker.records == []

    broker.is_away = False
    await asyncio.wait_for(broker.written.wait(), 10)
    running.cancel()
    assert broker.records[0][2] == SIGNED_OUT_PREFIX + session.number.encode()


async def test_what_would_have_ended_by_itself_is_taken_from_the_topic(broker: Broker) -> None:
    page = Page()
    page.sign_outs.hear(0, SIGNED_OUT_PREFIX + b"over", pack_today(NOW_S - 1))
    page.sign_outs.hear(0, SIGNED_OUT_PREFIX + b"not yet", pack_today(NOW_S + 60))

    running = asyncio.create_task(page.sign_outs.run())
    await asyncio.wait_for(broker.written.wait(), 10)

    running.cancel()
    assert broker.records == [(SETTINGS.kafka.ledger_topic, 0, SIGNED_OUT_PREFIX + b"over", None)]


def test_what_is_no_such_record_is_passed_over() -> None:
    page = Page()
    cookie, session = a_session(page)

    for key, value in (
        (b"\x00today", pack_today(20_000)),
        (SIGNED_OUT_PREFIX + session.number.encode(), None),
        (SIGNED_OUT_PREFIX + b"\xff", pack_today(NOW_S)),
        (SIGNED_OUT_PREFIX + session.number.encode(), b"no number"),
    ):
        page.sign_outs.hear(0, key, value)

    assert page.knows(cookie)


@pytest.mark.parametrize("told", [True, False])
async def test_who_signs_out_hears_whether_it_holds_everywhere(told: bool) -> None:
    heard: list[Session] = []

    async def tell(session: Session) -> bool:
        heard.append(session)
        return told

    access = Access(SETTINGS.web)
    app = create_app(SETTINGS, Metrics().registry, FakeFacts(), access, tell_others=tell)
    async with client_of(app, **{"accept-language": "en"}) as client:
        await signed_in(client, TOKEN)
        session = access.session_of(f"churn_alert_session={client.cookies['churn_alert_session']}")
        assert session is not None
        answer = await client.post("/sign-out", data={"proof": session[1].proof})

    assert [each.number for each in heard] == [session[1].number]
    assert answer.status_code == (303 if told else 200)
    assert ("as soon as the broker is back" in answer.text) is not told
    assert "Max-Age=0" in answer.headers["set-cookie"]


def test_a_state_that_is_carried_to_more_partitions_keeps_who_has_signed_out() -> None:
    key = SIGNED_OUT_PREFIX + b"0123"

    parts = divide({}, {key: pack_today(NOW_S)}, (0, 1), lambda _: 0, 3)

    assert [key in part.ledger for part in parts.values()] == [True, False]
