"""Bytes of a text file → the name of their encoding, decided from all of them."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import IO, Final

from service.errors import ConfigurationError
from service.history.alphabets import encoding_by_letters

_CHUNK: Final = 1 << 20
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UNDEFINED: Final = b"\x81\x8d\x8f\x90\x9d"
"""Bytes that Windows-1252 does not know and Latin-1 does."""
_SAMPLE: Final = 1 << 16
"""Bytes of lines that are not ASCII by which encodings of two bytes a letter are told."""
NAMES: Final = {"cp1250": "Windows-1250 (Central Europe)", "cp1251": "Windows-1251 (Cyrillic)", "cp1253": "Windows-1253 (Greek)",
                "cp1254": "Windows-1254 (Turkish)", "cp1255": "Windows-1255 (Hebrew)", "cp1256": "Windows-1256 (Arabic)",
                "cp1257": "Windows-1257 (Baltic)", "koi8-r": "KOI8-R (Cyrillic)", "cp850": "DOS-850", "mac-roman": "Mac Roman",
                "cp932": "Shift-JIS (Japanese)", "gb18030": "GBK (Chinese)", "cp949": "EUC-KR (Korean)", "big5": "Big5 (Chinese)",
                "cp1252": "Windows-1252", "latin-1": "Latin-1", "utf-16": "UTF-16", "utf-16-le": "UTF-16",
                "utf-16-be": "UTF-16", "utf-32": "UTF-32"}  # fmt: skip


def by_its_beginning(head: bytes) -> str | None:
    """The encoding that a byte order mark or zeros between the letters give away; None where they do not."""
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    even, odd = head[0::2], head[1::2]
    if len(head) >= 4 and odd and 4 * odd.count(0) >= 3 * len(odd) and even.count(0) == 0:
        return "utf-16-le"
    if len(head) >= 4 and even and 4 * even.count(0) >= 3 * len(even) and odd.count(0) == 0:
        return "utf-16-be"
    return None


def encoding_of(path: Path, stream: IO[bytes]) -> str:
    """Reads to the end, unless the beginning says it.

    What is no UTF-8 is what its letters say: of another part of the world, or else Windows-1252, or Latin-1 where it
    holds what Windows does not know. Raises ConfigurationError for a file that is UTF-8 but for a few places: other
    people would get one name.
    """
    first = stream.read(_CHUNK)
    told = by_its_beginning(first[:4096])
    if told is not None:
        return told
    decoder = codecs.getincrementaldecoder("utf-8")()
    letters, lines, block = 0, 1, first
    while block:
        try:
            if block.isascii() and not decoder.getstate()[0]:
                lines += block.count(b"\n")
            else:
                text = decoder.decode(block)
                letters += len(text) - len(text.encode("ascii", "ignore"))
                lines += text.count("\n")
        except UnicodeDecodeError as error:
            good = error.object[: error.start].decode("utf-8")
            letters += sum(character >= "\x80" for character in good)
            if letters >= 3:
                raise ConfigurationError(
                    f"{path} is UTF-8 text but for line {lines + good.count(chr(10))}, which is in another encoding: "
                    "export it again, or save it as UTF-8."
                ) from error
            return _of_one_byte_each(block, stream)
        block = stream.read(_CHUNK)
    return "utf-8"


def _of_one_byte_each(block: bytes, stream: IO[bytes]) -> str:
    sample: list[bytes] = []
    room, undefined = _SAMPLE, False
    while block:
        if not block.isascii():
            undefined = undefined or any(byte in block for byte in _UNDEFINED)
            for line in block.split(b"\n")[:-1] or [block]:
                if room <= 0:
                    break
                if not line.isascii():
                    sample.append(line)
                    room -= len(line)
        block = stream.read(_CHUNK)
    return encoding_by_letters(b"\n".join(sample)) or ("latin-1" if undefined else "cp1252")
