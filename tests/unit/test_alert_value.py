"""The worth of an alert: the regression against numpy's, what silences it learns from, and whom it prefers."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log
from random import Random

import numpy as np
import pytest

from service.domain.cadence import usual_gap_days
from service.domain.calendar import DAY_US
from service.domain.customer import Customer
from service.domain.engine import Engine
from service.domain.events import Event
from service.domain.outreach.alert_value import BELIEFS, FROM_GAPS, LOST_GAPS, AlertValue
from service.domain.policy import OutreachPolicy
from tests.support.customers import customer_with
from tests.support.engines import EVENT_TIME, OPEN_HOUSE, apply_all, at, make_engine, purchase, weekly

MU0 = 2.0
LIMITED: OutreachPolicy = replace(OPEN_HOUSE, volume_per_100_visits=5.0)


def regular(
    visits: int, *, usual: float = MU0, recent: float = MU0, square: float = 6.4, mean_days: float = 8.0
) -> Customer:
    customer = customer_with(visits=visits, log_usual=usual, log_recent=recent)
    customer.gap_square, customer.gap_weight = square, 10.0
    customer.first_us, customer.last_us = 0, int(mean_days * (visits - 1) * DAY_US)
    return customer


def somebody(chance: Random) -> Customer:
    usual = MU0 + chance.gauss(0, 0.5)
    return regular(
        chance.choice([4, 5, 7, 12, 25, 60]),
        usual=usual,
        recent=usual + chance.uniform(-0.8, 0.8),
        square=chance.uniform(2, 12),
        mean_days=exp(usual) * chance.uniform(0.8, 2.5),
    )


def numbers(customer: Customer) -> list[float]:
    """As the module's head says, without its code."""
    loyalty = log(min(customer.visits, 40) / 8)
    spread = ((customer.gap_square + 4 * 0.64) / (customer.gap_weight + 4)) ** 0.5
    mean = (customer.last_us - customer.first_us) / DAY_US / (customer.visits - 1)
    return [
        1.0,
        loyalty,
        loyalty**2,
        customer.log_usual - MU0,
        customer.log_recent - customer.log_usual,
        log(spread / 0.8),
        log(mean) - customer.log_usual,
    ]


def test_the_coefficients_are_those_of_a_ridge_regression_towards_the_beliefs() -> None:
    chance, worth, rows, outcomes, weights = Random(1), AlertValue([]), [], [], []
    for _ in range(3000):
        customer = somebody(chance)
        usual = usual_gap_days(customer)
        gaps = chance.choice([chance.uniform(2.3, 5.3), 9.0])
        if gaps > LOST_GAPS:
            worth.lost(customer, MU0)
        else:
            worth.came_back(customer, gaps * usual, MU0)
        rows.append(numbers(customer))
        outcomes.append(min(1.0, (gaps - FROM_GAPS) / (LOST_GAPS - FROM_GAPS)))
        weights.append(0.5 ** (min(gaps, LOST_GAPS) * usual / 178.5))

    worth.refresh(MU0)

    x, y, w = np.array(rows), np.array(outcomes), np.array(weights) * 0.5 ** (7 / 178.5)
    y = y / ((w * y).sum() / w.sum())
    y, x = y - x[:, 3] * BELIEFS[3], np.delete(x, 3, axis=1)  # what is believed of the pace is not learned
    beliefs, caution = np.delete(np.array(BELIEFS), 3), np.eye(6) * (300 + 0.03 * w.sum())
    caution[0, 0] = 0.0
    expected = np.linalg.solve((x * w[:, None]).T @ x + caution, x.T @ (w * y) + caution @ beliefs)
    assert np.delete(np.array(worth.state[:7]), 3) == pytest.approx(expected, rel=1e-9)
    assert worth.state[3] == BELIEFS[3]


def test_what_holds_in_a_shop_is_found_and_ranks_its_customers() -> None:
    """Here the irregular ones leave; how many visits they had says nothing."""
    chance, worth = Random(2), AlertValue([])
    steady, irregular = regular(10, square=2.0), regular(10, square=12.0)
    assert worth.relative(steady, MU0) == worth.relative(irregular, MU0)

    for _ in range(60_000):
        customer = somebody(chance)
        if chance.random() < (0.8 if customer.gap_square > 7 else 0.2):
            worth.lost(customer, MU0)
        else:
            worth.came_back(customer, 2.5 * usual_gap_days(customer), MU0)
    worth.refresh(MU0)

    assert worth.relative(irregular, MU0) > worth.relative(steady, MU0) + 0.5
    assert abs(worth.relative(regular(5), MU0) - worth.relative(regular(30), MU0)) < 0.15


def test_beliefs_stand_alone_while_little_has_been_seen() -> None:
    worth = AlertValue([])
    for _ in range(50):
        worth.lost(regular(40), MU0)
    worth.refresh(MU0)

    assert worth.state[:7] == list(BELIEFS)
    assert worth.relative(regular(4), MU0) > worth.relative(regular(12), MU0) > worth.relative(regular(40), MU0)
    assert worth.relative(regular(12, recent=MU0 + 1), MU0) > worth.relative(regular(12), MU0)


def seen(engine: Engine) -> tuple[float, float]:
    """Silences learned from and their outcomes, both by weight."""
    assert engine.ladder.volume is not None
    return engine.ladder.volume.state.alert_value[-2], engine.ladder.volume.state.alert_value[-1]


def shop_with(name: str, back_on: float | None, until: float) -> Engine:
    """A customer of nine weekly visits, the last on day 56.5, among others.

    Those make time pass, and come too often to be learned from.
    """
    others = [purchase(f"o{n % 7}", n + 0.1, event_id=f"e{n}") for n in range(int(until))]
    own = weekly(name, 9) + ([] if back_on is None else [purchase(name, back_on, event_id="back")])
    engine = make_engine(LIMITED, EVENT_TIME)
    events: list[Event] = [*others, *own]
    apply_all(engine, sorted(events, key=lambda event: event.at_us))
    return engine


def test_a_silence_is_learned_from_once_when_it_has_ended_or_counts_as_lost() -> None:
    engine = shop_with("a", None, 90)
    usual = usual_gap_days(engine.customers["a"])
    assert seen(engine) == (0.0, 0.0)
    lost = 56.5 + LOST_GAPS * usual

    for back_on, outcome in (
        (56.5 + 2.0 * usual, None),
        (56.5 + 3.0 * usual, (3.0 - FROM_GAPS) / (LOST_GAPS - FROM_GAPS)),
        (None, 1.0),
        (lost + 5, 1.0),
    ):
        weight, total = seen(shop_with("a", back_on, lost + 10))
        assert (weight > 0.0) == (outcome is not None)
        if outcome is not None:
            assert total / weight == pytest.approx(outcome, abs=0.01)
            assert weight < 1.0  # once


def test_without_a_limit_of_messages_nothing_is_learned_and_no_date_is_kept() -> None:
    engine = make_engine(OPEN_HOUSE, EVENT_TIME)
    apply_all(engine, [*weekly("a", 9), *(purchase("b", day + 0.1, event_id=f"e{day}") for day in range(57, 150))])

    assert engine.ladder.volume is None
    assert engine.customers["a"].episode.due_us > at(10_000)
