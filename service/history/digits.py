"""Digits and marks of other scripts → those that numbers and dates are read in here."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Final

_MARKS: Final = {0x066B: ".", 0x066C: "'", 0xFF0E: ".", 0xFF0C: ",", 0xFF0F: "/", 0xFF1A: ":", 0xFF0D: "-", 0x3000: " ",
                 0x00A0: " ", 0x202F: " ", 0x2009: " ", 0x2007: " ",
                 0x200E: "", 0x200F: "", 0x061C: "", 0x202A: "", 0x202B: "", 0x202C: "", 0xFEFF: ""}  # fmt: skip
"""The decimal mark and the one of thousands in Arabic, wide ones, and those that turn the direction of writing."""
_DATE: Final = re.compile(
    r"(\d{4})\s?[\u5e74\ub144]\s?(\d\d?)\s?[\u6708\uc6d4]\s?(\d\d?)\s?[\u65e5\uc77c]\s?(?:\([^)]\)|[\u6708\u706b\u6c34\u6728\u91d1\u571f\u65e5]\u66dc\u65e5)?"
)
"""2025\u5e741\u67086\u65e5, as China, Japan and Korea write it."""
_HALF: Final = re.compile(
    r"(\u4e0a\u5348|\u5348\u524d|\uc624\uc804|(?<=\d )\u03c0\.?\s?\u03bc\.?$|(?<=\d )\u0635$)"
    r"|(?:\u4e0b\u5348|\u5348\u5f8c|\uc624\ud6c4|(?<=\d )\u03bc\.?\s?\u03bc\.?$|(?<=\d )\u0645$)",
    re.IGNORECASE,
)
"""Before and after noon in Chinese, Japanese, Korean, Greek and Arabic."""
_TIME: Final = re.compile(r"(\d\d?)\s?[\u65f6\u6642\uc2dc]\s?(\d\d?)\s?[\u5206\ubd84](?:\s?(\d\d?)\s?[\u79d2\ucd08])?")


@cache
def _table() -> dict[int, str]:
    digits = {
        code: str(unicodedata.decimal(chr(code)))
        for code in range(0x80, 0x10000)
        if unicodedata.category(chr(code)) == "Nd"
    }
    return digits | _MARKS


def in_our_digits(text: str) -> str:
    """The same with digits from 0 to 9, and a date of China, Japan or Korea with its year first."""
    text = text.translate(_table())
    found = _DATE.search(text)
    if found is not None:
        text = f"{text[: found.start()]}{found[1]}-{found[2]:0>2}-{found[3]:0>2} {text[found.end() :]}".strip()
    half = _HALF.search(text)
    if half is not None:
        text = f"{text[: half.start()]}{text[half.end() :].strip()} {'AM' if half[1] else 'PM'}"
    return _TIME.sub(lambda time: f"{time[1]:0>2}:{time[2]:0>2}:{time[3] or '0':0>2}", text)
