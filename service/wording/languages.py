"""The languages that ship: every folder beside this file that declares a `LANGUAGE`.

Nothing else names a language: page, report, command line, API and sentences take what is found here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from importlib import import_module
from pkgutil import iter_modules
from typing import Final

from service import wording
from service.wording.language import Language

DEFAULT_CODE: Final = "en"


def find_languages(folders: Iterable[str]) -> Mapping[str, Language]:
    """By code, the default first and the others in the order of their codes. `folders` hold the languages' packages."""
    packages = sorted(found.name for found in iter_modules(folders) if found.ispkg)
    found: list[Language] = [import_module(f"{wording.__name__}.{name}").LANGUAGE for name in packages]
    ordered = sorted(found, key=lambda language: (language.code != DEFAULT_CODE, language.code))
    return {language.code: language for language in ordered}


LANGUAGES: Final = find_languages(wording.__path__)
DEFAULT: Final = LANGUAGES[DEFAULT_CODE]
"""Where nothing else was asked for: the command line, and readers of whose languages none ships."""
LanguageCode = StrEnum(  # type: ignore[misc]  # the members are the folders
    "LanguageCode", {code: code for code in LANGUAGES}
)
"""For command line and API, which refuse what is no member and tell which there are."""


def language_of(locale: str | None) -> Language | None:
    """The language of a BCP 47 locale; None where that is unknown or does not ship."""
    return LANGUAGES.get((locale or "").replace("_", "-").split("-", 1)[0].lower())
