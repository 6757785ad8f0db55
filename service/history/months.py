"""Words that stand in dates: those of `words/dates.toml`, and those of CLDR for the languages that it lacks."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Final

from service.profiles.words import words_of

OF_SEVERAL: Final = {"lip": 7, "srp": 8, "lis": 10, "listopad": 10, "listopada": 10}
"""Names of one month here and another there (July in Polish, June in Croatian): the longer one until it is known."""
_LANGUAGES: Final = """
    az bg bs ca cs cy da de el en es et eu fi fr ga gl hr hu id is it ka kk lt lv mk ms mt nb nl nn pl pt ro ru sk sl sq sr
    sr_Latn sv tr uk uz
""".split()  # noqa: SIM905
"""Without those in which a name of another's means a different month, but for the few of `OF_SEVERAL`."""


@cache
def _months() -> dict[str, int]:
    """The names of `words/dates.toml` → the month."""
    words = words_of("dates")
    return {name: number for number in range(1, 13) for name in words[str(number)] if name not in OF_SEVERAL}


def month_of(word: str, decided: Mapping[str, int]) -> int:
    """The month of that name, also shortened; 0 = it is none. `decided` are those of `OF_SEVERAL` that are known."""
    known = _months().get(word)
    if known is not None:
        return known
    if word in OF_SEVERAL:
        return decided.get(word) or OF_SEVERAL[word]
    return next(iter(_cldr()[0].get(word, {0: ""})))


def is_noise(word: str) -> bool:
    """Whether a word may stand beside a month and says nothing more."""
    return word in words_of("dates")["beside"] or word in _cldr()[1]


def name_of(word: str) -> str:
    """A word in its one spelling."""
    return unicodedata.normalize("NFC", word.rstrip(".").casefold()).replace("\u0307", "")


def decided(words: Iterable[str]) -> tuple[dict[str, int], str]:
    """What names of several months mean beside those words of one column, and one that stays unclear ("" = none)."""
    names, _ = _cldr()
    languages = set(_LANGUAGES)
    words = set(words)
    for word in words:
        spoken = set().union(*names.get(word, {}).values())
        languages &= spoken or languages
    found = {}
    for word in OF_SEVERAL.keys() & words:
        months = [month for month, spoken in names[word].items() if spoken & languages]
        if len(months) != 1:
            return {}, word
        found[word] = months[0]
    return found, ""


@cache
def _cldr() -> tuple[Mapping[str, Mapping[int, set[str]]], frozenset[str]]:
    """Names of months → number → languages, and the days of the week."""
    from babel import Locale  # noqa: PLC0415 - slow, and few files name such months

    months: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    days: set[str] = set()
    for language in _LANGUAGES:
        locale = Locale.parse(language)
        for number, name in _spelled(locale.months):
            months[name][number].add(language)
        days.update(name for _, name in _spelled(locale.days))
    for name, numbers in months.items():
        if len(numbers) > 1 and name not in OF_SEVERAL:
            numbers.clear()  # not known rather than one of two
            numbers[0] = set()
    return {name: dict(numbers) for name, numbers in months.items()}, frozenset(days)


def _spelled(names: Mapping[str, Mapping[str, Mapping[int, str]]]) -> Iterator[tuple[int, str]]:
    for context in ("format", "stand-alone"):
        for width in ("wide", "abbreviated"):
            for number, name in names[context][width].items():
                word = name_of(name)
                if len(word) > 1 and word.isalpha():
                    yield number, word
