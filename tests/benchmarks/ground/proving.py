"""One shop of the grid through the product, beside the simple rules and the best that could be done: captured, needless
and regret at as many alerts.

    python -m tests.benchmarks.ground.proving [all]
"""

from __future__ import annotations

import csv
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import mean
from typing import Final

from service.backtest.absences import absences_of
from service.backtest.baselines import Baseline, baseline_results
from service.backtest.comparison import Performance, RuleComparison
from service.backtest.run import backtest
from service.config import Settings
from service.domain.calendar import DAY_US, Calendar
from tests.benchmarks.ground.best import BestPolicy
from tests.benchmarks.ground.shops import Cell, GrownShop, grown

_BEGIN: Final = datetime(2020, 1, 6, tzinfo=UTC)
"""A Monday."""
_BEGIN_US: Final = int(_BEGIN.timestamp()) * 1_000_000
DEFAULT: Final = None
"""In the place of a volume: nothing is set."""
VOLUMES: Final[Sequence[float | None]] = (5.0, 10.0, 15.0, DEFAULT)
_CLOCK: Final = 6
"""k from which on regulars are like clocks."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The product in one shop at one volume; shares of what could be captured, and of alerts, in per cent."""

    cell: Cell
    volume: float | None
    alerts: float
    captured: float
    needless: float
    best: float
    """Captured by the best policy at as many alerts."""
    best_needless: float
    simple: str
    """The simple rule that captures most."""
    simple_captured: float
    simple_needless: float

    @property
    def regret(self) -> float:
        """Points captured less than by the best."""
        return self.best - self.captured

    @property
    def gain(self) -> float:
        """Points captured more than by the best simple rule."""
        return self.captured - self.simple_captured

    @property
    def clock_like(self) -> bool:
        return self.cell.stages >= _CLOCK

    def told(self) -> str:
        """A line of the table."""
        volume = "default" if self.volume is None else f"{self.volume:g}"
        return (
            f"{self.cell.named():<52} {volume:>7} {self.alerts:>6.0f} {self.captured:>9.1f} {self.needless:>9.1f}"
            f" {self.best:>7.1f} {self.best_needless:>6.1f}  {self.simple:<10} {self.simple_captured:>6.1f} {self.simple_needless:>6.1f}"
            f" {self.regret:>7.1f} {self.gain:>+6.1f}"
        )


HEADING: Final = (
    f"{'shop':<52} {'volume':>7} {'alerts':>6} {'captured':>9} {'needless':>9} {'best':>7} {'':>6}  {'simple':<10} {'':>6} {'':>6}"
    f" {'regret':>7} {'gain':>6}"
)


def written(shop: GrownShop, file: Path) -> None:
    """The shop's visits as a history file, in order of time."""
    rows = sorted((float(at), name) for name, person in shop.people.items() for at in person.visits)
    with file.open("w", newline="", encoding="utf-8") as target:
        writer = csv.writer(target)
        writer.writerow(["customer_id", "timestamp", "amount"])
        for at, name in rows:
            writer.writerow([name, (_BEGIN + timedelta(days=at)).isoformat(timespec="seconds"), "10"])


def proved(cell: Cell, volumes: Sequence[float | None] = VOLUMES, seed: int = 1) -> Iterator[Proof]:
    """One line for each volume; none where too few absences could be judged."""
    shop = grown(cell, seed)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "shop.csv"
        written(shop, file)
        for volume in volumes:
            limit = {} if volume is None else {"volume_per_100_visits": volume}
            settings = Settings().changed(outreach={"consent": "external", **limit})
            result = backtest(settings, [file])
            found = absences_of(result.visits, result.alerts, Calendar(settings.shop.zone))
            whose = [
                (name, (at - _BEGIN_US) / DAY_US)
                for name, known in result.visits.evaluated.items()
                for at in result.visits.visits[name][-len(known) :]
            ]
            for row, (name, _) in enumerate(whose):  # the truth instead of what hindsight makes of the log
                found.usual[row] = shop.people[name].usual_days
            comparison = RuleComparison(found)
            mine = comparison.policy()
            best = BestPolicy(shop, comparison, [whose[row] for row in comparison.rows]).at_count(mine.alerts)
            rules = [
                each for each in baseline_results(comparison, round(mine.alerts)) if each.name != Baseline.CHURN_MODEL
            ]
            simple = max(rules, key=lambda each: each.performance.captured_4)
            yield Proof(
                cell,
                volume,
                mine.alerts,
                *_shares(comparison, mine),
                *_shares(comparison, best),
                str(simple.name),
                *_shares(comparison, simple.performance),
            )


def _shares(comparison: RuleComparison, tally: Performance) -> tuple[float, float]:
    most = max(comparison.capturable.up_to_4, 1e-9)
    return 100.0 * tally.captured_4 / most, 100.0 * (tally.needless_share or 0.0)


SMALL: Final[Sequence[Cell]] = (
    Cell(stages=1, leave=0.05),
    Cell(stages=2, leave=0.1),
    Cell(stages=4, leave=0.05, season=0.4),
    Cell(stages=6, leave=0.1),
    Cell(stages=8, leave=0.03),
    Cell(stages=12, usual_days=60.0, leave=0.08),
    Cell(stages=16, leave=0.1),
    Cell(stages=2, usual_days=300.0, leave=0.1, gaps=20.0),
    Cell(stages=3, usual_days=3.0, leave=0.03, closed=(5, 6)),
    Cell(stages=2, leave=0.06, by_time=True, growth=2.0),
    Cell(stages=8, usual_days=365.0, leave=0.12, gaps=20.0, season=0.5, spread=0.15),
    Cell(stages=8, usual_days=7.0, leave=0.05, gaps=80.0, spread=0.2, closed=(5, 6), customers=800),
)
"""Of each kind one, donors who give every year and shops that order every week among them: a few minutes."""


def whole_grid() -> Iterator[Cell]:
    """Every cell: what is chosen is chosen here."""
    for stages in (1, 2, 4, 6, 8, 12, 16):
        for leave in (0.03, 0.1, 0.2):
            yield Cell(stages=stages, leave=leave)
    for stages in (1, 4, 12):
        for usual_days in (2.0, 60.0, 365.0):
            yield Cell(stages=stages, usual_days=usual_days, leave=0.08)
        yield Cell(stages=stages, leave=0.06, by_time=True)
        yield Cell(stages=stages, leave=0.06, season=0.5)
        yield Cell(stages=stages, leave=0.06, growth=3.0)
        yield Cell(stages=stages, usual_days=5.0, leave=0.06, closed=(5, 6))
        yield Cell(stages=stages, leave=0.06, once=0.8)
        for spread in (0.15, 1.0):
            yield Cell(stages=stages, leave=0.06, spread=spread)
        yield Cell(stages=stages, leave=0.06, leave_spread=1.5)
        yield Cell(stages=stages, leave=0.06, customers=200)
        yield Cell(stages=stages, leave=0.06, customers=50_000, gaps=15.0)


def summary(proofs: Sequence[Proof]) -> list[str]:
    """Mean and worst by volume, the clock-like shops apart."""
    lines: list[str] = []
    for volume in dict.fromkeys(each.volume for each in proofs):
        for kind, clock in (("irregular", False), ("clock-like", True)):
            those = [each for each in proofs if each.volume == volume and each.clock_like is clock]
            if not those:
                continue
            worst = max(those, key=lambda each: each.regret)
            least = min(those, key=lambda each: each.gain)
            lines.append(
                f"{kind} shops at {'default' if volume is None else f'{volume:g} per 100'}: regret"
                f" {mean(each.regret for each in those):.1f} on the mean, {worst.regret:.1f} at worst"
                f" ({worst.cell.named()}); over the best simple rule {mean(each.gain for each in those):+.1f} captured,"
                f" {least.gain:+.1f} at worst ({least.cell.named()}), needless"
                f" {mean(each.needless - each.simple_needless for each in those):+.1f}"
            )
    return lines


def main(arguments: Sequence[str]) -> None:
    """Prints the table as it is found."""
    cells = list(whole_grid()) if "all" in arguments else SMALL
    proofs: list[Proof] = []
    print(HEADING)
    for cell in cells:
        for proof in proved(cell):
            proofs.append(proof)
            print(proof.told(), flush=True)
    print("\n".join(summary(proofs)))


if __name__ == "__main__":
    main(sys.argv[1:])
