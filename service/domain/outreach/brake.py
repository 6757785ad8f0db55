"""The brake: when far more regulars come due than the shop's own past makes likely, all of them are held.

Half of a feed that is lost without a word, a till that stops sending ids, a clock that runs a month ahead: on every one
of them people who are in the shop come due by the dozen. What is usual is learned per weekday, from the days that are
over: how many regulars come due, and how many come to the shop. Of those who come due it is the mean, halved over four
weeks, or the most of the four weeks before the present one, if that is more: a young shop doubles in a week.

held      when more have come due within seven days, or on this day, than that makes likely: more than twice the usual
          and 4 standard deviations beyond. Where the regulars' visits of seven days lie far below the usual too, the
          loss of a part of the feed is likely already, and 1.1 times the usual and 1.5 standard deviations are enough.
          The spread is learned as well: a shop whose weeks differ much is given more. A loss begins suddenly: where
          visits become fewer week by week, regulars leave indeed, and that is no reason to keep silent. So what is
          usual is no more than what the four weeks before lead to; while visits are few it stays what it was when that
          began.
lifted    when the regulars' visits are back, without those who are new since, and no more come due than usual. Who was
          last seen before waits for one more usual gap from then on, in which a customer whose visits were lost comes
          again. What happened meanwhile teaches nothing. Where visits were never missing, a week ends it: so many are
          quiet indeed. Or by the operator's word: then at once, and for a week nothing is held.

Days of which the whole feed was silent count for neither side, so that a closed shop or an outage does not look like a
loss. Nothing is held before the first regular came due four weeks ago. A visit costs an addition, a silence that comes
due a sum over five weeks.
"""

from __future__ import annotations

from math import exp, log, sqrt
from typing import ClassVar, Final

from service.domain.calendar import DAY_US
from service.domain.stored import Stored
from service.domain.summation import in_order

_WEEK: Final = 7
_WEEKS: Final = 5
_KEPT: Final = _WEEKS * _WEEK + 1
"""Days counted: the present one and five weeks before it."""
_FORGETTING: Final = 1.0 - 0.5**0.25
"""Of what is usual on a weekday, at its next: half in four weeks."""
_LASTING_DAYS: Final = 263.0
"""Mean age of what is lasting: half in half a year. After Christmas the weeks before are not the usual."""
_LEARNED_DAYS: Final = 28
"""From the first regular who came due; before, nobody knows what is usual."""
_TREND_DAYS: Final = 42
"""The same before visits are doubted: what four weeks lead to cannot be told from weeks in which the first customers
are still becoming regulars. A shop that dwindles would seem not to, and all be held for good."""
_SPREAD_FORGETTING: Final = 1.0 / 56.0
_LARGEST_DEVIATION: Final = 25.0
"""What one week can teach of the spread, in variances: a surge must not become the usual spread."""
_FEWEST: Final = 1.0
"""Variance of the rarest: where hardly anybody comes due, five in a week are many."""
_LEAST_DUE: Final = 4
"""In a week: fewer are no surge, whatever is usual."""
_USUAL_TIMES: Final = 2.0
_DEVIATIONS: Final = 4.0
_DAY_TIMES: Final = 3.0
_DAY_DEVIATIONS: Final = 5.0
_FEWER_TIMES: Final = 1.1
_FEWER_DEVIATIONS: Final = 1.5
"""The same where visits are missing."""
_MISSING_SHARE: Final = 0.7
_MISSING_DEVIATIONS: Final = 2.5
"""Visits are missing below this share of the usual ones, if that is so many standard deviations."""
_NEWEST: Final = 2
"""Days over which that is looked at beside the seven: the loss of half a feed shows at once in a large shop."""
_SKEW: Final = 5.0
_MANY: Final = 10.0
"""Usual visits of two days from which they are looked at by themselves."""
_MISSING_DAYS: Final = 16
"""Days in a row on which visits are missing, after which whoever comes due is held, however few they are."""
_DOUBTED_SHARE: Final = 0.8
_DOUBTED_DAYS: Final = 28
"""Below this share of the usual visits nothing is learned, so that a loss does not become the usual; after so many days
in a row it does."""
_BACK_SHARE: Final = 0.7
"""They are back from this share of the usual ones on."""
_BACK_WEIGHT: Final = 0.4
"""Part of a usual week's visits from which can be told whether they are back."""
_WHOLE: Final = 100
_HALF: Final = 50
"""Percent of a day, or of a week, that must be known for it to teach anything."""
_AHEAD: Final = 0.75
"""From the middle of two weeks to that of the one after them, in steps from the two weeks before to these."""
_STEADY_DAYS: Final = 56
"""Learned days from which two days are compared with their weekdays."""


class BrakeState(Stored):
    """What a restart must know."""

    STORED: ClassVar[tuple[str, ...]] = (
        "day", "due", "visits", "known", "usual_due", "usual_visits", "weeks", "learned_days", "due_spread",
        "visit_spread", "stalled_us", "held_us", "held_day", "missed", "lifted_us", "free_until_day",
        "missing_days", "lasting_visits", "resumed_us",
        "doubted_days", "expected_share",
    )  # fmt: skip

    def __init__(self) -> None:
        self.day: int = -1
        """Local day at hand; −1 before the first."""
        self.due: list[int] = [0] * _KEPT
        """Regulars who came due on it and the days before it, the newest first; so the next two."""
        self.visits: list[int] = [0] * _KEPT
        """Visits of regulars."""
        self.known: list[int] = [_WHOLE, *[0] * (_KEPT - 1)]
        """Part of the day on which the feed was there, in percent; 0 for days before the first, and of a loss."""
        self.usual_due: list[float] = [0.0] * _WEEK
        """Regulars who come due on a day, by weekday."""
        self.usual_visits: list[float] = [0.0] * _WEEK
        """Visits of regulars on a day, by weekday."""
        self.weeks: list[int] = [0] * _WEEK
        """Days learned from, by weekday."""
        self.learned_days: int = 0
        """Since the first regular came due."""
        self.due_spread: float = 1.0
        """Variance of a week's count in units of the count: 1 for what comes by chance alone."""
        self.visit_spread: float = 1.0
        self.stalled_us: int = 0
        """Feed silence (running total of the clock) that has been taken off the days."""
        self.held_us: int = 0
        """Since when regulars are held; 0: they are not."""
        self.held_day: int = 0
        """The local day of that."""
        self.missed: bool = False
        """Whether visits were missing at any time since."""
        self.lifted_us: int = 0
        """When missing visits were back after the last time; 0: never."""
        self.free_until_day: int = 0
        """Local day before which nothing is held: by the operator's word, or after a surge that was no loss."""
        self.missing_days: int = 0
        """Days in a row on which visits were missing and nobody was held."""
        self.doubted_days: int = 0
        """Days in a row on which nothing was learned because visits were few."""
        self.resumed_us: int = 0
        """Of the operator's word that was heard last, by the clock of whoever gave it."""
        self.lasting_visits: float = 0.0
        """Visits of regulars on a day, whatever the weekday, halved over half a year."""
        self.expected_share: float = 1.0
        """Of the usual visits, to which those of the last weeks lead, at most 1; where fewer come than that, as it was
        when that began."""


class Brake:
    """Of one partition. Deterministic in the order of its calls."""

    def __init__(self, state: BrakeState) -> None:
        self.state = state
        self.changed: bool = False
        """Whether more than the visits of the day at hand has changed since that was last asked and set back."""

    @property
    def held_us(self) -> int:
        """Since when regulars are held, stream time; 0: they are not."""
        return self.state.held_us

    @property
    def lifted_us(self) -> int:
        """Whoever was last seen before this instant waits for one usual gap from then on; 0: nobody has to."""
        return self.state.lifted_us

    def due_this_week(self) -> tuple[int, float]:
        """How many regulars came due within seven days, the present one included, and how many usually do."""
        return sum(self.state.due[:_WEEK]), self._usual_due()

    def visits_last_week(self) -> tuple[int, float]:
        """How often regulars came in the seven days before the present one, and how often they usually do."""
        usual = self._mean(self.state.usual_visits, 1)
        return sum(self.state.visits[1 : _WEEK + 1]), usual * self._lasting_share()

    def visited(self, day: int, now_us: int, stalled_us: int, first_us: int = 0) -> None:
        """A regular came, while stream time was `now_us`, on local day `day`; `stalled_us`: the clock's total of feed
        silence. `first_us`: of the first visit. Who came for the first time since all are held tells nothing of those
        whose visits are missing."""
        state = self.state
        if day > state.day:
            self._turn_to(day, now_us, stalled_us)
        if not 0 < state.held_us < first_us:
            state.visits[0] += 1

    def came_due(self, day: int, at_us: int, stalled_us: int) -> None:
        """A regular came due on local day `day`, at `at_us`."""
        state = self.state
        if day > state.day:
            self._turn_to(day, at_us, stalled_us)
        back = state.day - day
        if back >= _KEPT:
            return
        self.changed = True
        state.due[back] += 1
        if not state.learned_days:
            state.learned_days = 1
        if not state.held_us and state.day >= state.free_until_day and self._are_too_many(back):
            state.held_us, state.held_day, state.missed = at_us, state.day, self._visits_are_missing()

    def resume(self, day: int, said_us: int = 0) -> bool:
        """By the operator's word, given at `said_us` and heard on local day `day`: what is held may go out, and a week
        long nothing is held. Returns whether anything was held; a word that was heard before changes nothing.
        `said_us` = 0: a word that is not remembered."""
        state = self.state
        if 0 < said_us <= state.resumed_us:
            return False
        self.changed = True
        state.resumed_us = max(state.resumed_us, said_us)
        held = state.held_us > 0 or state.lifted_us > 0
        if held or not said_us:
            state.held_us = state.lifted_us = 0
            state.free_until_day = max(day, state.day) + _WEEK
        return held

    # ---- days

    def _turn_to(self, day: int, at_us: int, stalled_us: int) -> None:
        """The day at hand is over, and those between it and `day`."""
        self.changed = True
        state = self.state
        silent_us, state.stalled_us = max(0, stalled_us - state.stalled_us), stalled_us
        if state.day < 0:
            state.day = day
            return
        passed = min(day - state.day, _KEPT)
        if day - state.day > _KEPT:  # of the days before nothing is known
            state.day = day - _KEPT
        over = [_WHOLE] * passed  # the silence has just ended: it lies in the newest of the days that are over
        for back in range(passed):
            silent = min(silent_us, DAY_US)
            over[back] -= _WHOLE * silent // DAY_US
            silent_us -= silent
        for back in range(passed - 1, -1, -1):
            state.known[0] = min(state.known[0], over[back])
            self._learn()
            state.due = [0, *state.due[:-1]]
            state.visits = [0, *state.visits[:-1]]
            state.known = [_WHOLE, *state.known[:-1]]
            state.day += 1
            if state.held_us:
                self._look_whether_over(at_us)

    def _learn(self) -> None:
        """The day at hand is over."""
        state = self.state
        if state.held_us or state.known[0] < _HALF:
            return
        if not state.missing_days and not 0 < state.doubted_days <= _DOUBTED_DAYS:
            state.expected_share = self._led_to()
        missing = state.learned_days > _TREND_DAYS and self._visits_are_missing()
        state.missing_days = state.missing_days + 1 if missing else 0
        week, usual_week = self.visits_last_week()
        if state.learned_days > _TREND_DAYS and week < _DOUBTED_SHARE * state.expected_share * usual_week:
            state.doubted_days += 1
            if state.doubted_days <= _DOUBTED_DAYS:
                return
        else:
            state.doubted_days = 0
        weekday = state.day % _WEEK
        if state.learned_days > _LEARNED_DAYS:
            self._learn_spread()
        state.weeks[weekday] += 1
        rate, share = max(_FORGETTING, 1.0 / state.weeks[weekday]), state.known[0] / _WHOLE
        state.usual_due[weekday] += rate * (state.due[0] / share - state.usual_due[weekday])
        state.usual_visits[weekday] += rate * (state.visits[0] / share - state.usual_visits[weekday])
        days = sum(state.weeks)
        state.lasting_visits += (state.visits[0] / share - state.lasting_visits) / min(_LASTING_DAYS, days)
        if state.learned_days:
            state.learned_days += 1

    def _learn_spread(self) -> None:
        state = self.state
        due, visits = sum(state.due[:_WEEK]), sum(state.visits[:_WEEK])
        away = _deviation(due, self._mean(state.usual_due, 0))
        state.due_spread += _SPREAD_FORGETTING * (away - state.due_spread)
        away = _deviation(visits, self._mean(state.usual_visits, 0))
        state.visit_spread += _SPREAD_FORGETTING * (away - state.visit_spread)

    def _look_whether_over(self, at_us: int) -> None:
        """At the turn of a day, while regulars are held."""
        state = self.state
        if self._visits_are_missing():
            state.missed = True
        if state.missed:
            if not self._is_as_usual():
                return
            for back in range(1, min(_KEPT, state.day - state.held_day + 1)):
                state.known[back] = 0
            state.lifted_us = at_us
        elif state.day - state.held_day < _WEEK:
            return
        else:
            state.free_until_day = state.day + 2 * _WEEK  # in which it becomes the usual
        state.held_us = 0

    # ---- what is likely

    def _mean(self, usual: list[float], first: int) -> float:
        """The usual number of the seven days that begin `first` days back, as far as the feed was there."""
        state = self.state
        total = 0.0
        for back in range(first, first + _WEEK):
            total += usual[(state.day - back) % _WEEK] * state.known[back] / _WHOLE
        return total

    def _led_to(self) -> float:
        """The share of the usual visits to which the four weeks before the last one lead; 1 where visits do not become
        fewer, or that cannot be told."""
        state = self.state
        span = 2 * _WEEK
        newer = older = newer_known = older_known = 0
        for back in range(_WEEK + 1, _WEEK + 1 + span):
            newer += state.visits[back]
            newer_known += state.known[back]
            older += state.visits[back + span]
            older_known += state.known[back + span]
        usual = in_order(state.usual_visits) * self._lasting_share()
        if min(newer_known, older_known) < _HALF * span or not older or usual <= 0.0:
            return 1.0
        week = newer * _WEEK * _WHOLE / newer_known
        falls_by = week / (older * _WEEK * _WHOLE / older_known)
        return min(1.0, week * exp(_AHEAD * min(0.0, log(falls_by))) / usual) if newer else 0.0

    def _lasting_share(self) -> float:
        """By how much what is usual of late lies above what has lasted: 1 where it does not."""
        usual, lasting = in_order(self.state.usual_visits), _WEEK * self.state.lasting_visits
        return 1.0 if usual <= lasting else lasting / usual

    def _usual_due(self) -> float:
        """How many usually come due in a week: by the mean, or by the fullest week before the present one."""
        state = self.state
        most = self._mean(state.usual_due, 0)
        for week in range(1, _WEEKS):
            first = week * _WEEK
            known = sum(state.known[first : first + _WEEK])
            if known >= _HALF * _WEEK:
                most = max(most, sum(state.due[first : first + _WEEK]) * _WEEK * _WHOLE / known)
        return most

    def _usual_day(self, back: int) -> float:
        """The same for the day so far back: by its weekday's mean, or by the fullest of that weekday before it."""
        state = self.state
        most = state.usual_due[(state.day - back) % _WEEK]
        for earlier in range(back + _WEEK, _KEPT, _WEEK):
            known = state.known[earlier]
            if known >= _HALF:
                most = max(most, state.due[earlier] * _WHOLE / known)
        return most

    def _are_too_many(self, back: int) -> bool:
        """Whether more have come due than is likely: on the day so far back, or within the present seven days."""
        state = self.state
        if state.learned_days <= _LEARNED_DAYS:
            return False
        week, usual = self.due_this_week()
        if week < _LEAST_DUE:
            return False
        spread = max(1.0, state.due_spread)
        if self._visits_are_missing():
            if state.missing_days >= _MISSING_DAYS:
                return True
            usual = self._mean(state.usual_due, 0)
            return week > _FEWER_TIMES * usual + _FEWER_DEVIATIONS * sqrt(max(_FEWEST, usual * spread))
        if week > _USUAL_TIMES * usual + _DEVIATIONS * sqrt(max(_FEWEST, usual * spread)):
            return True
        usual = self._usual_day(back)
        return state.due[back] > _DAY_TIMES * usual + _DAY_DEVIATIONS * sqrt(max(_FEWEST, usual * spread))

    def _visits_are_missing(self) -> bool:
        """Whether far fewer regulars than usual came on the last two days that are over, or on the last seven."""
        state = self.state
        week, usual_week = self.visits_last_week()
        usual_week *= self.state.expected_share
        if week >= usual_week:
            return False
        newest, usual_newest = 0, 0.0
        for back in range(1, _NEWEST + 1):
            newest += state.visits[back]
            usual_newest += state.usual_visits[(state.day - back) % _WEEK] * state.known[back] / _WHOLE
        usual_newest *= self._lasting_share() * self.state.expected_share
        many = state.learned_days > _STEADY_DAYS and usual_newest >= _MANY
        return self._are_too_few(week, usual_week) or (many and self._are_too_few(newest, usual_newest))

    def _are_too_few(self, visits: int, usual: float) -> bool:
        # the square root of a count that comes by chance has a standard deviation of a half; small counts are skewed
        fewer = 2.0 * (sqrt(usual) - sqrt(float(visits)))
        least = (_MISSING_DEVIATIONS + _SKEW / max(1.0, usual)) * sqrt(max(1.0, self.state.visit_spread))
        return visits < _MISSING_SHARE * usual and fewer > least

    def _is_as_usual(self) -> bool:
        """Whether regulars come as usual and come due as usual, by the newest days that are over and of which that can
        be told."""
        state = self.state
        whole, expected = in_order(state.usual_visits), self._lasting_share() * state.expected_share
        visits = due = 0
        usual_visits = usual_due = 0.0
        for back in range(1, _WEEK + 1):
            weekday, share = (state.day - back) % _WEEK, state.known[back] / _WHOLE
            visits += state.visits[back]
            due += state.due[back]
            usual_visits += state.usual_visits[weekday] * share
            usual_due += state.usual_due[weekday] * share
            if usual_visits >= _BACK_WEIGHT * whole:
                break
        if usual_visits < _BACK_WEIGHT * whole or visits < _BACK_SHARE * expected * usual_visits:
            return False
        return due <= _USUAL_TIMES * usual_due + _DEVIATIONS * sqrt(
            max(_FEWEST, usual_due * max(1.0, state.due_spread))
        )


def _deviation(count: int, usual: float) -> float:
    """Square of how far a week's count lies from the usual, in variances of a count that comes by chance."""
    away = count - usual
    return min(_LARGEST_DEVIATION, away * away / max(1.0, usual))
