"""What happens when: a schedule follows from its seed, is printed before it begins, and is had again by its seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from tests.chaos.world import World

FIRST_S: Final = 2.0
EVERY_S: Final = 1.4
"""Between two disturbances, on average; they last for seconds, so that several are there at once."""


AT_ONCE_S: Final = 0.5
QUIET_S: Final = 1.0
"""Of a round nothing begins in so many of the last seconds."""


BROKERS: Final = "brokers"
"""What every disturbance of one of them holds."""


class What(NamedTuple):
    """One disturbance as it was drawn."""

    target: str
    """A worker, a broker's number, or empty."""
    lasts_s: float = 0.0
    strength: float = 0.0
    """What it means is the kind's affair."""


Draw = Callable[[random.Random], What]
Act = Callable[["World", What], None]


@dataclass(frozen=True)
class Kind:
    """A kind of disturbance. To add one: an entry in kinds.py."""

    name: str
    draw: Draw
    holds: Callable[[What], Sequence[str]]
    """What nobody else may disturb meanwhile."""
    begin: Act
    end: Act | None = None
    """None: it is over at once, or by itself."""
    weight: float = 1.0
    rests_s: float = 0.0
    """For so long after its end nobody else may disturb what it held."""
    wants_work: bool = False
    """It waits a while for its worker to have work in hand."""
    alone: bool = False
    """Whatever else is under way is over before it begins; the schedule stands still until it is done."""


class Step(NamedTuple):
    """A disturbance with its time in the schedule."""

    at_s: float
    kind: str
    what: What

    def __str__(self) -> str:
        target, lasts_s, strength = self.what
        words = [f"{self.at_s:6.1f} s  {self.kind}", target, f"for {lasts_s:.1f} s" if lasts_s else ""]
        return " ".join(word for word in [*words, f"({strength:g})" if strength else ""] if word)


class Schedule(NamedTuple):
    seed: int
    seconds: float
    steps: list[Step]

    def __str__(self) -> str:
        return "\n".join([f"schedule {self.seed}, {self.seconds:.0f} s:", *map(str, self.steps)])


def drawn(
    seed: int, seconds: float, kinds: Mapping[str, Kind], every_s: float = EVERY_S, first_s: float = FIRST_S
) -> Schedule:
    """Disturbances of these kinds at random times, several at once, none of which undoes another."""
    rng, at_s = random.Random(seed), first_s
    free_s: dict[str, float] = {}
    steps: list[Step] = []
    names, weights = list(kinds), [kind.weight for kind in kinds.values()]
    while at_s < seconds:
        name = rng.choices(names, weights)[0]
        kind, what = kinds[name], kinds[name].draw(rng)
        held = kind.holds(what)
        if all(free_s.get(each, 0.0) <= at_s for each in held):
            steps.append(Step(at_s, name, what))
            free_s.update(dict.fromkeys(held, at_s + what.lasts_s + kind.rests_s))
            at_s += rng.expovariate(1 / every_s)
        else:
            at_s += 0.2
    return Schedule(seed, seconds, steps)


def in_rounds(seed: int, rounds: int, round_s: float, kinds: Mapping[str, Kind], every_s: float, then: str) -> Schedule:
    """So many times disturbances of these kinds, the first at once, and `then` that kind alone."""
    steps: list[Step] = []
    for number in range(rounds):
        until_s = round_s * (number + 1)
        drawn_now = drawn(seed + 1_000 * number, round_s - QUIET_S, kinds, every_s, first_s=AT_ONCE_S)
        steps += [step._replace(at_s=step.at_s + until_s - round_s) for step in drawn_now.steps]
        steps.append(Step(until_s, then, What("")))
    return Schedule(seed, round_s * rounds, steps)


def named(seed: int, counts: Mapping[str, int], kinds: Mapping[str, Kind], every_s: float) -> Schedule:
    """So many of each kind, in random order, one about every `every_s` seconds and each as soon as it may be."""
    rng, free_s = random.Random(seed), dict[str, float]()
    order = [name for name, count in counts.items() for _ in range(count)]
    rng.shuffle(order)
    steps: list[Step] = []
    at_s = FIRST_S
    for name in order:
        kind = kinds[name]
        what = kind.draw(rng)
        held = kind.holds(what)
        at_s = max([at_s, *(free_s.get(each, 0.0) for each in held)])
        steps.append(Step(at_s, name, what))
        free_s.update(dict.fromkeys(held, at_s + what.lasts_s + kind.rests_s))
        at_s += rng.expovariate(1 / every_s)
    return Schedule(seed, at_s + 5.0, sorted(steps))
