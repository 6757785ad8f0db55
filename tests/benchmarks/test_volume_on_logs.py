"""What a volume captures beside the best simple rule, on real logs and on shops whose people are followed beyond the
end of their log: told both ways, for the end of a log can turn one into the other.

`CHURN_ALERT_TEST_LOGS=DIRECTORY` names the logs (*.csv.gz).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from statistics import mean

import pytest

from service.backtest.absences import Absences, absences_of
from service.backtest.baselines import baseline_results
from service.backtest.comparison import Performance, RuleComparison
from service.backtest.run import backtest
from service.config import Settings
from service.domain.calendar import Calendar
from tests.benchmarks.ground.afterwards import CELLS, GROWING, STEADY, gains
from tests.benchmarks.ground.shops import Cell
from tests.support.real_logs import MISSING, real_logs

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]

VOLUMES = (3.0, 5.0, 10.0, 15.0)
FOLLOWED_GAPS = 5.0
"""Usual gaps that the log goes on for after the visit: the four up to which visits count, and one that tells whether an
alert was needless."""
ENOUGH_ALERTS = 30


@dataclass(frozen=True, slots=True)
class Beside:
    """The volume beside the simple rule that captures most at as many alerts."""

    alerts: float
    captured: float
    gain: float
    needless: float
    """Points more of the alerts than by that rule."""

    def told(self) -> str:
        return f"{self.alerts:>6.0f} alerts {self.captured:>5.1f} {self.gain:>+6.1f} needless {self.needless:>+6.1f}"


def beside(found: Absences) -> Beside | None:
    """None: too few alerts to tell anything."""
    comparison = RuleComparison(found)
    mine = comparison.policy()
    if mine.alerts < ENOUGH_ALERTS:
        return None
    most = comparison.capturable.up_to_4
    simple = max((each.performance for each in baseline_results(comparison, round(mine.alerts))), key=_captured)
    return Beside(
        mine.alerts,
        100.0 * mine.captured_4 / most,
        100.0 * (mine.captured_4 - simple.captured_4) / most,
        100.0 * ((mine.needless_share or 0.0) - (simple.needless_share or 0.0)),
    )


def _captured(performance: Performance) -> float:
    return performance.captured_4


def followed(found: Absences) -> Absences:
    """Of the absences, those that the log follows long enough: nothing of them is cut short, and none is weighed."""
    usual = (u if left >= FOLLOWED_GAPS * u else inf for u, left in zip(found.usual, found.left, strict=True))
    return replace(found, usual=array("d", usual), span=1e9)


def both_ways(file: Path) -> Iterator[tuple[float, Beside | None, Beside | None]]:
    for volume in VOLUMES:
        settings = Settings().changed(outreach={"consent": "external", "volume_per_100_visits": volume})
        result = backtest(settings, [file])
        found = absences_of(result.visits, result.alerts, Calendar(settings.shop.zone))
        yield volume, beside(found), beside(followed(found))


def test_a_volume_captures_more_than_the_best_simple_rule_of_each_log() -> None:
    logs: Sequence[Path] = real_logs()
    if not logs:
        pytest.skip(MISSING)
    gained: list[float] = []
    for file in logs:
        for volume, as_compared, as_followed in both_ways(file):
            print(f"\n{file.name:<24} {volume:>4g} per 100", end="")
            for label, each in (("compared", as_compared), ("followed", as_followed)):
                print(f" | {label} {each.told() if each else 'too few alerts'}", end="", flush=True)
            gained += [as_followed.gain] if as_followed else []

    assert mean(gained) >= 3.0


def test_the_end_of_a_log_speaks_against_the_volume_in_a_shop_that_grows() -> None:
    """On the mean over two volumes; where nothing grows it makes no difference."""
    print()
    apart: dict[Cell, float] = {}
    for cell in CELLS:
        found = [gains(cell, volume) for volume in (10.0, 15.0)]
        print("\n".join(each.told() for each in found), flush=True)
        apart[cell] = mean(each.afterwards - each.by_the_log for each in found)

    assert apart[GROWING] > 1.0
    assert abs(apart[STEADY]) < 3.0
