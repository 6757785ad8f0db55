"""Who is in memory as an object: found, made or unfolded when there is something to do with them, folded when they are
long lost.

Folding costs some milliseconds at the end of a turn, and changes nothing that can be seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from service.domain import cadence
from service.domain.counts import Counts
from service.domain.customer import Customer
from service.domain.findings import Output
from service.domain.identities import Identities
from service.domain.learning.everybody import Everybody
from service.domain.roster import Roster
from service.domain.scoreboard import Scoreboard
from service.domain.timeline import Timeline

_FOLDED_A_TURN: Final = 500
"""Customers who are folded at the end of a turn, at most: some milliseconds."""


class Presence:
    """Of one partition."""

    def __init__(
        self,
        roster: Roster,
        identities: Identities,
        everybody: Everybody,
        scoreboard: Scoreboard,
        timeline: Timeline,
        counts: Counts,
    ) -> None:
        self._roster = roster
        self._identities = identities
        self._everybody = everybody
        self._scoreboard = scoreboard
        self._timeline = timeline
        self._counts = counts

    def find(self, customer_id: str) -> Customer | None:
        """The customer's state, unfolded; None: there is none."""
        roster = self._roster
        customer = roster.customers.get(customer_id)
        if customer is None and roster.attic is not None:
            customer = roster.attic.take(customer_id)
            if customer is not None:
                roster.customers[customer_id] = customer
                self._timeline.schedule(customer)
        return customer

    def known(self, customer_id: str) -> Customer | None:
        """The customer's state, made if new; None for an erased one."""
        customer = self.find(customer_id)
        if customer is None:
            if self._identities.is_erased(customer_id):
                self._counts.of_erased += 1
                return None
            roster = self._roster
            customer = Customer(customer_id)
            cadence.restart(customer, self._everybody.mu0)
            roster.customers[customer_id] = customer
            if roster.is_aside is not None and roster.is_aside(customer_id):
                roster.aside.add(customer_id)
        return customer

    def fold(self, customer: Customer) -> bool:
        """Folds a customer of whom nothing waits to be stored or published, and who has no date today. Returns whether
        that was possible."""
        roster, customer_id = self._roster, customer.customer_id
        attic = roster.attic
        if attic is None or roster.is_touched(customer_id) or self._scoreboard.waits(customer):
            return False
        if customer_id in roster.aside or self._timeline.is_near(customer):
            return False
        day = attic.put(customer)
        if day is None:
            return False
        self._timeline.folded(customer, day)
        del roster.customers[customer_id]
        return True

    def published(self, outputs: Iterable[Output]) -> None:
        """Who was looked at while their newest record waited to be published may be folded now."""
        if self._roster.attic is None:
            return
        waiting, timeline, customers = self._timeline.foldable(), self._timeline, self._roster.customers
        for output in outputs:
            customer = customers.get(output.customer_id)
            if customer is not None and timeline.may_fold(customer):
                waiting.append(customer)

    def turn_ended(self) -> None:
        """Some of those who may be folded are."""
        attic, customers = self._roster.attic, self._roster.customers
        if attic is None:
            return
        waiting, timeline = self._timeline.foldable(), self._timeline
        for _ in range(min(_FOLDED_A_TURN, len(waiting))):
            customer = waiting.popleft()
            if customers.get(customer.customer_id) is customer and timeline.may_fold(customer):
                self.fold(customer)
        attic.flush()
        attic.relieve(len(customers))

    def read_back(self, published: int) -> Iterator[Customer]:
        """Everybody of a state that was read, one after the other: as they were given, they are in their places, and
        whoever is long lost is folded. So no more are unfolded at once than stay. `published`: up to which judgement
        all are."""
        roster = self._roster
        for customer in list(roster.customers.values()):
            roster.join_chunks(customer)
            self._everybody.found(customer)
            yield customer
            self._timeline.restored(customer)
        attic = roster.attic
        if attic is None:
            return
        for customer in attic.everybody():
            if roster.is_aside is not None and roster.is_aside(customer.customer_id):
                roster.aside.add(customer.customer_id)
            roster.join_chunks(customer)
            self._everybody.found(customer)
            yield customer
            roster.customers[customer.customer_id] = customer
            waits = customer.judged > published
            if waits or not self._timeline.may_fold(customer) or not self.fold(customer):
                self._timeline.restored(customer)
        attic.flush()
