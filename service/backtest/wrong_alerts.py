"""What the policy promised against what it did: wrong alerts, by how much evidence there was.

A gap is healthy if it closes within 6 bases of the engine's own; an alert in a healthy gap is wrong. Gaps still open at
the end of the log may have become either, and long ones are more often open: closed gaps stand for them too, weighted
by Kaplan & Meier (1958, JASA 53(282)) on gap / base. Pure: no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.backtest.absences import Absences
from service.domain.cadence import HEALTHY_BASES
from service.domain.calendar import DAYS_PER_YEAR
from service.domain.outreach.realised import CLASSES, FEWEST_WRONG


@dataclass(frozen=True, slots=True)
class WrongAlerts:
    """Of one class of evidence, or of all regulars."""

    visits: tuple[int, int] | None
    """Visits from … to that make the class; None = all."""
    healthy: int
    """Gaps seen to be healthy."""
    wrong: int
    """Of those, alerted."""
    share: float | None
    """Of healthy gaps alerted, 0–1, corrected for the end of the log. None without a healthy gap."""
    rate: float | None
    """Wrong alerts per healthy regular and year, corrected in the same way. None without a healthy gap."""
    alerts: int

    @property
    def enough(self) -> bool:
        return self.wrong >= FEWEST_WRONG


def wrong_alerts_of(absences: Absences) -> list[WrongAlerts]:
    """One for each of `CLASSES`, and one for all."""
    ratios = [gap / base for gap, base in zip(absences.gap, absences.base, strict=True)]
    weights = [
        weight if ratio <= HEALTHY_BASES else 0.0
        for weight, ratio in zip(closing_weights(ratios, absences.returned), ratios, strict=True)
    ]
    return [_of_class(absences, weights, each) for each in (*CLASSES, None)]


def _of_class(absences: Absences, weights: Sequence[float], visits: tuple[int, int] | None) -> WrongAlerts:
    healthy = wrong = alerts = 0
    whole = alerted = days = 0.0
    low, high = visits or (0, 1 << 30)
    for row, weight in enumerate(weights):
        count, gap, delay = absences.visits[row], absences.gap[row], absences.alerted[row]
        if not low <= count <= high:
            continue
        if weight > 0.0:
            healthy += 1
            whole += weight
            days += weight * gap
        if delay < gap:
            alerts += 1
            if weight > 0.0:
                wrong += 1
                alerted += weight
    return WrongAlerts(
        visits,
        healthy,
        wrong,
        share=alerted / whole if whole else None,
        rate=alerted / (days / DAYS_PER_YEAR) if days else None,
        alerts=alerts,
    )


def closing_weights(lengths: Sequence[float], closed: Sequence[int]) -> list[float]:
    """The drop of the Kaplan–Meier curve at each closed gap; 0 for open ones. At equal lengths closed ones come first.

    >>> closing_weights([1.0, 2.0, 3.0], [1, 0, 1])
    [0.3333333333333333, 0.0, 0.6666666666666667]
    """
    weights = [0.0] * len(lengths)
    survival, at_risk = 1.0, len(lengths)
    for row in sorted(range(len(lengths)), key=lambda each: (lengths[each], not closed[each])):
        if closed[row]:
            weights[row] = survival / at_risk
            survival -= weights[row]
        at_risk -= 1
    return weights
