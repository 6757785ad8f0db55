"""A shop whose customers answer messages: part of those who are quiet come back soon after one, be they gone for good
or only late."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from service.domain.calendar import DAY_US
from service.domain.engine import Engine
from service.domain.findings import Decision, Outcome
from tests.support.engines import START_US, purchase

LEAVE: float = 0.06
"""Chance that a visit is the last, unless a message comes."""


class Person(NamedTuple):
    gap: float
    random: Random


def play(
    engine: Engine,
    *,
    seed: int,
    people: int,
    days: float,
    answers: float = 0.0,
    hear: Callable[[Decision], None] = lambda _: None,
    minor: Callable[[Random], int] = lambda _: 1000,
    leave: float = LEAVE,
) -> Engine:
    """Plays the shop against the engine. `answers`: the part of those who get a message while they are quiet who come
    within a week of it. Whatever is not answered is the same with and without messages, person by person."""
    random = Random(seed)
    persons: dict[str, Person] = {}
    waiting: list[tuple[float, str]] = []
    planned: dict[str, float] = {}
    joined = 0

    def join(at: float) -> None:
        nonlocal joined
        name = f"p{joined}"
        joined += 1
        persons[name] = Person(random.uniform(4.0, 16.0), Random(f"{seed}/{name}"))
        planned[name] = at
        heapq.heappush(waiting, (at, name))

    for _ in range(people):
        join(random.random() * 20.0)
    newcomers = Random(seed + 1)
    arrival = newcomers.expovariate(people * leave / 10.0)
    replies = Random(seed + 2)
    while waiting:
        now = waiting[0][0]
        if now > days and arrival > days:
            break
        if arrival < now:
            join(arrival)
            arrival += newcomers.expovariate(people * leave / 10.0)
            continue
        now, name = heapq.heappop(waiting)
        if planned.get(name) != now:
            continue
        person = persons[name]
        engine.apply(purchase(name, now, minor(person.random)))
        planned.pop(name)
        if person.random.random() >= leave:
            planned[name] = now + person.gap * person.random.lognormvariate(0.0, 0.4)
            heapq.heappush(waiting, (planned[name], name))
        for made in engine.take_outputs():
            if not isinstance(made, Decision):
                continue
            hear(made)
            if made.outcome is not Outcome.RELEASED or replies.random() >= answers:
                continue
            back = max(now, (made.decided_us - START_US) / DAY_US) + 0.5 + 6.0 * replies.random()
            if back < planned.get(made.customer_id, float("inf")):
                planned[made.customer_id] = back
                heapq.heappush(waiting, (back, made.customer_id))
    return engine
