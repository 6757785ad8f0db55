"""Webhooks: each event is posted to one target, signed.

How an answer is taken (`answers.py`): 2xx is delivered. 408, 425, 429, 5xx, a redirect, a broken line and a time-out
are tried again with growing pauses, for a day at most and never beyond the expiry; the target's Retry-After is
honoured. Any other 4xx is a refusal, and the message a dead letter. 410 says that the target is gone for good: nothing
is sent any more, and the log and `/readyz` say so until the process is started again.

Redirects are not followed: whoever answers with one could lead the message, with its names and addresses, to where the
shop has not sent it, and inward past every check. Only the status of an answer counts; of its body a little is read, so
that the connection can be used again, and none of it is kept.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver

from service.build_info import version
from service.config import WebhookSettings
from service.delivery.answers import Verdict, judged
from service.delivery.bodies import TEMPLATES
from service.delivery.breaker import Breaker, BreakerPolicy, Circuit, Ticket
from service.delivery.channel import Attempt, Order, Result
from service.delivery.signing import Signer, keys_of
from service.delivery.targets import Guard, GuardedResolver, TargetRefusedError, check_url
from service.errors import ConfigurationError

log = structlog.get_logger()


class Keeps(Protocol):
    """Where what has failed lies until somebody asks for it again."""

    async def bury(self, order: Order, why: str) -> None:
        """Returns when it lies there; `why` is a code."""

    async def close(self) -> None: ...


READ_BYTES: Final = 64 << 10
"""Of an answer's body: what is longer costs the connection."""
READ_S: Final = 1.0
"""And for so long it is waited for, once the status is known."""
_LOOK_S: Final = 0.25
_PROBE_LOOK_S: Final = 0.05
_DNS_S: Final = 30
_LONGEST_HEADER: Final = 16 << 10
_LINE_ERRORS = (aiohttp.ClientError, OSError, TimeoutError, EOFError)


class WebhookTarget:
    """Where the events go. One for each process; any number of tasks may post at once."""

    def __init__(
        self,
        settings: WebhookSettings,
        resolver: AbstractResolver | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises ConfigurationError for what is missing or must not be. `resolver` None = that of the system."""
        if settings.url is None:
            raise ConfigurationError("deliver.webhook.url is not set: say where the events are to be posted.")
        self._guard = Guard(allow_private=settings.allow_private)
        try:
            check_url(settings.url, self._guard, allow_http=settings.allow_http)
        except ValueError as error:
            raise ConfigurationError(f"deliver.webhook.url cannot be used: {error}.") from error
        if settings.secret is None and not settings.unsigned:
            raise ConfigurationError(
                "deliver.webhook.secret is not set: with it a receiver knows that a message is yours. Give whsec_ and the base64 of "
                "24 to 64 random bytes, or set unsigned = true for a receiver that cannot check signatures."
            )
        self._settings = settings
        self._now_s = now_s
        self._url = settings.url
        self._signer = _signer_of(settings)
        self._write = TEMPLATES[settings.template]
        self._breaker = Breaker(BreakerPolicy(settings.break_after, settings.break_first_s, settings.break_longest_s))
        self._tls = _tls_of(settings)
        self._resolver = resolver
        self._slots = asyncio.Semaphore(settings.connections)
        self._session: aiohttp.ClientSession | None = None
        self._headers = {"User-Agent": f"churn-alert/{version()}"}
        if settings.authorization is not None:
            self._headers["Authorization"] = settings.authorization.get_secret_value()
        self._told = ""
        self.gone = False
        """It has said so."""

    @property
    def available(self) -> bool:
        return not self.gone and self._breaker.allows(self._now_s())

    @property
    def circuit(self) -> Circuit:
        return self._breaker.circuit(self._now_s())

    async def post(self, event: Mapping[str, Any]) -> Attempt:
        """One attempt with an event: a CloudEvent whose data is an object."""
        try:
            body = self._write(event)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, it is with this event
            log.error(  # noqa: TRY400 - a traceback would show what is in it
                "an event cannot be written",
                template=self._settings.template,
                error=f"{type(error).__name__}: {error}"[:300],
            )
            return Attempt(Result.FAILED, "template")
        async with self._slots:
            ticket = await self._ticket()
            if ticket is None:
                return self._closed()
            told = False
            try:
                verdict = await self._try(str(event["id"]), body.content_type, body.content)
                self._take(ticket, verdict)
                told = True
            finally:
                if not told:
                    self._breaker.dropped(ticket)
        return verdict.attempt

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ticket(self) -> Ticket | None:
        """While one message tries whether the target is back, the others that were chosen with it wait for that."""
        while not self.gone and self._breaker.wait_s(self._now_s()) <= 0:
            ticket = self._breaker.begin(self._now_s())
            if ticket is not None:
                return ticket
            await asyncio.sleep(_PROBE_LOOK_S)
        return None

    def _closed(self) -> Attempt:
        if self.gone:
            return Attempt(Result.RETRY, "target_gone")
        return Attempt(Result.RETRY, "circuit_open", self._breaker.wait_s(self._now_s()))

    async def _try(self, event_id: str, content_type: str, body: bytes) -> Verdict:
        now_s = time.time()
        headers = {"Content-Type": content_type}
        if self._signer is not None:
            headers |= self._signer.headers(event_id, int(now_s), body)
        try:
            answer = await self._opened().post(self._url, data=body, headers=headers, allow_redirects=False)
        except _LINE_ERRORS as error:
            self._tell(_why(error))
            return Verdict(Attempt(Result.RETRY, _code(error)), healthy=False)
        try:
            verdict = judged(answer.status, answer.headers.get("Retry-After"), now_s)
            if not verdict.healthy:
                self._tell(_of_status(answer.status))
            await _drain(answer)
        finally:
            answer.close()  # nothing is left to close where all of it was read
        return verdict

    def _take(self, ticket: Ticket, verdict: Verdict) -> None:
        before = self._breaker.circuit(self._now_s())
        if verdict.healthy:
            self._breaker.succeeded(ticket)
        else:
            self._breaker.failed(ticket, self._now_s())
        if verdict.hold_s:
            self._breaker.hold(self._now_s() + verdict.hold_s)
        after = self._breaker.circuit(self._now_s())
        if after is not before and after is Circuit.OPEN:
            wait_s = round(self._breaker.wait_s(self._now_s()))
            log.warning("the target is left alone for a while; messages wait", seconds=wait_s)
        elif after is not before and after is Circuit.CLOSED:
            log.info("the target answers again")
        if after is Circuit.CLOSED and verdict.healthy:
            self._told = ""
        if verdict.gone and not self.gone:
            self.gone = True
            log.error(
                "the target says that it is gone for good (410); nothing is sent to it any more: correct deliver.webhook.url and "
                "start the process again"
            )

    def _tell(self, why: str) -> None:
        """Once, until it works again or says something else."""
        if why != self._told:
            self._told = why
            log.warning(why)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            settings = self._settings
            connector = aiohttp.TCPConnector(
                resolver=GuardedResolver(self._guard, self._resolver or aiohttp.ThreadedResolver()),
                socket_factory=self._guard.socket_for,
                limit=settings.connections,
                ttl_dns_cache=_DNS_S,
                ssl=self._tls,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=settings.timeout_s, sock_connect=settings.connect_timeout_s),
                headers=self._headers,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                max_line_size=_LONGEST_HEADER,
                max_field_size=_LONGEST_HEADER,
            )
        return self._session


class WebhookChannel:
    """The channel over it: what has failed for good is buried before that is said."""

    def __init__(
        self,
        settings: WebhookSettings,
        target: WebhookTarget,
        letters: Keeps,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = settings.name
        self.target = target
        self._letters = letters
        self._now_s = now_s
        self._give_up_s = settings.give_up_after_s
        self._first_s: dict[str, float] = {}
        """When each message that is tried again was tried first."""

    @property
    def available(self) -> bool:
        return self.target.available

    def refusal(self, order: Order) -> str | None:  # noqa: ARG002 - whoever gets the event knows the customer
        return None

    async def send(self, order: Order) -> Attempt:
        began_s = self._first_s.get(order.id, self._now_s())
        attempt = await self.target.post(order.event)
        if attempt.result is Result.RETRY:
            if self._now_s() - began_s < self._give_up_s:
                self._first_s[order.id] = began_s
                return attempt
            attempt = Attempt(Result.FAILED, attempt.detail)
        if attempt.result is Result.FAILED:
            await self._letters.bury(order, attempt.detail)
        self._first_s.pop(order.id, None)
        return attempt

    async def keep(self) -> None:
        """Drops what was never tried again: taken back, expired, or another process's by now."""
        while True:
            await asyncio.sleep(60.0)
            oldest_s = self._now_s() - 2 * self._give_up_s
            for event_id in [one for one, first_s in self._first_s.items() if first_s < oldest_s]:
                del self._first_s[event_id]

    async def close(self) -> None:
        await self.target.close()
        await self._letters.close()


def _signer_of(settings: WebhookSettings) -> Signer | None:
    if settings.secret is None:
        return None
    try:
        return Signer(keys_of(settings.secret.get_secret_value()))
    except ValueError as error:
        raise ConfigurationError(f"deliver.webhook.secret cannot be used: {error}.") from error


async def _drain(answer: aiohttp.ClientResponse) -> None:
    """Reads what is left, so that the connection can be used again; the status is known, so nothing can go wrong."""
    try:
        async with asyncio.timeout(READ_S):
            read = 0
            while read < READ_BYTES:
                some = await answer.content.read(READ_BYTES)
                if not some:
                    answer.release()
                    return
                read += len(some)
    except _LINE_ERRORS:
        return


def _tls_of(settings: WebhookSettings) -> ssl.SSLContext:
    """Certificates and names are always checked."""
    try:
        return ssl.create_default_context(cafile=None if settings.ca_file is None else str(settings.ca_file))
    except OSError as error:  # SSLError is one
        raise ConfigurationError(
            f"deliver.webhook.ca_file {str(settings.ca_file)[:200]!r} cannot be used ({error.strerror or error}): name a file of "
            "certificates in PEM format."
        ) from error


def _cause(error: BaseException) -> BaseException:
    """What lies beneath what the library makes of it."""
    inner = getattr(error, "os_error", None) or getattr(error, "certificate_error", None)
    return inner if isinstance(inner, BaseException) else error


def _code(error: BaseException) -> str:
    match _cause(error):
        case TargetRefusedError():
            return "target_refused"
        case TimeoutError():
            return "timeout"
        case ssl.SSLError():
            return "tls"
    return "connection"


def _why(error: BaseException) -> str:
    """For the log, without what the other side has said: that may name a customer."""
    cause = _cause(error)
    if isinstance(cause, TargetRefusedError):
        return f"the target's name leads to where webhooks must not go: {cause}; see deliver.webhook.allow_private"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the target's certificate is not trusted ({cause.verify_message}); see deliver.webhook.ca_file"
    if isinstance(cause, TimeoutError):
        return "the target does not answer in time; see deliver.webhook.timeout_s"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the target's name is not known: correct deliver.webhook.url"
    return f"the line to the target broke ({type(cause).__name__})"


def _of_status(status: int) -> str:
    if 300 <= status < 400:
        return f"the target answers with a redirect ({status}), which is not followed: set deliver.webhook.url to where it leads"
    if status in {401, 403, 407}:
        return f"the target does not take our word ({status}); see deliver.webhook.authorization and secret"
    return f"the target answers {status}"
