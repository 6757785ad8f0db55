"""The churn model's estimation: known parameters are found again, little history gives something sane, and the sample
is fair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from math import inf, log
from random import Random
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.customer import Customer
from service.domain.engine import Engine
from service.domain.events import Erasure, Event
from service.domain.learning.churn_fit import SAMPLE_MOST, Fit, Sample, fit, without_odd
from service.domain.learning.churn_model import DEFAULT_DROPOUT, DEFAULT_GAP_DAYS, ChurnModel
from service.domain.outlook import churn_risk
from tests.support.btyd import Life, Truth, known_as, shop
from tests.support.engines import Changelog, apply_all, at, make_engine, purchase, shop_log

DAYS = 730
SHOPS = {
    "fashion": Truth(1, 1.2, 40, 0.3, 3),
    "drugstore": Truth(2, 1.5, 20, 0.2, 4),
    "coffee": Truth(3, 3, 7, 0.08, 5),
    "subscribers": Truth(4, 2, 30, 0.4, 3),
}
RATE = 0.12
"""Relative tolerance of the mean rate of visits, whose estimate of 2,000 customers scatters by 0.05 at most."""
DROPOUT = 0.04
"""Absolute tolerance of the mean dropout, whose estimate scatters by 0.015 at most."""
MOST_LOST = 0.015
"""Of the logarithmic score, by estimating from a few hundred; to take the coffee shop or the subscribers for customers
without rhythm costs 0.018 to 0.027."""


@cache
def customers_of(name: str, seed: int, number: int = 2000) -> list[Customer]:
    return [known_as(life) for life in shop(SHOPS[name], number, seed, DAYS)]


def rate_of(model: ChurnModel) -> float:
    """Visits a day of an average customer."""
    return model.r / model.alpha / model.stages


def dropout_of(model: ChurnModel) -> float:
    return model.a / (model.a + model.b)


# ---- odd accounts


TILL = [day / 2 for day in range(2 * DAYS - 2)]
"""An account of everybody who walks in: two purchases on every day."""


def risks(model: ChurnModel, customers: Sequence[Customer]) -> list[float]:
    """At the end of the log, and a month later."""
    return [churn_risk(each, model, at(DAYS + days)) for each in customers for days in (0, 30)]


@pytest.mark.parametrize(("number", "odd"), [(40, 1), (300, 1), (300, 3)])
@pytest.mark.parametrize("name", SHOPS)
def test_an_odd_account_moves_neither_the_risk_of_the_others_nor_what_a_visit_brings(
    name: str, number: int, odd: int
) -> None:
    customers = customers_of(name, 5, number)
    tills = [known_as(Life(TILL[n:], inf)) for n in range(odd)]

    alone, beside = fit(customers, at(DAYS), []).model, fit([*customers, *tills], at(DAYS), []).model

    moved = [abs(one - other) for one, other in zip(risks(alone, customers), risks(beside, customers), strict=True)]
    assert fmean(moved) < 0.01
    assert max(moved) < 0.05
    assert beside.spend_minor == pytest.approx(alone.spend_minor, rel=0.02)


@pytest.mark.parametrize("number", [15, 40, 300, 1000])
@pytest.mark.parametrize("name", SHOPS)
def test_the_best_customers_of_a_shop_are_not_odd(name: str, number: int) -> None:
    for seed in range(4):
        customers = [known_as(life) for life in shop(SHOPS[name], number, seed, DAYS)]

        assert without_odd(customers) == customers


def test_of_a_shop_whose_customers_hardly_come_again_the_only_regular_is_kept() -> None:
    customers = [known_as(Life([float(n)], inf)) for n in range(50)]
    regular = known_as(Life([7.0 * n for n in range(12)], inf))

    assert without_odd([*customers, regular]) == [*customers, regular]


# ---- recovery


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", ["fashion", "drugstore", "coffee"])
def test_the_parameters_the_customers_live_by_are_found_again(name: str, seed: int) -> None:
    truth = SHOPS[name]

    model = fit(customers_of(name, seed), at(DAYS), []).model

    assert truth.stages - 1 <= model.stages <= truth.stages, "one less where it foretells no less"
    assert rate_of(model) == pytest.approx(1 / truth.gap_days, rel=RATE)
    assert dropout_of(model) == pytest.approx(truth.dropout, abs=DROPOUT), "a and b swapped: 0.4 off and more"
    assert model.r == pytest.approx(truth.r, rel=0.3)
    assert model.a + model.b == pytest.approx(truth.weight, rel=0.4)
    assert model.spend_minor == pytest.approx(1000, rel=0.1)  # 10.00 each; a day with two purchases is one visit


def gone_on(found: Fit, customers: list[Customer], turn: int) -> Fit:
    return fit(customers, at(DAYS), found.position, found.model.stages, found.rivals, turn)


@pytest.mark.parametrize("name", SHOPS)
@pytest.mark.parametrize("seed", range(3))
def test_with_a_few_hundred_customers_what_comes_is_foretold_as_well_as_with_the_rhythm_they_have(
    name: str, seed: int
) -> None:
    lives = shop(SHOPS[name], 2000, seed, DAYS)
    known = [life for life in lives if life.visits[0] <= DAYS / 2][:700]
    model = fit(
        [known_as(Life([day for day in life.visits if day <= DAYS / 2], inf)) for life in known], at(DAYS / 2), []
    ).model

    assert abs(model.stages - SHOPS[name].stages) <= 1
    assert score(model, known) < score(SHOPS[name].model(), known) + MOST_LOST


def score(model: ChurnModel, lives: Sequence[Life], days: float = 60.0) -> float:
    """Mean logarithmic score of who comes in the days after the first half; less is better."""
    total = 0.0
    for life in lives:
        chance = model.chance_of_no_visit(*life.seen(DAYS / 2), days)
        total -= log(1.0 - chance if life.visits_between(DAYS / 2, DAYS / 2 + days) else chance)
    return total / len(lives)


@pytest.mark.parametrize("gap_days", [1.5, 3.0, 7.0])
def test_customers_without_rhythm_who_come_often_do_not_look_regular_for_being_counted_in_days(gap_days: float) -> None:
    lives = shop(Truth(1, 2, gap_days, 0.1, 5), 700, 3, days=200.0)

    assert fit([known_as(life) for life in lives], at(200), []).model.stages == 1


def test_customers_who_come_in_bursts_are_not_given_up_for_pausing() -> None:
    """Three visits on days that follow one another and a pause of three weeks: by the scatter of their gaps' means they
    look more regular than they are."""
    random = Random(1)
    lives = []
    for _ in range(600):
        day, visits = random.random() * 60, list[float]()
        while day < DAYS:
            visits += [day, day + 2.0, day + 4.0]
            day += 4.0 + random.expovariate(1 / 21.0)
        lives.append(Life([visit for visit in visits if visit < DAYS], inf))

    model = fit([known_as(life) for life in lives], at(DAYS), []).model

    assert model.stages == 1
    assert model.risk(90, DAYS - 90.0, DAYS - 60.0) < 0.1, "a month of silence is nothing here"


def test_one_odd_account_moves_nothing() -> None:
    customers = customers_of("drugstore", 1)[:700]
    odd = known_as(Life([float(day) for day in range(DAYS)], inf))
    plain, spoilt = fit(customers, at(DAYS), []).model, fit([*customers, odd], at(DAYS), []).model

    assert spoilt.stages == plain.stages
    assert rate_of(spoilt) == pytest.approx(rate_of(plain), rel=0.05)
    assert dropout_of(spoilt) == pytest.approx(dropout_of(plain), abs=0.01)
    for silence in (10.0, 40.0, 160.0):
        assert spoilt.risk(8, 160.0, 160.0 + silence) == pytest.approx(plain.risk(8, 160.0, 160.0 + silence), abs=0.02)


def test_a_fit_goes_on_from_where_the_last_one_stopped_and_stays_there() -> None:
    customers = customers_of("coffee", 1)[:500]
    first = fit(customers, at(DAYS), [])

    again = gone_on(first, customers, 0)

    assert again.position == pytest.approx(first.position, abs=0.1)
    assert rate_of(again.model) == pytest.approx(rate_of(first.model), rel=0.03)
    assert dropout_of(again.model) == pytest.approx(dropout_of(first.model), abs=0.01)


def test_a_shop_that_changes_is_followed_within_a_few_fits() -> None:
    found = fit(customers_of("fashion", 1)[:500], at(DAYS), [])

    for turn in range(6):
        found = gone_on(found, customers_of("coffee", 1)[:500], turn)

    model = found.model
    assert model.stages >= 2
    assert rate_of(model) == pytest.approx(1 / 7, rel=0.15)
    assert dropout_of(model) == pytest.approx(0.08, abs=DROPOUT)


def test_the_order_of_the_customers_does_not_matter_to_the_last_bit() -> None:
    customers = customers_of("drugstore", 1)[:150]
    shuffled = Random(1).sample(customers, len(customers))

    found, other = fit(customers, at(DAYS), []), fit(shuffled, at(DAYS), [])
    assert (found.model.fields(), found.rivals) == (other.model.fields(), other.rivals)


# ---- little history


@pytest.mark.parametrize("number", [0, 1, 5])
def test_little_history_leaves_what_a_shop_is_taken_for(number: int) -> None:
    customers = customers_of("drugstore", 1)[:number]

    model = fit(customers, at(DAYS), []).model

    assert model.stages == 1
    assert 1 / 4 < rate_of(model) * DEFAULT_GAP_DAYS < 4
    assert DEFAULT_DROPOUT / 2.5 < dropout_of(model) < DEFAULT_DROPOUT * 2.5
    if not number:
        assert rate_of(model) * DEFAULT_GAP_DAYS == pytest.approx(1, rel=0.1)
        assert dropout_of(model) == pytest.approx(DEFAULT_DROPOUT, abs=0.02)
        assert model.spend_minor == 0


def test_customers_without_a_visit_and_refunds_beyond_all_revenue_do_no_harm() -> None:
    spoilt = known_as(shop(SHOPS["coffee"], 1, 1, DAYS)[0])
    spoilt.revenue_minor = -500

    model = fit([Customer("c"), spoilt], at(DAYS), []).model

    assert model.spend_minor == 0
    assert 0 < dropout_of(model) < 1


def one_visit(seed: int) -> Customer:
    return known_as(shop(Truth(1, 1, 1e6, 0.5, 2), 1, seed, 30.0)[0])


def test_a_shop_of_one_time_buyers_only_is_fitted_too() -> None:
    model = fit([one_visit(seed) for seed in range(300)], at(400), []).model

    assert model.stages == 1
    assert model.risk(0, 0.0, 370.0) > 0.5


# ---- the sample


def offered(ids: list[str]) -> Sample:
    sample = Sample()
    for customer_id in ids:
        sample.offer(customer_id)
    return sample


@settings(max_examples=10)
@given(seed=st.integers(0, 2**32), number=st.integers(0, 5000))
def test_the_sample_is_bounded_and_the_same_whatever_the_order(seed: int, number: int) -> None:
    ids = [f"{seed}-{n}" for n in range(number)]
    shuffled = Random(seed).sample(ids, number)

    sample = offered(ids)

    assert len(sample) == min(number, len(sample)) <= SAMPLE_MOST
    assert len(sample) > SAMPLE_MOST * 0.4 or len(sample) == number
    assert sample.members() == offered(shuffled).members() == offered([*ids, *shuffled]).members()
    assert sample.level == offered(shuffled).level


def test_the_sample_is_spread_evenly_over_all_who_came() -> None:
    members = offered([str(n) for n in range(20_000)]).members()

    tenths = Counter(int(member) // 2000 for member in members)

    mean = len(members) / 10
    assert sum((tenths[tenth] - mean) ** 2 / mean for tenth in range(10)) < 27.9, (
        "chi square, 9 degrees of freedom, 0.1 %"
    )


def test_after_a_restart_the_sample_is_the_same_also_where_customers_were_erased_since() -> None:
    ids = [str(n) for n in range(3000)]
    sample = offered(ids)
    erased = set(sample.members()[::3])
    for customer_id in erased:
        sample.remove(customer_id)

    revived = Sample(sample.level)
    for customer_id in reversed(ids):
        if customer_id not in erased:
            revived.offer(customer_id)

    assert erased
    assert revived.members() == sample.members()
    assert not erased & set(revived.members())


# ---- through the engine


def model_of(engine: Engine) -> tuple[object, ...]:
    model = engine.everybody.learned.model
    return model.stages, model.r, model.alpha, model.a, model.b, model.spend_minor, engine.everybody.state.fit_position


def as_purchases(truth: Truth, number: int, seed: int, days: float) -> list[Event]:
    lives = shop(truth, number, seed, days)
    visits = sorted((visit, str(index)) for index, life in enumerate(lives) for visit in life.visits)
    return [purchase(name, day) for day, name in visits]


def test_an_engine_learns_from_its_stream_what_its_customers_live_by() -> None:
    truth = Truth(2, 3, 12, 0.15, 4)
    engine = make_engine()

    apply_all(engine, as_purchases(truth, 1200, 5, 250.0))

    model = engine.everybody.learned.model
    assert 0.4 * SAMPLE_MOST < len(engine.everybody.sample) <= SAMPLE_MOST < len(engine.customers)
    assert engine.everybody.state.fits > 12
    assert model.stages == truth.stages
    assert rate_of(model) == pytest.approx(1 / truth.gap_days, rel=RATE)
    assert dropout_of(model) == pytest.approx(truth.dropout, abs=DROPOUT)
    assert model.spend_minor == pytest.approx(1000, rel=0.1)


@pytest.mark.parametrize("seed", range(3))
def test_an_engine_restarted_anywhere_has_the_same_model_to_the_last_bit(seed: int) -> None:
    events = shop_log(seed, customers=25, everything=True, disorder=0.1)
    once = make_engine()
    apply_all(once, events)

    random, engine, changelog = Random(seed), make_engine(), Changelog()
    for event in events:
        engine.apply(event)
        if random.random() < 0.03:
            changelog.take(engine.drain())
            engine = changelog.revive(engine)

    assert once.everybody.state.fits > 5
    assert model_of(engine) == model_of(once)
    assert engine.everybody.sample.members() == once.everybody.sample.members()


def test_a_sample_once_halved_stays_halved_over_restarts_and_erasures() -> None:
    engine, changelog = make_engine(), Changelog()
    for number in range(SAMPLE_MOST + 20):
        engine.apply(purchase(f"c{number}", number / 1000))
    for number in range(0, SAMPLE_MOST, 2):
        engine.apply(Erasure(f"e{number}", f"c{number}", at(2)))
    changelog.take(engine.drain())

    revived = changelog.revive(engine)

    assert len(engine.customers) < SAMPLE_MOST
    assert len(engine.everybody.sample) < len(engine.customers)
    assert revived.everybody.sample.members() == engine.everybody.sample.members()


def test_the_erased_are_no_longer_learned_from() -> None:
    engine = make_engine()
    apply_all(engine, as_purchases(SHOPS["drugstore"], 20, 1, 60.0))
    assert sorted(engine.everybody.sample.members()) == sorted(engine.customers)

    apply_all(engine, [Erasure("e", "7", at(61))])

    assert "7" not in engine.everybody.sample.members()
    assert len(engine.everybody.sample) == len(engine.customers)
    fits = engine.everybody.state.fits
    apply_all(engine, [purchase("other", 80.0)])
    assert engine.everybody.state.fits > fits


def test_fits_become_rarer_but_never_rarer_than_every_four_weeks() -> None:
    engine = make_engine()
    fitted: list[int] = []
    for week in range(70):
        before = engine.everybody.state.fits
        apply_all(engine, [purchase("a", 7.0 * week + 0.5)])
        if engine.everybody.state.fits > before:
            fitted.append(week)

    gaps = [later - earlier for earlier, later in pairwise(fitted)]
    assert gaps == [1] * 8 + [2] * 8 + [3] * 8 + [4] * (len(gaps) - 24)
    assert len(gaps) > 26
