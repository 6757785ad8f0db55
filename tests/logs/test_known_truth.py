"""The proving ground itself: its shops are as their cells say, and nothing beats its best policy but chance."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks.ground.best import open_share
from tests.benchmarks.ground.proving import proved
from tests.benchmarks.ground.shops import Cell, Person, grown

SMALL = Cell(stages=4, leave=0.1, customers=250, gaps=20.0)


def test_a_shop_is_the_same_every_time_and_another_with_another_seed() -> None:
    one, same, other = grown(SMALL), grown(SMALL), grown(SMALL, seed=2)

    assert all(np.array_equal(one.people[name].visits, same.people[name].visits) for name in one.people)
    assert any(
        not np.array_equal(one.people[name].visits, other.people[name].visits)
        for name in one.people
        if name in other.people
    )


@pytest.mark.parametrize(("stages", "varies"), [(1, 1.0), (16, 0.25)])
def test_gaps_vary_as_the_cell_says(stages: int, varies: float) -> None:
    shop = grown(Cell(stages=stages, leave=0.01, spread=0.0, once=0.0, usual_days=30.0, customers=300))
    gaps = np.concatenate([np.diff(person.visits) for person in shop.people.values()])

    assert float(gaps.std() / gaps.mean()) == pytest.approx(varies, rel=0.1)
    assert float(gaps.mean()) == pytest.approx(30.0, rel=0.1)


def test_nobody_comes_on_a_closed_day() -> None:
    shop = grown(Cell(usual_days=3.0, closed=(5, 6), customers=100))

    assert all(int(at) % 7 not in (5, 6) for person in shop.people.values() for at in person.visits)


@pytest.mark.parametrize("by_time", [False, True])
def test_silences_last_as_long_as_the_truth_says(by_time: bool) -> None:
    """The share of silences still open after 1.5 usual gaps, of one customer over and over, told and counted."""
    cell = Cell(
        stages=4, leave=0.2, by_time=by_time, spread=0.0, leave_spread=0.0, once=0.0, usual_days=50.0, customers=1500
    )
    shop = grown(cell)
    until, lasted = shop.days - 200.0, list[bool]()
    for person in shop.people.values():
        ends = np.append(person.visits[1:], np.inf)
        lasted += [bool(end - at > 75.0) for at, end in zip(person.visits, ends, strict=True) if at < until]
    person = Person(50.0, 0.2 / 50.0 if by_time else 0.2, np.array([0.0]))

    told = float(open_share(shop, person, 100.0, np.array([75.0]))[0])
    assert float(np.mean(lasted)) == pytest.approx(told, abs=0.03)


def test_the_best_policy_captures_more_than_the_product_and_than_any_simple_rule() -> None:
    for proof in proved(SMALL, (10.0,)):
        assert proof.alerts > 20
        assert proof.best > proof.captured
        assert proof.best > proof.simple_captured
