"""Deliverers that die between any two steps while a real server at the other end of a real line is slow, says not now
or never, hangs, breaks the line after the text, babbles, sends elsewhere or goes for good; and while the clock of their
machine is put forward and back.

The promises are those of the schedules without lines (test_delivery_crashes), and nobody is woken at night.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from datetime import time
from typing import Protocol
from zoneinfo import ZoneInfo

import pytest

from service.delivery.channel import Channel
from service.delivery.memory import State
from service.domain.calendar import HOUR_US, MINUTE_US, SECOND_US
from service.domain.events import Erasure, Profile
from service.domain.policy import QuietTimes
from service.domain.quiet_times import Quiet
from tests.support.delivery_world import World, cancelled, requested
from tests.support.wired_delivery import (
    GONE,
    Buried,
    HookServer,
    MailServer,
    Taken,
    WiredLife,
    hook_channel,
    mail_channel,
    without_long_pauses,
)

SEEDS = range(6)
IN_FLIGHT = 6
NIGHT = Quiet(QuietTimes(time(21), time(9)), ZoneInfo("Europe/Paris"))
_MORNING_US = 12 * HOUR_US
_ON_ITS_WAY_US = 3 * MINUTE_US
"""What was begun before the night may come at its very beginning."""


class Server(Protocol):
    taken: Taken
    well: bool
    seen: set[str]


class Schedule:
    """A log that grows, deliverers that live and die, and a clock that is wrong for a while."""

    def __init__(self, seed: int, channel: str) -> None:
        self.world = World(seed, channel=channel)
        self.rng = random.Random(seed)
        self.by_night = seed % 2 == 1
        """Quiet hours hold; else the clock is put forward and back."""
        self.wanted: dict[str, str] = {}
        self.forbidden: set[str] = set()
        self.made = 0

    def grow(self) -> None:
        log, world = self.world.outreach, self.world
        for _ in range(self.rng.randrange(4, 9)):
            self.made += 1
            request_id, who = f"r{self.made}", f"c{self.rng.randrange(8)}"
            match self.rng.randrange(10):
                case 0:
                    log += [requested(request_id, who), cancelled(request_id, who)]
                    self.forbidden.add(request_id)
                case 1:  # however wrong the clock is
                    log.append(requested(request_id, who, expires_us=world.now_us - 48 * HOUR_US))
                    self.forbidden.add(request_id)
                case 2:
                    alone = f"leaver-{self.made}"
                    no = Profile("e", alone, world.now_us, marketing_consent=False)
                    world.customers.append(no if self.rng.random() < 0.5 else Erasure("e", alone, world.now_us))
                    log.append(requested(request_id, alone))
                    self.forbidden.add(request_id)
                case 3:
                    who = f"{GONE}{self.made}"
                    log.append(requested(request_id, who))
                    self.wanted[request_id] = who
                case _:
                    log.append(requested(request_id, who))
                    self.wanted[request_id] = who

    async def run(self, server: Server, opens: Callable[[], Channel]) -> World:
        world = self.world
        quiet = NIGHT if self.by_night else None
        for _ in range(self.rng.randrange(4, 7)):
            self.grow()
            dies_at = self.rng.randrange(4, 50)
            life = WiredLife(world, dies_at, opens(), in_flight=IN_FLIGHT, quiet=quiet)
            if await life.live(12):
                await life.die()
            if self.by_night:
                world.now_us += self.rng.randrange(5) * HOUR_US
            else:
                world.wrong_us = self.rng.choice([0, 0, -20, -1, 1, 20]) * HOUR_US
        server.well = True
        life = WiredLife(world, None, opens(), in_flight=IN_FLIGHT, quiet=quiet)
        await life.live(6)
        world.wrong_us = 0  # it is put right while a deliverer runs
        world.now_us += 3_700 * SECOND_US
        await life.live(20)
        await life.die()
        if self.by_night:
            world.now_us += _MORNING_US
        life = WiredLife(world, None, opens(), in_flight=IN_FLIGHT, quiet=quiet)
        await life.live(60)
        await life.die()
        return world


def all_is_kept(schedule: Schedule, taken: Taken) -> None:
    world, memory = schedule.world, schedule.world.memory()
    times = Counter(request_id for request_id, _ in world.sink)
    assert {one: n for one, n in times.items() if n > 1 + world.window[one] + world.lost[one]} == {}
    assert world.widest <= IN_FLIGHT
    assert schedule.forbidden & times.keys() == set()
    ends = {one: memory.get(one) for one in [*schedule.wanted, *schedule.forbidden]}
    assert [one for one, entry in ends.items() if entry is None or not entry.state.final] == []
    delivered = {one for one, entry in ends.items() if entry and entry.state is State.DELIVERED}
    assert delivered - times.keys() == set()
    unsent = {one for one in schedule.wanted if not times[one]}
    assert {entry.state for one in unsent if (entry := ends[one])} <= {State.BOUNCED, State.FAILED}
    if world.channel == "smtp":
        assert {one for one, who in schedule.wanted.items() if who.startswith(GONE)} <= unsent
    for who in set(schedule.wanted.values()):
        first = list(dict.fromkeys(one for one, customer in world.sink if customer == who))
        assert first == sorted(first, key=lambda one: int(one[1:]))
    if schedule.by_night:
        assert [at_us for at_us in taken.at_us if is_night(at_us) and is_night(at_us - _ON_ITS_WAY_US)] == []


def is_night(at_us: int) -> bool:
    return NIGHT.until_there_us(None, at_us) > at_us


async def mails(seed: int) -> tuple[Schedule, MailServer]:
    schedule = Schedule(seed, "smtp")
    server = MailServer(schedule.world)
    async with server.serve() as port:
        await schedule.run(server, lambda: mail_channel(port))
    all_is_kept(schedule, server.taken)
    return schedule, server


async def hooks(seed: int) -> tuple[Schedule, HookServer]:
    schedule, buried = Schedule(seed, "webhook"), Buried()
    server = HookServer(schedule.world)
    async with server.serve() as port:
        await schedule.run(server, lambda: hook_channel(port, schedule.world, buried))
    all_is_kept(schedule, server.taken)
    memory = schedule.world.memory()
    failed = {one for one in schedule.wanted if (entry := memory.get(one)) and entry.state is State.FAILED}
    assert failed <= set(buried.ids), "what has failed can be asked for again"
    assert server.led_away == 0
    return schedule, server


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    without_long_pauses(monkeypatch)


@pytest.mark.parametrize("seed", SEEDS)
async def test_mail_over_lines_that_break_keeps_every_promise(seed: int) -> None:
    await mails(seed)


@pytest.mark.parametrize("seed", SEEDS)
async def test_webhooks_to_a_target_in_any_mood_keep_every_promise(seed: int) -> None:
    await hooks(seed)


@pytest.mark.parametrize(
    ("run", "moods"), [(mails, MailServer.MOODS.keys()), (hooks, HookServer.MOODS.keys() | {"gone"})]
)
async def test_the_schedules_meet_every_mood_and_leave_things_in_doubt(
    run: Callable[[int], Awaitable[tuple[Schedule, Server]]], moods: AbstractSet[str]
) -> None:
    seen: set[str] = set()
    twice = deaths = 0
    for seed in range(60):
        schedule, server = await run(seed)
        seen |= server.seen
        deaths += schedule.world.deaths
        twice += any(n > 1 for n in Counter(one for one, _ in schedule.world.sink).values())
        if seen >= moods and twice and deaths > 10:
            break

    assert seen >= moods
    assert deaths > 10
    assert twice
