"""What is expected of one customer: the dates at which the risk changes band, the money, and the records these dates
bring."""

from __future__ import annotations

from itertools import pairwise
from math import log
from random import Random

import pytest

from service.domain import scores
from service.domain.calendar import DAY_US, DAYS_PER_YEAR, NEVER, SECOND_US
from service.domain.customer import Customer
from service.domain.engine import Engine
from service.domain.findings import Output, RiskBand, Scores
from service.domain.learning.churn_model import ChurnModel
from service.domain.learning.everybody import Everybody
from service.domain.learning.learned import Learned
from service.domain.learning.silences import UNKNOWN
from service.domain.outlook import (
    HIGH_FROM,
    MEDIUM_FROM,
    Outlook,
    chance_of_no_visit,
    churn_risk,
    outlook_of,
    risk_band,
    risk_change_us,
)
from tests.support.btyd import Truth
from tests.support.customers import customer_with
from tests.support.engines import Changelog, at, make_engine, purchase

FARTHEST_DAYS = 30_000
"""Later crossings need not be dated."""


def a_model(random: Random, stages: int) -> ChurnModel:
    return Truth(
        stages, random.uniform(0.4, 4), random.uniform(3, 60), random.uniform(0.05, 0.6), random.uniform(1, 15)
    ).model(2500.0)


def a_customer(random: Random) -> Customer:
    visits = random.choice([1, 2, 3, 5, 9, 30, 120])
    usual = random.lognormvariate(2.3, 0.9)
    span = (visits - 1) * usual * random.uniform(0.7, 1.4)
    return customer_with(
        visits=visits,
        orders=visits + random.choice([0, 0, 3]),
        revenue_minor=visits * random.randrange(5000),
        first_us=at(-span),
        last_us=at(0) + random.randrange(DAY_US),
        log_usual=log(usual),
        log_recent=log(usual),
        gap_weight=5.0,
        recent_spend=1000.0 if visits > 1 else -1.0,
    )


def knowing(model: ChurnModel) -> Everybody:
    population = Everybody()
    population.learned = Learned(UNKNOWN, model)
    return population


def crossing_us(customer: Customer, model: ChurnModel, risk: float) -> int | None:
    """The first microsecond at which the risk has reached `risk`; None if it has from the start, or never does."""
    low, high = customer.last_us, customer.last_us + FARTHEST_DAYS * DAY_US
    if churn_risk(customer, model, low) >= risk or churn_risk(customer, model, high) < risk:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if churn_risk(customer, model, middle) >= risk else (middle, high)
    return high


def crossings(customer: Customer, model: ChurnModel) -> list[tuple[int, int]]:
    """(band entered, when) of all changes that the silence brings."""
    dates = ((1, crossing_us(customer, model, MEDIUM_FROM)), (2, crossing_us(customer, model, HIGH_FROM)))
    return [(band, date) for band, date in dates if date is not None]


# ---- dates


@pytest.mark.parametrize("stages", [1, 2, 3, 4])
def test_following_the_stored_dates_meets_every_change_of_the_risk_band_to_the_second(stages: int) -> None:
    met = 0
    for seed in range(120):
        random = Random(1000 * stages + seed)
        model, customer = a_model(random, stages), a_customer(random)
        population = knowing(model)
        scores.judge(customer, population, customer.last_us, 4)
        expected, found, looks = crossings(customer, model), list[tuple[int, int]](), 0

        while customer.change_us <= customer.last_us + FARTHEST_DAYS * DAY_US:
            now, before = customer.change_us, customer.risk_band
            scores.judge(customer, population, now, 4)
            assert customer.risk_band == risk_band(churn_risk(customer, model, now))
            assert customer.change_us > now, "time must pass"
            looks += 1
            if customer.risk_band != before:
                found.append((customer.risk_band, now))

        assert [band for band, _ in found] == [band for band, _ in expected]
        assert all(0 <= now - true <= SECOND_US for (_, now), (_, true) in zip(found, expected, strict=True))
        assert looks <= 14, "a few looks a silence, however long it lasts"
        met += len(found)
    assert met > 120


def test_with_exponential_gaps_the_first_date_is_the_change_itself() -> None:
    for seed in range(100):
        random = Random(seed)
        model, customer = a_model(random, 1), a_customer(random)
        band = risk_band(churn_risk(customer, model, customer.last_us))
        true = crossing_us(customer, model, HIGH_FROM if band else MEDIUM_FROM)
        if true is not None:
            assert abs(risk_change_us(customer, model, band, customer.last_us) - true) <= 2


def test_a_date_that_is_of_interest_is_the_same_whatever_is_known_to_come_before() -> None:
    """Who asks for the earlier of two dates gets it, however close they are; and dates beyond are not worked out."""
    spared = 0
    for seed in range(300):
        random = Random(seed)
        model, customer = a_model(random, random.randint(1, 4)), a_customer(random)
        last_us = customer.last_us
        band = risk_band(churn_risk(customer, model, last_us))
        change_us = risk_change_us(customer, model, band, last_us)
        others = [last_us, last_us + 1, change_us - 1, change_us, change_us + 1, last_us + (change_us - last_us) // 2]
        for other_us in [*others, last_us + 2 * (change_us - last_us), last_us + random.randrange(400) * DAY_US, NEVER]:
            told_us = risk_change_us(customer, model, band, last_us, other_us)
            assert min(told_us, other_us) == min(change_us, other_us)
            spared += told_us != change_us
    assert spared > 500


def test_from_the_highest_band_only_a_visit_leads_away() -> None:
    customer, model = a_customer(Random(1)), a_model(Random(1), 2)

    assert risk_change_us(customer, model, 2, customer.last_us + DAY_US) == NEVER


@pytest.mark.parametrize("stages", [1, 3])
def test_a_customer_who_will_never_be_at_risk_is_not_looked_at_again(stages: int) -> None:
    model = ChurnModel(stages, 0.001, 1e7, 1e-4, 1e4)
    customer = customer_with(visits=1, first_us=at(0), last_us=at(0))

    assert risk_change_us(customer, model, 0, at(1)) == NEVER


@pytest.mark.parametrize("stages", [1, 2, 3, 4])
def test_the_risk_of_a_one_time_buyer_rises_with_the_silence_too(stages: int) -> None:
    model = Truth(stages, 1.5, 30, 0.25, 3).model()
    customer = customer_with(visits=1, orders=1, revenue_minor=1000, first_us=at(0), last_us=at(0))

    risks = [churn_risk(customer, model, at(day)) for day in (0, 30, 60, 120, 400, 2000)]

    assert risks[0] == pytest.approx(0.25)
    assert all(later > earlier + 0.005 for earlier, later in pairwise(risks))
    assert risks[-1] > 0.9


def test_a_customer_dated_ahead_of_the_stream_has_not_been_silent() -> None:
    model = Truth(2, 1.5, 30, 0.25, 3).model()
    customer = customer_with(visits=3, orders=3, first_us=at(-50), last_us=at(0))

    assert churn_risk(customer, model, at(-10)) == churn_risk(customer, model, at(0))
    assert chance_of_no_visit(customer, model, at(-10), 5) == chance_of_no_visit(customer, model, at(0), 5)


def test_no_visit_is_more_probable_than_having_left_and_less_the_longer_one_waits() -> None:
    for seed in range(40):
        random = Random(seed)
        model, customer = a_model(random, 1 + seed % 4), a_customer(random)
        now = at(random.uniform(0, 60))

        chances = [chance_of_no_visit(customer, model, now, days) for days in (0, 7, 60, 1e6)]

        assert chances == sorted(chances, reverse=True)
        assert chances[0] == pytest.approx(1)
        assert chances[-1] >= churn_risk(customer, model, now) - 1e-12


# ---- money


@pytest.mark.parametrize("seed", range(40))
def test_expected_value_and_value_at_risk_add_up_to_what_a_surely_alive_customer_brings(seed: int) -> None:
    random = Random(seed)
    model, customer = a_model(random, 1 + seed % 4), a_customer(random)
    now = at(random.uniform(1, 300))
    recency, age = (customer.last_us - customer.first_us) / DAY_US, (now - customer.first_us) / DAY_US

    outlook = outlook_of(customer, model, now)

    visits = model.expected_visits_if_alive(customer.visits - 1, recency, age, DAYS_PER_YEAR)
    spend = (2500 + customer.revenue_minor) / (1 + customer.visits)  # the shop's mean visit counts like one of theirs
    assert outlook.expected_value_minor + outlook.value_at_risk_minor == pytest.approx(visits * spend, abs=1)
    alive = 1 - outlook.churn_risk
    assert outlook.expected_value_minor == pytest.approx(visits * spend * alive, abs=0.51)
    assert outlook.expected_purchases == pytest.approx(visits * alive * (customer.orders / customer.visits))
    assert outlook.churn_risk == churn_risk(customer, model, now)


@pytest.mark.parametrize("revenue", [-10_000_000, -2501, 0])
def test_refunds_beyond_all_revenue_make_a_customer_worth_nothing_never_less(revenue: int) -> None:
    model = Truth(1, 1.5, 30, 0.25, 3).model(2500.0)
    customer = customer_with(visits=2, orders=2, revenue_minor=revenue, first_us=at(-20), last_us=at(0))

    outlook = outlook_of(customer, model, at(10))

    assert (outlook.expected_value_minor > 0) is (outlook.value_at_risk_minor > 0) is (revenue > -2500)
    assert min(outlook.expected_value_minor, outlook.value_at_risk_minor) >= 0
    assert outlook.expected_purchases > 0


def test_what_is_expected_shrinks_with_the_silence_and_what_is_at_risk_grows_at_first() -> None:
    model = Truth(2, 2, 14, 0.15, 3).model(1000.0)
    customer = customer_with(visits=10, orders=10, revenue_minor=20_000, first_us=at(-126), last_us=at(0))

    course = [outlook_of(customer, model, at(day)) for day in range(0, 120, 10)]

    def falls(values: list[float]) -> bool:
        return all(later < earlier for earlier, later in pairwise(values))

    assert falls([outlook.expected_purchases for outlook in course])
    assert falls([outlook.expected_value_minor for outlook in course])
    assert course[3].value_at_risk_minor > course[0].value_at_risk_minor


def test_an_outlook_holds_a_share_of_the_same_visits() -> None:
    outlook = Outlook(0.25, 8.0, 1.5, 1000.0)

    assert (outlook.churn_risk, outlook.expected_purchases) == (0.25, 9.0)
    assert (outlook.expected_value_minor, outlook.value_at_risk_minor) == (6000, 2000)


# ---- through the engine


def settled_on(model: ChurnModel) -> Engine:
    """An engine that takes its customers for these, and learns nothing else of them."""
    engine = make_engine()
    state = engine.everybody.state
    state.model = [model.stages, model.r, model.alpha, model.a, model.b, model.spend_minor]
    state.next_fit_us = NEVER
    engine.everybody.learned = Learned(UNKNOWN, model)
    return engine


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize(("stages", "visits"), [(1, 1), (1, 6), (2, 2), (3, 9)])
def test_a_customer_who_falls_silent_brings_one_record_for_each_change_at_its_date(
    stages: int, visits: int, *, restarted: bool
) -> None:
    model = Truth(stages, 2, 10, 0.15, 2).model(1000.0)
    engine, changelog, outputs = settled_on(model), Changelog(), list[Output]()
    for number in range(visits):
        engine.apply(purchase("quiet", 7.0 * number))
        outputs += changelog.take(engine.drain())
    outputs.clear()
    risk = engine.customers["quiet"].risk_band

    start = int(7 * visits)
    for day in range(start, start + 300):
        engine.apply(purchase("other", day + 0.5))
        outputs += changelog.take(engine.drain())
        if restarted and day % 5 == 0:
            engine = changelog.revive(engine)

    records = [output for output in outputs if isinstance(output, Scores) and output.customer_id == "quiet"]
    entered = list[tuple[int, int]]()
    for record in records:
        assert record.churn_risk_band is not None
        band = list(RiskBand).index(record.churn_risk_band)
        if band != risk:
            entered.append((band, record.as_of_us))
        risk = band
    expected = crossings(engine.customers["quiet"], model)
    assert [band for band, _ in entered] == [band for band, _ in expected]
    assert all(0 <= date - true <= SECOND_US for (_, date), (_, true) in zip(entered, expected, strict=True))
    assert entered, "a customer who never changes shows nothing"
    states = [(record.segment, record.band, record.churn_risk_band) for record in records]
    assert all(later != earlier for earlier, later in pairwise(states)), "one record a change"


def test_a_visit_brings_the_risk_down_again_and_is_published() -> None:
    engine = settled_on(Truth(2, 2, 10, 0.15, 2).model())
    for number in range(6):
        engine.apply(purchase("a", 7.0 * number))
    engine.apply(purchase("other", 200.0))
    engine.drain()
    assert engine.customers["a"].risk_band == 2

    engine.apply(purchase("a", 201.0))

    (record,) = (output for output in engine.drain().outputs if isinstance(output, Scores))
    assert record.churn_risk_band is RiskBand.LOW
    assert record.churn_risk == pytest.approx(0.3 / (0.3 + 1.7 + 6))
