"""Gift cards that were sold under their name alone: what they cost is no revenue yet, it counts when they are used."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Final

from service.profiles.words import words_of

_VALUE: Final = re.compile(r"[^\w\s]{0,2}\s?[a-z]{0,3}\$?\s?\d[\d.,]*\s?[^\d\s]{0,3}(?:\s?/.*)?")
"""$50.00, 50 €, US$50, kr 500: for how much a card is."""
_NAMES_KEPT: Final = 10_000


@lru_cache(_NAMES_KEPT)
def is_gift_card(item: str) -> bool:
    """Whether an item is one by its name: Gift Card - $50.00, Geschenkgutschein, Ann's Gift Card - 25 €; no holder of
    one."""
    words = words_of("gift_cards")["names"]
    name = " ".join(item.casefold().split())
    title, dash, value = name.rpartition(" - ")
    if dash and _VALUE.fullmatch(value):
        return title in words or any(title.endswith(f" {word}") for word in words)
    bare = next((name[: -len(rest)].rstrip(" :,") for rest in _tails(name) if _VALUE.fullmatch(rest)), name)
    return bare in words


def _tails(name: str) -> list[str]:
    """The last word of a name, and its last two."""
    parts = name.split()
    return [" ".join(parts[-count:]) for count in (2, 1) if len(parts) > count]


class SoldGiftCards:
    """Takes them off the amounts of orders whose rows come one after the other, the amount in the first."""

    def __init__(self) -> None:
        self._order = ""
        self._left = Decimal(0)
        """Of the order's money, that which was not given back and is no card's."""

    def without(self, worth: str, back: str, order: str, *, is_first: bool, item: str, value: str) -> tuple[str, str]:
        """What a row is worth without the card that its item is, which cost `value`; and what of it was given back."""
        is_card = is_gift_card(item) if item else False
        try:
            if is_first:
                left, returned = Decimal(worth or "0"), abs(Decimal(back or "0"))
                if is_card:
                    left = max(left - Decimal(value or "0"), Decimal(0))
                    returned = min(returned, left)
                self._order, self._left = order, left - returned
                return (format(left, "f"), format(returned, "f")) if is_card else (worth, back)
            if not is_card or order != self._order or self._left <= 0:
                return worth, back
            taken = min(Decimal(value or "0"), self._left)
        except InvalidOperation:
            return worth, back
        self._left -= taken
        return format(-taken, "f") if taken else worth, back
