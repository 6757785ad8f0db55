"""Decimal amounts of any known currency → integer minor units of the shop's, half-even, per event."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

from schemas.wire_types import MAX_AMOUNT
from service.errors import ConfigurationError, ErrorCode, PoisonError

_ISO_4217: Final = re.compile(r"[A-Z]{3}\Z")
_EXACT: Final = Context(prec=200, rounding=ROUND_HALF_EVEN)
"""Wide enough for any text the models accept (53 digits) times a rate: nothing is rounded before the end."""
_SAFE_MINOR: Final = 1e9
"""Below this a double times 10ⁿ is off by less than 3e-7 minor units, so that only halves need exact arithmetic."""
_NEAR_HALF: Final = 0.5 - 1e-6


class Money:
    """`rates[c]` = units of the shop's currency for one unit of c; the shop's own needs none."""

    def __init__(self, currency: str, minor_digits: int, rates: Mapping[str, Decimal]) -> None:
        for code in (currency, *rates):
            if _ISO_4217.match(code) is None:
                raise ConfigurationError(f"currency {code!r} is not an ISO 4217 code; write three capitals such as EUR")
        self._currency = currency
        self._factor = float(10**minor_digits)
        self._quick_below = _SAFE_MINOR / self._factor
        self._factors = {code: rate * 10**minor_digits for code, rate in rates.items()}
        self._factors[currency] = Decimal(10**minor_digits)
        self._ceiling = MAX_AMOUNT * 10**minor_digits

    def quick(self, amount: float) -> int | None:
        """Minor units of an amount in the shop's currency; None = needs `exact`."""
        if 0.0 <= amount < self._quick_below:
            minor = amount * self._factor
            nearest = int(minor + 0.5)
            if -_NEAR_HALF < minor - nearest < _NEAR_HALF:
                return nearest
        return None

    def exact(self, amount: Decimal, currency: str | None) -> int:
        """Minor units of the shop's currency. PoisonError for a currency without a rate, or beyond 10¹² major units."""
        factor = self._factors.get(self._currency if currency is None else currency)
        if factor is None and currency is not None:  # written in another way, or nothing but blanks
            factor = self._factors.get(currency.strip().upper() or self._currency)
        if factor is None:
            raise PoisonError(ErrorCode.UNKNOWN_CURRENCY, f"currency: no rate is configured for {currency}")
        minor = int(_EXACT.to_integral_value(_EXACT.multiply(amount, factor)))
        if minor >= self._ceiling:
            raise PoisonError(ErrorCode.AMOUNT_TOO_LARGE, "amount: must be below 1,000,000,000,000 after conversion")
        return minor
