"""`churn-alert deliver letter`: the weekly letter to the shop, once for each week and mailbox.

It needs no worker: the numbers are read from `period-metrics` and `customer-scores` when the letter is due. What has
become of it lies in `deliveries`, under an id of the week and the mailbox: it is recorded before the mail server is
spoken to that an attempt begins, and afterwards how it ended. A process that is started anew sends no week twice,
except where the one before died between the server's answer and its own record.

One process is enough, and two do no harm: an attempt that has begun and not ended is left to whoever began it for
_LEFT_ALONE_S, and takes less. What one writes is refused as soon as the other opens the record, so an attempt of which
no beginning could be recorded is not made, and an end is recorded anew until it is there.

A letter whose numbers are not whole yet, because a worker is behind or the broker is away, waits; after GIVEN_UP_DAYS
the week is left out, for the next one is near.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Any, Final
from zoneinfo import ZoneInfo

import aiosmtplib
import structlog
from aiokafka.errors import IllegalOperation, KafkaError
from aiokafka.structs import ConsumerRecord
from aiosmtplib.errors import SMTPAuthenticationError, SMTPException, SMTPRecipientsRefused, SMTPResponseException

from service.cluster.tail import has_reached, open_async_reader
from service.config import Settings
from service.config.sections.letter import WEEKDAYS
from service.connection import Door
from service.delivery.book import Book
from service.delivery.channel import Result
from service.delivery.desk import Said
from service.delivery.mail import Envelope, in_ascii
from service.delivery.memory import Entry, Memory, State
from service.delivery.metrics import DeliveryMetrics
from service.delivery.pace import Backoff
from service.delivery.smtp import tls_of
from service.domain.calendar import DAY_US, SECOND_US
from service.domain.periods.numbers import PeriodRow
from service.errors import ConfigurationError, ExitCode, TransientError
from service.letter.content import Key, Letter, letter_of, row_of, week_before
from service.letter.writing import write
from service.processes.ending import end_on_request, leave
from service.streaming.rights import about_right
from service.wire.ours import NOT_OURS, data_of

CHANNEL: Final = "letter"
GIVEN_UP_DAYS: Final = 5
_LOOK_S: Final = 20.0
_KEPT_US: Final = 400 * DAY_US
_PERMANENT: Final = 500
_ATTEMPT_S: Final = 120.0
_WIND_UP_S, _GOODBYE_S = 8.0, 1.0
"""For a mail that is on its way, and for the broker, when the process is asked to end."""
_LEFT_ALONE_S: Final = 600.0
"""Clocks of two machines may be some minutes apart."""
_RESULTS: Final = {
    State.DELIVERED: Result.DELIVERED,
    State.BOUNCED: Result.BOUNCED,
    State.FAILED: Result.FAILED,
}

log = structlog.get_logger()


def due_at(settings: Settings, now: datetime) -> datetime:
    """The newest instant, not after `now`, at which a letter goes out."""
    zone, letter = ZoneInfo(settings.shop.timezone), settings.letter
    local = now.astimezone(zone)
    day = local.date() - timedelta(days=(local.weekday() - WEEKDAYS.index(letter.weekday)) % 7)
    due = datetime.combine(day, clock_time.fromisoformat(letter.at), zone)
    return due if due <= now else datetime.combine(day - timedelta(days=7), due.timetz())


def id_of(week_start: date, mailbox: str) -> str:
    """The same week and mailbox always give the same; the mailbox cannot be read from it."""
    year, week, _ = week_start.isocalendar()
    digest = hashlib.sha256(parseaddr(mailbox)[1].lower().encode()).hexdigest()[:12]
    return f"letter.{year}-W{week:02}.{digest}"


def compose(settings: Settings, letter: Letter, request_id: str, to: str, now: datetime) -> EmailMessage:
    """One mail. RFC 3834: made by a machine, so that no holiday notice answers."""
    smtp = settings.deliver.smtp
    envelope, written, name_and_address = Envelope(str(smtp.sender), smtp.reply_to), write(letter), parseaddr(to)
    message = EmailMessage()
    message["From"] = str(smtp.sender)
    message["To"] = to if not name_and_address[0] else f"{name_and_address[0]} <{in_ascii(name_and_address[1])}>"
    message["Subject"] = written.subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = envelope.message_id(request_id)
    message["Auto-Submitted"] = "auto-generated"
    if smtp.reply_to is not None:
        message["Reply-To"] = smtp.reply_to
    message.set_content(written.text)
    message.add_alternative(written.html, subtype="html")
    return message


class LetterPost:
    """One process, for as long as it runs."""

    def __init__(self, settings: Settings, metrics: DeliveryMetrics | None = None) -> None:
        """Raises ConfigurationError for what is missing."""
        smtp = settings.deliver.smtp
        if not settings.letter.enabled:
            raise ConfigurationError("letter.enabled is not set: nobody has asked for a weekly letter.")
        for name in ("host", "sender"):
            if getattr(smtp, name) is None:
                raise ConfigurationError(f"deliver.smtp.{name} is not set: mail cannot be sent without it.")
        self._settings = settings
        self._tls = None if smtp.security == "none" else tls_of(smtp)
        self._group = settings.deliver.group_of(settings.kafka.group, CHANNEL)
        self._metrics = metrics or DeliveryMetrics(CHANNEL)
        self.serve: Callable[[], Awaitable[None]] | None = None
        """Probes and metrics, which run beside it."""
        self._missing = "what was sent has not been read yet"
        self._door = Door(settings.kafka)
        self._sending = False
        """Whether a mail is on its way."""
        self._no_answer = False
        """Whether the brokers have not answered lately, or not as they should."""
        self._backoff = Backoff(settings.deliver.retry_first_s, settings.deliver.retry_longest_s)
        self._done: set[str] = set()
        """Of this week's, by what this process has read and written."""

    def missing(self) -> list[str]:
        """Why it is not ready, in words; empty = it is."""
        said = [self._door.refused] if self._door.refused else []
        return [*said, self._missing] if self._missing else said

    def run(self) -> int:
        """Until stopped; returns the exit code."""
        return asyncio.run(self._run())

    async def _run(self) -> int:
        stop = asyncio.Event()
        end_on_request(stop, _WIND_UP_S + _GOODBYE_S, _give_up)
        log.info("the weekly letter is sent", to=len(self._settings.letter.to), group=self._group)
        beside = [asyncio.create_task(self._door.watch(lambda: self._no_answer, lasting=False))]
        if self.serve is not None:
            beside.append(asyncio.ensure_future(self.serve()))
        failures = 0
        while not stop.is_set():
            pause_s = _LOOK_S
            try:
                failures = 0 if await self._look_unless(stop) else failures + 1
                self._missing = "" if failures == 0 else "a letter waits: for numbers, or for the mail server"
                self._no_answer = False
            except (KafkaError, IllegalOperation, OSError, TransientError) as error:
                failures += 1
                lacks = about_right(self._settings.kafka, error)
                if lacks is not None and lacks != self._missing:
                    log.error("the letter cannot be made: it is tried again", told=lacks)  # noqa: TRY400 - one line
                elif lacks is None:
                    log.warning("the letter cannot be made: it is tried again", error=type(error).__name__)
                self._missing, self._no_answer = lacks or "no broker answers, or not as it should", lacks is None
            if failures:
                pause_s = max(1.0, self._backoff.pause_s(failures, 0.5))
            try:
                await asyncio.wait_for(stop.wait(), pause_s)
            except TimeoutError:
                continue
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        log.info("stopped")
        return 0

    async def _look_unless(self, stop: asyncio.Event) -> bool:
        """As `look`. Who is asked to end while a broker is waited for ends; a mail that is on its way is finished."""
        looking = asyncio.create_task(self.look(datetime.fromtimestamp(time.time(), ZoneInfo("UTC"))))
        told = asyncio.create_task(stop.wait())
        await asyncio.wait({looking, told}, return_when=asyncio.FIRST_COMPLETED)
        if not looking.done():
            await asyncio.wait({looking}, timeout=_WIND_UP_S if self._sending else 0.0)
        for task in (looking, told):
            task.cancel()
        await asyncio.wait({looking, told}, timeout=_GOODBYE_S)
        return looking.done() and not looking.cancelled() and looking.result()

    async def look(self, now: datetime) -> bool:
        """Sends what is due and has not been. Returns whether nothing has to be tried again."""
        due = due_at(self._settings, now)
        week = week_before(due.date())
        waiting = {id_of(week, to): to for to in self._settings.letter.to}
        if now - due > timedelta(days=GIVEN_UP_DAYS) or not waiting.keys() - self._done:
            return True
        book = self._book()
        memory = Memory(CHANNEL, _KEPT_US)
        try:
            await book.open(memory)
            for request_id in waiting:
                entry = memory.get(request_id)
                if entry is not None and entry.state.final:
                    self._done.add(request_id)
            left = {request_id: to for request_id, to in waiting.items() if request_id not in self._done}
            if not left:
                return True
            letter = letter_of(self._settings, week, *await self._read(), now.timestamp())
            if letter is None:
                log.info("the letter waits: the numbers of its week are not whole yet", week=week.isoformat())
                return False
            expires_us = int((due + timedelta(days=GIVEN_UP_DAYS)).timestamp()) * SECOND_US
            ends = [
                await self._send(book, letter, request_id, to, memory.get(request_id), expires_us)
                for request_id, to in left.items()
            ]
            return all(ends)
        finally:
            await book.close()

    def _book(self) -> Book:
        return Book(self._settings.kafka, self._group, 0, CHANNEL)

    def _is_under_way(self, entry: Entry | None) -> bool:
        """Whether another process may be sending it now."""
        begun_s = 0.0 if entry is None or entry.state is not State.ATTEMPTED else entry.at_us / SECOND_US
        return time.time() - begun_s < _LEFT_ALONE_S

    async def _send(
        self, book: Book, letter: Letter, request_id: str, to: str, before: Entry | None, expires_us: int
    ) -> bool:
        """One mailbox. Returns whether it is done with."""
        if self._is_under_way(before):
            return False
        attempts = 1 if before is None else before.attempts + 1

        def said(state: State, reason: str = "") -> list[Said]:
            at_us = time.time_ns() // 1_000
            return [Said(request_id, Entry(state, reason, at_us, attempts, expires_us, None, sample=False))]

        self._sending = True
        try:
            return await self._attempt(book, letter, request_id, to, said)
        finally:
            self._sending = False

    async def _attempt(
        self, book: Book, letter: Letter, request_id: str, to: str, said: Callable[..., list[Said]]
    ) -> bool:
        """From its record to its end's. Returns whether it is done with."""
        await book.write(said(State.ATTEMPTED))
        now = datetime.fromtimestamp(time.time(), ZoneInfo(self._settings.shop.timezone))
        began_s = time.monotonic()
        try:
            async with asyncio.timeout(_ATTEMPT_S):
                state, reason = await self._hand_over(compose(self._settings, letter, request_id, to, now))
        except TimeoutError:
            state, reason = State.REQUESTED, "timeout"
        self._metrics.attempted(_RESULTS.get(state, Result.RETRY).value, time.monotonic() - began_s)
        self._metrics.available(value=reason != "connection")
        await self._record(book, said(state, reason))
        if state.final:
            self._done.add(request_id)
            self._metrics.ended(state.value, sample=False)
        log.info("the weekly letter", state=state.value, reason=reason, request=request_id)
        return state.final

    async def _record(self, book: Book, end: list[Said]) -> None:
        """How it ended, whoever has opened the record meanwhile."""
        try:
            await book.write(end)
        except KafkaError as error:
            log.info("the end of a letter is recorded anew", error=type(error).__name__)
            again = self._book()
            try:
                await again.open(Memory(CHANNEL, _KEPT_US))
                await again.write(end)
            finally:
                await again.close()

    async def _hand_over(self, message: EmailMessage) -> tuple[State, str]:
        smtp = self._settings.deliver.smtp
        try:
            await aiosmtplib.send(
                message,
                hostname=smtp.host,
                port=smtp.real_port,
                username=smtp.username,
                password=None if smtp.password is None else smtp.password.get_secret_value(),
                timeout=smtp.timeout_s,
                use_tls=smtp.security == "tls",
                start_tls=smtp.security == "starttls",
                tls_context=self._tls,
            )
        except SMTPRecipientsRefused as error:
            code = error.recipients[0].code
            return (State.BOUNCED if code >= _PERMANENT else State.REQUESTED), f"smtp {code}"
        except SMTPResponseException as error:
            final = error.code >= _PERMANENT and not isinstance(error, SMTPAuthenticationError)
            return (State.FAILED if final else State.REQUESTED), f"smtp {error.code}"
        except (SMTPException, OSError, TimeoutError) as error:
            log.warning("the mail server does not take the letter: it is tried again", error=type(error).__name__)
            return State.REQUESTED, "connection"
        return State.DELIVERED, ""

    async def _read(self) -> tuple[Mapping[Key, PeriodRow], Iterator[Mapping[str, Any]]]:
        """The newest of every period and of every customer."""
        names, rows, scores = self._settings.kafka.topics, dict[Key, PeriodRow](), dict[bytes, bytes]()

        def take_periods(records: list[ConsumerRecord]) -> None:
            for record in records:
                numbers = data_of(record.value)
                with suppress(*NOT_OURS):  # what a message brought, or what somebody else has written there
                    row = row_of(numbers or {})
                    rows[row.granularity, row.start] = row

        def take_scores(records: list[ConsumerRecord]) -> None:
            for record in records:
                if record.value is None:
                    scores.pop(record.key, None)
                else:
                    scores[record.key] = record.value

        async with open_async_reader(self._settings.kafka, names.period_metrics, names.customer_scores) as reader:
            ends = await reader.end_offsets(sorted(reader.assignment()))
            if not ends:
                raise TransientError("there is nothing to read the numbers from")
            while not await has_reached(reader, ends):
                for tp, records in (await reader.getmany(timeout_ms=200)).items():
                    (take_periods if tp.topic == names.period_metrics else take_scores)(records)
        return rows, (data for data in map(data_of, scores.values()) if data is not None)


def _give_up() -> None:
    log.error("left before all was on record: a letter that was under way may go out once more")
    leave(ExitCode.DONE)
