"""What the report is made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat

from service.backtest.evaluation import Evaluation
from service.backtest.run import Result
from service.config import ShopSettings
from service.domain.findings import Scores, Segment
from service.domain.periods.numbers import PeriodRow
from service.report.business import Numbers
from service.wording.language import Language
from service.wording.languages import DEFAULT


@dataclass(frozen=True, slots=True)
class Asked:
    """How the user wants the report."""

    language: Language = DEFAULT
    with_customers: bool = False
    """Ids of the quiet ones on the page, and in a file of their own."""
    numbers: Numbers | None = None
    """For the business case."""


@dataclass
class Quiet:
    """The regulars who are quiet at the end of the log, together."""

    people: int = 0
    value_a_year_minor: int = 0
    """What they would bring within 365 days if they had surely not left."""
    value_at_risk_minor: int = 0
    """Of that, × the risk that each has left."""
    orders_a_year: float = 0.0
    """Orders within 365 days, as in `value_a_year_minor`."""
    named: list[Scores] = field(default_factory=list)
    """Everybody, most at risk first; empty unless names were asked for."""

    def add(self, scores: Scores) -> None:
        self.people += 1
        self.value_a_year_minor += value_a_year_minor(scores)
        self.value_at_risk_minor += scores.value_at_risk_minor or 0
        self.orders_a_year += orders_a_year(scores)


def value_a_year_minor(scores: Scores) -> int:
    """What a customer would bring within 365 days if they had surely not left."""
    return (scores.expected_value_365d_minor or 0) + (scores.value_at_risk_minor or 0)


def orders_a_year(scores: Scores) -> float:
    """Orders of a customer within 365 days if they had surely not left; 0 where that is as good as certain."""
    stays = 1.0 - (scores.churn_risk or 0.0)
    return (scores.expected_purchases_365d or 0.0) / stays if stays > 1e-9 else 0.0


_FIRST = {Segment.QUIET: 0, Segment.SLOWING: 1, Segment.LOST: 3}
_BETWEEN = 2


def by_stake(scores: Scores) -> tuple[int, int, int]:
    """Sorts what matters to the top: the quiet, the slowing, the others, the lost, each by value at risk and then by
    visits."""
    return _FIRST.get(scores.segment, _BETWEEN), -(scores.value_at_risk_minor or 0), -scores.visits


@dataclass
class CustomerTally:
    """Counts the customers' records on their way into customers.csv, so that nobody is scored twice."""

    evaluated: Container[str] = ()
    """Customers of whom it is wanted what a visit brings."""
    with_names: bool = False
    customers: int = 0
    segments: Counter[str] = field(default_factory=Counter)
    bands: Counter[str] = field(default_factory=Counter)
    """Of health. Customers without one are in none, which holds for the bands of risk too."""
    risk_bands: Counter[str] = field(default_factory=Counter)
    expected_of: int = 0
    """Customers who are not lost, and of whom it is known what to expect of them."""
    expected_minor: int = 0
    """What the model expects of them together within the next 365 days."""
    quiet: Quiet = field(default_factory=Quiet)
    visit_minor: dict[str, float] = field(default_factory=dict)
    """What a visit of the evaluated customers brought on average, refunds taken off; at least 0."""

    def counted(self, records: Iterable[Scores]) -> Iterator[Scores]:
        quiet: list[Scores] = []
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
            if scores.customer_id in self.evaluated:
                self.visit_minor[scores.customer_id] = max(0.0, scores.revenue_minor / max(1, scores.visits))
            if scores.segment is Segment.QUIET:
                self.quiet.add(scores)
                if self.with_names:
                    quiet.append(scores)
            yield scores
        self.quiet.named = sorted(quiet, key=by_stake)


@dataclass(frozen=True)
class Facts:
    """A backtest with the rows that its CSV files hold, and what its alerts were worth."""

    result: Result
    periods: Sequence[PeriodRow]
    customers: CustomerTally
    evaluation: Evaluation
    asked: Asked = field(default_factory=Asked)

    @property
    def shop(self) -> ShopSettings:
        """The shop, its money called what the files call it where they were taken as they are."""
        shop = self.result.settings.shop
        currency = self.result.report.currency
        return shop.model_copy(update={"currency": currency}) if currency else shop

    def visit_minor(self) -> list[float]:
        """What a visit brings of the customer of each evaluated absence."""
        brings = self.customers.visit_minor
        known = self.result.visits.evaluated
        return [*chain.from_iterable(repeat(brings.get(who, 0.0), len(visits)) for who, visits in known.items())]

    @property
    def has_amounts(self) -> bool:
        return any(row.revenue for row in self.periods if row.granularity == "year")
