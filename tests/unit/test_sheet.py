"""One customer at a terminal: money as its currency writes it."""

from __future__ import annotations

from typing import NamedTuple, cast

import pytest

from service.config import Settings
from service.domain.customer import Customer
from service.inspect.lookup import Inspection
from service.inspect.sheet import _money, _signs
from tests.support.customers import customer_with


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(123_450, "EUR", "1,234.50 EUR"), (-5, "EUR", "-0.05 EUR"), (0, "EUR", "0.00 EUR"), (1_234, "JPY", "1,234 JPY"),
     (1_234_567_890_123_456, "EUR", "12,345,678,901,234.56 EUR"), (1_234_567, "KWD", "1,234.567 KWD")],
)  # fmt: skip
def test_money_has_the_minor_digits_of_its_currency_and_no_digit_is_lost(minor: int, currency: str, text: str) -> None:
    assert _money(minor, Settings(shop={"currency": currency})) == text


def test_a_sign_of_life_in_the_present_silence_is_shown_with_its_time() -> None:
    class Found(NamedTuple):
        customer: Customer

    settings = Settings(shop={"timezone": "Europe/Paris"})

    ((name, text),) = _signs(cast("Inspection", Found(customer_with(sign_us=1_741_089_600_000_000))), settings)

    assert name == "sign of life"
    assert text.startswith("2025-03-04 13:00, a purchase that was refused")
    assert _signs(cast("Inspection", Found(customer_with())), settings) == []
