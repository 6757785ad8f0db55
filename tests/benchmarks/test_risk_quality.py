"""How good churn risk and health are on real logs: AUC and calibration, judged halfway through each log.

Reads every purchase log of the directory named by CHURN_ALERT_TEST_LOGS, and a year of real grocery baskets from the
package of the demo. The bar is for grocery_elog; the others are printed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.backtest.calibration import Quality
from service.backtest.run import Result, backtest
from service.config import Settings
from service.demo import baskets
from service.errors import ConfigurationError

LOGS = os.environ.get("CHURN_ALERT_TEST_LOGS")
LEAST_AUC = 0.70
BAR = "grocery_elog"
SETTINGS = {"outreach": {"consent": "external"}}

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1800)]


def logs() -> Iterator[Path]:
    if LOGS:
        yield from (path for path in sorted(Path(LOGS).glob("*.csv.gz")) if "survey" not in path.name)


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


@pytest.mark.skipif(not LOGS, reason="CHURN_ALERT_TEST_LOGS names no directory with real logs (*.csv.gz)")
def test_the_churn_risk_ranks_real_customers_by_whether_they_come() -> None:
    found = {
        path.name.removesuffix(".csv.gz"): measured(path.name, path, Settings().changed(**SETTINGS)) for path in logs()
    }

    assert found, f"CHURN_ALERT_TEST_LOGS: no *.csv.gz in {LOGS}"
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
