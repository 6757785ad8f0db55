"""What the money of a row is in the shop's currency: by the rates of the settings, and by what the file itself says."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Final

from service.domain.minor_units import SmallestUnit, minor_decimals
from service.history.decimals import AmountColumn, code_of

ONE: Final = Decimal(1)
_SPELLINGS_KEPT: Final = 10_000
"""Of currencies, each looked at once."""
_LEGS: Final = 2
Legs = Mapping[str, str]
"""Currency → what went or came of it, as it is written, where money was changed."""


class Exchange:
    """Rates, each of so many units of the shop's currency for one."""

    def __init__(
        self,
        rates: Mapping[str, Decimal | None],
        minor_digits: int,
        smallest_unit: SmallestUnit | None,
        changed: Mapping[str, Legs],
        amounts: AmountColumn | None,
    ) -> None:
        """`rates` are of the currencies that the table has, None = not known; `changed` are the payments whose money
        the file itself says to have been changed, by their numbers; `amounts` reads what stands there."""
        self._rates, self._changed, self._amounts = rates, changed, amounts
        self._smallest_unit = smallest_unit
        self._minor = Decimal(1).scaleb(-minor_digits)
        self._spelled: dict[str, Decimal | None] = {}

    def rate_of(self, currency: str) -> Decimal | None:
        """None = not known."""
        if not currency:
            return ONE if self._smallest_unit is None else self._minor
        if currency in self._spelled:
            return self._spelled[currency]
        code = code_of(currency)
        rate = self._rates.get(code, ONE)
        if self._smallest_unit is not None and rate is not None:
            rate = rate.scaleb(-minor_decimals(code, self._smallest_unit))
        if len(self._spelled) < _SPELLINGS_KEPT:
            self._spelled[currency] = rate
        return rate

    def told(self, amount: str, converted: str, currency: str) -> Decimal | None:
        """The rate of a row that says itself what it was converted to; amounts are plain numbers."""
        rate = self._rates.get(currency.strip().upper()) if currency.strip() else None
        return None if rate is None else _ratio(converted, amount, rate)

    def changed(self, currency: str, *numbers: str) -> Decimal | None:
        """The rate at which the money of a payment was changed, of the first of these numbers of which it is known."""
        code = currency.strip().upper()
        for number in numbers:
            legs = self._changed.get(number.strip(), {})
            if len(legs) != _LEGS or code not in legs or self._amounts is None:
                continue
            other = next(one for one in legs if one != code)
            rate = self._rates.get(other)
            if rate is not None:
                return _ratio(self._amounts.clean(legs[other]), self._amounts.clean(legs[code]), rate)
        return None

    def in_ours(self, text: str, rate: Decimal) -> str:
        """An amount at a rate; what is no number stays as it is."""
        if rate is ONE or not text:
            return text
        try:
            value = Decimal(text)
        except InvalidOperation:
            return text
        return format((value * rate).quantize(self._minor, ROUND_HALF_EVEN) if rate != 1 else value, "f")


def _ratio(to: str, of: str, rate: Decimal) -> Decimal | None:
    try:
        gone, come = abs(Decimal(of)), abs(Decimal(to))
    except InvalidOperation:
        return None
    return come / gone * rate if gone and come else None


def less(worth: str, back: str) -> str:
    """An amount without another one, whose sign does not matter."""
    try:
        return format(Decimal(worth or "0") - abs(Decimal(back)), "f")
    except InvalidOperation:
        return worth
