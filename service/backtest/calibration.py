"""Was the churn risk right? Predicted halfway through a log by what was known then, and held against what came after.

At the instant halfway between the first and the last event every customer with a visit gets a churn risk, a chance of
no visit within their next two usual gaps, and a health. Who then comes within these two gaps (a purchase, not a refund,
on a later local day than the last one known) did come back. Customers whose two gaps end after the log does are left
out and counted: what they did is not known.

Memory: about 150 bytes per customer with a prediction. Pure: no I/O, no clock.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import compress
from math import isnan, nan, sqrt

from service.domain.cadence import own_mean_log_gap, usual_gap_days_at
from service.domain.calendar import DAY_US, NEVER, Calendar
from service.domain.engine import Engine
from service.domain.events import Event, Purchase
from service.domain.health import health_parts
from service.domain.outlook import chance_of_no_visit, churn_risk
from service.domain.quantiles import Z_95
from service.domain.scores import is_quiet
from service.domain.summation import in_order

USUAL_GAPS = 2.0
"""How many usual gaps a customer is followed."""
BINS = 10
FEWEST = 30
"""With fewer customers of either fate an AUC says little: its standard error passes 0.06 (Hanley & McNeil 1982,
Radiology 143(1))."""


@dataclass(frozen=True, slots=True)
class Bin:
    """A tenth of the customers, by predicted chance of no visit. All shares 0–1."""

    customers: int
    predicted: float
    """Mean predicted chance of no visit within two usual gaps."""
    stayed_away: int
    low: float
    """Wilson 95 % interval of the observed share."""
    high: float
    churn_risk: float
    """Mean churn risk."""

    @property
    def observed(self) -> float:
        return self.stayed_away / self.customers


@dataclass(frozen=True, slots=True)
class Quality:
    """How good the predictions for one group of customers were.

    An AUC is the chance that, of one who stayed away and one who came, the former was ranked higher (ties count half):
    0.5 is a coin's. It is None where nobody stayed away or nobody came.
    """

    customers: int
    stayed_away: int
    auc_risk: float | None
    auc_chance: float | None
    auc_health: float | None
    """Of 100 − health, over the customers who have one."""
    with_health: int
    brier: float | None
    """Mean squared difference between predicted chance and fate (Brier 1950); 0 is perfect. None without customers."""
    brier_of_mean: float | None
    """The Brier score of predicting the overall share, known in hindsight, for everybody."""
    bins: list[Bin]

    @property
    def enough(self) -> bool:
        """Whether there are customers enough of both fates to say something."""
        return min(self.stayed_away, self.customers - self.stayed_away) >= FEWEST


@dataclass(frozen=True, slots=True)
class Calibration:
    """What came of the predictions made at `at_us`."""

    at_us: int
    learned: bool
    """Whether the model's parameters had been learned from the log by then; else they were the defaults."""
    left_out: int
    """Customers whose two usual gaps end after the log."""
    everybody: Quality
    regulars: Quality


class RiskCheck:
    """Predicts once, when the log is half over, and waits for what comes of it.

    Callers skip `seen` for who is not in `awaited`.
    """

    def __init__(self, calendar: Calendar, first_us: int, last_us: int, regular_min_visits: int) -> None:
        self._day_of = calendar.day_of
        self._end_us = last_us
        self._min_visits = regular_min_visits
        self._at_us = (first_us + last_us) // 2
        self.predict_at_us = self._at_us
        """Call `predict` before the first event at or after this instant is applied. NEVER once that is done."""
        self.awaited: dict[str, int] = {}
        """Customers who have not come yet, with their place in the columns."""
        self._risk, self._chance, self._health = array("d"), array("d"), array("d")
        self._until_us, self._last_day = array("q"), array("q")
        self._regular, self._stayed_away = bytearray(), bytearray()
        self._left_out, self._learned = 0, False

    def predict(self, engines: Iterable[Engine]) -> None:
        """Writes down what each engine expects of its customers; costs some µs for each."""
        at_us, self.predict_at_us = self._at_us, NEVER
        for engine in engines:
            model, pace = engine.everybody.learned.model, pace_of(engine)
            self._learned |= engine.everybody.state.fits > 0
            for customer_id, customer in engine.customers.items():
                if not customer.visits:
                    continue
                days = USUAL_GAPS * usual_gap_days_at(customer, pace)
                until_us = at_us + int(days * DAY_US)
                if until_us > self._end_us:
                    self._left_out += 1
                    continue
                quiet = is_quiet(customer, engine.everybody, at_us, self._min_visits)
                parts = health_parts(customer, model, at_us, is_quiet=quiet)
                self.awaited[customer_id] = len(self._risk)
                self._risk.append(churn_risk(customer, model, at_us))
                self._chance.append(chance_of_no_visit(customer, model, at_us, days))
                self._health.append(in_order(part.points for part in parts) if parts else nan)
                self._until_us.append(until_us)
                self._last_day.append(customer.last_day)
                self._regular.append(customer.visits >= self._min_visits)
                self._stayed_away.append(True)

    def seen(self, event: Event) -> None:
        """An event of an awaited customer.

        Only a purchase on a later day is a visit; one after the two gaps comes too late.
        """
        if not isinstance(event, Purchase) or event.refund:
            return
        place = self.awaited[event.customer_id]
        if self._day_of(event.at_us) > self._last_day[place]:
            self._stayed_away[place] = event.at_us > self._until_us[place]
            del self.awaited[event.customer_id]

    def result(self) -> Calibration:
        return Calibration(
            self._at_us,
            self._learned,
            self._left_out,
            self._quality(b"\x01" * len(self._regular)),
            self._quality(self._regular),
        )

    def _quality(self, chosen: Sequence[int]) -> Quality:
        columns = (self._risk, self._chance, self._health)
        risk, chance, health = ([*compress(column, chosen)] for column in columns)
        stayed_away = [*compress(self._stayed_away, chosen)]
        known = [not isnan(value) for value in health]
        count, away = len(stayed_away), sum(stayed_away)
        share = away / count if count else 0.0
        return Quality(
            customers=count,
            stayed_away=away,
            auc_risk=auc(risk, stayed_away),
            auc_chance=auc(chance, stayed_away),
            auc_health=auc([100.0 - value for value in compress(health, known)], [*compress(stayed_away, known)]),
            with_health=sum(known),
            brier=in_order((p - y) ** 2 for p, y in zip(chance, stayed_away, strict=True)) / count if count else None,
            brier_of_mean=share * (1.0 - share) if count else None,
            bins=bins_of(chance, risk, stayed_away),
        )


def pace_of(engine: Engine) -> float:
    """Log of the shop's usual gap in days, as far as it can be told by then: that of its regulars, of all who came
    again where these are too few for the service to follow them, what it supposes where nobody did."""
    everybody, state = engine.everybody, engine.everybody.state
    if not everybody.population.lacks_regulars:
        return state.log_gap_sum / state.regulars
    gaps = [own_mean_log_gap(customer) for customer in engine.customers.values() if customer.visits > 1]
    return in_order(gaps) / len(gaps) if gaps else everybody.mu0


def auc(scores: Sequence[float], positive: Sequence[int]) -> float | None:
    """P(score of a positive > score of a negative) + ½ P(equal), by rank sums (Mann & Whitney 1947).

    None without both sorts.
    """
    positives = sum(positive)
    negatives = len(positive) - positives
    if not positives or not negatives:
        return None
    below = wins = 0
    ordered = sorted(zip(scores, positive, strict=True))
    i, count = 0, len(ordered)
    while i < count:
        score = ordered[i][0]
        tied = [0, 0]
        while i < count and ordered[i][0] == score:
            tied[1 if ordered[i][1] else 0] += 1
            i += 1
        wins += tied[1] * (2 * below + tied[0])
        below += tied[0]
    return wins / (2 * positives * negatives)


def bins_of(chance: Sequence[float], risk: Sequence[float], stayed_away: Sequence[int]) -> list[Bin]:
    """Ten bins by predicted chance, lowest first, of equal size to within one customer.

    There are fewer bins where there are fewer than ten customers. Customers of equal chance may be parted by a
    boundary; then they stand in the order in which they became known.
    """
    order = sorted(range(len(chance)), key=chance.__getitem__)
    found = []
    for number in range(BINS):
        members = order[len(order) * number // BINS : len(order) * (number + 1) // BINS]
        if members:
            count, away = len(members), sum(stayed_away[i] for i in members)
            predicted = in_order(chance[i] for i in members) / count
            found.append(Bin(count, predicted, away, *wilson(away, count), in_order(risk[i] for i in members) / count))
    return found


def wilson(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of a share, 0–1 (Wilson 1927, JASA 22(158)). `n` > 0.

    >>> [round(bound, 4) for bound in wilson(5, 10)]
    [0.2366, 0.7634]
    """
    z2 = Z_95 * Z_95
    middle = (hits + z2 / 2) / (n + z2)
    half = Z_95 / (n + z2) * sqrt(hits * (n - hits) / n + z2 / 4)
    return max(0.0, middle - half), min(1.0, middle + half)
