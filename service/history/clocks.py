"""Times of the day as exports write them → ISO 8601, with their offset."""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import cache
from typing import Final

from service.profiles.words import words_of

_CLOCK = re.compile(r"(\d{1,2})[:.h](\d\d)(?:[:.](\d\d)(?:[.,](\d{1,9}))?)?\s*([AaPp])?\.?(?:\s*[Mm]\.?)?", re.ASCII)
_HOUR = re.compile(r"(\d{1,2})\s*([AaPp])\.?\s*[Mm]\.?", re.ASCII)
_OFFSET = re.compile(r"\s*(?:(?:GMT|UTC)\s*([+\-\u2212]\d{1,2}(?::?\d\d)?)|(Z|[+\-\u2212]\d\d:?(?:\d\d)?))$")

_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d[T ](\d\d:\d\d\S*)", re.ASCII)
_SERIAL: Final = re.compile(r"(?:\d{5}|0)?(?:\.\d+)?", re.ASCII)
"""Days and parts of one, as a spreadsheet counts them."""
_PACKED: Final = re.compile(r"(?:19|20|21)\d{6}", re.ASCII)
_BARE: Final = re.compile(r"(\d{1,2}?)(\d\d)(\d\d)?", re.ASCII)
"""2029 and 805, 202900 and 80500: a nought at the beginning gets lost."""
_PART_OF_A_DAY: Final = re.compile(r"0?\.\d+", re.ASCII)
"""Half past noon is 0.520833 to a spreadsheet."""


_BARE_DIGITS: Final = range(3, 7)


def clock_of(text: str, zone: str) -> str | None:
    """ "T20:29:00", with the offset where one is given; "" for no clock time, None for what is none."""
    offset = zone
    given = _OFFSET.search(text)
    if given is not None:
        offset = _offset(given[1] or given[2])
        text = text[: given.start()]
    text = text.strip()
    if not text:
        return f"T00:00{offset}" if offset else ""
    found = _CLOCK.fullmatch(text) or _CLOCK.fullmatch(_after().sub("", text))
    if found is not None:
        hour, minute, second, fraction, half = found.groups()
    else:
        alone = _HOUR.fullmatch(text)
        if alone is None:
            return None
        hour, minute, second, fraction, half = alone[1], "00", None, None, alone[2]
    hours = int(hour)
    if half is not None:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if half in "pP" else 0)
    if hours > 23 and not (hours == 24 and minute == "00" and not (second or "").strip("0")):
        return None
    ending = (f":{second}" if second else "") + (f".{fraction[:6]}" if fraction and second else "")
    return f"T{hours:02}:{minute}{ending}{offset}"


@cache
def _after() -> re.Pattern[str]:
    """A word of `words/dates.toml` behind a time of the day: 8:29 Uhr."""
    words = "|".join(map(re.escape, sorted(words_of("dates")["after"])))
    return re.compile(rf"(?<=\d)\s*(?:{words})\.?$", re.IGNORECASE)


def without_24(text: str) -> str:
    """An ISO 8601 time whose clock shows 24:00 as the midnight that begins the day after."""
    if text[11:16] != "24:00":
        return text
    try:
        day = date.fromisoformat(text[:10]) + timedelta(days=1)
    except (ValueError, OverflowError):
        return text
    return f"{day.isoformat()}T00{text[13:]}"


def _offset(text: str) -> str:
    """ "+01:00" for Z, +1, +0100 and the like."""
    if text == "Z":
        return "+00:00"
    digits = text[1:].replace(":", "")
    digits = f"{digits:0>2}00" if len(digits) <= 2 else f"{digits:0>4}"
    return f"{'+' if text[0] == '+' else '-'}{digits[:2]}:{digits[2:]}"


def with_zone(text: str, zone: str) -> str:
    """An ISO time whose offset, where it has none, is `zone`."""
    day, rest = text[:10], text[11:]
    clock = clock_of(rest, zone) if rest else (f"T00:00{zone}" if zone else "")
    return text if clock is None else day + clock


def with_clock(day: str, clock: str) -> str:
    """A day and the time of it that stands in another column; either cell may hold both, as a workbook's do."""
    day, clock = day.strip(), clock.strip()
    if clock and _PACKED.fullmatch(day):
        day = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    moment = _MOMENT.match(clock)
    if moment is not None:
        clock = moment[1]
    elif len(clock) in _BARE_DIGITS and clock.isdigit() and not _SERIAL.fullmatch(day):
        found = _BARE.fullmatch(clock)
        clock = ":".join(part for part in found.groups() if part) if found is not None else clock
    elif _SERIAL.fullmatch(day) and _SERIAL.fullmatch(clock):
        day, clock = f"{day.partition('.')[0]}.{clock.partition('.')[2] or '0'}", ""
    elif _PART_OF_A_DAY.fullmatch(clock):
        seconds = round(float(clock) * 86_400) % 86_400
        clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    whole = _MOMENT.match(day) if clock else None
    return f"{day[:10] if whole is not None else day} {clock}"
