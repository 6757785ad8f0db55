"""Simple rules beside the policy, each with one threshold chosen in hindsight so that it gives as many alerts as the policy gave.

That is more than a shop could do: it would have to choose before. Where a tie makes that number fall between two thresholds, the two
are mixed. P(alive) is that of MBG/CNBD-k (domain/churn_model.py) with the parameters known when judging began. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf

from service.backtest.evaluation import Court, Realised


class Baseline(StrEnum):
    FIXED_DAYS = "fixed_days"
    """Silent for N days."""
    OWN_MEAN = "own_mean"
    """For c times the mean of the customer's gaps."""
    OWN_MEDIAN = "own_median"
    CHURN_MODEL = "churn_model"
    """Churn risk, 1 − P(alive), above a level."""


@dataclass(frozen=True, slots=True)
class Rival:
    """A baseline at the policy's number of alerts."""

    name: Baseline
    threshold: float
    """Days, multiple or risk; the mean of the two where two were mixed."""
    tally: Realised


def rivals(court: Court, alerts: int) -> list[Rival]:
    """All baselines at `alerts` alerts on the compared absences."""
    found = court.absences
    ones = [1.0] * len(court.rows)
    return [
        _multiple(Baseline.FIXED_DAYS, court, ones, alerts),
        _multiple(Baseline.OWN_MEAN, court, [found.mean[row] for row in court.rows], alerts),
        _multiple(Baseline.OWN_MEDIAN, court, [found.median[row] for row in court.rows], alerts),
        _churn_model(court, alerts),
    ]


def _multiple(name: Baseline, court: Court, unit: Sequence[float], alerts: int) -> Rival:
    reached = [court.absences.gap[row] / one for row, one in zip(court.rows, unit, strict=True)]
    threshold, tally = at_count(reached, lambda level: court.tally([max(0.0, level) * one for one in unit]), alerts)
    return Rival(name, threshold, tally)


def _churn_model(court: Court, alerts: int) -> Rival:
    found = court.absences
    cases = [
        (found.models[row], found.visits[row] - 1, found.recency[row], found.recency[row] + found.gap[row])
        for row in court.rows
    ]

    def tally(level: float) -> Realised:
        if level <= 0.0:
            return court.tally([0.0] * len(cases))
        return court.tally(
            [
                model.silence_until(repeats, recency, level) if highest > level else inf
                for (model, repeats, recency, _), highest in zip(cases, reached, strict=True)
            ]
        )

    reached = [model.risk(repeats, recency, age) for model, repeats, recency, age in cases]
    return Rival(Baseline.CHURN_MODEL, *at_count(reached, tally, alerts))


def at_count(reached: Sequence[float], tally: Callable[[float], Realised], alerts: int) -> tuple[float, Realised]:
    """(threshold, tally) at so many alerts. `reached` = the statistic of each absence at its end: it is alerted if that exceeds the threshold.

    Of all thresholds that give a number of alerts the lowest, and so the earliest, is taken.
    """
    if alerts <= 0 or not reached:
        return inf, Realised()
    ordered = sorted(reached, reverse=True)
    if alerts >= len(ordered):
        return 0.0, tally(0.0)
    fewer = ordered[alerts]  # alerted at this threshold: all above it, at most `alerts`
    above = sum(1 for one in ordered if one > fewer)
    if above == alerts:
        return fewer, tally(fewer)
    more = next((one for one in ordered[alerts:] if one < fewer), 0.0)
    with_ties = sum(1 for one in ordered if one > more)
    part = (alerts - above) / (with_ties - above)
    return part * more + (1.0 - part) * fewer, tally(more).mixed(tally(fewer), part)
