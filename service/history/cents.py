"""Columns that count in the currency's smallest unit, as their names say: amount_cents, Betrag in Cent."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from service.errors import ConfigurationError
from service.profiles import plain_name
from service.profiles.words import words_of

_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_PARTS: Final = re.compile(r"[^,.]*[.,](?!0+\D*$)\d{1,2}\D*", re.ASCII)
"""An amount with parts of a unit, where those are not noughts."""
_DIGITS: Final = frozenset(
    {
        "exponent",
        "fractiondigits",
        "scale",
        "decimals",
        "decimalplaces",
        "decimaldigits",
        "currencyexponent",
        "precision",
    }
)
FIELDS: Final = ("amount", "price", "refunded", "corrected")


def without_cents(name: str) -> str:
    """What is left of a column's name without the words that say so; the name itself where it has none."""
    kept = [word for word in split_words(name) if word.lower() not in words_of("units")["smallest"]]
    return " ".join(word for word in kept if word.lower() not in {"in", "units", "unit"}) if says_cents(name) else name


def says_cents(name: str) -> bool:
    """Whether a column's name says that it counts in the smallest unit."""
    return any(word.lower() in words_of("units")["smallest"] for word in split_words(name))


def in_cents(names: Mapping[str, str]) -> bool:
    """Whether the amounts of a table are in it, by field and name of its column. Raises ConfigurationError where some
    are and some are not."""
    money = {field: name for field, name in names.items() if field in FIELDS}
    said = [name for name in money.values() if says_cents(name)]
    others = [name for name in money.values() if name not in said]
    if said and others:
        raise ConfigurationError(
            f"{said[0]} is in the smallest unit of the currency by its name, and {others[0]} is not: amounts of both kinds are not added up. "
            f"If both are in it, call it {others[0]}_cents in the file; if not, name another column with --map."
        )
    return bool(said)


def counted_by(name: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether a field beside an amount's says that two of its digits are behind the mark: total.value and
    total.exponent, which is -2, or total.fractionDigits, which is 2; and the amounts are whole numbers."""
    around, dot, _ = name.rpartition(".")
    if not dot:
        return False
    amounts = [row[place].strip() for place in [list(header).index(name)] for row in rows if place < len(row)]
    said = {
        row[place].strip().lstrip("-")
        for place, other in enumerate(header)
        if other.rpartition(".")[0] == around and plain_name(other.rpartition(".")[2]) in _DIGITS
        for row in rows
        if place < len(row)
    }
    return said == {"2"} and all(amount.lstrip("-").isdecimal() for amount in amounts if amount)


def check_whole(name: str, cells: Iterable[str]) -> None:
    """Raises ConfigurationError where a column of such a name has amounts with parts of a unit."""
    cell = next((cell for cell in cells if _PARTS.fullmatch(cell.strip())), None)
    if cell is not None:
        raise ConfigurationError(
            f"{name} counts cents by its name, and {cell.strip()!r} in it has parts of one: are its amounts in whole units after all? "
            "Give the column a name without cents, or name another one with --map amount=…"
        )


def split_words(name: str) -> list[str]:
    """Of a column's name, without accents: totalCents is total and Cents."""
    plain = "".join(one for one in unicodedata.normalize("NFKD", name) if not unicodedata.combining(one))
    return _WORD.findall(plain)
