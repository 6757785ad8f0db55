"""Health, band and segment, and the stored date of their next change."""

from __future__ import annotations

from math import exp, log
from random import Random

import pytest

from service.domain import scores
from service.domain.answers import Answers
from service.domain.calendar import DAY_US, NEVER, SECOND_US
from service.domain.customer import Customer
from service.domain.findings import HealthBand, HealthPart, RiskBand, Segment
from service.domain.learning.everybody import Everybody
from tests.support.customers import answers_with, customer_with
from tests.support.engines import at

SEGMENTS = list(Segment)
BANDS = list(HealthBand)
RISK_BANDS = list(RiskBand)
NO_SHOP = Everybody()
MODEL = NO_SHOP.learned.model
UNLUCKY = [
    3.5127339269877185,
    3.55387799899414,
    2.8184811158605223,
    3.701237099843925,
    2.70083646781091,
    2.9732296874079003,
]
"""Logarithms of usual gaps for which the exponential and the logarithm disagree by a microsecond about the lost
date."""


def customer_of(visits: int = 10, **changes: object) -> Customer:
    """A weekly customer, last here at day 0, who always spends the same."""
    usual: dict[str, object] = {
        "visits": visits,
        "orders": visits,
        "revenue_minor": 1000 * visits,
        "last_us": at(0),
        "first_us": at(-7 * visits),
        "log_usual": log(7),
        "log_recent": log(7),
        "gap_weight": 5.0,
        "recent_spend": 1000.0 if visits > 1 else -1.0,
    }
    return customer_with("a", **(usual | changes))


def random_customer(seed: int, *, answers: bool) -> Customer:
    random = Random(seed)
    mean = random.lognormvariate(2, 0.8)
    visits = random.choice([1, 2, 3, 4, 6, 20, 60])
    customer = customer_of(
        visits,
        log_usual=log(mean),
        log_recent=log(mean) + random.gauss(0, 0.5),
        recent_spend=random.uniform(200, 2000),
    )
    if answers:
        customer.answers = answers_with()
        if random.random() < 0.7:
            customer.answers.nps, customer.answers.nps_us = random.randrange(11), at(-random.randrange(300))
        if random.random() < 0.5:
            customer.answers.csat, customer.answers.csat_us = random.randrange(1, 6), at(-random.randrange(300))
        if random.random() < 0.3:
            customer.answers.ces, customer.answers.ces_us = random.randrange(1, 8), at(-random.randrange(300))
    return customer


def parts_of(customer: Customer, now_us: int) -> tuple[HealthPart, ...]:
    return scores.scores_of(customer, NO_SHOP, now_us, 4).health_parts


@pytest.mark.parametrize("seed", range(60))
def test_parts_add_up_to_the_health_and_their_maxima_to_a_hundred(seed: int) -> None:
    customer = random_customer(seed, answers=seed % 2 == 0)
    for days in (0.0, 3.0, 30.0, 300.0):
        record = scores.scores_of(customer, NO_SHOP, at(days), 4)

        evidence = customer.visits > 1
        assert bool(record.health_parts) is evidence
        assert (record.health is not None) is (record.band is not None) is evidence
        if record.health is None:
            continue
        assert record.health == pytest.approx(sum(part.points for part in record.health_parts))
        assert sum(part.of for part in record.health_parts) == pytest.approx(100)
        assert all(0 <= part.points <= part.of + 1e-9 for part in record.health_parts)
        assert 0 <= record.health <= 100 + 1e-9


def test_a_part_without_evidence_is_left_out_and_the_others_weigh_more() -> None:
    parts = {part.name: part.of for part in parts_of(customer_of(visits=2), at(0))}
    assert parts == {"recency": 100.0}

    parts = {part.name: part.of for part in parts_of(customer_of(), at(0))}
    assert parts == pytest.approx({"recency": 6200 / 85, "frequency_trend": 1300 / 85, "spend_trend": 1000 / 85})

    answered = customer_of(answers=answers_with(nps=10, nps_us=at(0)))
    parts = {part.name: part.of for part in parts_of(answered, at(0))}
    assert parts == pytest.approx({"recency": 62, "frequency_trend": 13, "spend_trend": 10, "satisfaction": 15})


def test_an_answer_loses_half_its_weight_in_180_days() -> None:
    answered = customer_of(visits=2, answers=answers_with(nps=0, nps_us=at(0)))

    parts = {part.name: part.of for part in parts_of(answered, at(180))}

    assert parts["satisfaction"] / parts["recency"] == pytest.approx(15 / 2 / 62)


def test_a_customer_without_a_visit_has_no_health() -> None:
    record = scores.scores_of(Customer("a"), NO_SHOP, at(0), 4)

    assert record.health is None
    assert record.band is None
    assert record.health_parts == ()
    assert record.first_visit_us is None
    assert record.usual_gap_days is None


def test_a_one_time_buyer_has_neither_health_nor_band_but_becomes_lost() -> None:
    customer = customer_of(visits=1)
    now = at(0)

    assert scores.judge(customer, NO_SHOP, now, 4)
    assert (SEGMENTS[customer.segment], customer.band) == (Segment.NEW, -1)
    while SEGMENTS[customer.segment] is not Segment.LOST:
        before = scores.scores_of(customer, NO_SHOP, now, 4)
        assert (before.segment, before.health, before.band, before.health_parts) == (Segment.NEW, None, None, ())
        now = customer.change_us
        scores.judge(customer, NO_SHOP, now, 4)

    after = scores.scores_of(customer, NO_SHOP, now, 4)
    assert (SEGMENTS[customer.segment], customer.band) == (Segment.LOST, -1)
    assert (after.segment, after.health, after.band, after.health_parts) == (Segment.LOST, None, None, ())
    assert (now - customer.last_us) / DAY_US == pytest.approx(MODEL.silence_until(0, 7.0, 0.7))


@pytest.mark.parametrize(
    ("visits", "recent_spend", "health"),
    [(2, 1000.0, 100 * 15 / 77), (4, -1.0, 100 * 28 / 90), (4, 1000.0, 38.0), (10, 5000.0, 38.0), (60, 1000.0, 38.0)],
)
def test_a_lost_customer_with_perfect_trends_and_a_perfect_answer_is_at_risk(
    visits: int, recent_spend: float, health: float
) -> None:
    now = at(100)
    answers = answers_with(nps=10, nps_us=now, csat=5, csat_us=now, ces=7, ces_us=now)
    customer = customer_of(visits, log_recent=log(3), recent_spend=recent_spend, answers=answers)
    scores.judge(customer, NO_SHOP, now, 4)

    record = scores.scores_of(customer, NO_SHOP, now, 4)

    assert all(part.points == pytest.approx(part.of) for part in record.health_parts if part.name != "recency")
    assert record.health == pytest.approx(health)
    assert (record.segment, record.band) == (Segment.LOST, HealthBand.AT_RISK)
    assert (SEGMENTS[customer.segment], BANDS[customer.band]) == (Segment.LOST, HealthBand.AT_RISK)
    while customer.change_us < NEVER:
        scores.judge(customer, NO_SHOP, customer.change_us, 4)
    assert RISK_BANDS[customer.risk_band] is RiskBand.HIGH


@pytest.mark.parametrize("answers", [None, answers_with(nps=10, nps_us=at(0)), answers_with(csat=1, csat_us=at(0))])
def test_before_the_second_visit_there_is_no_health_whatever_was_answered(answers: Answers | None) -> None:
    customer = customer_of(visits=1, answers=answers)
    scores.judge(customer, NO_SHOP, at(0), 4)

    published = {scores.scores_of(customer, NO_SHOP, at(day), 4).band for day in range(500)}

    assert published == {None}
    assert customer.band == -1
    while SEGMENTS[customer.segment] is not Segment.LOST:
        now = customer.change_us
        scores.judge(customer, NO_SHOP, now, 4)
    assert (now - customer.last_us) / DAY_US == pytest.approx(MODEL.silence_until(0, 7.0, 0.7)), "the lost date"


def test_a_band_that_falls_after_years_is_not_missed_for_an_answer() -> None:
    customer = customer_of(log_usual=log(500), log_recent=log(500), answers=answers_with(nps=10, nps_us=at(0)))
    now = at(0)
    scores.judge(customer, NO_SHOP, now, 4)

    while customer.change_us < NEVER:
        assert state_at(customer, customer.change_us - 2 * SECOND_US)[:2] == (customer.segment, customer.band)
        now = customer.change_us
        scores.judge(customer, NO_SHOP, now, 4)

    assert (SEGMENTS[customer.segment], BANDS[customer.band]) == (Segment.LOST, HealthBand.AT_RISK)


def test_recency_is_full_for_one_usual_gap_and_zero_where_the_risk_becomes_high() -> None:
    customer = customer_of(visits=10)
    gone = MODEL.silence_until(9, 70.0, 0.7)
    recency = [parts_of(customer, at(day))[0] for day in (0, 6.99, 8, gone - 0.01, gone * 1.001)]

    assert [part.points / part.of for part in recency[:2]] == [1.0, 1.0]
    assert 0.9 < recency[2].points / recency[2].of < 1.0
    assert 0.0 < recency[3].points / recency[3].of < 0.001
    assert recency[4].points == 0.0


@pytest.mark.parametrize(
    ("customer", "day", "segment"),
    [
        (customer_of(visits=1), 1, Segment.NEW),
        (customer_of(visits=3), 1, Segment.RETURNING),
        (customer_of(visits=4), 1, Segment.REGULAR),
        (customer_of(rung=1), 30, Segment.QUIET),
        (customer_of(detected_us=at(29)), 30, Segment.QUIET),
        (customer_of(log_recent=log(11)), 1, Segment.SLOWING),
        (customer_of(revenue_minor=900_000), 1, Segment.VIP),
        (customer_of(rung=1), 43, Segment.LOST),
        (customer_of(), 43, Segment.LOST),
        (customer_of(visits=1), 22, Segment.NEW),
        (customer_of(visits=1), 127, Segment.LOST),
        (customer_of(visits=3), 15, Segment.RETURNING),
        (customer_of(visits=3), 60, Segment.LOST),
        (customer_of(log_usual=log(20), log_recent=log(20)), 41, Segment.QUIET),
        (customer_of(log_usual=log(3), log_recent=log(3)), 19, Segment.QUIET),
    ],
)
def test_segments(customer: Customer, day: float, segment: Segment) -> None:
    population = Everybody()
    population.population.joined(1.0, 100_000)

    assert SEGMENTS[scores.segment_of(customer, population, at(day), 4)] is segment


def state_at(customer: Customer, now_us: int) -> tuple[int, int, int]:
    """(segment, band; −1 for none, risk band) as published at this time, computed from nothing but the customer."""
    record = scores.scores_of(customer, NO_SHOP, now_us, 4)
    assert record.churn_risk_band is not None
    band = -1 if record.band is None else BANDS.index(record.band)
    return SEGMENTS.index(record.segment), band, RISK_BANDS.index(record.churn_risk_band)


@pytest.mark.parametrize("seed", range(80))
@pytest.mark.parametrize("answers", [False, True])
def test_the_stored_date_is_the_first_instant_at_which_a_band_or_the_segment_differ(seed: int, answers: bool) -> None:
    customer = random_customer(seed, answers=answers)
    now = at(0)
    scores.judge(customer, NO_SHOP, now, 4)
    slack = 2 * SECOND_US if customer.answers is not None else 2

    looks = 0
    while now < at(700):
        present = state_at(customer, now)
        assert (customer.segment, customer.band, customer.risk_band) == present
        change = customer.change_us
        end = min(change, at(700))
        scan = [now + (end - now) * step // 100 for step in range(100)]
        assert all(state_at(customer, instant) == present for instant in scan if instant < change - slack)
        if change == NEVER:
            break
        now, looks = change, looks + 1
        scores.judge(customer, NO_SHOP, now, 4)
        assert customer.change_us > now
    assert looks <= 12, "a date at which nothing changes is rare"


@pytest.mark.parametrize("log_usual", [log(7), *UNLUCKY])
def test_everybody_who_stays_away_becomes_lost_whatever_the_rounding(log_usual: float) -> None:
    customer = customer_of(visits=7, log_usual=log_usual, log_recent=log_usual)
    now = at(0)
    scores.judge(customer, NO_SHOP, now, 4)

    looks = 0
    while SEGMENTS[customer.segment] is not Segment.LOST:
        now = customer.change_us
        scores.judge(customer, NO_SHOP, now, 4)
        looks += 1

    assert SEGMENTS[customer.segment] is Segment.LOST
    assert looks <= 8
    beyond = max(exp(log_usual) * 6 * 0.7**0.3, MODEL.silence_until(6, 49.0, 0.7))
    assert (now - customer.last_us) / DAY_US == pytest.approx(beyond)
