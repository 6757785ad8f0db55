"""Names of columns that are put together from words: Hashed Client ID, Sale Date, Order Total EUR."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Final

from service.profiles import plain_name
from service.profiles.words import words_of

_WORD: Final = re.compile(r"#|[^\W\d_]+\d*")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NEEDED: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "customer_id": (("customers",), ("numbers",)),
    "timestamp": (("days",), ("purchases",)),
    "amount": (("sums",), ("purchases", "currencies", "money")),
    "order_id": (("purchases", "numbers"), ()),
}
"""Field → of which kinds there has to be a word, and of which there may be."""
_LONGEST: Final = 6
"""Words of a name; a longer one is a question or a remark."""


@cache
def plain_words(file: str, meaning: str) -> frozenset[str]:
    """The words of that meaning in `words/{file}.toml`, as `plain_name` spells them."""
    return frozenset(map(plain_name, words_of(file)[meaning]))


def _plain(kind: str) -> frozenset[str]:
    return plain_words("parts", kind)


def says_together(field: str, name: str) -> bool:
    """Whether the words of a column's name together say that it is that field."""
    if field not in _NEEDED:
        return False
    needed, more = _NEEDED[field]
    words = _words(name, (*needed, *more))
    if not 0 < len(words) <= _LONGEST:
        return False
    allowed = frozenset().union(*map(_plain, (*needed, *more, "small")))
    return all(word in allowed for word in words) and all(
        any(word in _plain(kind) for word in words) for kind in needed
    )


def is_net(name: str) -> bool:
    """Whether a name says that something was taken off: Total net, Nettoumsatz, Payout."""
    words = [plain_name(word) for word in _WORD.findall(_CAMEL.sub(" ", name))]
    return any(word in _plain("net") or word.startswith("netto") for word in words)


def is_of_an_order(name: str) -> bool:
    """Whether a name says that its amounts are of whole orders: Order total, Bestellsumme."""
    return any(word in _plain("orders") for word in _words(name, ("orders", "sums")))


def is_gross(name: str) -> bool:
    """Whether a name says that nothing was taken off, no discount either: Gross Total, Ventes brutes."""
    return any(plain_name(word) in _plain("gross") for word in _WORD.findall(_CAMEL.sub(" ", name)))


def without_money(name: str) -> str:
    """A name without the currency before or behind it: Betrag CHF, Сума, грн."""
    words = _WORD.findall(name)
    kept = [word for word in words if plain_name(word) not in _plain("currencies")]
    return " ".join(kept) if kept and len(kept) < len(words) else name


def _words(name: str, kinds: Sequence[str]) -> list[str]:
    """The words of a name, those that are written as one taken apart: Kundennr, totalAmount."""
    found: list[str] = []
    for word in _WORD.findall(_CAMEL.sub(" ", name)):
        plain = word if word == "#" else plain_name(word)
        if not plain or any(plain in _plain(kind) for kind in (*kinds, "small")):
            found += [plain] if plain else []
            continue
        found += _apart(plain, kinds) or [plain]
    return found


def _apart(word: str, kinds: Sequence[str]) -> list[str]:
    """The two words of which one is written, of different kinds; empty = it is not."""
    for cut in range(2, len(word) - 1):
        first, second = word[:cut], word[cut:]
        of_first = [kind for kind in kinds if first in _plain(kind)]
        if of_first and any(second in _plain(kind) for kind in kinds if kind not in of_first):
            return [first, second]
    return []
