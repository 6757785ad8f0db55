"""What codes are called in the reader's language."""

from __future__ import annotations

from typing import Final

from service.domain.findings import Outcome, Reason
from service.wording.formats import Formats

_SAYS_IT_ITSELF: Final = {
    (Outcome.RELEASED.value, Reason.DUE.value),
    (Outcome.CONVERTED.value, Reason.RETURNED.value),
}
"""Outcomes beside which that reason tells nothing more."""


def label(group: str, code: str, formats: Formats) -> str:
    """A code that is newer than this page is shown as it is."""
    return formats.catalogue.optional(f"{group}.{code}") or code.replace("_", " ")


def reason_label(outcome: str, reason: str, formats: Formats) -> str:
    """Empty where the outcome says it."""
    return "" if (outcome, reason) in _SAYS_IT_ITSELF else label("reason", reason, formats)


def outcome_and_reason(outcome: str, reason: str, formats: Formats) -> str:
    """not asked (no consent)"""
    told, why = label("outcome", outcome, formats), reason_label(outcome, reason, formats)
    return f"{told} ({why})" if why else told


def segment_of(segment: str, formats: Formats) -> str:
    """That of one person: some languages have another word for it than for all of them."""
    return label("person.segment", segment, formats)
