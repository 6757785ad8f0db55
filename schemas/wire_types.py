"""The scalar types of the wire: texts, times, amounts. Each says what it refuses and under which error type.

Custom error types (`bad_time`, `negative_amount` …) are the codes that a dead letter carries.
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Final
from zoneinfo import available_timezones

import msgspec
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

MAX_ID: Final = 256
"""Characters of an identifier. Longer ones are mistakes (a whole document in the field) and would sit in memory per
customer."""
MAX_NAME: Final = 500
MAX_COMMENT: Final = 10_000
MAX_ITEMS: Final = 1_000
MAX_AMOUNT: Final = 10**12
"""Major units, exclusive. No order is that large, and below it minor units stay far inside 64 bits."""

AMOUNT_TEXT: Final = r"^-?[0-9]{1,40}(?:\.[0-9]{1,40})?\Z"
_AMOUNT_TEXT = re.compile(AMOUNT_TEXT)
_NO_CONTROLS: Final = r"^[^\u0000-\u001f\u007f-\u009f]+$"


class WireModel(BaseModel):
    """Frozen. Unknown fields are ignored, so that producers may add some; nothing is converted: `"5"` is not 5."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, defer_build=True)


def read_time(value: object) -> datetime:
    """RFC 3339 text with an offset → aware datetime. More than six fraction digits are rounded to the microsecond."""
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, str):
        try:
            moment = msgspec.convert(value, datetime)
        except msgspec.ValidationError:
            raise PydanticCustomError(
                "bad_time", "must be an RFC 3339 time such as 2025-03-04T12:30:00+01:00"
            ) from None
    else:
        raise PydanticCustomError("wrong_type", "must be a text with an RFC 3339 time")
    if moment.tzinfo is None:
        raise PydanticCustomError("bad_time", "has no offset: end it with Z or +01:00")
    return moment


def _read_decimal(value: object) -> Decimal:
    """A JSON number (as the shortest decimal of its double) or a plain decimal text, which is exact."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise PydanticCustomError("wrong_type", "must be a number or a decimal text")
    if isinstance(value, str):
        if _AMOUNT_TEXT.match(value) is None:
            raise PydanticCustomError("invalid_value", "must be a plain decimal such as 12.50")
        return Decimal(value)
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, int):
        return Decimal(
            max(-MAX_AMOUNT, min(MAX_AMOUNT, value))
        )  # both bounds are refused; thousands of digits cost nothing
    return value


def read_amount(value: object) -> Decimal:
    """A decimal in [0, 10¹²) major units."""
    amount = _read_decimal(value)
    if amount.is_nan():
        raise PydanticCustomError("invalid_value", "must be a number")
    if amount < 0:
        raise PydanticCustomError(
            "negative_amount", "must be at least 0; a refund has kind = refund and a positive amount"
        )
    return _bounded(amount)


def read_signed_amount(value: object) -> Decimal:
    """A decimal in (−10¹², 10¹²); a discount line is negative."""
    amount = _read_decimal(value)
    if amount.is_nan():
        raise PydanticCustomError("invalid_value", "must be a number")
    return _bounded(amount)


def _bounded(amount: Decimal) -> Decimal:
    if abs(amount) >= MAX_AMOUNT:
        raise PydanticCustomError("amount_too_large", "must be below 1,000,000,000,000")
    return amount


def read_score(value: object) -> int:
    """A whole number; 5.0 is one, as it is for JSON Schema."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise PydanticCustomError("wrong_type", "must be a whole number")
    return value


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _known_zone(name: str) -> str:
    if name not in _zones():
        raise PydanticCustomError("invalid_value", "must be an IANA time zone such as Europe/Paris")
    return name


Identifier = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID, pattern=_NO_CONTROLS)]
Name = Annotated[str, StringConstraints(max_length=MAX_NAME)]
Locale = Annotated[str, StringConstraints(max_length=35, pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*$")]
Zone = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_known_zone)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Time = Annotated[datetime, BeforeValidator(read_time), WithJsonSchema({"type": "string", "format": "date-time"})]
_DECIMAL_TEXT = {"type": "string", "pattern": r"^-?[0-9]{1,40}(\.[0-9]{1,40})?$"}
Amount = Annotated[
    Decimal,
    BeforeValidator(read_amount),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "exclusiveMaximum": MAX_AMOUNT},
                {"type": "string", "pattern": r"^[0-9]{1,40}(\.[0-9]{1,40})?$"},
            ]
        }
    ),
]
SignedAmount = Annotated[
    Decimal,
    BeforeValidator(read_signed_amount),
    WithJsonSchema(
        {"anyOf": [{"type": "number", "exclusiveMinimum": -MAX_AMOUNT, "exclusiveMaximum": MAX_AMOUNT}, _DECIMAL_TEXT]}
    ),
]
Score = Annotated[int, BeforeValidator(read_score), WithJsonSchema({"type": "integer", "minimum": 0, "maximum": 10})]

UtcTime = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z$")
]
"""Outputs: RFC 3339 in UTC, always ending in Z."""
LocalDate = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Money = Annotated[str, StringConstraints(pattern=r"^-?[0-9]+(\.[0-9]+)?$")]
"""Outputs: decimal text with the currency's minor digits, e.g. 12.50 (EUR) or 1250 (JPY)."""
