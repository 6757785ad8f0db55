"""What is said to one reader: the texts of a language, and the locale that numbers and days are written by."""

from __future__ import annotations

from dataclasses import dataclass

from babel import Locale, UnknownLocaleError

from service.wording.language import Language


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A language with the reader's own habits for numbers and days."""

    language: Language
    locale: Locale

    def say(self, key: str, /, **filled: object) -> str:
        return self.optional(key, **filled) or key

    def optional(self, key: str, /, **filled: object) -> str | None:
        """None for a text that does not exist: a code that is newer than this catalogue."""
        text = self.language.catalogue.get(key)
        return None if text is None else text.format(**filled)


def catalogue_in(language: Language, tag: str | None = None) -> Catalogue:
    """`tag`: the reader's locale (BCP 47) of that language. Without one that Babel knows, the language's usual habits
    count."""
    try:
        locale = Locale.parse(tag or language.code, sep="-")
    except (UnknownLocaleError, ValueError):
        locale = Locale(language.code)
    return Catalogue(language, locale)
