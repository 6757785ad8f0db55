"""What the reader has chosen by following links, which work without a script; and the links that choose otherwise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Final
from urllib.parse import urlencode

from service.domain.calendar import Granularity
from service.domain.periods.rows import WINDOWS
from service.web.negotiation import best_catalogue
from service.wording.catalogue import Catalogue, catalogue_in
from service.wording.formats import Formats
from service.wording.language import Language
from service.wording.languages import LANGUAGES
from service.wording.period_names import short_length_name

GRANULARITIES: Final = (*(each.value for each in Granularity), *(f"rolling_{days}" for days in WINDOWS))
"""In the order of the switch."""
GranularityName = StrEnum(  # type: ignore[misc]  # the members are the granularities
    "GranularityName", {name: name for name in GRANULARITIES}
)
"""For the addresses of page and API, which refuse any other."""
MONTH: Final = GranularityName("month")
"""What is shown unless something else is asked for."""

SHOP: Final = f"/?period={MONTH.value}"
"""The page as it is shown first. The bare address leads whoever may see persons to those of today."""


@dataclass(frozen=True, slots=True)
class View:
    """One way to see the page."""

    granularity: str = Granularity.MONTH.value
    since: date | None = None
    """First day of any run of days, which then stands in place of a period; None = a period."""
    until: date | None = None
    """Last day of it; None = today."""
    language: Language | None = None
    """None = the browser's."""
    live: bool = True

    @property
    def address(self) -> str:
        return self.address_of("/")

    def address_of(self, path: str) -> str:
        """Of another page, seen the same way."""
        chosen = {
            "period": None if self.granularity == Granularity.MONTH.value or self.since else self.granularity,
            "from": self.since and self.since.isoformat(),
            "to": self.until and self.until.isoformat(),
            "lang": self.language and self.language.code,
            "live": None if self.live else "no",
        }
        query = urlencode({name: value for name, value in chosen.items() if value is not None})
        if not query and path == "/":
            return SHOP
        return f"{path}?{query}" if query else path

    def catalogue(self, accept_language: str | None) -> Catalogue:
        """The chosen language, with the browser's habits for numbers where they are of that language."""
        theirs = best_catalogue(accept_language)
        return theirs if self.language in (None, theirs.language) else catalogue_in(self.language)


@dataclass(frozen=True, slots=True)
class Choice:
    """One link of the switch."""

    label: str
    address: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Translation:
    """A link to the same page in another language."""

    code: str
    name: str
    address: str


def period_choices(view: View, formats: Formats) -> list[Choice]:
    return [
        Choice(
            short_length_name(granularity, formats),
            replace(view, granularity=granularity, since=None, until=None).address,
            granularity == view.granularity and view.since is None,
        )
        for granularity in GRANULARITIES
    ]


def translations(view: View, shown: Language, path: str = "/") -> list[Translation]:
    """In every language but the one that is shown."""
    others = [language for language in LANGUAGES.values() if language is not shown]
    return [Translation(other.code, other.name, replace(view, language=other).address_of(path)) for other in others]
