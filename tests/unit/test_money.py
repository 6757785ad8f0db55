"""Minor units as decimal text: exact, with the digits of the currency, and readable again."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.money import minor_to_text


@pytest.mark.parametrize(
    ("minor", "digits", "text"),
    [(1250, 2, "12.50"), (5, 2, "0.05"), (-5, 2, "-0.05"), (0, 2, "0.00"), (1250, 0, "1250"), (-7, 0, "-7"),
     (-1, 3, "-0.001")],
)  # fmt: skip
def test_minor_units_are_written_with_the_digits_of_their_currency(minor: int, digits: int, text: str) -> None:
    assert minor_to_text(minor, digits) == text


@given(minor=st.integers(-(10**40), 10**40), digits=st.integers(0, 6))
def test_no_digit_is_lost_however_large_the_amount(minor: int, digits: int) -> None:
    text = minor_to_text(minor, digits)

    assert Decimal(text).as_tuple().exponent == -digits
    assert int(text.replace(".", "")) == minor
