"""On real logs too the words for a customer never contradict each other: at the end of the log, and however long
everybody stays away from then on."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from math import exp
from pathlib import Path

import pytest

from service.backtest.run import Result, backtest
from service.config import Settings
from service.demo import baskets
from service.domain.calendar import DAY_US
from service.domain.findings import RiskBand, Segment
from service.history.writing import write_history
from tests.support.real_logs import MISSING, real_logs
from tests.support.vocabulary import contradictions

SETTINGS = {"outreach": {"consent": "external"}}
LATER_DAYS = (0.0, 20.0, 200.0)


def counted(result: Result) -> Counter[tuple[str, str]]:
    """Customers at the end of the log by segment and risk band; none contradicts itself, now or later."""
    found: Counter[tuple[str, str]] = Counter()
    for engine in result.engines:
        for customer_id, customer in engine.customers.items():
            for days in LATER_DAYS:
                told = engine.scores(customer_id, result.now_us + int(days * DAY_US))
                if told is None or told.churn_risk_band is None:
                    continue
                assert contradictions(told, exp(customer.log_usual)) == [], customer_id
                if not days:
                    found[told.segment.value, told.churn_risk_band.value] += 1
    return found


def test_of_the_households_of_the_demo_nobody_is_told_two_things_at_once(tmp_path: Path) -> None:
    file, answers = tmp_path / "purchases.csv", tmp_path / "surveys.csv"
    write_history(islice(baskets.demo_events(), 8_000), file, answers, minor_digits=baskets.MINOR_DIGITS)
    shop = {"timezone": baskets.ZONE.key, "currency": baskets.CURRENCY}

    found = counted(backtest(Settings().changed(**SETTINGS, shop=shop), [file], [answers]))

    assert sum(found.values()) > 100


@pytest.mark.skipif(not real_logs(), reason=MISSING)
def test_of_the_customers_of_real_shops_nobody_is() -> None:
    for path in real_logs():
        found = counted(backtest(Settings().changed(**SETTINGS), [path]))
        print(f"\n{path.name}: " + ", ".join(f"{' '.join(words)} {count:,}" for words, count in sorted(found.items())))
        assert found[Segment.LOST.value, RiskBand.LOW.value] == found[Segment.LOST.value, RiskBand.MEDIUM.value] == 0
