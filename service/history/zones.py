"""The time zones that cells name: offsets, abbreviations, places, and the names of Rails (as Shopify and Square write
them) and of Windows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from service.errors import ConfigurationError
from service.history.clocks import without_24
from service.profiles import plain_name
from service.profiles.words import words_of

_ABBREVIATIONS: Final = {
    "UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "EST": -300, "EDT": -240, "CST": -360, "CDT": -300, "MST": -420, "MDT": -360,
    "PST": -480, "PDT": -420, "AKST": -540, "AKDT": -480, "HST": -600, "NST": -210, "NDT": -150, "ADT": -180, "CET": 60,
    "CEST": 120, "MEZ": 60, "MESZ": 120, "OEZ": 120, "OESZ": 180, "WEZ": 0, "WESZ": 60, "WEST": 60, "EET": 120, "EEST": 180, "MSK": 180, "SAST": 120, "AEST": 600,
    "AEDT": 660, "ACST": 570, "ACDT": 630, "AWST": 480, "NZST": 720, "NZDT": 780, "JST": 540, "KST": 540, "SGT": 480,
    "HKT": 480, "BRT": -180, "WIB": 420, "WITA": 480, "WIT": 540, "ICT": 420, "PHT": 480, "MYT": 480, "PKT": 300, "TRT": 180, "ART": -180,
    "COT": -300, "PET": -300,
}  # fmt: skip
"""Minutes. CST is that of America, as PayPal and Square write it, unless the shop's own zone has another."""
_OF_SEVERAL: Final = {
    "BST": "Britain and Bangladesh", "IST": "India, Ireland and Israel", "AST": "Halifax and Arabia", "GST": "the Gulf and Guam",
    "SST": "Samoa and Singapore", "WST": "Western Australia and Samoa", "ECT": "Ecuador and the Caribbean",
}  # fmt: skip
_RAILS: Final = {
    "Eastern Time (US & Canada)": "America/New_York", "Central Time (US & Canada)": "America/Chicago",
    "Mountain Time (US & Canada)": "America/Denver", "Pacific Time (US & Canada)": "America/Los_Angeles",
    "Atlantic Time (Canada)": "America/Halifax", "Newfoundland": "America/St_Johns", "Alaska": "America/Juneau",
    "Hawaii": "Pacific/Honolulu", "Arizona": "America/Phoenix", "Indiana (East)": "America/Indiana/Indianapolis",
    "Saskatchewan": "America/Regina", "Guadalajara": "America/Mexico_City", "Central America": "America/Guatemala",
    "Quito": "America/Lima", "Brasilia": "America/Sao_Paulo", "Georgetown": "America/Guyana", "Greenland": "America/Nuuk",
    "Mid-Atlantic": "Atlantic/South_Georgia", "Cape Verde Is.": "Atlantic/Cape_Verde", "Edinburgh": "Europe/London",
    "Bern": "Europe/Zurich", "West Central Africa": "Africa/Algiers", "Kyiv": "Europe/Kyiv",
    "Pretoria": "Africa/Johannesburg", "St. Petersburg": "Europe/Moscow", "Abu Dhabi": "Asia/Muscat",
    "Ekaterinburg": "Asia/Yekaterinburg", "Islamabad": "Asia/Karachi", "Chennai": "Asia/Kolkata", "Mumbai": "Asia/Kolkata",
    "New Delhi": "Asia/Kolkata", "Astana": "Asia/Almaty", "Sri Jayawardenepura": "Asia/Colombo", "Hanoi": "Asia/Bangkok",
    "Beijing": "Asia/Shanghai", "Osaka": "Asia/Tokyo", "Sapporo": "Asia/Tokyo", "Canberra": "Australia/Melbourne",
    "Solomon Is.": "Pacific/Guadalcanal", "New Caledonia": "Pacific/Noumea", "Marshall Is.": "Pacific/Majuro",
    "Wellington": "Pacific/Auckland", "Nuku'alofa": "Pacific/Tongatapu", "Tokelau Is.": "Pacific/Fakaofo",
    "Chatham Is.": "Pacific/Chatham", "Samoa": "Pacific/Apia", "International Date Line West": "Pacific/Midway",
    "Midway Island": "Pacific/Midway", "American Samoa": "Pacific/Pago_Pago",
    "Eastern Time": "America/New_York", "Central Time": "America/Chicago", "Mountain Time": "America/Denver",
    "Pacific Time": "America/Los_Angeles", "Central European Time": "Europe/Paris", "Eastern European Time": "Europe/Athens",
    "Western European Time": "Europe/Lisbon", "Greenwich Mean Time": "UTC", "Coordinated Universal Time": "UTC",
}  # fmt: skip
"""What Rails calls the zones, but for those that have the city of their official name; and CLDR's generic ones."""
_OFFSET: Final = re.compile(r"\(?(?:GMT|UTC)?\s*([+\-\u2212])(\d\d?):?(\d\d)?\)?", re.ASCII)
_OFFSET_BEFORE: Final = re.compile(r"^\((?:GMT|UTC)\s*(?:[+\-\u2212]\d\d?:?\d?\d?)?\)\s*", re.ASCII)
_OFFSET_FIRST: Final = re.compile(r"^((?:GMT|UTC)\s*[+\-\u2212]\d\d?:?\d?\d?)\s*\([^)]*\)$", re.ASCII)
_TAIL: Final = re.compile(
    r"^(.*\d[:h.]\d\d(?:[:.]\d\d(?:[.,]\d+)?)?(?:\s*[AaPp]\.?[Mm]\b\.?)?)\s*\(?\s*((?:\((?:GMT|UTC)[^)]*\)\s*[^\d]+|[A-Za-z(][^\d]*|(?:GMT|UTC)[^)]*\([^)]*))\)?$"
)  # fmt: skip
_NO_ZONE: Final = frozenset({"am", "pm", "a", "p"})
"""What stands after a clock time and is none, beside the words for hours."""
_MOST: Final = 1_000
"""Names of zones in one column; there are some 600 at most."""


def without_zone(text: str) -> tuple[str, str] | None:
    """A time and the zone that is named after it; None where none is."""
    if text.endswith("]"):  # 2025-01-06T08:29:48+01:00[Europe/Paris]
        before, _, name = text[:-1].partition("[")
        return (before, name) if before and name else None
    found = _TAIL.match(text)
    if found is None:
        return None
    small = "".join(found[2].replace(".", "").split()).casefold()
    if small in _NO_ZONE or small in words_of("dates")["after"]:
        return None
    name = found[2].strip()
    return found[1], f"{name})" if name.count("(") > name.count(")") else name


class Zones:
    """Sees the zones that a column names, then places times in them."""

    def __init__(self, column: str, shop: tzinfo | None) -> None:
        self.column = column
        self._shop = shop
        self.names: dict[str, None] = {}

    def see(self, text: str) -> None:
        """Takes a zone's name into account."""
        if len(self.names) < _MOST and text.strip():
            self.names[text.strip()] = None

    def decide(self) -> None:
        """Raises ConfigurationError for a zone that several places have; times in one that is not known are none."""
        for name in self.names:
            if name.upper() in _OF_SEVERAL and _own_offset(self._shop, name.upper()) is None:
                raise ConfigurationError(
                    f"The column {self.column} has times in {name.upper()}, as the zones of {_OF_SEVERAL[name.upper()]} are called: "
                    "say where the shop is with shop.timezone in the settings, such as Europe/London."
                )

    def placed(self, moment: str, name: str) -> str | None:
        """An ISO 8601 time without offset → with the one that the zone has then; None where the zone is not known."""
        zone = zone_named(name, self._shop) or zone_elsewhere(name)
        if zone is None:
            return None
        try:
            return datetime.fromisoformat(without_24(moment)).replace(tzinfo=zone).isoformat()
        except ValueError:
            return None

    def said(self) -> str:
        """The zones that the column names, a few of them."""
        shown = list(self.names)
        return ", ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")


@cache
def zone_named(name: str, shop: tzinfo | None = None) -> tzinfo | None:
    """The zone of that name, where `shop` is the shop's own; None where there is none or it is not plain."""
    text = " ".join(name.split())
    first = _OFFSET_FIRST.match(text)  # GMT-0500 (Eastern Standard Time)
    offset = _OFFSET.fullmatch(first[1] if first is not None else text)
    if offset is not None:
        minutes = 60 * int(offset[2]) + int(offset[3] or 0)
        return timezone(timedelta(minutes=minutes if offset[1] == "+" else -minutes)) if minutes < 24 * 60 else None
    short = text.strip("()").upper()
    own = _own_offset(shop, short)
    if own is not None:
        return timezone(own)
    if short in _ABBREVIATIONS:
        return UTC if _ABBREVIATIONS[short] == 0 else timezone(timedelta(minutes=_ABBREVIATIONS[short]))
    if short in _OF_SEVERAL:
        return None
    text = _OFFSET_BEFORE.sub("", text)
    for one in (text, *(part.strip() for part in text.split(","))):
        official = _names().get(one.casefold())
        if official is not None:
            return ZoneInfo(official)
    return None


_LANGUAGES: Final = "fr fr_CA es es_MX de it pt nl ja sv da nb fi pl cs tr ru zh ko".split()  # noqa: SIM905
_IN_BRACKETS: Final = re.compile(r"\s*\([^)]*\)$")


@cache
def zone_elsewhere(name: str) -> tzinfo | None:
    """The zone that another language than English calls so: 東京, heure de l'Est; None where none does.

    Only for what is known to be a zone, since cities are called so as well.
    """
    text = plain_name(_IN_BRACKETS.sub("", name))
    return ZoneInfo(_of_languages()[text]) if text in _of_languages() else None


@cache
def _of_languages() -> dict[str, str]:
    """Plain names of cities, and of what CLDR calls the time around them, → the zone."""
    from babel import Locale  # noqa: PLC0415 - slow, and few files name such zones
    from babel.core import get_global  # noqa: PLC0415

    known, found = available_timezones(), dict[str, str]()
    places = {meta: zone for zone, meta in get_global("meta_zones").items() if zone in known} | _PLACES
    for language in _LANGUAGES:
        locale = Locale.parse(language)
        for zone, said in locale.time_zones.items():
            if zone in known and "city" in said:
                found.setdefault(plain_name(said["city"]), zone)
        for meta, said in locale.meta_zones.items():
            for words in (said.get("long", {}) if meta in places else {}).values():
                found.setdefault(plain_name(words), places[meta])
    return found


_PLACES: Final = {
    "America_Eastern": "America/New_York", "America_Central": "America/Chicago", "America_Mountain": "America/Denver",
    "America_Pacific": "America/Los_Angeles", "Atlantic": "America/Halifax", "Europe_Central": "Europe/Paris",
    "Europe_Eastern": "Europe/Athens", "Europe_Western": "Europe/Lisbon", "Japan": "Asia/Tokyo", "China": "Asia/Shanghai",
    "Korea": "Asia/Seoul", "Brasilia": "America/Sao_Paulo", "GMT": "Europe/London", "Moscow": "Europe/Moscow",
}  # fmt: skip
"""Where most people have the time that CLDR calls so."""


def _own_offset(shop: tzinfo | None, short: str) -> timedelta | None:
    """What the shop's zone has at the time that it calls by these letters; None where it does not."""
    if shop is None or not short.isalpha():
        return None
    for month in (1, 7):
        moment = datetime(2025, month, 1, tzinfo=shop)
        if moment.tzname() == short:
            return moment.utcoffset()
    return None


@cache
def _names() -> dict[str, str]:
    """Every name in small letters → the official one."""
    from babel.core import get_global  # noqa: PLC0415 - slow, and few files name zones

    found: dict[str, str] = {}
    found.update(_cities())
    found.update((name.casefold(), official) for name, official in get_global("windows_zone_mapping").items())
    found.update((name.casefold(), official) for name, official in _RAILS.items())
    known = available_timezones()  # walks through directories
    return {name: official for name, official in found.items() if official in known}


def _cities() -> Iterator[tuple[str, str]]:
    """Official names, and the cities of those; of two of one name that in which the city is the whole of the place."""
    official = sorted(available_timezones(), key=lambda name: (-name.count("/"), not name.startswith(("Etc", "posix"))))
    for name in official:
        area, _, _ = name.partition("/")
        yield name.casefold(), name
        if area in {"Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"}:
            yield name.rpartition("/")[2].replace("_", " ").casefold(), name
