"""How a column writes its numbers: which mark is the decimal one, decided from all of its cells together.

"1.250" is 1.25 to one half of Europe and 1,250 to the other. A cell alone does not say which; a column mostly does, and
where it does not, it is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection
from decimal import Decimal
from functools import cache
from typing import Final

from service.errors import ConfigurationError
from service.history.digits import in_our_digits
from service.history.numbers import decimal_text
from service.history.readings import TwoReadingsError
from service.profiles import plain_name
from service.profiles.words import words_of

POINT: Final = "."
COMMA: Final = ","
_PLAIN = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_CERTAIN = {mark: re.compile(rf"-?\d+{re.escape(mark)}\d\d?", re.ASCII) for mark in (POINT, COMMA)}
_GROUPED = {
    mark: re.compile(rf"\d{{1,3}}({re.escape(mark)}\d{{3}})+|\d{{1,2}}({re.escape(mark)}\d{{2}})+{re.escape(mark)}\d{{3}}", re.ASCII)
    for mark in (POINT, COMMA)
}  # fmt: skip
"""1.234.567, and 12,34,567 as India writes it."""
_SPACES = dict.fromkeys(map(ord, "\u00a0\u202f\u2009"), " ")
_BETWEEN = re.compile(r"(?<=\d)[ '\u2019_](?=\d{3}(?!\d))", re.ASCII)
_SCIENTIFIC = re.compile(r"[+-]?\d+(?:([.,])\d+)?[eE][+-]?\d{1,2}", re.ASCII)
_OF_SEVERAL: Final = frozenset({"$", "kr", "Kr", "\u00a5", "\uffe5"})
"""Signs of several currencies."""
_YEN: Final = frozenset({"\u00a5", "\uffe5"})
_YUAN: Final = "CNY"
_WITHOUT_CENTS: Final = frozenset(
    {"\u00a5", "\uffe5", "JPY", "KRW", "VND", "CLP", "PYG", "ISK", "UGX", "XAF", "XOF", "XPF", "RWF"}
)
"""Currencies that have no smaller unit: what stands behind a mark in them are thousands (the yuan of the same sign has
no tenth of a cent either)."""
_DASHES: Final = "-\u2212\u2013\u2014"
_NO_CENTS = re.compile(rf"(?<=\d)([.,])\s?[{_DASHES}]{{1,2}}(?=\s*[^\d\s.,()]{{0,4}}$)")
"""1'250.- and 1.250,-- as the Swiss, Germans, Dutch and Swedes write whole amounts."""
_BOOKED: Final = frozenset({"CR", "DR", "S", "H"})
"""Credit and debit, Soll and Haben: which of them takes off is a matter of whose account it is."""
_NO_CURRENCY: Final = frozenset(
    {"k", "m", "mio", "mill", "mrd", "mn", "bn", "tsd", "t", "kg", "g", "pcs", "stk", "st", "h", "min", "pts", "pt", "mln", "mld", "mil", "tys", "tkr",
     "mkr", "lac", "lakh", "тыс", "млн", "шт", "ks", "kpl", "szt", "個", "件", "点"}
)  # fmt: skip
"""Thousands, millions, pieces, weights and points: what stands before them is no amount of money as it is."""
_MANY: Final = frozenset("十百千万萬億亿兆백천만억조")
"""Tens to millions of millions in East Asia, where a currency may stand behind them: 万元, 만원."""
_BRACKETED = re.compile(r"([^\d\s.,()-]{0,4})\s*\(([^()]+)\)\s*([^\d\s.,()-]{0,4})")
_CODE = re.compile(r"[A-Z]{3}")
_WORDS: Final = re.compile(r"[^\W\d_]+|[^\w\s()\[\].,:;/-]")
_KEPT: Final = 50_000


class AmountColumn:
    """Sees every cell of a column, then reads them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.certain: dict[str, str] = {}
        """Decimal mark → the first cell that can be read in no other way."""
        self.doubtful: dict[str, str] = {}
        """Mark → the first cell in which it is followed by exactly three digits, once."""
        self.currencies: Counter[str] = Counter()
        """Of the cells that name one: codes, and signs of several ("$") where there are others beside."""
        self.sign: str = ""
        """The one of several currencies that all cells have, "" = none."""
        self.blank = 0
        """Cells without anything."""
        self.unknown = ""
        """Letters beside a number that are of no currency that is known."""
        self._has_cents = False
        self._seen: dict[str, str] = {}
        """Cells → the sign in each."""
        self._plain: re.Pattern[str] | None = None
        """Cells that say nothing more than one before them has said."""
        self.mark = POINT
        self._read: dict[str, str] = {}

    def see(self, text: str, count: int = 1) -> None:
        """Takes a cell into account that stands there so many times."""
        if not text:
            self.blank += count
            return
        if self._plain is not None and self._plain.fullmatch(text):
            return
        known = self._seen.get(text)
        if known is not None:
            if known:
                self.currencies[known] += count
            return
        found = _stripped(text)
        core, currency, _ = found if found is not None else ("", "", False)
        if len(self._seen) < _KEPT:
            self._seen[text] = currency
        if currency:
            self.currencies[currency] += count
        elif core and not self.unknown and not (text[:1].isdigit() and text[-1:].isdigit()):
            self.unknown = "".join(filter(str.isalpha, text))
        if not core:
            return
        scientific = _SCIENTIFIC.fullmatch(core)
        if scientific:
            if scientific[1]:
                self.certain.setdefault(scientific[1], text)
            return
        core = _BETWEEN.sub("", core)
        points, commas = core.count(POINT), core.count(COMMA)
        if points and commas:
            last = POINT if core.rfind(POINT) > core.rfind(COMMA) else COMMA
            if core.count(last) == 1:
                self.certain.setdefault(last, text)
            return
        mark = POINT if points else COMMA if commas else ""
        if not mark:
            return
        if core.count(mark) > 1:
            if _GROUPED[mark].fullmatch(core):
                self.certain.setdefault(COMMA if mark == POINT else POINT, text)
            return
        whole, _, fraction = core.partition(mark)
        if "\u066b" in text:
            self.certain.setdefault(mark, text)
            return
        if len(fraction) == 3 and 1 <= len(whole) <= 3 and whole[0] != "0":
            if currency in _WITHOUT_CENTS:
                self.certain.setdefault(COMMA if mark == POINT else POINT, text)
                return
            self.doubtful.setdefault(mark, text)
        else:
            self.certain.setdefault(mark, text)
            self._plain = self._plain or _CERTAIN[mark]
            self._has_cents = self._has_cents or bool(fraction.strip("0"))

    def currency_of(self, text: str) -> str:
        """The code or sign of a cell, "" = none."""
        known = self._seen.get(text)
        if known is None:
            found = _stripped(text)
            known = found[1] if found is not None else ""
        return known

    def decide(self, wish: str = "", currencies: Collection[str] = ()) -> None:
        """Fixes the decimal mark; `wish` is the user's, `currencies` are those that another column names.

        Raises ConfigurationError where both readings fit, or neither.
        """
        if len(self.currencies) == 1 and next(iter(self.currencies)) in _OF_SEVERAL:
            self.sign = next(iter(self.currencies))
            self.currencies.clear()
            if self.sign in _YEN and self._has_cents:  # of the yuan: the yen has none
                self.sign = ""
                self.currencies[_YUAN] = 1
        if wish:
            self.mark = wish
            return
        if len(self.certain) > 1:
            both = " and ".join(f"{cell.strip()!r}" for cell in self.certain.values())
            raise ConfigurationError(
                f"The column {self.name} writes its numbers in two ways ({both}): make them one, or say which mark is the "
                'decimal one with --decimal "," or --decimal "."; cells that do not fit it are then left out.'
            )
        if self.certain:
            (self.mark,) = self.certain
        elif len(self.doubtful) == 1 and currencies and _WITHOUT_CENTS.issuperset(currencies):
            self.mark = COMMA if POINT in self.doubtful else POINT
        elif self.doubtful:
            cell = next(iter(self.doubtful.values())).strip()
            raise TwoReadingsError(
                f"The column {self.name} can be read in two ways: {cell!r} is {_both(cell)}, and no other cell says which. "
                'Say which mark is the decimal one: --decimal "," or --decimal "." (files.decimal in the settings).',
                "decimal",
            )

    def clean(self, text: str) -> str:
        """The number as "-1234.56"; the text as it is where it is none, so that it is counted as such."""
        if self.mark == POINT and _PLAIN.fullmatch(text):
            return decimal_text(text)
        if self.mark == COMMA and _CERTAIN[COMMA].fullmatch(text):
            return text.replace(COMMA, POINT)
        known = self._read.get(text)
        if known is None:
            known = self._clean(text)
            if known is not text:
                known = decimal_text(known)
            if len(self._read) >= _KEPT:
                self._read.clear()
            self._read[text] = known
        return known

    def _clean(self, text: str) -> str:
        if not text.strip():
            return ""
        stripped = _stripped(text)
        if stripped is None:
            return text
        core, _, negative = stripped
        core = _BETWEEN.sub("", core)
        other = COMMA if self.mark == POINT else POINT
        scientific = _SCIENTIFIC.fullmatch(core)
        whole, mark, fraction = core.partition(self.mark)
        if scientific:
            if scientific[1] == other:
                return text
            number = format(Decimal(core.replace(COMMA, POINT)), "f")
        else:
            if other in whole:
                if not _GROUPED[other].fullmatch(whole):
                    return text
                whole = whole.replace(other, "")
            if not (whole or fraction) or not (whole + fraction).isdigit() or (mark and self.mark in fraction):
                return text
            number = f"{whole or '0'}.{fraction}" if fraction else whole
        return f"-{number}" if negative and number.strip("0.") else number


@cache
def _signs() -> dict[str, str]:
    """Signs of one currency alone, in small letters → its code: `words/signs.toml`."""
    return {sign: code for code, signs in words_of("signs").items() for sign in signs}


def code_of(text: str) -> str:
    """The code of a currency as a column names it: eur, руб., zł."""
    text = text.strip()
    return _signs().get(text.replace(".", "").casefold(), text.upper())


def code_in(name: str) -> str:
    """The currency that a column's name says: Betrag CHF, Total (€); "" = none."""
    found = {
        word if _CODE.fullmatch(word) else _signs()[word.casefold()]
        for word in _WORDS.findall(name)
        if (_CODE.fullmatch(word) and plain_name(word) in _codes())
        or (not word.isascii() and word.casefold() in _signs())
    }
    return found.pop() if len(found) == 1 else ""


@cache
def _codes() -> frozenset[str]:
    return words_of("parts")["currencies"] | {code.lower() for code in words_of("signs")}


def _both(cell: str) -> str:
    digits = re.sub(r"[^\d.,]", "", in_our_digits(cell)).strip(".,")
    plain = digits.replace(POINT, "").replace(COMMA, "")
    return f"{int(plain):,} or {float(digits.replace(COMMA, POINT)):g}"


def _is_no_money(sign: str) -> bool:
    """Whether letters beside a number count something else, or many of it: k€, Mio. €, 万元, Stk."""
    letters = "".join(filter(str.isalpha, sign)).casefold()
    return letters in _NO_CURRENCY or (letters not in _signs() and not _MANY.isdisjoint(letters))


def _stripped(text: str) -> tuple[str, str, bool] | None:
    """Digits and marks of a cell, its currency (code, or a sign of several; "" = none), and whether it is negative.

    None where it is no number.
    """
    if not text.isascii():
        text = in_our_digits(text).translate(_SPACES)
    text = text.strip()
    if text[:1] == "\\" and text[1:2].isdigit():
        text = f"\u00a5{text[1:]}"  # Shift-JIS has the sign of the yen in the place of that stroke
    if text and not text[-1].isdigit() and any(dash in text for dash in _DASHES):
        text = _NO_CENTS.sub(r"\1", text)  # the dash stands for the cents: it is no minus
    if text[:2] == "S/":  # of Peru, also S/.
        text = f"PEN{text[2:].removeprefix('.')}"
    negative = False
    bracketed = _BRACKETED.fullmatch(text)
    if bracketed is not None:
        negative, text = True, f"{bracketed[1]}{bracketed[2]}{bracketed[3]}".strip()
    currency = ""
    if not (text[:1].isdigit() and text[-1:].isdigit()):
        kept: list[str] = []
        letters: list[str] = []
        for place, character in enumerate(text):
            if character == "." and letters and (not kept or text[place - 1].isalpha()):
                continue  # of "kr.", "Fr." and "руб."
            ours = character.isascii() and (character.isdigit() or character in ".,' _")
            exponent = (
                character in "eE"
                and place
                and text[place - 1].isdigit()
                and text[place + 1 : place + 2].strip("+-0123456789") == ""
            )
            if ours or character == "\u2019" or (exponent and place + 1 < len(text)):
                kept.append(character)
            elif character in "-\u2212\u2013+":
                if place and text[place - 1] in "eE":
                    kept.append(character)
                elif character != "+":
                    if negative:
                        return None
                    negative = True
            elif character.isalpha() or unicodedata.category(character) == "Sc":
                letters.append(character)
            elif character != "*":
                return None
        sign = "".join(letters)
        if len(sign) > 4 or sign.upper() in _BOOKED or _is_no_money(sign):
            return None
        currency = _signs().get(sign.casefold(), sign if _CODE.fullmatch(sign) or sign in _OF_SEVERAL else "")
        text = "".join(kept).strip()
        if sign in {"kr", "Kr", "Fr"}:
            text = text.rstrip(".,")
        text = text.strip(" '")
    if not text or (not text[-1].isdigit() and text[-1] not in ".,"):
        return None
    return text, currency, negative
