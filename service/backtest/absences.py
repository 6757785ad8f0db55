"""The absences of regulars that alerts are evaluated on: what the visits say, what the engine knew, the alert.

Evaluated are the absences that begin at or after one instant of the log. The usual gap u of an absence is told in
hindsight from the customer's other gaps before and after it, so that it is the same whichever rule alerts. Pure: no
I/O, no clock.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf
from statistics import median
from typing import Final

from service.backtest.alert_log import Alert
from service.backtest.visit_log import BUDGETS, KnownAtVisits, VisitLog
from service.domain.calendar import DAY_US, Calendar
from service.domain.findings import Kind, Reason
from service.domain.learning.churn_model import ChurnModel
from service.domain.summation import in_order

_NEIGHBOURS: Final = 10
"""Gaps before and after an absence that tell its usual gap."""
_CLIP: Final = 3.0
"""A gap counts as at most three medians of its neighbours."""
_POPULATION_GAPS: Final = 2.0
"""The usual gap of everybody counts as much as this many gaps."""
_RECENT: Final = 15
"""Gaps that a customer's own median is taken of."""


@dataclass
class Absences:
    """One row for each evaluated visit of a regular, as columns. Times in days."""

    span: float
    """From the instant at which the evaluation begins to the end of the log; at least one day."""
    sampled_share: float
    """Share of the customers that is evaluated, 0–1."""
    whole_days: bool
    """The log has no times of day: an alert then counts at noon, since nothing can be known in between."""
    visits: array[int] = field(default_factory=lambda: array("i"))
    """Of the customer so far, the one that the absence begins with included."""
    gap: array[float] = field(default_factory=lambda: array("d"))
    """To the return, or to the end of the log."""
    returned: bytearray = field(default_factory=bytearray)
    left: array[float] = field(default_factory=lambda: array("d"))
    """To the end of the log."""
    usual: array[float] = field(default_factory=lambda: array("d"))
    """u, told in hindsight."""
    mean: array[float] = field(default_factory=lambda: array("d"))
    """Of all the customer's gaps so far."""
    median: array[float] = field(default_factory=lambda: array("d"))
    """Of the customer's last 15 gaps."""
    recency: array[float] = field(default_factory=lambda: array("d"))
    """From the customer's first visit to this one."""
    base: array[float] = field(default_factory=lambda: array("d"))
    """As the engine knew it."""
    alerted: array[float] = field(default_factory=lambda: array("d"))
    """From the visit to the policy's first alert; inf = none."""
    tolerated: list[array[float]] = field(default_factory=lambda: [array("d") for _ in BUDGETS])
    """By budget: days of silence that it tolerated at the visit."""
    models: list[ChurnModel] = field(default_factory=list)
    given: int = 0
    """Messages decided within the span, of all rungs and on whichever absence: what a volume counts."""

    def __len__(self) -> int:
        return len(self.gap)


def absences_of(log: VisitLog, alerts: Iterable[Alert], calendar: Calendar) -> Absences:
    """Puts visits and alerts together. What a volume limit left out is no alert."""
    delays: dict[tuple[str, int], float] = {}
    given = 0
    for alert in alerts:
        made = alert.decision
        if made.kind is Kind.WIN_BACK and made.reason is not Reason.VOLUME:
            given += made.detected_us >= log.evaluate_from_us and made.customer_id in log.visits
            days = (made.detected_us - made.quiet_since_us) / DAY_US
            key = (made.customer_id, calendar.day_of(made.quiet_since_us))
            delays[key] = min(days, delays.get(key, inf))
    midnight = calendar.start_of
    found = Absences(
        span=max(1.0, (log.end_us - log.evaluate_from_us) / DAY_US),
        sampled_share=0.5**log.halvings,
        given=given,
        whole_days=all(at == midnight(calendar.day_of(at)) for times in log.visits.values() for at in times),
    )
    pending: list[tuple[float, int]] = []
    for customer_id, known in log.evaluated.items():
        times = log.visits[customer_id]
        own = _other_gaps(times, len(times) - len(known))
        pending += own
        _append(found, times, known, log)
        found.models.extend([log.models[customer_id]] * len(own))
        found.alerted.extend(delays.get((customer_id, calendar.day_of(at)), inf) for at in times[-len(own) :])
    everybody = _usual_of_everybody(log)
    found.usual.extend(
        (total_days + _POPULATION_GAPS * everybody) / (gaps + _POPULATION_GAPS) for total_days, gaps in pending
    )
    return found


def _append(found: Absences, times: Sequence[int], known: KnownAtVisits, log: VisitLog) -> None:
    """Fills the columns that follow from one customer's own visits."""
    first, before = times[0], len(times) - len(known)
    gaps = [(b - a) / DAY_US for a, b in pairwise(times)]
    recent = gaps[max(0, before - _RECENT) : before]
    ordered = sorted(recent)
    found.base.extend(known.base_days())
    for budget, column in enumerate(found.tolerated):
        column.extend(known.tolerated_days(budget))
    for i in range(before, len(times)):
        at = times[i]
        back = i + 1 < len(times)
        left = (log.end_us - at) / DAY_US
        middle = len(ordered) // 2
        found.visits.append(i + 1)
        found.gap.append(gaps[i] if back else left)
        found.returned.append(back)
        found.left.append(left)
        found.recency.append((at - first) / DAY_US)
        found.mean.append((at - first) / DAY_US / i)
        found.median.append(ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2)
        if back:
            recent.append(gaps[i])
            insort(ordered, gaps[i])
            if len(recent) > _RECENT:
                del ordered[bisect_left(ordered, recent.pop(0))]


def _usual_of_everybody(log: VisitLog) -> float:
    """Median over all regulars of their median one; also of those who came before the evaluation begins.

    0 without a regular.
    """
    begin = log.min_visits - 1
    return median(
        [
            median(total_days / gaps for total_days, gaps in _other_gaps(times, begin))
            for times in log.visits.values()
            if len(times) > begin
        ]
        or [0.0]
    )


def _other_gaps(times: Sequence[int], begin: int) -> list[tuple[float, int]]:
    """For each visit from the `begin`-th on: total days and number of the gaps around it, without its own.

    They are clipped at three of their medians.
    """
    gaps = [(b - a) / DAY_US for a, b in pairwise(times)]
    found = []
    for i in range(begin, len(times)):
        others = sorted(gaps[max(0, i - _NEIGHBOURS) : i] + gaps[i + 1 : i + 1 + _NEIGHBOURS])
        count = len(others)
        most = _CLIP * (others[count // 2] + others[(count - 1) // 2]) / 2
        if others[-1] > most:
            others = [min(most, gap) for gap in others]
        found.append((in_order(others), count))
    return found
