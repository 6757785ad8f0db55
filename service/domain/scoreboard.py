"""How every customer stands: brought up to date at their visits and when time alone changes it, counted, and published.

The published record is the newest there is: whatever happens to a customer makes one, and so does a change that time
brings. While a backlog is read nothing is published; when it is done, one record of each customer it was about.
"""

from __future__ import annotations

from collections.abc import Iterable

from service.domain import scores
from service.domain.customer import Customer
from service.domain.findings import HealthBand, Output, Scores, Segment
from service.domain.learning.everybody import Everybody
from service.domain.learning.learned import Learned
from service.domain.partition_state import PartitionState

Judged = tuple[int, Customer, Learned]
"""When a customer was judged, as what, and by what had been learned then. The customer is not copied: whatever changes
what is told of them takes the place of the judgement."""


class Scoreboard:
    """Bands and segments of one partition. Where nobody takes records, nothing is followed: `scores` tells the numbers
    of any instant."""

    def __init__(
        self, everybody: Everybody, state: PartitionState, regular_min_visits: int, *, keeps_records: bool
    ) -> None:
        self._everybody = everybody
        self._state = state
        self._min_visits = regular_min_visits
        self._keeps_records = keeps_records
        self.segments = [0] * len(Segment)
        """Customers by segment, in the order of the enum; customers without a visit are in none, those without a health
        in no band."""
        self.bands = [0] * len(HealthBand)
        self._judged: dict[str, Judged] = {}
        """What is not published yet, the oldest first."""

    def judge(self, customer: Customer, now_us: int, *, told: bool = True) -> None:
        """Brings band and segment up to date. It is published if they changed, or if there is something else to tell
        (`told`)."""
        if not self._keeps_records:
            return
        now = max(now_us, customer.last_us)
        segment, band = customer.segment, customer.band
        changed = scores.judge(customer, self._everybody, now, self._min_visits)
        if changed:
            self._count(segment, band, -1)
            self._count(customer.segment, customer.band, 1)
        if changed or told:
            self._note(customer, now)

    def changed(self, customer: Customer, now_us: int) -> None:
        """Something is told of the customer that no band or segment rests on. Who is only known by name has no
        record."""
        if self._keeps_records and customer.judged:
            self._note(customer, max(now_us, customer.last_us))

    def look(self, customer: Customer, wake_us: int, now_us: int) -> bool:
        """A stored date has come: it may be the one on which time alone changes how the customer stands. Returns
        whether it does."""
        if not self._keeps_records:
            return False
        if customer.change_us <= wake_us or customer.segment != scores.segment_of(
            customer, self._everybody, wake_us, self._min_visits
        ):
            self.judge(customer, max(now_us, wake_us), told=False)
            return True
        return False

    def scores_of(self, customer: Customer, now_us: int) -> Scores:
        """The customer's numbers at `now_us`, or at their last visit if that is dated ahead."""
        return scores.scores_of(customer, self._everybody, max(now_us, customer.last_us), self._min_visits)

    def forget(self, customer: Customer) -> None:
        """The customer is erased."""
        self._count(customer.segment, customer.band, -1)
        self._judged.pop(customer.customer_id, None)

    def restored(self, customers: Iterable[Customer], now_us: int) -> None:
        """Counts anew, and finds again who was judged and not published: they are told as they stand now."""
        self.segments, self.bands = [0] * len(Segment), [0] * len(HealthBand)
        waiting = []
        for customer in customers:
            self._count(customer.segment, customer.band, 1)
            if customer.judged > self._state.published:
                waiting.append(customer)
        waiting.sort(key=lambda customer: customer.judged)
        if waiting:  # an older release has numbered otherwise
            self._state.judgements = max(self._state.judgements, waiting[-1].judged)
        learned = self._everybody.learned
        self._judged = {
            customer.customer_id: (max(now_us, customer.last_us), customer, learned) for customer in waiting
        }

    @property
    def waiting(self) -> int:
        """Customers whose newest record is not published yet."""
        return len(self._judged)

    def take(self, most: int) -> list[Output]:
        """The newest judgement of at most so many customers, those who have waited longest first, with the numbers of
        its own time."""
        judged, state = self._judged, self._state
        if len(judged) <= most:
            taken = list(judged.values())
            judged.clear()
            state.published = state.judgements
        else:
            taken = [judged.pop(known) for known in list(judged)[:most]]
            state.published = taken[-1][1].judged
        return [scores.record_of(customer, now, self._min_visits, learned) for now, customer, learned in taken]

    def drop(self) -> None:
        """Forgets what would be published."""
        self._judged.clear()

    def _note(self, customer: Customer, now_us: int) -> None:
        state, judged, customer_id = self._state, self._judged, customer.customer_id
        state.judgements += 1
        customer.judged = state.judgements
        judged.pop(customer_id, None)  # to the end
        judged[customer_id] = (now_us, customer, self._everybody.learned)

    def _count(self, segment: int, band: int, change: int) -> None:
        if segment >= 0:
            self.segments[segment] += change
        if band >= 0:
            self.bands[band] += change
