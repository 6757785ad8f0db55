"""One customer is known by another id from now on: within a partition (merging.py says what becomes of both), or by the
id of another partition, to which they go with all that is known of them.
"""

from __future__ import annotations

from service.domain.calendar import NEVER, Calendar
from service.domain.counts import Counts
from service.domain.customer import Customer
from service.domain.customer_record import restore, snapshot
from service.domain.effects.bookkeeping import Bookkeeping
from service.domain.effects.erasures import Erasures
from service.domain.effects.merging import Merging
from service.domain.effects.profiles import Profiles
from service.domain.events import Merge
from service.domain.identities import Identities
from service.domain.outreach.occasions import Occasions
from service.domain.parcels import MOST_CHUNK_BYTES, Arrival
from service.domain.periods.ledger import Ledger
from service.domain.presence import Presence
from service.domain.roster import Roster
from service.domain.timeline import Timeline


class Moves:
    """Of one partition."""

    def __init__(
        self,
        calendar: Calendar,
        roster: Roster,
        presence: Presence,
        books: Bookkeeping,
        identities: Identities,
        timeline: Timeline,
        ledger: Ledger,
        merging: Merging,
        profiles: Profiles,
        erasures: Erasures,
        occasions: Occasions,
        counts: Counts,
        history_days: int,
    ) -> None:
        self._calendar = calendar
        self._roster = roster
        self._presence = presence
        self._books = books
        self._identities = identities
        self._timeline = timeline
        self._ledger = ledger
        self._merging = merging
        self._profiles = profiles
        self._erasures = erasures
        self._occasions = occasions
        self._counts = counts
        self._history_days = history_days

    def merge(self, event: Merge) -> None:
        """`customer_id` is `merged_into` from now on, and everything as if it had always been."""
        old_id, ids = event.customer_id, self._identities
        new_id = ids.into.get(event.merged_into, event.merged_into)
        if old_id == new_id:
            self._counts.duplicates += 1
            return
        if ids.is_erased(old_id):
            self._counts.of_erased += 1
            return
        if ids.too_many(old_id, new_id):
            self._counts.merges_refused += 1
            return
        if ids.elsewhere(new_id):
            self._counts.merges += 1
            self._leave(old_id, new_id, event.at_us)
            return
        if ids.is_erased(new_id):
            self._erasures.erase(old_id)
            return
        self._counts.merges += 1
        for earlier in ids.of(old_id):
            ids.send_on(earlier, new_id)
        ids.send_on(old_id, new_id)
        old = self._presence.find(old_id)
        new = None if old is None else self._presence.known(new_id)
        if old is None or new is None:
            return
        days, visits = self._merging.take_out(old), max(old.visits, new.visits)
        objected = old.objects or new.objects
        self._merging.merge(old, days, new)
        self._occasions.merged(old, new, visits)
        self._erasures.drop(old)
        self._has_merged(new, objected=objected)

    def _has_merged(self, customer: Customer, *, objected: bool) -> None:
        """Another id has become the customer's. `objected`: to profiling, under either."""
        self._roster.tell_chunks(customer)
        self._roster.touch(customer)
        self._books.show(customer)
        if objected or customer.objects:
            self._profiles.heed_objection(customer)

    def _leave(self, old_id: str, new_id: str, at_us: int) -> None:
        """The customer is one of another partition from now on, and goes there with all that is known of them."""
        ids = self._identities
        arrival = Arrival(new_id, at_us, old_id, ids.of(old_id))
        ids.move_all(old_id, new_id, self._timeline.now_us)
        ids.send_on(old_id, new_id)
        old = self._presence.find(old_id)
        if old is not None:
            arrival.days = self._merging.take_out(old)
            old.episode.leave(self._timeline.stalled_for(old))
            arrival.snapshot = snapshot(old)
            if old.sealed is not None:
                arrival.chunks = old.sealed.newest(MOST_CHUNK_BYTES)
            self._erasures.drop(old)
        ids.send(new_id, arrival)

    def arrive(self, event: Arrival) -> None:
        """The same where the customer comes to."""
        new_id, ids, old = event.customer_id, self._identities, None
        if event.snapshot:
            old = restore(event.old_id, event.snapshot)
            if old.sealed is not None:
                old.sealed.restored(event.chunks)
        old_ids = [known for known in [event.old_id, *event.ids] if known != new_id]
        if ids.is_erased(new_id):
            self._counts.of_erased += 1
            ids.refuse_all(old_ids, self._timeline.now_us)
            if old is not None:
                self._erasures.cancel(old)
                self._ledger.rebook(event.days, 1, self._timeline.today - self._history_days)
            return
        for known in old_ids:
            ids.send_on(known, new_id)
        new = None if old is None else self._presence.known(new_id)
        if old is None or new is None:
            return
        if old.visits:  # time is as if the visits had been seen here, and nobody is absent who made them
            due_us, new.episode.due_us = new.episode.due_us, NEVER
            try:
                self._timeline.observe(old.last_us, new_id, self._calendar.day_of(old.last_us))
            finally:
                new.episode.due_us = due_us
        old.episode.stalled_us = self._timeline.stalled_for(old)
        visits, objected = max(old.visits, new.visits), old.objects or new.objects
        self._merging.merge(old, event.days, new)
        self._occasions.merged(old, new, visits)
        self._has_merged(new, objected=objected)
