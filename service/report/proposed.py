"""The policy that is proposed, as lines of the configuration, and what it would have done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from service.backtest.budgets import Proposal, TriedBudget
from service.backtest.comparison import RuleComparison
from service.backtest.visit_log import BUDGETS
from service.config import OutreachSettings
from service.domain.policy import Measure
from service.report.business import Ahead, ahead_of
from service.report.material import Facts


def policy_lines(proposal: Proposal) -> str:
    """TOML for the settings file."""
    return f'[outreach]\nmeasure = "budget"\nlevel = {proposal.chosen.budget!r}'


def budget_tried(outreach: OutreachSettings) -> float | None:
    """The budget that this backtest went by; None where it went by something else."""
    limited = outreach.volume_per_100_visits is not None or outreach.volume_per_day is not None
    return None if limited or outreach.rule is not Measure.BUDGET else outreach.promise


@dataclass(frozen=True, slots=True)
class Shown:
    """The budgets as they are shown. Of the one that was tried it is known what it did, to the alert, so that no two
    figures stand for one thing; of the others, what the dates they set at the visits would have done."""

    budgets: list[TriedBudget]
    chosen: TriedBudget | None


def shown_of(facts: Facts) -> Shown:
    found, tried = facts.evaluation, budget_tried(facts.result.settings.outreach)
    capturable = found.capturable.up_to_4

    def shown(each: TriedBudget) -> TriedBudget:
        if each.budget != tried or found.policy.alerts <= 0.0:
            return each
        captured = found.policy.captured_4 / capturable if capturable > 0.0 else 0.0
        return replace(each, performance=found.policy, per_week=found.per_week, captured=captured)

    budgets = [shown(each) for each in found.budgets]
    proposed = None if found.proposal is None else found.proposal.chosen.budget
    return Shown(budgets, next((each for each in budgets if each.budget == proposed), None))


def ahead_at_alerts(facts: Facts, chosen: TriedBudget) -> Ahead | None:
    """What is still ahead at the alerts of a budget. None without one."""
    absences = facts.evaluation.absences
    comparison = RuleComparison(absences)
    tried = chosen.budget == budget_tried(facts.result.settings.outreach)
    delays = absences.alerted if tried else absences.tolerated[BUDGETS.index(chosen.budget)]
    brings = facts.visit_minor()
    return ahead_of(comparison, _compared(comparison, delays), _compared(comparison, brings))


def _compared(comparison: RuleComparison, column: Sequence[float]) -> list[float]:
    return [column[row] for row in comparison.rows]
