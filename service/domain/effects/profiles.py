"""What the shop says of a customer: name, address, consent, and their objection to profiling; or that it takes all of
that back."""

from __future__ import annotations

from service.domain.counts import Counts
from service.domain.customer import Customer
from service.domain.effects.bookkeeping import Bookkeeping
from service.domain.events import Profile, Withdrawal
from service.domain.findings import Output, ScoresErased
from service.domain.hashed_ids import PROFILE_SEED, event_hash
from service.domain.outreach.brought import Brought
from service.domain.outreach.ladder import Ladder
from service.domain.outreach.occasions import Occasions
from service.domain.presence import Presence
from service.domain.profile import ProfileState
from service.domain.roster import Roster
from service.domain.scoreboard import Scoreboard
from service.domain.timeline import Timeline


class Profiles:
    """Of one partition."""

    def __init__(
        self,
        roster: Roster,
        presence: Presence,
        books: Bookkeeping,
        timeline: Timeline,
        scoreboard: Scoreboard,
        ladder: Ladder,
        occasions: Occasions,
        brought: Brought,
        counts: Counts,
        outputs: list[Output],
    ) -> None:
        """`outputs`: the tombstone of scores of who objects is added to it."""
        self._roster = roster
        self._presence = presence
        self._books = books
        self._timeline = timeline
        self._scoreboard = scoreboard
        self._ladder = ladder
        self._occasions = occasions
        self._brought = brought
        self._counts = counts
        self._outputs = outputs

    def told(self, event: Profile) -> None:
        """Something is said of a customer, who may be new."""
        customer = self._presence.known(event.customer_id)
        digest = event_hash(event.event_id, PROFILE_SEED)
        if customer is None or self._books.is_duplicate(customer, digest):
            return
        self._books.note(customer, digest, event.at_us, 0)
        self._roster.touch(customer)
        self._counts.profiles += 1
        if not customer.visits and self._roster.attic is not None:
            self._timeline.schedule(customer)  # they may stay known by name alone for good
        self._counts.leave_out(event.alike)
        if customer.profile is None:
            customer.profile = ProfileState()
        customer.profile.take(event)
        self._ladder.consent_heard(customer)
        self._occasions.consent_heard(customer)
        self._books.tell(customer)
        if event.profiling is not None:
            objected = customer.objects
            customer.hear_of_profiling(event.at_us + 1 if event.profiling is False else -event.at_us - 1)
            if customer.objects != objected:
                self.heed_objection(customer)

    def withdrawn(self, event: Withdrawal) -> None:
        """Nothing is known of the customer but what they do."""
        customer = self._presence.find(event.customer_id)
        self._counts.withdrawals += 1
        if customer is None:
            return
        self._roster.touch(customer)
        if customer.profile is None:
            customer.profile = ProfileState()
        was_reachable = customer.profile.reachable
        customer.profile.withdraw(event.at_us)
        unreached = was_reachable and not customer.profile.reachable
        self._ladder.consent_heard(customer, contact_gone=unreached)
        self._occasions.consent_heard(customer, contact_gone=unreached)
        self._books.tell(customer)

    def heed_objection(self, customer: Customer) -> None:
        """The customer objects to profiling: nothing is worked out about them any more, and what was is withdrawn. Or
        they take that back, and stand as if they never had."""
        if not customer.objects:
            self._ladder.taken_up(customer)
            if customer.visits or customer.orders or customer.answers is not None:
                self._books.show(customer)
            else:
                self._timeline.schedule(customer)
            return
        self._occasions.objected(customer)
        self._ladder.objected(customer)
        self._brought.erased(customer)
        if self._scoreboard.objected(customer):
            self._outputs.append(ScoresErased(customer.customer_id))
