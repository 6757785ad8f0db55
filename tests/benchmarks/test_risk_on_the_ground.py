"""The chance of no visit in ten bins on the generated shops of the proving ground, predicted halfway through each log:
expected against observed, printed shop by shop; and the same with one odd account in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest

from service.backtest.calibration import Quality
from service.backtest.run import backtest
from service.config import Settings
from tests.benchmarks.ground.proving import SMALL, written
from tests.benchmarks.ground.shops import Cell, Person, grown

CELLS = (
    *SMALL,
    Cell(stages=2, leave=0.06, once=0.8),
    Cell(stages=1, leave=0.1, spread=1.0),
    Cell(stages=4, customers=200),
)
MEAN_ERROR = 0.05
"""Of a bin, on the mean of all shops."""
MOVED = 0.02
"""By one odd account."""

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1800)]


@dataclass(frozen=True)
class Judged:
    cell: Cell
    quality: Quality
    beside_odd: Quality

    @staticmethod
    def error(quality: Quality) -> float:
        """Mean difference of predicted and observed, over the bins, by their customers."""
        return sum(each.customers * abs(each.observed - each.predicted) for each in quality.bins) / quality.customers

    def told(self) -> str:
        worst = max(self.quality.bins, key=lambda each: abs(each.observed - each.predicted))
        return (
            f"{self.cell.named():<52} {self.quality.customers:>6} {self.error(self.quality):>7.3f}"
            f" {worst.predicted:>6.2f}/{worst.observed:<6.2f} {self.error(self.beside_odd):>7.3f}"
        )


def quality_of(cell: Cell, file: Path, *, odd: bool) -> Quality:
    shop = grown(cell)
    if odd:
        visits = np.sort(np.random.default_rng(5).uniform(0.0, shop.days * 0.999, int(min(20_000, 3 * shop.days))))
        shop.people["c77777"] = Person(0.5, 0.0, visits)
    written(shop, file)
    return backtest(Settings().changed(outreach={"consent": "external"}), [file]).calibration.everybody


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> list[Judged]:
    file = tmp_path_factory.mktemp("ground") / "shop.csv"
    print(f"\n{'shop':<52} {'people':>6} {'error':>7} {'worst bin':>13} {'beside an odd account':>7}")
    found: list[Judged] = []
    for cell in CELLS:
        found.append(Judged(cell, quality_of(cell, file, odd=False), quality_of(cell, file, odd=True)))
        print(found[-1].told(), flush=True)
    return found


def test_as_many_stay_away_as_was_expected_in_every_tenth(judged: list[Judged]) -> None:
    assert fmean(Judged.error(each.quality) for each in judged) < MEAN_ERROR


def test_one_odd_account_makes_the_prediction_hardly_worse(judged: list[Judged]) -> None:
    for each in judged:
        assert Judged.error(each.beside_odd) < Judged.error(each.quality) + MOVED, each.cell.named()
