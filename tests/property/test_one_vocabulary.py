"""Segment, health and risk never contradict each other, whatever shop it is and whatever was published when."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import exp, log
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain import scores
from service.domain.calendar import DAY_US, NEVER
from service.domain.customer import Customer
from service.domain.customer_record import snapshot
from service.domain.engine import Engine
from service.domain.events import Event, Profile, Survey, SurveyAnswer
from service.domain.findings import RiskBand, Scores, Segment
from service.domain.learning.churn_model import ChurnModel
from service.domain.learning.everybody import Everybody
from service.domain.learning.learned import Learned
from tests.support.customers import answers_with, customer_with
from tests.support.engines import OPEN_HOUSE, UNDISTURBED, Changelog, at, make_engine, purchase
from tests.support.examples import examples
from tests.support.vocabulary import contradictions

FEW = settings(max_examples=examples(8), deadline=None)


def log_of(random: Random) -> list[Event]:
    """A shop of any pace and regularity, where many or few leave, with second purchases of a day, answers and words of
    consent between the visits."""
    usual, stages = min(200.0, random.lognormvariate(log(15.0), 1.2)), random.choice([1.0, 2.0, 8.0])
    leave, length = random.choice([0.02, 0.1, 0.4, 0.9]), 24.0 * usual
    events: list[Event] = []
    for number in range(25):
        name, mine = f"c{number}", usual * random.lognormvariate(0.0, 0.5)
        day = random.random() * length * 0.7
        while day < length:
            events.append(purchase(name, day))
            later = day + random.random() * 5.0 * mine
            match random.randrange(5):
                case 0:
                    events.append(purchase(name, day + 0.1, event_id=f"{name}+{day}"))
                case 1:
                    events.append(SurveyAnswer(f"a{name}{day}", name, at(later), Survey.NPS, random.randrange(11)))
                case 2:
                    events.append(Profile(f"p{name}{day}", name, at(later), marketing_consent=random.random() < 0.5))
            if random.random() < leave:
                break
            day += 0.6 + random.gammavariate(stages, mine / stages)
    end = length * random.uniform(1.0, 3.0)
    events += [purchase("clock", day) for day in (length, (length + end) / 2.0, end)]
    return sorted(events, key=lambda event: event.at_us)


def checked(engine: Engine, told: Scores) -> None:
    customer = engine.roster.customer(told.customer_id)
    assert customer is not None
    assert contradictions(told, exp(customer.log_usual)) == []


@FEW
@given(seed=st.integers(0, 10_000), volume=st.sampled_from([None, 5.0]))
def test_no_record_contradicts_itself(seed: int, volume: float | None) -> None:
    engine = make_engine(replace(OPEN_HOUSE, volume_per_100_visits=volume), UNDISTURBED)
    changelog = Changelog()

    for event in log_of(Random(seed)):
        engine.apply(event)
        for output in changelog.take(engine.drain()):
            if isinstance(output, Scores):
                checked(engine, output)
    now_us = engine.now_us
    for customer_id in [*engine.customers]:
        for days in (0.0, 3.0, 40.0, 400.0):
            told = engine.scores(customer_id, now_us + int(days * DAY_US))
            assert told is not None
            checked(engine, told)


def model_of(random: Random) -> ChurnModel:
    gap, dropout, weight = random.lognormvariate(2.5, 1.0), random.uniform(0.02, 0.95), random.uniform(0.3, 6.0)
    r, stages = random.uniform(0.3, 4.0), random.choice([1, 2, 4])
    return ChurnModel(stages, r, r * gap / stages, dropout * weight, (1.0 - dropout) * weight)


def customer_of(random: Random) -> Customer:
    visits = random.choice([1, 2, 3, 4, 7, 30])
    usual = random.lognormvariate(2.0, 1.0)
    customer = customer_with(
        "a",
        visits=visits,
        orders=visits,
        revenue_minor=1000 * visits,
        first_us=at(-usual * (visits - 1) * random.uniform(0.6, 1.4)),
        last_us=at(0),
        log_usual=log(usual),
        log_recent=log(usual) + random.gauss(0.0, 0.5),
        gap_weight=5.0,
        recent_spend=random.uniform(200.0, 2000.0),
    )
    if visits >= 4 and random.random() < 0.3:
        customer.episode.rung = 1
    if random.random() < 0.4:
        customer.answers = answers_with(nps=random.randrange(11), nps_us=at(-random.randrange(200)))
    return customer


@pytest.mark.parametrize("seed", range(40))
def test_the_clock_alone_brings_every_word_at_its_date_and_none_that_contradicts_another(seed: int) -> None:
    random = Random(seed)
    everybody, customer = Everybody(), customer_of(random)
    everybody.learned = Learned(everybody.learned.tolerances, model_of(random), None)
    usual, now, looks = exp(customer.log_usual), at(0), 0
    slack = 2_000_000 if customer.answers is not None else 2
    scores.judge(customer, everybody, now, 4)

    while now < at(4000):
        stood = (customer.segment, customer.band, customer.risk_band)
        end = min(customer.change_us, at(4000))
        for step in range(30):
            instant = now + (end - now) * step // 30
            told = scores.scores_of(customer, everybody, instant, 4)
            assert contradictions(told, usual) == []
            if instant < customer.change_us - slack:
                assert standing_of(told) == stood
        if customer.change_us > end:
            break
        now, looks = customer.change_us, looks + 1
        scores.judge(customer, everybody, now, 4)

    assert looks <= 12, "a date at which nothing changes is rare"


def standing_of(told: Scores) -> tuple[int, int, int]:
    assert told.churn_risk_band is not None
    band = -1 if told.band is None else [*type(told.band)].index(told.band)
    return [*Segment].index(told.segment), band, [*RiskBand].index(told.churn_risk_band)


def test_a_slow_shop_s_newcomers_are_no_lost_customers() -> None:
    """Everybody comes every 300 days, a few days more or less; most were seen once when the log ends."""
    engine, random = make_engine(), Random(1)
    events = [purchase(f"once{n}", 1500.0 + random.random() * 200.0) for n in range(120)]
    for n in range(30):
        day = random.random() * 300.0
        events += [purchase(f"c{n}", day + 300.0 * visit + random.uniform(-10.0, 10.0)) for visit in range(1, 6)]
    for event in sorted(events, key=lambda event: event.at_us):
        if event.at_us < at(1700):
            engine.apply(event)

    told = [engine.scores(f"once{n}", at(1700)) for n in range(120)]

    found = Counter((each.segment, each.churn_risk_band) for each in told if each is not None)
    assert sum(count for (segment, _), count in found.items() if segment is Segment.NEW) == 120


def test_whom_an_earlier_release_counted_as_lost_without_a_high_risk_is_told_anew_when_this_one_starts() -> None:
    engine, changelog = make_engine(), Changelog()
    for event in (purchase("a", 0.5), purchase("b", 1.5)):
        engine.apply(event)
    changelog.take(engine.drain())
    earlier = engine.customers["a"]
    earlier.segment, earlier.change_us = [*Segment].index(Segment.LOST), NEVER
    changelog.state[b"a"] = snapshot(earlier)

    upgraded = changelog.revive(engine)
    upgraded.apply(purchase("b", 2.5))

    told = [each for each in upgraded.drain().outputs if isinstance(each, Scores) and each.customer_id == "a"]
    assert [(each.segment, each.churn_risk_band) for each in told] == [(Segment.NEW, RiskBand.LOW)]
    assert upgraded.scoreboard.segments[[*Segment].index(Segment.LOST)] == 0
