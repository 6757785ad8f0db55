"""The period numbers of the whole shop: the partitions' day parts added up to periods and rolling windows.

Take a visit on day v whose customer's previous visit lies k days back (u = v − k), and the one before that j days back
(t = v − j). It changes the counts on runs of window days, where W is the window's length, and the window of day d holds
the days d−W+1 … d:

| term | count | window days |
| --- | --- | --- |
| first visit | buyers, new | v … v+W−1 |
| gap k | buyers: v is the first visit in the window | max(v, u+W) … v+W−1 |
| gap k | retained: so, and u is in the window before | max(v, u+W) … min(v+W−1, u+2W−1) |
| gap k | repeaters: u and v are in the window | v … u+W−1 |
| skip j | repeaters, −1: t, u and v are in the window | v … t+W−1 |

(n visits in a window are n−1 gaps and n−2 skips: one repeater.) Each run is two entries of a difference array, so a
visit costs the same however many windows are closed. For
calendar periods read "in the period" and "in the one before it".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import add, attrgetter
from typing import Final

from service.domain.calendar import Granularity, next_period, period_start, previous_period
from service.domain.periods.ledger import DayPart, unpack
from service.domain.periods.numbers import Counts, PeriodRow
from service.domain.periods.rows import WINDOWS, RowMaker
from service.domain.policy import Shop

_BUYERS, _NEW, _RETAINED, _REPEATERS = range(4)
_SUMS: Final = 4
"""From here on a vector of counts holds plain sums over days."""
SUMMED = attrgetter(*Counts._fields[_SUMS:])
"""Takes the counters of a day, in the order of such a vector."""
_NOTHING: Final = Counts()


def customers_of(part: DayPart, day: int, start: int, before: int) -> tuple[int, int, int, int]:
    """Buyers, new, retained and repeating customers that a day adds to the period that begins with the day `start`,
    after one that begins with the day `before`."""
    same, same_or_previous = day - start, day - before
    buyers, retained, repeaters = part.firsts, 0, 0
    for gap, count in part.gaps.items():
        if gap <= same:
            repeaters += count
        else:
            buyers += count
            if gap <= same_or_previous:
                retained += count
    for skip, count in part.skips.items():
        if skip <= same:
            repeaters -= count
    return buyers, part.firsts, retained, repeaters


class PeriodTotals:
    """Takes day records of any number of partitions in any order; gives rows. Cost of `update`: the size of the record.

    Memory: one packed record per partition and day, 14 counts per window day and calendar period.
    """

    def __init__(self, shop: Shop) -> None:
        self._records: dict[tuple[int, int], bytes] = {}
        self._partitions: set[int] = set()
        self._money: dict[int, tuple[int, int]] = {}
        """Day → orders and revenue."""
        self._pending: dict[int, DayPart] = {}
        self._changed: set[int] = set()
        self._first: int | None = None
        self._last: int | None = None
        self._told: tuple[int, int] | None = None  # first and last day of the rows given by changed_rows
        self._calendars = [_CalendarCounts(granularity) for granularity in Granularity]
        self._windows = [_WindowCounts(length) for length in WINDOWS]
        self._maker = RowMaker(shop)

    @property
    def first_day(self) -> int | None:
        """Earliest day with an event; None before the first."""
        return self._first

    @property
    def last_day(self) -> int | None:
        return self._last

    def update(self, partition: int, day: int, record: bytes) -> None:
        """Replaces what the partition said of the day, a record of `Ledger.take_dirty`.

        Raises what `ledger.unpack` raises, changing nothing.
        """
        old = self._records.get((partition, day))
        if old == record:
            return
        part = unpack(record)
        delta = self._pending.setdefault(day, DayPart())
        delta.add(part)
        if old is not None:
            delta.add(unpack(old), -1)
        self._records[partition, day] = record
        self._partitions.add(partition)
        self._first = day if self._first is None else min(day, self._first)
        self._last = day if self._last is None else max(day, self._last)

    def rows(self, first_day: int, through_day: int) -> Iterator[PeriodRow]:
        """All rows: each calendar period that meets first_day … through_day, each rolling window that ends in it.

        `through_day` is the local day of stream time.
        """
        self._fold()
        for calendar in self._calendars:
            start = period_start(calendar.granularity, first_day)
            yield from self._calendar_rows(calendar, calendar.starts(start, through_day), through_day)
        for window in self._windows:
            yield from self._window_rows(window, range(first_day, through_day + 1), through_day)

    def changed_rows(self, through_day: int) -> Iterator[PeriodRow]:
        """Every row that is new, or that may differ from what the last call gave; at the first call all rows.

        Rows begin with the day of the first event. The caller has to read to the end. `through_day` never falls: a
        lower one counts as the highest so far.
        """
        self._fold()
        if self._first is None:
            return
        first = self._first
        old_first, old_through = self._told or (through_day + 1, first - 1)
        through_day = max(through_day, old_through)
        changed = sorted(self._changed)
        self._changed.clear()
        self._told = (first, through_day)
        new = [*range(first, min(old_first, through_day + 1))]
        if through_day > old_through:  # the last row of the last call is complete now
            new += range(max(first, old_through), through_day + 1)
        for calendar in self._calendars:
            starts = calendar.touched_by(changed)
            starts.update(period_start(calendar.granularity, day) for day in new)
            yield from self._calendar_rows(calendar, sorted(s for s in starts if s <= through_day), through_day)
        for window in self._windows:
            days = window.touched_by(changed, through_day)
            days.update(new)
            yield from self._window_rows(window, sorted(days), through_day)

    def parts(self, start: int, end: int) -> Iterator[tuple[int, DayPart]]:
        """What each partition has said of the days from `start` on, before `end`. Cost: the records of those days, and
        a look for each partition and day."""
        for day in range(start, end):
            for partition in self._partitions:
                record = self._records.get((partition, day))
                if record is not None:
                    yield day, unpack(record)

    def money_by_day(self, start: int, end: int) -> list[tuple[int, int, int]]:
        """(day, orders, revenue in minor units) of the days from `start` on, before `end`; a day without an event as
        well."""
        self._fold()
        return [(day, *self._money.get(day, (0, 0))) for day in range(start, end)]

    def _fold(self) -> None:
        for day, delta in self._pending.items():
            sums = SUMMED(delta)
            orders, minor = self._money.get(day, (0, 0))
            self._money[day] = (orders + delta.orders, minor + delta.revenue_minor)
            for calendar in self._calendars:
                calendar.fold(day, delta, sums)
            for window in self._windows:
                window.fold(day, delta, sums)
        self._changed.update(self._pending)
        self._pending.clear()

    def _calendar_rows(self, calendar: _CalendarCounts, starts: Iterable[int], through_day: int) -> Iterator[PeriodRow]:
        granularity = calendar.granularity
        for start in starts:
            yield self._maker.row(
                granularity.value,
                start,
                next_period(granularity, start),
                through_day,
                now=calendar.counts(start),
                before=calendar.counts(previous_period(granularity, start)),
            )

    def _window_rows(self, window: _WindowCounts, days: Iterable[int], through_day: int) -> Iterator[PeriodRow]:
        for day in days:
            yield self._maker.row(
                window.name,
                day + 1 - window.length,
                day + 1,
                through_day,
                now=window.counts(day),
                before=window.counts(day - window.length),
            )


class _CalendarCounts:
    """The counts of every period of one calendar granularity, by the period's first day."""

    def __init__(self, granularity: Granularity) -> None:
        self.granularity = granularity
        self._vectors: dict[int, list[int]] = {}

    def fold(self, day: int, delta: DayPart, sums: tuple[int, ...]) -> None:
        start = period_start(self.granularity, day)
        vector = self._vectors.get(start, _NOTHING)
        customers = customers_of(delta, day, start, previous_period(self.granularity, start))
        self._vectors[start] = list(map(add, vector, (*customers, *sums)))

    def counts(self, start: int) -> Counts:
        vector = self._vectors.get(start)
        return _NOTHING if vector is None else Counts._make(vector)

    def starts(self, start: int, through_day: int) -> Iterator[int]:
        while start <= through_day:
            yield start
            start = next_period(self.granularity, start)

    def touched_by(self, days: Iterable[int]) -> set[int]:
        """The first days of the periods whose numbers depend on these days.

        Those are their own periods, and the following ones, whose customers at the start they are.
        """
        own = {period_start(self.granularity, day) for day in days}
        return own | {next_period(self.granularity, start) for start in own}


class _WindowCounts:
    """The counts of the rolling window of one length at the end of every day.

    They are stored as differences from day to day, and summed up as far as somebody has asked.
    """

    def __init__(self, length: int) -> None:
        self.length = length
        self.name = f"rolling_{length}"
        self._differences: dict[int, list[int]] = {}
        self._base = 0
        self._summed: list[Counts] = []  # of the days from _base on

    def fold(self, day: int, delta: DayPart, sums: tuple[int, ...]) -> None:
        """Every run of days in the table above becomes a step up at its start and a step down after its end."""
        self._forget_from(day)
        length = self.length
        here, after = self._at(day), self._at(day + length)
        for index, amount in enumerate(sums, start=_SUMS):
            if amount:
                here[index] += amount
                after[index] -= amount
        buyers = delta.firsts
        here[_BUYERS] += buyers
        here[_NEW] += buyers
        after[_NEW] -= buyers
        for gap, count in delta.gaps.items():
            buyers += count
            if gap < length:
                after_previous = self._at(day - gap + length)
                here[_REPEATERS] += count
                after_previous[_REPEATERS] -= count
                after_previous[_BUYERS] += count
                after_previous[_RETAINED] += count
                after[_RETAINED] -= count
            else:
                here[_BUYERS] += count
                if gap < 2 * length:
                    here[_RETAINED] += count
                    self._at(day - gap + 2 * length)[_RETAINED] -= count
        after[_BUYERS] -= buyers
        for skip, count in delta.skips.items():
            if skip < length:
                here[_REPEATERS] -= count
                self._at(day - skip + length)[_REPEATERS] += count

    def counts(self, day: int) -> Counts:
        """Cost: constant, plus the days since the last one asked for or the earliest one folded meanwhile."""
        summed, offset = self._summed, day - self._base
        if offset < 0 or not self._differences:
            return _NOTHING
        running = summed[-1] if summed else _NOTHING
        for following in range(self._base + len(summed), day + 1):
            difference = self._differences.get(following)
            if difference is not None:
                running = Counts._make(map(add, running, difference))
            summed.append(running)
        return summed[offset]

    def touched_by(self, days: Iterable[int], through_day: int) -> set[int]:
        """The window days whose numbers depend on these days, given in order.

        They are the windows that hold one of the days, or whose window before does.
        """
        touched: set[int] = set()
        covered = None
        for day in days:
            begin = day if covered is None else max(day, covered)
            covered = min(day + 2 * self.length, through_day + 1)
            touched.update(range(begin, covered))
        return touched

    def _at(self, day: int) -> list[int]:
        vector = self._differences.get(day)
        if vector is None:
            vector = self._differences[day] = [0] * len(_NOTHING)
        return vector

    def _forget_from(self, day: int) -> None:
        """Sums from this day on are to be made anew."""
        if not self._differences or day < self._base:
            self._base = day
            self._summed.clear()
        else:
            del self._summed[day - self._base :]
