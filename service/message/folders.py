"""Which template writes a message: the shop's own, else the one that ships.

A template is named after what it is for: `KIND.RUNG.LOCALE` or `KIND.LOCALE` (win_back.remind.fr), or the template key
that the policy gives a rung. What it holds follows: `.jinja` a whole message, `.subject`, `.txt` and `.html` one part
of it. The customer's language comes first, then the shop's, then English; within a language the shop's own template,
even a general one, before that which ships for the very rung.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from service.errors import ConfigurationError

SHIPPED: Final = Path(__file__).parent / "templates"
SHIPPED_AS: Final = "shipped/"
"""Before the name of a template that ships, for who changes a part of it: {% extends "shipped/win_back.en.jinja" %}."""
WHOLE: Final = "jinja"
_FRAMES: Final = frozenset({"layout", "base"})
"""Templates that others stand in."""
_NAME: Final = re.compile(r"([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)?)\.([A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8})*)")


class Part(StrEnum):
    """A part of a message, and how its own templates end."""

    SUBJECT = "subject"
    TEXT = "txt"
    HTML = "html"


class Stands(NamedTuple):
    """A message that templates write: under which name, in which language."""

    name: str
    locale: str


class Folders:
    """The templates of one shop, by name. Read once."""

    def __init__(self, own: Path | None) -> None:
        """Raises ConfigurationError where the shop's folder cannot be read."""
        self.own = own
        self._shipped = _listed(SHIPPED)
        try:
            self._own = {} if own is None else _listed(own)
        except OSError as error:
            raise ConfigurationError(
                f"The folder of templates {str(own)[:200]} cannot be read: {error.strerror or error}."
            ) from error

    @property
    def nameless(self) -> list[str]:
        """Files of the shop's folder that are named after nothing."""
        if self.own is None:
            return []
        return sorted(
            path.name
            for path in self.own.iterdir()
            if path.is_file()
            and not path.name.startswith((".", "_"))
            and path.suffix[1:] in {WHOLE, *Part}
            and _stands(path) is None
            and path.name.split(".", 1)[0] not in _FRAMES
        )

    def messages(self) -> Iterator[tuple[Stands, str]]:
        """Every message that is written here, and a template of it; the shop's own come first."""
        for files in (self._own, self._shipped):
            for stands, endings in sorted(files.items()):
                yield stands, f"{stands.name}.{stands.locale}.{min(endings)}"

    def locale_of(self, names: Sequence[str], locales: list[str]) -> str | None:
        """The first of the locales in which a message of one of the names is written."""
        for locale in locales:
            for files in (self._own, self._shipped):
                for name in names:
                    if Stands(name, locale) in files:
                        return locale
        return None

    def template_of(self, part: Part, names: Sequence[str], locale: str) -> str | None:
        """Name of the template that writes this part, for the loader."""
        for files in (self._own, self._shipped):
            for name in names:
                endings = files.get(Stands(name, locale), frozenset())
                for ending in (part.value, WHOLE):
                    if ending in endings:
                        return f"{name}.{locale}.{ending}"
        return None


def _stands(path: Path) -> Stands | None:
    """What a file writes; None where its name says nothing of it."""
    found = _NAME.fullmatch(path.stem)
    if found is None or path.suffix[1:] not in {WHOLE, *Part} or found[1] in _FRAMES:
        return None
    return Stands(found[1], found[2].replace("_", "-"))


def _listed(folder: Path) -> Mapping[Stands, frozenset[str]]:
    """Message → endings of the templates there are of it."""
    found: dict[Stands, set[str]] = {}
    for path in folder.iterdir():
        stands = _stands(path)
        if stands is not None and path.is_file():
            found.setdefault(stands, set()).add(path.suffix[1:])
    return {stands: frozenset(endings) for stands, endings in found.items()}
