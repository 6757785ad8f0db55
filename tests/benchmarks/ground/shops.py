"""Shops that never were, of customers whose fate is known: what a rule is worth can be held against the best there is.

A customer has a usual gap of their own, around the shop's. While they stay, they come after gaps of k exponential
stages (k = 1: without rhythm; 16: like a clock); they leave for good with some chance at each visit, or at some rate
with time. Both run on the shop's own clock, which is fast in season and slow out of it. Some come once and never again;
the shop may grow; on closed days nobody comes, and who would have comes the next day it is open. Every shop is drawn
from its own seed: the same on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import Final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

YEAR: Final = 365.25
_LEAST_GAP: Final = 0.6
"""Days: one visit a day."""
_OPENS, _CLOSES = 9.0, 19.0
"""Hours."""


@dataclass(frozen=True)
class Cell:
    """What kind of shop it is: a place on the grid."""

    stages: int = 2
    """k. The coefficient of variation of a customer's own gaps is 1 / √k."""
    usual_days: float = 14.0
    """The usual gap of the customer in the middle."""
    leave: float = 0.05
    """Chance of leaving per usual gap."""
    by_time: bool = False
    """Customers leave with time, whether they come or not; else at a visit, after it."""
    spread: float = 0.5
    """Standard deviation of the logarithm of the customers' usual gaps."""
    leave_spread: float = 0.7
    """The same of their chances to leave."""
    season: float = 0.0
    """Half of the difference of high and low season, as a part of the mean: 0–0.9."""
    growth: float = 0.0
    """e-folds of new customers per log."""
    closed: tuple[int, ...] = ()
    """Days of the week on which nobody comes, 0–6."""
    once: float = 0.2
    """Share of the customers who come once."""
    customers: int = 1500
    gaps: float = 40.0
    """Length of the log in usual gaps of the shop."""

    def named(self) -> str:
        """The cell in one line."""
        parts = [f"k={self.stages}", f"{self.usual_days:g} d", f"leave {self.leave:g}{'/t' if self.by_time else ''}"]
        if self.spread != Cell.spread:
            parts.append(f"spread {self.spread:g}")
        if self.season:
            parts.append(f"season {self.season:g}")
        if self.growth:
            parts.append(f"growth {self.growth:g}")
        if self.closed:
            parts.append(f"closed {len(self.closed)}")
        if self.once != Cell.once:
            parts.append(f"once {self.once:g}")
        parts.append(f"{self.customers} customers")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Person:
    """One customer as they really are."""

    usual_days: float
    """Mean gap while they stay, in days of the shop's own clock."""
    leave: float
    """Chance to leave at a visit, or rate of leaving per day of that clock."""
    visits: Numbers
    """Days of their visits since the log began, rising."""


class Season:
    """The shop's own clock: `own` days pass while `day` days do."""

    def __init__(self, strength: float) -> None:
        self._strength = strength
        day = np.arange(0.0, 80.0 * YEAR, 1.0)
        self._day = day
        self._own = day - strength * YEAR / (2.0 * pi) * (np.cos(2.0 * pi * day / YEAR) - 1.0) if strength else day

    def own(self, day: Numbers) -> Numbers:
        return np.interp(day, self._day, self._own) if self._strength else day

    def day(self, own: Numbers) -> Numbers:
        return np.interp(own, self._own, self._day) if self._strength else own


@dataclass(frozen=True, slots=True)
class GrownShop:
    """A shop, its people by id, and the days that its log covers."""

    cell: Cell
    days: float
    people: dict[str, Person]
    season: Season


def grown(cell: Cell, seed: int = 1) -> GrownShop:
    """The shop of that cell and seed."""
    random = np.random.default_rng(
        [seed, cell.stages, cell.customers, int(cell.usual_days * 10), int(cell.leave * 1e4)]
    )
    days, season = cell.gaps * cell.usual_days, Season(cell.season)
    open_days = np.array([day not in cell.closed for day in range(7)])
    people: dict[str, Person] = {}
    for number in range(cell.customers):
        usual = cell.usual_days * float(np.exp(cell.spread * random.standard_normal()))
        leave = min(
            0.9, cell.leave * float(np.exp(cell.leave_spread * random.standard_normal() - cell.leave_spread**2 / 2))
        )
        share = float(random.random())
        begin = (
            days * (np.log1p(share * np.expm1(cell.growth)) / cell.growth if cell.growth else share) * 1.3 - 0.3 * days
        )
        rate = leave / usual if cell.by_time else leave
        if random.random() < cell.once:
            own = np.array([0.0])
        else:
            own = _own_times(random, cell, usual, rate, season, begin, days)
        at = season.day(season.own(np.array([begin + 0.3 * days])) + own) - 0.3 * days
        at = at[(at >= 0.0) & (at < days)]
        if len(at):
            people[f"c{number}"] = Person(usual, rate, _in_hours(at, open_days, random, days))
    return GrownShop(cell, days, {name: who for name, who in people.items() if len(who.visits)}, season)


def _own_times(
    random: np.random.Generator, cell: Cell, usual: float, rate: float, season: Season, begin: float, days: float
) -> Numbers:
    """Times of a customer's visits after the first, and that one, by the shop's clock."""
    rest = float(season.own(np.array([days * 1.3]))[0] - season.own(np.array([begin + 0.3 * days]))[0])
    count = int(rest / usual * 1.5 + 20)
    gaps = np.maximum(_LEAST_GAP, random.gamma(cell.stages, usual / cell.stages, count))
    own = np.concatenate(([0.0], np.cumsum(gaps)))
    if cell.by_time:
        return own[own <= random.exponential(1.0 / rate)]
    return own[: int(random.geometric(rate))]


def _in_hours(at: Numbers, open_days: NDArray[np.bool_], random: np.random.Generator, days: float) -> Numbers:
    """Visits within opening hours, one a day."""
    day = np.floor(at).astype(int)
    for _ in range(7):
        day = np.where(open_days[day % 7], day, day + 1)
    day = np.unique(day)
    day = day[day < days]
    hours: Numbers = day + random.uniform(_OPENS, _CLOSES, len(day)) / 24.0
    return hours
