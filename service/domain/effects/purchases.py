"""A purchase or a refund: new, known already, or said anew with another time, amount or id. And a sign of life: of one
that was refused, of which nothing counts but that the customer was there.
"""

from __future__ import annotations

from service.domain.calendar import Calendar
from service.domain.corrections import Known, known_by
from service.domain.counts import Counts
from service.domain.customer import MOST_ORDERS, Customer
from service.domain.effects.bookkeeping import Bookkeeping
from service.domain.effects.visits import Visits
from service.domain.events import Purchase, SignOfLife
from service.domain.favourites import Favourites
from service.domain.hashed_ids import NO_ID, PURCHASE_SEED, event_hash, order_hash
from service.domain.learning.everybody import Everybody
from service.domain.outreach.brought import Brought
from service.domain.outreach.occasions import Occasions
from service.domain.periods.ledger import Ledger
from service.domain.presence import Presence
from service.domain.purchase_history import BOUGHT, GIVEN_BACK, knows
from service.domain.roster import Roster
from service.domain.timeline import Timeline


class Purchases:
    """Of one partition."""

    def __init__(
        self,
        calendar: Calendar,
        roster: Roster,
        presence: Presence,
        books: Bookkeeping,
        timeline: Timeline,
        everybody: Everybody,
        ledger: Ledger,
        visits: Visits,
        occasions: Occasions,
        brought: Brought,
        counts: Counts,
    ) -> None:
        self._calendar = calendar
        self._roster = roster
        self._presence = presence
        self._books = books
        self._timeline = timeline
        self._everybody = everybody
        self._ledger = ledger
        self._visits = visits
        self._occasions = occasions
        self._brought = brought
        self._counts = counts

    def heard(self, event: SignOfLife) -> None:
        """A purchase was refused. Who is not known stays unknown; no visit, no order, no money."""
        customer = self._presence.find(event.customer_id)
        if customer is None:
            return
        at_us, now_us = event.at_us, self._timeline.now_us
        if event.own_time:
            self._timeline.observe(at_us, event.customer_id, self._calendar.day_of(at_us))
        else:
            at_us = min(at_us, now_us) if at_us > 0 else now_us
        self._counts.signs_of_life += 1
        self._alive(customer, at_us)

    def _alive(self, customer: Customer, at_us: int) -> None:
        """The customer was there at `at_us`, without a visit that counts: what is due waits a usual gap from then."""
        at_us = min(at_us, self._timeline.now_us)
        if customer.visits and at_us > customer.sign_us and self._calendar.day_of(at_us) > customer.last_day:
            self._everybody.silence_doubted(customer)
            customer.sign_us = at_us
            self._roster.touch(customer)

    def told(self, event: Purchase) -> None:
        """Something is said of an order: that it was placed, that money was given back, or either anew."""
        customer_id = event.customer_id
        customer = self._presence.known(customer_id)
        if customer is None:
            return
        digest, order = event_hash(event.event_id, PURCHASE_SEED), order_hash(event.order_id)
        known: Known | None = None
        if (digest != NO_ID or order != NO_ID) and knows(customer, digest, order):
            known = known_by(customer, event, digest, order)
        if (known is not None and known.duplicate) or (customer.seen and customer.has_seen(digest)):
            self._counts.duplicates += 1
            return
        at_us, amount = event.at_us, event.amount_minor
        day = self._calendar.day_of(at_us)
        self._timeline.observe(at_us, customer_id, day)
        if known is not None and known.too_many:
            self._counts.words_beyond += 1
            self._alive(customer, at_us)
            return
        self._roster.touch(customer)
        what = GIVEN_BACK if event.refund else BOUGHT
        self._books.remember(customer, digest, order if known is None else known.order, at_us, amount, what)
        if known is not None and known.again:
            self._restate(customer, event, known)
            return
        in_history = self._books.in_history(day)
        if not in_history:
            self._counts.beyond_history += 1
        if event.refund:
            self._refund(customer, day, amount, in_history)
        else:
            self._buy(customer, event, at_us, day, amount, in_history)
        if customer.followed is not None:
            self._brought.spent(customer, at_us, day, -amount if event.refund else amount, visit=not event.refund)
        if known is not None:
            self._correct(customer, known)
            if customer.occasions is not None and (amount or not event.refund):
                # a refund of this order, or money given back before it was known
                self._occasions.given_back(customer, event.order_id)

    def _buy(self, customer: Customer, event: Purchase, at_us: int, day: int, amount: int, in_history: bool) -> None:
        """An order, on local day `day`. Reading a field of an event costs more than handing it on."""
        self._counts.purchases += 1
        if customer.orders < MOST_ORDERS:
            customer.orders += 1
        customer.revenue_minor += amount
        self._everybody.spent(customer, amount)
        if in_history:
            self._ledger.order(day, amount)
        joined = False
        if customer.answers is not None and (order_id := event.order_id) is not None:
            joined = customer.answers.join(order_id, at_us, amount)
        visits = customer.visits
        judged = self._visits.bought(customer, at_us, day, amount, in_history, event.source)
        if self._occasions.is_on:
            self._occasions.bought(customer, at_us, day, event.order_id, visits)
        items = event.items
        if items:
            if customer.items is None:
                customer.items = Favourites()
            customer.items.remember(items)
        if joined:
            self._books.show(customer)
        elif judged:
            self._books.tell_more(customer)
        else:
            self._books.tell(customer)

    def _refund(self, customer: Customer, day: int, amount: int, in_history: bool) -> None:
        """Money given back: never a visit."""
        self._counts.refunds += 1
        customer.revenue_minor -= amount
        self._everybody.spent(customer, -amount)
        if in_history:
            self._ledger.refund(day, amount)
        self._books.show(customer)

    def _restate(self, customer: Customer, event: Purchase, known: Known) -> None:
        """A purchase or refund that is known has come once more, with another time, amount or id."""
        if known.changes:
            self._counts.corrections += 1
        else:
            self._counts.duplicates += 1
        booked = known.restated
        if booked is not None and not booked.refund:
            if event.at_us > booked.at_us:
                self._alive(customer, event.at_us)
            if customer.answers is not None and customer.answers.restate(booked.order, booked.amount):
                self._books.show(customer)
            if customer.occasions is not None and not booked.amount:
                self._occasions.given_back(customer, event.order_id)
        self._correct(customer, known)

    def _correct(self, customer: Customer, known: Known) -> None:
        """What is known of purchases and refunds has changed: each on its own day."""
        if known.beyond:
            self._counts.refunds_beyond_order += 1
        for at_us, minor, bought in known.changes:
            day = self._calendar.day_of(at_us)
            customer.revenue_minor += minor
            self._everybody.spent(customer, minor)
            if self._books.in_history(day):
                self._ledger.refund(day, -minor)
            if bought and day == customer.last_day:
                customer.visit_minor += minor
            self._brought.spent(customer, at_us, day, minor, visit=False)
        if known.changes:
            self._books.show(customer)
