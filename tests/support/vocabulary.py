"""What segment, health and risk may say side by side of one customer: the laws of docs/words.md, on a published
record."""

from __future__ import annotations

from math import log

from service.domain.cadence import HEALTHY_BASES, patience
from service.domain.calendar import DAY_US
from service.domain.findings import HealthBand, RiskBand, Scores, Segment

ROUNDING = 1e-9
_REGULAR_FROM = 4
_GONE = frozenset({Segment.QUIET, Segment.LOST})


def contradictions(told: Scores, usual_gap_days: float) -> list[str]:
    """Sentences of a record that cannot both be true; `usual_gap_days`: the customer's, which a record of one visit
    does not tell."""
    if told.last_visit_us is None or told.churn_risk is None:
        return []
    gaps = (told.as_of_us - told.last_visit_us) / DAY_US / usual_gap_days
    over, within = gaps > 1.0 + ROUNDING, gaps < 1.0 - ROUNDING
    regular, high = told.visits >= _REGULAR_FROM, told.churn_risk_band is RiskBand.HIGH
    beyond = HEALTHY_BASES * patience(told.visits)
    recency = next((part.points / part.of for part in told.health_parts if part.name == "recency"), None)
    said = {
        "lost, and the risk is not high": told.segment is Segment.LOST and not high,
        "lost within the usual gap": told.segment is Segment.LOST and within,
        "active, and the risk is high": high and over and told.segment not in _GONE,
        "the risk is high, and the health is not at risk": high
        and over
        and told.band not in {None, HealthBand.AT_RISK},
        "quiet, and healthy": told.segment is Segment.QUIET and told.band is HealthBand.HEALTHY,
        "quiet, and no regular": told.segment is Segment.QUIET and not regular,
        "a regular beyond any rhythm of theirs, and active": regular
        and gaps > beyond * (1.0 + ROUNDING)
        and told.segment not in _GONE,
        "a regular who is lost within six bases": regular
        and told.segment is Segment.LOST
        and log(max(gaps, ROUNDING)) < log(beyond) - ROUNDING,
        "the risk is low, and the silence alone makes the health one at risk": told.churn_risk_band is RiskBand.LOW
        and recency is not None
        and recency < 0.5 - ROUNDING,
        "silent within the usual gap, and that lowers the health": within
        and told.segment is not Segment.QUIET
        and recency is not None
        and recency < 1.0 - ROUNDING,
    }
    return [sentence for sentence, is_said in said.items() if is_said]
