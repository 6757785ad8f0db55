"""A real log with disturbances cut into it: nobody is written to who was in the shop within their usual gap before.

The kinds are those that people report: purchases that are refused, sent twice, corrected, sent under two ids; a feed
that falls silent, a log with a hole. (What is lost without a word nobody can know; tests/shops/test_brake.py holds how
few are written to then.)
"""

from __future__ import annotations

import csv
import gzip
from bisect import bisect_right
from collections.abc import Callable
from copy import copy
from datetime import date
from functools import lru_cache
from random import Random

import pytest

from service.domain.calendar import DAY_US, to_day
from service.domain.events import Event, Merge, Purchase, SignOfLife
from service.domain.findings import Decision, Outcome
from service.domain.policy import ClockMode, Timing
from tests.support.engines import decisions, make_engine
from tests.support.real_logs import MISSING, real_logs

GROCERY = real_logs("grocery_elog")
pytestmark = pytest.mark.skipif(not GROCERY, reason=MISSING)

Fed = Event | SignOfLife | int
"""What reaches the engine: an event, what a refused record still says, or (an instant) that what lay before it was
lost."""
Disturb = Callable[[list[Purchase], Random], list[Fed]]


@lru_cache(maxsize=1)
def log() -> tuple[Purchase, ...]:
    with gzip.open(GROCERY[0], "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    day_of = {text: to_day(date.fromisoformat(text)) for text in {row["timestamp"][:10] for row in rows}}
    return tuple(
        Purchase(
            f"e{number}",
            row["customer_id"],
            day_of[row["timestamp"][:10]] * DAY_US + number % 86_400,
            100,
            order_id=f"o{number}",
        )
        for number, row in enumerate(rows)
    )


def stretch(purchases: list[Purchase], random: Random, days: int) -> tuple[int, int]:
    """Some days in the second half of the log, where the shop is known."""
    first, last = purchases[0].at_us, purchases[-1].at_us
    begin = random.randrange(first + (last - first) // 2, last - 2 * days * DAY_US)
    return begin, begin + days * DAY_US


def undisturbed(purchases: list[Purchase], random: Random) -> list[Fed]:
    return list(purchases)


def half_is_refused(purchases: list[Purchase], random: Random) -> list[Fed]:
    begin, end = stretch(purchases, random, 120)
    till = {one.customer_id: random.random() < 0.5 for one in purchases}
    return [
        SignOfLife(one.customer_id, one.at_us, own_time=True)
        if begin <= one.at_us < end and till[one.customer_id]
        else one
        for one in purchases
    ]


def sent_twice(purchases: list[Purchase], random: Random) -> list[Fed]:
    fed: list[Fed] = []
    for index, one in enumerate(purchases):
        fed.append(one)
        if random.random() < 0.3:
            again = copy(purchases[random.randrange(max(0, index - 4000), index + 1)])
            again.event_id = "" if random.random() < 0.5 else again.event_id
            fed.append(again)
    return fed


def corrected(purchases: list[Purchase], random: Random) -> list[Fed]:
    fed: list[Fed] = []
    for one in purchases:
        fed.append(one)
        if random.random() < 0.1:
            fed.append(Purchase(f"r{one.event_id}", one.customer_id, one.at_us, 40, True, one.order_id))
        if random.random() < 0.1:
            again = copy(one)
            again.amount_minor = random.randrange(300)
            fed.append(again)
    return fed


def under_two_ids(purchases: list[Purchase], random: Random) -> list[Fed]:
    """A new till gives some customers a new id; whenever one appears, the shop says who it is."""
    begin, _ = stretch(purchases, random, 30)
    fed: list[Fed] = []
    moved: set[str] = set()
    for one in purchases:
        mine = copy(one)
        if one.at_us >= begin and int(one.customer_id) % 3 == 0:
            if one.customer_id not in moved:
                moved.add(one.customer_id)
                fed.append(Merge(f"m{one.customer_id}", one.customer_id, one.at_us, f"new-{one.customer_id}"))
            if random.random() < 0.7:
                mine.customer_id = f"new-{one.customer_id}"
        fed.append(mine)
    return fed


def silent(purchases: list[Purchase], random: Random) -> list[Fed]:
    begin, end = stretch(purchases, random, random.randrange(4, 25))
    return [one for one in purchases if not begin <= one.at_us < end]


def with_a_hole(purchases: list[Purchase], random: Random) -> list[Fed]:
    begin, end = stretch(purchases, random, random.randrange(2, 12))
    fed: list[Fed] = []
    told = False
    for one in purchases:
        if begin <= one.at_us < end:
            continue
        if one.at_us >= end and not told:
            told = True
            fed.append(end)
        fed.append(one)
    return fed


def told(fed: list[Fed]) -> list[Decision]:
    engine = make_engine(timing=Timing(clock=ClockMode.EVENT))
    made: list[Decision] = []
    for each in fed:
        if isinstance(each, int):
            engine.lost_purchases(1000, each)
        else:
            engine.apply(copy(each))
            made += decisions(engine.take_outputs())
    return made


def person(customer_id: str) -> str:
    return customer_id.removeprefix("new-")


def wrong(made: list[Decision], fed: list[Fed]) -> list[Decision]:
    """Messages to people who were in the shop within a usual gap of theirs before, whether their purchase was accepted
    or refused."""
    visits: dict[str, list[int]] = {}
    for one in fed:
        if isinstance(one, Purchase | SignOfLife):
            visits.setdefault(person(one.customer_id), []).append(one.at_us)
    for known in visits.values():
        known.sort()
    found = []
    for decision in made:
        if decision.outcome is Outcome.RELEASED:
            known = visits[person(decision.customer_id)]
            seen = known[bisect_right(known, decision.decided_us) - 1]
            if decision.decided_us - seen < decision.evidence.usual_gap_days * DAY_US:
                found.append(decision)
    return found


@pytest.mark.parametrize("seed", [1])
@pytest.mark.parametrize(
    "disturb",
    [undisturbed, half_is_refused, sent_twice, corrected, under_two_ids, silent, with_a_hole],
    ids=lambda f: f.__name__,
)
def test_nobody_is_written_to_who_was_in_the_shop(disturb: Disturb, seed: int) -> None:
    fed = disturb(list(log()), Random(seed))
    made = told(fed)

    assert wrong(made, fed) == [], f"seed {seed}"
    assert sum(decision.outcome is Outcome.RELEASED for decision in made) > 300, "those who leave are still asked"


def test_what_is_sent_twice_or_corrected_changes_no_decision() -> None:
    calm = [d.decision_id for d in told(list(log()))]

    assert [d.decision_id for d in told(sent_twice(list(log()), Random(3)))] == calm
