"""A shop whose customers answer messages: part of those who are quiet come back soon after one, be they gone for good
or only late."""

from __future__ import annotations

import heapq
from math import inf
from random import Random
from typing import Final, NamedTuple

from service.domain.calendar import DAY_US
from service.domain.engine import Engine
from service.domain.findings import Decision, Outcome
from tests.support.engines import START_US, purchase

LEAVE: Final = 0.06
"""Chance that a visit is the last, unless a message comes."""
_FIRST_DAYS: Final = 20.0
"""Within which the first customers come for the first time; whoever leaves is replaced later."""
_MEAN_GAP: Final = 10.0


class Person(NamedTuple):
    gap: float
    random: Random
    stages: int | None

    def next_gap(self) -> float:
        if self.stages is None:
            return self.gap * self.random.lognormvariate(0.0, 0.4)
        return self.gap * self.random.gammavariate(self.stages, 1.0 / self.stages)


def play(
    engine: Engine, *, seed: int, people: int, days: float, answers: float = 0.0, stages: int | None = None
) -> Engine:
    """Plays the shop against the engine for so many days. `answers`: the part of those who get a message while they are
    quiet who come within a week of it. What nobody answers is the same with and without messages, person by person.
    `stages`: of a gap, as the churn model takes it; None = gaps are log-normal, which have a longer tail than any."""
    random, newcomers, replies = Random(seed), Random(seed + 1), Random(seed + 2)
    persons: list[Person] = []
    planned: dict[int, float] = {}
    visits: list[tuple[float, int]] = []

    def plan(person: int, at: float) -> None:
        planned[person] = at
        heapq.heappush(visits, (at, person))

    def join(at: float) -> None:
        persons.append(Person(random.uniform(4.0, 16.0), Random(f"{seed}/{len(persons)}"), stages))
        plan(len(persons) - 1, at)

    def next_arrival() -> float:
        return newcomers.expovariate(people * LEAVE / _MEAN_GAP)

    for _ in range(people):
        join(random.random() * _FIRST_DAYS)
    arrival = next_arrival()
    while min(arrival, visits[0][0]) <= days:
        if arrival < visits[0][0]:
            join(arrival)
            arrival += next_arrival()
            continue
        now, number = heapq.heappop(visits)
        if planned.get(number) != now:
            continue  # they have come earlier
        person = persons[number]
        engine.apply(purchase(f"p{number}", now, person.random.randrange(500, 1500)))
        del planned[number]
        if person.random.random() >= LEAVE:
            plan(number, now + person.next_gap())
        for made in engine.take_outputs():
            if not isinstance(made, Decision) or made.outcome is not Outcome.RELEASED or replies.random() >= answers:
                continue
            quiet = int(made.customer_id.removeprefix("p"))
            back = max(now, (made.decided_us - START_US) / DAY_US) + 0.5 + 6.0 * replies.random()
            if back < planned.get(quiet, inf):
                plan(quiet, back)
    return engine
