"""What the end of a log does to a comparison of rules: the same alerts, judged by the log they were given in, and by
what its customers did afterwards.

An alert shortly before the log ends is one of so many, but hardly any of what it saved is in the log any more. Absences
are weighed for being cut short as if as many began at any time; in a shop that grows most begin late, and of two rules
with as many alerts the one that waits longer has fewer of its own there. In a generated shop the log can be cut before
its people are done: nothing is cut short then, and no weights are needed.

    python -m tests.benchmarks.ground.afterwards
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from service.backtest.absences import absences_of
from service.backtest.baselines import at_count, threshold_results
from service.backtest.comparison import HORIZONS, Performance, RuleComparison
from service.backtest.run import backtest
from service.config import Settings
from service.domain.calendar import Calendar
from tests.benchmarks.ground.proving import written
from tests.benchmarks.ground.shops import Cell, GrownShop, Person, grown

MORE: Final = 0.5
"""Of the log's length, that its people are followed for afterwards."""
VOLUMES: Final = (5.0, 10.0, 15.0)
STEADY: Final = Cell(stages=1, usual_days=90.0, leave=0.1, gaps=16.0, customers=1200)
GROWING: Final = replace(STEADY, growth=3.0, customers=5000)
MORE_EVEN: Final = replace(GROWING, stages=3)
CELLS: Final[Sequence[Cell]] = (STEADY, GROWING, MORE_EVEN)


@dataclass(frozen=True, slots=True)
class Gains:
    """Points captured more than by the best simple rule at as many alerts."""

    cell: Cell
    volume: float
    alerts: float
    by_the_log: float
    afterwards: float

    def told(self) -> str:
        return (
            f"{self.cell.named():<52} {self.volume:>4g} {self.alerts:>6.0f}"
            f" by the log {self.by_the_log:>+6.1f}, by what came afterwards {self.afterwards:>+6.1f}"
        )


@dataclass(frozen=True, slots=True)
class _Silence:
    """One whose end is known, whenever it came."""

    gap: float
    """Days to the return, which may be after the log's end."""
    seen: float
    """Days of it that the log shows: an alert comes within them, or never."""
    usual: float

    def ahead(self, at: float) -> float:
        """Visits still to be missed, up to four usual gaps."""
        return max(0.0, min(self.gap, HORIZONS[0] * self.usual) - max(at, self.usual)) / self.usual


class Afterwards:
    """The compared absences of a log that was cut, with what became of them."""

    def __init__(self, comparison: RuleComparison, silences: Sequence[_Silence]) -> None:
        """`silences`: of each compared row."""
        self._comparison, self._silences = comparison, silences
        self._most = sum(each.ahead(0.0) for each in silences)

    def performance(self, delays: Sequence[float]) -> Performance:
        captured, alerts, needless = 0.0, 0, 0
        for silence, delay in zip(self._silences, delays, strict=True):
            if delay < silence.seen - 1e-9:
                alerts += 1
                captured += silence.ahead(delay)
                needless += silence.gap - delay < silence.usual
        return Performance(alerts, captured, captured, needless, alerts)

    def gain(self) -> float:
        found, rows = self._comparison.absences, self._comparison.rows
        mine = self.performance([found.alerted[row] for row in rows])
        simple = max(
            self._multiple([unit[row] for row in rows], round(mine.alerts)).captured_4
            for unit in (found.mean, found.median, [1.0] * len(found))
        )
        return 100.0 * (mine.captured_4 - simple) / self._most

    def _multiple(self, units: Sequence[float], alerts: int) -> Performance:
        reached = [silence.seen / unit for silence, unit in zip(self._silences, units, strict=True)]
        return at_count(
            reached, lambda multiple: self.performance([max(0.0, multiple) * unit for unit in units]), alerts
        )[1]


def gains(cell: Cell, volume: float, seed: int = 1) -> Gains:
    """Of one shop. Its log is cut; what its people do later is known."""
    whole = grown(replace(cell, gaps=cell.gaps * (1.0 + MORE), growth=cell.growth * (1.0 + MORE)), seed)
    end = cell.gaps * cell.usual_days
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "shop.csv"
        written(_until(whole, end), file)
        settings = Settings().changed(outreach={"consent": "external", "volume_per_100_visits": volume})
        result = backtest(settings, [file])
    found = absences_of(result.visits, result.alerts, Calendar(settings.shop.zone))
    names = [name for name, known in result.visits.evaluated.items() for _ in range(len(known))]
    for row, name in enumerate(names):
        found.usual[row] = whole.people[name].usual_days
    comparison = RuleComparison(found)
    mine = comparison.policy()
    simple = max(each.performance.captured_4 for each in threshold_results(comparison, round(mine.alerts)))
    silences = [_silence(whole, whole.people[names[row]], found.visits[row], end) for row in comparison.rows]
    return Gains(
        cell,
        volume,
        mine.alerts,
        100.0 * (mine.captured_4 - simple) / comparison.capturable.up_to_4,
        Afterwards(comparison, silences).gain(),
    )


def _silence(shop: GrownShop, person: Person, visits: int, end: float) -> _Silence:
    """The one that began with the visit of that number, 1 being the first."""
    begins = float(person.visits[visits - 1])
    returns = float(person.visits[visits]) if visits < len(person.visits) else shop.days
    return _Silence(returns - begins, min(returns, end) - begins, person.usual_days)


def _until(shop: GrownShop, end: float) -> GrownShop:
    people = {
        name: replace(person, visits=person.visits[person.visits < end])
        for name, person in shop.people.items()
        if person.visits[0] < end
    }
    return replace(shop, days=end, people=people)


def main() -> None:
    """Prints a line for each shop and volume."""
    for cell in CELLS:
        for volume in VOLUMES:
            print(gains(cell, volume).told(), flush=True)


if __name__ == "__main__":
    main()
