"""What there is to say to one customer for another reason than a silence, with its date: an occasion (outreach/kinds/).

Most customers have none. One that is noted waits for its date, is decided then, and is kept for as long as what has
gone out can still be stopped, or its kind must know of it. Bounded: one or two of each kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from service.domain.acyclic import mypyc_attr
from service.domain.calendar import NEVER
from service.domain.stored import Stored


class Occasion(Stored):
    """One of them; times are µs."""

    __slots__ = (
        "at_us",
        "closed",
        "decided_us",
        "due_us",
        "kind",
        "mark",
        "note",
        "number",
        "order_id",
        "planned_us",
        "score",
        "sent",
        "step",
        "survey",
        "told_as",
        "waits_for",
    )  # fmt: skip
    STORED: ClassVar[tuple[str, ...]] = (
        "kind", "mark", "step", "at_us", "planned_us", "due_us", "order_id", "survey", "score", "number", "waits_for",
        "decided_us", "sent", "told_as", "note", "closed",
    )  # fmt: skip

    def __init__(self) -> None:
        self.kind: str = ""
        """Value of its `Kind`."""
        self.mark: str = ""
        """What tells it from every other of its kind and step, of this customer; the id of the message is made of
        it."""
        self.step: int = 0
        self.at_us: int = 0
        """Of what it is about: a purchase, an answer."""
        self.planned_us: int = 0
        """When there is something to say."""
        self.due_us: int = NEVER
        """When it is looked at next; of what is decided: when it is forgotten."""
        self.order_id: str | None = None
        """The order it is about; None: none is known, or it is about none."""
        self.survey: str = ""
        """The survey that it is about or asks for; empty: none."""
        self.score: int = 0
        """What was answered there; 0 where it asks."""
        self.number: int = 0
        """Of the visit, where that is what it is about."""
        self.note: str = ""
        """What the shop says of it; empty: nothing."""
        self.waits_for: str = ""
        """The reason for which it waits, having come due; empty: its date has not come."""
        self.decided_us: int = 0
        """0: not yet."""
        self.closed: bool = False
        """Whether nothing more is held back for it: its case is closed."""
        self.sent: bool = False
        """Whether it has gone out."""
        self.told_as: str = ""
        """The id under which it was decided, where that is another one than the customer has."""


@mypyc_attr(acyclic=True)
class OwnOccasions:
    """Those of one customer who has any."""

    __slots__ = ("noted",)

    def __init__(self) -> None:
        self.noted: list[Occasion] = []

    @property
    def wake_us(self) -> int:
        """When the first of them is looked at next."""
        wake = NEVER
        for occasion in self.noted:
            wake = min(wake, occasion.due_us)
        return wake

    def fields(self) -> list[tuple[object, ...]]:
        """As they are stored."""
        return [occasion.fields() for occasion in self.noted]

    @classmethod
    def of(cls, stored: Sequence[Sequence[Any]]) -> OwnOccasions:
        """Back from `fields`."""
        own = OwnOccasions()
        own.noted = [Occasion.of(fields) for fields in stored]
        return own
