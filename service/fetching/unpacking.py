"""Decompression that is bounded before it is paid for: 12 KB of zstd hold 400 MiB.

What a batch may hold once unpacked is bounded in bytes, and beyond a few MiB also as a multiple of what it takes
packed. No more is ever written than that, and no more is allocated than the blocks of the stream can hold.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import Final

import cramjam

GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4
"""As the attributes of a batch name them."""
MOST_RATIO: Final = 1_000
"""Events alike as two peas pack to a two-hundredth; the best that gzip can do with zeros is a thousandth."""
ALWAYS_ALLOWED: Final = 4 << 20
"""Whatever the ratio."""

_XERIAL: Final = b"\x82SNAPPY\x00"
_XERIAL_HEADER_BYTES: Final = 16
_ZSTD_FRAME: Final = 0xFD2FB528
_ZSTD_SKIPPABLE: Final = 0x184D2A50
_ZSTD_BLOCK_BYTES: Final = 128 << 10
_LZ4_FRAME: Final = 0x184D2204
_LZ4_BLOCK_BYTES: Final = {4: 64 << 10, 5: 256 << 10, 6: 1 << 20, 7: 4 << 20}
_FULL: Final = "write whole buffer"
"""What cramjam says when what it unpacks is larger than the room for it."""
_LEAST_ROOM: Final = 1 << 10


class UnpackingError(Exception):
    """Nothing of it can be used."""


class UnknownCodecError(UnpackingError):
    """Nobody here can unpack it."""


class TooLargeError(Exception):
    """There is more than may be unpacked. `part` is what was: the room in front, then the beginning."""

    def __init__(self, part: memoryview) -> None:
        super().__init__()
        self.part = part


def allowed_bytes(packed: int, most: int) -> int:
    """What so many bytes may hold, where no batch may hold more than `most`."""
    return min(most, max(ALWAYS_ALLOWED, MOST_RATIO * packed))


def unpack(codec: int, packed: memoryview, most: int, room: int) -> memoryview:
    """What is packed, behind `room` bytes for a header. UnpackingError, or TooLargeError beyond what is allowed."""
    if codec not in _UNPACKERS:
        raise UnknownCodecError(f"compression {codec} is not known")
    return _UNPACKERS[codec](packed, allowed_bytes(len(packed), most), room)


def _gzip(packed: memoryview, allowed: int, room: int) -> memoryview:
    """One member after the other, as the format has it; zeros behind the last are padding."""
    unpacked, rest = bytearray(room), bytes(packed)
    try:
        while rest:
            member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            unpacked += member.decompress(rest, allowed + room + 1 - len(unpacked))
            if len(unpacked) > allowed + room:
                raise TooLargeError(memoryview(unpacked)[: allowed + room])
            if not member.eof:
                raise UnpackingError("gzip: it ends too early")
            rest = member.unused_data.lstrip(b"\0")
    except zlib.error as error:
        raise UnpackingError(f"gzip: {error}") from error
    return memoryview(unpacked)


def _snappy(packed: memoryview, allowed: int, room: int) -> memoryview:
    """Blocks in the framing of the Java library, or one block as it is; each says how much it holds."""
    blocks, length = list[tuple[memoryview, int]](), 0
    unframed = bytes(packed[: len(_XERIAL)]) != _XERIAL or len(packed) < _XERIAL_HEADER_BYTES
    at, whole = (0 if unframed else _XERIAL_HEADER_BYTES), True
    try:
        while at < len(packed):
            size = len(packed) if unframed else struct.unpack_from(">i", packed, at)[0]
            at += 0 if unframed else 4
            if not 0 < size <= len(packed) - at:
                raise UnpackingError(f"snappy: a block of {size} bytes is not there")
            block = packed[at : at + size]
            holds = int(cramjam.snappy.decompress_raw_len(block))
            if length + holds > allowed:
                whole = False
                break
            blocks.append((block, holds))
            length += holds
            at += size
        unpacked, filled = memoryview(bytearray(room + length)), room
        for block, holds in blocks:
            cramjam.snappy.decompress_raw_into(block, unpacked[filled : filled + holds])
            filled += holds
    except (cramjam.DecompressionError, struct.error) as error:
        raise UnpackingError(f"snappy: {error}") from error
    if not whole:
        raise TooLargeError(unpacked)
    return unpacked


def _lz4(packed: memoryview, allowed: int, room: int) -> memoryview:
    return _into(cramjam.lz4.decompress_into, "lz4", packed, _lz4_bound(packed), allowed, room)


def _zstd(packed: memoryview, allowed: int, room: int) -> memoryview:
    return _into(cramjam.zstd.decompress_into, "zstd", packed, _zstd_bound(packed), allowed, room)


def _into(
    decompress_into: Callable[[memoryview, memoryview], int],
    name: str,
    packed: memoryview,
    bound: int | None,
    allowed: int,
    room: int,
) -> memoryview:
    """`bound` is what its blocks can hold at most; None where they cannot be followed."""
    wanted = allowed if bound is None else min(allowed, max(bound, _LEAST_ROOM))
    while True:
        unpacked = memoryview(bytearray(room + wanted))
        try:
            length = int(decompress_into(packed, unpacked[room:]))
        except cramjam.DecompressionError as error:
            if _FULL not in str(error):
                raise UnpackingError(f"{name}: {error}") from error
            if wanted >= allowed:
                raise TooLargeError(unpacked) from None
            wanted = allowed
        else:
            return unpacked[: room + length]


def _zstd_bound(packed: memoryview) -> int | None:
    """From the headers of its blocks; their contents are not looked at."""
    at, end, bound = 0, len(packed), 0
    try:
        while at < end:
            magic = int.from_bytes(packed[at : at + 4], "little")
            if magic & ~0xF == _ZSTD_SKIPPABLE:
                at += 8 + int.from_bytes(packed[at + 4 : at + 8], "little")
                continue
            if magic != _ZSTD_FRAME:
                return None
            described = packed[at + 4]
            single = described >> 5 & 1
            at += 5 + (not single) + (0, 1, 2, 4)[described & 3] + (single, 2, 4, 8)[described >> 6]
            last = 0
            while not last:
                block = int.from_bytes(packed[at : at + 3], "little")
                last, kind, size = block & 1, block >> 1 & 3, block >> 3
                if at + 3 > end or kind == _ZSTD_RESERVED:
                    return None
                bound += _ZSTD_BLOCK_BYTES if kind == _ZSTD_COMPRESSED else size
                at += 4 if kind == _ZSTD_REPEATED else 3 + size
            at += 4 * (described >> 2 & 1)
    except IndexError:
        return None
    return bound


_ZSTD_REPEATED, _ZSTD_COMPRESSED, _ZSTD_RESERVED = 1, 2, 3


def _lz4_bound(packed: memoryview) -> int | None:
    """From the headers of its blocks."""
    try:
        flags, most = packed[4], _LZ4_BLOCK_BYTES[packed[5] >> 4 & 7]
        if int.from_bytes(packed[:4], "little") != _LZ4_FRAME:
            return None
    except (IndexError, KeyError):
        return None
    at, end, bound = 7 + 8 * (flags >> 3 & 1) + 4 * (flags & 1), len(packed), 0
    while at + 4 <= end:
        block = int.from_bytes(packed[at : at + 4], "little")
        if block == 0:
            return bound if end - at - 4 <= 4 else None
        size = block & 0x7FFFFFFF
        bound += size if block >> 31 else min(most, 255 * size)
        at += 4 + size + 4 * (flags >> 4 & 1)
    return None


_UNPACKERS: Final[dict[int, Callable[[memoryview, int, int], memoryview]]] = {
    GZIP: _gzip,
    SNAPPY: _snappy,
    LZ4: _lz4,
    ZSTD: _zstd,
}
"""By codec; the only ones there are."""
