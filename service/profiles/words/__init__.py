"""Words in the languages of shops, as data: one TOML file for each thing that they say. Who adds one touches no code.

A file's tables are what its words mean; in each a line is a language, by its code of two letters (`programs`: what
programs write), with its words in small letters.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final

import msgspec

from service.errors import ConfigurationError

_LANGUAGE: Final = re.compile(r"[a-z]{2}|programs")


@cache
def words_of(file: str) -> Mapping[str, frozenset[str]]:
    """What the words of `words/{file}.toml` mean → those words."""
    found = resources.files("service.profiles").joinpath(f"words/{file}.toml")
    return read_words(file, found.read_text(encoding="utf-8"))


def read_words(file: str, text: str) -> Mapping[str, frozenset[str]]:
    """The words of such a file. Raises ConfigurationError with what is wrong in it."""
    try:
        content = msgspec.convert(tomllib.loads(text), dict[str, dict[str, list[str]]])
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise _refused(file, str(error)) from error
    found: dict[str, frozenset[str]] = {}
    for meaning, languages in content.items():
        for language, words in languages.items():
            if not _LANGUAGE.fullmatch(language):
                raise _refused(file, f"{language!r} is no code of a language, such as de")
            for word in words:
                if not word or word != " ".join(word.split()).lower():
                    raise _refused(file, f"{word!r} must be in small letters, with single blanks")
                if words.count(word) > 1:
                    raise _refused(file, f"{word!r} is there twice")
        found[meaning] = frozenset(word.casefold() for words in languages.values() for word in words)
    return found


def _refused(file: str, why: str) -> ConfigurationError:
    return ConfigurationError(f"The words of words/{file}.toml cannot be used: {why}.")
