"""Who an event names, in the one spelling that files have it in too, and what may stand for a name."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from service.errors import ErrorCode, PassedOverError, PoisonError
from service.history.people import ROUNDED, person
from service.wire.views import KeyOfOne, UnreadableKey, View
from service.wire.wrapped import unwrapped

_LONGEST_NUMBER: Final = 40
NO_CUSTOMER: Final = "no_customer"
"""Why a record is passed over."""


@lru_cache(maxsize=65_536)
def one_spelling(whose: str) -> str:
    """Its one spelling; empty for nobody. Who buys often is read once. PoisonError for what a spreadsheet left of a
    long number: several people may be that."""
    if ROUNDED.fullmatch(whose.strip()):
        raise PoisonError(
            ErrorCode.INVALID_VALUE,
            "customer_id: is a number that was rounded, such as 4.477E+11: let what writes it give it as a text",
        )
    return person(whose)


def spelt(said: object, *, as_it_is: bool) -> object:
    """Who it is in the one spelling that files have it in too; `as_it_is`: where the record's key is held against it.
    PassedOverError where it is nobody."""
    whose = said if type(said) is str else name_of(said)
    if whose is None:
        raise PassedOverError(NO_CUSTOMER)
    if not isinstance(whose, str):
        return whose
    one = one_spelling(whose)
    if not one:
        raise PassedOverError(NO_CUSTOMER)
    return whose if as_it_is else one


def name_of(value: object) -> object:
    """A whole number stands for a name. PoisonError for a key that cannot be read."""
    if isinstance(value, View | dict):
        value = _named(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**_LONGEST_NUMBER:
        return str(value)
    return value


def _named(value: object) -> object:
    if isinstance(value, KeyOfOne):
        return value.value
    if isinstance(value, UnreadableKey):
        raise PoisonError(
            ErrorCode.INVALID_VALUE,
            "the record's key, in which the settings look, is no text, no JSON and no single value in Avro: name a field "
            "of the value in inputs.….fields, or let the producer write its keys as texts; keys of several fields are read by "
            "their schemas where those of values are (format and registry.url)",
        )
    return unwrapped(value)
