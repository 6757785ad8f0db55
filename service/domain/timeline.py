"""When is what looked at: stream time, the dates that are stored, and the weekly refresh of what is learned, each in
its turn.

Events move time, and so does the wall clock where it rules; on the way every date that is passed comes up, and every
refresh. Where more come up than find room in a turn, the event waits for the next one, and time with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from math import exp
from typing import Any, Final

from service.domain.calendar import DAY_US, Calendar
from service.domain.clock import ClockState, StreamClock
from service.domain.customer import Customer
from service.domain.due import DueQueue
from service.domain.learning.everybody import Everybody
from service.domain.policy import ClockMode, Timing
from service.domain.rhythm import Rhythm
from service.domain.sources import Source, Sources, number_of, vote
from service.domain.stumbling import FullTurnError

UNLIMITED: Final = 1 << 60
_APART: Final = 0.4
"""Of a customer's usual gap: who comes again sooner says little about whether the shop is open."""


def _nobody_looks(wake_us: int, customer: Customer) -> None:
    """Of a timeline that nobody goes on with."""


def _nobody_refreshes(at_us: int) -> None:
    """The same."""


class Passage:
    """An event has moved time, and waits until every date before it has come up; or, over, has not come since."""

    def __init__(self, from_us: int, to_us: int, at_us: int, customer_id: str) -> None:
        """Stream time before and after it; its own time, and whose it is."""
        self.from_us: Final = from_us
        self.to_us: Final = to_us
        self.at_us: Final = at_us
        self.customer_id: Final = customer_id

    @property
    def is_over(self) -> bool:
        """Time has moved, and the event that it was counted for has still to come: something else came before it."""
        return self.from_us == self.to_us

    def over(self) -> Passage:
        """The same when all dates before it have come up."""
        return Passage(self.to_us, self.to_us, self.at_us, self.customer_id)

    def fields(self) -> tuple[object, ...]:
        """As it is stored, while it lasts."""
        return self.from_us, self.to_us, self.at_us, self.customer_id


class Timeline:
    """Time of one partition. A tick, or an event, with nothing due costs a comparison."""

    def __init__(
        self,
        timing: Timing,
        state: ClockState,
        calendar: Calendar,
        customers: Mapping[str, Customer],
        everybody: Everybody,
        rhythm: Rhythm,
        sources: Sources,
        look: Callable[[int, Customer], None],
        refresh: Callable[[int], None],
        aside: AbstractSet[str] = frozenset(),
        folded_on: Callable[[int], list[Customer]] | None = None,
    ) -> None:
        """`look(date, customer)` is called for each stored date, and must move it; `refresh(at)` at each refresh, and
        must move that. `aside`: customers whose dates do not come up. `folded_on`: as the queue's."""
        self.clock = StreamClock(timing, state, rhythm)
        self.rhythm = rhythm
        """When the whole feed normally sells."""
        self.sources = sources
        self._state = state
        self._calendar = calendar
        self._everybody = everybody
        self._look = look
        self._refresh = refresh
        self._queue = DueQueue(customers, folded_on, state.now_us // DAY_US, aside)
        self.wall_clock = timing.clock is ClockMode.WALL
        self.now_us = state.now_us
        """Stream time; 0 before the first event."""
        self.today = calendar.day_of(state.now_us)
        """Local day of stream time."""
        self.acted_us = 0
        """The present instant where the wall clock rules."""
        self.until_us = UNLIMITED
        """Dates beyond do not come up yet, whatever time it is: what was sold before them may still be on its way."""
        self._looks_left = UNLIMITED
        self._room = UNLIMITED
        """Dates for which there is room before `_more` is asked."""
        self._more: Callable[[], int] | None = None
        self.looked_at = 0
        """Dates that have come up so far."""
        self.passage: Passage | None = None
        """None: no event waits for dates before it, or is awaited that has been counted."""
        self._wake_us = -1
        self._hour_ends_us = 0
        """Of the hour that the rhythm has been told of."""
        if state.now_us:
            rhythm.known_before(calendar.hour_of(state.now_us))

    @property
    def dates_waiting(self) -> int:
        """Entries in the due queue, stale ones included."""
        return len(self._queue)

    def due_before(self, until_us: int) -> tuple[list[tuple[int, str]], list[list[Customer]]]:
        """Who may have a date that comes up before then if nothing arrives (due.py)."""
        return self._queue.before(until_us)

    def acts_at(self, due_us: int) -> int:
        """When what was due then is acted on: later, where the wall clock rules and it is past."""
        return max(due_us, self.acted_us) if self.wall_clock else due_us

    def observe(self, at_us: int, customer_id: str, day: int) -> None:
        """An event moves time; dates before it come up before it is applied. `day` is the event's local day. Raises
        FullTurnError where the turn has no room for them; they go on when the event is given again."""
        if self.passage is not None and self._is_there(self.passage, at_us, customer_id):
            return
        reached = self.clock.observe(at_us, customer_id)
        if reached > self.now_us:
            if reached >= self._hour_ends_us:
                self._pass_hours(reached)
            if self._wake_us < reached and self._wake_us < self.until_us:
                if not self._pass(reached, reached, waits=True):
                    self.passage = Passage(self.now_us, reached, at_us, customer_id)
                    raise FullTurnError
            else:
                self.now_us = reached
                self.today = day if reached == at_us else self._calendar.day_of(reached)

    def _is_there(self, passage: Passage, at_us: int, customer_id: str) -> bool:
        """What is under way goes on first, whatever event has come. Returns whether it is the one that waited, which
        has been counted."""
        if not (passage.is_over or self._pass(passage.to_us, passage.to_us, waits=True)):
            raise FullTurnError
        is_it = passage.at_us == at_us and passage.customer_id == customer_id
        self.passage = None if is_it else self._over(passage)
        return is_it

    @staticmethod
    def _over(passage: Passage) -> Passage:
        return passage if passage.is_over else passage.over()

    def advance(self, to_us: int) -> None:
        """The partition is complete up to `to_us`: every date up to then comes up, and up to where events have moved
        time, but none beyond `until_us`."""
        if self.passage is not None:  # what it waited for is passed over, or comes up now
            self.passage = self._over(self.passage)
        reached = self.clock.advance(to_us)
        if reached > self.now_us or self.behind:
            if reached >= self._hour_ends_us:
                self._pass_hours(reached)
            self._pass(reached, reached + 1, waits=False)

    def grant(self, looks: int) -> None:
        """At most so many dates come up until the next call, where the wall clock rules: the rest comes up late, as it
        would if nobody had asked earlier, and whoever comes meanwhile is not looked at as absent. Without a call there
        is no limit."""
        if self.wall_clock:
            self._looks_left = looks

    def bound(self, room: int, more: Callable[[], int] | None) -> None:
        """From now on there is room for what so many dates may lead to. `more`: for how many others there is when those
        have come up, 0 when the turn is full, and the event that they come before is to wait. None, and without a call:
        every event is applied at once. Nothing else depends on it."""
        self._room, self._more = (UNLIMITED if more is None else room), more

    @property
    def behind(self) -> bool:
        """Whether dates that have passed have not come up yet, though they may."""
        return 0 <= self._wake_us < min(self.now_us, self.until_us)

    def _pass_hours(self, reached: int) -> None:
        self.rhythm.pass_to(self._calendar.hour_of(reached))
        self._hour_ends_us = self._calendar.hour_end_us(reached)

    def arrived(self, customer: Customer, at_us: int, name: str = "") -> None:
        """The customer, who is as before this visit, has come: the shop sells, and the source of that name, if it has
        one."""
        if at_us > self.now_us:  # beyond an unconfirmed jump
            self.rhythm.arrived_ahead(self._calendar.hour_of(at_us))
            return
        visits = customer.visits
        self.rhythm.came(at_us, customer.last_us)
        if name:
            self._source(name).rhythm.came(at_us, customer.last_us)
        if visits and at_us - customer.last_us < _APART * exp(customer.log_usual) * DAY_US:
            return
        hour = self._calendar.hour_of(at_us)
        self.rhythm.arrived(hour, returning=visits > 0)
        if name:
            source, now_us, feed_us = self._source(name), self._state.now_us, self.stalled_us()
            source.pass_to(self.rhythm.state.hour)
            if not (source.rhythm.silent or self.rhythm.silent):
                source.settle(now_us, feed_us)
            source.rhythm.arrived(hour, returning=visits > 0)
            source.changed = True

    def belongs(self, customer: Customer, name: str) -> None:
        """A visit to the source of that name."""
        vote(customer, number_of(self._source(name).name))

    def _source(self, name: str) -> Source:
        return self.sources.named(name, self.stalled_us())

    def _pass(self, now_us: int, before_us: int, *, waits: bool) -> bool:
        """Moves time; dates before `before_us` and `until_us` come up on the way, refreshes in their turn. Returns
        whether time has moved: where the turn is full, who `waits` has to go on later."""
        before_us = min(before_us, self.until_us)
        while True:
            refresh = self._everybody.next_refresh_us
            stop = before_us if refresh == 0 or refresh >= before_us else refresh
            most = min(self._looks_left, self._room) if waits else self._looks_left
            used = most - self._queue.fire(stop, self._look, most)
            self.looked_at += used
            self._looks_left -= used
            self._room -= used
            if self._looks_left <= 0:
                break
            if waits and self._room <= 0 and self._more is not None and self._queue.next_us < stop:
                self._room = self._more()
                if self._room <= 0:
                    return False
                continue
            if stop == before_us:
                break
            self._refresh(stop)
        if self._everybody.next_refresh_us == 0:
            self._everybody.begin(now_us)
        self.now_us = now_us
        self.today = self._calendar.day_of(now_us)
        self.wake()
        return True

    def resume(self, stored: Sequence[Any]) -> Passage:
        """The state was read back while an event waited, and it still does. `stored`: the passage's fields. Returns
        it."""
        from_us, to_us, at_us, customer_id = stored[:4]
        passage = Passage(from_us, to_us, at_us, customer_id)
        if passage.is_over:
            self.passage = passage
        elif to_us == self._state.now_us:  # else an earlier release, which knows of none, has gone on
            self.passage = passage
            self.now_us, self.today = from_us, self._calendar.day_of(from_us)
        return passage

    def wake(self) -> None:
        """Finds out what comes next."""
        refresh = self._everybody.next_refresh_us
        self._wake_us = min(self._queue.next_us, refresh) if refresh else -1

    def schedule(self, customer: Customer) -> None:
        """The customer's date may have changed."""
        self._queue.schedule(customer)
        self._wake_us = min(self._wake_us, self._queue.next_us)

    def let_go(self) -> list[list[Any] | deque[Any]]:
        """Nobody goes on with it: it knows nobody any more who knows it. Returns what holds much."""
        self._look, self._refresh, self._more = _nobody_looks, _nobody_refreshes, None
        return self._queue.let_go()

    def foldable(self) -> deque[Customer]:
        """Who could be folded when they were looked at, the first to be asked first."""
        return self._queue.foldable

    def may_fold(self, customer: Customer) -> bool:
        """Whether the customer has been away for long, and nothing is due for long."""
        return self._queue.may_fold(customer)

    def is_near(self, customer: Customer) -> bool:
        """Whether the customer's date lies on the day that is open, or is past."""
        return self._queue.is_open(customer.wake_us)

    def folded(self, customer: Customer, day: int) -> None:
        """The customer was folded, and has a date on that day, which is not near; −1: none."""
        self._queue.leave(customer)
        if day >= 0:
            self._queue.expect(day)
            self._wake_us = min(self._wake_us, self._queue.next_us)

    def restored(self, customer: Customer) -> None:
        """A customer of a partition that is read back. Call `wake` after the last."""
        customer.bucket = -1
        self._queue.schedule(customer)

    def forget(self, customer_id: str, stands_for: str) -> None:
        """The customer of this id is erased; where the id is needed to tell people apart, something else stands for
        it."""
        self.clock.forget(customer_id, stands_for)
        passage = self.passage
        if passage is not None and passage.customer_id == customer_id:
            self.passage = Passage(passage.from_us, passage.to_us, passage.at_us, stands_for)

    # ---- silence of the whole feed, which is nobody's absence

    def stalled_us(self) -> int:
        """Total of the feed's silences so far."""
        return self._state.stalled_us + self.rhythm.stalled_us(self._state.now_us)

    def stalled_for(self, customer: Customer) -> int:
        """The same of the customer's store or channel, the feed's included."""
        source = self.sources.of(customer)
        if source is None:
            return self.stalled_us()
        source.pass_to(self.rhythm.state.hour)
        return source.stalled_us(self._state.now_us, self.stalled_us())

    def doubtful(self, customer: Customer) -> bool:
        """Whether the feed, or the customer's part of it, may be silent, so that an absence should not be told now."""
        if self.rhythm.doubtful:
            return True
        source = self.sources.of(customer)
        return source is not None and source.doubtful(self._state.now_us)

    def stalled_at(self, customer: Customer, at_us: int) -> int:
        """The same at a visit, which may lie beyond an unconfirmed jump of time."""
        if at_us <= self.now_us:
            return self.stalled_for(customer)
        feed_us = self._state.stalled_us + self.clock.pending_silence_us() + self.rhythm.foreseen_us(at_us)
        return max(self.stalled_for(customer), feed_us)

    def shut_us(self, customer: Customer, at_us: int) -> int:
        """How much of the absence that ends at `at_us` the whole feed was silent: a shut shop is nobody's absence, and
        nobody's rhythm."""
        episode = customer.episode
        source = self.sources.of(customer)
        if customer.last_us >= self.rhythm.state.silent_from_us or (
            source is not None and customer.last_us >= source.rhythm.state.silent_from_us
        ):  # open for this customer
            return episode.paused_us
        shut = episode.paused_us + self.stalled_at(customer, at_us) - episode.stalled_us
        if self._state.unexplained:
            shut -= self.clock.unexplained_us(customer.last_us, at_us)
        return self.beyond_own_pauses_us(customer, max(0, shut))

    def beyond_own_pauses_us(self, customer: Customer, silent_us: int) -> int:
        """What of the silences in an absence is none of the pauses that are the rhythm of the customer's store or
        channel, or of the whole shop."""
        if silent_us <= 0:
            return 0
        source = self.sources.of(customer)
        return (self.rhythm if source is None else source.rhythm).beyond_own_pauses_us(silent_us)
