"""What a language has to bring.

Its folder holds `page.py`, `report.py`, `sentences.py` and `subjects.py`, and its `__init__.py` puts them together as
`LANGUAGE`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from service.domain.findings import Evidence, Kind

Sentence = Callable[[Evidence, str], str]
"""(evidence, how the customer is called) → why this customer is written to."""


def _as_it_is(text: str) -> str:
    return text


def _as_the_locale_has_it(_day: date, written: str) -> str:
    return written


@dataclass(frozen=True, eq=False, kw_only=True)
class Language:
    """One language that ships."""

    code: str
    """Primary subtag of BCP 47, in lower case. Babel knows how its readers write numbers and days."""
    name: str
    """What it calls itself, for the link that leads to it."""
    page: Mapping[str, str]
    """What the page says, by key; the report says some of it too."""
    report: Mapping[str, str]
    """What only the report says. No key is in both."""
    sentences: Mapping[Kind, Sentence]
    """Why a customer is written to, by kind of message."""
    nameless: str
    """What a customer without a known first name is called; `{customer_id}` is filled in."""
    people: Mapping[str, str] = field(default_factory=dict)
    """What the pages about persons say. No key is in `page` or `report`."""
    post: Mapping[str, str] = field(default_factory=dict)
    """What the shop is sent: notices and the weekly letter. No key is in the others."""
    subjects: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Subject lines by KIND.RUNG or KIND: one with `{name}`, one for who has none; `{visit}` is the number of the last
    visit, in order. Of a kind that is missing the English one is taken."""
    ordinal: Callable[[int], str] = str
    """The n-th visit: 10th."""
    of: Callable[[str], str] = "of {}".format
    """What belongs to somebody, by name."""
    typeset: Callable[[str], str] = _as_it_is
    """Rules for blanks and punctuation that hold for every text of `page` and `report`."""
    day: Callable[[date, str], str] = _as_the_locale_has_it
    """A day as it is said within a text, from the day and its long form by the locale."""

    moment: Callable[[str], str] = _as_it_is
    """A day and a time of the day, from what the locale makes of both."""

    @cached_property
    def catalogue(self) -> Mapping[str, str]:
        """Everything that the pages and the report say, typeset."""
        texts = {**self.page, **self.report, **self.people, **self.post}
        return {key: self.typeset(text) for key, text in texts.items()}
