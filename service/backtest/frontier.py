"""Captured against needless: what more or less patience would have done on this log, and the simple rules at as many
alerts.

Our rule is told by the dates it set at the visits, from what was known of silences then (visit_log.py), so that no
further run is needed; the simple rules are granted their thresholds in hindsight, as in baselines.py. It costs some ten
evaluations of at most `MOST_ROWS` absences, and only where a report is made. Pure.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

from service.backtest.baselines import Baseline, threshold_results
from service.backtest.comparison import Performance, RuleComparison
from service.backtest.evaluation import Evaluation
from service.backtest.run import Result
from service.backtest.visit_log import VisitLog
from service.domain.cadence import patience as patience_of
from service.domain.outreach.patience import Patience
from service.domain.policy import MOST_PATIENCE

MOST_ROWS: Final = 8_000
"""Shares of that many are known to half a percent."""
_TIMES: Final = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Multiples of the patience that is set."""
FEWEST_POINTS: Final = 3


@dataclass(frozen=True, slots=True)
class Point:
    """One rule at one setting."""

    alerts: float
    """Per 100 compared absences, which is per 100 visits of regulars."""
    needless: float
    """Of those."""
    captured: float
    """Of the visits that absences cost up to 4 usual gaps, 0–1."""


@dataclass(frozen=True, slots=True)
class Frontier:
    patience: dict[float, Point]
    """Our rule where nothing else is set, by `outreach.patience`, lowest first."""
    simple: dict[Baseline, list[Point]]
    """The simple rules, each at as many alerts as ours, fewest first."""
    policy: Point
    """Where the policy that was tried came out."""

    def best_simple(self, needless: float) -> tuple[Baseline, float]:
        """The simple rule that captures most at so many needless alerts per 100 visits, and how much."""
        return max(
            ((name, _captured(points, needless)) for name, points in self.simple.items()), key=lambda one: one[1]
        )


def frontier_of(result: Result, evaluation: Evaluation) -> Frontier | None:
    """None where there are too few alerts to compare rules on."""
    if not evaluation.baselines:
        return None
    comparison = RuleComparison(evaluation.absences, MOST_ROWS)
    if comparison.capturable.up_to_4 <= 0.0:
        return None
    set_to = result.settings.outreach.patience
    tried = {patience: _performance(comparison, result.visits, patience) for patience in _patiences(set_to)}
    ours = {patience: tally for patience, tally in tried.items() if tally.alerts > 0}
    counts = sorted({round(tally.alerts) for tally in ours.values()})
    if len(counts) < FEWEST_POINTS:
        return None
    simple: dict[Baseline, list[Point]] = {}
    for count in counts:
        for each in threshold_results(comparison, count):
            simple.setdefault(each.name, []).append(_point(comparison, each.performance))
    policy = _point(comparison, comparison.policy())
    return Frontier({patience: _point(comparison, tally) for patience, tally in ours.items()}, simple, policy)


def _patiences(set_to: float) -> Iterator[float]:
    for times in _TIMES:
        if times <= 1.0 or times * set_to <= MOST_PATIENCE:
            yield times * set_to


def _performance(comparison: RuleComparison, log: VisitLog, patience: float) -> Performance:
    known: dict[int, Patience] = {}
    delays: list[float] = []
    visits, base = comparison.absences.visits, comparison.absences.base
    wanted = iter(comparison.rows)
    next_row = next(wanted, -1)
    for row, (customer_id, (kind, steady, look)) in enumerate(_weighed(log)):
        if row != next_row:
            continue
        next_row = next(wanted, -1)
        policy = known.get(look)
        if policy is None:
            policy = known[look] = Patience(patience)
            policy.learn(log.silences[look], 0.0)
        usual = base[row] / patience_of(visits[row])
        delays.append(policy.planned_days(customer_id, visits[row], kind, steady_gap_days=steady, usual_gap_days=usual))
    return comparison.performance(delays)


def _weighed(log: VisitLog) -> Iterator[tuple[str, tuple[int, float, int]]]:
    """By evaluated visit, in the order of the rows of `Absences`."""
    for customer_id, known in log.evaluated.items():
        for each in known.weighed():
            yield customer_id, each


def _point(comparison: RuleComparison, tally: Performance) -> Point:
    alerts = 100.0 * tally.alerts / len(comparison.rows)
    return Point(alerts, alerts * (tally.needless_share or 0.0), tally.captured_4 / comparison.capturable.up_to_4)


def _captured(points: Sequence[Point], needless: float) -> float:
    """Along the rule's points, straight between them and to 0."""
    known = sorted([(0.0, 0.0), *((point.needless, point.captured) for point in points), (inf, 0.0)])
    place = max(1, bisect_left(known, (needless, -inf)))
    (x0, y0), (x1, y1) = known[place - 1], known[place]
    if x1 == inf or x1 <= x0:
        return y0
    return y0 + (y1 - y0) * (needless - x0) / (x1 - x0)
