"""Minor units as decimal text: exact, with the digits of the currency, and readable again."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.money import decimal_text


@pytest.mark.parametrize(
    ("minor", "digits", "text"),
    [(1250, 2, "12.50"), (-5, 2, "-0.05"), (0, 2, "0.00"), (7, 0, "7"), (-7, 0, "-7"), (1, 3, "0.001")],
)
def test_minor_units_are_written_with_the_digits_of_their_currency(minor: int, digits: int, text: str) -> None:
    assert decimal_text(minor, digits) == text


@given(minor=st.integers(-(10**40), 10**40), digits=st.integers(0, 6))
def test_no_digit_is_lost_however_large_the_amount(minor: int, digits: int) -> None:
    text = decimal_text(minor, digits)

    assert Decimal(text).as_tuple().exponent == -digits
    assert int(text.replace(".", "")) == minor
