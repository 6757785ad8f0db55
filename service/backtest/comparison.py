"""What the alerts of any rule would have been worth, told from a log in which nobody was written to.

All rules are compared on the same absences.

With u the usual gap of an absence (absences.py):

- captured: of the visits that an absence costs (one each u, from the first missed one at u on, up to 4 or 8 u, at most
  until the return or the end of the log) the share that was still ahead at the alert;
- needless: share of alerts whose customer came back by themselves within one u of the alert; an alert with less than
  one u of log after it counts only if they did;
- too late: share of alerts that came after 4 u or more, when the visits counted up to 4 u were missed already;
- lead: days from the alert to the end of the absence, counted up to 4 u.

Absences near the end of the log are cut short by it: days t after the visit count 1 / (1 − t / span), at most fivefold,
which is what is left out there. Only absences whose u is at most a fifth of the evaluated span are compared. Pure: no
I/O, no clock.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from math import log1p
from typing import Final, NamedTuple

from service.backtest.absences import Absences
from service.domain.summation import in_order

HORIZONS: Final = (4.0, 8.0)
"""Usual gaps up to which missed visits are counted."""
SHARE_OF_SPAN: Final = 5.0
"""A usual gap longer than the span divided by this is not compared."""
_MOST_SHARE: Final = 0.8
"""Of the span: the weight against the end of the log stays below 5."""


@dataclass(frozen=True, slots=True)
class Performance:
    """What the alerts of one rule were worth, as sums over the compared absences.

    Numbers of alerts are fractions where two thresholds were mixed.
    """

    alerts: float = 0.0
    captured_4: float = 0.0
    captured_8: float = 0.0
    """Visits still ahead at the alerts, up to 4 and up to 8 usual gaps."""
    needless: float = 0.0
    known: float = 0.0
    """Alerts of which it is known whether they were needless."""
    late: float = 0.0
    lead_days: float = 0.0

    def mixed(self, other: Performance, part: float) -> Performance:
        """`part` (0–1) of this and the rest of the other."""
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Performance(*(part * mine + (1.0 - part) * theirs for mine, theirs in pairs))

    def less(self, other: Performance) -> Performance:
        return Performance(*(mine - theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    @property
    def needless_share(self) -> float | None:
        return self.needless / self.known if self.known > 0 else None

    @property
    def late_share(self) -> float | None:
        return self.late / self.alerts if self.alerts > 0 else None

    @property
    def mean_lead_days(self) -> float | None:
        return self.lead_days / self.alerts if self.alerts > 0 else None


class Capturable(NamedTuple):
    """Visits that the compared absences cost, up to each of `HORIZONS`: as many as a rule could capture at most."""

    up_to_4: float
    up_to_8: float


class RuleComparison:
    """The absences on which rules are compared, with what each could have brought."""

    def __init__(self, absences: Absences, at_most: int | None = None) -> None:
        """`at_most`: of more absences every n-th is compared."""
        self.absences: Final = absences
        longest = absences.span / SHARE_OF_SPAN
        rows = [row for row, usual in enumerate(absences.usual) if usual <= longest]
        self.rows: Final = rows if at_most is None else rows[:: max(1, -(-len(rows) // at_most))]
        """Of the absences, those that are compared."""
        self._begins = array("d", (self._weighted(absences.usual[row]) for row in self.rows))
        self._ends_4, self._ends_8 = (
            array("d", (self._weighted(min(absences.gap[row], horizon * absences.usual[row])) for row in self.rows))
            for horizon in HORIZONS
        )
        self.capturable: Final = Capturable(self._missed(self._ends_4), self._missed(self._ends_8))

    def _missed(self, ends: Sequence[float]) -> float:
        """Visits missed until these ends of the absences."""
        usual = self.absences.usual
        return in_order(
            max(0.0, end - begin) / usual[row] for row, begin, end in zip(self.rows, self._begins, ends, strict=True)
        )

    def _weighted(self, days: float) -> float:
        """∫₀^days dt / (1 − t / span)."""
        span = self.absences.span
        return -log1p(-min(days / span, _MOST_SHARE)) * span

    def performance(self, delays: Sequence[float]) -> Performance:
        """The performance of a rule that alerts after `delays`.

        They are, for each of `rows`, the days from the visit to the alert, inf where there is none. An alert after the
        return counts as none.
        """
        found, whole_days = self.absences, self.absences.whole_days
        alerts = needless = known = late = 0
        captured_4 = captured_8 = lead = 0.0
        for place, (row, delay) in enumerate(zip(self.rows, delays, strict=True)):
            gap = found.gap[row]
            if delay >= gap - 1e-9:
                continue
            usual = found.usual[row]
            at = int(delay + 1e-9) + 0.5 if whole_days else delay
            alerts += 1
            ahead_4, ahead_8 = self._ahead(place, usual, at)
            captured_4 += ahead_4
            captured_8 += ahead_8
            if found.returned[row] and gap - at < usual:
                needless += 1
                known += 1
            elif found.left[row] - at >= usual:
                known += 1
            late += at >= HORIZONS[0] * usual
            lead += max(0.0, min(gap, HORIZONS[0] * usual) - at)
        return Performance(alerts, captured_4, captured_8, needless, known, late, lead)

    def visits_ahead(self, delays: Sequence[float]) -> Iterator[tuple[int, float, float]]:
        """(place in `rows`, visits still ahead up to 4, up to 8 usual gaps) of each alert of a rule, as `performance`
        adds them up."""
        found = self.absences
        for place, (row, delay) in enumerate(zip(self.rows, delays, strict=True)):
            if delay < found.gap[row] - 1e-9:
                at = int(delay + 1e-9) + 0.5 if found.whole_days else delay
                yield place, *self._ahead(place, found.usual[row], at)

    def _ahead(self, place: int, usual: float, at: float) -> tuple[float, float]:
        begin = self._begins[place] if at <= usual else self._weighted(at)
        return max(0.0, self._ends_4[place] - begin) / usual, max(0.0, self._ends_8[place] - begin) / usual

    def policy(self) -> Performance:
        """What the policy did."""
        return self.performance([self.absences.alerted[row] for row in self.rows])

    def budget(self, number: int) -> Performance:
        """What the number-th of `BUDGETS` would have done, by the dates it set at the visits."""
        column = self.absences.tolerated[number]
        return self.performance([column[row] for row in self.rows])

    def per_week(self, performance: Performance) -> float:
        """Alerts a week, of all customers."""
        return performance.alerts / self.absences.sampled_share / (self.absences.span / 7.0)
