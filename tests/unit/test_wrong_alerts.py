"""Promised against realised, by hand."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.backtest.absences import Absences
from service.backtest.wrong_alerts import closing_weights, wrong_alerts_of
from service.domain.calendar import DAYS_PER_YEAR
from service.domain.learning.churn_model import ChurnModel


def table(*rows: tuple[int, float, bool, float]) -> Absences:
    """Absences of (visits so far, gap, returned, alert after); base 10 days, the log goes on for 1,000 after each."""
    made = Absences(span=1000.0, sampled_share=1.0, whole_days=False)
    for visits, gap, returned, alerted in rows:
        made.visits.append(visits)
        made.gap.append(gap)
        made.returned.append(returned)
        made.left.append(1000.0 if returned else gap)
        made.usual.append(10.0)
        made.base.append(10.0)
        made.alerted.append(alerted)
        made.models.append(ChurnModel())
    return made


def test_without_open_gaps_every_closed_one_weighs_the_same() -> None:
    assert closing_weights([5.0, 1.0, 3.0, 3.0], [1, 1, 1, 1]) == pytest.approx([0.25] * 4)


def test_what_an_open_gap_may_become_is_spread_over_the_longer_closed_ones() -> None:
    # four at risk: 1/4 closes first; then one is cut off, and its quarter is shared by the two that are longer
    assert closing_weights([1.0, 2.0, 3.0, 4.0], [1, 0, 1, 1]) == pytest.approx([1 / 4, 0, 3 / 8, 3 / 8])


def test_at_the_same_length_a_gap_that_closed_comes_before_one_that_was_cut_off() -> None:
    assert closing_weights([2.0, 2.0], [0, 1]) == pytest.approx([0, 1 / 2])


@given(st.lists(st.tuples(st.floats(0.1, 100), st.booleans()), max_size=30))
def test_the_weights_are_the_drops_of_one_curve_from_one_to_what_is_left(drawn: list[tuple[float, bool]]) -> None:
    weights = closing_weights([length for length, _ in drawn], [closed for _, closed in drawn])

    assert all(weight >= 0 for weight in weights)
    assert sum(weights) <= 1 + 1e-9
    longest = max(drawn, default=(0.0, False), key=lambda one: (one[0], not one[1]))
    if longest[1] and drawn:
        assert sum(weights) == pytest.approx(1.0)


def test_wrong_alerts_are_counted_per_healthy_gap_and_per_year_of_them() -> None:
    *_, whole = wrong_alerts_of(
        table((5, 10.0, True, inf), (8, 30.0, True, 20.0), (20, 20.0, True, inf), (20, 40.0, True, 40.0))
    )

    assert (whole.visits, whole.healthy, whole.wrong) == (None, 4, 1)
    assert whole.share == pytest.approx(1 / 4)
    assert whole.rate == pytest.approx(1 / (100.0 / DAYS_PER_YEAR))


def test_an_absence_longer_than_six_bases_is_no_healthy_gap() -> None:
    *_, whole = wrong_alerts_of(table((5, 10.0, True, inf), (5, 60.5, True, 20.0), (5, 200.0, False, 20.0)))

    assert (whole.healthy, whole.wrong, whole.share, whole.alerts) == (1, 0, 0.0, 2)


def test_the_classes_part_the_whole_by_visits() -> None:
    few, some, many, whole = wrong_alerts_of(
        table(
            (4, 10.0, True, 5.0),
            (6, 10.0, True, inf),
            (7, 10.0, True, 5.0),
            (12, 10.0, True, 5.0),
            (13, 10.0, True, inf),
        )
    )

    assert [(each.healthy, each.wrong) for each in (few, some, many, whole)] == [(2, 1), (2, 2), (1, 0), (5, 3)]
    assert few.share == pytest.approx(0.5)


def test_without_a_healthy_gap_nothing_is_known() -> None:
    *_, whole = wrong_alerts_of(table())

    assert (whole.share, whole.rate, whole.enough) == (None, None, False)
