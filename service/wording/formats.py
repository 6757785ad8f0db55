"""Numbers and days as one reader writes them."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Literal

from babel.dates import format_date, format_datetime, format_interval, format_skeleton, format_time
from babel.numbers import (
    format_compact_currency,
    format_currency,
    format_decimal,
    format_percent,
    get_currency_symbol,
)

from service.config import ShopSettings
from service.domain.calendar import to_date
from service.wording.catalogue import Catalogue
from service.wording.rounding import whole_days

DASH: Final = "–"
"""Stands in tables for what is unknown."""
_TOUCHING: Final = re.compile(r"[^\W\d_][0-9]")


class Formats:
    """One reader's catalogue and habits, and the shop's money and time zone."""

    def __init__(self, shop: ShopSettings, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.say = catalogue.say
        self.zone = shop.zone
        self._calendar = shop.calendar()
        self._currency = shop.currency
        self._locale = catalogue.locale
        self._whole_percent = self._locale.percent_formats[None].pattern
        self._percent = self._whole_percent.replace("#,##0", "#,##0.0")
        self._sign = str(get_currency_symbol(self._currency, self._locale))
        self._money = self._locale.currency_formats["standard"].pattern

    # ---- numbers

    def count(self, number: int) -> str:
        return str(format_decimal(number, locale=self._locale))

    def setting(self, number: float) -> str:
        """As it was set, with three decimals at most."""
        return str(format_decimal(number, locale=self._locale))

    def plain(self, number: float) -> str:
        """With two decimals at most, and without noughts at the end."""
        return str(format_decimal(number, "#,##0.##", locale=self._locale))

    def decimal(self, number: float, places: int = 1) -> str:
        return str(format_decimal(number, "#,##0." + "0" * places, locale=self._locale))

    def points(self, number: float) -> str:
        return str(format_decimal(number, "#,##0", locale=self._locale)).replace("-", "−")

    def percent(self, number: float, *, whole: bool = False) -> str:
        """`number` in percent, 0–100."""
        return str(format_percent(number / 100, self._whole_percent if whole else self._percent, locale=self._locale))

    def share(self, share: float | None, *, whole: bool = False) -> str:
        """A share 0–1 in percent; a dash for what is unknown."""
        return DASH if share is None else self.percent(100 * share, whole=whole)

    def money(self, amount: Decimal) -> str:
        """What was paid, and what is so by everybody's account: to the cent."""
        return self._spaced(format_currency(amount, self._currency, locale=self._locale))

    def estimate(self, amount: Decimal) -> str:
        """What is expected, at risk or put down to something: without cents, for nobody knows it to the cent."""
        without_cents = self._money.replace("0.00", "0")
        return self._spaced(
            format_currency(amount, self._currency, without_cents, locale=self._locale, currency_digits=False)
        )

    def short_money(self, amount: float) -> str:
        """For the axis of a chart: €1.2K."""
        return self._spaced(format_compact_currency(amount, self._currency, locale=self._locale, fraction_digits=1))

    def _spaced(self, written: object) -> str:
        """CHF 12.50: a sign that ends in a letter does not touch the digits after it (CLDR, currency spacing)."""
        text, sign = str(written), self._sign
        return text.replace(sign, f"{sign}\u00a0") if sign[-1:].isalpha() and _TOUCHING.search(text) else text

    def signed(self, number: float, *, percent: bool) -> str:
        """A difference: in percent of what it was, or in points."""
        written = format_decimal(number, "+#,##0.0;-#,##0.0", locale=self._locale).replace("-", "−")
        if percent:
            return str(self._percent.replace("#,##0.0", "{}").replace("\u202f", "\u00a0").format(written))
        return self.say(f"points.{self.form(abs(Decimal(f'{number:.1f}')))}", number=written)

    # ---- numbers with their nouns

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
        """Whole days, at least one."""
        return self.counted(whole_days(number), of)

    # ---- days

    def day(self, day: date) -> str:
        """Within a text."""
        return self.catalogue.language.day(day, str(format_date(day, "long", locale=self._locale)))

    def local_day(self, at_us: int) -> str:
        """The shop's day of an instant, within a text."""
        return self.day(self.date_of(at_us))

    def date_of(self, at_us: int) -> date:
        return to_date(self._calendar.day_of(at_us))

    def label(self, day: date, parts: str) -> str:
        """A day on an axis: the CLDR skeleton `parts`, such as yMMMd, in the reader's order."""
        return str(format_skeleton(parts, day, locale=self._locale))

    def moment(self, at: datetime) -> str:
        """An instant on the shop's clock, in short."""
        written = str(format_datetime(at.astimezone(self.zone), "short", locale=self._locale))
        return self.catalogue.language.moment(written)

    def hour(self, at: datetime) -> str:
        """An hour of the shop's clock that begins then, with its day of the week."""
        local = at.astimezone(self.zone)
        day = format_datetime(local, "EEE", locale=self._locale)
        return f"{day} {format_time(local, 'short', locale=self._locale)}"

    def span(self, first: date, last: date) -> str:
        """Both days included."""
        return str(format_interval(first, last, "yMMMd", locale=self._locale))
