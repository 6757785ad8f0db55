"""One partition: events and time in, outputs and touched customers out. No I/O, no clock of its own.

What happens to an event: duplicates are dropped → stream time moves, and every date before it comes up (timeline.py) →
the customer, the ledger and what is learned from everybody are updated (effects/: a file for each kind of event) → the
customer's next dates are stored (outreach/ladder.py). `drain` hands out what has happened since the last call, as one
turn: outputs, snapshots, ledger days, the partition's own record.

Here the rooms are put together, and told of events, of dates that come up, of a turn's end, and of a state that is
read back.

Deterministic: the same events in the same order give the same outputs and the same state, whatever the turns were and
wherever a restart lay. An exception from here is a bug, never bad input; the caller must then forget this engine. But
for one, FullTurnError: where `timeline.bound` was told, an event may have to wait for the next turn.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final, assert_never

from service.domain.calendar import NEVER, Calendar
from service.domain.changelog import KEYED_KEY, OWN_PREFIX, PASSAGE_KEY, Turn, chunk_of_key, pack, unpack
from service.domain.counts import Counts
from service.domain.customer import Customer
from service.domain.effects.bookkeeping import Bookkeeping
from service.domain.effects.erasures import Erasures
from service.domain.effects.feedback import Feedback
from service.domain.effects.merging import Merging
from service.domain.effects.moves import Moves
from service.domain.effects.profiles import Profiles
from service.domain.effects.purchases import Purchases
from service.domain.effects.visits import Visits
from service.domain.events import Erasure, Merge, Profile, Purchase, Resolved, SignOfLife, SurveyAnswer, Withdrawal
from service.domain.findings import Kind, Output, Scores
from service.domain.folding.attic import Attic
from service.domain.identities import Identities
from service.domain.learning.everybody import Everybody
from service.domain.outreach.brought import Brought, BroughtSums
from service.domain.outreach.ladder import Ladder
from service.domain.outreach.occasions import Occasions
from service.domain.outreach.pace import Pace
from service.domain.parcels import Applied, Arrival, IdErased, Moved
from service.domain.partition_state import PartitionState
from service.domain.periods.ledger import Ledger
from service.domain.policy import Policy
from service.domain.presence import Presence
from service.domain.rhythm import Rhythm
from service.domain.roster import Roster
from service.domain.scoreboard import Scoreboard
from service.domain.sources import Sources
from service.domain.state_records import RecordsRead, changed_records
from service.domain.stumbling import CustomerError, RefreshError
from service.domain.timeline import Passage, Timeline

ALL_SCORES: Final = 1 << 60


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
        self._keeps_records = keeps_records
        self._tells_ends = tells_ends
        self.policy = policy
        self.calendar = calendar
        self.roster: Final = Roster(attic, keeps_records=keeps_records)
        self.ledger = Ledger()
        self.brought_sums = BroughtSums()
        self.counts = Counts()
        self.identities = Identities(erasure_salt, former_salt)
        self._key = erasure_salt
        self._has_secret = former_salt is not None
        self._pace = Pace(calendar)
        self._merged = self.identities.into
        self._outputs: list[Output] = []
        """Decisions, and tombstones of scores, in the order in which they were made."""
        self.refreshes_left_out: set[int] = set()
        """Instants of refreshes that are passed over, because an error of our own came up in them."""
        self.sources = Sources(calendar, policy.timing.feed_silence_hours)
        self._changed = False
        self._passage_told: Passage | None = None
        self._passage_read: bytes | None = None
        """As it is stored: a state that is given back to this worker is restored once more."""
        state = PartitionState()
        self.everybody = Everybody(
            state.population,
            policy.shop.regular_min_visits,
            learn_until_us,
            newcomers=policy.outreach.step_of(Kind.SECOND_VISIT) is not None,
            messages_sent=policy.outreach.messages_are_sent,
            weighs=policy.outreach.weighs or policy.outreach.is_limited,
            clocks=policy.outreach.weighs,
        )
        self._adopt(state)

    def _adopt(self, state: PartitionState) -> None:
        """Puts the rooms of the partition together around its own record."""
        self.state = state
        self._read_back = RecordsRead(state, self._pace, self.sources)
        self.realised_at_start = state.realised.copy()
        self._adopt_time(state)
        self._adopt_outreach(state)
        self._adopt_effects()

    def _adopt_time(self, state: PartitionState) -> None:
        """When something comes up, who is there then, and how they stand."""
        policy, roster = self.policy, self.roster
        self.scoreboard = Scoreboard(
            self.everybody, state, self.sources, policy.shop.regular_min_visits, keeps_records=self._keeps_records
        )
        self.rhythm = Rhythm(self.calendar, policy.timing.feed_silence_hours, state.rhythm)
        self.timeline = Timeline(
            policy.timing,
            state.clock,
            self.calendar,
            roster.customers,
            self.everybody,
            self.rhythm,
            self.sources,
            self._look,
            self._refresh,
            roster.aside,
            None if roster.attic is None else roster.unfold_due,
        )
        self.presence = Presence(roster, self.identities, self.everybody, self.scoreboard, self.timeline, self.counts)

    def _adopt_outreach(self, state: PartitionState) -> None:
        """Who is asked, and what that brought."""
        outreach = self.policy.outreach
        self.brought = Brought(outreach, self.everybody, self.calendar, self.brought_sums)
        self.ladder = Ladder(
            outreach,
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
            outreach,
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

    def _adopt_effects(self) -> None:
        """What each kind of event does."""
        history_days = self.policy.shop.history_days
        calendar, timeline, everybody, scoreboard = self.calendar, self.timeline, self.everybody, self.scoreboard
        roster, presence, identities = self.roster, self.presence, self.identities
        ladder, occasions, brought = self.ladder, self.occasions, self.brought
        ledger, counts, outputs = self.ledger, self.counts, self._outputs
        books = Bookkeeping(roster, timeline, scoreboard, counts, history_days)
        visits = Visits(calendar, timeline, everybody, ladder, ledger, scoreboard, counts, history_days)
        merging = Merging(calendar, timeline, everybody, ladder, ledger, visits, brought, history_days)
        self._purchases = Purchases(
            calendar, roster, presence, books, timeline, everybody, ledger, visits, occasions, brought, counts
        )
        self._feedback = Feedback(calendar, roster, presence, books, timeline, ledger, occasions, counts)
        self._profiles = Profiles(
            roster, presence, books, timeline, scoreboard, ladder, occasions, brought, counts, outputs
        )
        self._erasures = Erasures(
            roster, presence, identities, timeline, everybody, scoreboard, ladder, occasions, brought, counts, outputs
        )
        self._moves = Moves(
            calendar,
            roster,
            presence,
            books,
            identities,
            timeline,
            ledger,
            merging,
            self._profiles,
            self._erasures,
            occasions,
            counts,
            history_days,
        )

    @property
    def customers(self) -> dict[str, Customer]:
        """Those who are not folded, by id."""
        return self.roster.customers

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
            self.everybody.refresh(self.calendar.day_of(at_us), self.roster.read)
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
            self.roster.touch(customer)

    # ---- events

    def apply(self, event: Applied, wall_us: int = 0) -> None:
        """Takes in one accepted event. `wall_us`: the present instant where the wall clock rules, else ignored.

        FullTurnError: it waits, and has changed nothing but that dates before it have come up."""
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
                self._purchases.told(event)
                if event.left_out:
                    self.counts.leave_out(event.left_out)
            case SurveyAnswer():
                self._feedback.answered(event)
            case Resolved():
                self._feedback.resolved(event)
            case Profile():
                self._profiles.told(event)
            case Erasure():
                self._erasures.erase(event.customer_id)
            case Withdrawal():
                self._profiles.withdrawn(event)
            case Merge():
                self._moves.merge(event)
            case SignOfLife():
                self._purchases.heard(event)
            case Arrival():
                self._moves.arrive(event)
            case Moved():
                if event.customer_id in self._merged and event.into != event.customer_id:
                    self.identities.send_on(event.customer_id, event.into)
            case IdErased():
                if event.customer_id in self._merged:
                    self.identities.refuse(event.customer_id)
                else:
                    self._erasures.erase(event.customer_id)
            case _:
                assert_never(event)

    def resume(self, said_us: int) -> bool:
        """The operator says that what is held may go out (`Brake.resume`). Returns whether anything was held."""
        held = self.ladder.brake.resume(self.today, said_us)
        self._changed |= self.ladder.brake.changed
        return held

    def let_go(self) -> list[dict[Any, Any] | list[Any] | set[Any] | deque[Any]]:
        """Nobody goes on with this engine: its rooms know nobody any more who knows them, and are gone with it. Returns
        what holds much, to be emptied bit by bit before, in this order."""
        return [
            *self.timeline.let_go(),
            *self.scoreboard.let_go(),
            *self.identities.let_go(),
            *self.roster.let_go(),
        ]

    # ---- what is asked of it

    def scores(self, customer_id: str, at_us: int | None = None) -> Scores | None:
        """The customer's numbers at `at_us` (default: now); None for an unknown customer, and for one who objects to
        profiling."""
        customer = self.roster.customer(customer_id)
        if customer is None or customer.objects:
            return None
        return self.scoreboard.scores_of(customer, self.timeline.now_us if at_us is None else at_us)

    def waiting(self) -> tuple[int, int, int]:
        """What `drain` would hand out: snapshots and other records of the state, outputs without scores, days of the
        ledger."""
        return (self.roster.waiting, len(self._outputs), self.ledger.dirty_days)

    @property
    def has_decided(self) -> bool:
        """Whether there are decisions to take."""
        return bool(self._outputs)

    # ---- turns and state

    def take_outputs(self) -> list[Output]:
        """Decisions since the last call, where nobody keeps the state (a backtest): no snapshots are made, no scores
        published."""
        self.scoreboard.drop()
        self.roster.written()
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
            self.presence.published(published)
        state = self.roster.changed_records()
        state.extend(self.identities.take_records().items())
        if self.timeline.passage is not self._passage_told:
            self._passage_told = told = self.timeline.passage
            self._passage_read = None if told is None else pack(told.fields())
            state.append((PASSAGE_KEY, self._passage_read))
        if self._changed:
            state.extend(
                changed_records(
                    self.state,
                    self.everybody,
                    self.ladder.brake,
                    self._pace,
                    self.rhythm,
                    self.sources,
                    self.scoreboard,
                )
            )
        parcels, brought = self.identities.take_parcels(), self.brought_sums.take_changed()
        turn = Turn([*self._take_outputs(), *published], state, self.ledger.take_dirty(), parcels, brought)
        self._changed = False
        self.roster.written()
        self.presence.turn_ended()
        return turn

    # ---- state that is read back

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Takes over one record of the state changelog. Call `restored` after the last."""
        if key == KEYED_KEY:
            if value is not None:
                self.identities.keyed_before(value)
                if not self._has_secret:
                    self._key = value
        elif self._read_back.take(key, value) or self.identities.restore(key, value):
            pass
        elif key == PASSAGE_KEY:
            self._passage_read = value
        elif (chunk := chunk_of_key(key)) is not None:
            self.roster.restore_chunk(*chunk, value)
        elif key.startswith(OWN_PREFIX):
            return  # a later release's, which this one has no use for
        else:
            self.roster.restore(key, value)

    def draw_without_secret(self) -> None:
        """The state began without a secret: whoever is in the control group, or has drawn another lot, stays so. To be
        said before `restored`."""
        former = self.identities.former_salt
        if former is not None:
            self._key = former

    def restored(self) -> None:
        """Rebuilds what is derived: the due queue, the open silences, the counts. Raises ValueError for a record that
        is none of a customer."""
        read, known_hours, bases = self._read_back, self.rhythm, self.scoreboard.bases()
        self.everybody.restored(read.state.population, read.learned, ())
        read.restore_brake()
        read.restore_bases(bases)
        self._adopt(read.state)
        self.rhythm.take_cells(known_hours)
        read.restore_rhythm(self.rhythm)
        self.scoreboard.restored(self.presence.read_back(self.state.published), self.state.clock.now_us, bases)
        self.roster.restored()
        if self._passage_read is not None:
            self._passage_told = self.timeline.resume(unpack(self._passage_read))
        self.timeline.wake()

    def recount(self) -> None:
        """Other visits make a regular than when the state was stored."""
        self.everybody.recount(self.roster.everybody())
