"""What a table that nobody knows says of its rows beside who, when and how much: cancelled, a test, paid back.

Shops name such columns and what stands in them in their own language; the words are those of many. A word that is not
known leaves the row a purchase.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Final

from service.history.name_parts import plain_words
from service.history.zones import zone_named
from service.profiles import plain_name
from service.profiles.words import words_of

PAID_BACK: Final = "paid back"
"""What was bought in the row was given back as a whole."""
ALWAYS: Final = "refunds"
"""What says so of all rows of a table of refunds."""
PAYS_BACK: Final = "pays back"
"""The row is a refund, whichever sign its amount has."""

_REASONS: Final = ("cancelled", "voided", "failed", "not paid", "test", "deleted", "fraud", PAID_BACK)
_OF_KINDS: Final = ("no purchase", "cancelled", "voided", "failed", "not paid", "test", "deleted", "fraud", PAYS_BACK)
"""Of columns that say what a row is; "Storno" there is a row that takes another one back, and "Credit" a card."""
_FLAGS: Final = ("cancelled", "voided", "test", "deleted", "failed", "not paid", "fraud", PAID_BACK, PAYS_BACK)
"""What a column of yes and no may say."""
_BELOW_ZERO: Final = re.compile(r"[-\u2212]\s?\d+(?:[.,]\d+)?", re.ASCII)
_EVENT: Final = "purchase event"
_BOUGHT: Final = "bought"
_SALE: Final = "sale"
_GONE: Final = ("cancelled", "voided", "deleted", "fraud", "test", PAYS_BACK, PAID_BACK, "failed")
"""Of several reasons that one cell gives, the one that counts."""
AGAIN: Final = "telling a sale again"
_AGAIN: Final = ("orders", "deliveries", "payments")
"""Documents that stand beside invoices."""
_SAID_OF_ORDERS: Final = frozenset({"cancelled", "voided", PAID_BACK})
"""States whose words as names of columns are of orders, where Blocked and Deleted may be of customers."""
_OFTEN_BY_CHANCE: Final = frozenset({"test", "no purchase", "not paid"})
_ONLY_BEFORE: Final = frozenset({"failed", "not paid"})
"""Reasons that say nothing plain beside a word of a purchase: delivered, payment pending."""
_WORD: Final = re.compile(r"[^\W\d_]+")
_LONGEST: Final = 8
"""Words of a state; a longer text is a remark."""
_MOST_WORDS: Final = 12
"""Different words of a column that says which rows count."""
_LONGEST_CURRENCY: Final = 4
_FEWEST_DIGITS: Final = 3
"""Of a day: 9 May 25."""
_THREE_DIGITS: Final = re.compile(r"[+\-\u2212]?\d{3}", re.ASCII)
_OF_A_ZONE: Final = re.compile(r"\w/\w|\btime\b")
_KEPT: Final = 10_000
"""Spellings of a column, each looked at once."""


def columns_of(what: str) -> frozenset[str]:
    """Plain names of the columns that say it: `words/state_columns.toml`."""
    return plain_words("state_columns", what)


def _plain_states(meaning: str) -> frozenset[str]:
    """Words of a state as columns of yes and no are called: Anulada, Makulerad, Retour."""
    return plain_words("states", meaning)


@cache
def _called_when_gone(name: str) -> bool:
    """Whether a plain name is that of when an order was cancelled: annuleele, storniertam, datastorno."""
    days = plain_words("parts", "days") | plain_words("parts", "small") | _plain_states("on")
    gone = _plain_states("cancelled") | _plain_states("voided") | _plain_states("deleted")
    cuts = ((name[:cut], name[cut:]) for cut in range(2, len(name) - 1))
    return any((one in gone and other in days) or (one in days and other in gone) for one, other in cuts)


@cache
def _in_name(what: str) -> re.Pattern[str]:
    """Whether a plain name has one of those words in it."""
    return re.compile("|".join(map(re.escape, sorted(words_of("state_columns")[what]))))


@cache
def _yes() -> frozenset[str]:
    return words_of("state_columns")["yes"]


@cache
def _no() -> frozenset[str]:
    return words_of("state_columns")["no"] | {""}


@cache
def _meanings(reasons: tuple[str, ...]) -> dict[str, str]:
    """Word → what it means, of two meanings the later one."""
    words = words_of("states")
    return {_small(word): reason for reason in reasons for word in words[reason]}


def _small(text: str) -> str:
    """In small letters; the dot that is left of a Turkish İ goes."""
    return unicodedata.normalize("NFC", " ".join(text.casefold().split())).replace("\u0307", "")


@cache
def _phrases(reasons: tuple[str, ...]) -> dict[tuple[str, ...], str]:
    """The words of each state or kind → what it means; `reasons` as for `_meanings`."""
    return {tuple(_WORD.findall(word)): reason for word, reason in _meanings(reasons).items()}


@cache
def _said_beside() -> frozenset[str]:
    return words_of("states")["beside"]


def _meant(text: str, reasons: tuple[str, ...], counts: str) -> str | None:
    """What a cell in small letters means, as a whole or by its words: storniert (kunde), annulée par le client.

    `counts` is the meaning of rows that count. None where it has a word that is not known, for that may turn the others
    round, or where its words do not agree.
    """
    known = _meanings((*reasons, counts))
    if text in known:
        return known[text]
    words = _WORD.findall(text)
    if not 0 < len(words) <= _LONGEST:
        return None
    phrases, found, place = _phrases((*reasons, counts)), [], 0
    while place < len(words):
        for end in range(len(words), place, -1):
            meaning = phrases.get(tuple(words[place:end]))
            if meaning is not None:
                found.append(meaning)
                place = end
                break
        else:
            if words[place] not in _said_beside():
                return None
            place += 1
    return _of_all(set(found), counts)


def _of_all(found: set[str], counts: str) -> str | None:
    """What the meanings of one cell say together: closed, cancelled; cancelled and refunded; None = nothing."""
    others = found - {counts}
    if len(others) <= 1:
        told = others.pop() if others else counts if found else None
        return None if counts in found and told in _ONLY_BEFORE else told
    return next((reason for reason in _GONE if reason in others), None)


def is_a_state(text: str) -> bool:
    """Whether a cell says how an order stands, and not where somebody lives."""
    return _meant(_small(text), _REASONS, _BOUGHT) is not None


def state_of(text: str) -> str:
    """Why an order of that state is no purchase, `PAID_BACK`, or "" = it is one, as far as its words are known."""
    return _reason(_meant(_small(text), _REASONS, _BOUGHT))


def knows_state(text: str) -> bool:
    """Whether what a cell says of an order is known; nothing is, too, and a number that a program knows."""
    return not text.strip() or text.strip().isdecimal() or is_a_state(text)


def is_partly_back(text: str) -> bool:
    """Whether a state says that some of an order was given back."""
    return _small(text) in words_of("states")["partly back"]


def _reason(meant: str | None) -> str:
    return "" if meant is None or meant in {_BOUGHT, _SALE} else meant


class Signal:
    """A column that says of its rows whether they are purchases."""

    def __init__(self, place: int, what: str, beside: frozenset[str] = frozenset()) -> None:
        """`beside` are kinds of documents that tell a sale again, of a column of kinds.

        `what` is state, kind, time, quantity, `ALWAYS`, or what a flag of the column means.
        """
        self.place = place
        self.what = what
        self._beside = beside
        self._known: dict[str, str] = {}

    @property
    def is_a_word(self) -> bool:
        """Whether its cells are words that are told, and no times or numbers."""
        return self.what not in {"time", "quantity", ALWAYS}

    def says(self, text: str) -> str:
        """A reason why the row does not count, `PAID_BACK`, `PAYS_BACK`, or "" = nothing."""
        known = self._known.get(text)
        if known is None:
            known = self._look(_small(text))
            if len(self._known) < _KEPT:
                self._known[text] = known
        return known

    def knows(self, text: str) -> bool:
        """Whether what a cell says is known; of another one its row counts, for want of a better reason."""
        small = _small(text)
        if not small or self.what not in {"state", "kind"} or small in self._beside:
            return True
        as_state, as_kind = _meant(small, _REASONS, _BOUGHT), _meant(small, _OF_KINDS, _SALE)
        if self.what == "state":
            return as_state is not None or as_kind == _SALE
        return as_kind is not None or as_state == _BOUGHT

    def _look(self, text: str) -> str:
        if self.what == "state":
            return _reason(_meant(text, _REASONS, _BOUGHT))
        if self.what == "kind":
            return AGAIN if text in self._beside else _reason(_meant(text, _OF_KINDS, _SALE))
        if self.what == ALWAYS:
            return PAYS_BACK
        if self.what == "event":
            is_one = text in _meanings((_EVENT,)) or not text
            return "" if is_one else _meanings(_OF_KINDS).get(text, "no purchase")
        if self.what == "is paid":
            return "not paid" if text in _no() and text else _meanings(_REASONS).get(text, "")
        if self.what == "quantity":
            return PAYS_BACK if _BELOW_ZERO.fullmatch(text) else ""
        if self.what == "time":
            return "" if text in _no() else "cancelled"
        return self.what if text in _yes() else _meanings(_REASONS).get(text, "")


def beside(
    names: Mapping[str, Sequence[int]], rows: Sequence[Sequence[str]], at: Mapping[str, int]
) -> tuple[dict[str, int], list[Signal]]:
    """What a table has beside the fields that are known (`at`): the places of currency, zone and what was given back,
    where one column alone is called so, and the columns that say which rows count."""
    taken, found = set(at.values()), {}
    if taken.issuperset(place for places in names.values() for place in places):
        return {}, []  # and no words have to be looked up
    for field, words, holds in (
        ("currency", "currency", _are_currencies),
        ("zone", "zone", _are_zones),
        ("refunded", "given back", _are_given_back),
    ):
        if field in at:
            continue
        called = {place for name in columns_of(words).intersection(names) for place in names[name]}
        places = [place for place in called - taken if holds(_cells(place, rows))]
        if len(places) == 1:
            found[field] = places[0]
            taken.add(places[0])
    if "zone" not in {*at, *found}:
        every = {place for places in names.values() for place in places} - taken
        places = [place for place in sorted(every) if _are_named_zones(_cells(place, rows))]
        if len(places) == 1:
            found["zone"] = places[0]
            taken.add(places[0])
    return found, signals_of(names, rows, taken)


def signals_of(names: Mapping[str, Sequence[int]], rows: Sequence[Sequence[str]], taken: set[int]) -> list[Signal]:
    """The columns of a table that say it; `names` are plain names and their places, `taken` places of other fields."""
    found: list[Signal] = []

    def signal(place: int, what: str) -> Signal:
        return Signal(place, what, _telling_again(_cells(place, rows)) if what == "kind" else frozenset())

    def add(those: Iterable[str], what: str, only: Callable[[set[str]], bool] | None = None) -> None:
        for name in names:
            for place in names[name] if name in those else ():
                if place not in taken and (only is None or only(_cells(place, rows))):
                    found.append(signal(place, what))
                    taken.add(place)

    add(columns_of("state"), "state")
    add(columns_of("kind"), "kind")
    for what in ("state", "kind"):
        endings = tuple(columns_of(f"endings of {what}"))
        add([name for name in names if name.endswith(endings) and not _in_name("of others").search(name)], what)
    begins = tuple(columns_of("beginnings of state"))
    add([name for name in names if name.startswith(begins) and not _in_name("of others").search(name)], "state")
    add(columns_of("quantity"), "quantity")
    add(columns_of("when cancelled"), "time")
    add(
        [name for name in names if name not in columns_of("when cancelled") and _called_when_gone(name)],
        "time",
        _are_times,
    )
    for meaning in _FLAGS:
        called = columns_of(meaning) | (_plain_states(meaning) if meaning in _SAID_OF_ORDERS else frozenset())
        add(called, meaning, _are_flags)
    add(columns_of("event"), "event", _tells_events)
    add(columns_of("is paid"), "is paid", _are_flags)
    others = {place for name, places in names.items() if _in_name("of other things").search(name) for place in places}
    for place in sorted({place for places in names.values() for place in places} - taken - others):
        what = _told_by_words(_cells(place, rows))
        if what:
            found.append(signal(place, what))
    return found


def _cells(place: int, rows: Sequence[Sequence[str]]) -> set[str]:
    """Those that are filled, in small letters."""
    return {row[place].strip().casefold() for row in rows if place < len(row)} - {""}


def _tells_events(cells: set[str]) -> bool:
    """Whether a column names what people did, a purchase among it."""
    return any(_small(cell) in _meanings((_EVENT,)) for cell in cells)


def words_passed_over(names: Sequence[str], rows: Sequence[Sequence[str]], used: set[int]) -> list[tuple[str, str]]:
    """Columns that nothing is made of, in which a word stands that elsewhere says of a row that it is no purchase, and
    that word: the others in it are not known, so it may be by chance."""
    found: list[tuple[str, str]] = []
    telling = {
        word: meant for word, meant in _meanings((*_OF_KINDS, *_REASONS)).items() if meant not in _OFTEN_BY_CHANCE
    }
    for place, name in enumerate(names):
        if place in used or _in_name("of other things").search(plain_name(name)):
            continue
        cells = _cells(place, rows)
        word = next((cell for cell in sorted(cells) if _small(cell) in telling), "")
        if word and len(cells) <= _MOST_WORDS and len(cells) < len(rows):
            found.append((name.strip(), word))
    return found


def _told_by_words(cells: set[str]) -> str:
    """What a column says whose few words all are states or kinds of rows, whatever it is called; "" = it is none."""
    if not 0 < len(cells) <= _MOST_WORDS:
        return ""
    small = set(map(_small, cells))
    kinds, states = _meanings((*_OF_KINDS, _SALE)), _meanings((*_REASONS, _BOUGHT))
    if small <= kinds.keys() and any(kinds[cell] == _SALE for cell in small):
        return "kind"
    counts = any(states.get(cell) == _BOUGHT for cell in small)
    return "state" if counts and small <= states.keys() else ""


def _telling_again(cells: set[str]) -> frozenset[str]:
    """Of a column of kinds those that tell again what another one of its kinds has told: where there are invoices, the
    orders, deliveries and payments of them are no sales of their own."""
    words = words_of("documents")
    if words["invoices"].isdisjoint(map(_small, cells)):
        return frozenset()
    return frozenset().union(*(words[document] for document in _AGAIN))


def _are_times(cells: set[str]) -> bool:
    """Whether the filled cells are times; none is, of a column of cells that are all empty."""
    return all(sum(map(str.isdigit, cell)) >= _FEWEST_DIGITS for cell in cells)


def _are_flags(cells: set[str]) -> bool:
    return bool(cells) and all(cell in _yes() or cell in _no() or cell in _meanings(_REASONS) for cell in cells)


def _are_currencies(cells: set[str]) -> bool:
    return all(len(cell) <= _LONGEST_CURRENCY and not any(map(str.isdigit, cell)) for cell in cells)


def _are_zones(cells: set[str]) -> bool:
    """Three digits alone may be minutes, or an hour and minutes."""
    return bool(cells) and all(not _THREE_DIGITS.fullmatch(cell) and zone_named(cell) is not None for cell in cells)


def _are_named_zones(cells: set[str]) -> bool:
    """Full names of zones, as no other column has: America/New_York, Eastern Time (US & Canada).

    Those of cities alone are where somebody lives.
    """
    return bool(cells) and all(
        _OF_A_ZONE.search(cell) and cell[0].isalpha() and zone_named(cell) is not None for cell in cells
    )


def _are_given_back(cells: set[str]) -> bool:
    """Amounts, and no flags: of a column of noughts it is not known, and nothing is taken off by one."""
    return (cells <= {"0"} or not _are_flags(cells)) and all(any(map(str.isdigit, cell)) for cell in cells)
