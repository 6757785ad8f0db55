"""Times as other programs write them: texts of every kind, and numbers since 1970 in the unit that the settings say."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from service.errors import ErrorCode, PoisonError
from service.wire.times_in_parts import in_one
from service.wire.views import View

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICKS: Final = {
    "epoch_s": Decimal(1_000_000),
    "epoch_ms": Decimal(1_000),
    "epoch_us": Decimal(1),
    "epoch_ns": Decimal("0.001"),
}
DAYS: Final = "epoch_days"
"""Microseconds of each unit."""
OF_A_CLOCK: Final = {"local_ms": "epoch_ms", "local_us": "epoch_us", "local_ns": "epoch_ns"}
"""Units of numbers that are no instants."""
_OF_NO_ZONE: Final = "-00:00"
"""Behind a time that was written as if it were UTC, for it has no zone (RFC 3339, section 4.3)."""
_EARLIEST_US: Final = 631_152_000_000_000
"""1990: an earlier time is in another unit than the settings say, for shops write none of that age as a number."""
_EARLIEST: Final = "1990"
_LATEST_US: Final = 4_102_444_800_000_000
_EARLIEST_DAY, _LATEST_DAY = 7_305, 47_482
"""The same in days: 1990 to 2100."""
_LONGEST_NUMBER: Final = 40
_LONGEST_TEXT: Final = 100
_SIGNS: Final = ("+", "-")
_UTC: Final = (" UTC", " GMT", " Z")
"""How programs write that a time is of no zone of its own."""
_OF_MAIL: Final = re.compile(
    r"(?:[A-Za-z]{3,9}, ?)?([0-9]{1,2} [A-Za-z]{3} [0-9]{4} [0-9]{2}:[0-9]{2}(?::[0-9]{2})? (?:GMT|UTC?|Z|[+-][0-9]{4}))"
)
"""RFC 1123 and RFC 5322, as HTTP and mail have it."""
_OF_BROWSERS: Final = re.compile(
    r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([0-9]{2}) ([0-9]{4}) ([0-9:]{8}) GMT([+-][0-9]{4})(?: \([^)]*\))?"
)
"""JavaScript's own text of a date."""
_OF_NET: Final = re.compile(r"\\?/Date\((-?[0-9]{1,15})(?:[+-][0-9]{4})?\)\\?/")
"""Milliseconds since 1970, as .NET writes them in JSON; the offset says where the clock stood, not another instant."""


def reading_of_times(unit: str, timezone: str | None) -> Callable[[object], object]:
    """`unit` and `timezone` as the settings of an input say them; a clock's units have a zone."""
    base = OF_A_CLOCK.get(unit)
    if base is None or timezone is None:
        return Times(unit, timezone).read
    return partial(_by_the_clock, Times(base, timezone), ZoneInfo(timezone))


def _by_the_clock(times: Times, zone: ZoneInfo, said: object) -> object:
    """A number is what a clock on the wall showed, written as if it were UTC; a text is what it says."""
    found = times.read(said)
    counted = isinstance(said, int | float) or (isinstance(said, str) and _is_counted(said))
    if not counted or not isinstance(found, str):
        return found
    return datetime.fromisoformat(found).replace(tzinfo=zone).isoformat()


def _is_counted(said: str) -> bool:
    """Whether a text is a number, or was one by its schema."""
    return said.endswith(_OF_NO_ZONE) or not _is_written_out(said)


class Times:
    """Of one input."""

    def __init__(self, unit: str, timezone: str | None) -> None:
        """`unit` and `timezone` as the settings of an input say them."""
        self._tick_us = _TICKS.get(unit)
        self._in_days = unit == DAYS
        self._zone = None if timezone is None else ZoneInfo(timezone)

    def read(self, said: object) -> object:
        """As ours have it where it can be read; else as it is, for the models to say what is wrong."""
        tick_us = self._tick_us
        if type(said) is str:
            if tick_us is None and _is_ours(said) and said >= _EARLIEST:
                return said
        elif type(said) is int and tick_us is not None:
            at_us = int(said * tick_us)
            if _EARLIEST_US <= at_us < _LATEST_US:
                return (_EPOCH + timedelta(microseconds=at_us)).isoformat()
        if isinstance(said, dict | list | View):
            said = in_one(said)
        if isinstance(said, str) and not said[:4].isdecimal():
            said = _elsewhere(said)
        if self._in_days and not isinstance(said, date) and not _is_written_out(said):
            said = _day_of(said)
        if isinstance(said, date):
            said = said.isoformat()  # the schema says what it is, whatever the settings do
        elif tick_us is not None and not _is_written_out(said):
            return _since_1970(said, tick_us)
        if not isinstance(said, str):
            if isinstance(said, int | float) and (unit := unit_of(said)):
                raise PoisonError(ErrorCode.BAD_TIME, f"occurred_at: is a number{_looks_like(unit)}")
            return said
        if said[-1:] == "]":  # what Java writes behind the offset: [Europe/Paris]
            said = said.partition("[")[0]
        if said[:4].isdecimal() and said < _EARLIEST:
            raise PoisonError(
                ErrorCode.BAD_TIME, f"occurred_at: is {said[:10]!r}, which programs write where they know no time"
            )
        if len(said) > _LONGEST_TEXT or _is_ours(said):
            return said
        text = said.strip()
        for word in _UTC:
            text = text.removesuffix(word)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return said
        if len(text) < len(said.strip()):
            moment = moment.replace(tzinfo=UTC)
        if moment.tzinfo is not None:
            return moment.isoformat()
        if self._zone is None:
            raise PoisonError(
                ErrorCode.BAD_TIME,
                f"occurred_at: has no offset, got {text!r}: say in inputs.….timezone of which zone such times are",
            )
        return moment.replace(tzinfo=self._zone).isoformat()


def _is_ours(said: str) -> bool:
    """Whether a text may be RFC 3339, as it stands."""
    return (
        said[10:11] == "T" and said[16:17] == ":" and said[19:20] != "," and (said[-1] == "Z" or said[-6:-5] in _SIGNS)
    )


def _elsewhere(said: str) -> object:
    """Of a text that begins with no year: the instant, where it is written as some program always writes one."""
    text = said.strip()
    if len(text) > _LONGEST_TEXT:
        return said
    try:
        if match := _OF_NET.fullmatch(text):
            return _EPOCH + timedelta(milliseconds=int(match[1]))
        if match := _OF_BROWSERS.fullmatch(text):
            month, day, year, clock, offset = match.groups()
            return parsedate_to_datetime(f"{day} {month} {year} {clock} {offset}")
        return parsedate_to_datetime(match[1]) if (match := _OF_MAIL.fullmatch(text)) else said
    except (ValueError, OverflowError):
        return said


def _is_written_out(said: object) -> bool:
    """Whether a time is a text of itself, whatever the settings say of numbers."""
    return isinstance(said, str) and said[4:5] == "-" and said[7:8] == "-"


def _day_of(said: object) -> date:
    """PoisonError where it is no number of days."""
    days = int(said) if isinstance(said, str) and said.isdecimal() and len(said) < 7 else said
    if isinstance(days, float) and days.is_integer():
        days = int(days)
    if isinstance(days, bool) or not isinstance(days, int) or not _EARLIEST_DAY <= days < _LATEST_DAY:
        unit = unit_of(days) if isinstance(days, int | float | str) and not isinstance(days, bool) else ""
        raise PoisonError(ErrorCode.BAD_TIME, f"occurred_at: is no number of days since 1970{_looks_like(unit)}")
    return (_EPOCH + timedelta(days=days)).date()


def _since_1970(said: object, tick_us: Decimal) -> str:
    if isinstance(said, bool) or not isinstance(said, int | str | float) or len(str(said)) > _LONGEST_NUMBER:
        raise PoisonError(ErrorCode.BAD_TIME, "occurred_at: must be a number, as inputs.….time says")
    try:
        at_us = int((Decimal(str(said).strip()) * tick_us).to_integral_value())
        moment = _EPOCH + timedelta(microseconds=at_us)
    except (InvalidOperation, ValueError, OverflowError):
        raise PoisonError(
            ErrorCode.BAD_TIME, f"occurred_at: is no time since 1970{_looks_like(unit_of(said))}"
        ) from None
    if _EARLIEST_US <= at_us < _LATEST_US:
        return moment.isoformat()
    unit = unit_of(said)
    if at_us < _EARLIEST_US or unit:
        told = f"occurred_at: would be in {moment.year}{_looks_like(unit)}"
        raise PoisonError(ErrorCode.BAD_TIME, told)
    return moment.isoformat()


def unit_of(said: float | str) -> str:
    """In which a number is a time of today's; empty: in none."""
    try:
        ticks = Decimal(str(said).strip())
        if _EARLIEST_DAY <= ticks < _LATEST_DAY:
            return DAYS
        return next((name for name, us in _TICKS.items() if _EARLIEST_US <= ticks * us < _LATEST_US), "")
    except InvalidOperation:
        return ""


def _looks_like(unit: str) -> str:
    return f"; it looks like {unit}: set inputs.….time to that" if unit else ""
