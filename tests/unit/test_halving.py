"""The one search by halving: of prices, of exchange rates, of lengths of silence."""

from __future__ import annotations

import pytest

from service.domain.halving import HALVINGS, bracket


@pytest.mark.parametrize("turns", [-2.999, -0.5, 0.0, 1.75, 3.999])
def test_it_closes_in_on_where_the_answer_turns(turns: float) -> None:
    low, high = bracket(lambda value: value > turns, -3.0, 4.0)

    assert low <= turns < high
    assert high - low == pytest.approx(7.0 / 2.0**HALVINGS)


def test_what_is_always_so_is_found_at_the_lower_end_and_what_never_is_at_the_upper() -> None:
    low, high = bracket(lambda _: True, 1.0, 2.0)
    assert low == 1.0
    assert high == pytest.approx(1.0)

    low, high = bracket(lambda _: False, 1.0, 2.0)
    assert low == pytest.approx(2.0)
    assert high == 2.0
