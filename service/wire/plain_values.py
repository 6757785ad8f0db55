"""What Avro and Protobuf know beside JSON's types, as JSON would have it: exact decimals, times, bytes, ids."""

from __future__ import annotations

import math
from base64 import b64decode
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OF_MONGO = frozenset({"$oid", "$numberDecimal", "$uuid"})
_WHOLE_OF_MONGO = frozenset({"$numberInt", "$numberLong"})
_UUIDS = frozenset({"03", "04", "3", "4"})
"""Kinds of MongoDB's binaries."""
_UUID_BYTES = 16
_LONGEST_NUMBER = 20
_MOST_PLACES = 100
"""Beyond it a decimal is left in its exponent's notation: one of 10⁹ digits would fill the memory."""
AS_THEY_ARE = frozenset({str, int, bool, type(None), dict, list})
"""Types that JSON has, but numbers with a point: they may be none."""


def plain(value: object) -> object:
    """A text for what JSON has no type of; numbers that are none (NaN, infinity) become texts as well, which no amount
    and no score is. Bytes are the text in them, or hexadecimal digits where they hold none."""
    kind = type(value)
    if kind in AS_THEY_ARE:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Decimal):
        text = str(value)
        return f"{value:f}" if "E" in text and abs(value.adjusted()) <= _MOST_PLACES else text
    if isinstance(value, bytes):
        return _text_of(value)
    if isinstance(value, date | time):  # a datetime is a date
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def of_mongo(value: object) -> object:
    """What MongoDB's extended JSON wraps in an object of one name: an id, a number, an instant; anything else as it
    is."""
    if type(value) is not dict or len(value) != 1:
        return value
    ((name, inner),) = value.items()
    if name == "$date":
        inner = of_mongo(inner)
        ticks = (
            int(inner) if isinstance(inner, str) and inner.removeprefix("-").isdecimal() and len(inner) < 16 else inner
        )
        if not isinstance(ticks, int) or isinstance(ticks, bool):
            return inner
        try:
            return (_EPOCH + timedelta(milliseconds=ticks)).isoformat()
        except OverflowError:
            return value
    if isinstance(inner, str | int) and name in _OF_MONGO:
        return inner
    if isinstance(inner, str):
        return _number_of_mongo(name, inner, value)
    if isinstance(inner, int | float) and (name in _WHOLE_OF_MONGO or name == "$numberDouble"):
        return inner
    return _uuid_of(inner) or value if name == "$binary" else value


def _number_of_mongo(name: str, text: str, otherwise: object) -> object:
    try:
        if name in _WHOLE_OF_MONGO and len(text) <= _LONGEST_NUMBER:
            return int(text)
        if name == "$numberDouble":
            number = float(text)
            return number if math.isfinite(number) else text
    except ValueError:
        return otherwise
    return otherwise


def _uuid_of(binary: object) -> str | None:
    if not isinstance(binary, dict) or str(binary.get("subType")) not in _UUIDS:
        return None
    try:
        content = b64decode(str(binary.get("base64")), validate=True)
    except ValueError:
        return None
    return str(UUID(bytes=content)) if len(content) == _UUID_BYTES else None


def _text_of(value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return value.hex()
    return text if text.isprintable() else value.hex()
