"""Churn risk and expected visits: against integration of the definition, against simulated lives, and at the ends of
the parameters."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import isfinite, sqrt
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from service.domain.learning.churn_model import ChurnModel
from tests.support.btyd import Grid, Life, Truth, live
from tests.support.examples import examples

CUSTOMERS = 12_000
"""Per number of stages; the share of a bin is known to a few hundredths."""
HORIZON = 365.0
SHOPS = {1: Truth(1, 1.5, 25, 0.25, 3), 2: Truth(2, 2, 20, 0.2, 3), 3: Truth(3, 2.5, 15, 0.15, 4)}
STAGES = pytest.mark.parametrize("stages", SHOPS)
Seen = tuple[int, float, float]


def a_truth(random: Random, stages: int) -> Truth:
    return Truth(
        stages, random.uniform(0.4, 4), random.uniform(3, 60), random.uniform(0.05, 0.7), random.uniform(1.5, 20)
    )


def a_customer(random: Random, truth: Truth) -> Seen:
    repeats = random.choice([0, 1, 2, 5, 12, 30])
    recency = repeats * random.uniform(0.4, 2) * truth.gap_days
    return repeats, recency, recency + random.choice([0.0, 0.5, 1, 3, 8]) * random.random() * truth.gap_days


# ---- against the definition, integrated over rate and dropout


@pytest.mark.parametrize("stages", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(8))
def test_risk_and_silence_to_come_equal_the_integrals_of_the_definition(stages: int, seed: int) -> None:
    random = Random(100 * stages + seed)
    truth = a_truth(random, stages)
    seen, days = a_customer(random, truth), random.uniform(1, 4) * truth.gap_days
    grid, model = Grid(truth, *seen), truth.model()

    assert model.risk(*seen) == pytest.approx(grid.risk(), rel=1e-4, abs=1e-7)
    assert model.chance_of_no_visit(*seen, days) == pytest.approx(grid.chance_of_no_visit(days), rel=1e-4)


@pytest.mark.parametrize("stages", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(3))
def test_the_stages_an_open_gap_has_behind_it_are_evidence_of_the_rate(stages: int, seed: int) -> None:
    random = Random(200 * stages + seed)
    truth, repeats = a_truth(random, stages), seed
    recency = repeats * truth.gap_days
    age = recency + truth.gap_days
    model, shape = truth.model(), truth.r + stages * repeats

    rate = (shape + model._stages_passed(shape, recency, age)) / (truth.alpha + age)

    assert rate == pytest.approx(Grid(truth, repeats, recency, age).rate_if_alive(), rel=1e-4)


@pytest.mark.parametrize("seed", range(12))
def test_expected_visits_equal_the_integral_of_the_definition_for_one_stage(seed: int) -> None:
    random = Random(seed)
    truth = a_truth(random, 1)
    repeats, recency, age = a_customer(random, truth)

    expected = Grid(truth, repeats, recency, age).visits_if_alive(HORIZON)

    assert truth.model().expected_visits_if_alive(repeats, recency, age, HORIZON) == pytest.approx(expected, rel=2e-3)


@settings(max_examples=examples(50))
@given(
    a=st.floats(-2, 2),
    dropout=st.floats(0.005, 0.85),
    shape=st.floats(0.2, 8),
    gap=st.floats(1, 200),
    repeats=st.sampled_from([0, 1, 4, 20, 150]),
    stages=st.integers(1, 4),
    pace=st.floats(0.3, 2),
)
def test_expected_visits_equal_a_mean_over_quantiles_of_the_dropout(
    a: float, dropout: float, shape: float, gap: float, repeats: int, stages: int, pace: float
) -> None:
    a = 10**a
    model = ChurnModel(stages, shape, shape * gap / stages, a, a * (1 - dropout) / dropout)
    age = repeats * gap * pace

    v = (np.arange(4000) + 0.5) / 4000  # quantiles v⁴: dense at the low end, where most of the visits come from
    p = np.maximum(special.betaincinv(model.a, model.b + repeats + 1, v**4), 1e-18)
    odds = HORIZON / (stages * (model.alpha + age))
    visits = -np.expm1(-(shape + stages * repeats) * np.log1p(p * odds)) / p
    expected = float((4 * v**3 * visits).mean())
    assert model.expected_visits_if_alive(repeats, age, age, HORIZON) == pytest.approx(expected, rel=2.5e-3)


@given(x=st.integers(0, 60), recency=st.floats(0, 900), silence=st.floats(0, 900), seed=st.integers(0, 100))
def test_one_stage_is_the_closed_form_of_mbg_nbd(x: int, recency: float, silence: float, seed: int) -> None:
    truth = a_truth(Random(seed), 1)
    r, alpha, a, b = truth.r, truth.alpha, truth.a, truth.b
    t, age = (recency, recency + silence) if x else (0.0, silence)

    alive = 1 / (1 + a / (b + x) * ((alpha + age) / (alpha + t)) ** (r + x))  # Batislam et al. 2007, eq. 8

    assert 1 - truth.model().risk(x, t, age) == pytest.approx(alive, rel=1e-9, abs=1e-12)


# ---- against lives of known fate


@cache
def observed(stages: int) -> list[tuple[Seen, Life, float]]:
    """Customers as seen on a random day of their first year, what became of them until a year later, and that day."""
    random = Random(stages)
    found = []
    for _ in range(CUSTOMERS):
        day = random.uniform(5, 300)
        life = live(SHOPS[stages], random, 0.0, day + HORIZON)
        found.append((life.seen(day), life, day))
    return found


def worst_bin(stages: int, chance: Callable[..., float], came_true: Callable[[Life, float], bool]) -> float:
    """The largest difference, over ten bins of the chance, between its mean and the share that came true, in standard
    errors."""
    pairs = sorted((chance(*seen), came_true(life, day)) for seen, life, day in observed(stages))
    worst = 0.0
    for start in range(0, len(pairs), len(pairs) // 10):
        cell = pairs[start : start + len(pairs) // 10]
        off = sum(p for p, _ in cell) - sum(true for _, true in cell)
        worst = max(worst, abs(off) / sqrt(sum(p * (1 - p) for p, _ in cell) + 1e-9))
    return worst


def gone(life: Life, day: float) -> bool:
    return life.gone(day)


@STAGES
def test_of_customers_with_the_same_risk_that_share_has_really_left(stages: int) -> None:
    model = SHOPS[stages].model()

    assert worst_bin(stages, model.risk, gone) < 3.5


@pytest.mark.parametrize(("stages", "wrong_stages"), [(1, 2), (2, 1), (2, 3), (3, 1), (3, 2)])
def test_a_wrong_model_would_have_been_noticed(stages: int, wrong_stages: int) -> None:
    true = SHOPS[stages]
    wrong = {
        "k": ChurnModel(wrong_stages, true.r, true.alpha * stages / wrong_stages, true.a, true.b),
        "rate": ChurnModel(stages, true.r, true.alpha * 1.5, true.a, true.b),
        "a and b swapped": ChurnModel(stages, true.r, true.alpha, true.b, true.a),
        "nobody leaves after the first visit": ChurnModel(stages, true.r, true.alpha, true.a, true.b - 1),
    }

    off = {name: worst_bin(stages, model.risk, gone) for name, model in wrong.items()}

    assert min(off.values()) > 4.5, off


@STAGES
def test_of_customers_with_the_same_chance_of_no_visit_that_share_stays_away(stages: int) -> None:
    model = SHOPS[stages].model()

    def stays_away(repeats: int, recency: float, age: float) -> float:
        return model.chance_of_no_visit(repeats, recency, age, 20)

    def absent(life: Life, day: float) -> bool:
        return life.visits_between(day, day + 20) == 0

    assert worst_bin(stages, stays_away, absent) < 3.5


@STAGES
def test_expected_visits_add_up_to_those_that_come_within_a_year(stages: int) -> None:
    """Within 3 standard errors of 1 %. Leaving out that a silent customer of a steady rhythm is half-way to the next
    visit costs 5 %."""
    model = SHOPS[stages].model()
    expected = came = square = 0.0

    for (repeats, recency, age), life, day in observed(stages):
        if not life.gone(day):
            visits, true = (
                model.expected_visits_if_alive(repeats, recency, age, HORIZON),
                life.visits_between(day, day + HORIZON),
            )
            expected, came, square = expected + visits, came + true, square + (true - visits) ** 2

    assert sqrt(square) < 0.013 * came
    assert abs(expected - came) < 3 * sqrt(square)


# ---- laws, also where the parameters end


LOGARITHMS = st.floats(-5, 5).map(lambda exponent: 10**exponent)
MODELS = st.builds(
    ChurnModel,
    st.integers(1, 4),
    LOGARITHMS,
    st.floats(-5, 8).map(lambda exponent: 10**exponent),
    LOGARITHMS,
    LOGARITHMS,
)
REPEATS = st.integers(0, 2000)
DAYS = st.one_of(st.just(0.0), st.floats(1e-9, 1), st.floats(0, 40_000))


@given(model=MODELS, repeats=REPEATS)
def test_right_after_a_visit_the_risk_is_the_chance_to_leave_now(model: ChurnModel, repeats: int) -> None:
    recency = 10.0 * repeats

    expected = model.a / (model.a + model.b + repeats)  # the mean of p, for one who stayed `repeats` times

    assert model.risk(repeats, recency, recency) == pytest.approx(expected)


@given(model=MODELS, repeats=REPEATS, recency=DAYS, silence=DAYS, longer=DAYS)
def test_risk_is_a_chance_and_only_rises_with_the_silence(
    model: ChurnModel, repeats: int, recency: float, silence: float, longer: float
) -> None:
    recency = recency if repeats else 0.0
    risk = model.risk(repeats, recency, recency + silence)
    later = model.risk(repeats, recency, recency + silence + longer)

    assert 0 <= risk <= 1
    assert risk <= later * (1 + 1e-9)
    assert later <= 1


@given(model=MODELS, repeats=REPEATS, recency=DAYS, silence=DAYS, days=DAYS)
def test_the_chance_of_no_visit_falls_from_one_to_the_risk(
    model: ChurnModel, repeats: int, recency: float, silence: float, days: float
) -> None:
    age = (recency if repeats else 0.0) + silence
    seen = (repeats, age - silence, age)
    risk = model.risk(*seen)

    chance = model.chance_of_no_visit(*seen, days)

    assert model.chance_of_no_visit(*seen, 0.0) == pytest.approx(1)
    assert risk - 1e-9 <= chance <= 1 + 1e-9
    assert model.chance_of_no_visit(*seen, days * 2) <= chance + 1e-9


def test_in_the_long_run_only_those_who_left_make_no_visit() -> None:
    for stages, truth in SHOPS.items():
        seen = (3, 3 * truth.gap_days, 4 * truth.gap_days)
        model = truth.model()

        assert model.chance_of_no_visit(*seen, 1e7) == pytest.approx(model.risk(*seen), abs=1e-9), stages


@given(model=MODELS, repeats=REPEATS, recency=DAYS, risk=st.floats(0.01, 0.99))
def test_before_the_earliest_silence_the_risk_is_not_reached(
    model: ChurnModel, repeats: int, recency: float, risk: float
) -> None:
    recency = recency if repeats else 0.0
    silence = model.silence_until(repeats, recency, risk)

    assert silence >= 0
    assert isfinite(silence)
    if silence > 0:
        assert model.risk(repeats, recency, recency + silence * 0.999) <= risk * (1 + 1e-9)
        digits_are_left = recency + model.alpha < 1e9 * silence
        if model.stages == 1 and silence < 1e9 and digits_are_left:
            assert model.risk(repeats, recency, recency + silence) == pytest.approx(risk, rel=1e-3)
    else:
        assert model.risk(repeats, recency, recency) >= risk * (1 - 1e-9)


@given(model=MODELS, repeats=REPEATS, recency=DAYS, silence=DAYS, days=st.floats(1, 3650))
def test_expected_visits_stay_between_none_and_those_of_one_who_never_leaves(
    model: ChurnModel, repeats: int, recency: float, silence: float, days: float
) -> None:
    age = recency + silence
    forever = (model.r + model.stages * (repeats + 1) - 1) / (model.stages * (model.alpha + age)) * days

    visits = model.expected_visits_if_alive(repeats, recency, age, days)

    assert 0 <= visits <= forever * (1 + 1e-5) + 1e-8  # a trapezoidal rule: 1.3e-6 is the most that was found
    assert visits <= model.expected_visits_if_alive(repeats, recency, age, days * 2) * (1 + 1e-9) + 1e-8


@given(model=MODELS, repeats=REPEATS, age=DAYS)
def test_one_who_hardly_leaves_is_expected_as_often_as_they_come(model: ChurnModel, repeats: int, age: float) -> None:
    loyal = ChurnModel(model.stages, model.r, model.alpha, 1e-7, 1.0)
    rate = (loyal.r + loyal.stages * repeats) / (loyal.stages * (loyal.alpha + age))

    assert loyal.expected_visits_if_alive(repeats, age, age, 30.0) == pytest.approx(rate * 30, rel=1e-4)


@pytest.mark.parametrize("spoilt", [(0, 1, 1, 1, 1), (1, 0, 1, 1, 1), (1, 1, -1, 1, 1), (1, 1, 1, 0, 1)])
def test_impossible_parameters_are_refused(spoilt: tuple[int, float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="must be at least 1"):
        ChurnModel(*spoilt)
