"""Were the alerts worth it? Everything that the report says about this, worked out once from a backtest.

absences.py puts visits and alerts together; comparison.py tells what a rule is worth on them, baselines.py does so for
simple rules and budgets.py for other budgets; wrong_alerts.py holds against the promise what came of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from service.backtest.absences import Absences, absences_of
from service.backtest.baselines import BaselineResult, baseline_results
from service.backtest.budgets import Proposal, TriedBudget, proposal, tried_budgets
from service.backtest.comparison import Capturable, Performance, RuleComparison
from service.backtest.run import Result
from service.backtest.wrong_alerts import WrongAlerts, wrong_alerts_of

FEWEST_ALERTS = 20
"""Rules are not compared on fewer."""


@dataclass(frozen=True)
class Evaluation:
    absences: Absences
    compared: int
    """Absences on which rules are compared."""
    capturable: Capturable
    policy: Performance
    per_week: float
    """Alerts of the policy on the compared absences."""
    baselines: list[BaselineResult]
    """Empty where there are too few alerts to compare."""
    wrong_alerts: list[WrongAlerts]
    """By class of evidence; the last one is of all regulars."""
    budgets: list[TriedBudget]
    """Lowest first; empty where nothing could be captured."""
    proposal: Proposal | None

    @property
    def alerts_per_100_visits(self) -> float | None:
        """Of regulars, in the evaluated part of the log. None without a visit."""
        visits = len(self.absences)
        return 100.0 * self.absences.given / visits if visits else None

    @property
    def alerts_per_day(self) -> float:
        return self.absences.given / self.absences.sampled_share / self.absences.span


def evaluate(result: Result) -> Evaluation:
    """Evaluates the alerts of a backtest.

    It takes about 50 µs per evaluated absence, of which `visit_log.MOST_VISITS` bounds the number."""
    absences = absences_of(result.visits, result.alerts, result.settings.shop.calendar())
    comparison = RuleComparison(absences)
    policy = comparison.policy()
    budgets = tried_budgets(comparison)
    enough = policy.alerts >= FEWEST_ALERTS and comparison.capturable.up_to_4 > 0.0
    return Evaluation(
        absences=absences,
        compared=len(comparison.rows),
        capturable=comparison.capturable,
        policy=policy,
        per_week=comparison.per_week(policy),
        baselines=baseline_results(comparison, round(policy.alerts)) if enough else [],
        wrong_alerts=wrong_alerts_of(absences),
        budgets=budgets,
        proposal=proposal(budgets),
    )
