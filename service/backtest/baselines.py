"""Simple rules beside the policy, each with a threshold at which it gives as many alerts as the policy gave.

The threshold is chosen in hindsight, which is more than a shop could do. Where a tie makes that number fall between two
thresholds, the two are mixed. P(alive) is that of MBG/CNBD-k (domain/learning/churn_model.py) with the parameters known
when the evaluation began. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf

from service.backtest.comparison import Performance, RuleComparison
from service.domain.learning.churn_model import ChurnModel


class Baseline(StrEnum):
    FIXED_DAYS = "fixed_days"
    """Silent for N days."""
    OWN_MEAN = "own_mean"
    """Silent for c times the mean of the customer's gaps."""
    OWN_MEDIAN = "own_median"
    """Silent for c times their median."""
    CHURN_MODEL = "churn_model"
    """Churn risk, 1 − P(alive), above a level."""


@dataclass(frozen=True, slots=True)
class BaselineResult:
    """A baseline at the policy's number of alerts."""

    name: Baseline
    threshold: float
    """Days, multiple or risk; the mean of the two where two were mixed."""
    performance: Performance


@dataclass(frozen=True, slots=True)
class _Silence:
    """A compared absence as the churn model sees it. Days since the customer's first visit."""

    model: ChurnModel
    repeats: int
    """Visits after the first."""
    recency: float
    """Of the visit that the absence begins with."""
    age: float
    """Of the absence's end."""

    def risk_at_end(self) -> float:
        return self.model.risk(self.repeats, self.recency, self.age)

    def days_until(self, risk: float) -> float:
        """Days of silence until the churn risk exceeds `risk`."""
        return self.model.silence_until(self.repeats, self.recency, risk)


def baseline_results(comparison: RuleComparison, alerts: int) -> list[BaselineResult]:
    """All baselines at `alerts` alerts on the compared absences."""
    return [*threshold_results(comparison, alerts), _churn_model(comparison, alerts)]


def threshold_results(comparison: RuleComparison, alerts: int) -> list[BaselineResult]:
    """Those that are a number of days or of gaps, which costs little to try."""
    rows, absences = comparison.rows, comparison.absences
    return [
        _multiple(Baseline.FIXED_DAYS, comparison, [1.0] * len(rows), alerts),
        _multiple(Baseline.OWN_MEAN, comparison, [absences.mean[row] for row in rows], alerts),
        _multiple(Baseline.OWN_MEDIAN, comparison, [absences.median[row] for row in rows], alerts),
    ]


def _multiple(name: Baseline, comparison: RuleComparison, units: Sequence[float], alerts: int) -> BaselineResult:
    """The rule that alerts after so many units of silence, which are days of their own for each absence."""
    reached = [comparison.absences.gap[row] / unit for row, unit in zip(comparison.rows, units, strict=True)]

    def performance(multiple: float) -> Performance:
        return comparison.performance([max(0.0, multiple) * unit for unit in units])

    return BaselineResult(name, *at_count(reached, performance, alerts))


def _churn_model(comparison: RuleComparison, alerts: int) -> BaselineResult:
    found = comparison.absences
    silences = [
        _Silence(found.models[row], found.visits[row] - 1, found.recency[row], found.recency[row] + found.gap[row])
        for row in comparison.rows
    ]
    reached = [silence.risk_at_end() for silence in silences]

    def performance(level: float) -> Performance:
        if level <= 0.0:
            return comparison.performance([0.0] * len(silences))
        return comparison.performance(
            [
                silence.days_until(level) if highest > level else inf
                for silence, highest in zip(silences, reached, strict=True)
            ]
        )

    return BaselineResult(Baseline.CHURN_MODEL, *at_count(reached, performance, alerts))


def at_count(
    reached: Sequence[float], performance: Callable[[float], Performance], alerts: int
) -> tuple[float, Performance]:
    """The threshold that gives so many alerts, and what the rule is worth there.

    `reached` is the statistic of each absence at its end: it is alerted if that exceeds the threshold. Of all
    thresholds that give a number of alerts the lowest, and so the earliest, is taken.
    """
    if alerts <= 0 or not reached:
        return inf, Performance()
    ordered = sorted(reached, reverse=True)
    if alerts >= len(ordered):
        return 0.0, performance(0.0)
    fewer = ordered[alerts]  # alerted at this threshold: all above it, at most `alerts`
    above = sum(1 for one in ordered if one > fewer)
    if above == alerts:
        return fewer, performance(fewer)
    more = next((one for one in ordered[alerts:] if one < fewer), 0.0)
    with_ties = sum(1 for one in ordered if one > more)
    part = (alerts - above) / (with_ties - above)
    return part * more + (1.0 - part) * fewer, performance(more).mixed(performance(fewer), part)
