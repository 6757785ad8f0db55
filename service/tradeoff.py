"""Which budget? What each of a few would have done, and which of them is proposed.

The proposal is the highest budget at which at most `NEEDLESS_MOST` of the alerts would have been needless: more alerts catch more
absences, until most go to people who come back anyway. Pure: no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from service.evaluation import Court, Tally
from service.visit_log import BUDGETS

NEEDLESS_MOST: Final = 0.4
"""Six of ten alerts then reach somebody who would have stayed away. Simple rules with thresholds chosen in hindsight lie above it on
most logs (42 to 47 % at ten alerts per 100 visits), so a shop that keeps to it writes to fewer in vain than it could otherwise."""
FEWEST: Final = 20
"""With fewer alerts their needless share is not known to 20 points."""


@dataclass(frozen=True, slots=True)
class Step:
    """One budget. Shares 0–1."""

    budget: float
    tally: Tally
    per_week: float
    captured: float
    """Of the visits that absences cost up to 4 usual gaps."""

    @property
    def counts(self) -> bool:
        return self.tally.known >= FEWEST


@dataclass(frozen=True, slots=True)
class Proposal:
    step: Step
    within: bool
    """False: even the lowest budget has more needless alerts, and is proposed for want of a better one."""


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
    return Proposal(within[-1], within=True) if within else Proposal(known[0], within=False)
