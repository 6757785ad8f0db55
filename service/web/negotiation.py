"""Which of the languages that ship a reader gets (RFC 9110, Accept-Language)."""

from __future__ import annotations

from service.wording.catalogue import Catalogue, catalogue_in
from service.wording.languages import DEFAULT, language_of

_LONGEST = 500
"""Characters of the header that are looked at; a browser sends some 50."""


def best_catalogue(accept_language: str | None) -> Catalogue:
    """The reader's best language that ships; the default where none of theirs does."""
    wishes = [_wish(part) for part in (accept_language or "")[:_LONGEST].split(",")]
    for tag, quality in sorted(wishes, key=lambda wish: -wish[1]):
        language = language_of(tag)
        if quality > 0 and language is not None:
            return catalogue_in(language, tag)
    return catalogue_in(DEFAULT)


def _wish(part: str) -> tuple[str, float]:
    """(language tag, quality) of one item of the header; quality 0 where it cannot be read."""
    tag, _, parameter = part.strip().partition(";")
    try:
        quality = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
    except ValueError:
        quality = 0.0
    return tag.strip(), quality
