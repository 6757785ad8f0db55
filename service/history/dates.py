"""How a column writes its times: day or month first, serial numbers, epochs, decided from all of its cells together.

"03/04/2025" is a day in April or in March. A cell alone does not say which; a column mostly does, and where it does
not, it is refused. Cells that say themselves what they are (year first, a month's name) need no decision.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Final

from service.errors import ConfigurationError
from service.history.clocks import clock_of, with_zone
from service.history.digits import in_our_digits
from service.history.named_dates import NamedDates
from service.history.odd_times import usual, without_glue
from service.history.readings import TwoReadingsError
from service.history.zones import Zones, without_zone

ORDERS: Final = {"day-first": "dmy", "month-first": "mdy", "year-first": "ymd"}
"""What a user may say, and the order of the numbers that it means."""
_ISO = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_NUMBERS = re.compile(r"(\d{1,4})([./-])[ ]?(\d{1,2})\2[ ]?(\d{1,4})\.?", re.ASCII)
_LOCAL = re.compile(r"\d{4}-\d\d-\d\d(?:[T ][\d:.]+)?", re.ASCII)
_ENDING: Final = 6
_PLAIN: Final = 19
"""Characters of "2025-01-06 20:29:48"."""
_ENDINGS_KEPT: Final = 1_000
_DIGITS = re.compile(r"-?\d+(?:[.,]\d+)?", re.ASCII)
_MONTHS: Final = "12"
_DAY_ZERO: Final = date(1899, 12, 30)
_SERIALS: Final = (20_000, 80_000)
"""1954 to 2119 as a spreadsheet counts days."""
_SINCE_1904: Final = 1_462
"""Days by which a workbook that begins in 1904 counts less."""
_YEARS: Final = ("1900", "2200")
"""From, and until before, which a number such as 20250106 begins with a year; one of twelve digits is else of
milliseconds, from before September 2001."""
_BUDDHIST: Final = range(2500, 2643)
_BUDDHIST_AHEAD: Final = 543
"""Years of Thailand's calendar, which are those of no other shop: 2568 is 2025."""
_KEPT: Final = 100_000
_AHEAD: Final = timedelta(days=366)
"""Orders are taken for days to come; beyond that a date is another one, or a mistake."""


class TimeColumn:
    """Sees every cell of a column, then writes them as ISO 8601."""

    def __init__(self, name: str, zone: str = "", shop: tzinfo | None = None) -> None:
        """`zone` is an offset for cells without one, such as "+00:00"; "" = that of the shop, which is `shop`."""
        self.name = name
        self._last = datetime.now(UTC).date() + _AHEAD
        self.zone = zone
        self.zones = Zones(name, shop)
        self._endings: set[str] = set()
        self._orders = {"dmy": "", "mdy": "", "ymd": ""}
        """Order of the numbers → a cell that it cannot be, "" while all fit."""
        self._doubtful = ""
        self._year_first = ""
        """The first cell such as 2025-01-06, as a spreadsheet's date cells are read too."""
        self._is_late = False
        """Whether one of those is behind the twelfth of a month, where none is whose day and month were swapped."""
        self._is_left = False
        """Whether a cell such as 06/01/2025 is one that a spreadsheet would have understood in either order."""
        self.kinds: dict[str, str] = {}
        """serial, text, epoch → the first cell of that kind."""
        self.since_1904: bool = False
        """Whether a spreadsheet's numbers are counted from then."""
        self._newest = 0
        """Of the numbers of a spreadsheet, in whole days."""
        self._seen: set[str] = set()
        self._days: dict[str, str | None] = {}
        self._order = ""
        self._named = NamedDates()
        self._zone_names: set[str] = set()
        """Single words after a time that name its zone."""
        self._iso_endings: dict[str, str] = {}
        """What stands behind the seconds of an ISO time → the offset as we write it."""
        self._clocks: dict[str, str] = {}
        self._zoneless: tuple[dict[str, str], dict[str, str]] = {}, {}
        """The same two where the row's own zone counts instead of the column's."""

    def see(self, text: str) -> None:
        """Takes a cell into account."""
        if not text.isascii():
            text = in_our_digits(text)
        if text[4:5] != "-" and (odd := usual(text)) is not None:
            text = odd
        if (
            text
            and not text[-1].isdigit()
            and (text[-1] != "Z" or text[-2:-1].isalpha())
            and text[-_ENDING:] not in self._endings
        ):
            text = self._see_zone(text)
        day_text = text[:10]
        if day_text in self._seen and (len(text) <= 10 or text[10] in " T"):
            return
        text = text.strip()
        if not text:
            return
        if _ISO.match(text):
            self.kinds.setdefault("text", text)
            self._year_first = self._year_first or text
            self._is_late = self._is_late or text[8:10] > _MONTHS
            self._remember(day_text)
            return
        if _DIGITS.fullmatch(text):
            kind = _kind_of_number(text)
            if kind:
                self.kinds.setdefault(kind, text)
            if kind == "serial":
                self._newest = max(self._newest, int(text[:5]))
            return
        numbers = _NUMBERS.match(text)
        if numbers is None:
            if self._named.see(text):
                self.kinds.setdefault("text", text)
            return
        self.kinds.setdefault("text", text)
        first, mark, second, third = numbers.groups()
        possible = [order for order in self._orders if _date_of((first, second, third), order) is not None]
        if "ymd" in possible and len(possible) > 1 and len(first) <= 2 and self._is_ahead((first, second, third)):
            possible.remove("ymd")
        if mark == "." and len(first) <= 2:
            possible = [order for order in possible if order == "dmy"]
        if possible:
            self._doubtful = self._doubtful or text
            self._is_left = self._is_left or (int(first) <= int(_MONTHS) and int(second) <= int(_MONTHS))
            for order in self._orders:
                if order not in possible and not self._orders[order]:
                    self._orders[order] = text
            if len(day_text) == len(text) or text[10:11] in {" ", "T"}:
                self._remember(day_text)

    def _is_ahead(self, numbers: tuple[str, str, str]) -> bool:
        """Whether nobody can have bought on that day, read with a short year first: 31-12-17 was no order of 2031."""
        day = _date_of(numbers, "ymd")
        return day is not None and day > self._last

    def _see_zone(self, text: str) -> str:
        """The cell without the zone that is named in it."""
        named = self._cut(text)
        if named is not None:
            self.zones.see(named[1])
            return named[0]
        if len(self._endings) < _KEPT:
            self._endings.add(text[-_ENDING:])
        return text

    def _cut(self, text: str) -> tuple[str, str] | None:
        """A time and the zone named after it; a word that has named one before is not looked at again."""
        before, _, word = text.rpartition(" ")
        if word in self._zone_names and before[-3:-2] == ":" and before[-1].isdigit():
            return before, word
        named = without_zone(text)
        if named is not None and named[1] == word and len(self._zone_names) < _ENDINGS_KEPT:
            self._zone_names.add(word)
        return named

    def _remember(self, day_text: str) -> None:
        if len(self._seen) < _KEPT:
            self._seen.add(day_text)

    def decide(self, wish: str = "") -> None:
        """Fixes the order of day, month and year.

        `wish` is the user's, a key of `ORDERS`. Raises ConfigurationError where two readings fit, or none.
        """
        self.zones.decide()
        self._named.decide(self.name)
        counted = {kind: cell for kind, cell in self.kinds.items() if kind in {"serial", "text"}}
        if len(counted) > 1:
            raise ConfigurationError(
                f"The column {self.name} holds dates as text ({counted['text']!r}) and as a spreadsheet's numbers "
                f"({counted['serial']!r}): a spreadsheet has understood some of them only, and may have swapped days and months. "
                "Take the export as it was downloaded."
            )
        if wish:
            self._order = ORDERS[wish]
            return
        may_be_swapped = not (self._is_late and self._is_left)
        if self._year_first and self._doubtful and may_be_swapped and not _begins_with_year(self._doubtful):
            raise ConfigurationError(
                f"The column {self.name} writes its dates in two ways ({self._year_first!r} and {self._doubtful!r}), as where a spreadsheet has "
                "understood some of them only, and may have swapped days and months. Take the export as it was downloaded; or, where both "
                "are right, say how the others are meant with --dates day-first or --dates month-first."
            )
        left = [order for order, cell in self._orders.items() if not cell]
        if not self._doubtful or len(left) == 1:
            self._order = left[0] if self._doubtful else "ymd"
            return
        if left:
            ways = [said for said, order in ORDERS.items() if order in left]
            raise TwoReadingsError(
                f"The column {self.name} can be read in {'two' if len(ways) == 2 else 'three'} ways: no date in it says "
                f"what {self._doubtful!r} is. Say it with {' or '.join(f'--dates {said}' for said in ways)} (files.dates in the settings).",
                "dates",
            )
        cells = " and ".join(
            repr(cell) for cell in dict.fromkeys(self._orders[order] for order in ("mdy", "dmy")) if cell
        )
        raise ConfigurationError(
            f"The column {self.name} writes its dates in two ways ({cells}): make them one, or say which is right with "
            "--dates day-first or --dates month-first; dates that do not fit it are then left out."
        )

    def decision(self) -> str:
        """Which of `ORDERS` its cells themselves have decided for; "" where none needed it."""
        return next((said for said, order in ORDERS.items() if order == self._order), "") if self._doubtful else ""

    def order_said(self) -> str:
        """In which order the numbers stand, where the cells do not begin with the year."""
        return {"dmy": "days before months", "mdy": "months before days"}.get(self._order, "") if self._doubtful else ""

    def counted_said(self) -> str:
        """From when a spreadsheet's numbers are counted, where they may be counted from another day as well."""
        if (
            self.since_1904
            or not self._newest
            or _DAY_ZERO + timedelta(days=self._newest + _SINCE_1904) > self._last - _AHEAD
        ):
            return ""
        newest = _DAY_ZERO + timedelta(days=self._newest)
        return (
            f"{self.name} holds a spreadsheet's numbers, counted from 1900, and ends on {newest}. If the shop went on selling until "
            f"{newest + timedelta(days=_SINCE_1904)}, the workbook counts from 1904, as those of old Macs do: write the dates as text, such as 2025-01-06."
        )

    def clean(self, text: str) -> str:
        """The time as ISO 8601 for what reads it; the text as it is where it is none, so that it is counted as such."""
        if not text.isascii():
            text = in_our_digits(text)
        if len(text) >= _PLAIN and text[4] == "-" and text[13] == ":":
            ending = self._iso_endings.get(text[_PLAIN:])
            if ending is not None:
                return text[:_PLAIN] + ending
        if text and not text[-1].isdigit() and (text[-1] != "Z" or text[-2:-1].isalpha()):
            named = self._cut(text)
            if named is not None:
                return self.placed(*named) or text
        if _ISO.match(text) and len(text) >= 10 and (len(text) == 10 or text[10] in " T"):
            if not self.zone and len(text) <= 19 and (len(text) == 10 or (text[13:14] == ":" and text[-1].isdigit())):
                return text
            return self._iso(text)
        stripped = text.strip()
        cut = stripped.find(" ")
        day_text = stripped if cut < 0 else stripped[:cut]
        known = self._days.get(day_text, "")
        if known:
            clock = "" if cut < 0 else self._clock_of(stripped[cut + 1 :])
            if clock is not None:
                return known + (clock or (f"T00:00{self.zone}" if self.zone else ""))
        return self._clean(stripped) or text

    def _iso(self, text: str) -> str:
        """An ISO time with its offset written as we write it; what stands behind its seconds is looked at once."""
        whole = with_zone(text, self.zone)
        ending = text[_PLAIN:]
        if (
            len(text) >= _PLAIN
            and text[13] == ":"
            and ending[:1] != "."
            and (ending == "Z" or not any(map(str.isalpha, ending)))  # PM changes some hours, and others not
            and whole[11:_PLAIN] == text[11:_PLAIN]
            and len(self._iso_endings) < _ENDINGS_KEPT
        ):
            self._iso_endings[ending] = whole[_PLAIN:]
        return whole

    def placed(self, text: str, zone: str) -> str | None:
        """The time in the zone of that name, "" = as the column's others; None where one of them is none."""
        zone = zone.strip()
        if not zone:
            return self.clean(text)
        kept, self.zone = (self.zone, self._iso_endings, self._clocks), ""
        self._iso_endings, self._clocks = self._zoneless
        moment = self.clean(text.strip())
        self.zone, self._iso_endings, self._clocks = kept
        return self.zones.placed(moment, zone) if _LOCAL.fullmatch(moment) else moment

    def _clock_of(self, text: str) -> str | None:
        """`clock_of`, each looked at once."""
        known = self._clocks.get(text)
        if known is None:
            known = clock_of(text, self.zone)
            if known is not None:
                if len(self._clocks) >= _KEPT:
                    self._clocks.clear()
                self._clocks[text] = known
        return known

    def _clean(self, text: str) -> str | None:
        if _DIGITS.fullmatch(text):
            return _number_as_time(text, self.zone, _SINCE_1904 if self.since_1904 else 0)
        numbers = _NUMBERS.match(text)
        if numbers is None:
            odd = usual(text)
            return self._named_clean(text) if odd is None else self.clean(odd)
        first, mark, second, third = numbers.groups()
        order = "ymd" if len(first) == 4 else "dmy" if mark == "." and self._order != "ymd" else self._order
        day = _date_of((first, second, third), order)
        if day is None:
            return None
        rest = without_glue(text[numbers.end() :].lstrip(" ,T"))
        clock = clock_of(rest, self.zone) if rest else ""
        if clock is None:
            return None
        if numbers.end() == len(text) or text[numbers.end()] == " ":
            if len(self._days) >= _KEPT:
                self._days.clear()
            self._days[text[: numbers.end()]] = day.isoformat()
        return day.isoformat() + (clock or (f"T00:00{self.zone}" if self.zone else ""))

    def _named_clean(self, text: str) -> str | None:
        found = self._named.read(text)
        if found is None:
            return None
        day, tail = found
        clock = self._clock_of(tail.strip()) if tail.strip() else ""
        if clock is None:
            return None
        return day + (clock or (f"T00:00{self.zone}" if self.zone else ""))


def _begins_with_year(text: str) -> bool:
    return text[:4].isdigit()


def _date_of(numbers: tuple[str, str, str], order: str) -> date | None:
    """The day that three numbers are in an order; None = none."""
    parts = dict(zip(order, numbers, strict=True))
    if len(parts["y"]) not in {2, 4} or len(parts["d"]) > 2 or len(parts["m"]) > 2:
        return None
    year = int(parts["y"])
    if len(parts["y"]) == 2:
        year += 2000 if year < 70 else 1900
    elif year in _BUDDHIST:
        year -= _BUDDHIST_AHEAD
    try:
        return date(year, int(parts["m"]), int(parts["d"]))
    except ValueError:
        return None


def _kind_of_number(text: str) -> str:
    value = Decimal(text.replace(",", "."))
    digits = len(text.partition(".")[0].partition(",")[0])
    if _SERIALS[0] <= value < _SERIALS[1]:
        return "serial"
    if digits in {10, 13, 15, 16, 18, 19} or (digits == 9 and value > 0):
        return "epoch"
    if digits in {8, 12, 14, 17} and _YEARS[0] <= text[:4] < _YEARS[1]:
        return "packed"
    return "epoch" if digits == 12 and value > 0 else ""


def _number_as_time(text: str, zone: str, later: int) -> str | None:
    """`later` are days that are added to the number of a spreadsheet."""
    value = Decimal(text.replace(",", "."))
    kind = _kind_of_number(text)
    if kind == "serial":
        moment = datetime.combine(_DAY_ZERO, datetime.min.time()) + timedelta(
            days=later, milliseconds=round(value * 86_400_000)
        )
        if abs((moment.microsecond + 500_000) % 1_000_000 - 500_000) < 2000:  # a double holds half a millisecond
            moment = (moment + timedelta(milliseconds=500)).replace(microsecond=0)
        return moment.isoformat() + zone if moment.time() != datetime.min.time() or zone else moment.date().isoformat()
    if kind == "epoch":
        whole = len(text.partition(".")[0].partition(",")[0])
        scale = {12: 3, 13: 3, 15: 6, 16: 6, 18: 9, 19: 9}.get(whole, 0)
        return (datetime(1970, 1, 1) + timedelta(microseconds=int(value.scaleb(6 - scale)))).isoformat() + "+00:00"  # noqa: DTZ001
    if kind == "packed" and text.isdigit():
        try:
            moment = datetime.strptime(text[:14].ljust(14, "0"), "%Y%m%d%H%M%S")  # noqa: DTZ007
            moment = moment.replace(microsecond=int(text[14:].ljust(6, "0")))
        except ValueError:
            return None
        return moment.date().isoformat() if len(text) == 8 and not zone else moment.isoformat() + zone
    return None
