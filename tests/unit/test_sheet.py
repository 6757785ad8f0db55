"""One customer at a terminal: money as its currency writes it."""

from __future__ import annotations

import pytest

from service.config import Settings
from service.inspect.sheet import _money


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(123_450, "EUR", "1,234.50 EUR"), (-5, "EUR", "-0.05 EUR"), (0, "EUR", "0.00 EUR"), (1_234, "JPY", "1,234 JPY"),
     (1_234_567_890_123_456, "EUR", "12,345,678,901,234.56 EUR"), (1_234_567, "KWD", "1,234.567 KWD")],
)  # fmt: skip
def test_money_has_the_minor_digits_of_its_currency_and_no_digit_is_lost(minor: int, currency: str, text: str) -> None:
    assert _money(minor, Settings(shop={"currency": currency})) == text
