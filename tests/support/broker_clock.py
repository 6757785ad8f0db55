"""A broker whose clock is wrong: one of its classes, the one it asks for the time of day, changed in a copy.

`SystemTime.milliseconds` is `return System.currentTimeMillis()`; to that a constant is added, in the class file's own
terms (The Java Virtual Machine Specification, chapters 4 and 6).
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

NAME: Final = "org/apache/kafka/common/utils/SystemTime.class"
METHOD: Final = b"milliseconds"
_UTF8, _LONG, _DOUBLE = 1, 5, 6
_SIZES: Final = {
    3: 4,
    4: 4,
    5: 8,
    6: 8,
    7: 2,
    8: 2,
    9: 4,
    10: 4,
    11: 4,
    12: 4,
    15: 3,
    16: 2,
    17: 4,
    18: 4,
    19: 2,
    20: 2,
}
"""Bytes of each kind of constant behind its tag."""
_INVOKESTATIC, _LDC2_W, _LADD, _LRETURN = 0xB8, 0x14, 0x61, 0xAD


def off_by(jars: Sequence[Path], seconds: float, home: Path) -> Path:
    """A directory that goes before the jars of a broker whose clock is to be off so far."""
    for jar in jars:
        with zipfile.ZipFile(jar) as archive:
            if NAME in archive.namelist():
                changed = changed_by(archive.read(NAME), int(seconds * 1000))
                file = home / f"clock{seconds:g}" / NAME
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(changed)
                return home / f"clock{seconds:g}"
    raise LookupError(f"no jar holds {NAME}")


def changed_by(content: bytes, milliseconds: int) -> bytes:
    """The class with that much added to the time of day."""
    (count,) = struct.unpack_from(">H", content, 8)
    names, at = _names(content, count)
    pool = content[10:at] + struct.pack(">Bq", _LONG, milliseconds)  # a long takes two places
    rest = bytearray(content[at:])
    code = _code_of(rest, names)
    length, stack, local, size = struct.unpack_from(">IHHI", rest, code)
    begin = code + 12
    old = bytes(rest[begin : begin + size])
    if size != 4 or old[0] != _INVOKESTATIC or old[3] != _LRETURN:
        raise ValueError(f"{NAME} tells the time in another way: {old.hex()}")
    new = old[:3] + struct.pack(">BHBB", _LDC2_W, count, _LADD, _LRETURN)
    tail = struct.pack(">HH", 0, 0)  # neither handlers nor tables of lines
    body = struct.pack(">HHI", stack + 2, local, len(new)) + new + tail
    rest[code : code + 4 + length] = struct.pack(">I", len(body)) + body
    return content[:8] + struct.pack(">H", count + 2) + pool + bytes(rest)


def _names(content: bytes, count: int) -> tuple[dict[int, bytes], int]:
    """Texts by their number, and where the constants end."""
    names, at, number = dict[int, bytes](), 10, 1
    while number < count:
        tag = content[at]
        if tag == _UTF8:
            (length,) = struct.unpack_from(">H", content, at + 1)
            names[number] = content[at + 3 : at + 3 + length]
            at += 3 + length
        else:
            at += 1 + _SIZES[tag]
        number += 2 if tag in (_LONG, _DOUBLE) else 1
    return names, at


def _code_of(rest: bytes | bytearray, names: dict[int, bytes]) -> int:
    """Where the length of that method's code stands, behind its name."""
    (interfaces,) = struct.unpack_from(">H", rest, 6)
    at = 8 + 2 * interfaces
    for kind in ("fields", "methods"):
        (members,) = struct.unpack_from(">H", rest, at)
        at += 2
        for _ in range(members):
            name, _, attributes = struct.unpack_from(">HHH", rest, at + 2)
            at += 8
            for _ in range(attributes):
                what, length = struct.unpack_from(">HI", rest, at)
                if kind == "methods" and names[name] == METHOD and names[what] == b"Code":
                    return int(at) + 2
                at += 6 + length
    raise LookupError(f"{NAME} has no {METHOD.decode()}")
