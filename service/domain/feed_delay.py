"""How late purchases arrive: what the feed's own records say of the time between a sale and its arrival in the log.

A shop that delivers once a night must not have everybody called absent in the evening who bought at noon. So an
absence is concluded only for a time up to which, by what has been seen, everything has arrived.

Learned by the day of arrival and kept for eight of them, so that a delivery that comes once a week is remembered until
the next and a shop that has gone live is prompt again in days. Of each day two numbers are kept: the delay that all but
a hundredth of its purchases (and all but one at least) kept within, and the one that all but a hundredth did. The first
counts by itself; the second, which one purchase alone can set, when another day confirms it: a single straggler teaches
nothing.

Purchases that are later than the ceiling are history, not late. Where they are many among what arrives in a minute, it
is a history that is being loaded, whose youngest part teaches nothing either, in that minute and in those that follow
on it.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import ClassVar, Final

from service.domain.calendar import DAY_US, MINUTE_US, NEVER, SECOND_US
from service.domain.stored import Stored

_FIRST_EDGE_US: Final = SECOND_US
"""What arrives within a second is prompt."""
_RATIO: Final = 1.2
"""Between two edges: a delay is known to a fifth."""
_MARGIN_PERCENT: Final = 10
"""A nightly job does not end at the same minute every night."""
_LONGEST_CEILING_US: Final = 31 * DAY_US
_DAYS_KEPT: Final = 7
"""Closed days of arrival beside the open one: the delivery of a week ago still counts."""
_ONE_IN: Final = 100
"""Of a day's purchases that may be later without being the rule."""
_HISTORY_ONE_IN: Final = 10
"""More of a minute's arrivals beyond the ceiling than this: a history is being loaded."""


def _edges() -> list[int]:
    edges = [_FIRST_EDGE_US]
    while edges[-1] < _LONGEST_CEILING_US * (100 + _MARGIN_PERCENT) // 100:
        edges.append(int(edges[-1] * _RATIO))
    return edges


_EDGES: Final[list[int]] = _edges()
_PROMPT_BINS: Final[int] = bisect_left(_EDGES, MINUTE_US) + 1
"""Bins of what arrives within a minute."""


class DelayState(Stored):
    """What a restart must know. Bounded: eight days, and two lists of bins."""

    STORED: ClassVar[tuple[str, ...]] = ("days", "day", "counts", "minute", "arrivals", "beyond", "follows")

    def __init__(self) -> None:
        self.days: list[list[int]] = []
        """Closed days of arrival: (day since the epoch in UTC, usual delay, worst delay) in µs, oldest first."""
        self.day: int = 0
        """The open day."""
        self.counts: list[int] = []
        """Its purchases by bin, but for those of the open minute."""
        self.minute: int = 0
        """The open minute of arrival, since the epoch."""
        self.arrivals: list[int] = []
        """Its purchases by bin."""
        self.beyond: int = 0
        """Its purchases that were later than the ceiling."""
        self.follows: bool = False
        """It follows directly on a minute in which a history was loaded."""


class FeedDelay:
    """Of one partition."""

    def __init__(self, ceiling_us: int, state: DelayState) -> None:
        """`ceiling_us`: absences wait no longer than this, and what is later is history; 0 = they never wait."""
        self._ceiling_us = min(ceiling_us, _LONGEST_CEILING_US)
        self._state = state

    def learn(self, arrived_us: int, occurred_us: int, now_us: int = NEVER) -> None:
        """A purchase of `occurred_us` lay in the log at `arrived_us`; 0 or less: nobody knows when it arrived.

        `now_us`: it cannot have arrived later, whatever its producer's clock says.
        """
        if arrived_us <= 0:
            return
        arrived_us = min(arrived_us, now_us)
        state = self._state
        minute = arrived_us // MINUTE_US
        if minute != state.minute:
            self._begin_minute(minute)
        late_us = arrived_us - occurred_us
        if late_us <= _FIRST_EDGE_US:
            place = 0
        elif late_us > self._ceiling_us:
            state.beyond += 1
            return
        else:
            place = bisect_left(_EDGES, late_us * (100 + _MARGIN_PERCENT) // 100)
        arrivals = state.arrivals
        if place >= len(arrivals):
            arrivals.extend([0] * (place + 1 - len(arrivals)))
        arrivals[place] += 1

    def delay_us(self, now_us: int) -> int:
        """How long after a sale it has arrived, by what was seen in the days before `now_us`; 0 while nothing is
        known."""
        state = self._state
        counts = self._open_counts()
        today = now_us // DAY_US
        usual, worst = 0, [0, 0]
        for day, its_usual, its_worst in [*state.days, [state.day, *_of_day(counts)]]:
            if today - day <= _DAYS_KEPT:
                usual = max(usual, its_usual)
                worst.append(its_worst)
        worst.sort()
        return min(self._ceiling_us, max(usual, worst[-2]))

    def _begin_minute(self, minute: int) -> None:
        """Puts the open minute to its day, unless a history was loaded in it."""
        state = self._state
        history = self._is_history()
        state.counts = self._open_counts()
        state.follows = history and minute - state.minute in (0, 1)
        state.minute, state.arrivals, state.beyond = minute, [], 0
        day = minute * MINUTE_US // DAY_US
        if day > state.day:
            if state.counts:
                state.days.append([state.day, *_of_day(state.counts)])
            state.days = [kept for kept in state.days if day - kept[0] <= _DAYS_KEPT]
            state.day, state.counts = day, []

    def _open_counts(self) -> list[int]:
        """The open day's purchases by bin, with those of the open minute if they tell anything."""
        state = self._state
        if not state.arrivals or self._is_history():
            return state.counts
        longer, shorter = state.counts, state.arrivals
        if len(longer) < len(shorter):
            longer, shorter = shorter, longer
        total = longer.copy()
        for place, count in enumerate(shorter):
            total[place] += count
        return total

    def _is_history(self) -> bool:
        """Whether what arrives in the open minute is mostly of long ago: prompt purchases end a history."""
        state = self._state
        arrived = sum(state.arrivals)
        if state.beyond * _HISTORY_ONE_IN > arrived + state.beyond:
            return True
        return state.follows and sum(state.arrivals[:_PROMPT_BINS]) * 2 < arrived


def _of_day(counts: list[int]) -> tuple[int, int]:
    """Of a day's purchases by bin the usual and the worst delay."""
    few = sum(counts) // _ONE_IN
    return _all_but(counts, max(1, few)), _all_but(counts, few)


def _all_but(counts: list[int], few: int) -> int:
    """The upper edge of the bin that all but `few` of the purchases lie in or below; 0 for prompt ones."""
    above = 0
    for place in range(len(counts) - 1, 0, -1):
        above += counts[place]
        if above > few:
            return _EDGES[place]
    return 0
