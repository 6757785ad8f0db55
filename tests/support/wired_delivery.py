"""Servers of a test that misbehave at every step of a conversation, by a seed, and the real channels over real lines to
them; what stands on either side of the line is that of `delivery_world`.

Whatever a server has taken is noted the moment it has it, whether or not it comes to say so.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from aiohttp import web
from pydantic import SecretStr

from service.config import SmtpSettings, WebhookSettings
from service.delivery import smtp
from service.delivery.channel import Attempt, Channel, Order
from service.delivery.links import Links
from service.delivery.pace import Backoff
from service.delivery.smtp import SmtpChannel
from service.delivery.webhook import WebhookChannel, WebhookTarget
from service.domain.calendar import SECOND_US
from tests.support.delivery_world import Life, World
from tests.support.plain_message import PlainRenderer

ANSWER_S = 0.25
"""So long each answer is waited for; what hangs costs a test that."""
GONE = "gone-"
"""Whose address begins so does not exist, at any time."""
_NOBODY_KNOWS = {"unanswered", "timeout"}
"""What an attempt says of a text, or of a body, that was said and not answered in time."""
_ID = re.compile(rb"^Message-ID: <([^@]+)@", re.MULTILINE)
_LINKS = Links("https://anna.example", SecretStr("a secret of the tests"))


@dataclass
class Taken:
    """What has come to a server, in order."""

    world: World
    at_us: list[int] = field(default_factory=list)
    """What the deliverer's clock showed then."""

    def note(self, request_id: str, customer_id: str) -> None:
        self.world.sink.append((request_id, customer_id))
        self.at_us.append(self.world.shown_us)


class MailServer:
    """As RFC 5321 has it, but for the mood it is in, which it draws anew for each message."""

    MOODS: Mapping[str, float] = {
        "good": 12, "slow": 3, "busy": 1, "not now": 2, "not this": 0.5, "later": 1, "gone away": 1,
        "drops": 1, "hangs": 0.4, "babbles": 0.4,
    }  # fmt: skip

    def __init__(self, world: World) -> None:
        self._rng = random.Random(world.seed + 7)
        self.taken = Taken(world)
        self.well = False
        """From then on it does all as it should."""
        self._pipelining = world.seed % 2 == 0
        self.seen: set[str] = set()

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[int]:
        """Its port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._speak(reader, writer)
        writer.close()

    async def _speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mood, to = "good", ""

        async def say(line: str) -> None:
            if mood == "slow":
                await asyncio.sleep(0.004)
            writer.write(f"{line}\r\n".encode())
            await writer.drain()

        await say("220 moody.example ESMTP")
        while line := (await reader.readline()).decode():
            match line[:4].upper():
                case "EHLO":
                    await say("250-moody.example\r\n250 PIPELINING" if self._pipelining else "250 moody.example")
                case "MAIL":
                    mood, to = self._mood(), ""
                    if mood == "busy":
                        await say("421 4.3.2 closing")
                        return
                    await say("250 2.1.0 Ok")
                case "RCPT":
                    who = line.partition("<")[2].partition(">")[0]
                    if mood == "gone away":
                        writer.transport.abort()
                        return
                    if who.startswith(GONE):
                        await say("550 5.1.1 no such user")
                    elif mood == "not now":
                        await say("450 4.2.1 not now")
                    else:
                        to = who
                        await say("250 2.1.5 Ok")
                case "DATA" if not to:
                    await say("503 5.5.1 to nobody")
                case "DATA":
                    await say("354 go on")
                    text = await reader.readuntil(b"\r\n.\r\n")
                    answer = self._answer(mood, text, to)
                    if answer is None:
                        await self._say_nothing(mood, reader, writer)
                        return
                    await say(answer)
                case "QUIT":
                    await say("221 2.0.0 Bye")
                    return
                case _:
                    await say("250 2.0.0 Ok")

    def _answer(self, mood: str, text: bytes, to: str) -> str | None:
        """To a text; None = none that could be understood."""
        found = _ID.search(text)
        assert found is not None
        request_id = found[1].decode()
        match mood:
            case "later":
                return "451 4.3.0 later"
            case "not this":
                return "554 5.7.1 not this"
        self.taken.note(request_id, to.partition("@")[0])
        return None if mood in {"drops", "hangs", "babbles"} else f"250 2.0.0 Ok: queued as q-{request_id}"

    async def _say_nothing(self, mood: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if mood == "drops":
            writer.transport.abort()
            return
        if mood == "babbles":
            writer.write(b"well, well\r\n")
        await reader.read()  # until the other side gives up

    def _mood(self) -> str:
        mood = "good" if self.well else self._rng.choices(list(self.MOODS), list(self.MOODS.values()))[0]
        self.seen.add(mood)
        return mood


class HookServer:
    """Takes events by POST, in moods too."""

    MOODS: Mapping[str, float] = {
        "good": 12, "slow": 3, "broken": 2, "broken after": 0.5, "busy": 1, "elsewhere": 1, "not this": 0.5,
        "drops": 0.6, "hangs": 0.4,
    }  # fmt: skip

    def __init__(self, world: World) -> None:
        self._rng = random.Random(world.seed + 7)
        self.taken = Taken(world)
        self.well = False
        self.seen: set[str] = set()
        self.led_away = 0
        """Events that came where a redirect led."""
        self.goes_for_good = world.seed % 3 == 0
        """Once, it says 410."""

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[int]:
        app = web.Application()
        app.add_routes([web.post("/hook", self._hook), web.route("*", "/elsewhere", self._elsewhere)])
        runner = web.AppRunner(app, shutdown_timeout=0.0, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield int(runner.addresses[0][1])
        finally:
            await runner.cleanup()

    async def _elsewhere(self, _request: web.Request) -> web.Response:
        self.led_away += 1
        return web.Response()

    async def _hook(self, request: web.Request) -> web.Response:
        event = msgspec.json.decode(await request.read())
        mood = "good" if self.well else self._rng.choices(list(self.MOODS), list(self.MOODS.values()))[0]
        if self.goes_for_good and not self.well and self._rng.random() < 0.05:
            self.goes_for_good, mood = False, "gone"
        self.seen.add(mood)
        refusals = {"broken": 500, "busy": 429, "not this": 422, "gone": 410}
        if mood in refusals:
            return web.Response(status=refusals[mood], headers={"Retry-After": "1"} if mood == "busy" else {})
        if mood == "elsewhere":
            raise web.HTTPTemporaryRedirect("/elsewhere")
        self.taken.note(str(event["id"]), str(event["data"]["customer_id"]))
        if mood in {"broken after", "drops"}:
            self.taken.world.lost[str(event["id"])] += 1
        if mood == "broken after":
            return web.Response(status=500)
        if mood == "drops":
            assert request.transport is not None
            request.transport.abort()
        if mood == "hangs":
            await asyncio.sleep(60)
        if mood == "slow":
            await asyncio.sleep(0.01)
        return web.Response()


class Buried:
    """Dead letters."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    async def bury(self, order: Order, why: str) -> None:
        assert why
        self.ids.append(order.id)

    async def close(self) -> None: ...


def mail_channel(port: int) -> SmtpChannel:
    settings = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "hello@anna.example"}
    return SmtpChannel(
        SmtpSettings.model_validate({**settings, "timeout_s": ANSWER_S, "connections": 4}), PlainRenderer(), _LINKS
    )


def hook_channel(port: int, world: World, buried: Buried) -> WebhookChannel:
    settings = WebhookSettings.model_validate(
        {
            "url": f"http://127.0.0.1:{port}/hook",
            "allow_http": True,
            "allow_private": True,
            "unsigned": True,
            "timeout_s": ANSWER_S,
            "break_after": 4,
            "break_first_s": 2.0,
            "break_longest_s": 8.0,
        }
    )

    def now_s() -> float:
        return world.now_us / SECOND_US

    return WebhookChannel(settings, WebhookTarget(settings, now_s=now_s), buried, now_s)


class WiredLife(Life):
    """One deliverer with a real channel, which dies with it."""

    def __init__(self, world: World, dies_at: int | None, channel: Channel, **more: Any) -> None:
        self._wired = channel
        self._keeping: asyncio.Task[None] | None = None
        super().__init__(world, dies_at, channel=lambda life: _Stepping(channel, life), **more)

    async def breathe(self) -> None:
        """What is said over lines takes its time."""
        if not self._wired.available:
            await asyncio.sleep(0.01)
        elif self.partition._sending:
            await asyncio.wait(self.partition._sending, timeout=2 * ANSWER_S, return_when=asyncio.FIRST_COMPLETED)

    async def live(self, cycles: int) -> bool:
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._wired.keep())
        survived = await super().live(cycles)
        if not survived:
            await self._hang_up()
        return survived

    async def die(self) -> None:
        """As by kill -9, whatever it is doing."""
        await self.end()
        self.world.deaths += 1
        self.is_replaced()
        await self._hang_up()

    async def _hang_up(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        await self._wired.close()


class _Stepping:
    """A channel before and after whose attempts its deliverer may die."""

    def __init__(self, channel: Channel, life: Life) -> None:
        self.name = channel.name
        self._channel, self._life = channel, life

    @property
    def available(self) -> bool:
        return self._channel.available

    def refusal(self, order: Order) -> str | None:
        return self._channel.refusal(order)

    async def send(self, order: Order) -> Attempt:
        await self._life.step()
        attempt = await self._channel.send(order)
        if attempt.detail in _NOBODY_KNOWS:  # also where the machine is slow, and the answer came too late
            self._life.world.lost[order.id] += 1
        await self._life.step()
        return attempt

    async def keep(self) -> None: ...

    async def close(self) -> None: ...


def without_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mail server that could not be reached is tried again at once: pauses are a matter of the clock."""
    monkeypatch.setattr(smtp, "_PAUSES", Backoff(0.01, 0.02))
    monkeypatch.setattr(smtp, "_LOOK_S", 0.005)
