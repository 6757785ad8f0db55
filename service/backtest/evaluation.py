"""What alerts would have been worth: judged by what the log holds, where nobody was written to.

Judged are the absences of regulars that begin at or after one instant of the log. With u the usual gap of an absence, told in
hindsight from the customer's other gaps before and after it, and so the same whichever rule alerts:

- captured: of the visits that an absence costs (one each u, from the first missed one at u on, up to 4 or 8 u, at most until the
  return or the end of the log) the share that was still ahead at the alert;
- needless: share of alerts whose customer came back by themselves within one u of the alert; an alert with less than one u of log
  after it counts only if they did;
- too late: share of alerts that came after 4 u or more, when the visits counted up to 4 u were lost already;
- lead: days from the alert to the end of the absence, counted up to 4 u.

Absences near the end of the log are cut short by it: days t after the visit count 1 / (1 − t / span), at most fivefold, which is
what is left out there. Only absences whose u is at most a fifth of the judged span are compared. Pure: no I/O, no clock.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, field
from itertools import pairwise
from math import inf, log1p
from statistics import median
from typing import Final

from service.backtest.alert_log import Alert
from service.backtest.visit_log import BUDGETS, PER_ABSENCE, VisitLog
from service.domain.calendar import DAY_US, Calendar
from service.domain.findings import Kind, Reason
from service.domain.learning.churn_model import ChurnModel
from service.domain.summation import in_order

HORIZONS: Final = (4.0, 8.0)
"""Usual gaps up to which lost visits are counted."""
SHARE_OF_SPAN: Final = 5.0
_NEIGHBOURS: Final = 10
"""Gaps before and after an absence that tell its usual gap."""
_CLIP: Final = 3.0
"""A gap counts as at most three medians of its neighbours."""
_POPULATION_GAPS: Final = 2.0
"""The usual gap of everybody counts like this many gaps."""
_RECENT: Final = 15
"""Gaps that a customer's own median is taken of."""
_MOST_SHARE: Final = 0.8
"""Of the span: the weight against the end of the log stays below 5."""


@dataclass
class Absences:
    """One row for each visit of a regular that is judged, as columns. Times in days."""

    span: float
    """From the begin of the judging to the end of the log; at least one day."""
    share: float
    """Share of the customers that is judged, 0–1."""
    whole_days: bool
    """The log has no times of day: an alert then counts at noon, since nothing can be known in between."""
    visits: array[int] = field(default_factory=lambda: array("i"))
    """Of the customer so far, the one that the absence begins with included."""
    gap: array[float] = field(default_factory=lambda: array("d"))
    """To the return, or to the end of the log."""
    returned: bytearray = field(default_factory=bytearray)
    left: array[float] = field(default_factory=lambda: array("d"))
    """To the end of the log."""
    usual: array[float] = field(default_factory=lambda: array("d"))
    """u, told in hindsight."""
    mean: array[float] = field(default_factory=lambda: array("d"))
    median: array[float] = field(default_factory=lambda: array("d"))
    """Of the customer's gaps so far; the median of the last 15."""
    recency: array[float] = field(default_factory=lambda: array("d"))
    """From the customer's first visit to this one."""
    base: array[float] = field(default_factory=lambda: array("d"))
    """As the engine knew it."""
    alerted: array[float] = field(default_factory=lambda: array("d"))
    """From the visit to the policy's first alert; inf = none."""
    tolerated: list[array[float]] = field(default_factory=lambda: [array("d") for _ in BUDGETS])
    """By budget: days of silence that it tolerated at the visit."""
    models: list[ChurnModel] = field(default_factory=list)
    given: int = 0
    """Messages decided within the span, of all rungs and on whichever absence: what a volume counts."""

    def __len__(self) -> int:
        return len(self.gap)


def absences_of(log: VisitLog, alerts: Iterable[Alert], calendar: Calendar) -> Absences:
    """Puts visits and alerts together. Rows of alerts that a volume limit kept back are no alerts."""
    delays: dict[tuple[str, int], float] = {}
    given = 0
    for alert in alerts:
        made = alert.decision
        if made.kind is Kind.WIN_BACK and made.reason is not Reason.VOLUME:
            given += made.detected_us >= log.judge_from_us and made.customer_id in log.visits
            days = (made.detected_us - made.quiet_since_us) / DAY_US
            key = (made.customer_id, calendar.day_of(made.quiet_since_us))
            delays[key] = min(days, delays.get(key, inf))
    midnight = calendar.start_of
    found = Absences(
        span=max(1.0, (log.end_us - log.judge_from_us) / DAY_US),
        share=0.5**log.level,
        given=given,
        whole_days=all(at == midnight(calendar.day_of(at)) for times in log.visits.values() for at in times),
    )
    pending: list[tuple[float, int]] = []
    for customer_id, numbers in log.judged.items():
        times = log.visits[customer_id]
        own = _others(times, len(times) - len(numbers) // PER_ABSENCE)
        pending += own
        _append(found, times, numbers, log)
        found.models.extend([log.models[customer_id]] * len(own))
        found.alerted.extend(delays.get((customer_id, calendar.day_of(at)), inf) for at in times[-len(own) :])
    everybody = _usual_of_everybody(log)
    found.usual.extend((total + _POPULATION_GAPS * everybody) / (count + _POPULATION_GAPS) for total, count in pending)
    return found


def _append(found: Absences, times: Sequence[int], numbers: Sequence[float], log: VisitLog) -> None:
    """The columns that one customer's own visits say."""
    first, before = times[0], len(times) - len(numbers) // PER_ABSENCE
    gaps = [(b - a) / DAY_US for a, b in pairwise(times)]
    ring = gaps[max(0, before - _RECENT) : before]
    ordered = sorted(ring)
    for row, i in enumerate(range(before, len(times))):
        at = times[i]
        back = i + 1 < len(times)
        left = (log.end_us - at) / DAY_US
        middle = len(ordered) // 2
        found.visits.append(i + 1)
        found.gap.append(gaps[i] if back else left)
        found.returned.append(back)
        found.left.append(left)
        found.recency.append((at - first) / DAY_US)
        found.mean.append((at - first) / DAY_US / i)
        found.median.append(ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2)
        found.base.append(numbers[row * PER_ABSENCE])
        for number, column in enumerate(found.tolerated, 1):
            column.append(numbers[row * PER_ABSENCE + number])
        if back:
            ring.append(gaps[i])
            insort(ordered, gaps[i])
            if len(ring) > _RECENT:
                del ordered[bisect_left(ordered, ring.pop(0))]


def _usual_of_everybody(log: VisitLog) -> float:
    """Median over all regulars of their median one; also of those who came before judging began. 0 without a regular."""
    begin = log.min_visits - 1
    return median(
        [
            median(total / count for total, count in _others(times, begin))
            for times in log.visits.values()
            if len(times) > begin
        ]
        or [0.0]
    )


def _others(times: Sequence[int], begin: int) -> list[tuple[float, int]]:
    """For each visit from the `begin`-th on: sum and number of the gaps around it without its own, clipped at three medians of theirs."""
    gaps = [(b - a) / DAY_US for a, b in pairwise(times)]
    found = []
    for i in range(begin, len(times)):
        others = sorted(gaps[max(0, i - _NEIGHBOURS) : i] + gaps[i + 1 : i + 1 + _NEIGHBOURS])
        count = len(others)
        most = _CLIP * (others[count // 2] + others[(count - 1) // 2]) / 2
        if others[-1] > most:
            others = [min(most, gap) for gap in others]
        found.append((in_order(others), count))
    return found


@dataclass(frozen=True, slots=True)
class Realised:
    """What alerts were worth, as sums over the compared absences; fractions come from mixing two thresholds."""

    alerts: float = 0.0
    captured_4: float = 0.0
    captured_8: float = 0.0
    """Visits still ahead at the alerts."""
    needless: float = 0.0
    known: float = 0.0
    """Alerts of which it is known whether they were needless."""
    late: float = 0.0
    lead_days: float = 0.0

    def mixed(self, other: Realised, part: float) -> Realised:
        """`part` (0–1) of this and the rest of the other."""
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Realised(*(part * mine + (1.0 - part) * theirs for mine, theirs in pairs))

    def less(self, other: Realised) -> Realised:
        return Realised(*(mine - theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    @property
    def needless_share(self) -> float | None:
        return self.needless / self.known if self.known > 0 else None

    @property
    def late_share(self) -> float | None:
        return self.late / self.alerts if self.alerts > 0 else None

    @property
    def mean_lead_days(self) -> float | None:
        return self.lead_days / self.alerts if self.alerts > 0 else None


class Court:
    """The absences that are compared, with what each could have brought."""

    def __init__(self, absences: Absences) -> None:
        self.absences: Final = absences
        longest = absences.span / SHARE_OF_SPAN
        self.rows: Final = [row for row, usual in enumerate(absences.usual) if usual <= longest]
        self._begins = array("d", (self._weighted(absences.usual[row]) for row in self.rows))
        self._ends = [
            array("d", (self._weighted(min(absences.gap[row], each * absences.usual[row])) for row in self.rows))
            for each in HORIZONS
        ]
        self.capturable: Final = [
            in_order(
                max(0.0, end - begin) / absences.usual[row]
                for row, begin, end in zip(self.rows, self._begins, ends, strict=True)
            )
            for ends in self._ends
        ]
        """Visits lost up to each of `HORIZONS`."""

    def _weighted(self, days: float) -> float:
        """∫₀^days dt / (1 − t / span)."""
        span = self.absences.span
        return -log1p(-min(days / span, _MOST_SHARE)) * span

    def tally(self, delays: Sequence[float]) -> Realised:
        """`delays`: for each of `rows` the days from the visit to the alert, inf where there is none. One after the return is none."""
        found, whole_days = self.absences, self.absences.whole_days
        alerts = needless = known = late = 0
        captured_4 = captured_8 = lead = 0.0
        ends_4, ends_8 = self._ends
        for place, (row, delay) in enumerate(zip(self.rows, delays, strict=True)):
            gap = found.gap[row]
            if delay >= gap - 1e-9:
                continue
            usual = found.usual[row]
            at = int(delay + 1e-9) + 0.5 if whole_days else delay
            alerts += 1
            begin = self._begins[place] if at <= usual else self._weighted(at)
            captured_4 += max(0.0, ends_4[place] - begin) / usual
            captured_8 += max(0.0, ends_8[place] - begin) / usual
            if found.returned[row] and gap - at < usual:
                needless += 1
                known += 1
            elif found.left[row] - at >= usual:
                known += 1
            late += at >= HORIZONS[0] * usual
            lead += max(0.0, min(gap, HORIZONS[0] * usual) - at)
        return Realised(alerts, captured_4, captured_8, needless, known, late, lead)

    def policy(self) -> Realised:
        """What the policy did."""
        return self.tally([self.absences.alerted[row] for row in self.rows])

    def budget(self, number: int) -> Realised:
        """What the number-th of `BUDGETS` would have done, by the dates it set at the visits."""
        column = self.absences.tolerated[number]
        return self.tally([column[row] for row in self.rows])

    def per_week(self, tally: Realised) -> float:
        """Alerts a week, of all customers."""
        return tally.alerts / self.absences.share / (self.absences.span / 7.0)
