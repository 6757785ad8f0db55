"""MessagePack for records that hold sums: exact however large they are.

MessagePack's own integers end at 64 bits, and 185,000 purchases of just below 10¹² by one customer are more than that.
What does not fit is an extension that holds the number's bytes. A record without such a number is the same bytes as
without this module, and is made as fast: only an overflow leads here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

Form = TypeVar("Form")

_WIDE: Final = 1
"""Code of the extension: a signed number, big-endian."""
_LEAST: Final = -(1 << 63)
_MOST: Final = (1 << 64) - 1
"""Between them MessagePack's own integers lie."""
_encode = msgspec.msgpack.encode


def hold(code: int, data: memoryview) -> int:
    """The number of an extension; an `ext_hook`."""
    if code != _WIDE:
        raise ValueError(f"an extension of code {code}, which this release does not know")
    return int.from_bytes(data, "big", signed=True)


_decode = msgspec.msgpack.Decoder(ext_hook=hold).decode


def encode(value: object) -> bytes:
    """Of tuples, lists, maps, msgspec structs and plain values, whatever the size of their numbers."""
    try:
        return _encode(value)
    except OverflowError:
        return _encode(_widened(msgspec.to_builtins(value, builtin_types=(bytes,))))


def decode(value: bytes) -> Any:
    """Back from `encode`, as plain values. Raises ValueError or a msgspec error for anything else."""
    return _decode(value)


def decode_as(value: bytes, form: type[Form]) -> Form:
    """Back from `encode`, as a struct or another typed form: for one in which a number did not fit."""
    return msgspec.convert(_decode(value), form)


def _widened(value: Any) -> Any:
    if isinstance(value, int):
        if _LEAST <= value <= _MOST:
            return value
        return msgspec.msgpack.Ext(_WIDE, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))
    if isinstance(value, list | tuple):
        return [_widened(each) for each in value]
    if isinstance(value, Mapping):
        return {_widened(key): _widened(each) for key, each in value.items()}
    return value
