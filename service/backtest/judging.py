"""Everything that the report says about the worth of the alerts, worked out once."""

from __future__ import annotations

from dataclasses import dataclass

from service.backtest.baselines import Rival, rivals
from service.backtest.budgets import Proposal, Step, proposal, steps_of
from service.backtest.evaluation import Absences, Court, Realised, absences_of
from service.backtest.promises import Kept, kept_promises
from service.backtest.run import Result
from service.domain.calendar import Calendar

FEWEST_ALERTS = 20
"""Rules are not compared on fewer."""


@dataclass(frozen=True)
class Judgement:
    absences: Absences
    compared: int
    """Absences on which rules are compared."""
    capturable: list[float]
    """Visits lost up to 4 and 8 usual gaps."""
    policy: Realised
    per_week: float
    """Alerts of the policy on the compared absences."""
    rivals: list[Rival]
    """Empty where there are too few alerts to compare."""
    kept: list[Kept]
    steps: list[Step]
    proposal: Proposal | None

    @property
    def alerts_per_100_visits(self) -> float | None:
        """Of regulars, while it was judged. None without one."""
        visits = len(self.absences)
        return 100.0 * self.absences.given / visits if visits else None

    @property
    def alerts_per_day(self) -> float:
        return self.absences.given / self.absences.share / self.absences.span


def judge(result: Result) -> Judgement:
    """Judges the alerts of a backtest. About 50 µs per judged absence, of which `visit_log.MOST_VISITS` bounds the number."""
    absences = absences_of(result.visits, result.alerts, Calendar(result.settings.shop.zone))
    court = Court(absences)
    policy = court.policy()
    steps = steps_of(court)
    enough = policy.alerts >= FEWEST_ALERTS and court.capturable[0] > 0.0
    return Judgement(
        absences,
        len(court.rows),
        court.capturable,
        policy,
        court.per_week(policy),
        rivals(court, round(policy.alerts)) if enough else [],
        kept_promises(absences),
        steps,
        proposal(steps),
    )
