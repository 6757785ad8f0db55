"""What an event leaves behind, whatever it says: an entry of the customer's history, so that it counts once; a record
that is to be written; how the customer stands, and their next date.
"""

from __future__ import annotations

from service.domain.counts import Counts
from service.domain.customer import Customer
from service.domain.hashed_ids import NO_ID
from service.domain.purchase_history import SAID, knows, remember
from service.domain.roster import Roster
from service.domain.scoreboard import Scoreboard
from service.domain.timeline import Timeline


class Bookkeeping:
    """Of one partition."""

    def __init__(
        self, roster: Roster, timeline: Timeline, scoreboard: Scoreboard, counts: Counts, history_days: int
    ) -> None:
        self._roster = roster
        self._timeline = timeline
        self._scoreboard = scoreboard
        self._counts = counts
        self._history_days = history_days

    def is_duplicate(self, customer: Customer, digest: bytes) -> bool:
        """Whether this event without money is known."""
        if knows(customer, digest, NO_ID) or (customer.seen and customer.has_seen(digest)):
            self._counts.duplicates += 1
            return True
        return False

    def note(self, customer: Customer, digest: bytes, at_us: int, said: int) -> None:
        """From now on it is. `said`: what it says (`said_by`)."""
        self.remember(customer, digest, NO_ID, at_us, said, SAID)

    def remember(self, customer: Customer, digest: bytes, order: bytes, at_us: int, amount: int, what: int) -> None:
        """An event is an entry of the customer's history; arguments as of `purchase_history.remember`."""
        if remember(customer, digest, order, at_us, amount, what, self._timeline.today, self._history_days):
            self._roster.tell_chunks(customer)

    def in_history(self, day: int) -> bool:
        """Whether a local day lies within the kept history."""
        return day >= self._timeline.today - self._history_days

    def show(self, customer: Customer) -> None:
        """What is known of the customer has changed without a visit."""
        self._scoreboard.judge(customer, self._timeline.now_us)
        self._timeline.schedule(customer)

    def tell(self, customer: Customer) -> None:
        """Something is told of the customer that does not change how they stand."""
        self._scoreboard.changed(customer, self._timeline.now_us)
        self._timeline.schedule(customer)

    def tell_more(self, customer: Customer) -> None:
        """The same of a customer who has just been judged, and whose date has been stored."""
        self._scoreboard.told_more(customer, self._timeline.now_us)
