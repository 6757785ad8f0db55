"""Mail, by SMTP (aiosmtplib): a few connections, many messages over each.

Where an attempt stands when something goes wrong decides what it was:

- before the text of the message was handed over: nothing has happened, it is tried again;
- the server says 4xx: not now; 5xx to the recipient or the message: a bounce, unless its enhanced code (RFC 3463) says
  that policy, content or its own system is to blame, or the code itself that a command is: then it has failed, and the
  address is good;
- the server refuses us ourselves (login, sender, 530 to whatever): nothing is wrong with the message. All wait, the log
  says why;
- no answer to the text: nobody knows whether it was taken. It is tried again, three times at most.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import time
from collections.abc import Mapping
from typing import Any, Final, Protocol, cast

import structlog
from aiosmtplib import SMTP
from aiosmtplib.errors import (
    SMTPAuthenticationError,
    SMTPException,
    SMTPHeloError,
    SMTPResponseException,
)

from service.config import SmtpSettings
from service.delivery.channel import Attempt, Order, Result
from service.delivery.conversation import GOING, Answer, Line, LostError, Step, ready
from service.delivery.lines import Lines
from service.delivery.links import Links
from service.delivery.mail import Envelope, Written, in_ascii, is_address
from service.delivery.pace import Backoff
from service.errors import ConfigurationError

log = structlog.get_logger()

MOST_UNANSWERED: Final = 3
IDLE_S: Final = 30.0
"""A connection without work is closed before servers do it (RFC 5321 asks them to wait five minutes; many do not)."""
_PAUSES: Final = Backoff(first_s=1.0, longest_s=60.0)
"""Between attempts to reach a server that does not answer or refuses us."""
_LOOK_S: Final = 0.25
_ENHANCED: Final = re.compile(r"(?<![\w.])[245]\.(\d{1,3})\.\d{1,3}(?!\.?\w)")
"""Not within the number of a machine, such as 192.5.7.1."""
_NOT_THE_ADDRESS: Final = frozenset({3, 4, 5, 6, 7})
"""Subjects of RFC 3463: mail system, network, protocol, content, security or policy."""
_OF_THE_PROTOCOL: Final = frozenset({500, 502, 503, 504})
"""Codes of RFC 5321 that are about a command and not about whom it names."""
_OF_US: Final = frozenset({530, 534, 535, 538})
"""Codes of RFC 4954: whoever it is for, it is us who have to log in first, or otherwise."""
_CALLED: Final = re.compile(
    r"\b(?:queued as |id=)([!-~]{1,128})(?![!-~])|^(?:2\.\d\.\d )?Ok:? (?!id=|queued)([!-~]{8,128})$",
    re.IGNORECASE | re.MULTILINE,
)
"""What servers say that they call a message: Postfix and those that answer like it, Exim, Amazon SES."""
_LINE_ERRORS = (SMTPException, OSError, TimeoutError, EOFError)


class Render(Protocol):
    """What writes the message of an `outreach.requested`."""

    def render(self, data: Mapping[str, Any], unsubscribe_url: str) -> Written: ...


class SmtpChannel:
    """All messages of one process."""

    name = "smtp"

    def __init__(self, settings: SmtpSettings, renderer: Render, links: Links) -> None:
        """Raises ConfigurationError for what is missing, and for certificates that cannot be used."""
        if settings.host is None or settings.sender is None:
            missing = "host" if settings.host is None else "sender"
            raise ConfigurationError(f"deliver.smtp.{missing} is not set: mail cannot be sent without it.")
        self._settings = settings
        self._renderer = renderer
        self._links = links
        self._envelope = Envelope(settings.sender, settings.reply_to, settings.host)
        self._sender = f"<{self._envelope.address}>".encode()
        self._tls = None if settings.security == "none" else tls_of(settings)
        self._lines = Lines(settings.connections)
        self._idle: list[tuple[Line, float]] = []
        self._on_their_way: set[asyncio.Future[None]] = set()
        self._reachable = False
        self._failures = 0
        self._not_before_s = 0.0
        self._told = ""
        self._unanswered: dict[str, int] = {}

    @property
    def available(self) -> bool:
        return self._reachable

    def refusal(self, order: Order) -> str | None:
        address = order.email
        if address is None:
            return "no_address"
        return None if is_address(address) else "bad_address"

    async def send(self, order: Order) -> Attempt:
        to = in_ascii(str(order.email))
        try:
            url = self._links.url(order.customer_id, _locale_of(order), sample=order.sample)
            written = self._renderer.render(order.data, url)
            message = self._envelope.compose(order, to, written, url, time.time())
        except Exception as error:  # noqa: BLE001 - templates are the shop's
            log.error("a message cannot be written", request=order.id, error=f"{type(error).__name__}: {error}"[:300])  # noqa: TRY400
            return Attempt(Result.FAILED, "template")
        async with self._lines:
            return await self._hand_over(order, to, message)

    async def keep(self) -> None:
        while True:
            now = time.monotonic()
            if not self._reachable and now >= self._not_before_s:
                try:
                    self._idle.append((await self._connect(), time.monotonic()))
                except _LINE_ERRORS as error:
                    self._cannot(error)
            while self._idle and now - self._idle[0][1] > IDLE_S:
                await self._idle.pop(0)[0].quit()
            self._lines.look()
            await asyncio.sleep(_LOOK_S)

    async def close(self) -> None:
        while self._idle:
            await self._idle.pop()[0].quit()

    async def _hand_over(self, order: Order, to: str, message: bytes) -> Attempt:
        while True:
            try:
                line, fresh = await self._take()
            except _LINE_ERRORS as error:
                if _is_crowded(error) and await self._others_go_on():
                    if not self._idle:
                        await self._lines.crowded()
                    continue
                self._cannot(error)
                return Attempt(Result.RETRY, "connection")
            self._lines.busy += 1
            try:
                attempt = await self._say(line, to, message, fresh=fresh)
            finally:
                self._lines.busy -= 1
                self._give_back(line)
            if attempt is not None:
                return self._bounded(order.id, attempt)

    async def _others_go_on(self) -> bool:
        """Whether the server has let in any line of ours. Who is still on its way may be one: it is waited for."""
        while not (self._lines.busy or self._idle) and self._on_their_way:
            await asyncio.wait(self._on_their_way, return_when=asyncio.FIRST_COMPLETED)
        return bool(self._lines.busy or self._idle)

    async def _say(self, line: Line, to: str, message: bytes, *, fresh: bool) -> Attempt | None:
        """None: the line had been closed meanwhile, nothing was sent, and a new one tells more."""
        utf8 = not to.isascii()
        if utf8 and not line.utf8:
            return Attempt(Result.FAILED, "address_needs_smtputf8")
        sender = self._sender + b" SMTPUTF8" if utf8 else self._sender
        try:
            answer = await line.hand_over(sender, f"<{to}>".encode(), ready(message))
        except LostError as error:
            if not fresh and not error.text_said:
                return None
            log.warning("the line to the mail server broke", error=str(error))
            return Attempt(Result.RETRY, "unanswered" if error.text_said else "connection")
        if answer.good:
            return Attempt(Result.DELIVERED, provider_id=_called(answer.text))
        if answer.step is not Step.SENDER and answer.code not in _OF_US:
            return _judged(answer)
        if answer.code == GOING and not fresh:
            return None
        # The sender is not wanted, or not now: whoever it is for.
        if self._reachable:
            self._cannot(SMTPResponseException(answer.code, answer.text))
        return Attempt(Result.RETRY, f"smtp {answer.code}")

    def _bounded(self, request_id: str, attempt: Attempt) -> Attempt:
        """What the server may have taken without a word is not sent again for ever."""
        if attempt.detail != "unanswered":
            if attempt.result is not Result.RETRY:
                self._unanswered.pop(request_id, None)
            return attempt
        so_far = self._unanswered.get(request_id, 0) + 1
        if so_far >= MOST_UNANSWERED:
            self._unanswered.pop(request_id, None)
            return Attempt(Result.FAILED, "unanswered")
        self._unanswered[request_id] = so_far
        return attempt

    # ---- connections

    async def _take(self) -> tuple[Line, bool]:
        """A line, and whether it is a new one."""
        while self._idle:
            line, _ = self._idle.pop()
            if line.open:
                return line, False
            line.close()
        return await self._connect(), True

    def _give_back(self, line: Line) -> None:
        if line.open:
            self._idle.append((line, time.monotonic()))
        else:
            line.close()

    async def _connect(self) -> Line:
        way = asyncio.get_running_loop().create_future()
        self._on_their_way.add(way)
        try:
            return await self._opened()
        finally:
            self._on_their_way.discard(way)
            way.set_result(None)

    async def _opened(self) -> Line:
        settings = self._settings
        connection = SMTP(
            hostname=settings.host,
            port=settings.real_port,
            username=settings.username,
            password=None if settings.password is None else settings.password.get_secret_value(),
            local_hostname=self._own_name(),
            timeout=settings.timeout_s,
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            tls_context=self._tls,
        )
        try:
            await connection.connect()
            await _greet(connection)
            _stop_if_cancelled()
        except BaseException:
            connection.close()
            raise
        if not self._reachable:
            log.info("the mail server answers", host=settings.host, port=settings.real_port)
        self._reachable, self._failures, self._told = True, 0, ""
        return Line(
            cast("asyncio.Transport", connection.transport),
            pipelining=connection.supports_extension("pipelining"),
            utf8=connection.supports_extension("smtputf8"),
            timeout_s=settings.timeout_s,
        )

    def _own_name(self) -> str:
        name = socket.gethostname()
        return name if "." in name and name.isascii() else self._envelope.domain

    def _cannot(self, error: BaseException) -> None:
        """The server is out of reach, or does not want us: all wait."""
        self._reachable = False
        self._failures += 1
        self._not_before_s = time.monotonic() + _PAUSES.pause_s(self._failures, 0.0)
        why = _why(error, self._settings)
        if why != self._told:
            self._told = why
            log.warning(why, host=self._settings.host, port=self._settings.real_port)


async def _greet(connection: SMTP) -> None:
    """Where neither TLS nor a login has said hello before."""
    if connection.is_ehlo_or_helo_needed:
        try:
            await connection.ehlo()
        except SMTPHeloError:
            await connection.helo()


def _stop_if_cancelled() -> None:
    """`asyncio.wait_for`, which the library waits with, can lose a cancellation that comes together with what it waits
    for (until Python 3.12): the message would be sent although its partition is another's by now."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _judged(answer: Answer) -> Attempt:
    """Of an answer to the recipient or to the message."""
    found = _ENHANCED.search(answer.text)
    detail = f"smtp {answer.code}" + (f" {found[0]}" if found else "")
    if not 500 <= answer.code < 600:  # 4xx, and what is no answer at all
        return Attempt(Result.RETRY, detail)
    if answer.code in _OF_THE_PROTOCOL or (found is not None and int(found[1]) in _NOT_THE_ADDRESS):
        return Attempt(Result.FAILED, detail)
    return Attempt(Result.BOUNCED, detail)


def _called(said: str) -> str | None:
    """By which name the server goes on with the message that it has taken."""
    found = _CALLED.search(said)
    return None if found is None else next(name for name in found.groups() if name).rstrip(".,;)")


def _is_crowded(error: BaseException) -> bool:
    """Whether a server has answered a new connection that it has enough for the moment."""
    return (
        isinstance(error, SMTPResponseException)
        and not isinstance(error, SMTPAuthenticationError)
        and error.code == GOING
    )


def tls_of(settings: SmtpSettings) -> ssl.SSLContext:
    """Certificates and names are always checked."""
    try:
        return ssl.create_default_context(cafile=None if settings.ca_file is None else str(settings.ca_file))
    except OSError as error:  # SSLError is one
        raise ConfigurationError(
            f"deliver.smtp.ca_file {str(settings.ca_file)[:200]!r} cannot be used ({error.strerror or error}): name a file "
            "of certificates in PEM format."
        ) from error


def _why(error: BaseException, settings: SmtpSettings) -> str:
    """For the log, without what the other side has said: that may name a customer."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the mail server's certificate is not trusted ({cause.verify_message}); see deliver.smtp.ca_file"
        if isinstance(cause, socket.gaierror):
            return f"the mail server's name is not known: correct deliver.smtp.host {settings.host!r}"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, SMTPAuthenticationError):
        return f"the mail server refuses deliver.smtp.username and password (code {error.code})"
    if isinstance(error, SMTPResponseException) and error.code > 0:
        return f"the mail server does not take our mail (code {error.code}); all messages wait"
    said = str(error)
    if isinstance(error, SMTPException) and ("STARTTLS" in said or "AUTH" in said):
        return f"the mail server does not offer what deliver.smtp asks for ({said[:200]})"
    return f"the mail server does not answer ({type(error).__name__}); all messages wait"


def _locale_of(order: Order) -> str | None:
    locale = order.data.get("locale")
    return locale if isinstance(locale, str) else None
