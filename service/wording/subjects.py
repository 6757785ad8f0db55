"""What stands in the subject line of a message, and how the customer is called there. Each language has its own in
`subjects.py`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from service.domain.findings import Kind
from service.wording.language import Language
from service.wording.languages import DEFAULT

_NO_NAME: Final = frozenset(":/@<>{}\\|=")
"""Who sends an address for a first name wants others to read it."""
_NOT_A_NAME: Final = frozenset(
    {
        "null", "none", "undefined", "unknown", "guest", "customer", "client", "test", "anonymous", "firstname", "first name",
        "inconnu", "invité", "prénom", "prenom", "anonyme", "unbekannt", "vorname", "kunde",
    }
)  # fmt: skip
"""What forms and programs write where nobody has said a name, and no parents do."""
_DIRECTIONS: Final = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Marks that turn the order of all letters after them."""
LONGEST_NAME: Final = 40
"""Characters; what is longer is no first name, and a mail that begins with it reads like a form."""


def called(first_name: str | None) -> str:
    """The first name as a person would write it, empty where there is none: ANNE-MARIE is Anne-Marie."""
    name = " ".join(_DIRECTIONS.sub("", first_name or "").split())
    if name.lower() in _NOT_A_NAME:
        return ""
    if len(name) > LONGEST_NAME or not any(letter.isalpha() for letter in name) or not _NO_NAME.isdisjoint(name):
        return ""
    return name.title() if len(name) > 2 and (name.isupper() or name.islower()) else name


def subject(kind: Kind, rung: str, first_name: str | None, visits: int, language: Language = DEFAULT) -> str:
    """The proposed subject line in `language`."""
    name = called(first_name)
    (named, nameless), spoken = _lines(kind, rung, language)
    return (named if name else nameless).format(name=name, visit=spoken.ordinal(visits))


@lru_cache(maxsize=1_000)  # few are asked for, over and over
def _lines(kind: Kind, rung: str, language: Language) -> tuple[tuple[str, str], Language]:
    for spoken in (language, DEFAULT):
        for key in (f"{kind.value}.{rung}", kind.value):
            if key in spoken.subjects:
                return spoken.subjects[key], spoken
    raise KeyError(f"no subject line is written for the kind of message {kind.value!r}")
