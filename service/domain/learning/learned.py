"""What has been learned from everybody so far, as one frozen value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from service.domain.cadence import base_days
from service.domain.customer import Customer
from service.domain.learning.churn_model import ChurnModel
from service.domain.learning.newcomers import ReturnTimes
from service.domain.learning.silences import Tolerances, cell_of
from service.domain.stumbling import hold


class Learned:
    """Frozen: a record tells the numbers of its own time, whatever is learned later in the turn."""

    def __init__(self, tolerances: Tolerances, model: ChurnModel, returns: ReturnTimes | None = None) -> None:
        self.tolerances: Final = tolerances
        self.model: Final = model
        self.returns: Final = returns
        """When newcomers come again; None where nobody asks."""

    def fields(self) -> tuple[object, ...]:
        """What a customer's numbers rest on, for `of`."""
        known = self.tolerances
        return (known.table, known.kappa, known.class_weights, known.classes, self.model.fields())

    @classmethod
    def of(cls, fields: Sequence[Any]) -> Learned:
        """Back from `fields`; when newcomers come again is not in it. Raises LaterReleaseError where there is more."""
        hold(fields, 5, "what had been learned")
        return cls(Tolerances(*fields[:4]), ChurnModel.of(fields[4]))

    def tail_probability(self, customer: Customer, silence_days: float) -> float:
        """P(a healthy gap of such a customer lasts at least so long), 0–1."""
        return self.tolerances.tail_probability(cell_of(customer), silence_days / base_days(customer))
