"""Times as programs write them that nobody types: packed, of logs, of old web services → a form that is read."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from service.profiles.words import words_of

_ODD: Final = re.compile(
    r"/Date\((?P<epoch>-?\d{9,14})(?:[+-]\d{4})?\)/"
    r"|(?P<year>(?:19|20|21)\d\d)(?P<month>\d\d)(?P<day>\d\d)[T ](?P<hour>\d\d):?(?P<minute>\d\d)(?::?(?P<second>\d\d))?(?P<rest>\D.*)?"
    r"|(?P<named>[A-Z][a-z]{2},? [A-Z][a-z]{2} +\d{1,2}) (?P<clock>\d\d?:\d\d:\d\d) (?P<zone>[A-Z]{1,5}|[+-]\d{4}) (?P<last>\d{4})"
    r"|(?P<dotless>\d{1,2})/?(?P<short>[A-Za-z]{3})/?(?P<short_year>\d{4}|\d\d):(?P<after>\d\d:\d\d(?::\d\d)?.*)"
    r"|(?P<of_oracle>\d{1,2}-[A-Za-z]{3}-(?:\d{4}|\d\d)) (?P<h>\d{1,2})\.(?P<m>\d\d)\.(?P<s>\d\d)(?P<more>.*)",
    re.ASCII,
)
_WEEKDAY: Final = re.compile(r"[^\W\d_]{1,14}\.?,?\s+(\d{1,4}([./-]) ?\d{1,2}\2 ?\d{1,4}\b.*)", re.DOTALL)
"""Fr. 03.01.2025: the numbers say the day, whatever the language of the word before them."""


def usual(text: str) -> str | None:
    """The same time as it is mostly written; None where the text is in no such form.

    /Date(1736152188000)/ is milliseconds, 20250106T082948Z a packed one, "Mon Jan 06 08:29:48 UTC 2025" that of
    Unix, 06/Jan/2025:08:29:48 of web servers, 06JAN2025:08:29:48 of SAS and 06-JAN-25 08.29.48 of
    Oracle; "Mo. 06.01.2025" has its day of the week before it.
    """
    found = _ODD.fullmatch(text)
    if found is None:
        after = None if text[:1].isdigit() else _WEEKDAY.fullmatch(text)
        return None if after is None else after[1]
    part = found.groupdict()
    if part["epoch"]:
        return part["epoch"]
    if part["year"]:
        day = f"{part['year']}-{part['month']}-{part['day']}"
        return f"{day} {part['hour']}:{part['minute']}:{part['second'] or '00'}{part['rest'] or ''}"
    if part["named"]:
        return f"{part['named']} {part['last']} {part['clock']} {part['zone']}"
    if part["dotless"]:
        return f"{part['dotless']} {part['short']} {part['short_year']} {part['after']}"
    return f"{part['of_oracle']} {part['h']}:{part['m']}:{part['s']}{part['more']}"


def without_glue(text: str) -> str:
    """The time of the day without the word that joins it to its day: um 08:29, à 08:29, - 08:29."""
    return _glue().sub("", text) if text and not text[0].isdigit() else text


@cache
def _glue() -> re.Pattern[str]:
    """A word of `words/dates.toml` that joins a day to its time, where a time follows."""
    words = sorted(words_of("dates")["joins"], key=len, reverse=True)
    return re.compile(rf"^(?:{'|'.join(map(re.escape, words))})\s*(?=\d{{1,2}}\s*[:.hAaPp]\s*[\dMm.])")
