"""The policy that is proposed, as lines of the configuration, and what it would have done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from service.backtest.budgets import Tried, TriedBudget
from service.backtest.comparison import RuleComparison
from service.backtest.visit_log import BUDGETS
from service.config import OutreachSettings
from service.domain.policy import Measure
from service.report.business import Ahead, ahead_of
from service.report.material import Facts


def budget_tried(outreach: OutreachSettings) -> float | None:
    """The budget that this backtest went by; None where it went by something else."""
    return None if _is_limited(outreach) or outreach.rule is not Measure.BUDGET else outreach.promise


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


@dataclass(frozen=True, slots=True)
class Proposed:
    """The policy that is proposed."""

    what: Tried
    budget: float | None
    """None: nothing is promised, which needs no setting."""
    within: bool
    """False: it is the lowest budget, for want of one with few enough needless alerts."""
    is_tried: bool
    """Whether this backtest went by it."""

    @property
    def lines(self) -> str:
        """TOML for the settings file."""
        if self.budget is None:
            return f'[outreach]\nmeasure = "{Measure.PATIENCE.value}"'
        return f'[outreach]\nmeasure = "{Measure.BUDGET.value}"\nlevel = {self.budget!r}'


def proposed_of(facts: Facts) -> Proposed | None:
    """What applies where nothing is promised, if this backtest went by it and enough came of it to be told; else a
    budget, or None where no budget can be told of either."""
    found, outreach = facts.evaluation, facts.result.settings.outreach
    capturable = found.capturable.up_to_4
    if outreach.rule is Measure.PATIENCE and not _is_limited(outreach) and capturable > 0.0:
        default = Tried(found.policy, found.per_week, found.policy.captured_4 / capturable)
        if default.counts:
            return Proposed(default, None, within=True, is_tried=True)
    chosen = shown_of(facts).chosen
    if chosen is None or found.proposal is None:
        return None
    tried = chosen.budget == budget_tried(outreach)
    return Proposed(chosen, chosen.budget, within=found.proposal.within, is_tried=tried)


def ahead_at_alerts(facts: Facts, proposed: Proposed) -> Ahead | None:
    """What is still ahead at the alerts of a policy. None without one."""
    absences = facts.evaluation.absences
    comparison = RuleComparison(absences)
    if proposed.is_tried or proposed.budget is None:
        delays = absences.alerted
    else:
        delays = absences.tolerated[BUDGETS.index(proposed.budget)]
    brings = facts.visit_minor()
    return ahead_of(comparison, _compared(comparison, delays), _compared(comparison, brings))


def _is_limited(outreach: OutreachSettings) -> bool:
    return outreach.volume_per_100_visits is not None or outreach.volume_per_day is not None


def _compared(comparison: RuleComparison, column: Sequence[float]) -> list[float]:
    return [column[row] for row in comparison.rows]
