"""French, with its rules for punctuation and for the first of a month."""

from __future__ import annotations

import re
from datetime import date

from service.wording.french.names import of
from service.wording.french.page import PAGE
from service.wording.french.people import PEOPLE
from service.wording.french.post import POST
from service.wording.french.report import REPORT
from service.wording.french.sentences import SENTENCES
from service.wording.french.subjects import SUBJECTS, ordinal
from service.wording.language import Language

_BLANKS = {
    "« ": "«\u00a0",
    " »": "\u00a0»",
    " :": "\u00a0:",
    " %": "\u00a0%",
    " ;": "\u202f;",
    " ?": "\u202f?",
    " !": "\u202f!",
}
"""Signs keep together with their words: by a no-break space, before ; ? ! by a narrow one. Source: Lexique des règles
typographiques, Imprimerie nationale 2002."""


def _typeset(text: str) -> str:
    for plain, kept_together in _BLANKS.items():
        text = text.replace(plain, kept_together)
    return text


def _day(_day: date, written: str) -> str:
    """« 1er janvier », but « 2 janvier »."""
    return re.sub(r"^1(?=\s)", "1er", written)


def _moment(written: str) -> str:
    """« le 27/11/2026 à 16:26 »: without its word an hour hangs on to the day."""
    return written.replace(" ", " à\u00a0", 1)


LANGUAGE = Language(
    code="fr",
    name="Français",
    page=PAGE,
    report=REPORT,
    people=PEOPLE,
    post=POST,
    sentences=SENTENCES,
    subjects=SUBJECTS,
    ordinal=ordinal,
    of=of,
    nameless="Le client {customer_id}",
    typeset=_typeset,
    day=_day,
    moment=_moment,
)
