"""How long healthy silences last, learned from everybody of one partition, by evidence and by rhythm.

A gap r is measured in bases of its customer and is healthy if it closes within 6. Regulars fall into 20 cells: by
visits (4 classes) and by the spread of their own log gaps (5 classes), for few visits and little rhythm need a wider
tolerance than many and a steady one. Per cell a Kaplan–Meier curve S(r) on log-bins: closed gaps are events, open
silences censored, both weighted by when they began, halving over cadence.memory_days. A cell's counts are filled up
with those of its class of visits, and these with everybody's, by 120 gaps each, of which messages have cut as many as
of the cell's own. P(a healthy gap lasts longer than r) = (S(r) − S(6)) / (1 − S(6)).

The result is a table, cell × share of healthy gaps → multiple of the base after which that share is still open: every
cell keeps the promise by itself. (Meeting it for all together only, with less patience for new regulars, reached a
point more of those who leave, and gave those who stay up to twice the wrong alerts that were promised. Whom to prefer
when messages are few is volume.py's question.)

Bases move with the population's pace μ0, so gaps are kept in bases as they would be at μ0 = 14 days, and moved at the
refresh.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from math import ceil, exp, exp2, floor, fsum, inf, log
from typing import Any, ClassVar, Final

from service.domain.cadence import HEALTHY_BASES, SHRINKAGE, log_patience, memory_days
from service.domain.customer import Customer
from service.domain.halving import bracket
from service.domain.learning.kaplan_meier import survival_curve
from service.domain.learning.survival import BINS, HIGH, LOW, STEP
from service.domain.stored import Stored
from service.domain.stumbling import hold

CELLS: Final = 20
RHYTHMS: Final = 5
_CLASSES: Final = 4
_BINS: Final = BINS
_PART: Final = 4
"""Bins that are stored together between two refreshes: a visit changes one, and a whole row would be most of what it
writes."""
_PARTS: Final = _BINS // _PART + 1
_FEW_PARTS: Final = 8
"""Of a cell, whose records are shorter than its whole row."""
_LOW: Final = LOW
_HIGH: Final = HIGH
_STEP: Final = STEP
_LOG_HEALTHY: Final = log(HEALTHY_BASES)
_REFERENCE: Final = log(14.0)
"""μ0 at which gaps are kept."""
_SPREAD_PRIOR: Final = 4.0
SPREAD_SQUARE: Final = 0.64
"""A customer's own spread of log gaps is shrunk towards 0.8, which counts like four gaps."""
_CLOCKS: Final = 2
"""Of the five classes of spread, those of steady customers: a spread of their log gaps below 0.7, shrunk."""
_PSEUDO_GAPS: Final = 120.0
"""Flat from 60 to 120; many, so that in a small shop one gap moves no cell far."""
_EVIDENCE: Final = 30.0
"""Closed gaps (by weight) below which nothing is learned."""
_COLD_SHARE: Final = 0.05
_COLD_MULTIPLE: Final = 4.0
"""Cold start: 5 % of healthy gaps last longer than 4 bases, and one base more for each halving (3 bases for 10 %)."""
PRIOR_LOST: Final = 1.0 / 12.0
"""Share of silences that never end, before anything is known."""
_COLD_LEAST: Final = 1.2
_COLD_WEIGHT: Final = 20.0
"""What is supposed counts like this many gaps: nothing beside a year of a shop, much in its first weeks, when long gaps
cannot have closed."""
_BASE_STEP: Final = 0.1
_BASE_OFFSET: Final = 64
_BASE_BINS: Final = 256
GRID: Final = 48
SHARE_LOW: Final = 0.0005
SHARE_HIGH: Final = 0.8
"""Bounds of the share of healthy gaps that a promise may turn into: beyond them there is no evidence, or no sense."""
_LOG_SHARE_LOW: Final = log(SHARE_LOW)
_LOG_SHARE_STEP: Final = (log(SHARE_HIGH) - log(SHARE_LOW)) / GRID
TYPICAL_VISITS: Final[list[int]] = [5, 9, 19, 40]
"""By class of visits: those of one in its middle."""
_LOG_TYPICAL_PATIENCE: Final = [log_patience(visits) for visits in TYPICAL_VISITS]
"""By class of visits: ln (bases / usual gaps) of one in its middle."""
CLASS_OF_CELL: Final[list[int]] = [cell // RHYTHMS for cell in range(CELLS)]
_GRID_SHARES: Final = [exp(_LOG_SHARE_LOW + _LOG_SHARE_STEP * i) for i in range(GRID + 1)]
_KAPPA_LOW: Final = 0.5
_KAPPA_HIGH: Final = 4.0


def own_spread_square(customer: Customer) -> float:
    """Mean square of the customer's log gaps around the usual one, shrunk towards everybody's."""
    return (customer.gap_square + _SPREAD_PRIOR * SPREAD_SQUARE) / (customer.gap_weight + _SPREAD_PRIOR)


def cell_of(customer: Customer) -> int:
    """Which of the cells a regular belongs to: 5 × class of visits + class of spread."""
    visits = customer.visits
    evidence = 0 if visits < 7 else 1 if visits < 13 else 2 if visits < 30 else 3
    square = own_spread_square(customer)
    spread = 0 if square < 0.3025 else 1 if square < 0.49 else 2 if square < 0.7225 else 3 if square < 1.0 else 4
    return RHYTHMS * evidence + spread


def _log_usual_at_reference(customer: Customer) -> float:
    """The log usual gap as it would be at the reference's pace."""
    return (SHRINKAGE * _REFERENCE + customer.gap_total) / (SHRINKAGE + customer.gap_weight)


class Row(Stored):
    """What one cell has seen: closed gaps by bin (weights), their days and their usual gaps' days; and how far μ0 pulls
    its bases."""

    __slots__ = ("aged", "closed", "gap_days", "pull", "usual_days", "weight")
    STORED: ClassVar[tuple[str, ...]] = ("closed", "gap_days", "usual_days", "weight", "pull", "aged")

    def __init__(self) -> None:
        self.closed: list[float] = [0.0] * (_BINS + 1)
        self.gap_days: list[float] = [0.0] * (_BINS + 1)
        self.usual_days: list[float] = [0.0] * (_BINS + 1)
        self.weight: float = 0.0
        self.pull: float = 0.0
        """Σ weight · κ / (κ + w): the part of each base that is the population's."""
        self.aged: int = 0
        """How often its weights were lowered."""

    def take_fields(self, fields: Sequence[Any]) -> None:
        """Raises LaterReleaseError also where there are more bins."""
        super().take_fields(fields)
        for bins in (self.closed, self.gap_days, self.usual_days):
            hold(bins, _BINS + 1, "a row of silences")

    def part(self, number: int) -> tuple[object, ...]:
        """The bins of that part as they are, with what says how new they are."""
        first, end = number * _PART, (number + 1) * _PART
        bins = (self.closed[first:end], self.gap_days[first:end], self.usual_days[first:end])
        return (self.aged, self.weight, self.pull, *bins)

    def age(self, left: float) -> None:
        self.closed = [value * left for value in self.closed]
        self.gap_days = [value * left for value in self.gap_days]
        self.usual_days = [value * left for value in self.usual_days]
        self.weight *= left
        self.pull *= left
        self.aged += 1


class Tolerances:
    """What was learned: frozen, so that a record tells the numbers of its own time. Empty `table` = cold start."""

    def __init__(
        self,
        table: list[list[float]],
        kappa: float,
        class_weights: list[float],
        classes: list[list[float]],
        cells: list[list[float]] | None = None,
        cell_weights: list[float] | None = None,
    ) -> None:
        self.table: Final = table
        """Cell → log multiple of the base for each share of the grid, falling."""
        self.kappa: Final = kappa
        """Mean healthy gap / usual gap: how many usual gaps a healthy regular's year lacks."""
        self.class_weights: Final = class_weights
        """Silences by class of visits (weights)."""
        self.classes: Final = classes
        """Class of visits → S(r) at the upper edge of each bin, absences included."""
        self.cells: Final[list[list[float]]] = cells or []
        """Cell → the same; empty where nobody asks."""
        self.cell_weights: Final[list[float]] = cell_weights or []
        """Silences by cell (weights); empty where nobody asks."""

    def share_open(self, bases: float, most_gaps: float) -> float:
        """Share of all silences that are still open after so many bases, or after `most_gaps` usual gaps where these
        are over sooner. 1 while nothing is known."""
        if not self.classes:
            return 1.0
        whole = fsum(self.class_weights)
        log_bases, log_most = log(bases), log(most_gaps)
        return fsum(
            weight / whole * _at(curve, min(log_bases, log_most - typical))
            for weight, curve, typical in zip(self.class_weights, self.classes, _LOG_TYPICAL_PATIENCE, strict=True)
        )

    def bases_open(self, share: float, most_gaps: float) -> float:
        """The bases of `share_open` after which only `share` of all silences are still open; inf where so few never
        are, or nothing is known yet."""
        low, high = _LOW, _HIGH
        if not self.classes or self.share_open(exp(high), most_gaps) > share:
            return inf
        return exp(bracket(lambda log_bases: self.share_open(exp(log_bases), most_gaps) <= share, low, high)[1])

    def log_multiple(self, cell: int, log_share: float) -> float:
        """Log of the bases after which the share (its logarithm, within the bounds) of healthy gaps is still open."""
        if not self.table:
            multiple = _COLD_MULTIPLE - (log_share - log(_COLD_SHARE)) / log(2.0)
            return log(min(HEALTHY_BASES, max(_COLD_LEAST, multiple)))
        position = (log_share - _LOG_SHARE_LOW) / _LOG_SHARE_STEP
        row = self.table[cell]
        if position <= 0.0:
            return row[0]
        if position >= GRID:
            return row[GRID]
        index = int(position)
        return row[index] + (row[index + 1] - row[index]) * (position - index)

    def tail_probability(self, cell: int, r: float) -> float:
        """P(a healthy gap of such a customer lasts at least r bases), 0–1: the inverse. An absence beyond 6 bases is no
        healthy gap: 0."""
        if r <= 0.0:
            return 1.0
        if r >= HEALTHY_BASES:
            return 0.0
        if not self.table:
            return _cold_share(r)
        row = self.table[cell]
        log_r = log(r)
        if log_r >= row[0]:
            span = _LOG_HEALTHY - row[0]
            return SHARE_LOW * (_LOG_HEALTHY - log_r) / span if span > 0.0 else 0.0
        if log_r <= row[GRID]:
            return 1.0 - (1.0 - SHARE_HIGH) * r / exp(row[GRID])
        index = bisect_left(row, -log_r, key=lambda multiple: -multiple)  # row[index] ≤ log r < row[index − 1]
        drop = row[index - 1] - row[index]
        position = index - 1 + ((row[index - 1] - log_r) / drop if drop > 0.0 else 1.0)
        return exp(_LOG_SHARE_LOW + _LOG_SHARE_STEP * position)


UNKNOWN: Final = Tolerances([], 1.0, [], [])
"""Before anything was learned."""


class Silences:
    """Learning of one partition; deterministic in the order of its calls. A visit costs O(1), a refresh nothing per
    customer."""

    def __init__(self, *, weighs: bool = False, clocks: bool = False) -> None:
        """`weighs`: whether the whole curve of every cell is asked for. `clocks`: whether the gaps of steady customers
        are measured as those of a clock, and some silences are supposed never to end before one was seen (patience.py).
        """
        self._weighs = weighs
        self._clocks = clocks
        self._cold: Final = _Counts(_COLD_GAPS, _COLD_LOST if clocks else _NONE, [])
        self.rows: list[Row] = [Row() for _ in range(CELLS)]
        self.touched: set[int] = set()
        """What has changed since it was last stored: cell and part of its bins, as one number."""
        self.sent: list[list[float]] = [[] for _ in range(CELLS)]
        """Cell → silences in which a message was sent, by the bin in which they were then (weights); empty: none. Apart
        from the rows, because most cells have none and an earlier release knows nothing of it."""
        self._cut: set[int] = set()
        """Cells of which that has changed."""
        self._open: dict[int, dict[int, int]] = {}
        """Open silences of regulars: first day → cell and bin of the log base → how many."""

    def opened(self, customer: Customer) -> None:
        """A regular's visit opens a silence."""
        at_day = self._open.get(customer.last_day)
        if at_day is None:
            at_day = self._open[customer.last_day] = {}
        place = self._place(customer)
        at_day[place] = at_day.get(place, 0) + 1

    def taken_out(self, customer: Customer) -> None:
        """The silence that was opened so is open no more, whatever ended it; the customer is as `opened` saw them."""
        at_day = self._open.get(customer.last_day)
        if at_day is None:
            return
        place = self._place(customer)
        left = at_day.get(place, 0) - 1
        if left > 0:
            at_day[place] = left
        else:
            at_day.pop(place, None)
            if not at_day:
                del self._open[customer.last_day]

    def _place(self, customer: Customer) -> int:
        """Cell and bin of the log base at the reference's pace, as one number."""
        log_base = _log_usual_at_reference(customer) + self._log_patience(customer)
        base_bin = floor(log_base / _BASE_STEP) + _BASE_OFFSET
        return cell_of(customer) * _BASE_BINS + max(0, min(_BASE_BINS - 1, base_bin))

    def _log_patience(self, customer: Customer) -> float:
        """ln (bases / usual gaps) that the customer's gaps are measured with. A clock is a clock however often it has
        struck: with the patience that grows at each visit, the edge at which the gaps of steady customers end lies all
        over a fifth of a gap, and a message waits until the last of that is over."""
        if self._clocks:
            cell = cell_of(customer)
            if cell % RHYTHMS < _CLOCKS:
                return _LOG_TYPICAL_PATIENCE[cell // RHYTHMS]
        return log_patience(customer.visits)

    def forget_open(self) -> None:
        """Before the open silences are told again, at a restart."""
        self._open = {}

    def closed(self, customer: Customer, gap: float, mu0: float) -> None:
        """A regular came back after `gap` days; the customer is as before this visit."""
        cell = cell_of(customer)
        log_usual = _log_usual_at_reference(customer)
        weight = exp2(-gap / memory_days(mu0))
        index = _bin(log(gap) - log_usual - self._log_patience(customer))
        row = self.rows[cell]
        row.closed[index] += weight
        row.gap_days[index] += weight * gap
        row.usual_days[index] += weight * exp(log_usual)
        row.weight += weight
        row.pull += weight * SHRINKAGE / (SHRINKAGE + customer.gap_weight)
        self.touched.add(cell * _PARTS + index // _PART)

    def cut(self, customer: Customer, gap: float, mu0: float) -> None:
        """A message is sent to a regular after `gap` days of silence: how long it would have lasted remains unknown."""
        cell = cell_of(customer)
        row = self.sent[cell]
        if not row:
            row = self.sent[cell] = [0.0] * (_BINS + 1)
        log_base = _log_usual_at_reference(customer) + self._log_patience(customer)
        row[_bin(log(gap) - log_base)] += exp2(-gap / memory_days(mu0))
        self._cut.add(cell)

    # ---- what is stored

    def restore_cut(self, cell: int, stored: list[float]) -> None:
        """Back from `sent`. Raises LaterReleaseError where there are more bins."""
        hold(stored, _BINS + 1, "silences in which a message was sent")
        self.sent[cell] = stored

    def changed_cuts(self) -> list[int]:
        """Cells of whose `sent` something has changed since the last call."""
        changed = sorted(self._cut)
        self._cut.clear()
        return changed

    def changed_parts(self) -> list[tuple[int, int]]:
        """Cells and parts of their bins that have changed since the last call; part −1: the whole cell is to be
        stored."""
        by_cell: dict[int, list[int]] = {}
        for place in sorted(self.touched):
            by_cell.setdefault(place // _PARTS, []).append(place % _PARTS)
        self.touched.clear()
        return [
            (cell, part) for cell, parts in by_cell.items() for part in (parts if len(parts) <= _FEW_PARTS else [-1])
        ]

    def restore_parts(self, parts: Iterable[tuple[int, int, Sequence[Any]]]) -> None:
        """Takes over parts (cell, number, what `Row.part` gave) of cells that have been restored whole. A part from
        before its cell was written is in it: weights grow until they are lowered, so the age and the weight say which
        is newer."""
        kept = [row.weight for row in self.rows]
        for cell, number, (aged, weight, pull, closed, gap_days, usual_days) in parts:
            row, first = self.rows[cell], number * _PART
            if aged != row.aged or weight < kept[cell]:
                continue
            row.closed[first : first + len(closed)] = closed
            row.gap_days[first : first + len(gap_days)] = gap_days
            row.usual_days[first : first + len(usual_days)] = usual_days
            if weight >= row.weight:
                row.weight, row.pull = weight, pull

    # ---- the refresh

    def refresh(self, today: int, mu0: float) -> Tolerances | None:
        """One weekly refresh on local day `today`; None while there is too little evidence."""
        half_life = memory_days(mu0)
        left = exp2(-7.0 / half_life)
        for cell, row in enumerate(self.rows):
            if row.weight > 0.0:
                row.age(left)
                self.touched.update(range(cell * _PARTS, (cell + 1) * _PARTS))
        for cell, sent in enumerate(self.sent):
            if sent:
                self.sent[cell] = [value * left for value in sent]
                self._cut.add(cell)
        if fsum(row.weight for row in self.rows) < _EVIDENCE:
            return None
        moves = self._moves(mu0)
        closed = [_moved(row.closed, -moves[cell // RHYTHMS]) for cell, row in enumerate(self.rows)]
        censored = [_moved(one, -moves[cell // RHYTHMS]) for cell, one in enumerate(self._censored(today, half_life))]
        cut = [_moved(one, -moves[cell // RHYTHMS]) if one else [] for cell, one in enumerate(self.sent)]
        seen = _Counts.of(closed, censored, cut)
        cold = self._cold.cut_like(seen)
        everybody = _Counts(_added([*closed, cold.closed]), _added([*censored, cold.censored]), seen.uncut)
        pool = everybody.survival()
        curves: list[list[float]] = []
        weights: list[float] = []
        by_cell: list[float] = []
        classes: list[list[float]] = []
        for first in range(0, CELLS, RHYTHMS):
            its = range(first, first + RHYTHMS)
            of_class = _Counts.of(
                closed[its.start : its.stop], censored[its.start : its.stop], cut[its.start : its.stop]
            )
            weights.append(fsum(of_class.closed) + fsum(of_class.censored))
            of_class = of_class.filled(everybody)
            classes.append(of_class.survival())
            cells = [_Counts.of(closed[i : i + 1], censored[i : i + 1], cut[i : i + 1]) for i in its]
            curves.extend(one.filled(of_class).survival() for one in cells)
            by_cell.extend(fsum(one.closed) + fsum(one.censored) for one in cells)
        kappa = self._kappa(pool, everybody.closed, moves)
        shares = [_shares(curve) for curve in curves]
        if self._weighs:
            return Tolerances(shares, kappa, weights, classes, curves, by_cell)
        return Tolerances(shares, kappa, weights, classes)

    def _moves(self, mu0: float) -> list[float]:
        """Per class of visits: how far its log bases lie from where they would be at the reference's pace."""
        moves: list[float] = []
        for first in range(0, CELLS, RHYTHMS):
            its = self.rows[first : first + RHYTHMS]
            weight = fsum(row.weight for row in its)
            pulled = fsum(row.pull for row in its) / weight if weight > 0.0 else 0.3
            moves.append((mu0 - _REFERENCE) * pulled)
        return moves

    def _censored(self, today: int, half_life: float) -> list[list[float]]:
        """Open silences, and those that a message has cut, by cell and bin, weighted by when they began."""
        censored = [sent.copy() if sent else [0.0] * (_BINS + 1) for sent in self.sent]
        for day in sorted(self._open):
            silence = today - day + 0.5
            if silence <= 0.0:  # dated ahead of the stream
                continue
            log_silence, weight = log(silence), exp2(-silence / half_life)
            at_day = self._open[day]
            for place in sorted(at_day):
                cell, base_bin = divmod(place, _BASE_BINS)
                log_base = (base_bin - _BASE_OFFSET + 0.5) * _BASE_STEP
                censored[cell][_bin(log_silence - log_base)] += at_day[place] * weight
        return censored

    def _kappa(self, pool: list[float], closed: list[float], moves: list[float]) -> float:
        """Mean healthy gap / mean usual gap, each closed gap weighted by the drop of the curve that it stands for."""
        gaps = _added([_moved(row.gap_days, -moves[cell // RHYTHMS]) for cell, row in enumerate(self.rows)])
        usuals = _added(
            [
                [value * exp(moves[cell // RHYTHMS]) for value in _moved(row.usual_days, -moves[cell // RHYTHMS])]
                for cell, row in enumerate(self.rows)
            ]
        )
        days, usual_days = [], []
        before = 1.0
        for index in range(int((_LOG_HEALTHY - _LOW) / _STEP) + 2):
            if closed[index] > 0.0:
                stands_for = (before - pool[index]) / closed[index]
                days.append(stands_for * gaps[index])
                usual_days.append(stands_for * usuals[index])
            before = pool[index]
        usual = fsum(usual_days)
        return min(_KAPPA_HIGH, max(_KAPPA_LOW, fsum(days) / usual)) if usual > 0.0 else 1.0


def _cold_share(r: float) -> float:
    """Share of healthy gaps that last at least r bases, before anything is known."""
    return min(1.0, _COLD_SHARE * exp2(_COLD_MULTIPLE - r))


def _cold_gaps() -> list[float]:
    upper = [_cold_share(exp(_LOW + _STEP * index)) for index in range(_BINS)]
    return [_COLD_WEIGHT * (before - after) for before, after in zip([1.0, *upper], [*upper, 0.0], strict=True)]


_COLD_GAPS: Final = _cold_gaps()
"""By bin: gaps as they are supposed to be before anything is known. Where nothing that long could be seen yet they say
how silences go on."""
_NONE: Final = [0.0] * (_BINS + 1)
_COLD_LOST: Final = [*_NONE[:-1], _COLD_WEIGHT * PRIOR_LOST / (1.0 - PRIOR_LOST)]
"""By bin: those of them that never end. Without any, a shop that is younger than the silences in question believes that
everybody comes back from them, and leaves alone who leaves: among daily customers most of those of the second week."""
_LEAST_UNCUT: Final = 0.01
"""Without a control group every silence is cut in the end: what is known of others, or supposed, has to say then how
they would have gone on."""


class _Counts:
    """Closed and censored gaps by bin. The censored are those that are open and those that a message has cut."""

    def __init__(self, closed: list[float], censored: list[float], uncut: list[float]) -> None:
        self.closed = closed
        self.censored = censored
        self.uncut = uncut
        """At the lower edge of each bin the share of silences that no message would have cut before, had none ended by
        itself, by the curve of Kaplan and Meier; empty: none was cut."""

    @classmethod
    def of(cls, closed: list[list[float]], censored: list[list[float]], cut: list[list[float]]) -> _Counts:
        """All of these cells. `cut`: of the censored, those that a message has cut; empty for a cell without any."""
        ended, gone = _added(closed), _added(censored)
        stopped = [one for one in cut if one]
        return _Counts(ended, gone, _uncut(ended, gone, _added(stopped)) if stopped else [])

    def filled(self, other: _Counts) -> _Counts:
        """With as many gaps of `other`'s as shrink towards it, of which as many were cut as of these."""
        part = _PSEUDO_GAPS / (fsum(other.closed) + fsum(other.censored))
        lent = other.cut_like(self)
        return _Counts(
            [own + part * others for own, others in zip(self.closed, lent.closed, strict=True)],
            [own + part * others for own, others in zip(self.censored, lent.censored, strict=True)],
            self.uncut,
        )

    def cut_like(self, other: _Counts) -> _Counts:
        """The same curve, from as few at risk as if messages had cut these as they have cut `other`'s: else what is
        lent would outweigh the few silences that go on beyond the usual time of a message. What was cut already is not
        cut again, and nothing is put back."""
        if not other.uncut:
            return self
        closed, censored = [0.0] * (_BINS + 1), [0.0] * (_BINS + 1)
        at_risk = fsum(self.closed) + fsum(self.censored)
        part = 1.0
        for index, (ended, open_) in enumerate(zip(self.closed, self.censored, strict=True)):
            hazard = min(1.0, ended / max(1e-9, at_risk - open_ / 2.0))
            left = at_risk - ended - open_
            part_left = 0.0
            if index < _BINS:
                own = self.uncut[index + 1] if self.uncut else 1.0
                part_left = min(part, other.uncut[index + 1] / own)
            here, there = part * at_risk, part_left * left
            closed[index] = hazard * (here + there) / (2.0 - hazard)  # the same hazard where half of the cut count
            censored[index] = here - there - closed[index]
            at_risk, part = left, part_left
        return _Counts(closed, censored, other.uncut)

    def survival(self) -> list[float]:
        return survival_curve(self.closed, self.censored)


def _uncut(closed: list[float], censored: list[float], cut: list[float]) -> list[float]:
    """`_Counts.uncut`, not below `_LEAST_UNCUT`."""
    at_risk = fsum(closed) + fsum(censored)
    share = 1.0
    found: list[float] = []
    for ended, gone, stopped in zip(closed, censored, cut, strict=True):
        found.append(max(_LEAST_UNCUT, share))
        if stopped > 0.0:
            share *= max(0.0, 1.0 - stopped / max(1e-9, at_risk - (ended + gone - stopped) / 2.0))
        at_risk -= ended + gone
    return found


def _shares(curve: list[float]) -> list[float]:
    """Log of the bases after which each share of the grid of healthy gaps is still open, falling. One walk along the
    curve, from the largest share."""
    whole = _at(curve, _LOG_HEALTHY)
    found = [_LOG_HEALTHY] * (GRID + 1)
    index, above = 0, 1.0
    for i in range(GRID, -1, -1):
        target = 1.0 - (1.0 - _GRID_SHARES[i]) * (1.0 - whole)
        while curve[index] > target:
            above = curve[index]
            index += 1
            if index > _BINS:
                return found
        drop = above - curve[index]
        part = (above - target) / drop if drop > 0.0 else 1.0
        found[i] = min(_LOG_HEALTHY, _LOW + _STEP * (index - 1 + part))
    return found


def _bin(log_r: float) -> int:
    position = (log_r - _LOW) / _STEP
    return 0 if position <= 0.0 else min(_BINS, ceil(position))


def _at(curve: list[float], log_r: float) -> float:
    """The curve at log r: given at the bins' upper edges, straight between them in log r."""
    position = (log_r - _LOW) / _STEP
    if position <= 0.0:
        return curve[0]
    index = int(position)
    if index >= _BINS:
        return curve[_BINS]
    return curve[index] + (curve[index + 1] - curve[index]) * (position - index)


def _moved(values: list[float], by: float) -> list[float]:
    """A histogram over log r moved by `by`; what leaves it at an end stays in the last bin."""
    whole = floor(by / _STEP)
    part = by / _STEP - whole
    moved = [0.0] * (_BINS + 1)
    for index, value in enumerate(values):
        if value:
            moved[max(0, min(_BINS, index + whole))] += value * (1.0 - part)
            moved[max(0, min(_BINS, index + whole + 1))] += value * part
    return moved


def _added(rows: list[list[float]]) -> list[float]:
    if len(rows) == 1:
        return rows[0].copy()
    return [fsum(column) for column in zip(*rows, strict=True)]
