"""The words by which a table says that a row is the sum of those above it."""

from __future__ import annotations

from functools import cache

from service.profiles.words import words_of


@cache
def _words() -> frozenset[str]:
    words = words_of("totals")
    return words["sums"] | words["names"]


@cache
def _no_names() -> frozenset[str]:
    """Those by which nobody is called."""
    words = words_of("totals")
    return words["sums"] | words["of a day"]


@cache
def spellings_of_sums() -> frozenset[str]:
    """The same as they are mostly written."""
    return frozenset(form for word in _no_names() for form in (word, word.upper(), word.capitalize()))


def is_total(cell: str) -> bool:
    """Whether a cell says so."""
    return cell.strip().casefold().rstrip(" :.") in _words()


def is_sum(cell: str) -> bool:
    """Whether a cell that should name a customer says so, and can be nobody's name."""
    return cell.strip().casefold().rstrip(" :.") in _no_names()


def begins_as_total(cell: str) -> bool:
    """Whether it begins so: Zwischensumme Januar, Total for Ann. A name may, so in a row with a time it says little."""
    text = cell.strip().casefold()
    return is_total(text) or any(text.startswith((f"{word} ", f"{word}:")) for word in _words())
