"""What the report is made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from service.backtest.evaluation import Evaluation
from service.backtest.run import Result
from service.domain.findings import Scores, Segment
from service.domain.periods.numbers import PeriodRow


@dataclass
class CustomerTally:
    """Counts the customers' records on their way into customers.csv, so that nobody is scored twice."""

    customers: int = 0
    segments: Counter[str] = field(default_factory=Counter)
    bands: Counter[str] = field(default_factory=Counter)
    """Of health. Customers without one are in none, which holds for the bands of risk too."""
    risk_bands: Counter[str] = field(default_factory=Counter)
    expected_of: int = 0
    """Customers who are not lost, and of whom it is known what to expect of them."""
    expected_minor: int = 0
    """What the model expects of them together within the next 365 days."""

    def counted(self, records: Iterable[Scores]) -> Iterator[Scores]:
        for scores in records:
            self.customers += 1
            self.segments[scores.segment.value] += 1
            if scores.band is not None:
                self.bands[scores.band.value] += 1
            if scores.churn_risk_band is not None:
                self.risk_bands[scores.churn_risk_band.value] += 1
            if scores.expected_value_365d_minor is not None and scores.segment is not Segment.LOST:
                self.expected_of += 1
                self.expected_minor += scores.expected_value_365d_minor
            yield scores


@dataclass(frozen=True)
class Facts:
    """A backtest with the rows that its CSV files hold, and what its alerts were worth."""

    result: Result
    periods: Sequence[PeriodRow]
    customers: CustomerTally
    evaluation: Evaluation
