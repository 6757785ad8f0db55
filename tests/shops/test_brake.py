"""The brake: a shop of regulars of known fate, whose feed is damaged in ways that no silence of it shows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import pairwise
from random import Random

import pytest

from service.domain.calendar import DAY_US, HOUR_US
from service.domain.engine import Engine
from service.domain.findings import Decision, Outcome, Reason
from service.domain.outreach.brake import Brake, BrakeState
from service.domain.policy import ClockMode, Timing
from tests.support.engines import OPEN_HOUSE, START_US, Changelog, at, decisions, make_engine, purchase, whole_state
from tests.support.regulars import END, Delivered, Sale, half_of_the_customers, shop

EVENT_CLOCK = Timing(clock=ClockMode.EVENT)
DAMAGED, REPAIRED = 240.0, 261.0


def told(engine: Engine, sales: list[Sale]) -> list[Decision]:
    made = []
    for sale in sales:
        engine.apply(purchase(sale.customer, sale.day))
        made += decisions(engine.take_outputs())
    return made


def released(made: list[Decision], since: float = 0.0, until: float = END) -> list[Decision]:
    return [d for d in made if d.outcome is Outcome.RELEASED and at(since) <= d.decided_us < at(until)]


def to_who_did_buy(made: list[Decision], truth: list[Sale]) -> int:
    """Messages to people who were in the shop within a usual gap of theirs before."""
    days: dict[str, list[float]] = {}
    for sale in truth:
        days.setdefault(sale.customer, []).append(sale.day)
    wrong = 0
    for decision in made:
        at_day = (decision.decided_us - START_US) / DAY_US
        before = days[decision.customer_id][: bisect_right(days[decision.customer_id], at_day)]
        wrong += at_day - before[-1] < decision.evidence.usual_gap_days
    return wrong


@cache
def before_the_damage(seed: int) -> tuple[list[Decision], Engine, Changelog]:
    alone = replace(EVENT_CLOCK, feed_silence_hours=1e5)  # of four fifths lost the shop's usual hours tell too
    engine, changelog = make_engine(timing=alone), Changelog()
    for sale in shop(seed):
        if sale.day < DAMAGED:
            engine.apply(purchase(sale.customer, sale.day))
    made = decisions(changelog.take(engine.drain()))
    return made, engine, changelog


def undamaged(seed: int) -> tuple[list[Decision], Engine, Engine]:
    """What was decided while the whole feed came, and two engines that know it all."""
    made, engine, changelog = before_the_damage(seed)
    return made, changelog.revive(engine), changelog.revive(engine)


def most_tills(sale: Sale, random: Random) -> bool:
    return random.random() < 0.2


@pytest.mark.parametrize("delivered", [half_of_the_customers, most_tills])
@pytest.mark.parametrize("seed", [1])
def test_half_of_a_feed_lost_without_a_word_holds_everybody(delivered: Delivered, seed: int) -> None:
    truth, random = shop(seed), Random(seed)
    feed = [s for s in truth if s.day >= DAMAGED and (s.day >= REPAIRED or delivered(s, random))]
    whole, engine, unbraked = undamaged(seed)
    unbraked.ladder.brake.resume(10**9)

    made, without = whole + told(engine, feed), whole + told(unbraked, feed)

    wrong = to_who_did_buy(released(made, DAMAGED), truth)
    would = to_who_did_buy(released(without, DAMAGED), truth)
    assert would > 60, "the damage is one that matters"
    assert wrong <= 12
    held = {d.decision_id for d in made if d.reason is Reason.SURGE}
    assert len(held) > 50
    assert all(d.outcome is Outcome.DEFERRED for d in made if d.reason is Reason.SURGE)
    assert not engine.ladder.brake.held_us, "visits are back"


def test_who_is_gone_is_asked_back_when_visits_have_resumed() -> None:
    truth = shop(3, 140)
    feed = [s for s in truth if not DAMAGED <= s.day < REPAIRED or half_of_the_customers(s, Random(0))]
    last = {sale.customer: sale.day for sale in truth}
    gone = {name for name, day in last.items() if DAMAGED - 10 < day < DAMAGED}

    made = told(make_engine(timing=EVENT_CLOCK), feed)

    held = {d.customer_id for d in made if d.reason is Reason.SURGE} & gone
    asked = {d.customer_id for d in released(made, DAMAGED)}
    assert len(held) >= 5
    assert held <= asked


@pytest.mark.parametrize("seed", [1])
@pytest.mark.parametrize(
    "ordinary",
    [
        lambda seed: shop(seed, 100),
        lambda seed: shop(seed, 40),
        lambda seed: shop(seed, 60, arriving=lambda day: 1.05 ** (day / 7) - 0.2),
        lambda seed: shop(seed, 100, pace=lambda day: 1.8 if 200 < day < 225 else 0.8 if 225 <= day < 250 else 1.0),
        lambda seed: shop(seed, 100, shut=lambda day: int(day) % 7 == 5),
        lambda seed: shop(seed, 100, shut=lambda day: int(day) % 7 in {3, 4}),
        lambda seed: shop(seed, 100, shut=lambda day: 270 <= day < 277),
        lambda seed: [s for s in shop(seed, 100) if not 270 <= s.day < 274],
    ],
    ids=["quiet", "small", "growing", "christmas", "closed-mondays", "weekends", "a-week-shut", "outage"],
)
def test_an_ordinary_shop_never_meets_it(ordinary: Callable[[int], list[Sale]], seed: int) -> None:
    made = told(make_engine(timing=EVENT_CLOCK), ordinary(seed))

    assert len(released(made)) > 20
    assert [d for d in made if d.reason in {Reason.SURGE, Reason.HOURLY_LIMIT}] == []


@pytest.mark.parametrize("seed", [1, 2])
def test_newcomers_do_not_make_up_for_those_whose_visits_are_lost(seed: int) -> None:
    truth = shop(seed, 140)
    feed = [sale for sale in truth if sale.day < DAMAGED or half_of_the_customers(sale, Random(0))]

    made = told(make_engine(timing=EVENT_CLOCK), feed)

    assert len([d for d in made if d.reason is Reason.SURGE]) > 20
    assert to_who_did_buy(released(made, DAMAGED), truth) <= 4, "the handful before it holds"


@pytest.mark.parametrize(("customers", "leave_share"), [(600, 0.06), (400, 0.1)])
def test_a_shop_that_dwindles_is_not_kept_silent(customers: int, leave_share: float) -> None:
    """Nobody comes anew, and so many leave for good at each visit: fewer come from week to week, and that is true."""
    truth = shop(2, customers, arriving=lambda _: 0.0, leave_share=leave_share)
    last = {sale.customer: sale.day for sale in truth}
    gone = {name for name, day in last.items() if 60 < day < END - 60}

    made = told(make_engine(timing=EVENT_CLOCK), truth)

    asked = {name for d in released(made) if at(last[name := d.customer_id]) < d.decided_us}
    assert [d for d in made if d.reason is Reason.SURGE] == []
    assert len(asked & gone) > 0.9 * len(gone) > 50


@pytest.mark.parametrize("left_a_day", [0.97, 0.95])
def test_a_young_shop_that_dwindles_is_not_held_for_good(left_a_day: float) -> None:
    """Customers come every two days and become regulars in the second week, while others leave already. Weeks that
    begin there do not show that fewer come: from day 54 on all were held."""
    brake = Brake(BrakeState())
    for day in range(90):
        visits = round(160.0 * min(1.0, max(0, day - 6) / 8) * left_a_day**day)
        for hour in range(visits):
            brake.visited(day, day * DAY_US + hour, 0)
        for hour in range(round(0.09 * visits) if day > 9 else 0):
            brake.came_due(day, day * DAY_US + 500 + hour, 0)
            assert not brake.held_us, day


def test_the_operator_lets_them_go_spread_over_time() -> None:
    truth = shop(1, 140)
    feed = [s for s in truth if s.day < DAMAGED or half_of_the_customers(s, Random(0))]
    engine = make_engine(timing=EVENT_CLOCK)
    made = told(engine, [s for s in feed if s.day < DAMAGED + 20])
    assert engine.ladder.brake.held_us
    waiting = [c for c in engine.customers.values() if c.episode.waits_for == Reason.SURGE]
    assert len(waiting) > 20

    assert engine.resume(1_000)
    assert not engine.resume(1_000), "a word is heard once"
    made = told(engine, [s for s in feed if DAMAGED + 20 <= s.day < DAMAGED + 25])

    out = sorted(d.decided_us for d in released(made) if d.customer_id in {c.customer_id for c in waiting})
    assert len(out) > 0.5 * len(waiting)
    assert min(b - a for a, b in pairwise(out)) >= HOUR_US // OPEN_HOUSE.overdue_per_hour


def test_a_restart_in_the_middle_changes_nothing() -> None:
    truth = shop(4, regulars=120)
    feed = [s for s in truth if not DAMAGED <= s.day < REPAIRED or half_of_the_customers(s, Random(0))]
    steady, revived, changelog = make_engine(timing=EVENT_CLOCK), make_engine(timing=EVENT_CLOCK), Changelog()
    made: list[Decision] = []
    again: list[Decision] = []
    for number, sale in enumerate(feed):
        steady.apply(purchase(sale.customer, sale.day))
        made += decisions(steady.drain().outputs)
        revived.apply(purchase(sale.customer, sale.day))
        again += decisions(changelog.take(revived.drain()))
        if number % 97 == 0 and DAMAGED - 40 < sale.day < REPAIRED + 30:
            revived = changelog.revive(revived)

    assert any(d.reason is Reason.SURGE for d in made)
    assert again == made
    assert whole_state(revived) == whole_state(steady)


def test_a_word_of_the_operator_without_need_changes_nothing_and_outlives_a_restart() -> None:
    engine, changelog = make_engine(timing=EVENT_CLOCK), Changelog()
    engine.apply(purchase("a", 1.0))

    assert not engine.resume(5)
    changelog.take(engine.drain())

    assert changelog.revive(engine).state.brake.resumed_us == 5
    assert engine.ladder.brake.state.free_until_day == 0


def test_the_usual_is_told_by_weekday() -> None:
    brake = Brake(BrakeState())
    for day in range(70_000, 70_070):
        for _ in range(6 if day % 7 == 2 else 0):
            brake.came_due(day, day * DAY_US, 0)
        for _ in range(10):
            brake.visited(day, day * DAY_US, 0)

    assert brake.due_this_week()[1] == pytest.approx(6.0)
    assert brake.visits_last_week()[0] == 70
    assert brake.visits_last_week()[1] == pytest.approx(70.0)
    assert brake.state.usual_due[2] == pytest.approx(6.0)
    assert sum(brake.state.usual_due) == pytest.approx(6.0)


def test_a_surge_without_missing_visits_ends_after_a_week() -> None:
    brake = Brake(BrakeState())
    for day in range(70_000, 70_150):
        for _ in range(40 if day >= 70_100 else 2):
            brake.came_due(day, day * DAY_US, 0)
        for _ in range(30):
            brake.visited(day, day * DAY_US, 0)
        assert bool(brake.held_us) == (70_100 <= day < 70_107)
    assert brake.lifted_us == 0, "nobody's visits were lost, so nobody waits"
