"""A survey's answer, and the word of the shop that what it was about is dealt with."""

from __future__ import annotations

from service.domain.answers import Answers
from service.domain.calendar import Calendar
from service.domain.counts import Counts
from service.domain.effects.bookkeeping import Bookkeeping
from service.domain.events import Resolved, SurveyAnswer
from service.domain.hashed_ids import SURVEY_SEED, event_hash
from service.domain.outreach.occasions import Occasions
from service.domain.periods.ledger import Ledger
from service.domain.presence import Presence
from service.domain.purchase_history import order_of, said_by
from service.domain.roster import Roster
from service.domain.timeline import Timeline


class Feedback:
    """Of one partition."""

    def __init__(
        self,
        calendar: Calendar,
        roster: Roster,
        presence: Presence,
        books: Bookkeeping,
        timeline: Timeline,
        ledger: Ledger,
        occasions: Occasions,
        counts: Counts,
    ) -> None:
        self._calendar = calendar
        self._roster = roster
        self._presence = presence
        self._books = books
        self._timeline = timeline
        self._ledger = ledger
        self._occasions = occasions
        self._counts = counts

    def answered(self, event: SurveyAnswer) -> None:
        """A customer has answered a survey."""
        customer, digest = self._presence.known(event.customer_id), event_hash(event.event_id, SURVEY_SEED)
        if customer is None or self._books.is_duplicate(customer, digest):
            return
        day = self._calendar.day_of(event.at_us)
        self._timeline.observe(event.at_us, event.customer_id, day)
        self._books.note(customer, digest, event.at_us, said_by(event.survey, event.score))
        self._roster.touch(customer)
        self._counts.answers += 1
        if self._books.in_history(day):
            self._ledger.answer(day, event.survey, event.score)
        else:
            self._counts.beyond_history += 1
        if customer.answers is None:
            customer.answers = Answers()
        ordered = None if event.order_id is None else order_of(customer, event.order_id)
        newest = customer.answers.take(event, ordered)
        if newest and self._occasions.is_on:
            self._occasions.answered(customer, event)
        self._books.show(customer)

    def resolved(self, event: Resolved) -> None:
        """The shop has dealt with what an answer was about."""
        customer, digest = self._presence.known(event.customer_id), event_hash(event.event_id, SURVEY_SEED)
        if customer is None or self._books.is_duplicate(customer, digest):
            return
        self._timeline.observe(event.at_us, event.customer_id, self._calendar.day_of(event.at_us))
        self._books.note(customer, digest, event.at_us, 0)
        self._roster.touch(customer)
        self._counts.resolutions += 1
        if self._occasions.is_on:
            self._occasions.resolved(customer, event)
