"""Records as Kafka Connect's JSON converter writes them, with their schema beside them: `{"schema": …, "payload": …}`.

JSON has no type of decimals and times; the schema says which text or number is one, and with how many decimals.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NO_ZONE: Final = "-00:00"
"""Debezium writes columns without a zone as if the clock on the wall showed UTC; a zoned one is a text."""
_LONGEST: Final = 80
"""Characters of a number: no amount has more."""
_DEEPEST: Final = 32
_FORM: Final = frozenset({"schema", "payload"})


def has_schema(found: Mapping[str, object]) -> bool:
    """Whether an object is such a pair."""
    return found.keys() == _FORM and (found["schema"] is None or isinstance(found["schema"], dict))


def payload_of(found: Mapping[str, object]) -> object:
    """What the pair is about, with decimals and times as texts."""
    return _read(found["payload"], found["schema"], 0)


def exact_of(scale: object, value: object) -> str | None:
    """A decimal as it is written where each has a scale of its own (Debezium's VariableScaleDecimal); None: it is
    none."""
    if isinstance(value, str):
        value = _bytes_of(value)
    if not isinstance(value, bytes) or len(value) > _LONGEST:
        return None
    if isinstance(scale, str):
        scale = int(scale) if scale.removeprefix("-").isdecimal() and len(scale) < 4 else None
    if not isinstance(scale, int) or isinstance(scale, bool) or abs(scale) > _LONGEST:
        return None
    return f"{Decimal(int.from_bytes(value, 'big', signed=True)).scaleb(-scale):f}"


def _read(value: object, schema: object, depth: int) -> object:
    """What cannot be read by its schema stays as it is: the models say what is wrong with it."""
    if value is None or not isinstance(schema, dict) or depth > _DEEPEST:
        return value
    kind, name = schema.get("type"), schema.get("name")
    if isinstance(value, dict) and kind == "struct":
        fields = schema.get("fields")
        of = {
            each["field"]: each
            for each in (fields if isinstance(fields, list) else ())
            if isinstance(each, dict) and isinstance(each.get("field"), str)
        }
        return {key: _read(inner, of.get(key), depth + 1) for key, inner in value.items()}
    if isinstance(value, list) and kind == "array":
        return [_read(each, schema.get("items"), depth + 1) for each in value]
    known = _LOGICAL.get(name) if isinstance(name, str) else None
    found = None if known is None else known(value, schema)
    return value if found is None else found


def _bytes_of(text: str) -> bytes | None:
    if len(text) > _LONGEST:
        return None
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _decimal(value: object, schema: Mapping[str, object]) -> str | None:
    parameters = schema.get("parameters")
    return exact_of(parameters.get("scale") if isinstance(parameters, dict) else None, value)


def _ticks(tick_us: int) -> Callable[[object, Mapping[str, object]], str | None]:
    def read(value: object, _schema: Mapping[str, object]) -> str | None:
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 10**19:
            return None
        try:
            return f"{(_EPOCH + timedelta(microseconds=value * tick_us)).replace(tzinfo=None).isoformat()}{_NO_ZONE}"
        except OverflowError:
            return None

    return read


def _day(value: object, _schema: Mapping[str, object]) -> str | None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2_900_000:
        return None
    return (_EPOCH + timedelta(days=value)).date().isoformat()


def _nanoseconds(value: object, schema: Mapping[str, object]) -> str | None:
    return _ticks(1)(value // 1_000, schema) if isinstance(value, int) else None


_LOGICAL: Final[dict[str, Callable[[object, Mapping[str, object]], str | None]]] = {
    "org.apache.kafka.connect.data.Decimal": _decimal,
    "org.apache.kafka.connect.data.Timestamp": _ticks(1_000),
    "org.apache.kafka.connect.data.Date": _day,
    "io.debezium.time.Timestamp": _ticks(1_000),
    "io.debezium.time.MicroTimestamp": _ticks(1),
    "io.debezium.time.NanoTimestamp": _nanoseconds,
    "io.debezium.time.Date": _day,
}
