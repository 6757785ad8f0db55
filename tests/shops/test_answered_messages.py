"""What is learned in a shop whose messages bring back half of the quiet: what would have been learned without any."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log
from typing import NamedTuple

import pytest

from service.domain.engine import Engine
from service.domain.policy import OutreachPolicy
from tests.support.answering_shop import play
from tests.support.engines import OPEN_HOUSE, make_engine

PEOPLE = 150
CELLS = range(15)
TWO_YEARS = 730
SENT = replace(OPEN_HOUSE, control_share=0.1, messages_are_sent=True)
UNCENSORED = replace(SENT, messages_are_sent=False)
"""Takes every return for the customer's own."""


class Known(NamedTuple):
    tolerance: float
    """Days of silence that 5 % of healthy gaps outlast at the shop's pace, the mean over kinds of regulars with 4–29
    visits. Those with more are not the same people: who is brought back again and again has far more."""
    pace: float
    """The shop's mean gap, days."""
    dropout: float
    """Chance that a visit is the last."""
    spend: float
    """What a visit brings."""


def known(engine: Engine) -> Known:
    learned, pace = engine.everybody.learned, exp(engine.everybody.mu0)
    logs = [learned.tolerances.log_multiple(cell, log(0.05)) for cell in CELLS]
    model = learned.model
    return Known(pace * exp(sum(logs) / len(CELLS)), pace, model.a / (model.a + model.b), model.spend_minor)


def after_two_years(policy: OutreachPolicy, answers: float, stages: int | None = None) -> Known:
    return known(play(make_engine(policy), seed=7, people=PEOPLE, days=TWO_YEARS, answers=answers, stages=stages))


@pytest.fixture(scope="module")
def without_messages() -> Known:
    return after_two_years(UNCENSORED, answers=0.0)


@pytest.mark.parametrize("answers", [0.0, 0.5])
def test_messages_change_little_of_what_is_learned(without_messages: Known, answers: float) -> None:
    """Over many seeds the tolerance is 1 % shorter, give or take 2; the pace is 1.5 % slower where half answer, for the
    rhythm of who had left, and is brought back, takes in the gap up to the message; a visit is the last less often by 9
    %, answers or not. That is the shape of the gaps and not the censoring: theirs is log-normal, and the model's widest
    (four stages) has another tail. Who is written to is cut off in that tail, where the shape decides who is taken for
    gone; who is not written to is silent until no shape matters. With up to seven stages it is 8 % more often."""
    learned = after_two_years(SENT, answers)

    assert learned.tolerance == pytest.approx(without_messages.tolerance, rel=0.06)
    assert learned.pace == pytest.approx(without_messages.pace, rel=0.03)
    assert learned.dropout == pytest.approx(without_messages.dropout, rel=0.18)
    assert learned.spend == pytest.approx(without_messages.spend, rel=0.01)


def test_where_gaps_are_as_the_model_takes_them_who_leaves_is_learned_as_well_with_messages() -> None:
    """Over four seeds 2 % more, give or take 3, whether nobody answers or half; what is not censored is 30 % less."""
    without, unanswered, answered = (
        after_two_years(policy, answers, stages=3).dropout
        for policy, answers in ((UNCENSORED, 0.0), (SENT, 0.0), (SENT, 0.5))
    )

    assert unanswered == pytest.approx(without, rel=0.08)
    assert answered == pytest.approx(without, rel=0.08)


def test_who_takes_every_return_for_the_customers_own_learns_to_wait(without_messages: Known) -> None:
    learned = after_two_years(UNCENSORED, answers=0.5)

    assert learned.tolerance > 1.12 * without_messages.tolerance
    assert learned.dropout < 0.78 * without_messages.dropout
