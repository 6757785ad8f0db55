"""Amounts as other programs write them, as far as one text or number can be made of them without guessing."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from service.wire.connect import exact_of
from service.wire.views import View

_MINUS: Final = frozenset("-−(")
"""What an amount below nothing begins with; the last is how accountants write it."""
_NANO: Final = 9
"""Decimals of the smaller part of google.type.Money."""
_LONGEST: Final = 20
"""Digits of its larger part."""


def figure(amount: object) -> object:
    """One that a scale or a smaller unit stands beside, as a text; blanks around a text go. Anything else as it is."""
    if isinstance(amount, str):
        return amount.strip()
    if not isinstance(amount, dict | View):
        return amount
    scale, value = amount.get("scale"), amount.get("value")
    if scale is not None and value is not None:
        return exact_of(scale, value) or amount
    units, nanos = amount.get("units"), amount.get("nanos")
    if units is None and nanos is None:
        return amount
    whole, parts = _whole(units), _whole(nanos)
    return amount if whole is None or parts is None else f"{Decimal(whole) + Decimal(parts).scaleb(-_NANO):f}"


def _whole(value: object) -> int | None:
    if value is None:
        return 0
    if isinstance(value, str) and value.removeprefix("-").isdecimal() and len(value) <= _LONGEST:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def looks_below_nothing(amount: object) -> bool:
    """Whether an amount is below nothing in whatever spelling, be it none that is read."""
    if isinstance(amount, str):
        plain = amount.strip()
        return plain[:1] in _MINUS or plain[-1:] == "-"
    return isinstance(amount, int | float) and not isinstance(amount, bool) and amount < 0


def above_nothing(amount: object) -> object | None:
    """The same above nothing; None: it is not below."""
    if isinstance(amount, str):
        if "-" not in amount:
            return None
        text = amount.strip()
        return text[1:] if text.startswith("-") and text.strip("-0.") else None
    if isinstance(amount, int | float) and not isinstance(amount, bool) and amount < 0:
        return -amount
    return None
