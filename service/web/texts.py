"""The languages that ship, and which of them a reader gets. Every language has every text (a test compares them)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from babel import Locale, UnknownLocaleError

from service.wording.english.page import ENGLISH
from service.wording.french.page import FRENCH
from service.wording.sentences import Language, language_of

_NBSP, _THIN = "\u00a0", "\u202f"

TEXTS: Mapping[Language, Mapping[str, str]] = {Language.EN: ENGLISH, Language.FR: FRENCH}


@dataclass(frozen=True, slots=True)
class Tongue:
    """A language with the reader's own habits for numbers and dates."""

    language: Language
    locale: Locale

    def say(self, key: str, /, **filled: object) -> str:
        return self.optional(key, **filled) or key

    def optional(self, key: str, /, **filled: object) -> str | None:
        """None for a text that does not exist: a code that is newer than this page."""
        text = TEXTS[self.language].get(key)
        return None if text is None else _typeset(self.language, text).format(**filled)


def _typeset(language: Language, text: str) -> str:
    """French keeps : ; ! ? and « » together with their words."""
    if language is not Language.FR:
        return text
    joined = (
        text.replace("« ", f"«{_NBSP}").replace(" »", f"{_NBSP}»").replace(" :", f"{_NBSP}:").replace(" %", f"{_NBSP}%")
    )
    return joined.replace(" ;", f"{_THIN};").replace(" ?", f"{_THIN}?").replace(" !", f"{_THIN}!")


def tongue_of(accept_language: str | None) -> Tongue:
    """The reader's best shipped language (RFC 9110, Accept-Language); English where none of theirs ships."""
    wishes = [_wish(part) for part in (accept_language or "")[:500].split(",")]
    for tag, quality in sorted(wishes, key=lambda wish: -wish[1]):
        language = language_of(tag, Language.EN)
        ships = language is language_of(tag, Language.FR)  # else each gives its own fallback
        if quality > 0 and ships:
            return Tongue(language, _locale(tag, language))
    return Tongue(Language.EN, Locale("en"))


def _wish(part: str) -> tuple[str, float]:
    tag, _, parameter = part.strip().partition(";")
    try:
        quality = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
    except ValueError:
        quality = 0.0
    return tag.strip(), quality


def _locale(tag: str, language: Language) -> Locale:
    try:
        return Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale(language.value)
