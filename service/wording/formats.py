"""Numbers, days and names of periods as this reader writes them."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from babel.dates import format_date, format_interval, format_skeleton
from babel.numbers import format_currency, format_decimal, format_percent

from service.config import ShopSettings
from service.domain.calendar import Granularity
from service.domain.periods.numbers import PeriodRow
from service.web.texts import Tongue

_NO_CENTS_FROM = 10_000
"""Of large amounts nobody reads the cents; the API has every digit."""


def window_days(granularity: str) -> int | None:
    """Length of a rolling window; None for a calendar period."""
    _, rolling, days = granularity.partition("rolling_")
    return int(days) if rolling else None


class Words:
    """One reader's language and habits, and the shop's money and time zone."""

    def __init__(self, shop: ShopSettings, tongue: Tongue) -> None:
        self.tongue = tongue
        self.say = tongue.say
        self.zone = shop.zone
        self._currency = shop.currency
        self._locale = tongue.locale
        self._whole_percent = tongue.locale.percent_formats[None].pattern
        self._percent = self._whole_percent.replace("#,##0", "#,##0.0")
        self._money = tongue.locale.currency_formats["standard"].pattern

    # ---- numbers

    def count(self, number: int) -> str:
        return str(format_decimal(number, locale=self._locale))

    def decimal(self, number: float) -> str:
        return str(format_decimal(number, "#,##0.0", locale=self._locale))

    def points(self, number: float) -> str:
        return str(format_decimal(number, "#,##0", locale=self._locale)).replace("-", "−")

    def percent(self, number: float, *, whole: bool = False) -> str:
        """`number` in percent, 0–100."""
        return str(format_percent(number / 100, self._whole_percent if whole else self._percent, locale=self._locale))

    def money(self, amount: Decimal) -> str:
        if abs(amount) < _NO_CENTS_FROM:
            return str(format_currency(amount, self._currency, locale=self._locale))
        without_cents = self._money.replace("0.00", "0")
        return str(format_currency(amount, self._currency, without_cents, locale=self._locale, currency_digits=False))

    def signed(self, number: float, *, percent: bool) -> str:
        """A difference: in percent of what it was, or in points."""
        written = format_decimal(number, "+#,##0.0;-#,##0.0", locale=self._locale).replace("-", "−")
        if percent:
            return str(self._percent.replace("#,##0.0", "{}").replace("\u202f", "\u00a0").format(written))
        return self.say("points", number=written)

    def counted(self, number: int, things: str) -> str:
        """With the noun, singular where the language wants it."""
        return self.say(f"{things}.{self.form(number)}", count=self.count(number))

    def measured(self, number: float, things: str) -> str:
        """With one decimal and the noun: 1.0 days, but « 1,9 jour », for French begins to count in the plural at 2."""
        written = Decimal(f"{number:.1f}")
        return self.say(f"{things}.{self.form(written)}", count=self.decimal(number))

    def form(self, number: Decimal | int) -> Literal["one", "other"]:
        """Which of two texts agrees with the number."""
        return "one" if self._locale.plural_form(number) == "one" else "other"

    def days(self, number: float, of: str = "days") -> str:
        return self.counted(max(1, round(number)), of)

    # ---- days and periods

    def day(self, day: date) -> str:
        written = str(format_date(day, "long", locale=self._locale))
        return re.sub(r"^1(?=\s)", "1er", written) if self._locale.language == "fr" else written

    def period(self, row: PeriodRow, *, short: bool = False) -> str:
        """The period's name: June 2026, Q2 2026, 2026; its days where it has none."""
        match row.granularity:
            case Granularity.MONTH.value:
                return str(format_skeleton("yMMM" if short else "yMMMM", row.start, locale=self._locale))
            case Granularity.QUARTER.value:
                return str(format_skeleton("yQQQ", row.start, locale=self._locale))
            case Granularity.YEAR.value:
                return str(format_skeleton("y", row.start, locale=self._locale))
            case _:
                return str(format_interval(row.start, row.end - timedelta(days=1), "yMMMd", locale=self._locale))

    def from_to(self, first: PeriodRow, last: PeriodRow) -> str:
        """What a trend spans; of windows and weeks the days on which the first and the last one end."""
        if first.granularity in (Granularity.MONTH.value, Granularity.QUARTER.value, Granularity.YEAR.value):
            return f"{self.period(first, short=True)} – {self.period(last, short=True)}"
        begin, end = (row.end - timedelta(days=1) for row in (first, last))
        return str(format_interval(begin, end, "yMMMd", locale=self._locale))

    def before(self, granularity: str, case: Literal["of", "on"]) -> str:
        """The period before: of the month before, on the month before."""
        days = window_days(granularity)
        if days is not None:
            return self.say(f"before.{case}.rolling", days=self.count(days))
        return self.say(f"before.{case}.{granularity}")
