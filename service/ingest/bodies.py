"""A body of some shop system, looked into: values by path, and what is known of such orders from its files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final

from service.domain.minor_units import SmallestUnit, minor_decimals
from service.errors import ErrorCode, PassedOverError, PoisonError
from service.history.people import person
from service.wire.places import Place
from service.wire.whose import NO_CUSTOMER

Object = dict[str, object]
MOST_LINES: Final = 1_000
TEST: Final = "test"
"""Why an order is passed over: it was only tried."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST: Final = 40
_FOREVER_S: Final = 253_402_300_799
"""The last second of the year 9999."""


def first(body: object, paths: Iterable[str]) -> object:
    """The value at the first of these paths where there is one."""
    return next((value for path in paths if (value := Place(path).of(body)) not in (None, "")), None)


def text(value: object) -> str:
    """A name or a number as a text; empty for anything else."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**_LONGEST:
        return str(value)
    return ""


def word(value: object) -> str:
    """What values are compared as."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return text(value).lower()


def customer_in(body: object, paths: Sequence[str], guests: Sequence[str] = ()) -> str:
    """Who bought, in the one spelling that files have it in too. PassedOverError for nobody."""
    for path in paths:
        whom = person(text(Place(path).of(body)))
        if whom and whom not in guests:
            return whom
    raise PassedOverError(NO_CUSTOMER)


def needed(body: object, path: str) -> str:
    """PoisonError where there is none."""
    found = text(Place(path).of(body))
    if not found:
        raise PoisonError(ErrorCode.MISSING_FIELD, f"{path}: is required")
    return found


def money(value: object, path: str) -> Decimal:
    """PoisonError where it is no amount."""
    try:
        found = Decimal(text(value) or (repr(value) if isinstance(value, float) else "nothing"))
    except InvalidOperation:
        raise PoisonError(ErrorCode.INVALID_VALUE, f"{path}: is no amount") from None
    if not found.is_finite() or abs(found) >= 10**12:
        raise PoisonError(ErrorCode.INVALID_VALUE, f"{path}: is no amount")
    return found


def major(value: object, currency: str, path: str, said_by: SmallestUnit = "iso4217") -> Decimal:
    """Of an amount in the currency's smallest unit. PoisonError where it is no number."""
    return money(value, path).scaleb(-minor_decimals(currency.upper(), said_by))


def seconds(value: object, path: str) -> str:
    """Unix seconds as a time of ours. PoisonError where they are none."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _FOREVER_S:
        raise PoisonError(ErrorCode.BAD_TIME, f"{path}: is no time since 1970")
    return (_EPOCH + timedelta(seconds=value)).isoformat()


def lines_of(body: object, path: str, names: Sequence[str], skus: Sequence[str]) -> list[Object]:
    """The lines of an order that say what was bought: under its number, or its name."""
    found: list[Object] = []
    lines = Place(path).of(body)
    for line in lines[:MOST_LINES] if isinstance(lines, list) else []:
        name, sku = text(first(line, names)), text(first(line, skus))
        if sku or name:
            found.append({"sku": (sku or name)[:256], **({"name": name[:500]} if name else {})})
    return found
