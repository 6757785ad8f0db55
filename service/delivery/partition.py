"""One partition's orders, step by step: read, judged, on record, sent, on record, committed.

The steps of a cycle, and what a crash after each leaves behind:

1. What the channel has answered is turned into records, and so is what will not be sent.
2. Before anything is begun, everything that could be read of cancellations and withdrawn consents has been.
3. What may be sent is recorded as `attempted`, in one transaction with 1. A crash before: nothing has happened, or an
   end is not on record: the window (service/delivery/__init__.py). After: the same, if the channel had been spoken to
   or not.
4. The channel is spoken to, by many tasks at once.
5. The group's offset is committed up to the oldest open order. A crash before: what has ended is read again and known.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

import msgspec
import structlog

from service.delivery.channel import Attempt, Channel, Order, Result
from service.delivery.desk import Desk, Open, Said
from service.delivery.gate import Refused, refusal
from service.delivery.memory import State
from service.delivery.metrics import DeliveryMetrics
from service.delivery.pace import Pacer, wait_for
from service.delivery.requests import Cancelled, UnreadableError, read_request, time_us
from service.delivery.standings import Standings
from service.domain.calendar import MINUTE_US, SECOND_US
from service.domain.findings import Kind
from service.domain.quiet_times import Quiet

log = structlog.get_logger()

LINGER_S: Final = 0.05
"""Answers are collected until half of what was being sent has one, and no longer than this: one transaction records
many, and the other half keeps the channel busy meanwhile."""
LOOK_S: Final = 0.5
"""How often what cannot be sent now is looked through for what has expired or been taken back."""
LOOKED_THROUGH: Final = 200
COMMIT_S: Final = 1.0
_PUT_BACK_US: Final = MINUTE_US
WIND_UP_S: Final = 8.0
"""For what is in flight when the partition is taken away: below the time after which a supervisor kills."""


class Writes(Protocol):
    """Where records lie for good once `write` has returned."""

    async def write(self, said: Sequence[Said]) -> None: ...


class News(Protocol):
    """What was taken back. `reach` returns when all of it that could be read at its call has been taken."""

    async def reach(self) -> None: ...


def wall_us() -> int:
    return time.time_ns() // 1000


class PartitionDelivery:
    """The owner of one partition, from its assignment to its end."""

    def __init__(
        self,
        number: int,
        desk: Desk,
        channel: Channel,
        standings: Standings,
        *,
        book: Writes,
        news: Sequence[News],
        commit: Callable[[int], Awaitable[None]],
        on_bounce: Callable[[str, str, str], Awaitable[None]],
        pacer: Pacer,
        metrics: DeliveryMetrics,
        in_flight: int,
        waiting: int,
        tells_cancelled: bool = False,
        quiet: Quiet | None = None,
        now_us: Callable[[], int] = wall_us,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now_us` is the time of the world, `now_s` that of a clock which nobody sets."""
        self.number = number
        self._desk = desk
        self._channel = channel
        self._standings = standings
        self._book = book
        self._news = news
        self._commit = commit
        self._on_bounce = on_bounce
        self._pacer = pacer
        self._metrics = metrics
        self._in_flight = in_flight
        self._waiting = waiting
        self._tells_cancelled = tells_cancelled
        self._quiet = quiet
        self._now_us = now_us
        self._now_s = now_s
        self._cancelled: dict[str, str] = {}
        """Ids that were taken back, with the reason; those that were read by the group's consumer too are dropped."""
        self._read_cancelled: set[str] = set()
        self._ended: list[tuple[Open, Attempt | Refused]] = []
        self._erased: list[str] = []
        self._heard_of: set[str] = set()
        """Customers of whose messages something was said since."""
        self._sending: set[asyncio.Task[None]] = set()
        self._committed = desk.committable
        self._commit_at = self._look_at = 0.0
        self._shown_us = now_us()
        """By the world's clock, when it was last looked at."""
        self._readable = True
        """Whether the newest record was; those that follow one that was not are counted and not told of."""
        self._wake = asyncio.Event()
        self._enough = asyncio.Event()
        """Half of what was being sent has an answer."""
        self._stopping = False
        self._failure: BaseException | None = None
        self._oldest = ("", 0)
        """Id of the request that has waited longest, and when it was decided."""
        self._unwritten: Sequence[Said] = ()
        """What is being written, or could not be."""
        for customer_id in list(desk.memory.customers()):
            if standings.erased(customer_id):
                self._erased.append(customer_id)
            self._look_back(customer_id)
        standings.on_erased.append(self._was_erased)
        standings.on_aftermath.append(self._was_heard_of)

    @property
    def wants(self) -> bool:
        """Whether there is room for more orders."""
        return len(self._desk) < self._waiting

    def offer(self, offset: int, value: bytes | None) -> None:
        """The next record of `outreach`."""
        try:
            found = read_request(value, self._channel.name, self.number, offset)
        except UnreadableError as error:
            self._metrics.unreadable()
            if self._readable:
                log.warning(
                    "a record of outreach cannot be read", partition=self.number, offset=offset, error=str(error)
                )
            found = None
            self._readable = False
        else:
            self._readable = True
        if isinstance(found, Cancelled):
            self._cancelled.setdefault(found.id, found.reason)
            self._read_cancelled.add(found.id)
            found = found.news if self._tells_cancelled else None
        self._desk.take(offset, found, self._now_us())
        self._wake.set()

    def hear(self, offset: int, value: bytes | None) -> None:
        """A record of `outreach` as the follower reads it, far ahead perhaps: only cancellations matter, and of those
        only what has not been read in its turn.
        """
        if value is None or b"outreach.cancelled" not in value or offset < self._desk.read_to:
            return
        try:
            found = read_request(value)
        except UnreadableError:
            return  # told when it is read in its turn
        if isinstance(found, Cancelled):
            self._cancelled.setdefault(found.id, found.reason)
            self._desk.hasten(found.id)
            self._wake.set()

    async def run(self) -> None:
        """Until `stop`; raises what must end the process."""
        while not self._stopping:
            await self.cycle()
            await self._pause()
        await self._wind_up()

    def stop(self) -> None:
        """Begins nothing more; `run` ends when what is in flight has, and is recorded and committed."""
        if not self._stopping:
            self._stopping = True
            self._standings.on_erased.remove(self._was_erased)
            self._standings.on_aftermath.remove(self._was_heard_of)
            self._wake.set()
            self._enough.set()

    def unrecorded(self) -> list[Said]:
        """Ends of attempts that are known here and not on record: for who starts again because the broker was lost."""
        ends = [*self._unwritten, *[self._desk.end(ended, how, self._now_us()) for ended, how in self._take_ended()]]
        return [one for one in ends if one.entry is not None and one.entry.state is not State.ATTEMPTED]

    async def _wind_up(self) -> None:
        if self._sending:
            await asyncio.wait(self._sending, timeout=WIND_UP_S)
        for task in self._sending:
            task.cancel()  # what takes longer stays begun and without an end
        await asyncio.gather(*self._sending, return_exceptions=True)
        await self._record([self._end(ended, how) for ended, how in self._take_ended()])
        await self._commit_read(at_once=True)

    async def cycle(self) -> None:
        """One round of the steps above."""
        self._wake.clear()
        self._enough.clear()
        if self._failure is not None:
            raise self._failure
        self._watch_the_clock()
        if self._heard_of:
            await self._record_aftermath()
        said = [self._end(ended, how) for ended, how in self._take_ended()]
        begun: list[Open] = []
        if not self.wants:
            self._desk.look_no_further()
        ended = len(said)
        room, look = self._room(ended), self._time_to_look()
        if room or look:
            candidates = self._desk.due(self._now_us(), max(room, LOOKED_THROUGH if look else 0))
            if candidates:
                await asyncio.gather(*[news.reach() for news in self._news])
                said += self._judge(candidates, room, ended, begun)
        for customer_id in self._take_erased():
            said += self._desk.erase(customer_id)
        said += self._desk.forget(self._now_us())
        await self._record(said)
        for chosen in begun:
            task = asyncio.create_task(self._send(chosen))
            self._sending.add(task)
            task.add_done_callback(self._has_sent)
        self._forget_cancellations()
        await self._commit_read()
        self._metrics.standing(
            self.number,
            waiting=len(self._desk),
            in_flight=self._desk.begun,
            memory=len(self._desk.memory),
            oldest_s=self._oldest_s(),
        )

    def _watch_the_clock(self) -> None:
        """One that is put back leaves dates behind that are far away, or a pause would last for as long as it was
        wrong. What it is put back by in passing is waited for."""
        now_us = self._now_us()
        if now_us < self._shown_us - _PUT_BACK_US:
            self._desk.look_anew()
        self._shown_us = now_us

    def _oldest_s(self) -> float:
        """How long ago the oldest open request was decided, by its own word; 0 = none is open."""
        oldest = self._desk.oldest
        if oldest is None:
            return 0.0
        if self._oldest[0] != oldest.id:
            try:
                decided_us = time_us(oldest.event.get("time"))
            except (msgspec.MsgspecError, ValueError):  # no time, or one without a zone: others may write requests too
                decided_us = self._now_us()
            self._oldest = (oldest.id, decided_us)
        return max(0.0, (self._now_us() - self._oldest[1]) / SECOND_US)

    def _room(self, ended: int) -> int:
        """How many messages may begin now; `ended` ends come on record together with what is begun."""
        if not self._channel.available or self._stopping:
            return 0
        most = max(0, self._in_flight - self._desk.begun + ended)
        return self._pacer.allowed(self._now_s(), most) if most else 0

    def _time_to_look(self) -> bool:
        now = self._now_s()
        if now < self._look_at:
            return False
        self._look_at = now + LOOK_S
        return True

    def _judge(self, candidates: Sequence[Open], room: int, ended: int, begun: list[Open]) -> list[Said]:
        """What a predecessor has left in doubt counts as in flight until it is begun again, which it may be at once."""
        said: list[Said] = []
        now_us = self._now_us()
        for waiting in candidates:
            why = self._refusal(waiting)
            if why is not None:
                said.append(self._desk.refuse(waiting, why, now_us))
                self._count(said[-1])
                continue
            quiet_until_us = self._quiet_until_us(waiting.order, now_us)
            if quiet_until_us > now_us:
                waiting.not_before_us = quiet_until_us
                self._desk.put_back(waiting)
            elif len(begun) < room and (waiting.doubtful or self._desk.in_doubt - ended < self._in_flight):
                if waiting.doubtful:
                    self._metrics.sent_again()
                said.append(self._desk.begin(waiting, now_us))
                begun.append(waiting)
            else:
                self._desk.put_back(waiting)
        self._pacer.begun(self._now_s(), len(begun))
        return said

    def _quiet_until_us(self, order: Order, now_us: int) -> int:
        """What was decided by day may have waited into the night; a sample was asked for, and news is no message."""
        if self._quiet is None or order.sample or order.takes_back:
            return now_us
        zone = order.data.get("timezone")
        return self._quiet.until_there_us(zone if isinstance(zone, str) else None, now_us)

    def _refusal(self, about: Open) -> Refused | None:
        order = about.order
        if order.takes_back and self._desk.never_tried(order.takes_back):
            return Refused(State.CANCELLED, "never_sent")
        return refusal(
            order,
            self._now_us(),
            self._cancelled.get(order.id),
            None if order.takes_back else self._standing_of(order),
            self._channel.refusal(order),
        )

    def _standing_of(self, order: Order) -> str | None:
        """Why the customer must not be written to by now."""
        answers = order.data.get("kind") == Kind.SERVICE_RECOVERY
        return self._standings.why_not(order.customer_id, order.consent_us, order.email, profiled=not answers)

    async def _send(self, chosen: Open) -> None:
        """One attempt; whatever happens, it has an end."""
        how: Attempt | Refused | None = self._refusal(chosen)  # what was heard while it was recorded
        if how is None:
            began = self._now_s()
            try:
                how = await self._channel.send(chosen.order)
            except Exception as error:  # noqa: BLE001 - one order must not hold up the others
                log.error("an attempt failed in an unexpected way", request=chosen.order.id, error=type(error).__name__)  # noqa: TRY400 - its text may name somebody
                how = Attempt(Result.RETRY, f"unexpected {type(error).__name__}")
            self._metrics.attempted(how.result.value, self._now_s() - began)
        if isinstance(how, Attempt) and how.result is Result.BOUNCED and not chosen.order.sample:
            address = str(chosen.order.email)
            self._standings.bounced(chosen.order.customer_id, address)
            await self._on_bounce(chosen.order.customer_id, address, chosen.order.id)
        self._ended.append((chosen, how))
        self._wake.set()
        if self._is_enough():
            self._enough.set()

    def _has_sent(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()
            self._wake.set()
            self._enough.set()

    def _end(self, ended: Open, how: Attempt | Refused) -> Said:
        said = self._desk.end(ended, how, self._now_us())
        self._count(said)
        self._look_back(ended.order.customer_id)
        return said

    def _look_back(self, customer_id: str) -> None:
        """What was said of a message before its end was on record is looked at again."""
        if self._standings.aftermaths(customer_id):
            self._heard_of.add(customer_id)

    async def _record_aftermath(self) -> None:
        """One by one: the next word may be about the same message."""
        while self._heard_of:
            customer_id = self._heard_of.pop()
            people = self._standings.people(customer_id)
            for news in self._standings.aftermaths(customer_id):
                said = self._desk.hear_of(news, people, self._now_us())
                if said is not None:
                    self._count(said)
                    await self._record([said])

    def _count(self, said: Said) -> None:
        if said.entry is not None and said.entry.state.final:
            self._metrics.ended(said.entry.state.value, said.entry.sample)

    async def _record(self, said: Sequence[Said]) -> None:
        if not said:
            return
        self._unwritten = said
        await self._book.write(said)
        self._unwritten = ()
        for one in said:
            self._desk.recorded(one)

    async def _commit_read(self, *, at_once: bool = False) -> None:
        now, offset = self._now_s(), self._desk.committable
        if offset > self._committed and (at_once or now >= self._commit_at):
            await self._commit(offset)
            self._committed, self._commit_at = offset, now + COMMIT_S

    async def _pause(self) -> None:
        if self._sending and not self._is_enough():
            await wait_for(self._enough, LINGER_S)
        wait_s = LOOK_S
        next_us = self._desk.next_us()
        if next_us is not None and self._channel.available and self._desk.begun < self._in_flight:
            until_due = (next_us - self._now_us()) / SECOND_US
            wait_s = min(wait_s, max(until_due, self._pacer.wait_s(self._now_s()), 0.0))
        if wait_s > 0 and not self._wake.is_set():
            await wait_for(self._wake, wait_s)
        else:
            await asyncio.sleep(0)

    def _is_enough(self) -> bool:
        return self._stopping or self._failure is not None or 2 * len(self._ended) >= self._desk.begun

    def _forget_cancellations(self) -> None:
        """Read in its turn: the request it is about lay before it and has ended, or is open and will."""
        for request_id in [one for one in self._read_cancelled if not self._desk.is_open(one)]:
            self._read_cancelled.discard(request_id)
            self._cancelled.pop(request_id, None)

    def _take_ended(self) -> list[tuple[Open, Attempt | Refused]]:
        ended, self._ended = self._ended, []
        return ended

    def _take_erased(self) -> list[str]:
        erased, self._erased = self._erased, []
        return erased

    def _was_erased(self, customer_id: str) -> None:
        self._erased.append(customer_id)
        self._wake.set()

    def _was_heard_of(self, customer_id: str) -> None:
        self._heard_of.add(customer_id)
        self._wake.set()


def by_chance() -> float:
    return random.random()
