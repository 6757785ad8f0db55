"""The churn risk against what came after: the ranking, the bins, and who counts as having come back."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import exp
from random import Random
from statistics import fmean
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.backtest.calibration import BINS, Calibration, RiskCheck, auc, bins_of, wilson
from service.domain.cadence import own_mean_log_gap
from service.domain.calendar import Calendar
from service.domain.engine import Engine
from service.domain.events import Event, Survey, SurveyAnswer
from service.domain.outlook import chance_of_no_visit, churn_risk
from tests.support.engines import at, make_engine, purchase, shop_log, weekly

CALENDAR = Calendar(ZoneInfo("UTC"))
REGULAR_FROM = 4


def checked(events: Sequence[Event], *, end: float, engines: int = 1) -> tuple[Calibration, list[Engine]]:
    """What a log from day 0 to day `end` says; customers are dealt out to the engines by their last letter."""
    check = RiskCheck(CALENDAR, at(0), at(end), REGULAR_FROM)
    made = [make_engine() for _ in range(engines)]
    for event in events:
        if event.at_us >= check.predict_at_us:
            check.predict(made)
        made[ord(event.customer_id[-1]) % engines].apply(event)
        if event.customer_id in check.awaited:
            check.seen(event)
    return check.result(), made


def stayed_away(after: Sequence[Event], end: float = 100.0) -> tuple[int, int]:
    """(stayed away, with a prediction) of one customer who came every week until day 42.5.

    `after` follows the middle, which is day 50.
    """
    clock = purchase("clock", 50)  # the first event after the middle is another customer's
    found, _ = checked([*weekly("anna", 7), clock, *after], end=end)
    return found.regulars.stayed_away, found.regulars.customers


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=40))
def test_the_auc_is_the_share_of_pairs_ranked_rightly_with_ties_counted_half(drawn: list[tuple[int, bool]]) -> None:
    away = [score for score, gone in drawn if gone]
    back = [score for score, gone in drawn if not gone]

    found = auc([score for score, _ in drawn], [gone for _, gone in drawn])

    if not away or not back:
        assert found is None
    else:
        pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in away for b in back]
        assert found == pytest.approx(sum(pairs) / len(pairs), abs=1e-12)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.booleans()), min_size=1, max_size=75))
def test_the_bins_hold_everybody_once_in_equal_number_and_in_order(drawn: list[tuple[float, float, bool]]) -> None:
    chance, risk, away = ([*column] for column in zip(*drawn, strict=True))

    bins = bins_of(chance, risk, away)

    sizes = [each.customers for each in bins]
    assert len(bins) == min(BINS, len(drawn))
    assert sum(sizes) == len(drawn)
    assert max(sizes) - min(sizes) <= 1
    means = [each.predicted for each in bins]
    assert all(low <= high + 1e-12 for low, high in pairwise(means))
    assert sum(each.stayed_away for each in bins) == sum(away)
    assert sum(each.predicted * each.customers for each in bins) == pytest.approx(sum(chance))
    assert sum(each.churn_risk * each.customers for each in bins) == pytest.approx(sum(risk))
    assert all(0.0 <= each.low <= each.observed + 1e-12 <= each.high + 2e-12 for each in bins)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"), [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (81, 263, 0.2553, 0.3662)]
)
def test_the_interval_is_wilsons(hits: int, n: int, low: float, high: float) -> None:
    """The last row is the worked example of Newcombe 1998, Statistics in Medicine 17, table I."""
    assert wilson(hits, n) == pytest.approx((low, high), abs=5e-5)


def test_a_visit_within_two_usual_gaps_is_a_return() -> None:
    assert stayed_away([purchase("anna", 55)]) == (0, 1)


def test_no_visit_and_one_after_the_two_gaps_are_none() -> None:
    assert stayed_away([]) == (1, 1)
    assert stayed_away([purchase("anna", 95)]) == (1, 1)
    assert stayed_away([purchase("anna", 95), purchase("anna", 96)]) == (1, 1)


def test_in_a_shop_whose_gaps_last_most_of_a_year_nobody_who_comes_on_time_has_stayed_away() -> None:
    """Its pace is not learned by the middle, when nobody has come four times: their usual gaps were taken for two
    months, and half of those who came like a clock for gone, those who had just been there above all."""
    random, visits = Random(1), []
    for number in range(30):
        day = 300 * random.random()
        while day < 1500 and (number % 3 or day < 600):
            visits.append((day, f"c{number}"))
            day += random.gauss(300, 10)

    found, _ = checked([purchase(who, day) for day, who in sorted(visits)], end=1500)

    assert found.everybody.customers == 30
    assert found.everybody.stayed_away == 10, "who came until day 600, and nobody else"
    assert found.regulars.customers == 0
    assert found.everybody.auc_risk is not None
    assert found.everybody.auc_risk > 0.5


def test_a_refund_and_an_answer_are_no_visits() -> None:
    answer = SurveyAnswer("a1", "anna", at(54), Survey.NPS, 9)

    assert stayed_away([purchase("anna", 53, refund=True), answer]) == (1, 1)
    assert stayed_away([purchase("anna", 53, refund=True), purchase("anna", 54)]) == (0, 1)


def test_more_purchases_on_the_day_of_the_last_visit_are_the_same_visit() -> None:
    """The middle of the log lies within that day."""
    visits = [*weekly("anna", 7), purchase("anna", 49.9)]
    same_day, next_day = purchase("anna", 50.8), purchase("anna", 51.1)
    before = purchase("anna", 50.1)

    found, _ = checked([*visits, before, purchase("clock", 50.5), same_day], end=101)
    returned, _ = checked([*visits, before, purchase("clock", 50.5), same_day, next_day], end=101)

    assert found.regulars.stayed_away == 1
    assert returned.regulars.stayed_away == 0


def test_who_cannot_be_followed_for_two_gaps_is_left_out_and_counted() -> None:
    """Bert came again after twenty days, and the shop's pace is a week: two of his gaps are more than the 25 days that
    are left."""
    log = [purchase("bert", 2), *weekly("anna", 4), purchase("bert", 22), purchase("clock", 25), purchase("bert", 26)]
    log.append(purchase("clock", 30))

    found, _ = checked(log, end=50)
    longer, _ = checked(log, end=56.5)

    assert (found.everybody.customers, found.regulars.customers, found.left_out) == (1, 1, 1)
    assert (longer.everybody.customers, longer.left_out) == (3, 0)


def test_predictions_rest_on_what_was_known_in_the_middle() -> None:
    events = shop_log(3, customers=60, days=200)
    past = [event for event in events if event.at_us < at(100)]
    engine = make_engine()
    for event in past:
        engine.apply(event)

    found, _ = checked(events, end=200)
    other, _ = checked([*past, purchase("clock", 100), *(purchase(f"c{n}", 101) for n in range(60))], end=200)

    model = engine.everybody.learned.model
    expected = []
    regulars = [own_mean_log_gap(each) for each in engine.customers.values() if each.visits >= REGULAR_FROM]
    assert len(regulars) > 30
    for customer in engine.customers.values():
        days = 2 * exp((2 * fmean(regulars) + customer.gap_total) / (2 + customer.gap_weight))
        if days <= 100:
            chance = chance_of_no_visit(customer, model, at(100), days)
            expected.append((chance, churn_risk(customer, model, at(100))))
    expected.sort()
    bins = found.everybody.bins
    assert found.everybody.customers == len(expected) > 30
    assert found.learned
    assert bins[0].predicted == pytest.approx(
        sum(chance for chance, _ in expected[: bins[0].customers]) / bins[0].customers
    )
    assert sum(each.churn_risk * each.customers for each in bins) == pytest.approx(sum(risk for _, risk in expected))
    assert [each.predicted for each in other.everybody.bins] == [each.predicted for each in bins]
    assert other.everybody.stayed_away < found.everybody.stayed_away


def test_every_engine_predicts_for_its_own_customers() -> None:
    events = shop_log(5, customers=50, days=200)

    one, _ = checked(events, end=200)
    three, engines = checked(events, end=200, engines=3)

    assert all(engine.customers for engine in engines)
    assert three.everybody.customers + three.left_out == one.everybody.customers + one.left_out


def test_the_risk_ranks_customers_of_a_simulated_shop_far_better_than_a_coin() -> None:
    found, _ = checked(shop_log(11, customers=400, days=300), end=300)

    quality = found.everybody
    assert quality.enough
    assert quality.auc_risk is not None
    assert quality.auc_risk > 0.8
    assert quality.auc_health is not None
    assert quality.auc_health > 0.7
    assert quality.brier is not None
    assert quality.brier_of_mean is not None
    assert quality.brier < 0.8 * quality.brier_of_mean


def test_a_log_without_a_middle_says_nothing_instead_of_failing() -> None:
    found, _ = checked([purchase("anna", 0)], end=0)

    assert (found.everybody.customers, found.everybody.auc_risk, found.everybody.bins) == (0, None, [])
    assert not found.everybody.enough
    assert found.everybody.brier is None
