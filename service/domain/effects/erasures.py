"""A customer is erased, under every id; or nothing is left of them under one, because they are known by another."""

from __future__ import annotations

from service.domain.calendar import NEVER
from service.domain.counts import Counts
from service.domain.customer import Customer
from service.domain.findings import Output, ScoresErased
from service.domain.identities import Identities
from service.domain.learning.everybody import Everybody
from service.domain.outreach.brought import Brought
from service.domain.outreach.ladder import Ladder
from service.domain.outreach.occasions import Occasions
from service.domain.presence import Presence
from service.domain.roster import Roster
from service.domain.scoreboard import Scoreboard
from service.domain.timeline import Timeline


class Erasures:
    """Of one partition."""

    def __init__(
        self,
        roster: Roster,
        presence: Presence,
        identities: Identities,
        timeline: Timeline,
        everybody: Everybody,
        scoreboard: Scoreboard,
        ladder: Ladder,
        occasions: Occasions,
        brought: Brought,
        counts: Counts,
        outputs: list[Output],
    ) -> None:
        """`outputs`: tombstones of scores are added to it."""
        self._roster = roster
        self._presence = presence
        self._identities = identities
        self._timeline = timeline
        self._everybody = everybody
        self._scoreboard = scoreboard
        self._ladder = ladder
        self._occasions = occasions
        self._brought = brought
        self._counts = counts
        self._outputs = outputs

    def erase(self, customer_id: str) -> None:
        """Deletes the customer under every id, cancels what was released, and refuses their later events. Cost: that of
        one customer, however many there are."""
        if self._identities.is_erased(customer_id):
            self._counts.duplicates += 1
            return
        self._counts.erasures += 1
        ids = [customer_id, *self._identities.of(customer_id)]
        self._identities.refuse(customer_id)
        self._identities.refuse_all(ids[1:], self._timeline.now_us)
        for known in ids:
            self._timeline.forget(known, self._identities.stand_in(known))
        for known in ids:
            if self._roster.give_up_unreadable(known):
                self._outputs.append(ScoresErased(known))
        customer = self._presence.find(customer_id)
        if customer is None:
            return
        self.cancel(customer)
        self._everybody.forget(customer)
        self.drop(customer)

    def cancel(self, customer: Customer) -> None:
        """What was released for the customer is cancelled, and what it brought is counted for nobody."""
        self._occasions.erased(customer)
        self._ladder.erased(customer)
        self._brought.erased(customer)

    def drop(self, customer: Customer) -> None:
        """Nothing is left of the customer under this id."""
        self._scoreboard.forget(customer)
        customer.episode.begin(0)
        customer.occasions = None
        customer.followed = None
        customer.change_us = NEVER  # where a date of theirs lies in the queue, nothing follows
        self._roster.remove(customer)
        self._outputs.append(ScoresErased(customer.customer_id))
        customer.wipe()
