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
        self._first = "", ""
        """What the order's first row is worth, and what was given back of it."""
        self._taken = Decimal(0)
        """Off the order in its further rows."""

    def begins(self, order: str, worth: str, back: str) -> None:
        """Takes the first row of an order into account whose item is no card."""
        self._order, self._first, self._taken = order, (worth, back), Decimal(0)

    def first(self, order: str, worth: str, back: str, value: str) -> tuple[str, str]:
        """What the first row of an order is worth without the card in it, which cost `value`, and what of it was given
        back."""
        try:
            left = max(Decimal(worth or "0") - Decimal(value or "0"), Decimal(0))
            returned = min(abs(Decimal(back or "0")), left)
        except InvalidOperation:
            return worth, back
        self.begins(order, format(left, "f"), format(returned, "f"))
        return self._first

    def further(self, order: str, worth: str, value: str) -> str:
        """What a further row is worth in which a card stands: that much less than nothing, as far as it was not given
        back with the order."""
        if order != self._order:
            return worth
        try:
            kept, back = (Decimal(one or "0") for one in self._first)
            taken = min(Decimal(value or "0"), kept - abs(back) - self._taken)
        except InvalidOperation:
            return worth
        if taken <= 0:
            return worth
        self._taken += taken
        return format(-taken, "f")
