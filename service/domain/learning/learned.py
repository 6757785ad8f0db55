"""What has been learned from everybody so far, as one frozen value."""

from __future__ import annotations

from typing import Final

from service.domain.cadence import base_days
from service.domain.customer import Customer
from service.domain.learning.churn_model import ChurnModel
from service.domain.learning.newcomers import ReturnTimes
from service.domain.learning.silences import Tolerances, cell_of


class Learned:
    """Frozen: a record tells the numbers of its own time, whatever is learned later in the turn."""

    def __init__(self, tolerances: Tolerances, model: ChurnModel, returns: ReturnTimes | None = None) -> None:
        self.tolerances: Final = tolerances
        self.model: Final = model
        self.returns: Final = returns
        """When newcomers come again; None where nobody asks."""

    def tail_probability(self, customer: Customer, silence_days: float) -> float:
        """P(a healthy gap of such a customer lasts at least so long), 0–1."""
        return self.tolerances.tail_probability(cell_of(customer), silence_days / base_days(customer))
