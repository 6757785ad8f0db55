"""A shop of regulars of known fate, whose feed can be damaged in ways that no silence of it shows."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple

END = 330.0
"""Days of the whole log."""


class Sale(NamedTuple):
    day: float
    customer: str


Delivered = Callable[[Sale, Random], bool]


def shop(
    seed: int,
    regulars: int = 240,
    *,
    arriving: Callable[[float], float] = lambda _: 1.0,
    pace: Callable[[float], float] = lambda _: 1.0,
    shut: Callable[[float], bool] = lambda _: False,
    leave_share: float = 0.02,
) -> list[Sale]:
    """Who really came, in order. Rhythms of 3 to 14 days; each visit is the last with probability `leave_share`.

    `arriving(day)` scales how many newcomers there are, `pace(day)` how soon people come again; on a day that is shut
    they come on the next.
    """
    random, sales = Random(seed), []
    begins = [random.random() * 14 for _ in range(regulars)]
    day = 0.0
    while day < END:  # as many newcomers as leave
        day += random.expovariate(max(0.01, regulars * leave_share / 7 * arriving(day)))
        begins.append(day)
    for number, begin in enumerate(begins):
        gap, now = random.uniform(3, 14), begin
        while now < END:
            here = now
            while shut(here):
                here = float(int(here) + 1) + random.random() * 0.4
            sales.append(Sale(here, f"c{number}"))
            if random.random() < leave_share:
                break
            now = here + gap * random.lognormvariate(0, 0.35) / pace(here)
    return sorted(sale for sale in sales if sale.day < END)


def half_of_the_customers(sale: Sale, _: Random) -> bool:
    return int(sale.customer[1:]) % 2 == 0
