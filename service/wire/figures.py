"""Amounts as other programs write them, as far as one text or number can be made of them without guessing."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from service.errors import ErrorCode, PoisonError
from service.wire.views import View
from service.wire.wrapped import unwrapped

_MINUS: Final = frozenset("-−(")
"""What an amount below nothing begins with; the last is how accountants write it."""
_WITH_EXPONENT: Final = re.compile(r"\+?[0-9]{1,40}(\.[0-9]{1,40})?([Ee][+-]?[0-9]{1,2})?", re.ASCII)
_OF_BYTES: Final = re.compile(r"(?=.*[A-Za-z+/=])[A-Za-z0-9+/]{2,80}={0,2}")
"""Base64, of which digits alone are an amount."""
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
    amount = unwrapped(amount)
    if not isinstance(amount, dict | View):
        return amount
    units, nanos = amount.get("units"), amount.get("nanos")
    if units is None and nanos is None:
        return amount
    whole, parts = _whole(units), _whole(nanos)
    return amount if whole is None or parts is None else f"{Decimal(whole) + Decimal(parts).scaleb(-_NANO):f}"


def written_out(amount: object) -> object:
    """One with a plus or an exponent, as Java and databases write them, as a plain decimal; anything else as it is.
    PoisonError with the cure for the bytes of a decimal, which say nothing without their scale."""
    if isinstance(amount, str) and _WITH_EXPONENT.fullmatch(amount):
        return f"{Decimal(amount):f}"
    if isinstance(amount, str) and len(amount) % 4 == 0 and _OF_BYTES.fullmatch(amount):
        raise PoisonError(
            ErrorCode.INVALID_VALUE,
            f"amount: {amount[:40]!r} is no number, but may be the bytes of one, as Connect writes decimals: set "
            "decimal.handling.mode=string (Debezium) or decimal.format=NUMERIC (the JSON converter)",
        )
    return amount


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
