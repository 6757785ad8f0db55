"""When a message is worth it: against the optimal stopping rule tried out moment by moment, and what must hold
whatever the shop is like."""

from __future__ import annotations

from math import exp, inf, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaincc

from service.domain.cadence import patience as patience_of
from service.domain.customer import Customer
from service.domain.learning.silences import CELLS, CLASS_OF_CELL, TYPICAL_VISITS, UNKNOWN, Tolerances, cell_of
from service.domain.learning.survival import EDGES
from service.domain.outreach.patience import _BURSTS, _LEAST_SAVED, _LEAST_STEADY, UP_TO, Patience, steady_gap_days
from service.domain.policy import DEFAULT_PATIENCE
from tests.support.customers import customer_with
from tests.support.examples import examples

MU0 = log(14.0)
DEFAULT = DEFAULT_PATIENCE


def erlang(stages: float, mean: float, lost: float) -> list[float]:
    """Of silences, in bases, of which that share never ends."""
    edges = np.array(EDGES[1:])
    return [float(value) for value in lost + (1.0 - lost) * gammaincc(stages, stages * edges / mean)]


def shop(curves: list[list[float]], silences: float = 1e5) -> Tolerances:
    """Every cell as big as the others."""
    each = silences / CELLS
    by_class = [curves[first] for first in range(0, CELLS, 5)]
    return Tolerances([], 1.2, [5 * each] * 4, by_class, curves, [each] * CELLS)


def of_one_kind(stages: float, lost: float, silences: float = 1e5) -> Tolerances:
    return shop(
        [erlang(stages, 1.0 / patience_of(TYPICAL_VISITS[CLASS_OF_CELL[cell]]), lost) for cell in range(CELLS)],
        silences,
    )


def regular(visits: int = 9, usual: float = 14.0, spread: float = 0.8, name: str = "anna") -> Customer:
    weight = 8.0
    return customer_with(
        customer_id=name,
        visits=visits,
        gap_weight=weight,
        gap_total=log(usual) * (2.0 + weight) - 2.0 * MU0,
        gap_square=max(0.0, spread**2 * (weight + 4.0) - 4.0 * 0.64),
        log_usual=log(usual),
    )


def learned(tolerances: Tolerances, patience: float = DEFAULT) -> Patience:
    policy = Patience(patience)
    policy.learn(tolerances, MU0)
    return policy


def asked(policy: Patience, customer: Customer) -> bool:
    """Whether the customer is written to on the day they come due."""
    return policy.chosen(customer, policy.days(customer))


CURVES = st.builds(erlang, st.floats(0.7, 20.0), st.floats(0.6, 1.6), st.floats(0.0, 0.4))
SHOPS = st.lists(CURVES, min_size=CELLS, max_size=CELLS).map(shop)
PEOPLE = st.builds(
    regular, st.integers(4, 60), st.floats(1.0, 300.0), st.floats(0.0, 1.5), st.text("abcdef", min_size=1, max_size=8)
)


@settings(deadline=None, max_examples=examples(60))
@given(SHOPS, PEOPLE, st.floats(0.1, 20.0))
def test_nobody_comes_due_before_a_usual_gap_is_over(known: Tolerances, customer: Customer, patience: float) -> None:
    assert learned(known, patience).days(customer) >= exp(customer.log_usual)


@settings(deadline=None, max_examples=examples(60))
@given(SHOPS, st.floats(0.1, 10.0))
def test_needless_messages_and_their_price_use_up_the_patience_and_no_more(known: Tolerances, patience: float) -> None:
    """rate x needless per 100 visits = patience, unless nothing more is worth a message at any price."""
    policy = learned(known, patience)

    assert policy.rate * policy.needless_per_100_visits <= patience * 1.001
    if policy.rate < 40.0:
        assert policy.rate * policy.needless_per_100_visits == pytest.approx(patience, rel=0.01)


@settings(deadline=None, max_examples=examples(40))
@given(SHOPS, st.floats(0.1, 5.0))
def test_more_patience_reaches_more_of_what_is_lost(known: Tolerances, patience: float) -> None:
    less, more = learned(known, patience), learned(known, 2.0 * patience)

    assert more.saved_share >= less.saved_share - 1e-9
    assert more.needless_per_100_visits >= less.needless_per_100_visits - 1e-9


@settings(deadline=None, max_examples=examples(40))
@given(SHOPS)
def test_no_other_moment_is_worth_more_at_the_rate_that_was_found(known: Tolerances) -> None:
    """Tried out on a grid of its own, cell by cell: the worth of the moment that the policy takes is the highest."""
    policy = learned(known)
    for cell in range(CELLS):
        curve = np.array([1.0, *known.cells[cell]])
        visits = TYPICAL_VISITS[CLASS_OF_CELL[cell]]
        dense = np.linspace(0.0, EDGES[-1], 40_001)
        lasts = np.interp(dense, EDGES, curve)
        whole = np.concatenate([[0.0], np.cumsum(0.5 * (lasts[1:] + lasts[:-1]) * np.diff(dense))])
        still = float(np.interp(6.0, dense, lasts))
        mean = (float(np.interp(6.0, dense, whole)) - 6.0 * still) / (1.0 - still)
        mean *= _BURSTS if cell % 5 == _LEAST_STEADY else 1.0

        def worth(bases: float, dense=dense, lasts=lasts, whole=whole, mean=mean) -> float:  # type: ignore[no-untyped-def]  # noqa: ANN001
            saved = max(0.0, np.interp(UP_TO * mean, dense, whole) - np.interp(bases, dense, whole)) / (3.0 * mean)
            saved -= _LEAST_SAVED * np.interp(bases, dense, lasts)
            return float(policy.rate * saved - np.interp(bases, dense, lasts) + np.interp(bases + mean, dense, lasts))

        tried = max(worth(max(1.0 / patience_of(visits), gaps * mean)) for gaps in np.arange(1.0, 3.9, 0.125))
        taken = policy.moments()[cell]
        assert (0.0 if taken is None else worth(taken)) == pytest.approx(max(0.0, tried), abs=2e-3)


def test_a_clock_is_missed_sooner_than_somebody_who_comes_as_they_please() -> None:
    clock, free = learned(of_one_kind(16.0, 0.08)), learned(of_one_kind(1.5, 0.08))
    anna = regular()

    assert clock.days(anna) < 1.7 * 14.0 < free.days(anna)
    assert clock.per_100_visits > 6.0
    assert clock.needless_per_100_visits < 0.5 * free.needless_per_100_visits


def test_before_anything_is_known_who_comes_like_a_clock_is_missed_sooner() -> None:
    policy = learned(UNKNOWN)
    clock, free = regular(spread=0.2), regular(spread=1.1)

    assert policy.days(clock) < 2.5 * 14.0 < 3.0 * 14.0 < policy.days(free)


def test_who_stayed_beyond_a_moment_that_few_silences_tell_is_still_asked_and_beyond_one_that_many_tell_no_more() -> (
    None
):
    """The moment of clock-like customers has moved to before the day on which they are looked at."""
    anna = regular(spread=0.3)
    few, many = learned(of_one_kind(16.0, 0.08, 90.0)), learned(of_one_kind(16.0, 0.08))
    late = 2.6 * exp(anna.log_usual)

    assert few.days(anna) < late
    assert few.chosen(anna, late)
    assert not many.chosen(anna, 1.4 * late)


def test_where_nearly_all_come_back_few_are_written_to() -> None:
    """Of 100 silences two never end, and who comes back does so whenever they please."""
    policy = learned(of_one_kind(1.2, 0.02))

    assert policy.per_100_visits < 5.0


def test_of_regulars_who_are_all_alike_a_part_is_drawn_the_same_on_every_replay() -> None:
    alike = shop([erlang(1.2, 1.0, 0.05)] * CELLS)
    policy, again = learned(alike), learned(alike)
    people = [
        regular(visits, spread=spread, name=f"c{number}")
        for number in range(300)
        for visits in (5, 9, 20, 40)
        for spread in (0.3, 0.6, 0.8, 1.0, 1.4)
    ]
    chosen = [asked(policy, each) for each in people]

    assert chosen == [asked(again, each) for each in people]
    assert 0.05 < sum(chosen) / len(chosen) < 0.95


def test_before_anything_is_known_the_prior_speaks_for_everybody() -> None:
    """And asks after two to four usual gaps, as a shop would."""
    policy = learned(UNKNOWN)
    written_to = [who for number in range(500) if asked(policy, who := regular(usual=10.0, name=f"c{number}"))]

    assert written_to
    assert all(20.0 <= policy.days(each) <= 40.0 for each in written_to)


def test_thin_evidence_moves_it_little() -> None:
    clock = erlang(16.0, 1.0, 0.3)
    nothing, little, much = (learned(each) for each in (UNKNOWN, shop([clock] * CELLS, 3.0), shop([clock] * CELLS)))

    assert abs(little.per_100_visits - nothing.per_100_visits) < 0.5 * abs(much.per_100_visits - nothing.per_100_visits)


def test_curves_of_classes_alone_serve_until_the_next_refresh() -> None:
    """As a release stored them that did not weigh alerts."""
    whole = of_one_kind(16.0, 0.1)
    earlier = Tolerances(whole.table, whole.kappa, whole.class_weights, whole.classes)

    assert learned(earlier).days(regular()) == pytest.approx(learned(whole).days(regular()), rel=1e-6)


def test_a_steady_customer_is_judged_by_their_own_gaps_rather_than_by_those_of_others() -> None:
    """Both have a usual gap of 60 days by the shrunk estimate, in a shop of 14."""
    policy = learned(of_one_kind(4.0, 0.1))
    steady, free = regular(usual=60.0, spread=0.3), regular(usual=60.0, spread=0.9)
    assert cell_of(steady) != cell_of(free)

    assert policy.days(steady) > 1.05 * policy.days(free)


def test_who_was_left_alone_is_not_written_to_late_when_such_customers_become_worth_it() -> None:
    """Nothing was worth it for them, so they come due when a message would bring nothing back. By then the refresh has
    changed its mind: still it would not."""
    before, after = learned(of_one_kind(1.2, 0.005)), learned(of_one_kind(3.0, 0.15))
    left_alone = next(who for number in range(500) if not asked(before, who := regular(name=f"c{number}")))
    late = before.days(left_alone)

    assert asked(after, left_alone)
    assert after.days(left_alone) < late
    assert not after.chosen(left_alone, late)


@settings(deadline=None, max_examples=examples(12))
@given(SHOPS, PEOPLE)
def test_a_message_is_worth_it_up_to_some_day_and_not_beyond(known: Tolerances, customer: Customer) -> None:
    policy = learned(known)
    days = policy.days(customer)
    chosen = [policy.chosen(customer, days * (1.0 + 0.1 * step)) for step in range(60)]

    assert chosen == sorted(chosen, reverse=True)
    assert not chosen[-1]
    assert chosen[0] == policy.chosen(customer, days + 1 / 86_400_000_000), "dates are whole microseconds"


def test_who_comes_in_bursts_is_given_more_room_than_who_does_not() -> None:
    """Of the same curve."""
    policy = learned(of_one_kind(2.0, 0.1))
    moments = policy.moments()[:5]

    assert all(moment is not None for moment in moments)
    assert moments[_LEAST_STEADY] == pytest.approx(_BURSTS * (moments[0] or 0.0), rel=0.25)
    assert (moments[_LEAST_STEADY] or 0.0) > (moments[0] or 0.0)


@settings(deadline=None, max_examples=examples(12))
@given(SHOPS, PEOPLE)
def test_the_plan_for_such_a_customer_is_the_day_on_which_they_come_due(known: Tolerances, customer: Customer) -> None:
    """From what is kept of a visit; whoever is left alone has none."""
    policy = learned(known)

    planned = policy.planned_days(
        customer.customer_id,
        customer.visits,
        cell_of(customer),
        steady_gap_days=steady_gap_days(customer, MU0),
        usual_gap_days=exp(customer.log_usual),
    )

    assert planned == (pytest.approx(policy.days(customer)) if asked(policy, customer) else inf)
