"""`[shop]`: what the shop is, and where."""

from __future__ import annotations

import re
from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from babel.numbers import get_currency_precision
from pydantic import (
    Field,
    field_validator,
)

from service.config.sections.section import LongSecret, Section, ZoneName, known_zone
from service.domain import policy
from service.domain.calendar import SECOND_US, Calendar

SMALLEST_RATE, LARGEST_RATE = Decimal("0.000000001"), Decimal(1_000_000_000)
"""Between any two currencies that people pay with; beyond, the rate is a mistake."""
_LINK = re.compile(r"https?://[^\s<>\"']+", re.IGNORECASE)
_LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*")
_CLOCK_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)


class ShopSettings(Section):
    timezone: ZoneName = "UTC"
    """IANA time zone of the shop, whose local days are those of every number."""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"
    """ISO 4217 code of the currency of every amount that goes out."""
    rates: dict[str, Decimal] = {}
    """Units of the shop's currency for one unit of another, e.g. USD = "0.92"."""
    regular_min_visits: Annotated[int, Field(ge=2, le=50)] = 4
    """Visits that make a regular. 4 are three gaps, the least from which a rhythm can be told."""
    history_days: Annotated[int, Field(ge=765, le=4000)] = 765
    """Days for which a late event still changes the numbers of its period; 765 keep a rolling year and the one before
    it exact."""
    erasure_salt: LongSecret | None = None
    """Secret (16 characters or more) that keys the hashes by which erased customers are kept out, and that of the
    control group. Without it nobody can be erased: such a record is a dead letter (`no_erasure_key`), since whoever
    guesses the key could look for a customer among the hashes. Change it and erased customers are no longer
    recognised, and others are in the control group."""
    erasure_salt_file: Path | None = None
    """File that holds erasure_salt."""
    max_lifespan_years: Annotated[float, Field(gt=0, le=100)] = 10.0
    """Years at which the lifespan in the customer lifetime value is cut off, and its value where nobody leaves."""
    industry: policy.Industry = policy.Industry.NONE
    """Whose usual retention stands beside the shop's on the page; none = those of all."""
    day_starts_at: str = "00:00"
    """What the shop's clock shows when its day begins, for visits, periods and reports alike. A bar says 05:00: what it
    sells at one in the morning belongs to the evening before. A backtest suggests an hour where evenings are cut in
    two."""

    name: Annotated[str, Field(max_length=200)] = ""
    """What customers call the shop; every message names it."""
    address: Annotated[str, Field(max_length=500)] = ""
    """Where it is, for the foot of every message; lines are separated by commas or line breaks."""
    url: Annotated[str, Field(max_length=2_000)] = ""
    """Where the button of a message leads; empty: there is none."""
    feedback_url: Annotated[str, Field(max_length=2_000)] = ""
    """Where a message that asks for an opinion leads, `{customer_id}` and `{decision_id}` filled in; empty: to
    `url`."""
    locale: Annotated[str, Field(max_length=35)] = "en"
    """BCP 47: the shop's own language, and that of messages to customers whose language is not known or does not
    ship."""
    store_timezones: Annotated[dict[str, str], Field(max_length=10_000)] = {}
    """IANA time zone of a store, by the store_id (or channel) of its purchases, where it is another than the shop's:
    quiet hours go by it for customers whose own zone is not known."""

    @field_validator("name", "address")
    @classmethod
    def _one_text(cls, text: str) -> str:
        """It stands in subject lines and headers; a line break would end them."""
        lines = [" ".join(line.split()) for line in text.splitlines()]
        return ", ".join([line for line in lines if line])

    @field_validator("url", "feedback_url")
    @classmethod
    def _a_link(cls, url: str) -> str:
        url = url.strip()
        if url and not _LINK.fullmatch(url):
            raise ValueError(f"{url[:100]!r} is not a link such as https://cafe.example/order")
        return url

    @field_validator("locale")
    @classmethod
    def _a_locale(cls, name: str) -> str:
        if not _LOCALE.fullmatch(name):
            raise ValueError(f"{name[:40]!r} is not a BCP 47 language such as en or fr-FR")
        return name

    @field_validator("store_timezones")
    @classmethod
    def _zones_exist(cls, zones: dict[str, str]) -> dict[str, str]:
        for name in zones.values():
            known_zone(name)
        return zones

    @field_validator("day_starts_at", mode="before")
    @classmethod
    def _hour_and_minute(cls, given: object) -> object:
        """TOML has clock times of its own."""
        if isinstance(given, time) and not (given.second or given.microsecond):
            return given.isoformat("minutes")
        if not isinstance(given, str) or not _CLOCK_TIME.fullmatch(given):
            raise ValueError(f"{str(given)[:20]!r} is not a time of the day such as 05:00")
        return given

    @field_validator("rates")
    @classmethod
    def _rates_positive(cls, rates: dict[str, Decimal]) -> dict[str, Decimal]:
        for code, rate in rates.items():
            if len(code) != 3 or not code.isascii() or not code.isupper():
                raise ValueError(f"{code!r} is not an ISO 4217 code such as USD")
            if not rate.is_finite() or not SMALLEST_RATE <= rate <= LARGEST_RATE:
                raise ValueError(f"the rate of {code} must lie between {SMALLEST_RATE} and {LARGEST_RATE:,}")
        return rates

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def calendar(self) -> Calendar:
        """The shop's days."""
        hours, minutes = self.day_starts_at.split(":")
        return Calendar(self.zone, (int(hours) * 60 + int(minutes)) * 60 * SECOND_US)

    @property
    def minor_digits(self) -> int:
        return int(get_currency_precision(self.currency))
