"""Differences between two arms: against the textbooks, against scipy, and by simulation."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from service.domain.uplift.intervals import Difference, Pairs, adjusted, newcombe, t_probability, t_quantile, welch
from service.domain.uplift.measured import measure
from service.domain.uplift.power import people_lacking, people_needed
from service.domain.uplift.sums import CHANCE_ONE, ArmSums

Values = NDArray[np.int64]
SEEDS = 200


def pairs(x: Sequence[int] | Values, y: Sequence[int] | Values) -> Pairs:
    xs, ys = np.array([int(one) for one in x], dtype=object), np.array([int(one) for one in y], dtype=object)
    return Pairs(len(xs), int(xs.sum()), int(xs @ xs), int(ys.sum()), int(ys @ ys), int(xs @ ys))


def drawn(x: Values, y: Values) -> Pairs:
    """The same of numbers whose sums of squares fit 63 bits."""
    return Pairs(len(x), int(x.sum()), int(x @ x), int(y.sum()), int(y @ y), int(x @ y))


def covers(found: Difference | None, truth: float) -> bool:
    assert found is not None
    return found.low <= truth <= found.high


def width(found: Difference | None) -> float:
    assert found is not None
    return found.high - found.low


@pytest.mark.parametrize("p", [0.025, 0.3, 0.5, 0.9, 0.975, 0.9995])
@pytest.mark.parametrize("freedom", [1.0, 1.7, 4.2, 9.0, 33.3, 180.0, 2_500.5, 1e6, 1e9])
def test_the_quantile_of_student_is_scipys(p: float, freedom: float) -> None:
    assert t_quantile(p, freedom) == pytest.approx(stats.t.ppf(p, freedom), rel=1e-8, abs=1e-12)


def test_the_probability_of_student_is_scipys() -> None:
    for point in (0.0, 0.1, 1.0, 2.5, 12.0):
        for freedom in (1.0, 3.5, 40.0, 3_000.0):
            assert t_probability(point, freedom) == pytest.approx(stats.t.cdf(point, freedom), abs=1e-12)


@pytest.mark.parametrize(
    ("hits", "people", "control_hits", "control", "low", "high"),
    [  # Newcombe 1998, table II, method 10
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (10, 10, 0, 20, 0.6791, 1.0),
        (5, 56, 0, 29, -0.0381, 0.1926),
    ],
)
def test_newcombes_interval_is_the_papers(
    hits: int, people: int, control_hits: int, control: int, low: float, high: float
) -> None:
    found = newcombe(hits, people, control_hits, control)

    assert found is not None
    assert found.low == pytest.approx(low, abs=1e-4)
    assert found.high == pytest.approx(high, abs=1e-4)


def test_an_empty_arm_gives_no_interval() -> None:
    assert newcombe(1, 2, 0, 0) is None
    assert welch(pairs([1, 2], [3, 4]), pairs([1], [5])) is None
    assert adjusted(pairs(range(50), range(50)), pairs(range(9), range(9))) is None


def test_welchs_interval_is_scipys() -> None:
    random = np.random.default_rng(3)
    treated = (random.gamma(1.0, 5_000.0, 200) * (random.random(200) < 0.4)).astype(np.int64)
    control = (random.gamma(1.0, 3_000.0, 23) * (random.random(23) < 0.4)).astype(np.int64)

    found = welch(pairs(treated, treated), pairs(control, control))

    known = stats.ttest_ind(treated, control, equal_var=False).confidence_interval(0.95)
    assert found is not None
    assert found.value == pytest.approx(treated.mean() - control.mean())
    assert (found.low, found.high) == pytest.approx((known.low, known.high), rel=1e-9)


def test_the_adjusted_difference_is_that_of_the_regression_with_interactions() -> None:
    random = np.random.default_rng(4)
    x = random.integers(0, 1_000, 300)
    arm = np.r_[np.ones(260), np.zeros(40)]
    y = (3 * x * (1 + arm) + random.normal(0, 400, 300) + 100 * arm).astype(np.int64)
    centred = x - x.mean()

    found = adjusted(pairs(x[:260], y[:260]), pairs(x[260:], y[260:]))

    design = np.c_[np.ones(300), arm, centred, arm * centred]
    beta, *_ = np.linalg.lstsq(design, y.astype(float), rcond=None)
    assert found is not None
    assert found.value == pytest.approx(beta[1], rel=1e-9)


def test_sums_of_money_beyond_the_digits_of_a_float_stay_exact() -> None:
    million = 10**15
    moved = adjusted(
        pairs(range(million, million + 40), range(million, million + 80, 2)),
        pairs(range(million, million + 40), [million + 2 * i + (-1) ** i for i in range(40)]),
    )

    same = adjusted(pairs(range(40), range(0, 80, 2)), pairs(range(40), [2 * i + (-1) ** i for i in range(40)]))
    assert same is not None
    assert moved is not None
    assert (moved.high - moved.low) == pytest.approx(same.high - same.low, rel=1e-6)


def test_twelve_percent_for_ten_takes_3841_people_in_each_arm() -> None:
    assert people_needed(0.1, 1.0) == 2 * 3_841


def test_people_are_lacking_until_there_are_enough_and_a_better_forecast_asks_for_fewer() -> None:
    few = people_lacking(90, 9, 10, 1, 1.0)

    assert few > people_lacking(900, 90, 100, 10, 1.0) > 0
    assert people_lacking(90, 9, 10, 1, 0.8) == pytest.approx(0.64 * (few + 100) - 100, abs=1)
    assert people_lacking(90_000, 9_000, 10_000, 1_000, 1.0) == 0
    assert people_lacking(0, 0, 0, 0, 1.0) > 1_000


def test_nothing_is_concluded_from_a_handful_and_a_large_effect_is_from_few() -> None:
    handful, others = ArmSums(), ArmSums()
    for index in range(12):
        handful.count(True, 1_000, 1_000, CHANCE_ONE // 2 + index, 500 + index)
        others.count(False, 0, 0, CHANCE_ONE // 2 + index, 500 + index)

    few = measure(handful, others)
    for index in range(200):
        handful.count(index % 2 == 0, 500, 500, CHANCE_ONE // 2 + index, 500 + index)
        others.count(index % 8 == 0, 100, 100, CHANCE_ONE // 2 + index, 500 + index)
    many = measure(handful, others)

    assert not few.enough
    assert few.lacking > 100
    assert many.enough
    visits = many.incremental_visits()
    assert visits is not None
    assert 0.0 < visits.low < visits.value < visits.high


def test_parts_added_in_any_order_are_equal_to_the_last_digit() -> None:
    parts = []
    for seed in range(4):
        part, random = ArmSums(), np.random.default_rng(seed)
        for _ in range(50):
            part.count(bool(random.random() < 0.3), 7, 10**12, int(random.integers(10**6)), 10**13)
        parts.append(part)

    forward, backward = ArmSums(), ArmSums()
    for part in parts:
        forward.add(part)
    for part in reversed(parts):
        backward.add(ArmSums.of(part.fields()))

    assert forward.fields() == backward.fields()
    assert forward.people == 200


@pytest.mark.parametrize("effect", [0.04, 0.0])
def test_the_intervals_cover_the_truth_in_95_of_100_shops_and_the_adjusted_one_is_narrower(effect: float) -> None:
    """The people of each shop have a chance of their own, known but for an error, and money of their own."""
    random, plain, better, money, money_better = np.random.default_rng(11), 0, 0, 0, 0
    shares, sums, errors = [], [], []
    shops = 2 * SEEDS
    for _ in range(shops):
        arms, truth = [], 0.0
        for people in (900, 300):
            chance = random.beta(0.6, 1.8, people) * 0.9
            spend = random.lognormal(8.0, 0.4, people)
            treated = people == 900
            back = random.random(people) < chance + effect * treated
            paid = np.where(back, spend * random.lognormal(0.0, 0.3, people), 0.0).astype(np.int64)
            known = np.clip(chance + random.normal(0.0, 0.05, people), 0.0, 1.0)
            arms.append((known, back, paid, (known * spend).astype(np.int64)))
        truth = effect * np.exp(8.0 + 0.08 + 0.045)
        returns = [
            drawn((known * CHANCE_ONE).astype(np.int64), back * np.int64(CHANCE_ONE)) for known, back, _, _ in arms
        ]
        revenue = [drawn(worth, paid) for _, _, paid, worth in arms]
        one = newcombe(int(arms[0][1].sum()), 900, int(arms[1][1].sum()), 300)
        other = adjusted(*returns)
        plain += covers(one, effect)
        better += covers(other, effect * CHANCE_ONE)
        money += covers(welch(*revenue), truth)
        money_better += covers(adjusted(*revenue), truth)
        shares.append(width(other) / CHANCE_ONE / width(one))
        sums.append(width(adjusted(*revenue)) / width(welch(*revenue)))
        errors.append((other.value if other else 0.0) / CHANCE_ONE - effect)

    for covered in (plain, better, money, money_better):
        assert 0.93 <= covered / shops <= 0.97
    assert np.mean(shares) < 0.9
    assert np.mean(sums) < 0.9
    assert abs(np.mean(errors)) < 3.0 * np.std(errors) / sqrt(shops)
