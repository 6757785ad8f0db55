"""Which of several churn models would have foretold the past best: who came within the newest days, and who did not.

Every model is asked for each customer's chance of no visit as it stood some days ago, and judged by its logarithmic
score (Good 1952, Journal of the Royal Statistical Society B 14(1)), which nothing but the true chance makes least. How
gaps scatter about their mean says less: customers who come in bursts look regular by it, and a model that takes them so
gives up on everybody who pauses.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum, log, sqrt
from typing import Final

from service.domain.calendar import DAY_US
from service.domain.customer import Customer
from service.domain.learning.churn_model import ChurnModel

SHARE_OF_AGE: Final = 0.25
"""Of the time since the first customer came, so much is foretold."""
LONGEST_DAYS: Final = 365
FEWEST: Final = 50
"""Customers known at the beginning of that time below which nothing is told apart."""
_LEAST_CHANCE: Final = 1e-4
"""Nobody is so sure: one odd customer weighs no more than nine others."""


class Foresight:
    """Customers as they were known some days ago, and whether they came since. All times in days."""

    def __init__(self, customers: Sequence[Customer], now_us: int) -> None:
        """Left out: who came since then for the first time, who got a message (what they did may be its work), and who
        came so often since that no older visit is kept."""
        oldest_us = min([customer.first_us for customer in customers], default=now_us)
        self._days = min(LONGEST_DAYS, int(SHARE_OF_AGE * (now_us - oldest_us) / DAY_US))
        today = now_us // DAY_US
        then = today - self._days
        self._repeats: list[int] = []
        self._recency: list[float] = []
        self._age: list[float] = []
        self._came: list[bool] = []
        if self._days < 1:
            return
        for customer in customers:
            followed, first_day = customer.followed, customer.first_us // DAY_US
            if first_day >= then or (followed is not None and followed.taught is not None):
                continue
            before, since = -1, 0
            for day in customer.visit_days():
                if day < then:
                    before = day
                elif day <= today:
                    since += 1
            visits = customer.visits - since
            if before < 0 or visits < 1:
                continue
            self._repeats.append(visits - 1)
            self._recency.append(float(before - first_day) if visits > 1 and before > first_day else 0.0)
            self._age.append(float(then - first_day))
            self._came.append(since > 0)

    def is_enough(self, usual_gap: float) -> bool:
        """To tell models apart for people who come after such a gap on average: within less than half of one it shows
        when they come again, and hardly who is gone."""
        return len(self._came) >= FEWEST and self._days >= usual_gap / 2.0

    def losses(self, model: ChurnModel) -> list[float]:
        """Of each customer: minus the logarithm of the chance that the model gave to what they did."""
        found: list[float] = []
        repeats, recency, age, came, days = self._repeats, self._recency, self._age, self._came, float(self._days)
        for i in range(len(came)):
            chance = model.chance_of_no_visit(repeats[i], recency[i], age[i], days)
            found.append(-log(max(_LEAST_CHANCE, 1.0 - chance if came[i] else chance)))
        return found


def is_better(losses: list[float], than: list[float]) -> bool:
    """By more than one standard error of the mean difference, of the same customers: what is not told apart stays."""
    count = len(losses)
    differences = [than[i] - losses[i] for i in range(count)]
    mean = fsum(differences) / count
    scatter = fsum([(difference - mean) ** 2 for difference in differences])
    return mean > sqrt(scatter) / count
