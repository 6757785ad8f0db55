"""Times that programs write in parts: a list of year, month, day and so on, or seconds and what is beyond them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from service.wire.plain_values import of_mongo
from service.wire.views import View

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS: Final = (("seconds", "nanos"), ("_seconds", "_nanoseconds"))
"""Protobuf's and Gson's instant as JSON, and Firestore's."""
_LEAST, _MOST = 5, 7
"""Parts of a time as Java's Jackson lists them: to the minute, to the second, to the nanosecond."""
_FOREVER_S: Final = 10**11


def in_one(said: object) -> object:
    """A datetime, without a zone where it is a list; anything else as it is."""
    if isinstance(said, list):
        return _of_list(said)
    if isinstance(said, dict):
        said = of_mongo(said)
    if not isinstance(said, dict | View):
        return said
    for name, beyond in _SECONDS:
        seconds, nanos = _whole(said.get(name)), _whole(said.get(beyond) or 0)
        if seconds is not None and nanos is not None and abs(seconds) < _FOREVER_S:
            return _EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1_000)
    return said


def _of_list(parts: Sequence[object]) -> object:
    numbers = [each for each in parts if type(each) is int]
    if len(numbers) != len(parts) or not _LEAST <= len(parts) <= _MOST:
        return parts
    year, month, day, hour, minute, second, nanos = [*numbers, *[0] * (_MOST - len(numbers))]
    try:
        return datetime(year, month, day, hour, minute, second, nanos // 1_000)  # noqa: DTZ001 - the settings know the zone
    except (ValueError, OverflowError):
        return parts


def _whole(said: object) -> int | None:
    if isinstance(said, str) and said.removeprefix("-").isdecimal() and len(said) < 14:
        return int(said)
    return said if isinstance(said, int) and not isinstance(said, bool) else None
