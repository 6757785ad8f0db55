"""When a source of purchases normally sells, and what is silent beyond that: a shut shop is nobody's absence.

Learned from its own arrivals: visits of newcomers, and of customers who have been away for a good part of their usual
gap (who orders every day says little about whether the shop is open). For each hour of the week, on the shop's own
clock, how many are usual; what is older weighs less.

From hour to hour two things are followed, both in arrivals that were to be expected:

- how many have been missed since the last one. When it is more than chance and the source's own usual pauses explain,
  and the silence is long enough, the source is silent from the hour in which the next arrival was due. An hour in which
  it never sells adds nothing: a market that is open on Saturdays is silent when a Saturday is missed.
- by how much returning customers fall short of a tenth of what is usual (a one-sided CUSUM of the Poisson
  log-likelihood ratio; E. S. Page, Continuous inspection schemes, Biometrika 41, 1954). A few odd orders do not keep a
  shop alive. Newcomers are left out here: they come and go with the shop's advertisements.

Where hardly anybody comes twice between two pauses of more than a week (all are billed on the first of the month, a
market is held on the first Sunday), the pauses are the customers' rhythm: for as long as they usually last nothing is
silent, and they are taken off nobody's gap. A closed season looks otherwise, for people came often before it.

A silent source is alive again when so many arrive in a row that it cannot be a few odd ones (the same test, the other
way round), from the first of them on. Nothing is learned from a silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Any, ClassVar, Final

from service.domain.calendar import HOUR_US, NEVER, Calendar
from service.domain.stored import Stored
from service.domain.stumbling import hold
from service.domain.summation import in_order

CELLS: Final = 168
"""Hours of a week."""
_HALF_LIFE_WEEKS: Final = 4.0
"""Of what was seen. Longer lags behind a season, shorter takes a slow week for the rule."""
_WEEKLY: Final = 0.5 ** (1.0 / _HALF_LIFE_WEEKS)
_BELIEVED_HOURS: Final = CELLS
"""Every hour of the week has been seen once."""
_NEW_HOURS: Final = CELLS + 24
_BELIEVED_ARRIVALS: Final = 20
_COMPARED_HOURS: Final = 4 * CELLS
"""What falls short is told once so much is known."""
_MISSED: Final = 14.0
"""Arrivals in a row that do not miss by chance (e^−14), nor because a shop sells half of what it did lately."""
_DUE: Final = 0.5
"""Arrivals missed when the next one was due: there a silence begins."""
_PAUSES: Final = 1.5
"""Nor is a source silent before so many of its usual longest pauses: a market may be held every other week."""
_PERIOD: Final = 5 * CELLS
"""Hours whose longest pause counts; the usual one is the shorter of two periods', so that one closure is none."""
_SILENT_SHARE: Final = 0.1
"""Of the usual returning customers: what a shut shop's odd orders are held against. Two fifths of the usual are as far
from it as from the usual."""
_GAIN: Final = -log(_SILENT_SHARE)
_LOSS: Final = 1.0 - _SILENT_SHARE
_DOUBTED: Final = 9.0
_DOUBTED_HOURS: Final = 24
"""Log-likelihood ratio for a silence from which on, and after so many hours, dates wait until it is known whether there
is one: with eight visits a day after two days. Dates that have waited in vain (a Christmas) are late by that."""
_FALLEN_SHORT: Final = 18.0
_SHORT_HOURS: Final = 72
"""The same for a silence. A grocer's Christmas reaches 14."""
_REVIVED: Final = 6.0
"""The same for life: three arrivals at once, or four where one a day is usual."""
_NEW_NORMAL_HOURS: Final = 6 * CELLS
_NEW_NORMAL_SHARE: Final = 0.15
"""A source that goes on for so long with more than so much of the usual is not silent: it has become small."""
_AHEAD_HOURS: Final = 24
"""So long before time is believed to have reached them, arrivals beyond a jump of it count for the end of a silence."""
_LONGEST_FORESEEN: Final = 53 * CELLS
_CLOCK_CHANGE: Final = 26
"""Hours by which a clock may be put on or back at most, a day at the date line included."""
_LONG_PAUSE_US: Final = (CELLS + 12) * HOUR_US
"""More than a week, which the hours of the week cannot explain, and half a day."""
_CAME_AGAIN: Final = 5
"""Customers back from a long pause from whom on can be told whether pauses are their rhythm."""
_FOR_ONE: Final = 4
"""Visits across a pause that weigh like one that is not. Where it is every other (people who come twice around each pay
day), gaps are still told better without the pauses."""
_LEAST_ACROSS: Final = -30_000
_NO_HOUR: Final = -(1 << 40)


class RhythmState(Stored):
    """What a restart must know beside the cells. Hours are the shop's (`Calendar.hour_of`)."""

    STORED: ClassVar[tuple[str, ...]] = (
        "first_hour", "hour", "arrivals", "returning", "late", "late_returning", "total", "skipped", "missed", "due_hour",
        "heard_hour", "shortfall", "short_hour", "silent_hour", "silent_from_us", "revival", "revival_hour", "odd", "awaited",
        "stalled_us", "period", "longest", "longest_before", "longest_earlier", "begun_hour",
        "ahead_hour", "came_utc_hour", "pause_from_us", "pause_us", "across",
    )  # fmt: skip

    def __init__(self) -> None:
        self.first_hour: int = _NO_HOUR
        self.begun_hour: int = _NO_HOUR
        """When it was first heard of."""
        self.hour: int = _NO_HOUR
        """The present one; what has arrived in it is not told apart from what may still come."""
        self.arrivals: int = 0
        self.returning: int = 0
        """Those of them who had come before."""
        self.late: int = 0
        """Arrivals of an earlier hour that became known in this one, and those who had come before."""
        self.late_returning: int = 0
        self.total: int = 0
        self.skipped: int = 0
        """Hours of silence, of which nothing was learned."""
        self.missed: float = 0.0
        """Expected arrivals since the last one."""
        self.due_hour: int = _NO_HOUR
        self.heard_hour: int = _NO_HOUR
        self.shortfall: float = 0.0
        self.short_hour: int = _NO_HOUR
        """Since when returning customers fall short."""
        self.silent_hour: int = _NO_HOUR
        """Where the present silence began; _NO_HOUR: the source is alive."""
        self.silent_from_us: int = NEVER
        self.revival: float = 0.0
        self.revival_hour: int = _NO_HOUR
        self.odd: int = 0
        """Arrivals in the present silence, and how many were to be expected."""
        self.awaited: float = 0.0
        self.stalled_us: int = 0
        """Total length of the silences that are over."""
        self.period: int = 0
        self.longest: float = 0.0
        """Longest pause of the period, in arrivals of a usual week; likewise of the two periods before."""
        self.longest_before: float = 0.0
        self.longest_earlier: float = 0.0
        self.ahead_hour: int = _NO_HOUR
        """Of the earliest arrival that lay ahead of time when it came."""
        self.came_utc_hour: int = 0
        """Of the newest visit, since 1970; 0: there was none."""
        self.pause_from_us: int = 0
        """The last visit before the newest long pause; 0: there was none."""
        self.pause_us: int = 0
        """Usual length of long pauses."""
        self.across: int = 0
        """Visits that were a customer's first since the newest long pause, and not their first ever, less four times
        those that were not; halved at each long pause."""


class Rhythm:
    """Of one source. An arrival costs O(1), an hour that has passed as well. Memory: three numbers per hour of the
    week."""

    def __init__(self, calendar: Calendar, silence_hours: float, state: RhythmState | None = None) -> None:
        """`silence_hours`: the least that counts as silence."""
        self._calendar = calendar
        self._silence_hours = silence_hours
        self.state: Final = state or RhythmState()
        self._arrivals: Final = [0.0] * CELLS
        self._returning: Final = [0.0] * CELLS
        self._learned_at: Final = [0] * CELLS
        """Observed hours at which the cell was last brought up to date."""
        self.touched: Final[set[int]] = set()
        """Cells changed since they were last stored."""
        self._foreseen_for = (_NO_HOUR, 0, False, False)
        self._foreseen = (NEVER, NEVER)

    # ---- what is asked of it

    @property
    def believed(self) -> bool:
        """Whether enough is known to judge by it."""
        state = self.state
        return state.total >= _BELIEVED_ARRIVALS and self._observed(state.hour) >= _BELIEVED_HOURS

    @property
    def is_new(self) -> bool:
        """Whether the source has been heard of for little more than a week."""
        return self.state.hour - self.state.begun_hour <= _NEW_HOURS

    def _own_pause_us(self) -> int:
        """Length of silence that is the customers' rhythm, with room; 0 where none is."""
        state = self.state
        if state.across < _CAME_AGAIN:
            return 0
        return int(_PAUSES * state.pause_us)

    def _may_be_own_pause(self, hour: int) -> bool:
        """Whether a silence that lasts at the begin of an hour may be one of the pauses that are the customers'
        rhythm."""
        own_us = self._own_pause_us()
        return own_us > 0 and self._hour_start_us(hour) - self.state.came_utc_hour * HOUR_US < own_us

    @property
    def silent(self) -> bool:
        """Whether nobody's absence can be told from the source's silence at present."""
        return self.state.silent_hour != _NO_HOUR

    @property
    def doubtful(self) -> bool:
        """Whether it may be silent, so that nobody's absence should be told now."""
        state = self.state
        return state.silent_hour != _NO_HOUR or (
            state.shortfall >= _DOUBTED
            and state.shortfall >= self._usual_pause()
            and state.hour - state.short_hour >= _DOUBTED_HOURS
            and not self._may_be_own_pause(state.hour)
            and self._observed(state.hour) >= _COMPARED_HOURS
            and self._silence_hours < _LONGEST_FORESEEN
        )

    def stalled_us(self, now_us: int) -> int:
        """Total of the silences up to now; of one that may be over, up to the first who came again."""
        state = self.state
        if state.silent_hour == _NO_HOUR:
            return state.stalled_us
        hour = state.hour
        if state.revival > 0.0:
            now_us = self._hour_start_us(self._began(state.revival_hour))
        elif state.arrivals or state.late or hour - _AHEAD_HOURS <= state.ahead_hour < hour:
            now_us = min(now_us, self._hour_start_us(self._began(hour)))
        return state.stalled_us + max(0, now_us - state.silent_from_us)

    def foreseen_us(self, at_us: int) -> int:
        """The same up to a later instant, if nobody arrives until then."""
        if self.silent:
            return self.stalled_us(at_us)
        if self._calendar.hour_of(at_us) + _CLOCK_CHANGE < self._silent_from_hour():
            return self.state.stalled_us  # too soon for any silence to be told
        told_us, from_us = self._foresee()
        return self.state.stalled_us + (at_us - from_us if at_us >= told_us else 0)

    def told_us(self) -> int:
        """When the source will be known to be silent if nobody arrives (0: it is known); NEVER if it will not for a
        year."""
        return 0 if self.silent else self._foresee()[0]

    def beyond_own_pauses_us(self, silent_us: int) -> int:
        """What of a gap's silences is none of the pauses that are its customers' rhythm."""
        return silent_us if silent_us > self._own_pause_us() else 0

    def usual_per_week(self) -> float:
        """Arrivals of a usual week."""
        return in_order(self._usual(cell, self._arrivals) for cell in range(CELLS))

    # ---- what it is told

    def known_before(self, hour: int) -> None:
        """The source was heard of long before its rhythm is learned (by an earlier release)."""
        if self.state.first_hour == _NO_HOUR:
            self.pass_to(hour)
            self.state.begun_hour = hour - _NEW_HOURS - 1

    def came(self, at_us: int, last_us: int) -> None:
        """A visit, told before `arrived` and of everybody. `last_us`: of the customer's visit before; 0: it is their
        first."""
        state = self.state
        hour = at_us // HOUR_US
        if hour > state.came_utc_hour:
            if hour - state.came_utc_hour > _LONG_PAUSE_US // HOUR_US and state.came_utc_hour:
                self._paused_long((state.came_utc_hour + 1) * HOUR_US, hour * HOUR_US)
            state.came_utc_hour = hour
        if last_us:
            is_across = last_us < state.pause_from_us < at_us
            state.across = max(_LEAST_ACROSS, state.across + (1 if is_across else -_FOR_ONE))

    def arrived(self, hour: int, *, returning: bool) -> None:
        """Somebody has come, in an hour up to the present one."""
        state = self.state
        state.total += 1
        if hour >= state.hour:
            state.arrivals += 1
            state.returning += returning
        else:
            state.late += 1
            state.late_returning += returning
            if state.silent_hour == _NO_HOUR:
                self._learn(hour % CELLS, 1, int(returning))

    def counted(self, until_us: int) -> None:
        """The silence that ended then was told by the feed's pulse, before the hours were known well enough: it is
        nothing that they tell as well."""
        self.pass_to(self._calendar.hour_of(until_us))
        self.state.missed = self.state.shortfall = 0.0
        if self.silent:
            self.state.silent_from_us = max(self.state.silent_from_us, until_us)

    def arrived_ahead(self, hour: int) -> None:
        """Somebody has come in an hour that time is not believed to have reached."""
        if not self.state.hour < self.state.ahead_hour <= hour:
            self.state.ahead_hour = hour

    def pass_to(self, hour: int) -> None:
        """Time has reached that hour."""
        state = self.state
        if state.first_hour == _NO_HOUR:
            state.first_hour = state.hour = state.heard_hour = state.begun_hour = hour
            state.period = hour // _PERIOD
        while state.hour < hour:
            self._end_hour()
            if hour - state.hour > CELLS and state.hour % CELLS == 0:
                self._leap(hour)

    def _paused_long(self, from_us: int, until_us: int) -> None:
        state = self.state
        length = until_us - from_us
        state.pause_from_us = from_us
        state.pause_us = (state.pause_us + length) // 2 if state.pause_us else length
        state.across //= 2

    # ---- from hour to hour

    def _leap(self, hour: int) -> None:
        """Passes the hours, up to that one, of which is plain what they bring where nobody comes: a date decades ahead
        costs no more than the years after which nothing is expected any more."""
        state = self.state
        if state.silent_hour != _NO_HOUR:
            self._wait_alone(hour)
        elif state.total < _BELIEVED_ARRIVALS:
            state.hour = hour
        elif self.believed and self._faded():
            if state.missed >= _MISSED:
                hour = min(hour, state.heard_hour + int(self._silence_hours))
            if state.shortfall >= _FALLEN_SHORT:
                hour = min(hour, state.short_hour + int(max(_SHORT_HOURS, self._silence_hours)) - 1)
            state.hour = max(state.hour, hour)

    def _wait_alone(self, until: int) -> None:
        """Hours of a silent source in which nobody comes, from the begin of a week on: each week like the one before,
        for nothing is learned."""
        state = self.state
        known = self.believed
        usual = [self._usual(cell, self._arrivals) if known else 0.0 for cell in range(CELLS)]
        expected = [(cell, usual[cell]) for cell in range(CELLS) if usual[cell] > 0.0]
        awaited, revival = state.awaited, state.revival
        for week in range(state.hour, until, CELLS):
            for cell, arrivals in expected:
                if week + cell < until:
                    awaited += arrivals
                    revival = max(0.0, revival - _LOSS * arrivals)
        state.awaited, state.revival = awaited, revival
        state.skipped += until - state.hour
        state.hour = until

    def _faded(self) -> bool:
        """Whether so little is expected that what is missed does not grow by it (twice as much would not: what is
        expected only fades)."""
        missed, shortfall = self.state.missed, self.state.shortfall
        for cell in range(CELLS):
            if missed + 2.0 * self._usual(cell, self._arrivals) != missed:
                return False
            if shortfall + 2.0 * _LOSS * self._usual(cell, self._returning) != shortfall:
                return False
        return True

    def _end_hour(self) -> None:
        state = self.state
        hour, known = state.hour, self.believed
        cell = hour % CELLS
        came, returned = state.arrivals + state.late, state.returning + state.late_returning
        usual = self._usual(cell, self._arrivals) if known else 0.0
        if state.silent_hour != _NO_HOUR:
            self._wait(came, usual)
        else:
            if known:
                self._compare(came, returned, usual, self._usual(cell, self._returning))
            if state.arrivals:
                self._learn(cell, state.arrivals, state.returning)
        state.arrivals = state.returning = state.late = state.late_returning = 0
        state.hour = hour + 1
        if known and state.silent_hour == _NO_HOUR:
            begin = self._silence(
                state.hour, state.heard_hour, state.missed, state.due_hour, state.shortfall, state.short_hour
            )
            if begin != _NO_HOUR:
                self._fall_silent(begin)

    def _compare(self, came: int, returned: int, usual: float, usually_return: float) -> None:
        """An hour of a source that is alive."""
        state = self.state
        if came:
            if state.missed > _MISSED / 2:
                self._paused(state.missed, state.hour - state.heard_hour)
            state.missed = 0.0
            state.heard_hour = state.hour
        else:
            if state.missed < _DUE <= state.missed + usual:
                state.due_hour = state.hour
            state.missed += usual
        before = state.shortfall
        state.shortfall = max(0.0, before + _LOSS * usually_return - _GAIN * returned)
        if before == 0.0 and state.shortfall > 0.0:
            state.short_hour = state.hour

    def _silence(
        self, hour: int, heard_hour: int, missed: float, due_hour: int, shortfall: float, short_hour: int
    ) -> int:
        """Where the silence began that is known at the begin of an hour; _NO_HOUR: there is none."""
        begin = self._silence_by_hours(hour, heard_hour, missed, due_hour, shortfall, short_hour)
        return _NO_HOUR if begin != _NO_HOUR and self._may_be_own_pause(hour) else begin

    def _silence_by_hours(
        self, hour: int, heard_hour: int, missed: float, due_hour: int, shortfall: float, short_hour: int
    ) -> int:
        if missed >= _MISSED and hour - 1 - heard_hour >= self._silence_hours and missed >= self._usual_pause():
            return due_hour
        if (
            shortfall >= _FALLEN_SHORT
            and shortfall >= self._usual_pause()
            and hour - short_hour >= max(_SHORT_HOURS, self._silence_hours)
            and self._observed(hour) >= _COMPARED_HOURS
        ):
            return short_hour
        return _NO_HOUR

    def _usual_pause(self) -> float:
        """Arrivals missed that the source's own usual pauses explain."""
        usual = min(self.state.longest_before, self.state.longest_earlier)
        return _PAUSES * usual * self.usual_per_week() if usual > 0.0 else 0.0

    def _fall_silent(self, begin: int) -> None:
        state = self.state
        state.silent_hour, state.silent_from_us = begin, self._hour_start_us(begin)
        state.skipped += state.hour - begin
        state.awaited = max(state.missed, state.shortfall / _LOSS)
        state.odd = 0
        state.revival = state.missed = state.shortfall = 0.0

    def _wait(self, came: int, usual: float) -> None:
        """An hour of a silent source."""
        state = self.state
        state.skipped += 1
        state.awaited += usual
        state.odd += came
        before = state.revival
        state.revival = max(0.0, before + _GAIN * came - _LOSS * usual)
        if before == 0.0 and state.revival > 0.0:
            state.revival_hour = state.hour
        if state.revival >= _REVIVED:
            self._revive(state.revival_hour)
        elif (
            came
            and state.hour - state.silent_hour >= _NEW_NORMAL_HOURS
            and state.odd >= _NEW_NORMAL_SHARE * state.awaited
        ):
            self._revive(state.hour)
            self._forget()

    def _revive(self, hour: int) -> None:
        state = self.state
        state.stalled_us += max(0, self._hour_start_us(self._began(hour)) - state.silent_from_us)
        state.silent_hour, state.silent_from_us = _NO_HOUR, NEVER
        self._paused(state.awaited, hour - state.heard_hour)
        state.missed = state.shortfall = state.revival = 0.0
        state.heard_hour = state.hour

    def _began(self, hour: int) -> int:
        """Where life began that was noticed in this hour."""
        ahead = self.state.ahead_hour
        return ahead if hour - _AHEAD_HOURS <= ahead < hour else hour

    def _forget(self) -> None:
        """The source has become another one, whose rhythm is not known."""
        state = self.state
        state.first_hour, state.skipped, state.total = state.hour, 0, 0
        for cell in range(CELLS):
            self._arrivals[cell] = self._returning[cell] = 0.0
            self._learned_at[cell] = 0
            self.touched.add(cell)

    def _paused(self, missed: float, hours: int) -> None:
        """A pause of so many hours is over, in which so many arrivals were missed. Of a long one the customers tell
        whether it is their rhythm, or else it would be nobody's absence at first, and everybody's later."""
        if hours * HOUR_US > _LONG_PAUSE_US:
            return
        state = self.state
        period, weekly = state.hour // _PERIOD, self.usual_per_week()
        if period != state.period:
            state.longest_earlier, state.longest_before, state.longest = state.longest_before, state.longest, 0.0
            if period > state.period + 1:
                state.longest_earlier, state.longest_before = state.longest_before, 0.0
            state.period = period
        if weekly > 0.0:
            state.longest = max(state.longest, missed / weekly)

    # ---- the hours of the week

    def _observed(self, hour: int) -> int:
        """Hours of which something was learned."""
        return hour - self.state.first_hour - self.state.skipped

    def _usual(self, cell: int, counts: list[float]) -> float:
        """What an hour of the week brings, by what was seen of it."""
        count = counts[cell]
        if count == 0.0:
            return 0.0
        observed = self._observed(self.state.hour)
        count *= _WEEKLY ** (max(0, observed - self._learned_at[cell]) / CELLS)
        return float(count * (1.0 - _WEEKLY) / (1.0 - _WEEKLY ** max(1.0, observed / CELLS)))

    def _learn(self, cell: int, arrivals: int, returning: int) -> None:
        observed = self._observed(self.state.hour)
        kept = _WEEKLY ** (max(0, observed - self._learned_at[cell]) / CELLS)
        self._arrivals[cell] = float(self._arrivals[cell] * kept + arrivals)
        self._returning[cell] = float(self._returning[cell] * kept + returning)
        self._learned_at[cell] = observed
        self.touched.add(cell)

    def _hour_start_us(self, hour: int) -> int:
        return self._calendar.start_of(hour // 24) + hour % 24 * HOUR_US

    def _foresee(self) -> tuple[int, int]:
        """When the source will be known to be silent if nobody arrives any more, and from when on it will have been."""
        state = self.state
        heard = state.arrivals > 0 or state.late > 0
        asked = (state.hour, state.late, heard, self.believed)
        if asked != self._foreseen_for:
            self._foreseen_for, self._foreseen = asked, self._foresee_anew()
        return self._foreseen

    def _silent_from_hour(self) -> float:
        """No silence can be told before that hour, if nobody arrives any more."""
        state = self.state
        since = state.hour
        if not (state.arrivals or state.late):
            since = min(state.heard_hour, state.short_hour if state.shortfall > 0.0 else state.hour)
        own_us, told = self._own_pause_us(), since + self._silence_hours
        return max(told, self._calendar.hour_of(state.came_utc_hour * HOUR_US + own_us)) if own_us else told

    def _foresee_anew(self) -> tuple[int, int]:
        state = self.state
        if not self.believed:
            return NEVER, NEVER
        usual = [self._usual(cell, self._arrivals) for cell in range(CELLS)]
        returning = [self._usual(cell, self._returning) for cell in range(CELLS)]
        missed, due_hour = state.missed, state.due_hour
        shortfall, short_hour = state.shortfall, state.short_hour
        first, heard_hour = state.hour, state.heard_hour
        hour, last, observed = first, first + _LONGEST_FORESEEN, self._observed(first)
        if state.arrivals or state.late:  # this hour is no silence
            missed = shortfall = 0.0
            heard_hour = hour
            hour += 1
        if self._silent_from_hour() > last:
            return NEVER, NEVER  # none would be long enough
        known = 1.0 - _WEEKLY ** max(1.0, observed / CELLS)
        while hour < last:
            cell, ahead = hour % CELLS, hour - first
            fading = _WEEKLY ** (ahead / CELLS) * known / (1.0 - _WEEKLY ** max(1.0, (observed + ahead) / CELLS))
            if missed < _DUE <= missed + usual[cell] * fading:
                due_hour = hour
            missed += usual[cell] * fading
            if shortfall == 0.0 and returning[cell] > 0.0:
                short_hour = hour
            shortfall += _LOSS * returning[cell] * fading
            hour += 1
            begin = self._silence(hour, heard_hour, missed, due_hour, shortfall, short_hour)
            if begin != _NO_HOUR:
                return self._hour_start_us(hour), self._hour_start_us(begin)
        return NEVER, NEVER

    # ---- what is stored

    def cell(self, cell: int) -> tuple[float, float, int]:
        """What is known of an hour of the week, as it is stored."""
        return self._arrivals[cell], self._returning[cell], self._learned_at[cell]

    def changed_cells(self) -> list[int]:
        """Hours of the week that have changed since the last call."""
        changed = sorted(self.touched)
        self.touched.clear()
        return changed

    def take_cells(self, other: Rhythm) -> None:
        """As another one knows them."""
        for cell in range(CELLS):
            self.restore_cell(cell, other.cell(cell))

    def restore_cell(self, cell: int, stored: Sequence[Any]) -> None:
        """Back from `cell`. Raises LaterReleaseError where there is more."""
        hold(stored, 3, "an hour of the week")
        self._arrivals[cell], self._returning[cell], self._learned_at[cell] = stored
