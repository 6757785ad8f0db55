"""What the alerts of a partition really did, counted as customers come back, by evidence: promised against realised.

Counted at the visit that ends a silence of a regular: whether the gap was healthy (closed within 6 bases), whether it
had been alerted all the same (a wrong alert), whether the customer came back on their own within one usual gap of the
alert. Silences that never end are not in it: they are right alerts, or regulars who left unnoticed.

Where messages are sent, whoever comes back after one may have come because of it, and is no evidence of a wrong alert.
So only absences in which none was sent are counted as they end (the control group, who has not consented, who was not
chosen), and each alerted one of them stands for as many as were alerted for each of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final

from service.domain.cadence import HEALTHY_BASES, base_days, usual_gap_days
from service.domain.calendar import DAY_US, DAYS_PER_YEAR
from service.domain.customer import Customer
from service.domain.stored import Stored
from service.domain.stumbling import hold

EVIDENCE: Final = ("4-6", "7-12", "13+")
"""Classes of visits that a regular had when the silence began; the first holds all regulars below 7."""
CLASSES: Final = ((0, 6), (7, 12), (13, 1 << 30))
"""The same, as visits from … to."""
FEWEST_WRONG: Final = 20
"""With fewer wrong alerts a rate is known to half of itself at best."""
COUNTED: Final = (
    "visits", "alerts", "not_chosen", "healthy_gaps", "healthy_days", "wrong_alerts", "back_soon", "disturbed", "wrong_days",
)  # fmt: skip


class ClassRealised(Stored):
    """Of one class of evidence, since the partition began."""

    __slots__ = COUNTED
    STORED: ClassVar[tuple[str, ...]] = COUNTED

    def __init__(self) -> None:
        self.visits: int = 0
        """Visits of regulars."""
        self.alerts: int = 0
        """Absences alerted, whatever was decided on sending; those that a volume left out are not among them."""
        self.not_chosen: int = 0
        """Absences that a volume left out."""
        self.healthy_gaps: int = 0
        self.healthy_days: float = 0.0
        """Sum of the healthy gaps."""
        self.wrong_alerts: int = 0
        """Healthy gaps that were alerted."""
        self.back_soon: int = 0
        """Alerted customers who were back within one usual gap of the alert."""
        self.disturbed: int = 0
        """Alerted absences in which a message was sent: how they end says nothing."""
        self.wrong_days: float = 0.0
        """Sum of the healthy gaps that were alerted, where messages are sent."""

    def fields(self) -> tuple[object, ...]:
        """Without the last two where no messages are sent: they are 0."""
        fields = tuple([getattr(self, name) for name in self.STORED])
        return fields if self.disturbed or self.wrong_days else fields[:-2]

    def minus(self, earlier: ClassRealised) -> ClassRealised:
        """What has happened since `earlier`."""
        news = ClassRealised()
        for name in COUNTED:
            setattr(news, name, getattr(self, name) - getattr(earlier, name))
        return news

    def add(self, other: ClassRealised) -> None:
        """Another partition's, or another class's, on top."""
        for name in COUNTED:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def alerts_per_100_visits(self) -> float | None:
        """What a volume promises. None without a visit."""
        return 100.0 * self.alerts / self.visits if self.visits else None

    def back_soon_share(self) -> float | None:
        """Share of alerted customers to whom nothing was sent who were back within one usual gap of the alert, 0–1.

        None without one.
        """
        undisturbed = self.alerts - self.disturbed
        return self.back_soon / undisturbed if undisturbed > 0 else None

    def wrong_per_year(self) -> float | None:
        """Wrong alerts per healthy regular and year: what a budget promises. None without a healthy gap, or where every
        alert has led to a message."""
        further = self._further()
        if further is None:
            return None
        days = self.healthy_days + further * self.wrong_days
        return (1.0 + further) * self.wrong_alerts / days * DAYS_PER_YEAR if days > 0.0 else None

    def wrong_share(self) -> float | None:
        """Share of healthy gaps that were alerted, 0–1: what a probability promises. None as before."""
        further = self._further()
        if further is None:
            return None
        gaps = self.healthy_gaps + further * self.wrong_alerts
        return (1.0 + further) * self.wrong_alerts / gaps if gaps else None

    def _further(self) -> float | None:
        """Alerted absences that end unseen for each whose end is seen. None: none is seen."""
        undisturbed = self.alerts - self.disturbed
        if self.disturbed == 0:
            return 0.0
        return self.disturbed / undisturbed if undisturbed > 0 else None


class Realised:
    """All classes of one partition."""

    def __init__(self) -> None:
        self.classes: list[ClassRealised] = [ClassRealised() for _ in EVIDENCE]

    def fields(self) -> list[tuple[object, ...]]:
        """In the order of `of`."""
        return [one.fields() for one in self.classes]

    @classmethod
    def of(cls, fields: Sequence[Sequence[Any]]) -> Realised:
        """Back from `fields`; what is missing is 0."""
        realised = cls()
        hold(fields, len(EVIDENCE), "classes of regulars")
        known = [ClassRealised.of(values) for values in fields]
        realised.classes[: len(known)] = known
        return realised

    def copy(self) -> Realised:
        return Realised.of(self.fields())

    def visited(self, visits: int) -> None:
        """A regular's visit; `visits` counts it."""
        self.classes[_class_of(visits)].visits += 1

    def due(self, visits: int, *, chosen: bool) -> None:
        """The first rung of an absence has come due."""
        one = self.classes[_class_of(visits)]
        if chosen:
            one.alerts += 1
        else:
            one.not_chosen += 1

    def disturbed(self, visits: int) -> None:
        """In an alerted absence a message goes out."""
        self.classes[_class_of(visits)].disturbed += 1

    def silence_closed(
        self, customer: Customer, gap: float, at_us: int, *, disturbed: bool = False, sent: bool = False
    ) -> None:
        """A regular came back after `gap` days; the customer is as before this visit. `disturbed`: after a message.
        `sent`: messages are sent at all."""
        if disturbed:
            return
        one = self.classes[_class_of(customer.visits)]
        usual = usual_gap_days(customer)
        alerted_us = customer.episode.alerted_us
        if gap <= HEALTHY_BASES * base_days(customer):
            one.healthy_gaps += 1
            one.healthy_days += gap
            if alerted_us > 0:
                one.wrong_alerts += 1
                if sent:
                    one.wrong_days += gap
        if alerted_us > 0 and at_us - alerted_us <= usual * DAY_US:
            one.back_soon += 1


def totals(parts: Iterable[Realised]) -> list[ClassRealised]:
    """Sums of some partitions: one for each class, and one for all."""
    sums = [ClassRealised() for _ in (*EVIDENCE, "all")]
    for part in parts:
        for index, one in enumerate(part.classes):
            sums[index].add(one)
            sums[-1].add(one)
    return sums


def _class_of(visits: int) -> int:
    return 0 if visits <= CLASSES[0][1] else 1 if visits <= CLASSES[1][1] else 2
