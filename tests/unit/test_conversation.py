"""What is said over a line to a mail server, and what each of its answers comes to: a server that follows a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiosmtplib.protocol import PERIOD_REGEX, normalize_message_line_endings
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.delivery.conversation import Answer, Line, LostError, Step, ready
from tests.support.examples import examples

TEXT = b"Subject: hello\r\n\r\nHello.\r\n.\r\n"
GOOD = {"MAIL": "250 OK", "RCPT": "250 OK", "DATA": "354 go on", ".": "250 taken", "RSET": "250 OK", "QUIT": "221 bye"}


class Server:
    """Answers every command by the script; None = says nothing, "drop" = cuts the line."""

    def __init__(self, **script: str | bytes | None) -> None:
        self.script: dict[str, str | bytes | None] = {**GOOD, **script}
        self.pause_s = 0.0
        """Before each answer."""
        self.heard: list[str] = []
        self.in_text = asyncio.Event()
        self.writer: asyncio.StreamWriter | None = None
        self.task: asyncio.Task[None] | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer, self.task = writer, asyncio.current_task()
        with suppress(OSError):
            await self._answer(reader, writer)
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        in_text = False
        while line := await reader.readline():
            command = line.split(b" ")[0].strip().decode()
            if in_text and command != ".":
                continue
            in_text = False
            self.heard.append(command)
            answer = self.script[command]
            if command == ".":
                self.in_text.set()
            await asyncio.sleep(self.pause_s)
            if answer == "drop":
                return
            if answer is not None:
                writer.write(answer if isinstance(answer, bytes) else answer.encode() + b"\r\n")
                in_text = command == "DATA" and str(answer).startswith("354")


@asynccontextmanager
async def line_to(server: Server, *, pipelining: bool = False, timeout_s: float = 5.0) -> AsyncIterator[Line]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(asyncio.Protocol, *listening.sockets[0].getsockname())
    line = Line(transport, pipelining=pipelining, utf8=False, timeout_s=timeout_s)
    try:
        yield line
    finally:
        line.close()
        listening.close()
        if server.task is not None:
            await asyncio.wait([server.task], timeout=5)


async def say(line: Line) -> Answer:
    return await line.hand_over(b"<a@a.example>", b"<b@b.example>", TEXT)


both = pytest.mark.parametrize("pipelining", [False, True], ids=["in turn", "together"])


@both
async def test_message_after_message_is_taken_over_one_line(pipelining: bool) -> None:
    server = Server()
    async with line_to(server, pipelining=pipelining) as line:
        answers = [await say(line) for _ in range(3)]
        still_open = line.open
        await line.quit()

    assert answers == [Answer(Step.TEXT, 250, "taken")] * 3
    assert all(answer.good for answer in answers)
    assert still_open
    assert server.heard == ["MAIL", "RCPT", "DATA", "."] * 3 + ["QUIT"]


@pytest.mark.parametrize(
    ("script", "answer", "in_turn", "together"),
    [
        (
            {"RCPT": "550 5.1.1 who"},
            Answer(Step.RECIPIENT, 550, "5.1.1 who"),
            "MAIL RCPT RSET",
            "MAIL RCPT DATA . RSET",
        ),
        (
            {"RCPT": "450 later", "DATA": "503 no recipients"},
            Answer(Step.RECIPIENT, 450, "later"),
            "MAIL RCPT RSET",
            "MAIL RCPT DATA RSET",
        ),
        ({"DATA": "451 not now"}, Answer(Step.DATA, 451, "not now"), "MAIL RCPT DATA RSET", "MAIL RCPT DATA RSET"),
        ({".": "554 5.6.0 no"}, Answer(Step.TEXT, 554, "5.6.0 no"), "MAIL RCPT DATA . RSET", "MAIL RCPT DATA . RSET"),
    ],
)
@both
async def test_a_message_that_is_refused_leaves_the_line_to_the_next(
    script: dict[str, Any], answer: Answer, in_turn: str, together: str, pipelining: bool
) -> None:
    server = Server(**script)
    async with line_to(server, pipelining=pipelining) as line:
        refused = await say(line)
        heard = list(server.heard)
        server.script |= GOOD
        taken = await say(line)

    assert refused == answer
    assert not refused.good
    assert heard == (together if pipelining else in_turn).split()
    assert taken.good


@both
@pytest.mark.parametrize(
    ("script", "answer"),
    [
        ({"MAIL": "550 5.7.1 not you"}, Answer(Step.SENDER, 550, "5.7.1 not you")),
        ({"RCPT": "421 going"}, Answer(Step.RECIPIENT, 421, "going")),
        ({".": "421 going"}, Answer(Step.TEXT, 421, "going")),
        ({".": "451 no", "RSET": "500 what"}, Answer(Step.TEXT, 451, "no")),
        ({".": "451 no", "RSET": "drop"}, Answer(Step.TEXT, 451, "no")),
    ],
)
async def test_after_some_answers_the_line_is_of_no_use(
    script: dict[str, Any], answer: Answer, pipelining: bool
) -> None:
    async with line_to(Server(**script), pipelining=pipelining) as line:
        assert await say(line) == answer
        assert not line.open


@both
@pytest.mark.parametrize(
    ("script", "text_said"),
    [
        ({"MAIL": None}, False), ({"RCPT": "drop"}, False), ({"DATA": "drop"}, False), ({"DATA": "what?"}, False),
        ({".": None}, True), ({".": "drop"}, True), ({".": "25x"}, True), ({".": b"250-" + b"x" * 70_000}, True),
        ({".": b"250-so it goes on\r\n" * 5_000}, True),
    ],
)  # fmt: skip
async def test_a_line_that_breaks_says_whether_the_text_had_gone_out(
    script: dict[str, Any], text_said: bool, pipelining: bool
) -> None:
    async with line_to(Server(**script), pipelining=pipelining, timeout_s=0.1) as line:
        with pytest.raises(LostError) as lost:
            await say(line)

        assert lost.value.text_said is text_said
        assert not line.open
        with pytest.raises(LostError) as closed:
            await say(line)
    assert not closed.value.text_said


async def test_the_wait_is_for_each_answer_and_not_for_all_of_them() -> None:
    server = Server()
    server.pause_s = 0.15
    async with line_to(server, timeout_s=0.4) as line:
        assert (await say(line)).good  # four answers, more than that in all


async def test_an_answer_of_several_lines_and_pieces_is_one() -> None:
    server = Server(**{".": None})
    async with line_to(server) as line:
        saying = asyncio.create_task(say(line))
        await server.in_text.wait()
        assert server.writer is not None
        for piece in (b"25", b"0-first", b"\r", b"\n250", b" second\r\n"):
            server.writer.write(piece)
            await server.writer.drain()
            await asyncio.sleep(0.01)
        answer = await saying

    assert answer == Answer(Step.TEXT, 250, "first\nsecond")


async def test_what_nobody_has_asked_for_closes_the_line() -> None:
    server = Server()
    async with line_to(server) as line:
        await say(line)
        assert server.writer is not None
        server.writer.write(b"421 you were idle\r\n")
        for _ in range(100):
            if not line.open:
                break
            await asyncio.sleep(0.01)

        assert not line.open


async def test_who_is_cut_off_closes_the_line() -> None:
    server = Server(**{".": None})
    async with line_to(server) as line:
        saying = asyncio.create_task(say(line))
        await server.in_text.wait()
        saying.cancel()
        await asyncio.gather(saying, return_exceptions=True)

        assert not line.open


@pytest.mark.parametrize("address", [b"<a@b>\r\nRCPT TO:<c@d>", b"<a\n@b>"])
async def test_no_command_hides_in_an_address(address: bytes) -> None:
    server = Server()
    async with line_to(server) as line:
        with pytest.raises(ValueError, match="line break"):
            await line.hand_over(b"<a@a.example>", address, TEXT)

    assert server.heard == []


@given(st.lists(st.sampled_from([b".", b"..", b"\r", b"\n", b"\r\n", b"a", "é".encode()]), min_size=1).map(b"".join))
@example(b".\r\n.")
@settings(max_examples=examples(60))
def test_a_text_is_made_ready_as_the_library_does(message: bytes) -> None:
    assert ready(message) == PERIOD_REGEX.sub(b"..", normalize_message_line_endings(message)) + b".\r\n"
