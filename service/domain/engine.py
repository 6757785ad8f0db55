"""One partition: events and time in, outputs and touched customers out. No I/O, no clock of its own.

What happens to an event: duplicates are dropped → stream time moves, and every date before it fires → the customer,
the ledger and what is learned from everybody are updated → the customer's next dates are stored. `drain` hands out what
has happened since the last call, as one turn: outputs, snapshots, ledger days, the partition's own record.

Deterministic: the same events in the same order give the same outputs and the same state, whatever the turns were and
wherever a restart lay. An exception from here is a bug, never bad input; the caller must then forget this engine.
"""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import Final, assert_never

import xxhash

from service.domain import cadence, scores
from service.domain.calendar import DAY_US, Calendar
from service.domain.changelog import (
    NEWCOMERS_KEY,
    PARTITION_KEY,
    ROW_PREFIX,
    TABLE_KEY,
    Counts,
    PartitionState,
    Turn,
    pack_newcomers,
    pack_row,
    pack_table,
    unpack_newcomers,
    unpack_row,
    unpack_table,
)
from service.domain.clock import StreamClock
from service.domain.customer import (
    DAYS_AHEAD,
    NEVER,
    NO_DAY,
    Customer,
    restore,
    snapshot,
)
from service.domain.due import DueQueue
from service.domain.events import Erasure, Event, Profile, Purchase, SurveyAnswer
from service.domain.findings import (
    HealthBand,
    Outcome,
    Output,
    Reason,
    Scores,
    ScoresErased,
    Segment,
)
from service.domain.learning.newcomers import Newcomers, ReturnTimes
from service.domain.learning.population import Learned, Population
from service.domain.learning.silences import CELLS, UNKNOWN, Row, Tolerances
from service.domain.memories import Answers, ItemMemory, ProfileState, remember_order
from service.domain.outreach import alert_value
from service.domain.outreach.decisions import NUDGE, decision_of, step_of
from service.domain.outreach.gates import Release, Verdict
from service.domain.outreach.tolerance import Tolerance
from service.domain.outreach.volume import Volume, VolumeState
from service.domain.periods.ledger import Ledger
from service.domain.policy import ClockMode, Policy

_ERASED_PREFIX: Final = b"\x00erased:"
_SCORES_REFRESH_DAYS: Final = 30
"""Without a change of band or segment a customer's record is published again at a visit after this many days."""
_LOOKED_AT: Final = 0.8
"""Part of the tolerated silence after which a customer is looked at: a tolerance that falls by less than a fifth meanwhile is met on
its new date, one that grows always."""
_PURCHASE_SEED: Final = 1
_SURVEY_SEED: Final = 2
_PROFILE_SEED: Final = 3
_digest = xxhash.xxh3_64_digest


Scored = tuple[int, Customer, Learned]
"""When a customer was judged, as what, and by what had been learned then."""


class Engine:
    """State and decisions of one partition."""

    def __init__(
        self,
        policy: Policy,
        calendar: Calendar,
        erasure_salt: bytes = b"",
        learn_until_us: int = NEVER,
        *,
        keeps_records: bool = True,
        tells_ends: bool = True,
    ) -> None:
        """`learn_until_us`: from then on what was learned from everybody stays as it is (a backtest's question).

        `keeps_records`: whether `drain` has records to give: snapshots of who has changed, and scores, for which bands and segments
        are followed in time. No decision rests on them, and `scores` tells a customer's numbers of any instant without; who takes only
        outputs (a backtest) saves a fifth of the time.

        `tells_ends`: whether there is a decision where a return or an erasure ends an alert too; who sees the events sees the returns.
        """
        self._keeps_records = keeps_records
        self._tells_ends = tells_ends
        self.policy = policy
        self.calendar = calendar
        self.customers: dict[str, Customer] = {}
        self.ledger = Ledger()
        self.counts = Counts()
        self.segments = [0] * len(Segment)
        """Customers by segment, in the order of the enum; customers without a visit are in none, those without a health in no band."""
        self.bands = [0] * len(HealthBand)
        self._learn_until_us = learn_until_us
        self._salt = erasure_salt[:64]
        self._erased: set[bytes] = set()
        self._min_visits = policy.shop.regular_min_visits
        self._rungs = len(policy.outreach.rungs)
        self._history_days = policy.shop.history_days
        self._wall_clock = policy.timing.clock is ClockMode.WALL
        self._acted_us = 0
        self._outputs: list[Output] = []
        self._scored: dict[str, Scored] = {}
        self._touched: dict[str, Customer] = {}
        self._own_records: dict[bytes, bytes | None] = {}
        self._table: Tolerances | None = None
        """As last stored."""
        self._rows: dict[int, Row] = {}
        """Read back, not yet adopted."""
        self._newcomers: tuple[list[list[float]], ReturnTimes | None] | None = None
        """Likewise."""
        self._changed = False
        self._adopt(PartitionState())

    def _adopt(self, state: PartitionState) -> None:
        self.state = state
        self.tally_at_start = state.tally.copy()
        self.clock = StreamClock(self.policy.timing, state.clock)
        newcomers = None if self.policy.outreach.second_visit is None else Newcomers(self._min_visits)
        self.population = Population(state.population, self._learn_until_us, newcomers)
        self.release = Release(self.policy.outreach, state.release)
        self.volume = self._volume(state)
        self.tolerance = Tolerance(self.policy.outreach, self.population, self.volume)
        self._queue = DueQueue(self.customers)
        self._now_us = state.clock.now_us
        self._wake_us = -1
        self._today = self.calendar.day_of(self._now_us)

    def _volume(self, state: PartitionState) -> Volume | None:
        """The limit of messages, if the policy sets one; its record is kept only then."""
        outreach = self.policy.outreach
        if outreach.volume_per_100_visits is None and outreach.volume_per_day is None:
            state.volume = None
            return None
        state.volume = state.volume or VolumeState()
        return Volume(outreach.volume_per_100_visits, outreach.volume_per_day, state.volume, outreach.volume_for_loyal)

    # ---- time

    @property
    def now_us(self) -> int:
        """Stream time; 0 before the first event."""
        return self._now_us

    @property
    def dates_waiting(self) -> int:
        """Entries in the due queue, stale ones included."""
        return len(self._queue)

    @property
    def today(self) -> int:
        """Local day of stream time."""
        return self._today

    def advance(self, wall_us: int, to_us: int) -> None:
        """The partition is complete up to `to_us`: every date up to then fires. `wall_us` is the present instant."""
        self._acted_us = wall_us
        reached = self.clock.advance(to_us)
        if reached > self._now_us:
            self._pass_time(reached, reached + 1)

    def _pass_time(self, now_us: int, fire_before_us: int) -> None:
        """Moves stream time; dates before `fire_before_us` fire on the way, refreshes in their turn."""
        while True:
            refresh = self.population.next_refresh_us
            stop = fire_before_us if refresh == 0 or refresh >= fire_before_us else refresh
            self._queue.fire(stop, self._look)
            if stop == fire_before_us:
                break
            self._changed = True
            self.population.refresh(self.calendar.day_of(stop))
            if self.population.fit_due(stop):
                self.population.fit([self.customers[known] for known in self.population.sample.members()], stop)
            if self.volume is not None:
                self.volume.refresh(stop, self.population.mu0)
            self.tolerance.learn()
        if self.population.next_refresh_us == 0:
            self.population.begin(now_us)
            self._changed = True
        self._now_us = now_us
        self._today = self.calendar.day_of(now_us)
        self._set_wake()

    def _set_wake(self) -> None:
        refresh = self.population.next_refresh_us
        self._wake_us = min(self._queue.next_us, refresh) if refresh else -1

    def _observe(self, at_us: int, customer_id: str, day: int) -> None:
        """An event moves stream time; dates before it fire before it is applied. `day` is the event's local day."""
        reached = self.clock.observe(at_us, customer_id)
        if reached > self._now_us:
            if self._wake_us < reached:
                self._pass_time(reached, reached)
            else:
                self._now_us = reached
                self._today = day if reached == at_us else self.calendar.day_of(reached)

    # ---- events

    def apply(self, event: Event, wall_us: int = 0) -> None:
        """Takes in one accepted event. `wall_us`: the present instant where the wall clock rules, else ignored."""
        self._acted_us = wall_us
        self._changed = True
        match event:
            case Purchase():
                self._purchase(event)
            case SurveyAnswer():
                self._answer(event)
            case Profile():
                self._profile(event)
            case Erasure():
                self._erase(event)
            case _:
                assert_never(event)

    def _known(self, customer_id: str) -> Customer | None:
        """The customer's state, made if new; None for an erased one."""
        customer = self.customers.get(customer_id)
        if customer is None:
            if self._erased and self._erasure_hash(customer_id) in self._erased:
                self.counts.of_erased += 1
                return None
            customer = Customer()
            cadence.restart(customer, self.population.mu0)
            self.customers[customer_id] = customer
        return customer

    def _is_duplicate(self, customer: Customer, event_id: str, seed: int) -> bool:
        digest = _digest(event_id.encode(), seed)[:6]
        if customer.has_seen(digest):
            self.counts.duplicates += 1
            return True
        customer.remember_id(digest)
        return False

    def _purchase(self, event: Purchase) -> None:
        customer_id = event.customer_id
        customer = self._known(customer_id)
        if customer is None:
            return
        event_id = event.event_id
        if event_id and self._is_duplicate(customer, event_id, _PURCHASE_SEED):
            return
        at_us, amount = event.at_us, event.amount_minor
        day = self.calendar.day_of(at_us)
        self._observe(at_us, customer_id, day)
        if self._keeps_records:
            self._touched[customer_id] = customer
        kept = day >= self._today - self._history_days
        if not kept:
            self.counts.beyond_history += 1
        regular = customer.visits >= self._min_visits
        if event.refund:
            self.counts.refunds += 1
            customer.revenue_minor -= amount
            if regular:
                self.population.state.regular_revenue_minor -= amount
            if kept:
                self.ledger.refund(day, amount)
            return
        self.counts.purchases += 1
        customer.orders += 1
        customer.revenue_minor += amount
        if regular:
            self.population.state.regular_revenue_minor += amount
        if kept:
            self.ledger.order(day, amount)
        order_id, joined = event.order_id, False
        if order_id is not None:
            customer.order_memory = remember_order(customer.order_memory, order_id, at_us, amount)
            joined = customer.answers is not None and customer.answers.join(order_id, at_us, amount)
            if joined:
                customer.scored_day = 0
        if day > customer.last_day:
            self._visit(customer_id, customer, at_us, day, amount, kept)
        elif day == customer.last_day:
            customer.visit_minor += amount
            if at_us < customer.last_us:
                self._visit_was_earlier(customer_id, customer, at_us)
        else:
            self._late_purchase(customer_id, customer, at_us, day, kept)
        if event.items:
            if customer.items is None:
                customer.items = ItemMemory({}, [])
            customer.items.remember(event.items)
        if joined:
            self._judge(customer_id, customer, refresh=True)
            self._schedule(customer_id, customer)

    def _visit(self, customer_id: str, customer: Customer, at_us: int, day: int, amount: int, kept: bool) -> None:
        """The customer is back, or here for the first time: the present silence ends, a new one begins."""
        population = self.population
        visits = customer.visits
        if visits:
            if customer.released_us or customer.detected_us:
                self._end_episode(customer_id, customer, at_us, amount)
            gap = cadence.gap_days(customer.last_us + self._shut_us(customer, at_us), at_us)
            gap_before = float(customer.last_day - customer.previous_day) if visits > 1 else 0.0
            completed = customer.visit_minor
            recent = customer.recent_spend
            customer.recent_spend = (
                float(completed) if recent < 0.0 else cadence.RECENT * recent + (1.0 - cadence.RECENT) * completed
            )
            if visits < self._min_visits and population.newcomers is not None:
                population.newcomers.gone(customer)
                population.newcomers.came_again(visits, gap, population.mu0)
            if visits >= self._min_visits:
                self.state.tally.silence_closed(customer, gap, at_us)
                if self.volume is not None and customer.due_us < NEVER:
                    self.volume.worth.came_back(customer, gap, population.mu0)
                population.silences.gone(customer)
                population.silences.closed(customer, gap, population.mu0)
                before = cadence.own_mean_log_gap(customer)
                cadence.observe_gap(customer, gap, population.mu0, gap_before)
                population.vote(customer.log_gap_sum / visits, before)
            else:
                cadence.observe_gap(customer, gap, population.mu0, gap_before)
                if visits + 1 == self._min_visits:
                    population.regular_joined(customer.log_gap_sum / visits, customer.revenue_minor)
            if kept:
                previous, horizon = customer.previous_day, self._today - self._history_days
                if previous >= horizon:
                    self.ledger.visit(day, customer.last_day, previous)
                elif previous == NO_DAY and customer.last_day >= horizon:
                    self.ledger.visit(day, customer.last_day, None)
                else:
                    self._book_visit(customer, day)
        else:
            cadence.restart(customer, population.mu0)
            customer.first_us = at_us
            population.first_visit(customer_id)
            if kept:
                customer.first_day = day
                self.ledger.visit(day, None, None)
        customer.visits = visits + 1
        customer.previous_day = customer.last_day
        customer.last_us, customer.last_day = at_us, day
        customer.visit_minor = amount
        if kept and day <= self._today + DAYS_AHEAD:
            customer.mark_day(day)
        self._begin_silence(customer_id, customer)

    def _shut_us(self, customer: Customer, at_us: int) -> int:
        """How much of the silence that ends at `at_us` the whole feed was silent: a shut shop is nobody's absence, and nobody's rhythm."""
        shut = customer.paused_us + self.clock.state.stalled_us - customer.stalled_us
        if at_us > self._now_us:
            shut += self.clock.pending_silence_us()
        return max(0, shut)

    def _book_visit(self, customer: Customer, day: int) -> None:
        """Books a further visit whose forerunners may be older than the kept history, and so not booked themselves."""
        booked = self._booked_days(customer)
        if not booked:
            customer.first_day = day
        self.ledger.visit(day, booked[-1] if booked else None, booked[-2] if len(booked) > 1 else None)

    def _booked_days(self, customer: Customer) -> list[int]:
        """The customer's visit days that the ledger holds, ascending; of days dropped from the bit set only the first."""
        horizon = self._today - self._history_days
        booked = set(customer.visit_days())
        booked.update(day for day in (customer.previous_day, customer.last_day) if day >= horizon)
        if customer.first_day != NO_DAY:
            booked.add(customer.first_day)
        return sorted(booked)

    def _begin_silence(self, customer_id: str, customer: Customer) -> None:
        """Stores the dates of the silence that starts at the last visit."""
        customer.rung = customer.detected_us = customer.released_us = customer.released_rung = customer.paused_us = 0
        customer.earlier_releases = None
        customer.alerted_us = 0
        customer.stalled_us = self.clock.state.stalled_us
        if customer.last_us > self._now_us:
            customer.stalled_us += self.clock.pending_silence_us()
        if customer.visits >= self._min_visits:
            self.state.tally.visited(customer.visits)
            self.population.silences.begins(customer)
            if self.volume is not None:
                self.volume.visit(self._now_us, self.population.mu0)
            self._set_due(customer)
        elif self.population.newcomers is not None:
            self.population.newcomers.begins(customer)
            self._set_due(customer)
        self._judge(customer_id, customer, refresh=True)
        self._schedule(customer_id, customer)

    def _set_due(self, customer: Customer) -> None:
        """When the customer is looked at for the first rung: before it comes due, because by then more is learned from everybody.

        With events as the clock never in the past of the stream. Where the wall clock rules, a date may have passed before
        the purchases became known (a backfill): it is kept, so that its alert is treated as the late one that it is.
        """
        due = customer.last_us + customer.paused_us + int(_LOOKED_AT * self._tolerated_days(customer, 0) * DAY_US)
        customer.due_us = due if due > self._now_us or self._wall_clock else self._now_us + 1

    def _schedule(self, customer_id: str, customer: Customer) -> None:
        self._queue.schedule(customer_id, customer)
        self._wake_us = min(self._wake_us, self._queue.next_us)

    def _visit_was_earlier(self, customer_id: str, customer: Customer, at_us: int) -> None:
        """A purchase of the last visit's day that came late: the visit began earlier."""
        if customer.visits == 1:
            customer.first_us = at_us
        customer.last_us = at_us
        if self._is_followed(customer) and customer.rung == 0 and not customer.detected_us:
            self._set_due(customer)
        self._judge(customer_id, customer, refresh=False)
        self._schedule(customer_id, customer)

    def _late_purchase(self, customer_id: str, customer: Customer, at_us: int, day: int, kept: bool) -> None:
        """A purchase before the last visit. On a new day it is a late visit.

        Of purchases older than the kept history the days are not known: there only a new first day is a visit.
        """
        before_first = day < self.calendar.day_of(customer.first_us)
        customer.first_us = min(at_us, customer.first_us)
        if before_first or (
            kept and not customer.visited(day) and day not in (customer.first_day, customer.previous_day)
        ):
            self._late_visit(customer_id, customer, day, kept)

    def _late_visit(self, customer_id: str, customer: Customer, day: int, kept: bool) -> None:
        """A new day before the last visit: the rhythm is read again from the days known."""
        self.counts.late_visits += 1
        days = self._booked_days(customer)
        if kept:
            earlier = [d for d in days if d < day]
            later = [d for d in days if d > day]
            self.ledger.insert_visit(
                day,
                earlier[-2] if len(earlier) > 1 else None,
                earlier[-1] if earlier else None,
                later[0] if later else None,
                later[1] if len(later) > 1 else None,
            )
        was_regular = customer.visits >= self._min_visits
        self._leave_population(customer)
        customer.visits += 1
        customer.previous_day = max(customer.previous_day, day)
        if kept:
            if customer.first_day == NO_DAY or day < customer.first_day:
                customer.first_day = day
            if day <= self._today + DAYS_AHEAD:
                customer.mark_day(day)
        self._reread_rhythm(customer, sorted({*days, day, customer.last_day}))
        if customer.visits >= self._min_visits:
            self.population.regular_joined(cadence.own_mean_log_gap(customer), customer.revenue_minor)
            self.population.silences.begins(customer)
            if not was_regular:
                customer.detected_us = 0  # a nudge that waits is not for a regular
        elif self.population.newcomers is not None:
            self.population.newcomers.begins(customer)
        if self._is_followed(customer) and customer.rung == 0 and not customer.detected_us:
            self._set_due(customer)
        self._judge(customer_id, customer, refresh=True)
        self._schedule(customer_id, customer)

    def _reread_rhythm(self, customer: Customer, days: list[int]) -> None:
        cadence.restart(customer, self.population.mu0)
        gap_before = 0.0
        for earlier, later in pairwise(days):
            gap = float(later - earlier)
            cadence.observe_gap(customer, gap, self.population.mu0, gap_before)
            gap_before = gap
        if len(days) > 1:  # of visits whose day is no longer known the gaps are taken to be like the others
            customer.log_gap_sum *= (customer.visits - 1) / (len(days) - 1)

    def _leave_population(self, customer: Customer) -> None:
        """Takes a customer with a visit out of what is learned from everybody."""
        if customer.visits >= self._min_visits:
            self.population.silences.gone(customer)
            self.population.regular_left(cadence.own_mean_log_gap(customer), customer.revenue_minor)
        elif customer.visits and self.population.newcomers is not None:
            self.population.newcomers.gone(customer)

    def _is_followed(self, customer: Customer) -> bool:
        """Whether the customer's silence has a date: a regular's, or a newcomer's where these are nudged."""
        return customer.visits >= self._min_visits or (customer.visits > 0 and self.population.newcomers is not None)

    def _answer(self, event: SurveyAnswer) -> None:
        customer = self._known(event.customer_id)
        if customer is None or self._is_duplicate(customer, event.event_id, _SURVEY_SEED):
            return
        day = self.calendar.day_of(event.at_us)
        self._observe(event.at_us, event.customer_id, day)
        self._touched[event.customer_id] = customer
        self.counts.answers += 1
        if day >= self._today - self._history_days:
            self.ledger.answer(day, event.survey, event.score)
        else:
            self.counts.beyond_history += 1
        if customer.answers is None:
            customer.answers = Answers()
        if customer.answers.take(event, customer.order_memory):
            customer.scored_day = 0
        self._judge(event.customer_id, customer, refresh=True)
        self._schedule(event.customer_id, customer)

    def _profile(self, event: Profile) -> None:
        customer = self._known(event.customer_id)
        if customer is None or self._is_duplicate(customer, event.event_id, _PROFILE_SEED):
            return
        self._touched[event.customer_id] = customer
        self.counts.profiles += 1
        if customer.profile is None:
            customer.profile = ProfileState()
        customer.profile.take(event)

    def _erase(self, event: Erasure) -> None:
        """Deletes the customer, cancels what was released, and refuses their later events."""
        customer_id = event.customer_id
        digest = self._erasure_hash(customer_id)
        if digest in self._erased:
            self.counts.duplicates += 1
            return
        self.counts.erasures += 1
        self._erased.add(digest)
        self._own_records[_ERASED_PREFIX + digest] = b""
        customer = self.customers.get(customer_id)
        if customer is None:
            return
        self._drop_deferred(customer)
        if customer.released_us:
            self._stop_releases(customer_id, customer, Reason.ERASED, self._now_us, NEVER)
        self._leave_population(customer)
        self._count(customer.segment, customer.band, -1)
        del self.customers[customer_id]
        self._queue.forget(customer)
        self.population.sample.remove(customer_id)
        self._touched.pop(customer_id, None)
        self._own_records[customer_id.encode()] = None
        self._scored.pop(customer_id, None)
        self._outputs.append(ScoresErased(customer_id))

    def _erasure_hash(self, customer_id: str) -> bytes:
        return hashlib.blake2b(customer_id.encode(), digest_size=16, key=self._salt).digest()

    # ---- dates

    def _look(self, wake_us: int, customer_id: str, customer: Customer) -> None:
        """A stored date has come: a rung, or a change that time alone brings."""
        if self._keeps_records:
            self._touched[customer_id] = customer
        self._changed = True
        if customer.due_us <= wake_us:
            stalled = self.clock.state.stalled_us
            if stalled > customer.stalled_us and not customer.detected_us:
                paused = stalled - customer.stalled_us
                customer.due_us += paused
                customer.paused_us += paused
                customer.stalled_us = stalled
            elif not self._is_followed(customer):
                customer.due_us = NEVER  # nudges have been switched off
            elif customer.rung >= self._rungs:
                customer.due_us = NEVER
                if self.volume is not None:
                    self.volume.worth.lost(customer, self.population.mu0)
            else:
                due = 0 if customer.detected_us else self._tolerated_us(customer, customer.rung)
                if due > wake_us:
                    customer.due_us = due
                else:
                    self._rung_due(wake_us, customer_id, customer)
        if not self._keeps_records:
            return
        if customer.change_us <= wake_us or customer.segment != scores.segment_of(
            customer, self.population, wake_us, self._min_visits
        ):
            self._judge(customer_id, customer, refresh=False, now_us=wake_us)

    def _rung_due(self, due_us: int, customer_id: str, customer: Customer) -> None:
        deferred = customer.detected_us > 0
        detected = customer.detected_us if deferred else due_us
        acted = max(due_us, self._acted_us) if self._wall_clock else due_us
        regular = customer.visits >= self._min_visits
        rung = customer.rung if regular else NUDGE
        verdict = self._verdict(customer_id, customer, detected, acted, deferred)
        self._outputs.append(
            decision_of(
                customer_id,
                customer,
                self.policy.outreach,
                self.population,
                verdict.outcome,
                verdict.reason,
                rung=rung,
                detected_us=detected,
                decided_us=acted,
            )
        )
        if rung == 0 and not deferred:
            chosen = verdict.reason is not Reason.VOLUME
            self.state.tally.due(customer.visits, chosen=chosen)
            if chosen:
                customer.alerted_us = detected
        if verdict.outcome is Outcome.DEFERRED:
            customer.detected_us, customer.due_us = detected, verdict.retry_us
            return
        if verdict.outcome is Outcome.RELEASED:
            if customer.released_us:
                earlier = customer.earlier_releases or []
                customer.earlier_releases = [*earlier, customer.released_rung, customer.released_us]
            customer.released_us, customer.released_rung = acted, rung
        customer.detected_us = 0
        customer.rung = self._rungs if rung == NUDGE or verdict.reason is Reason.VOLUME else rung + 1
        customer.due_us = (
            self._next_due_us(customer, customer.rung, acted)
            if customer.rung < self._rungs
            else self._lost_us(customer, acted)
        )

    def _lost_us(self, customer: Customer, after_us: int) -> int:
        """When a silence without further rungs counts as lost, where that is learned from."""
        if self.volume is None or customer.visits < self._min_visits:
            return NEVER
        days = alert_value.LOST_GAPS * cadence.usual_gap_days(customer)
        return max(after_us + 1, customer.last_us + customer.paused_us + int(days * DAY_US))

    def _next_due_us(self, customer: Customer, rung: int, after_us: int) -> int:
        """When a later rung comes due, the one before it having been acted on at `after_us`."""
        due = self._tolerated_us(customer, rung)
        return max(due, after_us + int(self.tolerance.apart_days(customer) * DAY_US))

    def _tolerated_us(self, customer: Customer, rung: int) -> int:
        """When the rung comes due by what is known now."""
        return customer.last_us + customer.paused_us + int(self._tolerated_days(customer, rung) * DAY_US)

    def _tolerated_days(self, customer: Customer, rung: int) -> float:
        """Silence at which the rung comes due; of a newcomer the nudge."""
        returns = self.population.learned.returns
        if returns is not None and customer.visits < self._min_visits:
            return returns.nudge_days(customer.visits)
        return self.tolerance.days(customer, rung)

    def rungs_ahead(self, customer: Customer) -> list[tuple[str, int]]:
        """Name and date of every rung that is still to come if nobody comes and nothing new is learned."""
        due_us = customer.due_us
        ahead: list[tuple[str, int]] = []
        if due_us < NEVER and customer.visits < self._min_visits:
            due_us = due_us if customer.detected_us else max(due_us, self._tolerated_us(customer, 0))
            ahead.append((step_of(self.policy.outreach, NUDGE)[1].name, due_us))
        elif due_us < NEVER:  # after the last rung: when the silence counts as lost
            for rung in range(customer.rung, self._rungs):
                if ahead:
                    due_us = self._next_due_us(customer, rung, due_us)
                elif not customer.detected_us:
                    due_us = max(due_us, self._tolerated_us(customer, rung))
                ahead.append((self.policy.outreach.rungs[rung].name, due_us))
        return ahead

    def _verdict(
        self, customer_id: str, customer: Customer, detected_us: int, acted_us: int, deferred: bool
    ) -> Verdict:
        """Within a volume the first rung has to be chosen, for the whole ladder; every message is paid for when it is decided."""
        volume = self.volume if customer.visits >= self._min_visits else None
        refusal = self.release.refusal(customer, detected_us, acted_us, deferred)
        if refusal is not None:
            if deferred:
                self._drop_deferred(customer)
            elif volume is not None and customer.rung == 0 and refusal.reason is not Reason.STALE:
                volume.not_asked()
            return refusal
        if volume is not None and not deferred:
            if customer.rung == 0 and not volume.chosen(customer_id, customer, detected_us, self.population.mu0):
                return Verdict(Outcome.SUPPRESSED, Reason.VOLUME)
            volume.spend()
        return self.release.sending(detected_us, acted_us, deferred)

    def _drop_deferred(self, customer: Customer) -> None:
        """A rung that waited for its slot, if there is one, does not go out: others may."""
        if customer.detected_us and self.volume is not None and customer.visits >= self._min_visits:
            self.volume.give_back()

    def _end_episode(self, customer_id: str, customer: Customer, at_us: int, amount: int) -> None:
        """A visit after a release: count it, and stop what has not been delivered. A deferred rung is dropped silently.

        The newest release is credited with the visit; every one of the episode that may still be on its way is stopped. A visit dated before the release,
        but heard of later, stops the message; the message did not bring it.
        """
        self._drop_deferred(customer)
        if not customer.released_us:
            return
        outreach = self.policy.outreach
        if 0 <= at_us - customer.released_us <= outreach.attribution_days * DAY_US:
            self._emit_end(customer_id, customer, Outcome.CONVERTED, Reason.RETURNED, at_us, amount)
        self._stop_releases(customer_id, customer, Reason.RETURNED, at_us, int(outreach.expires_after_days * DAY_US))

    def _stop_releases(self, customer_id: str, customer: Customer, reason: Reason, at_us: int, within_us: int) -> None:
        """Cancels what was released in this episode up to `within_us` ago, the newest first."""
        newest_rung, newest_us = customer.released_rung, customer.released_us
        earlier = customer.earlier_releases or []
        if at_us - newest_us <= within_us:
            self._emit_end(customer_id, customer, Outcome.CANCELLED, reason, at_us, None)
        for i in range(len(earlier) - 2, -1, -2):
            if at_us - earlier[i + 1] <= within_us:
                customer.released_rung, customer.released_us = earlier[i], earlier[i + 1]
                self._emit_end(customer_id, customer, Outcome.CANCELLED, reason, at_us, None)
        customer.released_rung, customer.released_us = newest_rung, newest_us

    def _emit_end(
        self, customer_id: str, customer: Customer, outcome: Outcome, reason: Reason, at_us: int, amount: int | None
    ) -> None:
        if not self._tells_ends:
            return
        self._outputs.append(
            decision_of(
                customer_id,
                customer,
                self.policy.outreach,
                self.population,
                outcome,
                reason,
                rung=customer.released_rung,
                detected_us=customer.released_us,
                decided_us=at_us,
                returned_us=at_us if reason is Reason.RETURNED else None,
                revenue_minor=amount,
            )
        )

    # ---- scores

    def _judge(self, customer_id: str, customer: Customer, *, refresh: bool, now_us: int | None = None) -> None:
        """Brings band and segment up to date; publishes them when they changed, or when the last record is old."""
        if not self._keeps_records:
            return
        now = max(self._now_us, customer.last_us)
        if now_us is not None and now_us > now:
            now = now_us
        segment, band = customer.segment, customer.band
        changed = scores.judge(customer, self.population, now, self._min_visits)
        if changed:
            self._count(segment, band, -1)
            self._count(customer.segment, customer.band, 1)
        today = now // DAY_US
        if changed or (refresh and today - customer.scored_day >= _SCORES_REFRESH_DAYS):
            customer.scored_day = today
            self._scored[customer_id] = (now, scores.as_judged(customer), self.population.learned)

    def _count(self, segment: int, band: int, change: int) -> None:
        if segment >= 0:
            self.segments[segment] += change
        if band >= 0:
            self.bands[band] += change

    def scores(self, customer_id: str, at_us: int | None = None) -> Scores | None:
        """The customer's numbers at `at_us` (default: now); None for an unknown customer."""
        customer = self.customers.get(customer_id)
        if customer is None:
            return None
        at_us = max(self._now_us if at_us is None else at_us, customer.last_us)
        return scores.scores_of(customer_id, customer, self.population, at_us, self._min_visits)

    def take_scores(self) -> list[Output]:
        """The newest judgement of each customer judged since the last call, with the numbers of its own time.

        Judgements that were superseded within a turn are not published: the topic is compacted, its newest records are
        the same wherever the turns lay.
        """
        published: list[Output] = [
            scores.record_of(customer_id, customer, now, self._min_visits, learned)
            for customer_id, (now, customer, learned) in self._scored.items()
        ]
        self._scored.clear()
        return published

    # ---- turns and state

    @property
    def has_decided(self) -> bool:
        """Whether there are decisions to take."""
        return bool(self._outputs)

    def take_outputs(self) -> list[Output]:
        """Decisions since the last call, where nobody keeps the state (a backtest): no snapshots are made, no scores published."""
        outputs, self._outputs = self._outputs, []
        self._scored.clear()
        self._touched.clear()
        self._own_records.clear()
        self.population.silences.touched.clear()
        return outputs

    def drain(self) -> Turn:
        """What has happened since the last call."""
        state: list[tuple[bytes, bytes | None]] = [
            (customer_id.encode(), snapshot(customer)) for customer_id, customer in self._touched.items()
        ]
        state.extend(self._own_records.items())
        if self._changed:
            state.append((PARTITION_KEY, self.state.pack()))
            state.extend(self._learned_records())
        turn = Turn([*self._outputs, *self.take_scores()], state, self.ledger.take_dirty())
        self._outputs, self._own_records, self._changed = [], {}, False
        self._touched.clear()
        return turn

    def _learned_records(self) -> list[tuple[bytes, bytes | None]]:
        """What the population's record is too small for: the rows that have changed, the table after a refresh."""
        silences, tolerances = self.population.silences, self.population.learned.tolerances
        records: list[tuple[bytes, bytes | None]] = [
            (ROW_PREFIX + bytes((cell,)), pack_row(silences.rows[cell])) for cell in sorted(silences.touched)
        ]
        silences.touched.clear()
        newcomers = self.population.newcomers
        if newcomers is not None and newcomers.changed:
            newcomers.changed = False
            records.append((NEWCOMERS_KEY, pack_newcomers(newcomers, self.population.learned.returns)))
        if tolerances.table and tolerances is not self._table:
            self._table = tolerances
            records.append((TABLE_KEY, pack_table(tolerances)))
        return records

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Takes over one record of the state changelog. Call `restored` after the last."""
        if key == PARTITION_KEY:
            if value is not None:
                self.state = PartitionState.unpack(value)
        elif key == TABLE_KEY:
            if value is not None:
                self._table = unpack_table(value)
        elif key == NEWCOMERS_KEY:
            if value is not None:
                self._newcomers = unpack_newcomers(value)
        elif key.startswith(ROW_PREFIX):
            if value is not None:
                self._rows[key[-1]] = unpack_row(value)
        elif key.startswith(_ERASED_PREFIX):
            if value is not None:
                self._erased.add(key.removeprefix(_ERASED_PREFIX))
        elif value is None:
            self.customers.pop(key.decode(), None)
        else:
            self.customers[key.decode()] = restore(value)

    def restored(self) -> None:
        """Rebuilds what is derived: the due queue and the open silences."""
        before = self.population  # of the time before, if only what has changed since was read
        known = before.silences.rows
        self._adopt(self.state)
        newcomers, returns = self.population.newcomers, None
        if newcomers is not None:
            closed, returns = self._newcomers or (
                before.newcomers.closed if before.newcomers else [],
                before.learned.returns,
            )
            newcomers.restore(closed)
            self._newcomers = None
        self.population.silences.rows = [self._rows.get(cell) or known[cell] for cell in range(CELLS)]
        self._rows = {}
        if self._table is not None or returns is not None:
            self.population.restored(self._table or UNKNOWN, returns)
            self.tolerance.learn()
        self.segments, self.bands = [0] * len(Segment), [0] * len(HealthBand)
        for customer_id, customer in self.customers.items():
            customer.bucket = -1
            self._queue.schedule(customer_id, customer)
            self._count(customer.segment, customer.band, 1)
            if customer.visits:
                self.population.first_visit(customer_id)
            if customer.visits >= self._min_visits:
                self.population.silences.begins(customer)
            elif customer.visits and newcomers is not None:
                newcomers.begins(customer)
        self._set_wake()
