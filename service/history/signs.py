"""Signs that several currencies share: which one a shop means says where it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_DOLLARS: Final = ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN", "ARS", "CLP", "COP", "TWD")
CALLED: Final = {"$": _DOLLARS, "kr": ("SEK", "NOK", "DKK", "ISK"), "KR": ("SEK", "NOK", "DKK", "ISK"),
                  "\u00a5": ("JPY", "CNY"), "\uffe5": ("JPY", "CNY")}  # fmt: skip
"""The likeliest first."""


def meant_by(sign: str, zones: Iterable[str]) -> str:
    """The currency of such a sign that is in use where the clock is one of these zones; else the likeliest. "" for a
    sign of one currency."""
    called = CALLED.get(sign, ())
    if not called:
        return ""
    from babel.core import get_global  # noqa: PLC0415 - only who has such a sign waits for it
    from babel.numbers import get_territory_currencies  # noqa: PLC0415

    places = get_global("zone_territories")
    for zone in zones:
        for code in get_territory_currencies(places.get(zone, "001")):
            if code in called:
                return str(code)
    return called[0]
