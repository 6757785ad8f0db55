"""Refunds in a table of their own, beside those of the sales: told by its name, each row of it pays back.

Who got the money stands there, or with the order in one of the other tables, by a column that both have.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from service.history.layout import Layout
from service.history.name_parts import plain_words, says_together
from service.history.sources import Source, TakenOver
from service.history.states import ALWAYS, Signal
from service.profiles import plain_name
from service.profiles.words import words_of

_WORD: Final = re.compile(r"[^\W\d_]+")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_LONGEST: Final = 3
"""Words of what refunds are called: note di credito."""
_SHORTEST: Final = 4
"""Letters of a word with which others are put together."""
_OWN: Final = "kind"


def is_of_refunds(name: str) -> bool:
    """Whether a table's name says that it is one of refunds alone: refunds_2025, SalesReturns, Note di credito."""
    words = _words(name)
    place = next((place for place in range(len(words)) if _begins(words[place:])), -1)
    if place < 0:
        return False
    before = words[: place - 1] if words[place - 1 : place] == ["sales"] else words[:place]
    return not _sales().intersection(before + words[place + _begins(words[place:]) :])


def as_columns_of_sales(header: Sequence[str]) -> list[str]:
    """Names of columns as they would be in a table of sales: when the money went back is the time, and what went back
    the amount; the time and the amount of the order itself are none."""
    found = [_of_sales(name) for name in header]
    return [
        new or ("" if any(field in found and says_together(field, old) for field in ("timestamp", "amount")) else old)
        for new, old in zip(found, header, strict=True)
    ]


def _of_sales(name: str) -> str:
    """timestamp for Refund date, amount for Erstattungsbetrag, "" for other names."""
    words = _words(name)
    rest = [part for word in words for part in _apart(word) if part not in _parts("small")]
    if not any(word in _said() or _apart(word) != [plain_name(word)] for word in words):
        return ""
    if rest and all(part in _parts("days") for part in rest):
        return "timestamp"
    return "amount" if all(part in _parts("sums") for part in rest) else ""


def _apart(word: str) -> list[str]:
    """What is left of a word without that of refunds: nothing of refund, betrag of erstattungsbetrag."""
    if word in _said():
        return []
    begun = next((one for one in _said() if len(one) > _SHORTEST and word.startswith(one)), "")
    rest = plain_name(word[len(begun) :].removeprefix("s"))
    return [rest] if begun and (rest in _parts("days") or rest in _parts("sums")) else [plain_name(word)]


def with_customers(source: Source, headers: Mapping[Source, Sequence[str]]) -> Source:
    """A table of refunds that names no customer, with the one of the order, where one other table alone has both."""
    own = {plain_name(name): name for name in headers.get(source, ()) if says_together("order_id", name)}
    if any(_is_customer(name) for name in headers.get(source, ())):
        return source
    found = [
        TakenOver(other, own[plain_name(name)], (who[0],))
        for other, header in headers.items()
        if other != source and len(who := [each for each in header if _is_customer(each)]) == 1
        for name in header
        if plain_name(name) in own
    ]
    return replace(source, joined=(*source.joined, found[0])) if len(found) == 1 else source


def paying_back(layout: Layout) -> Layout:
    """The layout with each row a refund, but for a table of a known kind and one that says itself what its rows are."""
    if layout.profile is not None or any(one.what == _OWN for one in layout.signals):
        return layout
    return replace(layout, signals=(*layout.signals, Signal(layout.at["amount"], ALWAYS)))


def _is_customer(name: str) -> bool:
    ranks = words_of("columns")
    return says_together("customer_id", name) or any(
        plain_name(name) in plain_words("columns", rank) for rank in ranks if rank.startswith("customer_id ")
    )


def _parts(kind: str) -> frozenset[str]:
    return plain_words("parts", kind)


def _said() -> frozenset[str]:
    return words_of("refund_tables")["refunds"]


def _sales() -> frozenset[str]:
    return words_of("refund_tables")["sales"]


def _begins(words: Sequence[str]) -> int:
    """How many words at the beginning are what refunds are called; 0 = none."""
    return next((n for n in range(min(_LONGEST, len(words)), 0, -1) if " ".join(words[:n]) in _said()), 0)


def _words(name: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(_CAMEL.sub(" ", name))]
