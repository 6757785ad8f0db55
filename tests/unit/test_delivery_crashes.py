"""Deliverers that die between any two steps, by seeded schedules.

No second message beyond the window, none lost, none that was taken back, expired or without consent, and each
customer's in their order."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from service.delivery.channel import Result
from service.delivery.memory import State
from service.domain.calendar import DAY_US, SECOND_US
from service.domain.events import Erasure, Profile
from tests.support.delivery_world import NOW_US, Life, World, cancelled, requested

SEEDS = range(12)
IN_FLIGHT = 8


def answer(rng: random.Random) -> Result | str:
    return rng.choices(
        [Result.DELIVERED, Result.RETRY, Result.BOUNCED, Result.FAILED, "lost"], weights=[12, 4, 1, 1, 0.5]
    )[0]


class Schedule:
    """A log of requests with their cancellations, expiries and withdrawals, grown while deliverers live and die."""

    def __init__(self, seed: int) -> None:
        self.world = World(seed, answers=answer)
        self.rng = random.Random(seed + 1_000)
        self.wanted: dict[str, str] = {}
        """Requests that nothing speaks against → customer."""
        self.forbidden: set[str] = set()
        """Must never be sent: known before anybody could have begun them."""
        self.made = 0

    def grow(self) -> None:
        for _ in range(self.rng.randrange(4, 12)):
            self.made += 1
            request_id, who = f"r{self.made}", f"c{self.rng.randrange(12)}"
            fate = self.rng.random()
            log = self.world.outreach
            if fate < 0.1:
                log += [requested(request_id, who), cancelled(request_id, who)]
                self.forbidden.add(request_id)
            elif fate < 0.2:
                log.append(requested(request_id, who, expires_us=self.world.now_us - 1))
                self.forbidden.add(request_id)
            elif fate < 0.3:
                log.append(requested(request_id, who, consent=self.rng.choice([None, False])))
                self.forbidden.add(request_id)
            elif fate < 0.4:
                alone = f"leaver-{self.made}"
                if self.rng.random() < 0.5:
                    self.world.customers.append(Erasure("e", alone, self.world.now_us))
                else:
                    self.world.customers.append(Profile("e", alone, self.world.now_us, marketing_consent=False))
                log.append(requested(request_id, alone))
                self.forbidden.add(request_id)
            else:
                log.append(requested(request_id, who))
                self.wanted[request_id] = who
            if self.rng.random() < 0.1:
                log.append(log[self.rng.randrange(len(log))])  # said twice

    async def run(self) -> World:
        world = self.world
        for _ in range(self.rng.randrange(4, 10)):
            self.grow()
            await Life(world, self.rng.randrange(1, 60), in_flight=IN_FLIGHT).live(40)
        world.answers = lambda _rng: Result.DELIVERED
        world.now_us += 3_700 * SECOND_US
        await Life(world, None, in_flight=IN_FLIGHT).live(80)
        return world


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_dies_when_nobody_is_written_to_twice_or_never(seed: int) -> None:
    await all_is_kept(seed)


async def all_is_kept(seed: int) -> None:
    """Also for the long run (tests/chaos/test_delivery_schedules.py)."""
    schedule = Schedule(seed)

    world = await schedule.run()

    taken = Counter(request_id for request_id, _ in world.sink)
    memory = world.memory()
    twice = {one: times for one, times in taken.items() if times > 1 + world.window[one] + world.lost[one]}
    assert twice == {}
    assert world.widest <= IN_FLIGHT
    assert schedule.forbidden & taken.keys() == set()
    ends = {one: memory.get(one) for one in [*schedule.wanted, *schedule.forbidden]}
    assert [one for one, entry in ends.items() if entry is None or not entry.state.final] == []
    assert {
        one for one in schedule.wanted if (entry := ends[one]) and entry.state is State.DELIVERED and not taken[one]
    } == set()
    unsent = {one for one in schedule.wanted if not taken[one]}
    assert {entry.state for one in unsent if (entry := ends[one])} <= {State.BOUNCED, State.FAILED, State.CANCELLED}
    for who in set(schedule.wanted.values()):
        first = list(dict.fromkeys(one for one, customer in world.sink if customer == who))
        assert first == sorted(first, key=lambda one: int(one[1:]))


async def test_the_schedules_are_worth_something() -> None:
    worlds = [await Schedule(seed).run() for seed in range(6)]

    assert sum(world.deaths for world in worlds) > 20
    assert sum(sum(world.window.values()) for world in worlds) > 20
    assert any(times > 1 for world in worlds for times in Counter(one for one, _ in world.sink).values())


async def test_a_deliverer_that_never_dies_and_a_server_that_always_answers_send_each_exactly_once() -> None:
    world = World(1)
    world.outreach += [requested(f"r{number}", f"c{number % 7}") for number in range(100)]

    await Life(world, None).live(60)

    assert Counter(one for one, _ in world.sink) == Counter(f"r{number}" for number in range(100))
    assert world.committed == 100


async def test_a_cancellation_far_behind_is_known_before_anything_is_sent() -> None:
    world = World(1)
    world.outreach += [requested(f"r{number}", f"c{number}") for number in range(500)]
    world.outreach.append(cancelled("r0", "c0"))

    await Life(world, None, in_flight=4, waiting=10).live(3)

    assert "r0" not in {one for one, _ in world.sink}
    entry = world.memory().get("r0")
    assert entry is not None
    assert (entry.state, entry.reason) == (State.CANCELLED, "returned")


async def test_who_waits_for_the_server_does_not_hold_up_others_and_keeps_their_own_order() -> None:
    world = World(1, answers=lambda _rng: Result.DELIVERED)
    world.outreach += [requested("a1", "a"), requested("a2", "a"), requested("b1", "b")]
    answers = iter([Result.RETRY])
    world.answers = lambda _rng: next(answers, Result.DELIVERED)

    life = Life(world, None)
    await life.live(2)
    assert [one for one, _ in world.sink] == ["b1"]
    assert life.desk.committable == 0

    world.now_us += 60 * SECOND_US
    await life.live(3)

    assert [one for one, _ in world.sink] == ["b1", "a1", "a2"]


async def test_what_is_tried_in_vain_until_it_expires_ends_as_expired() -> None:
    world = World(1, answers=lambda _rng: Result.RETRY)
    world.outreach.append(requested("r1", "c", expires_us=NOW_US + 120 * SECOND_US))

    await Life(world, None).live(70)

    entry = world.memory().get("r1")
    assert entry is not None
    assert (entry.state, entry.reason) == (State.EXPIRED, "expired")
    assert entry.attempts > 3
    assert world.committed == 1


@pytest.mark.parametrize("starts_again", [False, True])
async def test_what_waits_by_a_clock_that_was_ahead_goes_out_when_it_is_put_right(*, starts_again: bool) -> None:
    world = World(1, answers=lambda _rng: Result.RETRY, outreach=[requested("r1", "c")])
    world.wrong_us = DAY_US
    life = Life(world, None)
    await life.live(2)
    entry = world.memory().get("r1")
    assert entry is not None
    assert (entry.state, entry.at_us > world.now_us + DAY_US // 2) == (State.REQUESTED, True)

    world.answers = lambda _rng: Result.DELIVERED
    world.wrong_us = 0
    await (Life(world, None) if starts_again else life).live(5)

    assert [one for one, _ in world.sink] == ["r1"]


async def test_a_clock_that_is_put_back_in_passing_shortens_no_pause() -> None:
    world = World(1, answers=lambda _rng: Result.RETRY, outreach=[requested("r1", "c")])
    life = Life(world, None)
    await life.live(2)
    attempts = life.desk.memory.get("r1")

    world.answers = lambda _rng: Result.DELIVERED
    world.wrong_us = -30 * SECOND_US
    await life.live(1)

    assert attempts is not None
    assert world.sink == []


async def test_ids_are_forgotten_two_days_after_nobody_can_ask_for_them() -> None:
    world = World(1)
    world.outreach.append(requested("r1", "c"))
    await Life(world, None).live(3)
    assert len(world.memory()) == 1

    world.now_us += 32 * DAY_US
    await Life(world, None).live(2)

    assert len(world.memory()) == 0
    assert world.deliveries[-1] == (b"r1", None)


async def test_an_erasure_takes_the_person_out_of_the_memory_and_leaves_that_it_was_sent() -> None:
    world = World(1)
    world.outreach.append(requested("r1", "c"))
    await Life(world, None).live(3)
    world.customers.append(Erasure("e", "c", world.now_us))
    world.outreach += [requested("r1", "c"), requested("r2", "c")]

    await Life(world, None).live(6)

    newest = dict(world.deliveries)
    assert all(b'"customer_id":null' in (value or b"") for value in newest.values())
    assert not any(b'"c"' in (value or b"") for value in newest.values())
    assert [one for one, _ in world.sink] == ["r1"]
    entry = world.memory().get("r2")
    assert entry is not None
    assert (entry.state, entry.reason) == (State.CANCELLED, "erased")
