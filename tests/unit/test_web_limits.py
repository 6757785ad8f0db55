"""What a hostile network is allowed, tried with bare sockets against the server that both processes use."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI
from pydantic import SecretStr, ValidationError
from starlette.types import ASGIApp
from structlog.testing import capture_logs

from service.config import WebSettings
from service.streaming.metrics import Metrics
from service.web.app import create_app
from service.web.limits import Guesses, Limits, Rate, client_of
from service.web.port import take_port
from service.web.responses import answer_errors
from service.web.server import serve_app
from tests.support.made_up_shop import SETTINGS, FakeFacts

TOKEN = "a-long-secret-of-the-shop"  # noqa: S105
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Client:
    """A connection, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def head(self) -> bytes:
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)

    async def rest(self) -> bytes:
        """Until the server closes."""
        return await asyncio.wait_for(self.reader.read(-1), 5)


@asynccontextmanager
async def server(app: ASGIApp | None = None, **web: object) -> AsyncIterator[Callable[[], asyncio.Future[Client]]]:
    """Gives what connects to it."""
    settings = WebSettings.model_validate({"port": 0, **web})
    listener = take_port(settings)
    port = listener.getsockname()[1]
    app = app or create_app(SETTINGS, Metrics().registry, FakeFacts())
    serving = asyncio.create_task(serve_app(app, listener, Limits.of(settings, settings.host)))
    made: list[Client] = []

    async def connect() -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", port))
        made.append(client)
        return client

    try:
        yield lambda: asyncio.ensure_future(connect())
    finally:
        for each in made:
            each.writer.close()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def answer_to(request: bytes, app: ASGIApp | None = None, **web: object) -> bytes:
    async with server(app, **web) as connect:
        client = await connect()
        client.send(request)
        return await client.head()


def get(path: str = "/healthz", host: str = "localhost", *more: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", f"Host: {host}", *more, "", ""]).encode()


async def test_a_header_that_does_not_end_is_answered_408_and_cut_off() -> None:
    async with server(header_timeout_s=0.3, idle_timeout_s=120.0, body_timeout_s=120.0) as connect:
        half, silent = await connect(), await connect()
        half.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        began = time.monotonic()
        for _ in range(3):  # a byte now and then does not help
            await asyncio.sleep(0.1)
            half.send(b"X")
        answers = [await half.rest(), await silent.rest()]

    assert [answer.split(b"\r\n")[0] for answer in answers] == [b"HTTP/1.1 408 Request Timeout"] * 2
    assert time.monotonic() - began < 60


async def test_a_body_that_does_not_end_is_answered_408() -> None:
    request = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc"

    assert (await answer_to(request, body_timeout_s=0.2)).startswith(b"HTTP/1.1 408 ")


async def test_an_idle_connection_is_closed_and_a_used_one_is_not() -> None:
    async with server(idle_timeout_s=0.8) as connect:
        used, idle = await connect(), await connect()
        idle.send(GET)
        for _ in range(4):
            used.send(GET)
            await used.head()
            await used.reader.readexactly(14)  # {"alive":true}
            await asyncio.sleep(0.4)

        assert (await idle.rest()).endswith(b'{"alive":true}')
        used.send(GET)
        assert (await used.head()).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("whole", [True, False])
async def test_a_large_header_is_431(whole: bool) -> None:
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 60_000 + (b"\r\n\r\n" if whole else b"")

    assert (await answer_to(request, header_bytes=4096)).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_large_body_is_413_and_the_answer_arrives_though_the_client_goes_on_sending(chunked: bool) -> None:
    size = 10 << 20
    how = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
    async with server() as connect:
        client = await connect()
        client.send(f"POST /unsubscribe HTTP/1.1\r\nHost: localhost\r\n{how}\r\n\r\n".encode())
        client.send(f"{size:x}\r\n".encode() if chunked else b"")
        client.send(b"a" * size)

        assert (await client.head()).startswith(b"HTTP/1.1 413 ")


async def test_what_is_no_http_is_400_and_logs_nothing() -> None:
    with capture_logs() as logged:
        answer = await answer_to(b"\x16\x03\x01\x02\x00\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert logged == []


async def test_further_connections_of_one_client_are_429_and_there_is_room_again_when_one_has_gone() -> None:
    async with server(connections_per_client=2) as connect:
        first, second = await connect(), await connect()
        for each in (first, second):
            each.send(GET)
            await each.head()
        third = await connect()
        assert (await third.rest()).startswith(b"HTTP/1.1 429 ")
        first.writer.close()
        await first.writer.wait_closed()
        await asyncio.sleep(0.1)

        fourth = await connect()
        fourth.send(GET)
        assert (await fourth.head()).startswith(b"HTTP/1.1 200 ")


async def test_a_full_house_closes_who_is_idle_and_turns_away_where_nobody_is() -> None:
    async with server(connections=2) as connect:
        idle, busy = await connect(), await connect()
        idle.send(GET)
        await idle.head()
        await idle.reader.readexactly(14)
        busy.send(b"GET / HT")
        await asyncio.sleep(0.1)
        other = await connect()
        other.send(b"GET / HT")
        assert await idle.rest() == b""
        await asyncio.sleep(0.1)

        assert (await (await connect()).rest()).startswith(b"HTTP/1.1 503 ")


async def test_too_many_requests_are_429_with_the_seconds_to_wait_and_probes_are_not() -> None:
    async with server(requests_per_second=0.5) as connect:
        client = await connect()
        heads = []
        for path in ["/openapi.json"] * 3 + ["/healthz"]:
            client.send(get(path))
            heads.append(await client.head())
            length = int(heads[-1].lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            await client.reader.readexactly(length)

    assert [head.split()[1] for head in heads] == [b"200", b"200", b"429", b"200"]
    assert b"retry-after: 2" in heads[2].lower()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8088", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:8088", 200),
        ("192.0.2.7", 200),
        ("shop.example", 200),
        ("a.b.group.example:8088", 200),
        ("group.example", 421),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("shop.example.evil.example", 421),
        ("user@localhost", 421),
        ("localhost/x", 421),
        ("", 421),
    ],
)
async def test_only_known_hosts_are_served(host: str, status: int) -> None:
    answer = await answer_to(get("/openapi.json", host), hosts=["Shop.example", "*.group.example"])

    assert int(answer.split()[1]) == status


async def test_any_host_may_be_allowed() -> None:
    assert (await answer_to(get("/openapi.json", "evil.example"), hosts=["*"])).startswith(b"HTTP/1.1 200 ")


async def test_numbers_behind_the_token_are_shown_to_who_has_it_and_probes_to_all() -> None:
    def app() -> FastAPI:
        return create_app(SETTINGS, Metrics().registry, FakeFacts())

    web = {"numbers": "token", "token": SecretStr(TOKEN)}
    statuses = {}
    for path in ("/", "/metrics", "/api/v1/periods", "/openapi.json", "/healthz", "/readyz"):
        statuses[path] = [
            int((await answer_to(get(path, "localhost", *more), app(), **web)).split()[1])
            for more in ((), (f"Authorization: Bearer {TOKEN}",))
        ]

    assert {path for path, seen in statuses.items() if seen == [401, 200]} == {
        "/",
        "/metrics",
        "/api/v1/periods",
        "/openapi.json",
    }
    assert statuses["/healthz"] == statuses["/readyz"] == [200, 200]


def test_numbers_behind_a_token_need_one() -> None:
    with pytest.raises(ValidationError, match="needs token"):
        WebSettings.model_validate({"numbers": "token"})


def test_a_token_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(ValidationError, match="16 characters"):
        WebSettings.model_validate({"token": "short"})


async def test_a_mistake_of_ours_says_nothing_of_itself() -> None:
    app = FastAPI()
    answer_errors(app)

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("/secret/path of c-4711")

    async with server(app) as connect:
        client = await connect()
        client.send(get("/broken", "localhost", "Connection: close"))
        answer = await client.rest()

    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"application/problem+json" in answer
    assert b"secret" not in answer
    assert b"Traceback" not in answer


async def test_used_up_descriptors_are_waited_for_and_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    accept, failing = socket.socket.accept, True

    def none_left(listener: socket.socket) -> tuple[socket.socket, object]:
        if failing:
            raise OSError(errno.EMFILE, "Too many open files")
        return accept(listener)

    monkeypatch.setattr("service.web.connections._RETRY_S", 0.05)
    async with server() as connect:
        monkeypatch.setattr(socket.socket, "accept", none_left)
        with capture_logs() as logged:
            client = await connect()
            client.send(GET)
            await asyncio.sleep(0.4)
        failing = False
        head = await client.head()

    assert head.startswith(b"HTTP/1.1 200 ")
    assert [line["log_level"] for line in logged] == ["warning"]


def test_the_bucket_of_a_client_fills_by_itself() -> None:
    now_s = 0.0
    rate = Rate(2.0, lambda: now_s)

    assert [rate.wait_s("a") for _ in range(9)] == [0.0] * 8 + [0.5]
    assert rate.wait_s("b") == 0.0
    now_s = 0.5
    assert [rate.wait_s("a") for _ in range(2)] == [0.0, 0.5]


def test_guesses_are_forgotten_after_a_minute() -> None:
    now_s = 0.0
    guesses = Guesses(2, lambda: now_s)
    guesses.was_wrong("a")
    assert guesses.wait_s("a") == 0.0
    guesses.was_wrong("a")

    assert guesses.wait_s("a") == 60.0
    assert guesses.wait_s("b") == 0.0
    now_s = 60.5
    assert guesses.wait_s("a") == 0.0


def test_a_network_of_ipv6_is_one_client() -> None:
    assert client_of("2001:db8::1") == client_of("2001:db8:0:0:ffff::2") != client_of("2001:db8:0:1::1")
    assert client_of("::ffff:192.0.2.1") == client_of("192.0.2.1") == "192.0.2.1"
