"""What has been learned from everybody so far, as one frozen value."""

from __future__ import annotations

from typing import Final

from service.domain.learning.churn_model import ChurnModel
from service.domain.learning.newcomers import ReturnTimes
from service.domain.learning.silences import Tolerances


class Learned:
    """Frozen: a record tells the numbers of its own time, whatever is learned later in the turn."""

    def __init__(self, tolerances: Tolerances, model: ChurnModel, returns: ReturnTimes | None = None) -> None:
        self.tolerances: Final = tolerances
        self.model: Final = model
        self.returns: Final = returns
        """When newcomers come again; None where nobody asks."""
