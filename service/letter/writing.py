"""The letter as it goes out: subject, text and HTML."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from service.letter.content import Letter

_BREAKS: Final = re.compile(r"[ \t\r\n\v\f]+")
_TEMPLATES: Final = Path(__file__).parent / "templates"


class Written(NamedTuple):
    subject: str
    text: str
    html: str


def write(letter: Letter) -> Written:
    """The same content three times."""
    loader = FileSystemLoader(_TEMPLATES)
    plain, html = _environment(loader, escape=False), _environment(loader, escape=True)
    return Written(
        _BREAKS.sub(" ", letter.subject).strip(),
        plain.get_template("letter.txt").render(letter=letter),
        html.get_template("letter.html").render(letter=letter),
    )


def _environment(loader: FileSystemLoader, *, escape: bool) -> Environment:
    """A name that no template knows is an error."""
    made = Environment(loader=loader, autoescape=escape, undefined=StrictUndefined)  # noqa: S701 - else plain text
    made.trim_blocks = made.lstrip_blocks = True
    return made
