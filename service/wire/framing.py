"""Takes the wrapping off a record: size, Confluent framing, CloudEvents. What is left is one JSON object."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pydantic_core import from_json

from service.errors import ErrorCode, PoisonError

Headers = Iterable[tuple[str, bytes | None]] | None

_FRAME_BYTES: Final = 5
"""Confluent framing: magic byte 0 and a 4-byte schema id. JSON never starts with byte 0, so the two differ."""
_SPECVERSION: Final = "1.0"


def unframe(value: bytes | None, max_bytes: int) -> bytes:
    """The JSON text of a record; PoisonError for nothing, or for more than `max_bytes`."""
    return strip_frame(whole(value, max_bytes))


def whole(value: bytes | None, max_bytes: int) -> bytes:
    """The value as it is; PoisonError as `unframe`."""
    if value is None or not value:
        raise PoisonError(ErrorCode.EMPTY_VALUE, "the record has no value")
    if len(value) > max_bytes:
        raise PoisonError(ErrorCode.TOO_LARGE, f"the value has {len(value)} bytes, more than {max_bytes}")
    return value


def strip_frame(value: bytes) -> bytes:
    """JSON behind the id of its schema, or without one."""
    if value[0] == 0:
        value = value[_FRAME_BYTES:]
        if not value:
            raise PoisonError(ErrorCode.EMPTY_VALUE, "the framed record has no value")
    return value


def check_headers(headers: Headers) -> None:
    """CloudEvents in binary mode: the value is the data itself; only the version must be one that is known."""
    for name, content in headers or ():
        if name == "ce_specversion" and content != _SPECVERSION.encode():
            raise PoisonError(ErrorCode.INVALID_VALUE, "ce_specversion: must be 1.0")


def read_object(text: bytes) -> dict[str, object]:
    """JSON text → the event's object, out of its structured CloudEvent where it is in one.

    A repeated key: the last one wins.
    """
    try:
        found: object = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise _not_json(str(error)) from None
    if not isinstance(found, dict):
        raise PoisonError(ErrorCode.NOT_AN_OBJECT, "the value is JSON but not an object")
    return opened(found)


def opened(found: dict[str, object]) -> dict[str, object]:
    """The event out of a structured CloudEvent, where it is in one."""
    if "specversion" not in found or "data" not in found:
        return found
    if found["specversion"] != _SPECVERSION:
        raise PoisonError(ErrorCode.INVALID_VALUE, "specversion: must be 1.0")
    inner: object = found["data"]
    if not isinstance(inner, dict):
        raise PoisonError(ErrorCode.NOT_AN_OBJECT, "data: must be an object")
    return inner


def _not_json(reason: str) -> PoisonError:
    if reason.startswith("recursion limit exceeded"):
        return PoisonError(ErrorCode.TOO_DEEP, "the value is nested more than 200 levels deep")
    if reason.startswith("number out of range"):
        return PoisonError(ErrorCode.INVALID_VALUE, "a number has thousands of digits")
    return PoisonError(ErrorCode.NOT_JSON, f"not valid JSON: {reason[:100]}")
