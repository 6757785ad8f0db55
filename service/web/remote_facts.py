"""What the page knows of its worker: asked for when somebody looks, at most once a second, one question at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from service.domain.outreach.realised import ClassRealised
from service.domain.periods.numbers import PeriodRow
from service.domain.periods.span import FreeRow, Span, free_row
from service.streaming.brought_totals import BroughtRow
from service.web.recent import Decided
from service.web.shop_reading import ShopReading
from service.web.shop_view import CustomerCounts, Expected, Readiness
from service.web.waiting import waiting_facts
from service.web.wire import Answer, Ask, Facts, Frames, Question, answer_of, framed

FRESH_S: Final = 1.0
"""What was told no longer ago is not asked for again."""
_METRICS_FRESH_S: Final = 0.2
"""The worker itself limits what it answers; this is for those who ask at the same moment."""
PATIENCE_S: Final = 1.0
"""A worker that does not answer within this time stands still."""
_OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0"
"""The other format; whatever else is accepted gets the plain one."""
_PERSON_PATIENCE_S: Final = 3.0
_METRICS_PATIENCE_S: Final = 5.0
"""They wait for their turn."""


class Line:
    """The socket to the worker. `run` has to run."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._number = 0
        self._open: dict[tuple[Ask, str, str], asyncio.Future[Answer]] = {}
        self._numbers: dict[int, tuple[Ask, str, str]] = {}

    async def run(self, answered: Callable[[Answer], None]) -> None:
        """Returns when the worker has gone, or says that it is going."""
        frames = Frames()
        while data := await self._reader.read(65_536):
            for answer in map(answer_of, frames.take(data)):
                if not answer.number:
                    return
                asked = self._numbers.pop(answer.number, None)
                future = self._open.pop(asked, None) if asked else None
                if future is not None and not future.done():
                    future.set_result(answer)
                answered(answer)

    async def ask(self, what: Ask, patience_s: float, accept: str = "", about: str = "") -> Answer:
        """Who asks the same as one who waits gets the same answer. Raises TimeoutError."""
        key = (what, accept, about)
        future = self._open.get(key)
        if future is None:
            future = self._open[key] = asyncio.get_running_loop().create_future()
            self._number += 1
            self._numbers[self._number] = key
            self._writer.write(framed(Question(self._number, what, accept, about)))
        answer = await asyncio.wait_for(asyncio.shield(future), patience_s)
        if answer.given_up:
            raise TimeoutError
        return answer


class RemoteFacts:
    """`ShopFacts` from the worker's word and the page's own reading."""

    def __init__(self, line: Line, reading: ShopReading) -> None:
        self._line = line
        self._reading = reading
        self._facts: Facts = waiting_facts(0.0)
        self._told_s = -FRESH_S
        self._heard_s = self._silent_since_s = time.monotonic()
        self._silent = False
        self._metrics: dict[str, tuple[float, Answer]] = {}
        self.works = asyncio.Event()
        """Set when the worker has its broker: topics can be read."""

    def hear(self, answer: Answer) -> None:
        """Every answer of the worker, also those that nobody waits for any more."""
        if answer.given_up:
            return
        self._heard_s = time.monotonic()
        self._silent = False
        if answer.facts is not None:
            self._facts, self._told_s = answer.facts, self._heard_s
            if answer.facts.working:
                self.works.set()

    async def renew(self) -> None:
        """What follows is at most a second old, unless the worker does not answer."""
        if time.monotonic() - self._told_s < FRESH_S:
            return
        patience_s = 0.05 if self._silent else PATIENCE_S
        try:
            await self._line.ask(Ask.FACTS, patience_s)
        except TimeoutError:
            # It may only rest from answering; whether it lives is another question.
            await self.alive()

    async def alive(self) -> bool:
        if time.monotonic() - self._heard_s < PATIENCE_S / 2:
            return True
        try:
            await self._line.ask(Ask.LIFE, PATIENCE_S)
        except TimeoutError:
            if not self._silent:
                self._silent, self._silent_since_s = True, self._heard_s
            return False
        return True

    async def metrics(self, accept: str) -> tuple[bytes, str]:
        """As text, and its type. Raises TimeoutError."""
        accept = _OPENMETRICS if _OPENMETRICS.partition(";")[0] in accept else ""
        at_s, kept = self._metrics.get(accept, (-1.0, None))
        if kept is None or time.monotonic() - at_s > _METRICS_FRESH_S:
            kept = await self._line.ask(Ask.METRICS, _METRICS_PATIENCE_S, accept)
            self._metrics[accept] = (time.monotonic(), kept)
        return kept.metrics, kept.content_type

    async def person(self, customer_id: str) -> bytes:
        """What this worker knows of the customer, as JSON; empty where it holds them not, or does not answer."""
        try:
            return (await self._line.ask(Ask.PERSON, _PERSON_PATIENCE_S, about=customer_id)).person
        except TimeoutError:
            return b""

    async def coming(self) -> bytes:
        """What this worker will look at within a day, as JSON; empty where it does not answer."""
        try:
            return (await self._line.ask(Ask.COMING, _PERSON_PATIENCE_S)).coming
        except TimeoutError:
            return b""

    # ---- ShopFacts

    def readiness(self) -> Readiness:
        told = self._facts.readiness
        return replace(told, silent_s=time.monotonic() - self._silent_since_s) if self._silent else told

    def totals_known(self) -> bool:
        return self._reading.totals.caught_up

    def periods(self, granularity: str) -> list[PeriodRow]:
        rows = [row for (name, _), row in self._reading.totals.rows.items() if name == granularity]
        return sorted(rows, key=lambda row: row.start)

    def free(self, span: Span) -> FreeRow | None:
        totals = self._reading.totals
        return None if totals.today is None else free_row(totals.totals, span, totals.today, self._reading.shop)

    def money_by_day(self, start: int, end: int) -> list[tuple[int, int, int]]:
        return self._reading.totals.totals.money_by_day(start, end)

    def expected(self) -> Expected | None:
        return self._reading.expected.told()

    def misspelt(self) -> dict[str, str]:
        return self._facts.misspelt

    def customers(self) -> CustomerCounts:
        return self._facts.customers

    def kept(self) -> list[ClassRealised]:
        return self._facts.realised()

    def brought(self) -> list[BroughtRow]:
        return self._reading.totals.brought.rows()

    def decisions(self) -> list[Decided]:
        return self._reading.recent.latest()

    def first_asked(self) -> Decided | None:
        return self._reading.recent.first_asked
