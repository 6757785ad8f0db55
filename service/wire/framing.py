"""Takes the wrapping off a record: size, Confluent framing, CloudEvents, Connect's schema. What is left is one JSON
object."""

from __future__ import annotations

import binascii
import zlib
from base64 import b64decode
from collections.abc import Iterable
from typing import Final

from pydantic_core import from_json

from service.errors import ErrorCode, PoisonError
from service.wire.connect import has_schema, payload_of

Headers = Iterable[tuple[str, bytes | None]] | None

_FRAME_BYTES: Final = 5
"""Confluent framing: magic byte 0 and a 4-byte schema id. JSON never starts with byte 0, so the two differ."""
_NO_ID: Final = bytes(4)
_LONG_FRAME_BYTES: Final = 9
_GLUE, _GLUE_BYTES = 3, 18
"""What AWS Glue's serializers put in front: a three, how it is packed (not, or with zlib), and sixteen bytes of id."""
_GLUE_PLAIN, _GLUE_PACKED = 0, 5
_LARGEST_UNPACKED: Final = 1 << 20
GLUE_CURE: Final = (
    "; it has the id of a schema in AWS Glue in front, a registry that is not asked: put the schema into a file and name it "
    "in schema_file of this topic's [inputs.…], with its format"
)
_SPECVERSION: Final = "1.0"
_BEGINS_JSON: Final = (b"{", b"[", b'"')
_MARK: Final = b"\xef\xbb\xbf"
"""What some programs of Windows put before UTF-8."""
WITHDRAWN_HEADER: Final = "churn-alert-withdrawn-us"
_MOST_DIGITS: Final = 18
SCHEMA_ID_HEADER: Final = "__value_schema_id"
"""Where newer serializers write the id of the schema: a zero and four bytes, or a one and the sixteen of a GUID; of
Protobuf the place of the message after it."""


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
        if value[1:_FRAME_BYTES] == _NO_ID and value[_FRAME_BYTES : _FRAME_BYTES + 1] not in _BEGINS_JSON:
            value = value[_LONG_FRAME_BYTES - _FRAME_BYTES :]  # Apicurio's eight bytes of id
        value = value[_FRAME_BYTES:].lstrip()
        if value[:1] not in _BEGINS_JSON and value:
            raise PoisonError(
                ErrorCode.NOT_JSON,
                "not valid JSON: it has the id of a schema in front, so it is likely Avro or Protobuf: set format in the "
                "[inputs.…] of this topic",
            )
        if not value:
            raise PoisonError(ErrorCode.EMPTY_VALUE, "the framed record has no value")
    elif value[0] == _GLUE:
        inner = behind_glue(value)
        if inner[:1] in _BEGINS_JSON:
            return inner
    return value


def behind_glue(value: bytes) -> bytes:
    """What AWS Glue's serializers wrote behind the id of its schema; empty where none is in front. PoisonError for more
    than is ever unpacked."""
    if len(value) <= _GLUE_BYTES or value[0] != _GLUE or value[1] not in (_GLUE_PLAIN, _GLUE_PACKED):
        return b""
    if value[1] == _GLUE_PLAIN:
        return value[_GLUE_BYTES:]
    unpacking = zlib.decompressobj()
    try:
        found = unpacking.decompress(value[_GLUE_BYTES:], _LARGEST_UNPACKED)
    except zlib.error:
        return b""
    if unpacking.unconsumed_tail:
        raise PoisonError(ErrorCode.TOO_LARGE, f"unpacked it has more than {_LARGEST_UNPACKED:,} bytes")
    return found


def behind_frame(content: bytes) -> bytes:
    """What follows the id of a schema; empty where there is none in front."""
    is_framed = content[:1] == b"\0" and content[1:_FRAME_BYTES] != _NO_ID
    return content[_FRAME_BYTES:] if is_framed else b""


def withdrawal_header(at_us: int) -> tuple[str, bytes]:
    """Of a record of `customers` without a value: when the customer's record was deleted elsewhere."""
    return WITHDRAWN_HEADER, b"%d" % at_us


def withdrawn_us(headers: Headers) -> int:
    """0 where no header says it."""
    for name, content in headers or ():
        if name == WITHDRAWN_HEADER and content and content.isdigit() and len(content) < _MOST_DIGITS:
            return int(content)
    return 0


class Framed(bytes):
    """A value that its header's schema id was put in front of. A one in front of any other is no frame."""

    __slots__ = ()


def with_frame(value: bytes, headers: Headers) -> bytes:
    """With the schema's id in front, where a header says it."""
    for name, content in headers or ():
        if name == SCHEMA_ID_HEADER and content:
            return Framed(content + value)
    return value


def check_headers(headers: Headers) -> None:
    """CloudEvents in binary mode: the value is the data itself; only the version must be one that is known."""
    for name, content in headers or ():
        if name == "ce_specversion" and content != _SPECVERSION.encode():
            raise PoisonError(ErrorCode.INVALID_VALUE, "ce_specversion: must be 1.0")


def read_object(text: bytes) -> dict[str, object]:
    """JSON text → the event's object, out of its structured CloudEvent where it is in one, or from beside its schema.

    A repeated key: the last one wins.
    """
    found = _parsed(text)
    if type(found) is not dict:
        found = _only_one(found)
    if len(found) == 2 and has_schema(found):
        inner = payload_of(found)
        if isinstance(inner, str) and inner.lstrip()[:1] == "{":
            inner = _parsed(inner.encode(errors="replace"))
        if inner is None:
            raise PoisonError(ErrorCode.EMPTY_VALUE, "the record has no value: its payload is null")
        if not isinstance(inner, dict):
            raise PoisonError(ErrorCode.NOT_AN_OBJECT, "payload: must be an object")
        return inner
    return opened(found)


def _only_one(found: object) -> dict[str, object]:
    """The object that a list of one is of, or a text, as an outbox writes it whose converter makes JSON of JSON."""
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    if isinstance(found, str) and found.lstrip()[:1] == "{":
        found = _parsed(found.encode(errors="replace"))
    if not isinstance(found, dict):
        several = "not an object"
        if isinstance(found, list):
            several = f"a list of {len(found):,}: let one event be a record" if found else "an empty list"
        raise PoisonError(ErrorCode.NOT_AN_OBJECT, f"the value is JSON but {several}")
    return found


def opened(found: dict[str, object]) -> dict[str, object]:
    """The event out of a structured CloudEvent, where it is in one."""
    if "specversion" not in found or not ("data" in found or "data_base64" in found):
        return found
    if found["specversion"] != _SPECVERSION:
        raise PoisonError(ErrorCode.INVALID_VALUE, "specversion: must be 1.0")
    inner: object = found["data"] if "data" in found else _of_base64(found["data_base64"])
    if isinstance(inner, str) and inner.lstrip()[:1] == "{":
        inner = _parsed(inner.encode(errors="replace"))
    if isinstance(inner, list) and len(inner) == 1:
        inner = inner[0]
    if isinstance(inner, dict) and len(inner) == 2 and has_schema(inner):
        inner = payload_of(inner)
    if not isinstance(inner, dict):
        raise PoisonError(ErrorCode.NOT_AN_OBJECT, "data: must be an object")
    return inner


def _of_base64(said: object) -> object:
    try:
        content = b64decode(said, validate=True) if isinstance(said, str) else b""
    except (binascii.Error, ValueError):
        raise PoisonError(ErrorCode.INVALID_VALUE, "data_base64: is no base64") from None
    return _parsed(content)


def _parsed(text: bytes) -> object:
    try:
        found: object = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        if text.startswith(_MARK):
            return _parsed(text.removeprefix(_MARK))
        raise _not_json(str(error), text) from None
    return found


def _not_json(reason: str, text: bytes) -> PoisonError:
    if reason.startswith("recursion limit exceeded"):
        return PoisonError(ErrorCode.TOO_DEEP, "the value is nested more than 200 levels deep")
    if reason.startswith("number out of range"):
        return PoisonError(ErrorCode.INVALID_VALUE, "a number has thousands of digits")
    cure = next((cure for begin, cure in _CURES if text.startswith(begin)), "")
    if not cure and reason.startswith("invalid unicode"):
        cure = "; JSON is written in UTF-8"
    return PoisonError(ErrorCode.NOT_JSON, f"not valid JSON: {reason[:100]}{cure}")


_CURES: Final = (
    (b"\x1f\x8b", "; the value is packed with gzip: let the producer do it with compression.type"),
    (b"PK\x03\x04", "; the value is a zip file: let one event be a record"),
    ((b"\xff\xfe", b"\xfe\xff"), "; the value is UTF-16: JSON is written in UTF-8"),
    (b"<", "; the value is XML or HTML"),
    (b"\x03\x00", GLUE_CURE),
    (b"\x03\x05", GLUE_CURE),
)
