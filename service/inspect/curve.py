"""Today's curve of one customer: what each further length of the present silence would mean, if nobody came.

Two readings stand side by side, as on every alert: the share of healthy gaps of such customers that last at least as
long (tolerance.py alerts by it), and the churn risk of MBG/CNBD-k (churn_model.py).
"""

from __future__ import annotations

from typing import Final

from service.domain.cadence import HEALTHY_BASES, base_days, usual_gap_days
from service.domain.calendar import DAY_US
from service.domain.customer import Customer
from service.domain.learning.learned import Learned

USUAL_GAPS: Final[list[float]] = [0.5, 1.0, 1.5, 2.0, 3.0, 4.0]
"""Silences that are shown for everybody, in usual gaps."""


class Point:
    """One silence of the curve."""

    def __init__(self, silence_days: float, tail_probability: float | None, churn_risk: float) -> None:
        self.silence_days: Final = silence_days
        self.tail_probability: Final = tail_probability
        """P(a healthy gap of such a customer lasts at least so long), 0–1; None for a customer who is no regular."""
        self.churn_risk: Final = churn_risk
        """P(gone for good), 0–1."""


def point_of(customer: Customer, learned: Learned, regular_min_visits: int, silence_days: float) -> Point:
    """The curve of a customer with a visit after `silence_days` ≥ 0."""
    tail = None
    if customer.visits >= regular_min_visits:
        tail = learned.tail_probability(customer, silence_days)
    recency = (customer.last_us - customer.first_us) / DAY_US
    return Point(silence_days, tail, learned.model.risk(customer.visits - 1, recency, recency + silence_days))


def marks_days(customer: Customer) -> list[float]:
    """Silences worth a point for a customer with a visit, ascending: some usual gaps, and the end of health."""
    usual = usual_gap_days(customer)
    return [*(gaps * usual for gaps in USUAL_GAPS), HEALTHY_BASES * base_days(customer)]
