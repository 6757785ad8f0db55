"""The ids that stand for nobody, as data: `words/nobody.toml`, by language. Who adds one touches no code."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from itertools import chain
from typing import Final

import msgspec

from service.errors import ConfigurationError

_LANGUAGE: Final = re.compile(r"[a-z]{2}")


class Nobody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file holds."""

    programs: dict[str, list[str]]
    """What programs and spreadsheets leave where they have nothing."""
    languages: dict[str, list[str]]
    """Code of a language → what its shops call a customer whom they do not know."""


@cache
def words_for_nobody() -> frozenset[str]:
    """All of them, in small letters."""
    found = resources.files("service.profiles").joinpath("words/nobody.toml")
    return read_nobody(found.read_text(encoding="utf-8"))


@cache
def spellings_of_nobody() -> frozenset[str]:
    """The same as they are mostly written, so that most cells need no folding."""
    forms = ((word, word.upper(), word.capitalize(), word.title()) for word in words_for_nobody())
    noughts = ("0" * length for length in range(1, 21))
    return frozenset(chain(chain.from_iterable(forms), ("NaN", "NaT", "N/a", "0.0"), noughts))


def read_nobody(text: str) -> frozenset[str]:
    """The words of such a file. Raises ConfigurationError with what is wrong in it."""
    try:
        content = msgspec.convert(tomllib.loads(text), Nobody)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise _refused(str(error)) from error
    for language in content.languages:
        if not _LANGUAGE.fullmatch(language):
            raise _refused(f"{language!r} is no code of a language, such as de")
    known: set[str] = set()
    for word in chain.from_iterable((*content.programs.values(), *content.languages.values())):
        if not word or word != " ".join(word.split()).casefold():
            raise _refused(f"{word!r} must be in small letters, with single blanks")
        if word in known:
            raise _refused(f"{word!r} is there twice")
        known.add(word)
    return frozenset(known)


def _refused(why: str) -> ConfigurationError:
    return ConfigurationError(f"The words for nobody (words/nobody.toml) cannot be used: {why}.")
