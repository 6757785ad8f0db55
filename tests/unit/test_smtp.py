"""Mail over a real line to a server of the test: what each of its answers means."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest
import structlog
import trustme
from aiosmtpd.smtp import SMTP, Envelope, Session
from pydantic import SecretStr

from service.config import SmtpSettings
from service.delivery.channel import Attempt, Order, Result
from service.delivery.lines import Lines
from service.delivery.links import Links
from service.delivery.requests import read_request
from service.delivery.smtp import SmtpChannel
from service.errors import ConfigurationError
from tests.support.delivery_world import requested
from tests.support.mail_sink import Handler, Sink
from tests.support.plain_message import PlainRenderer

LINKS = Links("https://anna.example", SecretStr("a secret of the tests"))
LOGIN = ("anna", "correct horse")


def settings(port: int, **more: Any) -> SmtpSettings:
    return SmtpSettings.model_validate(
        {
            "host": "localhost",
            "port": port,
            "security": "none",
            "sender": "hello@anna.example",
            "timeout_s": 20.0,
            **more,
        }
    )


def order(request_id: str = "r1", who: str = "c1", **more: Any) -> Order:
    found = read_request(requested(request_id, who, **more))
    assert isinstance(found, Order)
    return found


@asynccontextmanager
async def channel_to(sink: Sink, **more: Any) -> AsyncIterator[SmtpChannel]:
    """Connected, where the server lets it."""
    channel = SmtpChannel(settings(sink.real_port, **more), PlainRenderer(), LINKS)
    keeping = asyncio.create_task(channel.keep())
    await asyncio.sleep(0.05)
    for _ in range(40):
        if channel.available or channel._failures:
            break
        await asyncio.sleep(0.02)
    try:
        yield channel
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await channel.close()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def server_tls(authority: trustme.CA, name: str = "localhost") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


async def test_many_mails_go_over_one_line() -> None:
    with Sink() as sink:
        async with channel_to(sink, connections=1) as channel:
            attempts = [await channel.send(order(f"r{number}", f"c{number}")) for number in range(20)]

    assert {attempt.result for attempt in attempts} == {Result.DELIVERED}
    assert [mail["id"] for mail in sink.handler.taken] == [f"<r{number}@anna.example>" for number in range(20)]
    assert sink.handler.sessions == 1


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("250 2.0.0 Ok: queued as 4Zx1pQ3Lk2z9", "4Zx1pQ3Lk2z9"),  # Postfix
        ("250 OK id=1sXyZ0-0000Ab-1c", "1sXyZ0-0000Ab-1c"),  # Exim
        ("250 Ok 0102018f1f1c2a3b-6f1f7b6a-000000", "0102018f1f1c2a3b-6f1f7b6a-000000"),  # Amazon SES
        ("250-2.0.0 taken\r\n250 Ok: queued as <abc>.", "<abc>"),
        ("250 OK", None),
        ("250 2.0.0 OK  1732712345 a1b2c3-20020a.30 - gsmtp", None),
        ("250 queued as " + "x" * 200, None),
    ],
)
async def test_what_the_server_calls_what_it_has_taken_is_kept(said: str, name: str | None) -> None:
    handler = Handler()
    handler.data_answers.append(said)
    with Sink(handler) as sink:
        async with channel_to(sink) as channel:
            attempt = await channel.send(order())

    assert attempt == Attempt(Result.DELIVERED, provider_id=name)


async def test_who_is_cut_off_while_a_line_opens_sends_nothing_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """`asyncio.wait_for`, which the library waits with, can lose a cancellation that comes in the same moment."""
    opening, opened = asyncio.Event(), aiosmtplib.SMTP.connect

    async def connect(self: aiosmtplib.SMTP, **more: Any) -> Any:
        answer = await opened(self, **more)
        opening.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return answer

    with Sink() as sink:
        channel = SmtpChannel(settings(sink.real_port), PlainRenderer(), LINKS)
        monkeypatch.setattr(aiosmtplib.SMTP, "connect", connect)
        sending = asyncio.create_task(channel.send(order()))
        await opening.wait()
        sending.cancel()
        await asyncio.wait([sending], timeout=30)
        await channel.close()

    assert sending.cancelled()
    assert sink.handler.taken == []


async def test_starttls_and_login_with_an_authority_of_ones_own(authority: trustme.CA, ca_file: Path) -> None:
    with Sink(tls=server_tls(authority), login=LOGIN) as sink:
        login = {"username": LOGIN[0], "password": LOGIN[1]}
        async with channel_to(sink, security="starttls", ca_file=ca_file, **login) as channel:
            attempt = await channel.send(order())

    assert attempt == Attempt(Result.DELIVERED)
    assert len(sink.handler.taken) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "wrong"},
        {"ca_file": None},
        {"host": "127.0.0.1"},  # the certificate is of another name
    ],
    ids=["password", "authority", "name"],
)
async def test_nothing_goes_to_a_server_that_refuses_us_or_is_not_the_one(
    wrong: dict[str, Any], authority: trustme.CA, ca_file: Path
) -> None:
    with Sink(tls=server_tls(authority), login=LOGIN) as sink:
        login = {"username": LOGIN[0], "password": LOGIN[1]}
        chosen = {"security": "starttls", "ca_file": ca_file, **login, **wrong}
        async with channel_to(sink, **chosen) as channel:
            assert not channel.available
            assert (await channel.send(order())).result is Result.RETRY

    assert sink.handler.taken == []


async def test_a_server_without_the_tls_that_is_asked_for_gets_nothing() -> None:
    with Sink() as sink:
        async with channel_to(sink, security="starttls") as channel:
            assert not channel.available

    assert sink.handler.taken == []


@pytest.mark.parametrize(
    ("answer", "result", "detail"),
    [
        ("451 4.7.1 greylisted", Result.RETRY, "smtp 451 4.7.1"),
        ("452 too many", Result.RETRY, "smtp 452"),
        ("421 going down", Result.RETRY, "smtp 421"),
        ("550 5.1.1 <c1@example.org> unknown", Result.BOUNCED, "smtp 550 5.1.1"),
        ("550 no such user", Result.BOUNCED, "smtp 550"),
        ("550 no such user at 192.5.7.1", Result.BOUNCED, "smtp 550"),
        ("552 5.2.2 full", Result.BOUNCED, "smtp 552 5.2.2"),
        ("502 not implemented", Result.FAILED, "smtp 502"),
        ("550 5.7.1 policy", Result.FAILED, "smtp 550 5.7.1"),
        ("554 5.6.0 content", Result.FAILED, "smtp 554 5.6.0"),
    ],
)
@pytest.mark.parametrize("stage", ["rcpt_answers", "data_answers"])
@pytest.mark.parametrize("pipelining", [False, True], ids=["in turn", "together"])
async def test_what_an_answer_means_and_the_line_goes_on(
    answer: str, result: Result, detail: str, stage: str, pipelining: bool
) -> None:
    with Sink(Handler(pipelining=pipelining)) as sink:
        setattr(sink.handler, stage, [answer])
        async with channel_to(sink) as channel:
            refused, next_one = await channel.send(order()), await channel.send(order("r2", "c2"))

    assert refused == Attempt(result, detail)
    assert next_one.result is Result.DELIVERED
    assert [mail["to"] for mail in sink.handler.taken] == ["c2@example.org"]


async def test_who_has_to_log_in_first_waits_whoever_it_is_for() -> None:
    with Sink() as sink:
        sink.handler.rcpt_answers = ["530 5.7.0 authentication required"]
        async with channel_to(sink) as channel:
            refused = await channel.send(order())
            available = channel.available
            later = await channel.send(order())

    assert refused == Attempt(Result.RETRY, "smtp 530")
    assert not available
    assert later.result is Result.DELIVERED


@pytest.mark.parametrize("misbehaviour", ["drop", "hang"])
async def test_no_answer_to_the_text_is_tried_again_and_three_times_at_most(misbehaviour: str) -> None:
    with Sink() as sink:
        sink.handler.data_answers = [misbehaviour] * 3
        async with channel_to(sink, timeout_s=0.2) as channel:
            attempts = [await channel.send(order()) for _ in range(3)]

    assert attempts == [Attempt(Result.RETRY, "unanswered")] * 2 + [Attempt(Result.FAILED, "unanswered")]
    assert {mail["id"] for mail in sink.handler.taken} == {"<r1@anna.example>"}


async def test_a_line_that_was_closed_meanwhile_costs_no_attempt() -> None:
    with Sink() as sink:
        async with channel_to(sink, connections=1) as channel:
            await channel.send(order())
            channel._idle[0][0]._transport.abort()
            attempt = await channel.send(order("r2"))

    assert attempt.result is Result.DELIVERED
    assert len(sink.handler.taken) == 2


async def test_a_server_that_is_away_is_waited_for_and_then_used() -> None:
    handler = Handler()
    with Sink(handler) as sink:
        port = sink.real_port
    channel = SmtpChannel(settings(port), PlainRenderer(), LINKS)
    keeping = asyncio.create_task(channel.keep())
    await asyncio.sleep(0.05)
    assert not channel.available
    channel._not_before_s = 0.0

    again = Sink(handler)
    again.port = port
    with again:
        for _ in range(100):
            await asyncio.sleep(0.02)
            if channel.available:
                break
        attempt = await channel.send(order())
        keeping.cancel()
        await channel.close()

    assert attempt.result is Result.DELIVERED


async def test_a_sample_says_what_it_is_in_its_subject() -> None:
    with Sink() as sink:
        async with channel_to(sink) as channel:
            await channel.send(order(sample=True))

    assert sink.handler.taken[0]["subject"] == "[Test] We miss you, Anna"


async def test_a_message_that_cannot_be_written_has_failed_and_the_others_go_on() -> None:
    class Broken(PlainRenderer):
        def render(self, data: Any, unsubscribe_url: str) -> Any:
            if data["customer_id"] == "c1":
                raise KeyError("first_name")
            return super().render(data, unsubscribe_url)

    with Sink() as sink:
        channel = SmtpChannel(settings(sink.real_port), Broken(), LINKS)
        attempts = [await channel.send(order()), await channel.send(order("r2", "c2"))]
        await channel.close()

    assert attempts == [Attempt(Result.FAILED, "template"), Attempt(Result.DELIVERED)]


@pytest.mark.parametrize(
    ("email", "said"),
    [
        ("anna@example.org", None),
        ("änna@exämple.org", None),
        ("no address", "bad_address"),
        ("a@b\r\nBcc: x@y.org", "bad_address"),
        ("a@b,c@d", "bad_address"),
        ("<a@b>", "bad_address"),
        ("a" * 65 + "@b.org", "bad_address"),
        ("a@b..org", "bad_address"),
        ("a@.org", "bad_address"),
    ],
)
def test_what_is_no_address_is_never_tried(email: str, said: str | None) -> None:
    channel = SmtpChannel(settings(25), PlainRenderer(), LINKS)

    assert channel.refusal(order(email=email)) == said
    assert channel.refusal(order(contact=None)) == "no_address"


@pytest.mark.parametrize("missing", ["host", "sender"])
def test_what_is_missing_is_one_sentence(missing: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^deliver\.smtp\.{missing} is not set"):
        SmtpChannel(settings(25, **{missing: None}), PlainRenderer(), LINKS)


def test_a_file_that_holds_no_certificates_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")

    with pytest.raises(ConfigurationError, match=r"deliver\.smtp\.ca_file .* PEM format"):
        SmtpChannel(settings(25, security="tls", ca_file=tmp_path / "ca.pem"), PlainRenderer(), LINKS)


class Narrow(Sink):
    """Answers 421 to every connection beyond so many; a message takes it a while."""

    def __init__(self, allowed: int) -> None:
        self.allowed, self.open, self.most_open, self.refused = allowed, 0, 0, 0
        super().__init__(Slow())

    def factory(self) -> Any:
        sink = self

        class Counted(SMTP):
            counts = False

            def connection_made(self, transport: Any) -> None:
                if sink.open >= sink.allowed:
                    sink.refused += 1
                    transport.write(b"421 4.7.0 too many connections from you\r\n")
                    transport.close()
                    return
                self.counts = True
                sink.open += 1
                sink.most_open = max(sink.most_open, sink.open)
                super().connection_made(transport)

            def connection_lost(self, error: Exception | None) -> None:
                if self.counts:
                    sink.open -= 1
                    super().connection_lost(error)

        return Counted(self.handler, loop=self.loop)


class Late(Narrow):
    """Refuses at once and greets whom it lets in a while later."""

    def factory(self) -> Any:
        counted: Any = super().factory()
        greet = counted._handle_client

        async def later() -> None:
            await asyncio.sleep(0.2)
            await greet()

        counted._handle_client = later
        return counted


class Slow(Handler):
    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        await asyncio.sleep(0.01)
        return await super().handle_DATA(server, session, envelope)


async def test_a_server_that_allows_fewer_lines_gets_fewer_and_one_more_is_tried_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with structlog.testing.capture_logs() as said, Narrow(2) as sink:
        async with channel_to(sink, connections=6) as channel:
            attempts = await asyncio.gather(*[channel.send(order(f"r{one}", f"c{one}")) for one in range(60)])
            assert channel._lines.allowed == 2
            first_refused = sink.refused
            await asyncio.sleep(0.8)
            sink.allowed = 6
            monkeypatch.setattr("service.delivery.lines.ONE_MORE_S", 0.1)
            for turn in range(40):
                attempts += await asyncio.gather(*[channel.send(order(f"x{turn}.{one}")) for one in range(6)])
                if sink.most_open == 6:
                    break
                await asyncio.sleep(0.1)

    assert {attempt.result for attempt in attempts} == {Result.DELIVERED}
    assert len({mail["id"] for mail in sink.handler.taken}) == len(sink.handler.taken) == len(attempts)
    assert 1 <= first_refused <= 4
    assert sink.most_open == 6
    told = [line for line in said if line["log_level"] == "warning"]
    assert [(line["event"].split(";")[0], line["allowed"]) for line in told] == [
        ("the mail server allows fewer connections than deliver.smtp.connections", 2)
    ]


async def test_who_is_refused_before_the_others_are_let_in_waits_for_them() -> None:
    with Late(1) as sink:
        channel = SmtpChannel(
            settings(sink.real_port, connections=4), PlainRenderer(), LINKS
        )  # without a line of before
        attempts = await asyncio.gather(*[channel.send(order(f"r{one}", f"c{one}")) for one in range(8)])
        allowed = channel._lines.allowed
        await channel.close()

    assert {attempt.result for attempt in attempts} == {Result.DELIVERED}
    assert (sink.refused, allowed) == (3, 1)


async def test_a_server_that_allows_none_is_waited_for() -> None:
    with Narrow(0) as sink:
        async with channel_to(sink, connections=3) as channel:
            attempt = await channel.send(order())
            available = channel.available

    assert attempt == Attempt(Result.RETRY, "connection")
    assert not available


async def test_who_is_cut_off_while_it_waits_for_another_line_takes_none_with_it() -> None:
    lines = Lines(2)
    async with lines:
        waiting = asyncio.create_task(_crowded_in(lines))
        await asyncio.sleep(0)
        assert lines.allowed == 1
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    assert lines.allowed == 2
    async with asyncio.timeout(1), lines, lines:
        pass


async def _crowded_in(lines: Lines) -> None:
    async with lines:
        await lines.crowded()
