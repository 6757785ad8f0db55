"""How every customer stands: brought up to date at their visits and when time alone changes it, counted, and published.

The published record is the newest there is: whatever happens to a customer makes one, and so does a change that time
brings. While a backlog is read nothing is published; when it is done, one record of each customer it was about.

A restart in between tells the same: with each customer who waits it is stored when they were judged, and what had been
learned by then is kept for as long as somebody waits who was judged by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from service.domain import scores
from service.domain.calendar import NEVER
from service.domain.customer import Customer
from service.domain.findings import HealthBand, Output, Scores, Segment
from service.domain.learning.everybody import Everybody
from service.domain.learning.learned import Learned
from service.domain.partition_state import PartitionState
from service.domain.sources import Sources

Judged = tuple[int, Customer, Learned]
"""When a customer was judged, as what, and by what had been learned then. The customer is not copied: whatever changes
what is told of them takes the place of the judgement."""


class Scoreboard:
    """Bands and segments of one partition. Where nobody takes records, nothing is followed: `scores` tells the numbers
    of any instant."""

    def __init__(
        self,
        everybody: Everybody,
        state: PartitionState,
        sources: Sources,
        regular_min_visits: int,
        *,
        keeps_records: bool,
    ) -> None:
        self._everybody = everybody
        self._sources = sources
        self._state = state
        self._min_visits = regular_min_visits
        self._keeps_records = keeps_records
        self.segments = [0] * len(Segment)
        """Customers by segment, in the order of the enum; customers without a visit are in none, those without a health
        in no band."""
        self.bands = [0] * len(HealthBand)
        self._judged: dict[str, Judged] = {}
        """What is not published yet, the oldest first."""
        self._bases: list[tuple[int, Learned]] = []
        """What judgements rest on: number of the first → what had been learned; only those that somebody waits for."""
        self._stored: dict[int, int] = {}
        """Those of them that are stored, by number of the first → of the last."""
        self.failed: list[tuple[str, Exception]] = []
        """Customers whose record could not be made by `take`, and why; whoever reads it empties it."""

    def judge(self, customer: Customer, now_us: int, *, told: bool = True) -> None:
        """Brings band and segment up to date. It is published if they changed, or if there is something else to tell
        (`told`)."""
        if not self._keeps_records or customer.objects:
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
        """Something is told of the customer that no band or segment rests on. All that is told is of one instant: so is
        how they stand, and the date of its next change may move. Who is only known by name has no record."""
        if customer.judged:
            self.judge(customer, now_us)

    def told_more(self, customer: Customer, now_us: int) -> None:
        """The same of a customer who has just been judged."""
        if self._keeps_records and customer.judged:
            self._note(customer, max(now_us, customer.last_us))

    def look(self, customer: Customer, wake_us: int, now_us: int) -> bool:
        """A stored date has come: it may be the one on which time alone changes how the customer stands. Returns
        whether it does."""
        if not self._keeps_records or customer.objects:
            return False
        if customer.change_us <= wake_us or customer.segment != scores.segment_of(
            customer, self._everybody, wake_us, self._min_visits
        ):
            self.judge(customer, max(now_us, wake_us), told=False)
            return True
        return False

    def scores_of(self, customer: Customer, now_us: int) -> Scores:
        """The customer's numbers at `now_us`, or at their last visit if that is dated ahead."""
        now = max(now_us, customer.last_us)
        return scores.scores_of(customer, self._everybody, now, self._min_visits, self._store_of(customer))

    def _store_of(self, customer: Customer) -> str | None:
        source = self._sources.of(customer)
        return None if source is None or not source.name else source.name

    def forget(self, customer: Customer) -> None:
        """The customer is erased."""
        self._count(customer.segment, customer.band, -1)
        self._judged.pop(customer.customer_id, None)

    def objected(self, customer: Customer) -> bool:
        """The customer objects to profiling: how they stand is not followed any more. Returns whether there is a record
        of it, published or on its way."""
        was_told = customer.judged > 0
        self.forget(customer)
        customer.segment = customer.band = customer.risk_band = -1
        customer.change_us = NEVER
        customer.judged, customer.judged_after_us = 0, -1
        return was_told

    def let_go(self) -> list[dict[Any, Any]]:
        """Nobody goes on with it. Returns what holds much."""
        return [self._judged]

    def restored(self, customers: Iterable[Customer], now_us: int, bases: Mapping[int, tuple[int, Learned]]) -> None:
        """Counts anew, and finds again who was judged and not published. `bases`: number of the first judgement → of
        the last, and what they rest on; later ones rest on what is known at present."""
        self.segments, self.bands = [0] * len(Segment), [0] * len(HealthBand)
        waiting = []
        for customer in customers:
            scores.carried_over(customer)
            self._count(customer.segment, customer.band, 1)
            if customer.judged > self._state.published:
                waiting.append(customer)
        waiting.sort(key=lambda customer: (customer.judged, customer.customer_id))
        if waiting:  # an older release has numbered otherwise
            self._state.judgements = max(self._state.judgements, waiting[-1].judged)
        known = sorted(bases.items())
        self._stored = {first: last for first, (last, _) in known}
        self._bases = [(first, learned) for first, (_, learned) in known]
        current, at = self._everybody.learned, 0
        self._judged = {}
        for customer in waiting:
            while at < len(known) and known[at][1][0] < customer.judged:
                at += 1
            if at == len(known) and (not self._bases or self._bases[-1][1] is not current):
                self._bases.append((customer.judged, current))
            after_us = customer.judged_after_us  # as they stand now, where an older release judged them
            judged_us = max(now_us, customer.last_us) if after_us < 0 else customer.last_us + after_us
            learned = current if at == len(known) else known[at][1][1]
            self._judged[customer.customer_id] = (judged_us, customer, learned)

    def waits(self, customer: Customer) -> bool:
        """Whether the customer's newest record is not published yet."""
        return customer.customer_id in self._judged

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
        records: list[Output] = []
        for now, customer, learned in taken:
            try:
                records.append(scores.record_of(customer, now, self._min_visits, learned, self._store_of(customer)))
            except Exception as error:  # noqa: BLE001 - an error of our own is this one customer's
                self.failed.append((customer.customer_id, error))
        return records

    def changed_bases(self) -> list[tuple[int, tuple[object, ...] | None]]:
        """What is to be stored of what judgements rest on, by number of the first: what is known at present is stored
        anyway. None: nobody waits for it any more."""
        current, bases = self._everybody.learned, self._bases
        oldest = next(iter(self._judged.values()))[1].judged if self._judged else self._state.judgements + 1
        while len(bases) > 1 and bases[1][0] <= oldest:
            del bases[0]
        if bases and not self._judged:
            bases.clear()
        kept = {first for first, _ in bases}
        records: list[tuple[int, tuple[object, ...] | None]] = [
            (first, None) for first in sorted(self._stored.keys() - kept)
        ]
        for first, _ in records:
            del self._stored[first]
        for index, (first, learned) in enumerate(bases):
            if learned is not current and first not in self._stored:
                last = bases[index + 1][0] - 1 if index + 1 < len(bases) else self._state.judgements
                self._stored[first] = last
                records.append((first, (last, *learned.fields())))
        return records

    def bases(self) -> dict[int, tuple[int, Learned]]:
        """What is stored of them, as `restored` takes it."""
        return {first: (self._stored[first], learned) for first, learned in self._bases if first in self._stored}

    def drop(self) -> None:
        """Forgets what would be published."""
        self._judged.clear()
        self._bases.clear()

    def _note(self, customer: Customer, now_us: int) -> None:
        state, judged, customer_id = self._state, self._judged, customer.customer_id
        learned, bases = self._everybody.learned, self._bases
        if state.published < customer.judged < state.judgements:  # they wait already: to the end
            judged.pop(customer_id, None)
        state.judgements += 1
        customer.judged, customer.judged_after_us = state.judgements, now_us - customer.last_us
        if not bases or bases[-1][1] is not learned:
            bases.append((state.judgements, learned))
        judged[customer_id] = (now_us, customer, learned)

    def _count(self, segment: int, band: int, change: int) -> None:
        if segment >= 0:
            self.segments[segment] += change
        if band >= 0:
            self.bands[band] += change
