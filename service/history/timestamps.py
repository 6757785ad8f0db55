"""Text of a log → instants.

Written for speed: the same days come again and again, and a plain clock time is read digit by digit.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from service.domain.calendar import SECOND_US, Calendar, to_us
from service.history.clocks import without_24

EARLIEST_US: Final = 0
"""1970. Older dates in a shop's log are placeholders, not purchases."""
LATEST_US: Final = to_us(datetime(2200, 1, 1, tzinfo=UTC))
_CACHED: Final = 200_000
"""Entries per cache before it is emptied: more than the 86,400 seconds of a day, some MB at most."""


class TimestampReader:
    """Reads ISO-8601 dates and times; one without offset is local time of the shop, a bare date the begin of its day.

    At clock changes the rule is Python's fold=0: a local time that happens twice is the first of the two, one that
    never happens is read with the offset before the change (so it lies as far after the gap as it claimed to be in it).
    """

    def __init__(self, calendar: Calendar) -> None:
        self._zone = calendar.zone
        self._begin = calendar.day_starts_clock
        self._days: dict[str, int] = {}
        """"2017-03-01" → µs of that local midnight, for days of one single offset."""
        self._clocks: dict[str, int] = {}
        """"T14:03" → µs since midnight, for clock times without offset."""
        self._utc_days: dict[str, int] = {}
        """"2017-03-01" → µs of its midnight in UTC."""
        self._offset_clocks: dict[str, int] = {}
        """"T14:03+01:00" → µs since that midnight, for clock times with an offset."""
        self._whole: dict[str, int] = {}
        """Whole texts that the caches above cannot put together (on a day of clock change, or unusually written)."""
        self._date, self._in_utc, self._day = "no date", False, 0
        """The day of the newest plain time, which is likely to be the next one's."""

    @property
    def tells_both(self) -> bool:
        """Whether some of the times had an offset and some clock times had none."""
        return bool(self._offset_clocks) and any(self._clocks)

    def read(self, text: str) -> int | None:
        """µs since the epoch; None when the text is not a time or lies outside 1970–2199."""
        plain = _plain_clock_us(text)
        if plain >= 0 and self._finds_day(text):  # no look-up by clock time: those of a day fill the processor's caches
            at_us = self._day + plain
            if EARLIEST_US <= at_us < LATEST_US:
                return at_us
        date_text, clock_text = text[:10], text[10:]
        clock = self._clocks.get(clock_text)
        if clock is not None:
            day = self._days.get(date_text)
            if day is not None and EARLIEST_US <= day + clock < LATEST_US:
                return day + clock
        clock = self._offset_clocks.get(clock_text)
        if clock is not None:
            day = self._utc_days.get(date_text)
            if day is not None and EARLIEST_US <= day + clock < LATEST_US:
                return day + clock
        whole = self._whole.get(text)
        return whole if whole is not None else self._read_slowly(text)

    def _finds_day(self, text: str) -> bool:
        """Whether the day of a plain time is known; then it is the one at hand."""
        in_utc = len(text) > _PLAIN
        if in_utc == self._in_utc and text.startswith(self._date):
            return True
        date_text = text[:10]
        day = (self._utc_days if in_utc else self._days).get(date_text)
        if day is None:
            return False
        self._date, self._in_utc, self._day = date_text, in_utc, day
        return True

    def _read_slowly(self, text: str) -> int | None:
        moment = _parse(text.strip(), self._begin)
        if moment is None:
            return None
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=self._zone)
        try:
            at_us = to_us(aware.astimezone(UTC))
        except OverflowError:
            return None
        if not EARLIEST_US <= at_us < LATEST_US:
            return None
        if not self._remember_parts(text, moment, at_us):
            _remember(self._whole, text, at_us)
        return at_us

    def _remember_parts(self, text: str, moment: datetime, at_us: int) -> bool:
        """Caches day and clock separately; False where that would be wrong."""
        date_text, clock_text = text[:10], text[10:]
        if date_text != moment.date().isoformat() or text != text.strip():
            return False
        midnight_utc = to_us(datetime.combine(moment.date(), time(), tzinfo=UTC))
        if moment.tzinfo is not None:
            _remember(self._utc_days, date_text, midnight_utc)
            _remember(self._offset_clocks, clock_text, at_us - midnight_utc)
            return True
        if date_text not in self._days:
            midnight = datetime.combine(moment.date(), time(), tzinfo=self._zone)
            following = datetime.combine(moment.date() + timedelta(days=1), time(), tzinfo=self._zone)
            if midnight.utcoffset() != following.utcoffset():
                return False
            _remember(self._days, date_text, to_us(midnight.astimezone(UTC)))
        _remember(self._clocks, clock_text, at_us - self._days[date_text])
        return True


_PLAIN: Final = 19
"""Characters of "2017-03-01T14:03:25"."""


def _plain_clock_us(text: str) -> int:
    """µs since midnight of a text like "…T14:03:25", also with a Z at its end; −1 for one of another form.

    The date is not looked at.
    """
    if (
        not (len(text) == _PLAIN or (len(text) == _PLAIN + 1 and ord(text[19]) == ord("Z")))
        or not (ord(text[10]) == ord("T") or ord(text[10]) == ord(" "))
        or ord(text[13]) != ord(":")
        or ord(text[16]) != ord(":")
    ):
        return -1
    zero = ord("0")
    hour_tens, hour_ones = ord(text[11]) - zero, ord(text[12]) - zero
    minute_tens, minute_ones = ord(text[14]) - zero, ord(text[15]) - zero
    second_tens, second_ones = ord(text[17]) - zero, ord(text[18]) - zero
    if not (0 <= hour_tens <= 2 and 0 <= minute_tens <= 5 and 0 <= second_tens <= 5):
        return -1
    if not (0 <= hour_ones <= 9 and 0 <= minute_ones <= 9 and 0 <= second_ones <= 9):
        return -1
    hour = 10 * hour_tens + hour_ones
    if hour > 23:
        return -1
    return ((60 * hour + 10 * minute_tens + minute_ones) * 60 + 10 * second_tens + second_ones) * SECOND_US


def _remember(cache: dict[str, int], text: str, us: int) -> None:
    if len(cache) >= _CACHED:
        cache.clear()
    cache[text] = us


_SPACED_OFFSET = re.compile(r" +(?=(?:[+-]\d\d:?(?:\d\d)?|Z|z)$)", re.ASCII)
_WEEK = re.compile(r"\d{4}-?W\d\d", re.ASCII)
"""A week, and no day."""


def _parse(text: str, begin: time) -> datetime | None:
    """Naive or aware as written, a bare date at `begin`; None when it is no ISO-8601 date or time.

    "… UTC" and a space before the offset are understood.
    """
    if len(text) > 10:
        if text.endswith("UTC"):
            text = text[:-3].rstrip() + "Z"
        text = _SPACED_OFFSET.sub("", text)
        if text.endswith("z"):
            text = text[:-1] + "Z"
    try:
        if len(text) <= 10 and _WEEK.fullmatch(text) is None:
            return datetime.combine(date.fromisoformat(text), begin)
        if len(text) > 10 and (
            text[10] in "Tt " or text[8] in "Tt "
        ):  # fromisoformat would take any character between date and time
            return datetime.fromisoformat(without_24(text))
    except ValueError:
        pass
    return None
