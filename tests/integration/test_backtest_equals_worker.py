"""A file through `churn-alert backtest` and through Kafka and the worker: the same periods.csv and the same decision
ids, bit for bit."""

from __future__ import annotations

import csv
import random
import subprocess
import sys
import time
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.backtest.run import backtest
from service.cluster import topics
from service.cluster.tail import open_reader, partitions_of, records_until_now
from service.config import Settings
from service.domain.findings import Decision, Kind, Reason
from service.domain.periods.numbers import UNITS, Unit
from service.domain.periods.rows import CSV_COLUMNS, to_csv_cell
from service.feed.simulate import Cafe, Simulation
from tests.support.broker import TestBroker
from tests.support.load import settings_for
from tests.support.worker_process import ROOT, Positions, WorkerProcess, environment_of

pytestmark = [pytest.mark.broker]

PATIENCE_S = 180.0
EVERY_KIND = {
    "second_visit": True,
    "rungs": [{"name": "remind"}, {"name": "incentive", "strictness": 0.3, "offer": "TEN"}],
    "control_share": 0.2,
    "daily_limit": 6,
    "quiet_hours": "21:00-09:00",
    "messages_are_sent": True,
    **{
        name: {"enabled": True}
        for name in ("milestone", "follow_up", "feedback_request", "delight", "service_recovery")
    },
}
GATES = {Reason.CONTROL, Reason.FREQUENCY_CAP, Reason.QUIET_HOURS, Reason.DAILY_LIMIT, Reason.DUE}


def command(settings: Settings, *words: str | Path) -> None:
    """Runs `churn-alert …` as a user would; its output is the assertion's message."""
    done = subprocess.run(
        [sys.executable, "-m", "service.cli", *map(str, words)],
        env=environment_of(settings),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def read_committed(settings: Settings, topic: str) -> list[Any]:
    with open_reader(settings.kafka) as reader:
        return list(records_until_now(reader, partitions_of(reader, topic)))


def csv_cells(data: dict[str, Any]) -> list[str]:
    """The row of periods.csv that a record's data stands for (`to_csv_row` of the original row)."""
    return [to_csv_cell(as_made(column, data[column])) for column in CSV_COLUMNS]


def as_made(column: str, value: Any) -> Any:
    return Decimal(value) if value is not None and UNITS.get(column) is Unit.MONEY else value


def published_periods(settings: Settings) -> set[tuple[str, ...]]:
    """The newest record of each period as rows of periods.csv; what messages brought is told there as well."""
    newest = {record.key: record.value for record in read_committed(settings, settings.kafka.topics.period_metrics)}
    told = [msgspec.json.decode(value)["data"] for value in newest.values()]
    return {tuple(csv_cells(data)) for data in told if "granularity" in data}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    purchases, surveys, _ = Simulation(Cafe(customers=300, days=240, seed=11)).write(tmp_path_factory.mktemp("log"))
    return purchases, surveys


@pytest.mark.parametrize(
    ("partitions", "workers", "kills", "outreach"),
    [(1, 1, 0, EVERY_KIND), (4, 1, 3, {"volume_per_day": 2.0}), (4, 2, 3, {"volume_per_100_visits": 5.0})],
)
def test_periods_and_decision_ids_are_the_same(
    broker: TestBroker,
    topic_prefix: str,
    tmp_path: Path,
    files: tuple[Path, Path],
    partitions: int,
    workers: int,
    kills: int,
    outreach: dict[str, Any],
) -> None:
    purchases, surveys = files
    settings = settings_for(broker.bootstrap_servers, topic_prefix, outreach=outreach)
    topics.create(settings, partitions=partitions)
    command(settings, "backtest", purchases, "--surveys", surveys, "--out", tmp_path, "--partitions", str(partitions))
    command(settings, "replay", purchases, "--surveys", surveys)

    with ExitStack() as stack:
        running = [stack.enter_context(WorkerProcess(settings, f"w{number}")) for number in range(workers)]
        with Positions(settings, partitions) as positions:
            lots = random.Random(3)
            for _ in range(kills):
                victim = lots.choice(running)
                victim.wait_assigned()
                time.sleep(lots.uniform(0.0, 0.8))  # recovering, or in the middle of the log
                victim.end()
                victim.start()
            positions.wait_caught_up(workers=running)
        with (tmp_path / "periods.csv").open(newline="") as stream:
            wanted = {tuple(row) for row in list(csv.reader(stream))[1:]}
        deadline = time.monotonic() + PATIENCE_S
        while (found := published_periods(settings)) != wanted and time.monotonic() < deadline:
            time.sleep(0.5)

    assert found == wanted
    assert len(wanted) > 900
    decided = read_committed(settings, settings.kafka.topics.outreach_decisions)
    told = [msgspec.json.decode(record.value) for record in decided]
    ids = sorted((record["id"], record["data"]["reason"]) for record in told)
    expected: list[Decision] = []
    backtest(settings, [purchases], [surveys], partitions=partitions, on_decision=expected.append)
    assert ids == sorted((f"{made.decision_id}.{made.outcome.value}", made.reason.value) for made in expected)
    assert any(made.reason is Reason.VOLUME for made in expected)  # not chosen, or not worth it where nothing is set
    if outreach is EVERY_KIND:
        assert {made.kind for made in expected} == set(Kind)
        assert {made.reason for made in expected} >= GATES
    assert len(ids) > 100
