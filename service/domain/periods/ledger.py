"""The period ledger of one partition: for each local day, the counters from which every period number follows.

Whatever is counted of visits (buyers, new, retained and repeating customers), in every period and window, is a sum over
customers of three kinds of terms, which `totals.py` lists: one for the first visit, one for each visit and the one
before it, one for each visit and the one before that. So it is enough to count, per day of the later visit, how many
were first visits, how many came how many days after their previous one (`gaps`) and after the one before (`skips`).
Counters add up over partitions, an event touches one day (a late visit three), and a day needs at most `FAR_GAP` +
`LONG_SKIP` counters however many customers there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, assert_never

from service.domain.events import Survey
from service.domain.periods.day_part import DayPart, count_up, elements_of, pack, unpack
from service.domain.periods.surveys import CES_FAVOURABLE, CSAT_SATISFIED, NPS_PASSIVE, NPS_PROMOTER
from service.domain.stumbling import hold

__all__ = ["FAR_GAP", "LONG_SKIP", "DayPart", "Ledger", "pack", "unpack"]

FAR_GAP: Final = 731
"""Gaps are counted up to here; a longer one reads the same in all numbers: the year before the present one starts at
most 730 days before a visit, and so does the year-long window before the present one."""
LONG_SKIP: Final = 365
"""Longer skips touch no number: no window and no calendar period holds both visits."""
_NONE: Final = -(1 << 40)
"""No day."""
_MAX_OPEN_DAYS: Final = 64
"""Days kept unpacked. Fewer and late events pack and unpack needlessly; more costs up to 50 KB each."""


class Ledger:
    """All days of one partition. Events are booked on their own local day; `take_dirty` gives what is to be stored.

    Days not touched lately are kept as packed bytes. Erasing a customer changes nothing here: the counters are
    anonymous.
    """

    def __init__(self) -> None:
        self._open: dict[int, DayPart] = {}  # the order is that of the last touch, oldest first
        self._packed: dict[int, bytes] = {}
        self._dirty: set[int] = set()
        self._day: int = _NONE
        self._part = DayPart()
        self._gaps: dict[int, int] = self._part.gaps
        self._skips: dict[int, int] = self._part.skips
        """Of the day at hand, with what is counted beside it: fields of a struct take longer to reach."""
        self._orders: int = 0
        self._minor: int = 0
        self._firsts: int = 0
        self._first: int | None = None
        self._last: int | None = None

    @property
    def first_day(self) -> int | None:
        """Earliest day with an event; None before the first."""
        return self._first

    @property
    def last_day(self) -> int | None:
        return self._last

    def order(self, day: int, minor: int) -> None:
        if day != self._day:
            self._turn_to(day)
        self._orders += 1
        self._minor += minor

    def refund(self, day: int, minor: int) -> None:
        """`minor` ≥ 0, given back on this day."""
        if day != self._day:
            self._turn_to(day)
        self._minor -= minor

    def visit(self, day: int, previous: int | None, before_previous: int | None) -> None:
        """A customer's latest visit so far. `previous` is None for the first one ever.

        Where the exact day of an earlier visit is no longer known, any day at least `FAR_GAP` days back stands for it.
        """
        if day != self._day:
            self._turn_to(day)
        if previous is None:
            self._firsts += 1
            return
        gap = day - previous
        if gap > FAR_GAP:  # noqa: PLR1730 - a call of min() costs as much as the rest
            gap = FAR_GAP
        gaps = self._gaps
        gaps[gap] = gaps.get(gap, 0) + 1
        if before_previous is not None and (skip := day - before_previous) <= LONG_SKIP:
            skips = self._skips
            skips[skip] = skips.get(skip, 0) + 1

    def insert_visit(self, day: int, t: int | None, u: int | None, x: int | None, y: int | None) -> None:
        """A visit that comes in late.

        t < u are the customer's two visits before `day`, x < y the two after it; None where there is none.

        The outer ones (t, y) are None only when they do not exist. With x None this is `visit`.
        """
        self.visit(day, u, t)
        if x is None:
            return
        after = self._turn_to(x)
        if u is None:
            after.firsts -= 1
        else:
            count_up(after.gaps, min(x - u, FAR_GAP), -1)
            _skip(after, x - u, 1)
            if t is not None:
                _skip(after, x - t, -1)
        count_up(after.gaps, min(x - day, FAR_GAP), 1)
        if y is not None:
            following = self._turn_to(y)
            if u is not None:
                _skip(following, y - u, -1)
            _skip(following, y - day, 1)

    def adjust(self, day: int, orders: int, minor: int) -> None:
        """So many orders more, and so much revenue; less where they are negative."""
        if day != self._day:
            self._turn_to(day)
        self._orders += orders
        self._minor += minor

    def rebook(self, days: Sequence[int], count: int, since: int) -> None:
        """A customer's visits on these days, ascending, `count` times more: 1 books them, −1 takes them back. Days
        before `since` are left as they are."""
        for index, day in enumerate(days):
            if day < since:
                continue
            part = self._turn_to(day)
            if index == 0:
                part.firsts += count
                continue
            count_up(part.gaps, min(day - days[index - 1], FAR_GAP), count)
            if index > 1:
                _skip(part, day - days[index - 2], count)

    def answer(self, day: int, survey: Survey, score: int, count: int = 1) -> None:
        """One answer more; −1 takes one back that was booked twice."""
        part = self._part if day == self._day else self._turn_to(day)
        match survey:
            case Survey.NPS:
                if score >= NPS_PROMOTER:
                    part.nps_promoters += count
                elif score >= NPS_PASSIVE:
                    part.nps_passives += count
                else:
                    part.nps_detractors += count
            case Survey.CSAT:
                part.csat_n += count
                part.csat_satisfied += count if score >= CSAT_SATISFIED else 0
            case Survey.CES:
                part.ces_n += count
                part.ces_sum += count * score
                part.ces_favourable += count if score >= CES_FAVOURABLE else 0
            case _:
                assert_never(survey)

    def days(self) -> list[int]:
        """Every day with an event, in order."""
        return sorted(self._open.keys() | self._packed.keys())

    def record(self, day: int) -> bytes:
        """The stored form of one of `days()`; KeyError for another."""
        if day == self._day:
            self._settle()
        part = self._open.get(day)
        return self._packed[day] if part is None else pack(part)

    @property
    def dirty_days(self) -> int:
        """Days touched since the last `take_dirty`."""
        return len(self._dirty)

    def take_dirty(self) -> list[tuple[int, bytes]]:
        """The records of all days touched since the last call, in order of days."""
        taken = [(day, self.record(day)) for day in sorted(self._dirty)]
        self._dirty.clear()
        self._day = _NONE  # so that the next event marks its day again
        return taken

    def restore(self, day: int, record: bytes) -> None:
        """Puts a stored record in place of what is known of that day. Raises what `unpack` raises, and
        LaterReleaseError where there is more."""
        unpack(record)
        hold(elements_of(record), len(DayPart.__struct_fields__), "a day's part")
        self._settle()
        self._open.pop(day, None)
        self._packed[day] = record
        self._dirty.discard(day)
        self._day = _NONE
        self._note(day)

    def _turn_to(self, day: int) -> DayPart:
        """Makes `day` the one at hand, and marks it to be stored."""
        self._settle()
        part = self._open.pop(day, None)
        if part is None:
            record = self._packed.pop(day, None)
            part = DayPart() if record is None else unpack(record)
            self._note(day)
            if len(self._open) >= _MAX_OPEN_DAYS:
                for oldest in list(self._open)[: _MAX_OPEN_DAYS // 2]:
                    self._packed[oldest] = pack(self._open.pop(oldest))
        self._open[day] = part
        self._dirty.add(day)
        self._day, self._part, self._gaps, self._skips = day, part, part.gaps, part.skips
        return part

    def _settle(self) -> None:
        """Books what was counted beside the part at hand."""
        part = self._part
        part.orders += self._orders
        part.revenue_minor += self._minor
        part.firsts += self._firsts
        self._orders = self._minor = self._firsts = 0

    def _note(self, day: int) -> None:
        if self._first is None or day < self._first:
            self._first = day
        if self._last is None or day > self._last:
            self._last = day


def _skip(part: DayPart, days: int, change: int) -> None:
    if days <= LONG_SKIP:
        count_up(part.skips, days, change)
