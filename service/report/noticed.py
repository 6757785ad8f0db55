"""How many absences were noticed, how late, and who came back at some time. The log holds what happened without this
service. Which alerts were needless is told by backtest/comparison.py alone."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from service.backtest.alert_log import Alert
from service.domain.calendar import DAY_US


@dataclass(frozen=True, slots=True)
class Absences:
    """Counts of them, and medians that are None where there is nothing to count."""

    absences: int
    came_back: int
    """Of them, ever within the log."""
    silence_days: float | None
    """Median silence at the alert."""
    silence_gaps: float | None
    """The same in usual gaps."""
    return_days: float | None
    """Median days from the alert to the return, of those who came back."""


def absences_of(alerts: Iterable[Alert]) -> Absences:
    """`alerts` = the first of each absence."""
    absences = 0
    days, gaps, back = array("d"), array("d"), array("d")
    for alert in alerts:
        made = alert.decision
        absences += 1
        days.append(made.evidence.gap_days)
        gaps.append(made.evidence.gap_days / made.evidence.usual_gap_days)
        if alert.returned_us is not None:
            back.append((alert.returned_us - made.detected_us) / DAY_US)
    return Absences(
        absences=absences,
        came_back=len(back),
        silence_days=median(days) if days else None,
        silence_gaps=median(gaps) if gaps else None,
        return_days=median(back) if back else None,
    )
