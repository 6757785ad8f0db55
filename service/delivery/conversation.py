"""One message after another over a line that is open: MAIL, RCPT, DATA and the text (RFC 5321), in as few steps as the
server allows.

aiosmtplib opens lines, with TLS and login; its way of saying a message wakes a task for each of four answers, and that
costs more than all else of a mail. Here an answer moves the conversation on in the moment it arrives, and only the end
is waited for. Where the server offers PIPELINING (RFC 2920) the three commands go out together; the text never goes out
before all three were answered well.
"""

from __future__ import annotations

import asyncio
import re
from enum import Enum
from typing import Final, NamedTuple

GOING: Final = 421
"""The server closes the line (RFC 5321, 3.8)."""
_GO_ON: Final = 354
_LONGEST_ANSWER: Final = 64 << 10
"""Bytes; RFC 5321 allows lines of 512."""
_QUIT_S: Final = 2.0
_BREAKS: Final = re.compile(rb"\r\n|\r|\n")


class Step(Enum):
    """Whose answer it is."""

    SENDER = "MAIL"
    RECIPIENT = "RCPT"
    DATA = "DATA"
    TEXT = "the text"
    NO_TEXT = "the end of a text that is not sent"
    RESET = "RSET"


class Answer(NamedTuple):
    """That which decides what became of a message: the first that is not good, or the one to the text."""

    step: Step
    code: int
    text: str
    """Of several lines, without the code."""

    @property
    def good(self) -> bool:
        return self.step is Step.TEXT and 200 <= self.code < 300


class LostError(Exception):
    """The line broke, nothing was answered in time, or what was answered is no SMTP."""

    def __init__(self, why: str, *, text_said: bool) -> None:
        super().__init__(why)
        self.text_said = text_said
        """The text had gone out, and nobody knows whether it was taken."""


class Line(asyncio.Protocol):
    """One line to one server. One message at a time; a line that is not `open` after it is of no use any more."""

    def __init__(self, transport: asyncio.Transport, *, pipelining: bool, utf8: bool, timeout_s: float) -> None:
        """Takes the transport over from whoever has opened it and said hello. `utf8`: the server takes addresses of
        other letters (RFC 6531); `timeout_s`: for each answer."""
        self.utf8 = utf8
        self._transport = transport
        self._pipelining = pipelining
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._end: asyncio.Future[Answer] | None = None
        """Of the message that is said now; None = the line is idle."""
        self._step = Step.RESET
        self._refused: Answer | None = None
        self._text = b""
        self._to = b""
        self._text_said = False
        self._rest = b""
        self._lines: list[str] = []
        """Of an answer that goes on."""
        self._before_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        """One for many messages: it looks whether an answer is late."""
        transport.set_protocol(self)

    @property
    def open(self) -> bool:
        return not self._transport.is_closing()

    async def hand_over(self, sender: bytes, recipient: bytes, text: bytes) -> Answer:
        """`sender` and `recipient` as they stand in the commands, `<anna@anna.example>`; `text` as `ready` gives it.

        Raises LostError. A refused message leaves the line open where the server lets it be used for the next one.
        """
        if b"\r" in sender + recipient or b"\n" in sender + recipient:
            raise ValueError("a line break in an address")
        if not self.open:
            raise LostError("the line is closed", text_said=False)
        self._end = self._loop.create_future()
        self._refused, self._text_said, self._text = None, False, text
        self._to = b"RCPT TO:" + recipient + b"\r\n"
        mail = b"MAIL FROM:" + sender + b"\r\n"
        self._say(mail + self._to + b"DATA\r\n" if self._pipelining else mail, Step.SENDER)
        if self._timer is None:
            self._timer = self._loop.call_later(self._timeout_s, self._look)
        try:
            return await self._end
        finally:
            self._text, self._to = b"", b""
            if self._end is not None:  # whoever waited was cut off
                self._end = None
                self.close()

    async def quit(self) -> None:
        """Says goodbye, and does not wait long for an answer."""
        if self.open and self._end is None:
            end = self._end = self._loop.create_future()
            self._say(b"QUIT\r\n", Step.RESET)
            try:
                await asyncio.wait([end], timeout=_QUIT_S)
            finally:
                self._end = None
                end.cancel()
                if not end.cancelled():
                    end.exception()  # looked at: a line may break here
        self.close()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._transport.abort()

    # ---- what the transport tells

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if self._end is None:  # nothing was asked: whatever comes now would be taken for the next answer
                self.close()
                return
            self._take(line)
        if len(self._rest) > _LONGEST_ANSWER:
            self._lose("an answer without end")

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose("the line was cut" if exc is None else type(exc).__name__)

    # ---- the conversation

    def _take(self, line: bytes) -> None:
        if not line[:3].isdigit() or line[3:4] not in {b" ", b"-", b"\r", b""}:
            self._lose("an answer that is no SMTP")
            return
        said = line[4:].strip(b" \t\r").decode("utf-8", "replace")
        if line[3:4] == b"-":
            self._lines.append(said)
            if len(self._lines) * 4 + sum(map(len, self._lines)) > _LONGEST_ANSWER:
                self._lose("an answer without end")
            return
        if self._lines:
            said = "\n".join([*self._lines, said])
            self._lines = []
        self._heard(Answer(self._step, int(line[:3]), said))

    def _heard(self, answer: Answer) -> None:
        good = 200 <= answer.code < 300
        if answer.code == GOING:
            self._finish(self._refused or answer, keep=False)
            return
        match answer.step:
            case Step.SENDER:
                if not good:
                    self._finish(answer, keep=False)
                elif self._pipelining:
                    self._await(Step.RECIPIENT)
                else:
                    self._say(self._to, Step.RECIPIENT)
            case Step.RECIPIENT:
                if not good:
                    self._refused = answer
                if self._pipelining:
                    self._await(Step.DATA)
                elif good:
                    self._say(b"DATA\r\n", Step.DATA)
                else:
                    self._reset()
            case Step.DATA:
                self._may_say_the_text(answer)
            case Step.TEXT:
                if good:
                    self._finish(answer, keep=True)
                else:
                    self._refused = answer
                    self._reset()
            case Step.NO_TEXT:
                self._reset()
            case Step.RESET:
                self._finish(self._refused or answer, keep=good)

    def _may_say_the_text(self, answer: Answer) -> None:
        if self._refused is not None:
            if answer.code == _GO_ON:  # to nobody (RFC 2920, 3.1)
                self._say(b".\r\n", Step.NO_TEXT)
            else:
                self._reset()
        elif answer.code == _GO_ON:
            self._text_said = True
            self._say(self._text, Step.TEXT)
        else:
            self._refused = answer
            self._reset()

    def _reset(self) -> None:
        self._say(b"RSET\r\n", Step.RESET)

    def _say(self, words: bytes, step: Step) -> None:
        self._transport.write(words)
        self._await(step)

    def _await(self, step: Step) -> None:
        self._step = step
        self._before_s = self._loop.time() + self._timeout_s

    def _finish(self, answer: Answer, *, keep: bool) -> None:
        end, self._end = self._end, None
        if not keep:
            self.close()
        if end is not None and not end.done():
            end.set_result(answer)

    def _lose(self, why: str) -> None:
        if self._step is Step.RESET and self._refused is not None:
            self._finish(self._refused, keep=False)
            return
        end, self._end = self._end, None
        self.close()
        if end is not None and not end.done():
            end.set_exception(LostError(why, text_said=self._text_said))

    def _look(self) -> None:
        """Whether an answer is late."""
        self._timer = None
        if self._end is None:
            return
        left_s = self._before_s - self._loop.time()
        if left_s <= 0:
            self._lose("no answer")
        else:
            self._timer = self._loop.call_later(left_s, self._look)


def ready(message: bytes) -> bytes:
    """A message as the text of DATA: a line that begins with a dot gets another one (RFC 5321, 4.5.2), every line ends
    as it must, and the last one is a dot alone."""
    breaks = message.count(b"\r\n")
    if breaks != message.count(b"\n") or breaks != message.count(b"\r"):
        message = _BREAKS.sub(b"\r\n", message)
    if not message.endswith(b"\r\n"):
        message += b"\r\n"
    dotted = message.replace(b"\r\n.", b"\r\n..") + b".\r\n"
    return b"." + dotted if dotted.startswith(b".") else dotted
