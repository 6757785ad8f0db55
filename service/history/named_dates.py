"""Dates that name their month: 6 January 2025, 6. led 2025. Each day of a column is looked at once."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from service.errors import ConfigurationError
from service.history.months import OF_SEVERAL, decided, is_noise, month_of, name_of

_CLOCK: Final = re.compile(
    r"\d{1,2}[:h]\d\d|\b\d{1,2}\s*[AaPp]\.?[Mm]\b|(?:(?<=\d{4} )|(?<=kl )|(?<=kl\. )|(?<=klo ))\d{1,2}\.\d\d(?:\.\d\d)?$"
)
"""20:29, 8 pm, and 20.29 where it stands behind the year or a word for it."""
_YEAR_LAST: Final = re.compile(r"\s(\d{4})$")
_WORD: Final = re.compile(r"[^\W\d_]+\.?|\d+")
_LETTERS: Final = re.compile(r"[^\W\d_]+")
_WORDS_KEPT: Final = 500
_MOST_WORDS: Final = 6
"""Beside the numbers of a date: Montag, den 6. Januar des Jahres."""
_KEPT: Final = 100_000


class NamedDates:
    """Sees the dates of a column that name their month, then reads them."""

    def __init__(self) -> None:
        self._words: set[str] = set()
        self._months: dict[str, int] = {}
        """Which month a name of several is here."""
        self._days: dict[str, str] = {}
        """What stands before the time of the day → the day, "" = none."""

    def see(self, text: str) -> bool:
        """Whether it is such a date."""
        head, _ = _split(text)
        known = self._days.get(head)
        if known is None:
            known = self._look(head)
            if known and len(self._words) < _WORDS_KEPT:
                self._words.update(map(name_of, _LETTERS.findall(text)))
        return bool(known)

    def decide(self, column: str) -> None:
        """Settles which month a name of several is. Raises ConfigurationError where nothing says it."""
        if OF_SEVERAL.keys() & self._words:
            self._days.clear()
            self._months, unclear = decided(self._words)
            if unclear:
                raise ConfigurationError(
                    f"The column {column} names the month {unclear!r}, which is not the same one in Croatian as in Polish or Czech, and no other "
                    "month in it says which language it is: write the months as numbers, such as 2025-11-06."
                )

    def read(self, text: str) -> tuple[str, str] | None:
        """The day, as 2025-01-06, and what is left of the text; None where it is no such date."""
        head, tail = _split(text)
        known = self._days.get(head)
        day = self._look(head) if known is None else known
        return (day, tail) if day else None

    def _look(self, head: str) -> str:
        day = _day_of(head, self._months)
        if len(self._days) >= _KEPT:
            self._days.clear()
        self._days[head] = text = "" if day is None else day.isoformat()
        return text


def _split(text: str) -> tuple[str, str]:
    """The day with its month, and the time of the day."""
    cut = _CLOCK.search(text)
    if cut is None:
        return text, ""
    head, tail = text[: cut.start()], text[cut.start() :]
    after = _YEAR_LAST.search(tail)
    if after is not None:  # Mon Jan 06 08:29:48 2025
        return f"{head} {after[1]}", tail[: after.start()]
    return head, tail


def _day_of(head: str, decided_here: dict[str, int]) -> date | None:
    month, numbers, words = 0, [], []
    for word in _WORD.findall(head):
        if word.isdigit():
            numbers.append(word)
        else:
            words.append(name_of(word))
    if len(numbers) != 2 or not 1 <= len(words) <= _MOST_WORDS:
        return None
    for name in words:
        number = month_of(name, decided_here)
        if number and not month:
            month = number
        elif number or not is_noise(name):
            return None
    if len(numbers[0]) == 4:
        numbers.reverse()
    day, year = numbers
    if not month or len(year) not in {2, 4} or len(day) > 2:
        return None
    century = 0 if len(year) == 4 else 2000 if int(year) < 70 else 1900
    try:
        return date(century + int(year), month, int(day))
    except ValueError:
        return None
