"""Text of a log → instants. Written for speed: the same days and clock times come again and again."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from service.domain.calendar import SECOND_US, to_us

EARLIEST_US = 0
"""1970. Older dates in a shop's log are placeholders, not purchases."""
LATEST_US = to_us(datetime(2200, 1, 1, tzinfo=UTC))
_CACHED = 200_000
"""Entries per cache before it is emptied: more than the 86,400 seconds of a day, some MB at most."""


class TimestampReader:
    """Reads ISO-8601 dates and times; one without offset is local time of `zone`, a bare date is its midnight.

    At clock changes the rule is Python's fold=0: a local time that happens twice is the first of the two, one that never
    happens is read with the offset before the change (so it lies as far after the gap as it claimed to be in it).
    """

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._days: dict[str, int] = {}
        """"2017-03-01" → µs of that local midnight, for days of one single offset."""
        self._clocks: dict[str, int] = {}
        """"T14:03" → µs since midnight, for clock times without offset."""
        self._whole: dict[str, int] = {}
        """Whole texts that the two caches above cannot put together (with an offset, or on a day of clock change)."""

    def read(self, text: str) -> int | None:
        """µs since the epoch; None when the text is not a time or lies outside 1970–2199."""
        day = self._days.get(text[:10])
        if day is not None:
            clock = self._clocks.get(text[10:])
            if clock is not None:
                return day + clock
        at_us = self._whole.get(text)
        return at_us if at_us is not None else self._read_slowly(text)

    def _read_slowly(self, text: str) -> int | None:
        moment = _parse(text.strip())
        if moment is None:
            return None
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=self._zone)
        try:
            at_us = to_us(aware.astimezone(UTC))
        except OverflowError:
            return None
        if not EARLIEST_US <= at_us < LATEST_US:
            return None
        if moment.tzinfo is not None or not self._remember_parts(text, moment):
            if len(self._whole) >= _CACHED:
                self._whole.clear()
            self._whole[text] = at_us
        return at_us

    def _remember_parts(self, text: str, moment: datetime) -> bool:
        """Caches day and clock separately; False where that would be wrong."""
        if text[:10] != moment.date().isoformat() or text != text.strip():
            return False
        midnight = datetime.combine(moment.date(), time(), tzinfo=self._zone)
        following = datetime.combine(moment.date() + timedelta(days=1), time(), tzinfo=self._zone)
        if midnight.utcoffset() != following.utcoffset():
            return False
        if len(self._days) >= _CACHED:
            self._days.clear()
        if len(self._clocks) >= _CACHED:
            self._clocks.clear()
        self._days[text[:10]] = to_us(midnight.astimezone(UTC))
        self._clocks[text[10:]] = _clock_us(moment)
        return True


def _clock_us(moment: datetime) -> int:
    return ((moment.hour * 60 + moment.minute) * 60 + moment.second) * SECOND_US + moment.microsecond


_SPACED_OFFSET = re.compile(r" +(?=(?:[+-]\d\d:?(?:\d\d)?|Z|z)$)", re.ASCII)


def _parse(text: str) -> datetime | None:
    """Naive or aware as written; None when it is no ISO-8601 date or time. "… UTC" and a space before the offset are understood."""
    if len(text) > 10:
        if text.endswith("UTC"):
            text = text[:-3].rstrip() + "Z"
        text = _SPACED_OFFSET.sub("", text)
        if text.endswith("z"):
            text = text[:-1] + "Z"
    try:
        if len(text) <= 10:
            return datetime.combine(date.fromisoformat(text), time())
        if text[10] in "Tt " or text[8] in "Tt ":  # fromisoformat would take any character between date and time
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    return None
