"""How every customer stands: brought up to date at their visits and when time alone changes it, counted, and published
when it has changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from service.domain import scores
from service.domain.calendar import DAY_US
from service.domain.customer import Customer
from service.domain.findings import HealthBand, Output, Scores, Segment
from service.domain.learning.everybody import Everybody
from service.domain.learning.learned import Learned

_REFRESH_DAYS: Final = 30
"""Without a change of band or segment a customer's record is published again at a visit after this many days."""

Judged = tuple[int, Customer, Learned]
"""When a customer was judged, as what, and by what had been learned then."""


class Scoreboard:
    """Bands and segments of one partition. Where nobody takes records, nothing is followed: `scores` tells the numbers
    of any instant."""

    def __init__(self, everybody: Everybody, regular_min_visits: int, *, keeps_records: bool) -> None:
        self._everybody = everybody
        self._min_visits = regular_min_visits
        self._keeps_records = keeps_records
        self.segments = [0] * len(Segment)
        """Customers by segment, in the order of the enum; customers without a visit are in none, those without a health
        in no band."""
        self.bands = [0] * len(HealthBand)
        self._judged: dict[str, Judged] = {}

    def judge(self, customer: Customer, now_us: int, *, refresh: bool) -> None:
        """Brings band and segment up to date; they are published when they changed, or (`refresh`) when the last record
        is old."""
        if not self._keeps_records:
            return
        now = max(now_us, customer.last_us)
        segment, band = customer.segment, customer.band
        changed = scores.judge(customer, self._everybody, now, self._min_visits)
        if changed:
            self._count(segment, band, -1)
            self._count(customer.segment, customer.band, 1)
        today = now // DAY_US
        if changed or (refresh and today - customer.scored_day >= _REFRESH_DAYS):
            customer.scored_day = today
            self._judged[customer.customer_id] = (now, scores.as_judged(customer), self._everybody.learned)

    def look(self, customer: Customer, wake_us: int, now_us: int) -> bool:
        """A stored date has come: it may be the one on which time alone changes how the customer stands. Returns
        whether it does."""
        if not self._keeps_records:
            return False
        if customer.change_us <= wake_us or customer.segment != scores.segment_of(
            customer, self._everybody, wake_us, self._min_visits
        ):
            self.judge(customer, max(now_us, wake_us), refresh=False)
            return True
        return False

    def scores_of(self, customer: Customer, now_us: int) -> Scores:
        """The customer's numbers at `now_us`, or at their last visit if that is dated ahead."""
        return scores.scores_of(customer, self._everybody, max(now_us, customer.last_us), self._min_visits)

    def forget(self, customer: Customer) -> None:
        """The customer is erased."""
        self._count(customer.segment, customer.band, -1)
        self._judged.pop(customer.customer_id, None)

    def restored(self, customers: Iterable[Customer]) -> None:
        """Counts anew."""
        self.segments, self.bands = [0] * len(Segment), [0] * len(HealthBand)
        for customer in customers:
            self._count(customer.segment, customer.band, 1)

    def take(self) -> list[Output]:
        """The newest judgement of each customer judged since the last call, with the numbers of its own time.

        Judgements that were superseded within a turn are not published: the topic is compacted, its newest records are
        the same wherever the turns lay.
        """
        published: list[Output] = [
            scores.record_of(customer, now, self._min_visits, learned)
            for now, customer, learned in self._judged.values()
        ]
        self.drop()
        return published

    def drop(self) -> None:
        """Forgets what would be published."""
        self._judged.clear()

    def _count(self, segment: int, band: int, change: int) -> None:
        if segment >= 0:
            self.segments[segment] += change
        if band >= 0:
            self.bands[band] += change
