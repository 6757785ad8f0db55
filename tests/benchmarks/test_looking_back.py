"""How fast a backtest is, and what it holds in memory, on a made-up file of a million purchases and on real logs.

BENCHMARK_BACKTEST_ROWS sets another size (ten million take five minutes). Real logs are read from the directory named
by CHURN_ALERT_TEST_LOGS. The figures of one log are those of one process; nothing is averaged. The speed asked for is
printed with what was reached; the test holds it to `LEAST_RATE`.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.domain.events import Purchase
from tests.benchmarks.figures import Figures
from tests.benchmarks.growing_shop import GrowingShop
from tests.benchmarks.looking_back import Measured
from tests.support.installed import COMPILED, Build
from tests.support.real_logs import real_logs

ROWS = int(os.environ.get("BENCHMARK_BACKTEST_ROWS", "1000000"))
ASKED_RATE = 100_000
LEAST_RATE = 50_000
"""Purchases a second on one core, compiled: half of what a machine of 2025 does, so that a loss is seen and a busy
machine forgiven."""
MOST_MEMORY = 1024
"""Bytes a customer."""
ENOUGH_CUSTOMERS = 100_000
"""With fewer, what a process needs whatever its customers (caches of the reader, the visits that are judged) weighs
more than they."""

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]


def measure(build: Build, file: Path, figures: Figures) -> Measured:
    done = build.run_module("tests.benchmarks.looking_back", str(file.resolve()), timeout_s=3500)
    found = Measured(**json.loads(done.stdout.splitlines()[-1].removeprefix("RESULT ")))
    figures.tell(
        "looking-back",
        f"{file.name}: {found.rows:,} rows, {found.events:,} purchases of {found.customers:,} customers, {found.decisions:,} decisions;"
        f" engine {'compiled' if found.compiled else 'NOT COMPILED'}"
        f"\n  {found.rate():,.0f} purchases/s on one core ({ASKED_RATE:,} asked for), {1e6 * found.cpu_s / found.events:.1f} µs each"
        f"\n  {found.peak_bytes / found.customers:,.0f} bytes a customer at the peak, {found.peak_bytes / 1e6:,.0f} MB in all",
    )
    assert found.compiled == (build.engine == COMPILED)
    return found


@pytest.fixture(scope="module")
def large(build: Build, tmp_path_factory: pytest.TempPathFactory, figures: Figures) -> Measured:
    file = tmp_path_factory.mktemp("log") / "large.csv"
    written, shop = 0, GrowingShop(ROWS + ROWS // 40)  # some of its events are answers
    with file.open("w", encoding="utf-8") as out:
        out.write("customer_id,timestamp,amount\n")
        for event in shop.events():
            if isinstance(event, Purchase) and written < ROWS:
                when = datetime.fromtimestamp(event.at_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                out.write(f"{event.customer_id},{when},{event.amount_minor / 100:.2f}\n")
                written += 1
    assert written == ROWS
    return measure(build, file, figures)


def test_rows_are_read_at_a_steady_pace(large: Measured) -> None:
    assert large.rows == ROWS
    if not large.compiled:
        pytest.skip("the bar is the compiled engine's")
    assert large.rate() >= LEAST_RATE


def test_a_customer_takes_a_kibibyte_at_most(large: Measured) -> None:
    if not large.compiled:
        pytest.skip("the bar is the compiled engine's: pure Python keeps every number as an object of its own")
    if large.customers < ENOUGH_CUSTOMERS:
        pytest.skip("too few customers")
    assert large.peak_bytes <= MOST_MEMORY * large.customers


@pytest.mark.parametrize("file", real_logs(), ids=lambda path: path.name)
def test_real_logs_too(build: Build, file: Path, figures: Figures) -> None:
    found = measure(build, file, figures)
    assert found.rows > 0
    if found.compiled:
        assert found.rate() >= LEAST_RATE / 4  # a short log is mostly what is learned from everybody, week by week
