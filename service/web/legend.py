"""What the words of the page mean, in the order in which they come."""

from __future__ import annotations

from typing import Final, NamedTuple

from service.wording.formats import Formats

TERMS: Final = (
    "visit", "regular", "customers_at_start", "retained", "lost", "new", "returned", "retention_rate", "churn_rate",
    "repeat_purchase_rate", "lifetime_value", "customer_lifetime_value", "nps", "csat", "ces", "segment_quiet", "segment_lost",
    "health", "churn_risk", "withheld", "chance",
)  # fmt: skip


class Term(NamedTuple):
    word: str
    meaning: str


def legend(formats: Formats) -> list[Term]:
    return [Term(formats.say(f"term.{name}"), formats.say(f"meaning.{name}")) for name in TERMS]
