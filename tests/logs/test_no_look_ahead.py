"""What an alert says was known when it fired: a history cut short gives the same alerts up to the cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.backtest.run import Result, backtest
from service.config import Settings
from service.domain.findings import Decision
from service.feed.simulate import Cafe, Simulation

CAFE = Cafe(customers=100, days=240, seed=4)
POLICIES: dict[str, dict[str, object]] = {
    "ladder": {"level": 2.0, "rungs": [{"name": "remind"}, {"name": "incentive", "strictness": 0.2}]},
    "volume": {"volume_per_100_visits": 5.0, "second_visit": True},
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    purchases, surveys, _ = Simulation(CAFE).write(tmp_path_factory.mktemp("cafe"))
    return purchases, surveys


def run(purchases: Path, surveys: Path, policy: str, partitions: int) -> tuple[Result, list[Decision]]:
    settings = Settings().changed(
        shop={"timezone": CAFE.zone.key}, outreach={"consent": "external", **POLICIES[policy]}
    )
    decisions: list[Decision] = []
    return backtest(settings, [purchases], [surveys], partitions=partitions, on_decision=decisions.append), decisions


def up_to(decisions: list[Decision], at_us: int) -> list[Decision]:
    return [decision for decision in decisions if decision.decided_us < at_us]


def cut(file: Path, to: Path, before: str) -> Path:
    """The rows whose time, written in ISO 8601 and in one offset, lies before the instant."""
    heading, *rows = file.read_text(encoding="utf-8").splitlines(keepends=True)
    column = heading.rstrip("\n").split(",").index("timestamp")
    to.write_text(
        heading + "".join(row for row in rows if row.split(",")[column] < before), encoding="utf-8", newline=""
    )
    return to


@pytest.mark.parametrize(("policy", "partitions"), [("ladder", 1), ("volume", 1), ("ladder", 3)])
def test_cutting_a_history_leaves_every_alert_before_the_cut_and_its_numbers_as_they_were(
    files: tuple[Path, Path], tmp_path: Path, policy: str, partitions: int
) -> None:
    purchases, surveys = files
    whole, of_whole = run(purchases, surveys, policy, partitions)

    short, of_short = run(
        cut(purchases, tmp_path / "purchases.csv", "2025-07-01"),
        cut(surveys, tmp_path / "surveys.csv", "2025-07-01"),
        policy,
        partitions,
    )

    assert short.events < 0.8 * whole.events
    reached_us = min(engine.now_us for engine in short.engines)
    assert up_to(of_short, reached_us) == up_to(of_whole, reached_us)
    assert len(up_to(of_short, reached_us)) > 10
    assert max(decision.decided_us for decision in of_short) <= short.last_us
