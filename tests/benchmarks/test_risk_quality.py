"""How good churn risk and health are on real logs: AUC and calibration, judged halfway through each log, and who will
buy again told as well as by a boosting that was fitted on the same past.

Reads every purchase log of the directory named by CHURN_ALERT_TEST_LOGS, and a year of real grocery baskets from the
package of the demo. The bar is for grocery_elog; the others are printed.
"""

from __future__ import annotations

import csv
import gzip
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats

from service.backtest.calibration import FEWEST, Quality
from service.backtest.run import Result, backtest
from service.config import Settings
from service.demo import baskets
from service.domain.outlook import chance_of_no_visit
from service.errors import ConfigurationError
from tests.benchmarks import boosting
from tests.support.real_logs import MISSING, real_logs

LOGS = real_logs()
LEAST_AUC = 0.70
MOST_BEHIND_BOOSTING = 0.02
"""AUC."""
HORIZON_DAYS = 90
"""Or a quarter of the log."""
FEWEST_DAYS = 60
"""Shorter logs are over before anything can be learned of them twice."""
BAR = "grocery_elog"
SETTINGS = {"outreach": {"consent": "external"}}

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1800)]


def measured(name: str, file: Path, settings: Settings) -> Result:
    """Runs the backtest, and prints what it says of churn risk and health."""
    began = time.perf_counter()
    result = backtest(settings, [file])
    found = result.calibration
    print(
        f"\n{name}: {result.events:,} purchases, {time.perf_counter() - began:.1f} s; {found.left_out:,} customers left out"
        + ("" if found.learned else "; nothing learned by then, the model's defaults")
    )
    for group, quality in (("all customers", found.everybody), ("regulars", found.regulars)):
        print("\n".join(table(group, quality)))
    return result


def table(group: str, quality: Quality) -> list[str]:
    def area(value: float | None) -> str:
        return "–" if value is None else f"{value:.3f}"

    thin = "" if quality.enough else "  (not enough data)"
    heading = (
        f"  {group}: {quality.stayed_away:,} of {quality.customers:,} stayed away{thin}; AUC by churn risk {area(quality.auc_risk)}, "
        f"by chance {area(quality.auc_chance)}, by health {area(quality.auc_health)} (of {quality.with_health:,}); "
        f"Brier {area(quality.brier)}, of the mean {area(quality.brier_of_mean)}"
    )
    return [
        heading,
        f"    {'customers':>10}{'predicted':>11}{'observed':>10}{'95 %':>16}{'churn risk':>12}",
        *(
            f"    {each.customers:>10,}{each.predicted:>11.3f}{each.observed:>10.3f}{f'{each.low:.3f}–{each.high:.3f}':>16}{each.churn_risk:>12.3f}"
            for each in quality.bins
        ),
    ]


@pytest.mark.skipif(not LOGS, reason=MISSING)
def test_the_churn_risk_ranks_real_customers_by_whether_they_come() -> None:
    found = {
        path.name.removesuffix(".csv.gz"): measured(path.name, path, Settings().changed(**SETTINGS)) for path in LOGS
    }

    assert found
    if BAR in found:
        area = found[BAR].calibration.everybody.auc_risk
        assert area is not None
        assert area >= LEAST_AUC


def test_a_year_of_household_baskets(tmp_path: Path) -> None:
    """Households of a panel hardly ever leave, so that few stay away: printed, and better than a coin."""
    try:
        file, _ = baskets.as_history_files(tmp_path, surveys=False)
    except ConfigurationError as error:
        pytest.skip(str(error))
    settings = Settings().changed(**SETTINGS, shop={"timezone": baskets.ZONE.key, "currency": baskets.CURRENCY})

    quality = measured("Complete Journey 2017", file, settings).calibration.everybody

    assert quality.auc_risk is not None
    assert quality.auc_risk > 0.5


@pytest.mark.skipif(not LOGS, reason=MISSING)
@pytest.mark.parametrize("fewest_visits", [1, 2, 4])
def test_who_buys_again_is_told_as_well_as_by_a_boosting_fitted_on_the_same_past(
    fewest_visits: int, tmp_path: Path
) -> None:
    judged = 0
    for path in LOGS:
        days = boosting.days_of(path)
        last = max(day for visits in days.values() for day in visits)
        at, horizon = last // 2, min(HORIZON_DAYS, last // 4)
        if last < FEWEST_DAYS:
            continue
        ours = chances(up_to(path, at, tmp_path / path.name), horizon)
        theirs = boosting.chances(days, at, horizon)
        assert ours.keys() == theirs.keys()
        asked = [customer for customer in ours if sum(day < at for day in days[customer]) >= fewest_visits]
        away = boosting.stays_away(days, asked, at, horizon)
        if min(away.sum(), len(away) - away.sum()) < FEWEST:
            continue
        judged += 1
        area, of_boosting = (auc([said[customer] for customer in asked], away) for said in (ours, theirs))
        print(
            f"\n{path.name}: {len(asked):,} customers with {fewest_visits} visits or more, {away.mean():.0%} stayed away for "
            f"{horizon} days; AUC {area:.3f}, of the boosting {of_boosting:.3f}"
        )
        assert area >= of_boosting - MOST_BEHIND_BOOSTING, path.name
    assert judged, f"no log is long enough of {LOGS}"


def up_to(path: Path, day: int, to: Path) -> Path:
    """The log as it was before this day of it."""
    with (
        gzip.open(path, "rt", encoding="utf-8") as lines,
        gzip.open(to, "wt", encoding="utf-8", compresslevel=1) as part,
    ):
        heading, *rows = lines
        column = next(csv.reader([heading])).index("timestamp")
        dates = [row.split(",")[column][:10] for row in rows]
        first = date.fromisoformat(min(dates)).toordinal()
        part.write(heading)
        part.writelines(
            row for row, at in zip(rows, dates, strict=True) if date.fromisoformat(at).toordinal() - first < day
        )
    return to


def chances(file: Path, horizon: int) -> dict[str, float]:
    """Customer → the chance of no visit within the days after the log."""
    result = backtest(Settings().changed(**SETTINGS), [file])
    return {
        customer_id: chance_of_no_visit(customer, engine.everybody.learned.model, result.now_us, horizon)
        for engine in result.engines
        for customer_id, customer in engine.customers.items()
        if customer.visits
    }


def auc(said: list[float], away: np.ndarray[Any, Any]) -> float:
    """By the ranks (Mann & Whitney 1947)."""
    ranks = scipy.stats.rankdata(said)
    ones = int(away.sum())
    return float((ranks[away == 1].sum() - ones * (ones + 1) / 2) / (ones * (len(away) - ones)))
