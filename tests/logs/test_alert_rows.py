"""alerts.csv against the purchases it was made from: a row begins at a visit, and tells of the visit that ended it."""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections import defaultdict
from datetime import date, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.backtest.run import backtest
from service.cli import app
from service.config import Settings
from service.domain.findings import Decision, Outcome
from service.domain.policy import ConsentRule
from service.feed.simulate import Cafe, Simulation


def visits_of(purchases: Path) -> dict[str, dict[date, datetime]]:
    """Customer → day → first purchase."""
    visits: dict[str, dict[date, datetime]] = defaultdict(dict)
    with purchases.open() as stream:
        for row in csv.DictReader(stream):
            if row["amount"].startswith("-"):
                continue
            at = datetime.fromisoformat(row["timestamp"])
            day = visits[row["customer_id"]]
            day[at.date()] = min(at, day.get(at.date(), at))
    return visits


@pytest.mark.parametrize("partitions", ["1", "4"])
@pytest.mark.parametrize("ladder", [False, True])
def test_every_alert_names_its_visit_and_its_return(tmp_path: Path, partitions: str, ladder: bool) -> None:
    purchases, *_ = Simulation(Cafe(customers=150, days=200, seed=4)).write(tmp_path)
    settings = tmp_path / "shop.toml"
    rungs = 'rungs = [{name = "remind"}, {name = "incentive", strictness = 0.3}]' if ladder else ""
    settings.write_text(f"[outreach]\n{rungs}\n")
    out = tmp_path / "out"

    done = CliRunner().invoke(
        app,
        [
            "--config",
            str(settings),
            "backtest",
            str(purchases),
            "--out",
            str(out),
            "--budget",
            "4",
            "--partitions",
            partitions,
        ],
    )

    assert done.exit_code == 0, done.output
    visits = visits_of(purchases)
    with (out / "alerts.csv").open() as stream:
        alerts = list(csv.DictReader(stream))
    returned = 0
    for alert in alerts:
        times = sorted(visits[alert["customer_id"]].values())
        since, fired = (datetime.fromisoformat(alert[name]) for name in ("quiet_since", "fired_at"))
        assert since in times
        after = times[bisect_right(times, since) :]
        assert since < fired
        if after:
            returned += 1
            assert fired < after[0]
            assert datetime.fromisoformat(alert["returned_at"]) == after[0]
        else:
            assert alert["returned_at"] == ""
    assert returned > 50
    assert len(alerts) - returned > 5


@pytest.mark.parametrize("partitions", [1, 3])
def test_alerts_are_the_same_whether_somebody_is_told_of_their_ends_or_not(tmp_path: Path, partitions: int) -> None:
    purchases, surveys, *_ = Simulation(Cafe(customers=150, days=200, seed=5)).write(tmp_path)
    ladder = [{"name": "remind"}, {"name": "incentive", "strictness": 0.3}]
    settings = Settings().changed(outreach={"consent": ConsentRule.EXTERNAL, "level": 4.0, "rungs": ladder})
    told: list[Decision] = []

    followed = backtest(settings, [purchases], [surveys], partitions=partitions, on_decision=told.append)
    alone = backtest(settings, [purchases], [surveys], partitions=partitions)

    assert Outcome.CONVERTED in {decision.outcome for decision in told}
    assert any(alert.returned_us for alert in alone.alerts)
    assert list(alone.alerts) == list(followed.alerts)
    assert alone.alerts.decided == sum(d.outcome not in {Outcome.CONVERTED, Outcome.CANCELLED} for d in told)
