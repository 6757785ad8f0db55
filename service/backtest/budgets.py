"""Which budget? What each of a few would have done, and which of them is proposed.

An alert is worth the visits still ahead when it comes. Per alert they are few at a low budget, where alerts wait until most visits are
lost, and few again at a high one, where most alerts are needless. Proposed is the budget at which they are most, among those that keep
needless alerts to a half: there a message buys most. Of budgets that are nearly equal in this the highest is taken, since it
notices more people at the same price. Pure: no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from service.backtest.evaluation import Court, Realised
from service.backtest.visit_log import BUDGETS

NEEDLESS_MOST: Final = 0.5
"""Whoever gets a message more often needs one than not. A shop whose customers hardly have a rhythm could otherwise be led to write to
everybody, as every alert reaches somebody."""
_NEARLY: Final = 0.95
"""Visits per alert from this share of the most on count as equal: they are not known better than to a twentieth."""
FEWEST: Final = 20
"""With fewer alerts their needless share is not known to 20 points."""


@dataclass(frozen=True, slots=True)
class Step:
    """One budget. Shares 0–1."""

    budget: float
    tally: Realised
    per_week: float
    captured: float
    """Of the visits that absences cost up to 4 usual gaps."""

    @property
    def per_alert(self) -> float:
        """Visits still ahead, of those that absences cost up to 4 usual gaps."""
        return self.tally.captured_4 / self.tally.alerts if self.tally.alerts > 0 else 0.0

    @property
    def counts(self) -> bool:
        return self.tally.known >= FEWEST


@dataclass(frozen=True, slots=True)
class Proposal:
    step: Step
    within: bool
    """False: every budget has more needless alerts than it should; the lowest is proposed for want of a better one."""


def steps_of(court: Court) -> list[Step]:
    """Lowest budget first. Empty where nothing could be captured."""
    capturable = court.capturable[0]
    if capturable <= 0.0:
        return []
    tallies = [court.budget(number) for number in range(len(BUDGETS))]
    return [
        Step(budget, tally, court.per_week(tally), tally.captured_4 / capturable)
        for budget, tally in zip(BUDGETS, tallies, strict=True)
    ]


def proposal(steps: Sequence[Step]) -> Proposal | None:
    """None: too few alerts at every budget to propose one."""
    known = [step for step in steps if step.counts]
    if not known:
        return None
    within = [step for step in known if (step.tally.needless_share or 0.0) <= NEEDLESS_MOST]
    if not within:
        return Proposal(known[0], within=False)
    enough = _NEARLY * max(step.per_alert for step in within)
    return Proposal(next(step for step in reversed(within) if step.per_alert >= enough), within=True)
