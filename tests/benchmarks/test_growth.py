"""The cost of an event does not grow with a shop of ten million events and a million customers; nor does a customer
weigh too much.

The bars are meant for the compiled engine, which is that of the installed package; all times are processor time.
BENCHMARK_GROWTH_EVENTS sets another size (a tenth as many customers; below a million events what a turn needs weighs
more than the customers do).
"""

from __future__ import annotations

import json
import os

import pytest

from tests.benchmarks.figures import Figures
from tests.benchmarks.growth import Measured, Stretch
from tests.support.installed import COMPILED, Build

EVENTS = int(os.environ.get("BENCHMARK_GROWTH_EVENTS", "10000000"))
LEAST_OF_EARLY_RATE = 0.8
MOST_MEMORY = 1024
MOST_CHANGELOG = 400
MOST_TICK_US = 50.0
LEAST_RESTORED_PER_S = 50_000
MOST_DIFFERENCE = 0.02
"""Of the shares of first visits: else the two stretches are not the same kind of work."""

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def measured(build: Build, figures: Figures) -> Measured:
    """In a process of its own: its memory is the engine's."""
    done = build.run_module("tests.benchmarks.growth", str(EVENTS), timeout_s=3500)
    fields = json.loads(done.stdout.splitlines()[-1].removeprefix("RESULT "))
    for name in ("early", "late", "whole"):
        fields[name] = Stretch(**fields[name])
    found = Measured(**fields)
    figures.tell("growth", table(found))
    assert found.compiled == (build.engine == COMPILED)
    return found


def table(found: Measured) -> str:
    """Everything that was measured, a figure a line."""
    n = found.customers
    engine = "compiled" if found.compiled else "NOT COMPILED"
    lines = [
        f"{found.events:,} events of {n:,} customers in {found.days} days, engine {engine}",
        f"  {'':22}{'events/s':>10}{'µs CPU':>10}{'apply':>8}{'drain':>8}{'+ rows':>8}{'first visits':>14}{'touched':>9}{'outputs':>9}",
    ]
    for name, stretch in (("early (2–5 %)", found.early), ("late (97–100 %)", found.late), ("whole", found.whole)):
        each = 1e6 / stretch.events
        spent = stretch.apply_s + stretch.drain_s
        lines.append(
            f"  {name:22}{stretch.rate():>10,.0f}{each * spent:>10.2f}{each * stretch.apply_s:>8.2f}"
            f"{each * stretch.drain_s:>8.2f}{each * stretch.rows_s:>8.2f}{stretch.first_visits / stretch.events:>14.1%}"
            f"{stretch.touched / stretch.events:>9.2f}{stretch.outputs / stretch.events:>9.2f}"
        )
    restored = n / found.restore_s
    lines += [
        f"  fits                   {found.fits} of the churn model, {1e3 * found.fit_s / max(1, found.fits):.0f} ms each (their turns count in the whole only)",
        f"  late / early           {found.late.rate() / found.early.rate():.2f} (at least {LEAST_OF_EARLY_RATE})",
        f"  memory                 {found.memory / n:,.0f} bytes a customer (at most {MOST_MEMORY:,}), {found.memory / 1e6:,.0f} MB in all",
        f"    of which             {_parts(found.parts)}",
        f"  changelog              {found.changelog / n:,.0f} bytes a customer (at most {MOST_CHANGELOG}), {found.changelog / 1e6:,.0f} MB in all",
        f"    of which             {_parts(found.changelog_parts)}",
        f"  ledger                 {found.ledger / 1e6:.2f} MB, {found.ledger / found.days:,.0f} bytes a day",
        f"  dates waiting          {found.dates_waiting / n:.2f} a customer",
        f"  tick with nothing due  {found.idle_tick_us:.1f} µs (at most {MOST_TICK_US:g})",
        f"  restart                {1e6 / restored:.1f} µs a customer, {restored:,.0f} customers/s (at least {LEAST_RESTORED_PER_S:,})",
    ]
    return "\n".join(lines)


def _parts(parts: dict[str, float], most: int = 8) -> str:
    ranked = sorted(parts.items(), key=lambda part: -part[1])
    rest = sum(size for _, size in ranked[most:])
    return ", ".join(
        [*(f"{name} {size:.0f}" for name, size in ranked[:most]), *([f"others {rest:.0f}"] if rest else [])]
    )


def test_the_late_events_are_of_the_same_kind_as_the_early_ones(measured: Measured) -> None:
    early, late = (stretch.first_visits / stretch.events for stretch in (measured.early, measured.late))
    assert abs(early - late) <= MOST_DIFFERENCE


def test_an_event_costs_no_more_after_ten_million_events(measured: Measured) -> None:
    assert measured.late.rate() >= LEAST_OF_EARLY_RATE * measured.early.rate()


def test_a_customer_takes_a_kibibyte_of_memory_at_most(measured: Measured) -> None:
    if not measured.compiled:
        pytest.skip("the bar is the compiled engine's: pure Python keeps every number as an object of its own")
    assert measured.memory <= MOST_MEMORY * measured.customers


def test_a_customer_takes_400_bytes_of_changelog_at_most(measured: Measured) -> None:
    assert measured.changelog <= MOST_CHANGELOG * measured.customers


def test_a_tick_with_nothing_due_costs_microseconds(measured: Measured) -> None:
    assert measured.idle_tick_us <= MOST_TICK_US


def test_a_restart_reads_its_customers_quickly(measured: Measured) -> None:
    assert measured.customers >= LEAST_RESTORED_PER_S * measured.restore_s
