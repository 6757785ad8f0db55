"""A Kafka and a mail server in memory, and deliverers that die or stand still between any two steps, by a seed.

The real `PartitionDelivery` runs; what it stands on is put together here: `outreach` as a list, `deliveries` as what
has been written for good, the group's offset, and a sink that notes every message it has taken.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from service.delivery.channel import Attempt, Channel, Order, Result
from service.delivery.desk import Desk, Said
from service.delivery.memory import Memory, State, key_of, pack
from service.delivery.metrics import DeliveryMetrics
from service.delivery.pace import Backoff, Pacer
from service.delivery.partition import PartitionDelivery
from service.delivery.standings import Standings
from service.domain.calendar import DAY_US, SECOND_US, utc_text
from service.domain.events import Erasure, Profile
from service.domain.quiet_times import Quiet

NOW_US = 1_800_000_000 * SECOND_US
CHANNEL = "smtp"


def requested(
    request_id: str,
    customer_id: str,
    *,
    expires_us: int = NOW_US + 14 * DAY_US,
    consent: bool | None = True,
    since_us: int = NOW_US - 100 * DAY_US,
    rule: str = "required",
    email: str | None = None,
    **more: object,
) -> bytes:
    """A record of `outreach` as the worker writes it."""
    data = {
        "decision_id": request_id,
        "customer_id": customer_id,
        "kind": "win_back",
        "rung": "remind",
        "first_name": "Anna",
        "locale": "en",
        "expires_at": utc_text(expires_us),
        "contact": {"email": email or f"{customer_id}@example.org"},
        "consent": {"marketing_consent": consent, "since": utc_text(since_us), "rule": rule},
        "sentence": "Anna usually comes every 7 days.",
        **more,
    }
    event = {
        "specversion": "1.0",
        "id": request_id,
        "source": "churn-alert",
        "type": "outreach.requested",
        "subject": customer_id,
        "time": utc_text(NOW_US),
        "datacontenttype": "application/json",
        "data": data,
    }
    return msgspec.json.encode(event)


def cancelled(request_id: str, customer_id: str, reason: str = "returned") -> bytes:
    data = {"decision_id": request_id, "customer_id": customer_id, "cancelled_id": request_id, "reason": reason}
    return msgspec.json.encode({"id": f"{request_id}.cancelled", "type": "outreach.cancelled", "data": data})


class Died(BaseException):
    """kill -9: nothing after it happens, and nobody catches it."""


@dataclass
class World:
    """What outlives a deliverer."""

    seed: int
    answers: Callable[[random.Random], Result | str] = lambda _rng: Result.DELIVERED
    """What the server says to an attempt: a result, or "lost": it took the message and the line broke."""
    fences: bool = True
    """Whether what a deliverer writes after another has taken over is refused."""
    outreach: list[bytes] = field(default_factory=list)
    customers: list[Profile | Erasure] = field(default_factory=list)
    deliveries: list[tuple[bytes, bytes | None]] = field(default_factory=list)
    committed: int = 0
    sink: list[tuple[str, str]] = field(default_factory=list)
    """(request, customer) of every message the server has taken, in order."""
    now_us: int = NOW_US
    wrong_us: int = 0
    """By how much the clock of the deliverer's machine is ahead."""
    channel: str = CHANNEL
    deaths: int = 0
    window: Counter[str] = field(default_factory=Counter)
    """How often an id was begun and without an end when its deliverer died."""
    lost: Counter[str] = field(default_factory=Counter)
    """How often the server took an id and the line broke before it could say so."""
    widest: int = 0
    """Ids that a single death has left in doubt, at most."""

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)

    @property
    def shown_us(self) -> int:
        """What the clock of the deliverer's machine shows."""
        return self.now_us + self.wrong_us

    def memory(self) -> Memory:
        memory = Memory(self.channel, 30 * DAY_US)
        for key, value in self.deliveries:
            memory.take(key, value)
        return memory


class Life:
    """One deliverer of the world's only partition, which may die at any step, or stand still there until another has
    taken over: then what it writes and commits is refused, and what it speaks to the server is heard."""

    def __init__(
        self,
        world: World,
        dies_at: int | None,
        *,
        stands_still_at: int | None = None,
        in_flight: int = 8,
        waiting: int = 40,
        standings: Standings | None = None,
        quiet: Quiet | None = None,
        channel: Callable[[Life], Channel] | None = None,
    ) -> None:
        """It dies, or stands still, at its so many-th step; None = it does not. `channel`: another than the world's
        own."""
        self.world = world
        self._steps_left = dies_at
        self._steps_to_stand_still = stands_still_at
        self.stands_still, self._goes_on = asyncio.Event(), asyncio.Event()
        self.fenced = False
        """Whether another has taken over."""
        self.name, self.available = world.channel, True
        self.standings = Standings() if standings is None else standings
        self._heard, self._told = world.committed, 0
        self.desk = Desk(world.memory(), Backoff(5, 60), world.rng.random, world.committed, len(world.outreach))
        self._read = world.committed
        self.partition = PartitionDelivery(
            0,
            self.desk,
            self if channel is None else channel(self),
            self.standings,
            book=self,
            news=[self],
            commit=self.commit,
            on_bounce=self.bounced,
            pacer=Pacer(None),
            metrics=DeliveryMetrics(world.channel),
            in_flight=in_flight,
            waiting=waiting,
            quiet=quiet,
            now_us=lambda: world.shown_us,
            now_s=lambda: world.now_us / SECOND_US,
        )

    async def step(self, *, fenced: bool = False) -> None:
        """Here it may die or stand still. `fenced`: what follows is refused where another has taken over."""
        if self._steps_left is not None:
            self._steps_left -= 1
            if self._steps_left < 0:
                raise Died
        if self._steps_to_stand_still is not None:
            self._steps_to_stand_still -= 1
            if self._steps_to_stand_still < 0:
                self.stands_still.set()
                await self._goes_on.wait()
        if fenced and self.fenced and self.world.fences:
            raise Died

    async def end(self) -> None:
        """What it was saying to the server is cut off."""
        for task in self.partition._sending:
            task.cancel()
        await asyncio.gather(*self.partition._sending, return_exceptions=True)

    def is_replaced(self) -> None:
        """Another takes over from now on: what this one has begun is in doubt, as after a death."""
        self.fenced = True
        doubtful = self._doubtful()
        self.world.window.update(doubtful)
        self.world.widest = max(self.world.widest, len(doubtful))

    def wake(self) -> None:
        """It goes on where it stood, and knows of nothing."""
        self._steps_to_stand_still = None
        self._goes_on.set()

    def _doubtful(self) -> list[str]:
        """Ids that were begun and have no end."""
        return [one for one, entry in self.world.memory()._entries.items() if entry.state is State.ATTEMPTED]

    # ---- what a deliverer stands on

    async def write(self, said: Sequence[Said]) -> None:
        await self.step(fenced=True)
        for request_id, entry in said:
            value = None if entry is None else pack(self.name, request_id, entry)
            self.world.deliveries.append((key_of(self.name, request_id), value))
        await self.step()

    async def reach(self) -> None:
        await self.step()
        for event in self.world.customers[self._told :]:
            self.standings.take(event)
        self._told = len(self.world.customers)
        for offset in range(self._heard, len(self.world.outreach)):
            self.partition.hear(offset, self.world.outreach[offset])
        self._heard = len(self.world.outreach)
        await self.step()

    async def commit(self, offset: int) -> None:
        await self.step(fenced=True)
        self.world.committed = offset
        await self.step()

    async def bounced(self, customer_id: str, address: str, request_id: str) -> None:
        await self.step()

    def refusal(self, order: Order) -> str | None:
        return None if order.email else "no_address"

    async def send(self, order: Order) -> Attempt:
        await self.step()
        await asyncio.sleep(0)
        said = self.world.answers(self.world.rng)
        if said == "lost":
            self.world.sink.append((order.id, order.customer_id))
            self.world.lost[order.id] += 1
            return Attempt(Result.RETRY, "unanswered")
        result = Result(said)
        if result is Result.DELIVERED:
            self.world.sink.append((order.id, order.customer_id))
        await self.step()
        return Attempt(result, provider_id=f"q-{order.id}" if result is Result.DELIVERED else None)

    async def keep(self) -> None: ...

    async def close(self) -> None: ...

    # ---- its life

    async def breathe(self) -> None:
        """Between two rounds."""

    async def live(self, cycles: int) -> bool:
        """So many rounds; whether it survived them."""
        try:
            for _ in range(cycles):
                while self.partition.wants and self._read < len(self.world.outreach):
                    self.partition.offer(self._read, self.world.outreach[self._read])
                    self._read += 1
                await self.partition.cycle()
                for _ in range(4):
                    await asyncio.sleep(0)
                await self.breathe()
                self.world.now_us += 2 * SECOND_US
        except Died:
            pass
        else:
            return True
        await self.end()
        if not self.fenced:
            self.world.deaths += 1
            self.is_replaced()
        return False
