"""When steady regulars come due where a number of messages is set: against every moment tried out, and what must hold
whatever the shop is like."""

from __future__ import annotations

from math import exp, fsum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.calendar import DAY_US
from service.domain.customer import Customer
from service.domain.learning.silences import CELLS, TYPICAL_VISITS, UNKNOWN, Tolerances, cell_of
from service.domain.learning.survival import Survival
from service.domain.outreach.moments import Moments, steadiness
from service.domain.outreach.patience import TYPICAL_PATIENCE, kinds_of, steady_gap_days
from service.domain.outreach.volume import LATEST, Volume, VolumeState
from tests.support.examples import examples
from tests.unit.test_patience import MU0, of_one_kind, regular

CLOCK = of_one_kind(stages=8.0, lost=0.1)
LOOSE = of_one_kind(stages=1.0, lost=0.1)
STEADY, IRREGULAR = regular(spread=0.35), regular(spread=0.8)
BALANCED = 0.5
"""Of the bucket: nobody is hastened or held up."""


def learned(tolerances: Tolerances, share: float) -> Moments:
    moments = Moments()
    moments.learn(tolerances, share)
    return moments


def limited(tolerances: Tolerances, per_100: float, *, seen_days: float = 365.0) -> Volume:
    """A volume that has gone on for so long, in balance."""
    state = VolumeState()
    state.days, state.until_us = seen_days, int(400 * DAY_US)
    state.visits = 20.0 * seen_days
    volume = Volume(per_100, None, state)
    volume.learn(tolerances, MU0)
    state.tokens = BALANCED * 0.2 * per_100 * 30.0
    return volume


def worth(customer: Customer, tolerances: Tolerances, price: float, gaps: float) -> float:
    """Of a message after so many usual gaps, from the curve alone."""
    cell = cell_of(customer)
    lasts = Survival(tolerances.cells[cell])
    mean, at = lasts.mean_healthy, gaps / TYPICAL_PATIENCE[cell]
    steps = [at + (4.0 * mean - at) * (n + 0.5) / 400 for n in range(400)]
    saved = fsum(lasts.at(step) for step in steps) * (4.0 * mean - at) / 400 / (3.0 * mean)
    return saved - price * (lasts.at(at) + 0.3 * (lasts.at(at) - lasts.at(at + mean)))


@pytest.mark.parametrize("share", [0.08, 0.15, 0.3])
@pytest.mark.parametrize("tolerances", [CLOCK, LOOSE], ids=["clock", "loose"])
def test_no_other_moment_is_worth_more_at_the_price(tolerances: Tolerances, share: float) -> None:
    moments = learned(tolerances, share)

    gaps = exp(moments.log_gaps(STEADY, 0.0))

    mean = Survival(tolerances.cells[cell_of(STEADY)]).mean_healthy * TYPICAL_PATIENCE[cell_of(STEADY)]
    tried = [mean * (1.0 + 0.05 * step) for step in range(60)]
    best = max(worth(STEADY, tolerances, moments.price, each) for each in tried)
    assert worth(STEADY, tolerances, moments.price, gaps) >= best - 0.003


@pytest.mark.parametrize("share", [0.15, 0.2, 0.3])
def test_as_many_messages_are_worth_the_price_as_are_wanted(share: float) -> None:
    moments = learned(CLOCK, share)
    one_of_each = [regular(visits, spread=spread) for visits in TYPICAL_VISITS for spread in (0.4, 0.6, 0.8, 0.9, 1.2)]
    assert [cell_of(each) for each in one_of_each] == list(range(CELLS))

    kinds, weights = kinds_of(CLOCK)
    sent = fsum(
        weight * kind.lasts.at(exp(moments.log_gaps(each, 0.0)) / typical)
        for kind, weight, each, typical in zip(kinds, weights, one_of_each, TYPICAL_PATIENCE, strict=True)
    )

    assert sent == pytest.approx(share, rel=0.02)


def test_a_clock_is_asked_sooner_than_the_limit_for_all_and_who_is_irregular_at_it() -> None:
    volume = limited(CLOCK, 5.0)

    assert volume.days(STEADY) < 0.9 * LATEST * 14.0
    assert volume.days(IRREGULAR) == pytest.approx(LATEST * 14.0)


def test_the_more_messages_there_are_the_sooner_a_clock_is_asked() -> None:
    days = [limited(CLOCK, per_100).days(STEADY) for per_100 in (5.0, 12.0, 20.0, 30.0)]

    assert days == sorted(days, reverse=True)
    assert days[-1] < 0.9 * days[0]


def test_a_full_bucket_hastens_and_an_empty_one_holds_up() -> None:
    moments = learned(CLOCK, 0.15)

    assert moments.log_gaps(STEADY, 1.0) < moments.log_gaps(STEADY, 0.0) < moments.log_gaps(STEADY, -1.0)


@pytest.mark.parametrize(
    ("tolerances", "seen_days"), [(UNKNOWN, 365.0), (CLOCK, 20.0)], ids=["no silences known", "a new shop"]
)
def test_while_little_is_known_the_limit_is_the_same_for_all(tolerances: Tolerances, seen_days: float) -> None:
    volume = limited(tolerances, 5.0, seen_days=seen_days)

    assert volume.days(STEADY) == pytest.approx(LATEST * exp(STEADY.log_usual))


def test_the_shop_is_believed_the_more_the_more_silences_it_has_shown() -> None:
    days = [limited(of_one_kind(8.0, 0.1, silences), 5.0).days(STEADY) for silences in (5.0, 60.0, 1e3, 1e5)]

    assert days == sorted(days, reverse=True)
    assert days[-1] < 0.9 * days[0]


def test_steadiness_falls_with_the_spread_of_the_own_gaps() -> None:
    assert steadiness(regular(spread=0.35)) == 1.0
    assert 0.0 < steadiness(regular(spread=0.72)) < 1.0
    assert steadiness(regular(spread=0.8)) == 0.0


@settings(max_examples=examples(40), deadline=None)
@given(
    stages=st.floats(0.5, 16.0),
    lost=st.floats(0.0, 0.6),
    per_100=st.floats(0.5, 60.0),
    spread=st.floats(0.1, 1.5),
    visits=st.integers(4, 60),
    usual=st.floats(1.0, 400.0),
)
def test_nobody_is_asked_before_their_usual_gap_is_over_or_when_an_absence_has_become_a_loss(
    stages: float, lost: float, per_100: float, spread: float, visits: int, usual: float
) -> None:
    customer = regular(visits, usual, spread)

    days = limited(of_one_kind(stages, lost), per_100).days(customer)

    own = min(exp(customer.log_usual), steady_gap_days(customer, MU0))
    assert own * (1.0 - 1e-9) <= days
    assert days <= 8.0 * max(usual, steady_gap_days(customer, MU0))
