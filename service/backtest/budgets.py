"""Which budget? What each of a few would have done, and which of them is proposed.

An alert is worth the visits still ahead when it comes. Per alert they are few at a low budget, where alerts wait until
most visits have been missed, and few again at a high one, where most alerts are needless. Proposed is the budget at
which they are most, among those that hold needless alerts to a half: there a message buys most. Of budgets that are
nearly equal in this the highest is taken, since it notices more people at the same price. Pure: no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from service.backtest.comparison import Performance, RuleComparison
from service.backtest.visit_log import BUDGETS

NEEDLESS_MOST: Final = 0.5
"""Whoever gets a message more often needs one than not. A shop whose customers hardly have a rhythm could otherwise be
led to write to everybody, as every alert reaches somebody."""
_NEARLY: Final = 0.95
"""Visits per alert from this share of the most on count as equal: they are not known better than to a twentieth."""
FEWEST: Final = 20
"""With fewer alerts their needless share is not known to 20 points."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What one policy would have done. Shares 0–1."""

    performance: Performance
    per_week: float
    """Alerts."""
    captured: float
    """Of the visits that absences cost up to 4 usual gaps."""

    @property
    def per_alert(self) -> float:
        """Visits still ahead, of those that absences cost up to 4 usual gaps."""
        return self.performance.captured_4 / self.performance.alerts if self.performance.alerts > 0 else 0.0

    @property
    def counts(self) -> bool:
        return self.performance.known >= FEWEST


@dataclass(frozen=True, slots=True)
class TriedBudget(Tried):
    """What one budget would have done."""

    budget: float


@dataclass(frozen=True, slots=True)
class Proposal:
    chosen: TriedBudget
    within: bool
    """False: every budget has more needless alerts than it should; the lowest is proposed for want of a better one."""


def tried_budgets(comparison: RuleComparison) -> list[TriedBudget]:
    """Lowest budget first. Empty where nothing could be captured."""
    capturable = comparison.capturable.up_to_4
    if capturable <= 0.0:
        return []
    performances = [comparison.budget(number) for number in range(len(BUDGETS))]
    return [
        TriedBudget(performance, comparison.per_week(performance), performance.captured_4 / capturable, budget)
        for budget, performance in zip(BUDGETS, performances, strict=True)
    ]


def proposal(budgets: Sequence[TriedBudget]) -> Proposal | None:
    """None: too few alerts to propose one, at every budget or at the lower ones, where fewer might be needless."""
    known = [tried for tried in budgets if tried.counts]
    if not known:
        return None
    within = [tried for tried in known if (tried.performance.needless_share or 0.0) <= NEEDLESS_MOST]
    if not within:
        return Proposal(known[0], within=False) if known[0] is budgets[0] else None
    enough = _NEARLY * max(tried.per_alert for tried in within)
    return Proposal(next(tried for tried in reversed(within) if tried.per_alert >= enough), within=True)
