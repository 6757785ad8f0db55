"""Two ids are one customer: everything becomes what it would be if the purchases had always carried the one that stays.

Visits are the union of both ids' days; orders and revenue what all that was said of the orders amounts to, so that one
sent under both ids counts once; the rhythm is read again from the visits; of answers and words on the customer the
newest count. The absence is that of the id that was seen last; the other's ended at the next visit of this one, and
what went out in it is credited or stopped as at any return.

The ledger takes the visits of both back and books those of the one. What everybody's silences have taught meanwhile
stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from service.domain import cadence
from service.domain.answers import Answers
from service.domain.calendar import Calendar
from service.domain.customer import DAYS_AHEAD, MOST_ORDERS, NO_DAY, Customer
from service.domain.effects.visits import Visits
from service.domain.favourites import Favourites
from service.domain.learning.everybody import Everybody
from service.domain.outreach.brought import Brought
from service.domain.outreach.ladder import Ladder
from service.domain.periods.ledger import Ledger
from service.domain.profile import ProfileState
from service.domain.purchase_history import (
    SAID,
    Booked,
    Entry,
    answer_of,
    booked_by,
    entries_of,
    order_of,
    rewrite,
    settled,
)
from service.domain.timeline import Timeline
from service.domain.written_to import together


class Merging:
    """Of one partition."""

    def __init__(
        self,
        calendar: Calendar,
        timeline: Timeline,
        everybody: Everybody,
        ladder: Ladder,
        ledger: Ledger,
        visits: Visits,
        brought: Brought,
        history_days: int,
    ) -> None:
        self._calendar = calendar
        self._timeline = timeline
        self._everybody = everybody
        self._ladder = ladder
        self._ledger = ledger
        self._visits = visits
        self._brought = brought
        self._history_days = history_days

    def take_out(self, old: Customer) -> list[int]:
        """The id `old` is none of this partition's any more: its visits leave the ledger, its silence what is learned.
        Returns the days of its visits, as they were booked."""
        days = self._take_back(old)
        self._everybody.forget(old)
        return days

    def merge(self, old: Customer, old_days: Sequence[int], new: Customer) -> None:
        """`old` (taken out, its visits on `old_days`) becomes part of `new`, which is of this partition."""
        new_days = self._take_back(new)
        self._everybody.silence_withdrawn(new)  # until it is told anew
        was_regular = self._everybody.is_regular(new)
        entries = self._once(_together(entries_of(old), entries_of(new)))
        booked = sorted(settled(entries).values(), key=lambda each: (each.at_us, each.place))
        bought_days = self._days_bought(booked)
        separate = [*booked_by(old), *booked_by(new)]
        days = sorted((set(old_days) | set(new_days)) - (self._days_bought(separate).keys() - bought_days.keys()))
        old_is_newer = old.last_us > new.last_us
        self._end_the_other_absence(old, new, booked)
        self._add_up(old, new, booked, separate)
        self._brought.merged(old, new, booked)
        self._tell_visits(old, old_days, new, new_days, days, bought_days)
        self._spending(new, booked, bought_days)
        rewrite(new, entries, self._timeline.today, self._history_days)
        _absorb_words(old, new, old_is_newer)
        if new.sign_us and self._calendar.day_of(new.sign_us) <= new.last_day:
            new.sign_us = 0
        self._ledger.rebook(days, 1, self._horizon)
        if new.visits:
            self._everybody.met(new)
            self._everybody.silence_reread(new)
            if not was_regular and self._everybody.is_regular(new):
                self._ladder.became_regular(new)
        self._ladder.merged(new)
        self._ladder.consent_heard(new)

    def _once(self, entries: Sequence[Entry]) -> list[Entry]:
        """Without what was said under both ids: an answer counts once. (Of what was bought, all is needed: the entries
        tell which word counts.)"""
        said: set[bytes] = set()
        once: list[Entry] = []
        for entry in entries:
            if entry.what == SAID:
                if entry.event in said:
                    answer, day = answer_of(entry.amount), self._calendar.day_of(entry.at_us)
                    if answer is not None and day >= self._horizon:
                        self._ledger.answer(day, *answer, count=-1)
                    continue
                said.add(entry.event)
            once.append(entry._replace(place=len(once)))
        return once

    def _take_back(self, customer: Customer) -> list[int]:
        """The visits leave the ledger. Returns their days, as they were booked."""
        days = self._visits.booked_days(customer)
        self._ledger.rebook(days, -1, self._horizon)
        return days

    @property
    def _horizon(self) -> int:
        """First local day of the kept history."""
        return self._timeline.today - self._history_days

    def _days_bought(self, booked: Iterable[Booked]) -> dict[int, int]:
        """Local day of each visit in the history → time of its first purchase."""
        first: dict[int, int] = {}
        for one in booked:
            if not one.refund:
                day = self._calendar.day_of(one.at_us)
                first[day] = min(one.at_us, first.get(day, one.at_us))
        return first

    def _end_the_other_absence(self, old: Customer, new: Customer, booked: Sequence[Booked]) -> None:
        """Of the two present absences the one that began later goes on; the other ended at a visit under the other
        id."""
        if not old.visits:
            return
        if not new.visits:
            new.episode.take_over(old.episode, old.customer_id)
        elif old.last_day > new.last_day:
            self._end_absence(new, booked, old)
            new.episode.take_over(old.episode, old.customer_id)
        elif old.last_day < new.last_day:
            self._end_absence(old, booked, new)
        elif old.episode.rung > new.episode.rung or (old.episode.detected_us and new.episode.untouched):
            self._ladder.merged_away(new)
            new.episode.take_over(old.episode, old.customer_id)
        else:
            self._ladder.merged_away(old)

    def _end_absence(self, customer: Customer, booked: Sequence[Booked], seen_later: Customer) -> None:
        """The absence of one id ended at its first visit under the other."""
        returns = (one for one in booked if not one.refund and self._calendar.day_of(one.at_us) > customer.last_day)
        back = next(returns, None)
        at_us, amount = (seen_later.last_us, seen_later.visit_minor) if back is None else (back.at_us, back.amount)
        gap = cadence.gap_days(customer.last_us + self._timeline.shut_us(customer, at_us), at_us)
        self._ladder.silence_ended(customer, gap, at_us, amount)

    def _add_up(self, old: Customer, new: Customer, booked: Sequence[Booked], separate: Sequence[Booked]) -> None:
        """Orders and revenue: those of both, less what was sent under both ids."""
        orders, minor = self._by_day(booked)
        orders.subtract((before := self._by_day(separate))[0])
        minor.subtract(before[1])
        new.orders = min(MOST_ORDERS, new.orders + old.orders + orders.total())
        new.revenue_minor += old.revenue_minor + minor.total()
        for day in sorted(day for day in {*orders, *minor} if orders[day] or minor[day]):
            if day >= self._horizon:
                self._ledger.adjust(day, orders[day], minor[day])

    def _by_day(self, booked: Iterable[Booked]) -> tuple[Counter[int], Counter[int]]:
        """Orders and net revenue of each local day."""
        orders: Counter[int] = Counter()
        minor: Counter[int] = Counter()
        for one in booked:
            day = self._calendar.day_of(one.at_us)
            orders[day] += not one.refund
            minor[day] += -one.amount if one.refund else one.amount
        return orders, minor

    def _tell_visits(
        self,
        old: Customer,
        old_days: Sequence[int],
        new: Customer,
        new_days: Sequence[int],
        days: Sequence[int],
        bought: Mapping[int, int],
    ) -> None:
        """Visits, first and last, and the rhythm."""
        unknown = max(0, old.visits - len(old_days)) + max(0, new.visits - len(new_days))
        both = [each for each in (old, new) if each.visits]
        new.visits = len(days) + unknown
        if not both:
            return
        known = sorted({*days, *(each.last_day for each in both)})
        last_day = days[-1] if days else known[-1]
        seen = [each.last_us for each in both if each.last_day == last_day]
        new.first_us = min(each.first_us for each in both)
        new.last_us = bought.get(last_day, min(seen, default=new.last_us))
        new.first_day = days[0] if days else NO_DAY
        new.previous_day = max((day for day in known if day < last_day), default=NO_DAY)
        new.last_day = last_day
        new.days = new.days_from = 0
        for day in days:
            if day <= self._timeline.today + DAYS_AHEAD:
                new.mark_day(day)
        self._visits.reread_rhythm(new, known, bought)

    def _spending(self, customer: Customer, booked: Iterable[Booked], bought: Mapping[int, int]) -> None:
        """What the last visit brought, and the fast mean of those before."""
        spent = dict.fromkeys(sorted(bought), 0)
        for one in booked:
            day = self._calendar.day_of(one.at_us)
            if not one.refund and day in spent:
                spent[day] += one.amount
        if customer.last_day in spent:
            customer.visit_minor = spent.pop(customer.last_day)
        recent = -1.0
        for minor in spent.values():
            recent = cadence.recent_mean(recent, minor)
        customer.recent_spend = recent


def _together(one: Sequence[Entry], other: Sequence[Entry]) -> list[Entry]:
    """Two histories as one, by time; what arrived later of one history stays later."""
    timed: list[tuple[int, int, int, Entry]] = []
    for which, entries in enumerate((one, other)):
        latest = 0
        for entry in entries:
            latest = max(latest, entry.at_us)
            timed.append((latest, which, entry.place, entry))
    timed.sort(key=lambda each: each[:3])
    return [each[3]._replace(place=place) for place, each in enumerate(timed)]


def _absorb_words(old: Customer, new: Customer, old_is_newer: bool) -> None:
    """Answers, words on the customer, the usual order and store, ids that an older release has kept. `old_is_newer`:
    its last visit is the last."""
    new.seen = new.seen + old.seen
    new.sign_us = max(new.sign_us, old.sign_us)
    new.hear_of_profiling(old.objection)
    new.written_to = together(new.written_to, old.written_to)
    if old.source and (old_is_newer or not new.source):
        new.source, new.source_votes = old.source, old.source_votes
    if old.items is not None:
        new.items = new.items or Favourites()
        new.items.absorb(old.items, newer=old_is_newer or not new.items.last)
    if old.profile is not None:
        new.profile = new.profile or ProfileState()
        new.profile.absorb(old.profile)
    if old.answers is not None:
        new.answers = new.answers or Answers()
        new.answers.absorb(old.answers)
    if new.answers is not None:
        for order_id in new.answers.open_orders():
            ordered = order_of(new, order_id)
            if ordered is not None:
                new.answers.join(order_id, *ordered)
