"""Purchases become visits: the first, a further one, one whose day is known already, or one that became known late.

A visit ends the present silence and begins the next; everybody's learning, the ladder, the ledger and the scoreboard
are told in that order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from service.domain import cadence
from service.domain.calendar import Calendar
from service.domain.counts import Counts
from service.domain.customer import DAYS_AHEAD, NO_DAY, Customer
from service.domain.learning.everybody import Everybody
from service.domain.outreach.ladder import Ladder
from service.domain.periods.ledger import Ledger
from service.domain.scoreboard import Scoreboard
from service.domain.timeline import Timeline


class Visits:
    """Of one partition."""

    def __init__(
        self,
        calendar: Calendar,
        timeline: Timeline,
        everybody: Everybody,
        ladder: Ladder,
        ledger: Ledger,
        scoreboard: Scoreboard,
        counts: Counts,
        history_days: int,
    ) -> None:
        self._calendar = calendar
        self._timeline = timeline
        self._everybody = everybody
        self._ladder = ladder
        self._ledger = ledger
        self._scoreboard = scoreboard
        self._counts = counts
        self._history_days = history_days

    def bought(self, customer: Customer, at_us: int, day: int, amount: int, in_history: bool, source: str = "") -> bool:
        """A purchase on local day `day`, time having moved. `in_history`: whether that day lies within the kept
        history. `source`: the store or channel, if it is known. Returns whether it is a visit after the last, at which
        the customer is judged."""
        if day > customer.last_day:
            self._visit(customer, at_us, day, amount, in_history, source)
            return True
        if day == customer.last_day:
            customer.visit_minor += amount
            if at_us < customer.last_us:
                self._visit_was_earlier(customer, at_us)
        else:
            self._late_purchase(customer, at_us, day, in_history)
        return False

    def _visit(self, customer: Customer, at_us: int, day: int, amount: int, in_history: bool, source: str) -> None:
        """The customer is back, or here for the first time."""
        visits = customer.visits
        self._timeline.arrived(customer, at_us, source)
        if visits:
            self._end_silence(customer, at_us, amount)
            if customer.sign_us and self._calendar.day_of(customer.sign_us) <= day:
                customer.sign_us = 0
            if in_history:
                self._book_visit(customer, day)
        else:
            cadence.restart(customer, self._everybody.mu0)
            customer.first_us = at_us
            if in_history:
                customer.first_day = day
                self._ledger.visit(day, None, None)
        if source:
            self._timeline.belongs(customer, source)
        customer.visits = visits + 1
        customer.previous_day = customer.last_day
        customer.last_us, customer.last_day = at_us, day
        customer.visit_minor = amount
        if in_history and day <= self._timeline.today + DAYS_AHEAD:
            customer.mark_day(day)
        self._everybody.silence_began(customer)
        self._ladder.silence_began(customer)
        self._show(customer)

    def _end_silence(self, customer: Customer, at_us: int, amount: int) -> None:
        gap = cadence.gap_days(customer.last_us + self._timeline.shut_us(customer, at_us), at_us)
        gap_before = float(customer.last_day - customer.previous_day) if customer.visits > 1 else 0.0
        self._ladder.silence_ended(customer, gap, at_us, amount)
        customer.recent_spend = cadence.recent_mean(customer.recent_spend, customer.visit_minor)
        self._everybody.silence_ended(customer, gap, gap_before)

    def _book_visit(self, customer: Customer, day: int) -> None:
        """Books a further visit; its forerunners may be older than the kept history, and so not booked themselves."""
        previous, horizon = customer.previous_day, self._timeline.today - self._history_days
        if previous >= horizon:
            self._ledger.visit(day, customer.last_day, previous)
        elif previous == NO_DAY and customer.last_day >= horizon:
            self._ledger.visit(day, customer.last_day, None)
        else:
            booked = self.booked_days(customer)
            if not booked:
                customer.first_day = day
            self._ledger.visit(day, booked[-1] if booked else None, booked[-2] if len(booked) > 1 else None)

    def booked_days(self, customer: Customer) -> list[int]:
        """The customer's visit days that the ledger holds, ascending; of days dropped from the bit set only the
        first."""
        horizon = self._timeline.today - self._history_days
        booked = set(customer.visit_days())
        booked.update(day for day in (customer.previous_day, customer.last_day) if day >= horizon)
        if customer.first_day != NO_DAY:
            booked.add(customer.first_day)
        return sorted(booked)

    def _visit_was_earlier(self, customer: Customer, at_us: int) -> None:
        """A purchase of the last visit's day that came late: the visit began earlier."""
        if customer.visits == 1:
            customer.first_us = at_us
        customer.last_us = at_us
        self._ladder.silence_moved(customer)
        self._show(customer)

    def _late_purchase(self, customer: Customer, at_us: int, day: int, in_history: bool) -> None:
        """A purchase before the last visit. On a new day it is a late visit.

        Of purchases older than the kept history the days are not known: there only a new first day is a visit.
        """
        before_first = day < self._calendar.day_of(customer.first_us)
        customer.first_us = min(at_us, customer.first_us)
        if before_first or (
            in_history and not customer.visited(day) and day not in (customer.first_day, customer.previous_day)
        ):
            self._late_visit(customer, day, in_history)

    def _late_visit(self, customer: Customer, day: int, in_history: bool) -> None:
        """A new day before the last visit: the rhythm is read again from the days known."""
        self._counts.late_visits += 1
        days = self.booked_days(customer)
        if in_history:
            earlier = [d for d in days if d < day]
            later = [d for d in days if d > day]
            self._ledger.insert_visit(
                day,
                earlier[-2] if len(earlier) > 1 else None,
                earlier[-1] if earlier else None,
                later[0] if later else None,
                later[1] if len(later) > 1 else None,
            )
        was_regular = self._everybody.is_regular(customer)
        self._everybody.silence_withdrawn(customer)
        customer.visits += 1
        customer.previous_day = max(customer.previous_day, day)
        if in_history:
            if customer.first_day == NO_DAY or day < customer.first_day:
                customer.first_day = day
            if day <= self._timeline.today + DAYS_AHEAD:
                customer.mark_day(day)
        self.reread_rhythm(customer, sorted({*days, day, customer.last_day}), {})
        self._everybody.silence_reread(customer)
        if not was_regular and self._everybody.is_regular(customer):
            self._ladder.became_regular(customer)
        self._ladder.silence_moved(customer)
        self._show(customer)

    def reread_rhythm(self, customer: Customer, days: Sequence[int], bought: Mapping[int, int]) -> None:
        """The rhythm of visits on these days, ascending: from the first purchase of each (`bought`: day → its time), or
        from its day where that is all that is known."""
        mu0, gap_before = self._everybody.mu0, 0.0
        cadence.restart(customer, mu0)
        for earlier, later in pairwise(days):
            gap = days_between = float(later - earlier)
            if earlier in bought and later in bought:
                gap = cadence.gap_days(bought[earlier], bought[later])
            cadence.observe_gap(customer, gap, mu0, gap_before)
            gap_before = days_between
        if len(days) > 1:  # of visits whose day is no longer known the gaps are taken to be like the others
            customer.log_gap_sum *= (customer.visits - 1) / (len(days) - 1)

    def _show(self, customer: Customer) -> None:
        """How the customer stands, and when they are looked at next."""
        self._scoreboard.judge(customer, self._timeline.now_us)
        self._timeline.schedule(customer)
