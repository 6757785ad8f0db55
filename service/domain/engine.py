"""One partition: events and time in, outputs and touched customers out. No I/O, no clock of its own.

What happens to an event: duplicates are dropped → stream time moves, and every date before it comes up (timeline.py) →
the customer, the ledger and what is learned from everybody are updated (visits.py) → the customer's next dates are
stored (outreach/ladder.py). `drain` hands out what has happened since the last call, as one turn: outputs, snapshots,
ledger days, the partition's own record.

Deterministic: the same events in the same order give the same outputs and the same state, whatever the turns were and
wherever a restart lay. An exception from here is a bug, never bad input; the caller must then forget this engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, assert_never

from service.domain import cadence
from service.domain.answers import Answers
from service.domain.calendar import NEVER, Calendar
from service.domain.changelog import (
    BRAKE_KEY,
    JUDGED_PREFIX,
    KEYED_KEY,
    OWN_PREFIX,
    PACE_KEY,
    PARTITION_KEY,
    RHYTHM_PREFIX,
    SOURCE_PREFIX,
    Turn,
    chunk_key,
    chunk_of_key,
    is_learned,
    pack,
    unpack,
)
from service.domain.corrections import Known, known_by
from service.domain.counts import Counts
from service.domain.customer import MOST_ORDERS, Customer, restore, snapshot
from service.domain.events import Erasure, Merge, Profile, Purchase, Resolved, SignOfLife, SurveyAnswer, Withdrawal
from service.domain.favourites import Favourites
from service.domain.findings import Kind, Output, Scores, ScoresErased
from service.domain.folding.attic import Attic
from service.domain.hashed_ids import NO_ID, PROFILE_SEED, PURCHASE_SEED, SURVEY_SEED, event_hash, order_hash
from service.domain.identities import Identities
from service.domain.learning.everybody import Everybody
from service.domain.learning.learned import Learned
from service.domain.merging import Merging
from service.domain.outreach.brought import Brought, BroughtSums
from service.domain.outreach.ladder import Ladder
from service.domain.outreach.occasions import Occasions
from service.domain.outreach.pace import Pace
from service.domain.parcels import MOST_CHUNK_BYTES, Applied, Arrival, IdErased, Moved
from service.domain.partition_state import PartitionState
from service.domain.periods.ledger import Ledger
from service.domain.policy import Policy
from service.domain.profile import ProfileState
from service.domain.purchase_history import BOUGHT, GIVEN_BACK, SAID, knows, order_of, remember, said_by
from service.domain.rhythm import Rhythm
from service.domain.scoreboard import Scoreboard
from service.domain.sources import Sources
from service.domain.stumbling import CustomerError, LaterReleaseError, RefreshError
from service.domain.timeline import Timeline
from service.domain.visits import Visits

ALL_SCORES: Final = 1 << 60
_FOLDED_A_TURN: Final = 500
"""Customers who are folded at the end of a turn, at most: some milliseconds."""


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
        former_salt: bytes | None = None,
        attic: Attic | None = None,
    ) -> None:
        """`learn_until_us`: from then on what was learned from everybody stays as it is (a backtest's question).

        `keeps_records`: whether `drain` has records to give: snapshots of who has changed, and scores, for which bands
        and segments are followed in time. No decision rests on them, and `scores` tells a customer's numbers of any
        instant without; who takes only outputs (a backtest) saves a fifth of the time.

        `tells_ends`: whether there is a decision where a return or an erasure ends an alert too; who sees the events
        sees the returns.

        `attic`: where customers lie who are long lost; None: everybody stays as they are (a backtest).
        """
        self.attic: Final = attic
        self._keeps_records = keeps_records
        self._tells_ends = tells_ends
        self.policy = policy
        self.calendar = calendar
        self.customers: dict[str, Customer] = {}
        self.ledger = Ledger()
        self.brought_sums = BroughtSums()
        self.counts = Counts()
        self.identities = Identities(erasure_salt, former_salt)
        self._key = erasure_salt
        self._has_secret = former_salt is not None
        self._pace = Pace(calendar)
        self._merged = self.identities.into
        self._history_days = policy.shop.history_days
        self._touched: dict[str, Customer] = {}
        self._own_records: dict[bytes, bytes | None] = {}
        self._outputs: list[Output] = []
        """Decisions, and tombstones of scores, in the order in which they were made."""
        self.aside: set[str] = set()
        """Customers whose dates do not come up, because an error of our own did when they did: nothing is decided about
        them, and what they do counts. Told before `restored`."""
        self.is_aside: Callable[[str], bool] | None = None
        """Whether a customer who is new is to be one of them; None: none is."""
        self.refreshes_left_out: set[int] = set()
        """Instants of refreshes of which the same is true."""
        self.unreadable: set[str] = set()
        """Customers whose stored state cannot be read. It is left as it is, and nothing of them may be applied but an
        erasure."""
        self._learned_read: dict[bytes, bytes] = {}
        """Records of what is learned that were read back and not yet taken over."""
        self._chunks_read: dict[str, dict[int, bytes | None]] = {}
        """The same of sealed chunks, by customer_id and number."""
        self._brake_read: bytes | None = None
        """The same of the brake."""
        self._rhythm_read: dict[int, bytes] = {}
        self._bases_read: dict[int, bytes | None] = {}
        """The same of what judgements that wait rest on."""
        self.sources = Sources(calendar, policy.timing.feed_silence_hours)
        self._changed = False
        minimum = policy.shop.regular_min_visits
        nudges = policy.outreach.step_of(Kind.SECOND_VISIT) is not None
        state = PartitionState()
        self.everybody = Everybody(
            state.population,
            minimum,
            learn_until_us,
            newcomers=nudges,
            messages_sent=policy.outreach.messages_are_sent,
            weighs=policy.outreach.weighs or policy.outreach.is_limited,
            clocks=policy.outreach.weighs,
        )
        self._adopt(state)

    def _adopt(self, state: PartitionState) -> None:
        """Puts the rooms of the partition together around its own record."""
        policy = self.policy
        self.state = state
        minimum, keeps = policy.shop.regular_min_visits, self._keeps_records
        self.scoreboard = Scoreboard(self.everybody, state, self.sources, minimum, keeps_records=keeps)
        self.realised_at_start = state.realised.copy()
        self.rhythm = Rhythm(self.calendar, policy.timing.feed_silence_hours, state.rhythm)
        self.timeline = Timeline(
            policy.timing,
            state.clock,
            self.calendar,
            self.customers,
            self.everybody,
            self.rhythm,
            self.sources,
            self._look,
            self._refresh,
            self.aside,
            None if self.attic is None else self._unfold_due,
        )
        self.brought = Brought(policy.outreach, self.everybody, self.calendar, self.brought_sums)
        self.ladder = Ladder(
            policy.outreach,
            state,
            self.everybody,
            self.timeline,
            self.calendar,
            self._outputs,
            tells_ends=self._tells_ends,
            control_key=self._key,
            brought=self.brought,
        )
        self.occasions = Occasions(
            policy.outreach,
            self.everybody,
            self.timeline,
            self.calendar,
            self.ladder.programme,
            self.ladder.release,
            self._pace,
            self._outputs,
            self.brought,
            tells_ends=self._tells_ends,
            key=self._key,
        )
        self._visits = Visits(
            self.calendar,
            self.timeline,
            self.everybody,
            self.ladder,
            self.ledger,
            self.scoreboard,
            self.counts,
            self._history_days,
        )
        self._merging = Merging(
            self.calendar,
            self.timeline,
            self.everybody,
            self.ladder,
            self.ledger,
            self._visits,
            self.brought,
            self._history_days,
        )

    # ---- time

    @property
    def now_us(self) -> int:
        """Stream time; 0 before the first event."""
        return self.timeline.now_us

    @property
    def today(self) -> int:
        """Local day of stream time."""
        return self.timeline.today

    def advance(self, wall_us: int, to_us: int) -> None:
        """The partition is complete up to `to_us`: every date up to then comes up. `wall_us` is the present instant."""
        self.timeline.acted_us = wall_us
        begins = self.everybody.next_refresh_us == 0
        self.timeline.advance(to_us)
        if begins and self.everybody.next_refresh_us:
            self._changed = True

    def lost_purchases(self, records: int, until_us: int) -> None:
        """So many records may have held purchases and can never be read; the last of them had arrived by `until_us`."""
        gap = self.state.gap
        gap.until_us = max(gap.until_us, until_us)
        gap.gaps += 1
        gap.records += records
        self._changed = True

    def _refresh(self, at_us: int) -> None:
        """The weekly refresh of what is learned from everybody. Raises RefreshError for an error of our own."""
        self._changed = True
        if at_us in self.refreshes_left_out:
            self.everybody.skip_refresh()
            return
        try:
            self.everybody.refresh(self.calendar.day_of(at_us), self._read)
            self.ladder.refresh(at_us)
        except Exception as error:
            raise RefreshError(at_us) from error

    def _look(self, wake_us: int, customer: Customer) -> None:
        """A stored date has come. Raises CustomerError for an error of our own."""
        try:
            self._look_at(wake_us, customer)
        except Exception as error:
            raise CustomerError(customer.customer_id) from error

    def _look_at(self, wake_us: int, customer: Customer) -> None:
        """A stored date has come: a step of outreach, or a change that time alone brings."""
        changed = customer.occasions is not None and self.occasions.look(customer, wake_us)
        changed |= self.ladder.look(customer, wake_us)
        if customer.followed is not None:
            changed |= self.brought.look(customer, wake_us)
        changed |= self.scoreboard.look(customer, wake_us, self.timeline.now_us)
        if changed:
            self._changed = True
            if self._keeps_records:
                self._touched[customer.customer_id] = customer

    # ---- events

    def apply(self, event: Applied, wall_us: int = 0) -> None:
        """Takes in one accepted event. `wall_us`: the present instant where the wall clock rules, else ignored."""
        self.timeline.acted_us = wall_us
        self._changed = True
        if self._merged and (into := self._merged.get(event.customer_id)) is not None:
            match event:
                case Moved() | IdErased():
                    pass  # of this very id
                case _:
                    if not self.identities.lead_on(event, into):
                        return
        match event:
            case Purchase():
                self._purchase(event)
            case SurveyAnswer():
                self._answer(event)
            case Resolved():
                self._resolved(event)
            case Profile():
                self._profile(event)
            case Erasure():
                self._erase(event.customer_id)
            case Withdrawal():
                self._withdraw(event)
            case Merge():
                self._merge(event)
            case SignOfLife():
                self._heard(event)
            case Arrival():
                self._arrive(event)
            case Moved():
                if event.customer_id in self._merged and event.into != event.customer_id:
                    self.identities.send_on(event.customer_id, event.into)
            case IdErased():
                if event.customer_id in self._merged:
                    self.identities.refuse(event.customer_id)
                else:
                    self._erase(event.customer_id)
            case _:
                assert_never(event)

    def _find(self, customer_id: str) -> Customer | None:
        """The customer's state, unfolded; None: there is none."""
        customer = self.customers.get(customer_id)
        if customer is None and self.attic is not None:
            customer = self.attic.take(customer_id)
            if customer is not None:
                self.customers[customer_id] = customer
                self.timeline.schedule(customer)
        return customer

    def _known(self, customer_id: str) -> Customer | None:
        """The customer's state, made if new; None for an erased one."""
        customer = self._find(customer_id)
        if customer is None:
            if self.identities.is_erased(customer_id):
                self.counts.of_erased += 1
                return None
            customer = Customer(customer_id)
            cadence.restart(customer, self.everybody.mu0)
            self.customers[customer_id] = customer
            if self.is_aside is not None and self.is_aside(customer_id):
                self.aside.add(customer_id)
        return customer

    def _is_duplicate(self, customer: Customer, digest: bytes, at_us: int, said: int) -> bool:
        """Whether this event without money is known; from now on it is. `said`: what it says (`said_by`)."""
        if knows(customer, digest, NO_ID) or (customer.seen and customer.has_seen(digest)):
            self.counts.duplicates += 1
            return True
        self._remember(customer, digest, NO_ID, at_us, said, SAID)
        return False

    def _remember(self, customer: Customer, digest: bytes, order: bytes, at_us: int, amount: int, what: int) -> None:
        """An event is an entry of the customer's history."""
        if remember(customer, digest, order, at_us, amount, what, self.timeline.today, self._history_days):
            self._tell_chunks(customer)

    def _tell_chunks(self, customer: Customer) -> None:
        """Chunks that were sealed or dropped are to be written."""
        sealed = customer.sealed
        if sealed is not None:
            for number, chunk in sealed.take_news().items():
                self._own_records[chunk_key(customer.customer_id, number)] = chunk

    def _heard(self, event: SignOfLife) -> None:
        """A purchase was refused. Who is not known stays unknown; no visit, no order, no money."""
        customer = self._find(event.customer_id)
        if customer is None:
            return
        at_us, now_us = event.at_us, self.timeline.now_us
        if event.own_time:
            self.timeline.observe(at_us, event.customer_id, self.calendar.day_of(at_us))
        else:
            at_us = min(at_us, now_us) if at_us > 0 else now_us
        self.counts.signs_of_life += 1
        self._alive(customer, at_us)

    def _alive(self, customer: Customer, at_us: int) -> None:
        """The customer was there at `at_us`, without a visit that counts: what is due waits a usual gap from then."""
        at_us = min(at_us, self.timeline.now_us)
        if customer.visits and at_us > customer.sign_us and self.calendar.day_of(at_us) > customer.last_day:
            self.everybody.silence_doubted(customer)
            customer.sign_us = at_us
            if self._keeps_records:
                self._touched[customer.customer_id] = customer

    def _purchase(self, event: Purchase) -> None:
        customer_id = event.customer_id
        if event.left_out:
            self.counts.leave_out(event.left_out)
        customer = self._known(customer_id)
        if customer is None:
            return
        digest, order = event_hash(event.event_id, PURCHASE_SEED), order_hash(event.order_id)
        known: Known | None = None
        if (digest != NO_ID or order != NO_ID) and knows(customer, digest, order):
            known = known_by(customer, event, digest, order)
        if (known is not None and known.duplicate) or (customer.seen and customer.has_seen(digest)):
            self.counts.duplicates += 1
            return
        at_us, amount = event.at_us, event.amount_minor
        day = self.calendar.day_of(at_us)
        self.timeline.observe(at_us, customer_id, day)
        if known is not None and known.too_many:
            self.counts.words_beyond += 1
            self._alive(customer, at_us)
            return
        if self._keeps_records:
            self._touched[customer_id] = customer
        what = GIVEN_BACK if event.refund else BOUGHT
        self._remember(customer, digest, order if known is None else known.order, at_us, amount, what)
        if known is not None and known.again:
            self._restate(customer, event, known)
            return
        in_history = day >= self.timeline.today - self._history_days
        if not in_history:
            self.counts.beyond_history += 1
        if event.refund:
            self._refund(customer, day, amount, in_history)
        else:
            self._buy(customer, event, at_us, day, amount, in_history)
        if customer.followed is not None:
            self.brought.spent(customer, at_us, day, -amount if event.refund else amount, visit=not event.refund)
        if known is not None:
            self._correct(customer, known)
            if customer.occasions is not None:  # a refund of this order, or money given back before it was known
                self.occasions.given_back(customer, event.order_id)

    def _buy(self, customer: Customer, event: Purchase, at_us: int, day: int, amount: int, in_history: bool) -> None:
        """An order, on local day `day`. Reading a field of an event costs more than handing it on."""
        self.counts.purchases += 1
        if customer.orders < MOST_ORDERS:
            customer.orders += 1
        customer.revenue_minor += amount
        self.everybody.spent(customer, amount)
        if in_history:
            self.ledger.order(day, amount)
        joined = False
        if customer.answers is not None and (order_id := event.order_id) is not None:
            joined = customer.answers.join(order_id, at_us, amount)
        visits = customer.visits
        judged = self._visits.bought(customer, at_us, day, amount, in_history, event.source)
        if self.occasions.is_on:
            self.occasions.bought(customer, at_us, day, event.order_id, visits)
        items = event.items
        if items:
            if customer.items is None:
                customer.items = Favourites()
            customer.items.remember(items)
        if joined:
            self._show(customer)
        elif judged:
            self.scoreboard.told_more(customer, self.timeline.now_us)
        else:
            self._tell(customer)

    def _refund(self, customer: Customer, day: int, amount: int, in_history: bool) -> None:
        """Money given back: never a visit."""
        self.counts.refunds += 1
        customer.revenue_minor -= amount
        self.everybody.spent(customer, -amount)
        if in_history:
            self.ledger.refund(day, amount)
        self._show(customer)

    def _restate(self, customer: Customer, event: Purchase, known: Known) -> None:
        """A purchase or refund that is known has come once more, with another time, amount or id."""
        if known.changes:
            self.counts.corrections += 1
        else:
            self.counts.duplicates += 1
        booked = known.restated
        if booked is not None and not booked.refund:
            if event.at_us > booked.at_us:
                self._alive(customer, event.at_us)
            if customer.answers is not None and customer.answers.restate(booked.order, booked.amount):
                self._show(customer)
            if customer.occasions is not None and not booked.amount:
                self.occasions.given_back(customer, event.order_id)
        self._correct(customer, known)

    def _correct(self, customer: Customer, known: Known) -> None:
        """What is known of purchases and refunds has changed: each on its own day."""
        if known.beyond:
            self.counts.refunds_beyond_order += 1
        for at_us, minor, bought in known.changes:
            day = self.calendar.day_of(at_us)
            customer.revenue_minor += minor
            self.everybody.spent(customer, minor)
            if day >= self.timeline.today - self._history_days:
                self.ledger.refund(day, -minor)
            if bought and day == customer.last_day:
                customer.visit_minor += minor
            self.brought.spent(customer, at_us, day, minor, visit=False)
        if known.changes:
            self._show(customer)

    def _answer(self, event: SurveyAnswer) -> None:
        customer, digest = self._known(event.customer_id), event_hash(event.event_id, SURVEY_SEED)
        if customer is None or self._is_duplicate(customer, digest, event.at_us, said_by(event.survey, event.score)):
            return
        day = self.calendar.day_of(event.at_us)
        self.timeline.observe(event.at_us, event.customer_id, day)
        self._touched[event.customer_id] = customer
        self.counts.answers += 1
        if day >= self.timeline.today - self._history_days:
            self.ledger.answer(day, event.survey, event.score)
        else:
            self.counts.beyond_history += 1
        if customer.answers is None:
            customer.answers = Answers()
        ordered = None if event.order_id is None else order_of(customer, event.order_id)
        newest = customer.answers.take(event, ordered)
        if newest and self.occasions.is_on:
            self.occasions.answered(customer, event)
        self._show(customer)

    def _resolved(self, event: Resolved) -> None:
        """The shop has dealt with what an answer was about."""
        customer, digest = self._known(event.customer_id), event_hash(event.event_id, SURVEY_SEED)
        if customer is None or self._is_duplicate(customer, digest, event.at_us, 0):
            return
        self.timeline.observe(event.at_us, event.customer_id, self.calendar.day_of(event.at_us))
        self._touched[event.customer_id] = customer
        self.counts.resolutions += 1
        if self.occasions.is_on:
            self.occasions.resolved(customer, event)

    def _profile(self, event: Profile) -> None:
        customer = self._known(event.customer_id)
        if customer is None or self._is_duplicate(customer, event_hash(event.event_id, PROFILE_SEED), event.at_us, 0):
            return
        self._touched[event.customer_id] = customer
        self.counts.profiles += 1
        if not customer.visits and self.attic is not None:
            self.timeline.schedule(customer)  # they may stay known by name alone for good
        self.counts.leave_out(event.alike)
        if customer.profile is None:
            customer.profile = ProfileState()
        customer.profile.take(event)
        self.ladder.consent_heard(customer)
        self.occasions.consent_heard(customer)
        self._tell(customer)
        if event.profiling is not None:
            objected = customer.objects
            customer.hear_of_profiling(event.at_us + 1 if event.profiling is False else -event.at_us - 1)
            if customer.objects != objected:
                self._heed_objection(customer)

    def _heed_objection(self, customer: Customer) -> None:
        """The customer objects to profiling: nothing is worked out about them any more, and what was is withdrawn. Or
        they take that back, and stand as if they never had."""
        if not customer.objects:
            self.ladder.taken_up(customer)
            if customer.visits or customer.orders or customer.answers is not None:
                self._show(customer)
            else:
                self.timeline.schedule(customer)
            return
        self.occasions.objected(customer)
        self.ladder.objected(customer)
        self.brought.erased(customer)
        if self.scoreboard.objected(customer):
            self._outputs.append(ScoresErased(customer.customer_id))

    def _withdraw(self, event: Withdrawal) -> None:
        """Nothing is known of the customer but what they do."""
        customer = self._find(event.customer_id)
        self.counts.withdrawals += 1
        if customer is None:
            return
        self._touched[event.customer_id] = customer
        if customer.profile is None:
            customer.profile = ProfileState()
        was_reachable = customer.profile.reachable
        customer.profile.withdraw(event.at_us)
        unreached = was_reachable and not customer.profile.reachable
        self.ladder.consent_heard(customer, contact_gone=unreached)
        self.occasions.consent_heard(customer, contact_gone=unreached)
        self._tell(customer)

    def _merge(self, event: Merge) -> None:
        """`customer_id` is `merged_into` from now on, and everything as if it had always been."""
        old_id, ids = event.customer_id, self.identities
        new_id = self._merged.get(event.merged_into, event.merged_into)
        if old_id == new_id:
            self.counts.duplicates += 1
            return
        if ids.is_erased(old_id):
            self.counts.of_erased += 1
            return
        if ids.too_many(old_id, new_id):
            self.counts.merges_refused += 1
            return
        if ids.elsewhere(new_id):
            self.counts.merges += 1
            self._leave(old_id, new_id, event.at_us)
            return
        if ids.is_erased(new_id):
            self._erase(old_id)
            return
        self.counts.merges += 1
        for earlier in ids.of(old_id):
            ids.send_on(earlier, new_id)
        ids.send_on(old_id, new_id)
        old = self._find(old_id)
        new = None if old is None else self._known(new_id)
        if old is None or new is None:
            return
        days, visits = self._merging.take_out(old), max(old.visits, new.visits)
        objected = old.objects or new.objects
        self._merging.merge(old, days, new)
        self.occasions.merged(old, new, visits)
        self._drop(old)
        self._has_merged(new, objected=objected)

    def _has_merged(self, customer: Customer, *, objected: bool) -> None:
        """Another id has become the customer's. `objected`: to profiling, under either."""
        self._tell_chunks(customer)
        self._touched[customer.customer_id] = customer
        self._show(customer)
        if objected or customer.objects:
            self._heed_objection(customer)

    def _leave(self, old_id: str, new_id: str, at_us: int) -> None:
        """The customer is one of another partition from now on, and goes there with all that is known of them."""
        ids = self.identities
        arrival = Arrival(new_id, at_us, old_id, ids.of(old_id))
        ids.move_all(old_id, new_id, self.timeline.now_us)
        ids.send_on(old_id, new_id)
        old = self._find(old_id)
        if old is not None:
            arrival.days = self._merging.take_out(old)
            old.episode.leave(self.timeline.stalled_for(old))
            arrival.snapshot = snapshot(old)
            if old.sealed is not None:
                arrival.chunks = old.sealed.newest(MOST_CHUNK_BYTES)
            self._drop(old)
        ids.send(new_id, arrival)

    def _arrive(self, event: Arrival) -> None:
        """The same where the customer comes to."""
        new_id, ids, old = event.customer_id, self.identities, None
        if event.snapshot:
            old = restore(event.old_id, event.snapshot)
            if old.sealed is not None:
                old.sealed.restored(event.chunks)
        old_ids = [known for known in [event.old_id, *event.ids] if known != new_id]
        if ids.is_erased(new_id):
            self.counts.of_erased += 1
            ids.refuse_all(old_ids, self.timeline.now_us)
            if old is not None:
                self.occasions.erased(old)
                self.ladder.erased(old)
                self.brought.erased(old)
                self.ledger.rebook(event.days, 1, self.timeline.today - self._history_days)
            return
        for known in old_ids:
            ids.send_on(known, new_id)
        new = None if old is None else self._known(new_id)
        if old is None or new is None:
            return
        if old.visits:  # time is as if the visits had been seen here, and nobody is absent who made them
            due_us, new.episode.due_us = new.episode.due_us, NEVER
            self.timeline.observe(old.last_us, new_id, self.calendar.day_of(old.last_us))
            new.episode.due_us = due_us
        old.episode.stalled_us = self.timeline.stalled_for(old)
        visits, objected = max(old.visits, new.visits), old.objects or new.objects
        self._merging.merge(old, event.days, new)
        self.occasions.merged(old, new, visits)
        self._has_merged(new, objected=objected)

    def _drop(self, customer: Customer) -> None:
        """Nothing is left of the customer under this id."""
        customer_id = customer.customer_id
        self.scoreboard.forget(customer)
        customer.episode.begin(0)
        customer.occasions = None
        customer.followed = None
        customer.change_us = NEVER  # where a date of theirs lies in the queue, nothing follows
        del self.customers[customer_id]
        self._touched.pop(customer_id, None)
        if customer.sealed is not None:
            customer.sealed.drop(len(customer.sealed.chunks))
            self._tell_chunks(customer)
        self._own_records[customer_id.encode()] = None
        self._outputs.append(ScoresErased(customer_id))
        customer.wipe()

    def _erase(self, customer_id: str) -> None:
        """Deletes the customer under every id, cancels what was released, and refuses their later events. Cost: that of
        one customer, however many there are."""
        if self.identities.is_erased(customer_id):
            self.counts.duplicates += 1
            return
        self.counts.erasures += 1
        ids = [customer_id, *self.identities.of(customer_id)]
        self.identities.refuse(customer_id)
        self.identities.refuse_all(ids[1:], self.timeline.now_us)
        for known in ids:
            self.timeline.forget(known, self.identities.stand_in(known))
        for known in self.unreadable.intersection(ids):
            self.unreadable.discard(known)
            self._own_records[known.encode()] = None
            self._outputs.append(ScoresErased(known))
        customer = self._find(customer_id)
        if customer is None:
            return
        self.occasions.erased(customer)
        self.ladder.erased(customer)
        self.brought.erased(customer)
        self.everybody.forget(customer)
        self._drop(customer)

    def _show(self, customer: Customer) -> None:
        """What is known of the customer has changed without a visit."""
        self.scoreboard.judge(customer, self.timeline.now_us)
        self.timeline.schedule(customer)

    def _tell(self, customer: Customer) -> None:
        """Something is told of the customer that does not change how they stand."""
        self.scoreboard.changed(customer, self.timeline.now_us)
        self.timeline.schedule(customer)

    def resume(self, said_us: int) -> bool:
        """The operator says that what is held may go out (`Brake.resume`). Returns whether anything was held."""
        held = self.ladder.brake.resume(self.today, said_us)
        self._changed |= self.ladder.brake.changed
        return held

    # ---- what is asked of it

    def customer(self, customer_id: str) -> Customer | None:
        """What is known of a customer, to be read: of who is folded a copy. None: nothing."""
        customer = self.customers.get(customer_id)
        if customer is None and self.attic is not None:
            customer = self.attic.peek(customer_id)
        return customer

    def ids(self) -> Iterator[str]:
        """Of everybody who is in memory, folded or not."""
        yield from self.customers
        if self.attic is not None:
            yield from self.attic.names()

    def _read(self, customer_id: str) -> Customer:
        """The same of somebody who is here."""
        customer = self.customer(customer_id)
        if customer is None:
            raise KeyError(customer_id)
        return customer

    def knows(self, customer_id: str) -> bool:
        """Whether there is a customer of that id, folded or not."""
        return customer_id in self.customers or (self.attic is not None and self.attic.holds(customer_id))

    def scores(self, customer_id: str, at_us: int | None = None) -> Scores | None:
        """The customer's numbers at `at_us` (default: now); None for an unknown customer, and for one who objects to
        profiling."""
        customer = self.customer(customer_id)
        if customer is None or customer.objects:
            return None
        return self.scoreboard.scores_of(customer, self.timeline.now_us if at_us is None else at_us)

    def waiting(self) -> tuple[int, int, int]:
        """What `drain` would hand out: snapshots and other records of the state, outputs without scores, days of the
        ledger."""
        return (len(self._touched) + len(self._own_records), len(self._outputs), self.ledger.dirty_days)

    @property
    def has_decided(self) -> bool:
        """Whether there are decisions to take."""
        return bool(self._outputs)

    # ---- turns and state

    def take_outputs(self) -> list[Output]:
        """Decisions since the last call, where nobody keeps the state (a backtest): no snapshots are made, no scores
        published."""
        self.scoreboard.drop()
        self._touched.clear()
        self._own_records.clear()
        self.identities.take_records()
        self.everybody.silences.touched.clear()
        self.everybody.silences.changed_cuts()
        self.rhythm.touched.clear()
        self.sources.forget_changes()
        self.brought_sums.take_changed()
        return self._take_outputs()

    def _take_outputs(self) -> list[Output]:
        taken = self._outputs.copy()
        self._outputs.clear()
        return taken

    def drain(self, scores: int = ALL_SCORES) -> Turn:
        """What has happened since the last call. `scores`: of how many customers, at most, the newest record is
        published; none while a backlog is read, since it would be superseded."""
        published = self.scoreboard.take(scores) if scores else []
        if published:
            self._changed = True
            if self.attic is not None:
                self._find_foldable(published)
        state = self._snapshots()
        state.extend(self._own_records.items())
        state.extend(self.identities.take_records().items())
        if self._changed:
            state.append((PARTITION_KEY, self.state.pack()))
            state.extend(self.everybody.changed_records())
            if self.ladder.brake.changed:
                self.ladder.brake.changed = False
                state.append((BRAKE_KEY, pack(self.state.brake.fields())))
            if self._pace.changed:
                self._pace.changed = False
                state.append((PACE_KEY, pack(self._pace.fields())))
            state.extend(
                (RHYTHM_PREFIX + bytes((cell,)), pack(self.rhythm.cell(cell))) for cell in self.rhythm.changed_cells()
            )
            state.extend((SOURCE_PREFIX + key, pack(fields)) for key, fields in self.sources.changed_records())
            state.extend(
                (JUDGED_PREFIX + first.to_bytes(8, "big"), None if fields is None else pack(fields))
                for first, fields in self.scoreboard.changed_bases()
            )
        parcels, brought = self.identities.take_parcels(), self.brought_sums.take_changed()
        turn = Turn([*self._take_outputs(), *published], state, self.ledger.take_dirty(), parcels, brought)
        self._own_records, self._changed = {}, False
        self._touched.clear()
        if self.attic is not None:
            self._put_away(self.attic)
        return turn

    def _snapshots(self) -> list[tuple[bytes, bytes | None]]:
        """Of who has changed. Raises CustomerError for an error of our own."""
        made: list[tuple[bytes, bytes | None]] = []
        add = made.append
        for customer_id, customer in self._touched.items():
            try:
                add((customer_id.encode(), snapshot(customer)))
            except Exception as error:
                raise CustomerError(customer_id) from error
        return made

    # ---- who is long lost

    def fold(self, customer: Customer) -> bool:
        """Folds a customer of whom nothing waits to be stored or published, and who has no date today. Returns whether
        that was possible."""
        attic, customer_id = self.attic, customer.customer_id
        if attic is None or customer_id in self._touched or self.scoreboard.waits(customer):
            return False
        if customer_id in self.aside or self.timeline.is_near(customer):
            return False
        day = attic.put(customer)
        if day is None:
            return False
        self.timeline.folded(customer, day)
        del self.customers[customer_id]
        return True

    def _find_foldable(self, published: list[Output]) -> None:
        """Who was looked at while their newest record waited to be published may be folded now."""
        waiting, timeline = self.timeline.foldable(), self.timeline
        for output in published:
            customer = self.customers.get(output.customer_id)
            if customer is not None and timeline.may_fold(customer):
                waiting.append(customer)

    def _put_away(self, attic: Attic) -> None:
        """The end of a turn: some of those who may be folded are."""
        waiting, timeline = self.timeline.foldable(), self.timeline
        for _ in range(min(_FOLDED_A_TURN, len(waiting))):
            customer = waiting.popleft()
            if self.customers.get(customer.customer_id) is customer and timeline.may_fold(customer):
                self.fold(customer)
        attic.flush()
        attic.relieve(len(self.customers))

    def _unfold_due(self, day: int) -> list[Customer]:
        """Who is folded and has a date on that day is as before."""
        if self.attic is None:
            return []
        found = self.attic.due(day)
        for customer in found:
            self.customers[customer.customer_id] = customer
        return found

    # ---- state that is read back

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Takes over one record of the state changelog. Call `restored` after the last."""
        if is_learned(key):
            if value is not None:
                self._learned_read[key] = value
        elif key == BRAKE_KEY:
            self._brake_read = value
        elif key == PACE_KEY:
            if value is not None:
                self._pace.restore(unpack(value))
        elif key == PARTITION_KEY:
            if value is not None:
                brake = self.state.brake
                self.state = PartitionState.unpack(value)
                self.state.restore_brake(brake.fields())  # its own record may be older than what is read here
        elif key.startswith(RHYTHM_PREFIX):
            if value is not None:
                self._rhythm_read[key[-1]] = value
        elif key.startswith(JUDGED_PREFIX):
            self._bases_read[int.from_bytes(key.removeprefix(JUDGED_PREFIX), "big")] = value
        elif key.startswith(SOURCE_PREFIX):
            if value is not None:
                self.sources.restore(key.removeprefix(SOURCE_PREFIX), unpack(value))
        elif key == KEYED_KEY:
            if value is not None:
                self.identities.keyed_before(value)
                if not self._has_secret:
                    self._key = value
        elif self.identities.restore(key, value):
            pass
        elif (chunk := chunk_of_key(key)) is not None:
            customer_id, number = chunk
            self._chunks_read.setdefault(customer_id, {})[number] = value
        elif key.startswith(OWN_PREFIX):
            return  # a later release's, which this one has no use for
        else:
            self._restore_customer(key, value)

    def _restore_customer(self, key: bytes, value: bytes | None) -> None:
        """A customer's record. Where customers are folded it waits as it is."""
        customer_id, attic = key.decode(), self.attic
        customer: Customer | None = None
        if value is not None:
            try:
                customer = restore(customer_id, value)
            except LaterReleaseError:
                raise
            except Exception:  # noqa: BLE001 - whatever is wrong with it is this one customer's
                self.unreadable.add(customer_id)
        if value is None or customer is not None:
            self.unreadable.discard(customer_id)
        before = self.customers.get(customer_id)
        if before is None and attic is not None:
            before = attic.take(customer_id)
        if customer is None or value is None:
            self.customers.pop(customer_id, None)
            return
        if attic is None or not attic.hold(key, value, len(self.customers)):
            self.customers[customer_id] = customer
        else:
            self.customers.pop(customer_id, None)
        if before is not None and before.sealed is not None:
            chunks = self._chunks_read.setdefault(customer_id, {})
            for number, sealed in before.sealed.numbered():
                chunks.setdefault(number, sealed)

    def recount(self) -> None:
        """Other visits make a regular than when the state was stored."""
        self.everybody.recount(self._all())

    def _all(self) -> Iterator[Customer]:
        """Everybody, to be read; in no order."""
        yield from self.customers.values()
        if self.attic is not None:
            yield from self.attic.read_all()

    def draw_without_secret(self) -> None:
        """The state began without a secret: whoever is in the control group, or has drawn another lot, stays so. To be
        said before `restored`."""
        former = self.identities.former_salt
        if former is not None:
            self._key = former

    def restored(self) -> None:
        """Rebuilds what is derived: the due queue, the open silences, the counts. Raises ValueError for a record that
        is none of a customer."""
        self.everybody.restored(self.state.population, self._learned_read, ())
        self._learned_read = {}
        if self._brake_read is not None:
            self.state.restore_brake(unpack(self._brake_read))
            self._brake_read = None
        known_hours, bases = self.rhythm, self.scoreboard.bases()
        for first, value in self._bases_read.items():
            if value is None:
                bases.pop(first, None)
            else:
                last, *fields = unpack(value)
                bases[first] = (last, Learned.of(fields))
        self._bases_read = {}
        self._adopt(self.state)
        self.rhythm.take_cells(known_hours)
        for cell, value in self._rhythm_read.items():
            self.rhythm.restore_cell(cell, unpack(value))
        self._rhythm_read = {}
        self.scoreboard.restored(self._read_back(), self.state.clock.now_us, bases)
        self._chunks_read = {}
        self.timeline.wake()

    def _read_back(self) -> Iterator[Customer]:
        """Everybody, one after the other: as they were given, they are in their places, and whoever is long lost is
        folded. So no more are unfolded at once than stay."""
        for customer in list(self.customers.values()):
            self._join_chunks(customer)
            self.everybody.found(customer)
            yield customer
            self.timeline.restored(customer)
        attic = self.attic
        if attic is None:
            return
        for customer in attic.everybody():
            if self.is_aside is not None and self.is_aside(customer.customer_id):
                self.aside.add(customer.customer_id)
            self._join_chunks(customer)
            self.everybody.found(customer)
            yield customer
            self.customers[customer.customer_id] = customer
            waits = customer.judged > self.state.published
            if waits or not self.timeline.may_fold(customer) or not self.fold(customer):
                self.timeline.restored(customer)
        attic.flush()

    def _join_chunks(self, customer: Customer) -> None:
        """The chunks of the history that were read, and belong to the customer."""
        chunks = self._chunks_read.pop(customer.customer_id, None)
        if chunks is not None and customer.sealed is not None:
            customer.sealed.restored(chunks)
