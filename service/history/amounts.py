"""Text of a log → money: integers of the minor unit, or exact Decimals where digits are left over."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

Minor = int | Decimal
"""Minor units, not rounded yet: lines of an order are summed first and rounded once."""

TOO_LARGE: Final = 10**12
"""Major units, exclusive; the same bound as for events from the stream."""
_PLAIN = re.compile(r"([+-]?)(\d+)(?:\.(\d*))?", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?", re.ASCII)
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
_CACHED: Final = 100_000
_GROUP: Final = 3
"""Digits between the marks of thousands."""
_PLAIN_MOST: Final = 10
"""Characters; a number of so many is small enough whatever it is."""


class AmountReader:
    """Reads decimal amounts of a currency with `minor_digits` digits after the point.

    Texts that are not plain are cached.
    """

    def __init__(self, minor_digits: int) -> None:
        self._digits = minor_digits
        self._bound = TOO_LARGE * 10**minor_digits
        self._units: list[int] = [10 ** (minor_digits - places) for places in range(minor_digits + 1)]
        """By digits after the point: minor units of the last digit."""
        self._known: dict[str, Minor] = {"": 0}
        self.certain: bool = False
        """Whether an amount was seen whose point can only be the decimal one."""
        self.doubtful: str = ""
        """The first amount that may as well be a thousand times as much: 1.250; "" = none."""

    def read(self, text: str) -> Minor | None:
        """Signed minor units; 0 for an empty text (amount unknown); None when it is no number or absurdly large."""
        plain = self._plain(text)
        if plain >= 0:
            return plain
        known = self._known.get(text)
        return known if known is not None else self._read_slowly(text)

    def _plain(self, text: str) -> int:
        """Minor units of a text like "12.50", read digit by digit; −1 for one of another form or needless length.

        No look-up: the prices of a shop would fill the processor's caches.
        """
        length = len(text)
        if not 0 < length <= _PLAIN_MOST:
            return -1
        value, places = 0, -1
        for place in range(length):
            digit = ord(text[place]) - ord("0")
            if 0 <= digit <= 9:
                value = 10 * value + digit
                if places >= 0:
                    places += 1
            elif places < 0 < place and text[place] == ".":
                places = 0
            else:
                return -1
        if places > self._digits:
            return -1
        if places > 0:
            self.certain = True
        return value * self._units[max(0, places)]

    def _read_slowly(self, text: str) -> Minor | None:
        stripped = text.strip()
        if self._digits < _GROUP and _PLAIN.fullmatch(stripped) is not None and "." in stripped:
            whole, _, fraction = stripped.lstrip("+-").partition(".")
            if len(fraction) == _GROUP and len(whole) <= _GROUP and not whole.startswith("0"):
                self.doubtful = self.doubtful or stripped
            else:
                self.certain = True
        value: Minor | None = self._exact(stripped) if stripped else 0
        if value is None or not -self._bound < value < self._bound:
            return None
        if len(self._known) >= _CACHED:
            self._known = {"": 0}
        self._known[text] = value
        return value

    def _exact(self, text: str) -> Minor | None:
        plain = _PLAIN.fullmatch(text)
        if plain is not None and len(text) < 40:
            sign, whole, fraction = plain.groups(default="")
            fraction = fraction.rstrip("0")
            if len(fraction) <= self._digits:
                units = int(whole + fraction.ljust(self._digits, "0"))
                return -units if sign == "-" else units
        if _NUMBER.fullmatch(text) is None or len(text) >= 40:
            return None
        value = Decimal(text).scaleb(self._digits, _EXACT)
        return int(value) if value == value.to_integral_value() else value


def rounded(amount: Minor) -> int:
    """Half-even to whole minor units."""
    return amount if isinstance(amount, int) else int(amount.to_integral_value(ROUND_HALF_EVEN))
